"""URLs of clients: which are taken, and what becomes of the placeholders in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hyperlink import EncodedURL
from hypothesis import given
from hypothesis import strategies as st

from smsd.services.numbers import INBOX, PUSH
from smsd.services.push_urls import MOST, NAMES, checked, expanded, form_of, has_placeholders, push_of
from smsd.store.pushes import Form, Kind
from smsd.store.received import Received, State
from smsd.store.settings import Number
from tests.services.received import NUMBER, original
from tests.stores import NOON

URL = "https://client.example/sms"


def received(text: str = "Hello", **fields: Any) -> Received:
    """Return a message as its number's owner gets it."""
    return Received(
        4711,
        1,
        1,
        State.PUSH,
        "41793026727",
        NUMBER,
        "",
        text,
        1,
        NOON + 0.25,
        None,
        original(text, **fields),
    )


def number(url: str, method: str = "GET", delivery: str = PUSH) -> Number:
    return Number(1, NUMBER, "", 1, delivery, url, method)


def query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


@given(st.text() | st.text("htps:/?#[]@%&=.09aAf", max_size=40).map("http://".__add__))
def test_whatever_it_is_a_url_is_taken_or_refused(url: str) -> None:
    try:
        taken = checked(url)
    except ValueError:
        return
    assert checked(taken) == taken
    EncodedURL.from_text(taken).to_uri().to_text().encode("ascii")  # As the client of HTTP does.


@pytest.mark.parametrize(
    "url",
    [
        "http://client.example",
        "HTTPS://Client.Example:8443/a;b/c?x=%zz&y=a+b",
        "http://name:p%40ss@192.0.2.1/",
        "http://[2001:db8::1]:8080/?",
        "http://under_score.example./",
        "http://h/" + "x" * (MOST - 9),
    ],
)
def test_such_urls_are_taken_as_they_are(url: str) -> None:
    assert checked(url) == url


def test_what_is_behind_a_hash_stays_with_us() -> None:
    assert checked("http://h/a?b#c") == "http://h/a?b"


@pytest.mark.parametrize(
    "url",
    [
        "http://%sender%.example/",
        "http://client.example:%text%/",
        "http://a..b/",
        "http://me@you@h/",
        "http://%41/",
        "http://a,b/",
        "http://[v1.x]/",
        "http://h/\n",
    ],
)
def test_such_hosts_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="Expected an http or https URL"):
        checked(url)


def test_the_example_of_the_specification() -> None:
    form, url = form_of("GET", "https://some.server.com/incoming_sms.php?who=%sender%&what=%text%&output=xml")
    assert form == Form.GET
    message = received("ABC")
    assert expanded(url, message) == "https://some.server.com/incoming_sms.php?who=41793026727&what=ABC"
    url = "https://some.server.com/incoming_sms.php?who=%sender%&what=%bin%"
    assert expanded(url, message) == "https://some.server.com/incoming_sms.php?who=41793026727&what=414243"


def test_every_placeholder() -> None:
    url = URL + "?" + "&".join(f"{name}=%{name}%" for name in NAMES if name != "bin")
    assert dict(query(expanded(url, received("50% & more", esm_class=4)))) == {
        "sender": "41793026727",
        "receiver": NUMBER,
        "text": "50% & more",
        "datetime": "2027-01-15T08:00:00.250+0000",
        "messageid": "4711",
        "datacoding": "0",
        "esmclass": "4",
    }
    assert datetime.fromtimestamp(NOON, UTC).isoformat() == "2027-01-15T08:00:00+00:00"


def test_a_sender_that_is_no_number_and_names_in_capitals() -> None:
    message = received()
    message.source = "+Bücher & Co"
    assert expanded(f"{URL}/%SENDER%?x=%Text%", message) == f"{URL}/B%C3%BCcher%20%26%20Co?x=Hello"


@pytest.mark.parametrize(
    ("text", "wanted", "sent"),
    [
        ("ABC", "t=%text%&b=%bin%", [("t", "ABC"), ("b", "")]),
        ("ABC", "b=%bin%&t=%text%", [("b", ""), ("t", "ABC")]),
        ("ć", "t=%text%&b=%bin%", [("t", ""), ("b", "0107")]),
        ("ć", "t=%text%", [("t", "ć")]),
        ("ABC", "b=%bin%", [("b", "414243")]),
        ("ć", "b=%bin%", [("b", "0107")]),
        ("ABC", "t=%text%&t=%TEXT%", [("t", "ABC"), ("t", "ABC")]),
    ],
)
def test_text_and_octets(text: str, wanted: str, sent: list[tuple[str, str]]) -> None:
    assert query(expanded(f"{URL}?{wanted}", received(text))) == sent


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(TEXTS, TEXTS, st.lists(st.sampled_from(NAMES), min_size=1, max_size=8), st.data())
def test_values_come_back_as_they_were(text: str, source: str, names: list[str], data: st.DataObject) -> None:
    message = received(text)
    message.source = source
    fields = [f"{position}=%{name}%" for position, name in enumerate(names)]
    url = expanded(f"{URL}?{'&'.join(fields)}", message)
    assert len(url) > MOST or checked(url) == url
    got = [value for _, value in query(url)]
    both = {"text", "bin"} <= set(names)
    for name, value in zip(names, got, strict=True):
        if name == "sender":
            assert value == source.removeprefix("+")
        elif name == "text" and not (both and message.original.data_coding):
            assert value == text
    assert EncodedURL.from_text(url).to_uri().to_text() == url


@given(st.lists(st.sampled_from(["a=1", "output=xml", "OUTPUT=json", "b=%text%", "output=x", "xoutput=xml"])))
def test_output_is_not_forwarded_and_all_else_is(fields: list[str]) -> None:
    left = [field for field in fields if field.lower() not in ("output=xml", "output=json")]
    form, url = form_of("POST", f"{URL}?{'&'.join(fields)}")
    if left or not fields:
        assert url == f"{URL}?{'&'.join(left)}"
    else:
        assert url == URL
    outputs = [field.lower() for field in fields if field not in left]
    expected = {"output=xml": Form.XML, "output=json": Form.JSON}
    assert form == (expected[outputs[0]] if outputs else Form.POST)
    assert form_of("GET", f"{URL}?{'&'.join(fields)}") == (Form.GET, url)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("?output=xml", ""),
        ("?a=?&output=xml", "?a=?"),
        ("?output=xml&a=b&", "?a=b&"),
        ("?a=output=xml", None),
    ],
)
def test_where_output_stands_does_not_matter(url: str, plain: str | None) -> None:
    assert form_of("GET", URL + url) == (Form.GET, URL + (url if plain is None else plain))


def test_a_push_is_made_for_a_number_whose_delivery_is_push_alone() -> None:
    message = received()
    push = push_of(message, number(f"{URL}?x=%text%&output=json", "POST"))
    assert push is not None
    assert (push.id, push.kind, push.form, push.url) == (4711, Kind.RECEIVED, Form.JSON, f"{URL}?x=%text%")
    assert (push.due_at, push.item) == (message.received_at, message)
    assert push_of(message, number(URL, delivery=INBOX)) is None


def test_a_url_differs_from_message_to_message_or_not() -> None:
    assert has_placeholders(f"{URL}?x=%MessageId%")
    assert not has_placeholders(f"{URL}?x=%20sender%20")
    assert quote("%sender%") == "%25sender%25"

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsd.sms.alphabet import GSM
from smsd.sms.urls import ALPHABET, LENGTH, cut, token, token_length

hosts = st.sampled_from(
    ["a.example", "www.example.com", "localhost", "192.0.2.1", "[2001:db8::1]", "x-y.example"]
)
urls = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP", "HttpS"]),
    hosts,
    st.sampled_from(["", ":80", ":65535"]),
    st.sampled_from(
        ["", "/", "/a/b", "/a?q=1&r=a,b", "?q=(1)", "/x_(y)", "/a#top", "/%C3%BC;v=1.2", "/a=b/"]
    ),
)
between = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/:"), max_size=30)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "See http://www.example.com/awesomeApp/someUserId",
            ["http://www.example.com/awesomeApp/someUserId"],
        ),
        ("http://a.example. And https://b.example!", ["http://a.example", "https://b.example"]),
        ("(http://a.example/wiki/Link_(unit)).", ["http://a.example/wiki/Link_(unit)"]),
        ("[http://a.example/]; <https://b.example/x>", ["http://a.example/", "https://b.example/x"]),
        ("\"http://a.example/x\", 'http://b.example/y'", ["http://a.example/x", "http://b.example/y"]),
        ("http://a.example:8080/?q=1&r=2#x?", ["http://a.example:8080/?q=1&r=2#x"]),
        ("http://me:pw@a.example/", ["http://me:pw@a.example/"]),
        ("http://a.example/?to=http://b.example/", ["http://a.example/?to=http://b.example/"]),
        ("two\nlines\nhttp://a.example/\nmore", ["http://a.example/"]),
        (
            "看（http://a.example/路）。http://b.example/好，是",
            ["http://a.example/%E8%B7%AF", "http://b.example/%E5%A5%BD"],
        ),
        (
            "http://münchen.example/Straße?x=ü#ß",
            ["http://xn--mnchen-3ya.example/Stra%C3%9Fe?x=%C3%BC#%C3%9F"],
        ),
        ("no URL, http://, http:///x, http://?x, ftp://a.example/, www.example.com", []),
        ("xhttp://a.example/ my-http://a.example/", []),
        ("http://a..example/ http://a.example:0/ http://a.example:65536/ http://a_.example/", []),
        ("http://xn--a.example/ü http://[::1/", []),
        ("http://a.example/\rx", ["http://a.example/"]),
    ],
)
def test_urls_are_found_without_what_is_around_them(text: str, found: list[str]) -> None:
    assert list(cut(text).urls) == found


@given(st.text() | st.lists(between | urls).map(" ".join))
@example("http://a.example/" + ")" * 1000)
def test_a_text_loses_nothing_but_its_urls(text: str) -> None:
    pieces = cut(text)
    assert len(pieces.around) == len(pieces.urls) + 1
    marked = pieces.filled(["\0"] * len(pieces.urls))
    pattern = "https?://.+?".join(re.escape(piece) for piece in pieces.around)
    assert re.fullmatch(pattern, text, re.DOTALL | re.IGNORECASE)
    assert marked.count("\0") == text.count("\0") + len(pieces.urls)


@given(st.text(max_size=50) | st.lists(between | urls).map(" ".join))
def test_what_is_found_can_stand_in_a_header_and_leads_to_a_host(text: str) -> None:
    for url in cut(text).urls:
        assert re.fullmatch(r"[!-~]+", url)
        parts = urlsplit(url)
        assert parts.scheme in ("http", "https")
        assert parts.hostname


@given(before=between, url=urls, after=between)
def test_a_url_between_blanks_is_found_as_it_is(before: str, url: str, after: str) -> None:
    assert url in cut(f"{before} {url} {after}").urls


@given(st.lists(urls, max_size=5), st.lists(urls, max_size=5))
def test_links_take_the_places_of_urls(found: list[str], links: list[str]) -> None:
    pieces = cut(" and ".join(found))
    if len(links) == len(found):
        assert pieces.filled(links) == " and ".join(links)
    else:
        with pytest.raises(ValueError, match="zip"):
            pieces.filled(links)


def test_a_text_full_of_brackets_takes_no_long_time() -> None:
    assert cut("http://a.example/" + "(" * 10 + ")" * 200_000).urls == (
        "http://a.example/" + "(" * 10 + ")" * 10,
    )


@pytest.mark.parametrize(
    ("base", "length"),
    [
        ("https://s.test/", 10),
        ("http://a.b/", 10),
        ("http://sms.example/", None),
        ("http://s.example/", 8),
        ("http://s.test:80/", 8),
    ],
)
def test_a_domain_leaves_room_for_a_token_or_is_refused(base: str, length: int | None) -> None:
    if length is None:
        with pytest.raises(ValueError, match=r"at most 17 characters.*has 19"):
            token_length(base)
    else:
        assert token_length(base) == length
        assert len(base) + length <= LENGTH


@pytest.mark.parametrize(
    "base",
    [
        "s.test",
        "ftp://s.test/",
        "https://s.test",
        "https://s.test/x",
        "https://s.test/?",
        "https://ü.test/",
        "https:///",
        "https://s.test/\n",
        "https://s[1]/",
    ],
)
def test_what_is_no_domain_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match=r"such as https://s\.test/"):
        token_length(base)


@given(st.integers(0, 2**128), st.integers(8, 10))
def test_a_token_has_a_number_s_last_digits(number: int, length: int) -> None:
    made = token(number, length)
    assert len(made) == length
    assert sum(ALPHABET.index(digit) * 62**place for place, digit in enumerate(made)) == number % 62**length


def test_a_token_is_written_in_one_septet_a_character_and_could_begin_or_end_a_word() -> None:
    septets = GSM.encode(ALPHABET)
    assert septets is not None
    assert len(septets) == len(ALPHABET) == len(set(ALPHABET)) == 62
    assert ALPHABET.isalnum()
    assert ALPHABET.isascii()

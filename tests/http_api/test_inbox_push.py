"""Received messages that are pushed to their number's URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import pytest

from smsd.smpp.pdu import DeliverSm
from tests.http_api.client import Client
from tests.http_api.receiver import Receiver
from tests.peers import Stack, result

NUMBER = "385911234"
FROM = "41793026727"
ALL = "?s=%sender%&r=%receiver%&t=%text%&m=%messageid%&d=%datetime%&c=%datacoding%&e=%esmclass%"


@pytest.fixture
def web(stack: Stack) -> Receiver:
    return Receiver(stack.network)


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack)


def pushes_to(stack: Stack, url: str, method: str = "GET", keyword: str = "") -> None:
    """Let what is sent to the number be pushed to a URL."""
    result(stack.administration.add_number(NUMBER, "acme", keyword, "push", url, method))
    stack.wait(1)


def arrives(stack: Stack, text: bytes = b"Hello & goodbye", **fields: Any) -> int:
    """Let a subscriber's message come from the operator; return how that is answered."""
    given = {"source_addr": b"+" + FROM.encode(), "destination_addr": NUMBER.encode(), "short_message": text}
    number = stack.smsc.link.send(DeliverSm(**(given | fields)))
    stack.settle()
    answer = stack.smsc.link.answer_to(number)
    assert answer is not None
    return answer.command_status


def inbox(client: Client) -> list[Any]:
    return list(client.request("GET", "/sms/1/inbox/reports").json["results"])


def test_by_get_all_is_in_the_url(stack: Stack, client: Client, web: Receiver) -> None:
    pushes_to(stack, web.url("/sms" + ALL + "&output=xml"))
    assert arrives(stack) == 0
    (got,) = web.got
    assert (got.method, got.path, got.body) == ("GET", "/sms", b"")
    assert "output" not in got.target
    assert "t=Hello%20%26%20goodbye&" in got.target
    found = dict(got.query)
    assert found.pop("m").isdigit()
    assert found.pop("d").startswith("2026-01-02T03:04:0")
    assert found == {"s": FROM, "r": NUMBER, "t": "Hello & goodbye", "c": "0", "e": "0"}
    assert inbox(client) == []
    stack.wait(100)
    assert len(web.got) == 1


def test_the_url_is_sent_as_it_was_given(stack: Stack, web: Receiver) -> None:
    path = "/a%2Fb/%sender%;v=1?x=%zz&plus=a+b&y=%C3%A4&empty=&t=%text%"
    pushes_to(stack, web.url(path))
    arrives(stack, "Ära".encode("utf-16-be"), data_coding=8)
    (got,) = web.got
    assert got.target == path.replace("%sender%", FROM).replace("%text%", "%C3%84ra")


def test_by_post_it_is_a_form(stack: Stack, web: Receiver) -> None:
    pushes_to(stack, web.url("/sms/%receiver%?t=%text%&b=%bin%&fixed=1"), "POST")
    arrives(stack)
    arrives(stack, b"\x01\x07", data_coding=8)
    first, second = web.got
    assert (first.method, first.target) == ("POST", f"/sms/{NUMBER}")
    assert first.headers["content-type"] == "application/x-www-form-urlencoded"
    forms = [parse_qsl(got.body.decode(), keep_blank_values=True) for got in (first, second)]
    assert forms == [
        [("t", "Hello & goodbye"), ("b", ""), ("fixed", "1")],
        [("t", ""), ("b", "0107"), ("fixed", "1")],
    ]


def test_by_post_it_is_json_as_it_would_be_fetched(stack: Stack, client: Client, web: Receiver) -> None:
    pushes_to(stack, web.url("/sms?key=1&output=json"), "POST", "join")
    result(stack.administration.add_number(NUMBER, "acme"))
    stack.wait(1)
    arrives(stack, b"Join the club")
    arrives(stack, b"the club")
    (got,) = web.got
    assert (got.method, got.target) == ("POST", "/sms?key=1")
    assert got.headers["content-type"] == "application/json;charset=UTF-8"
    (pushed,), (fetched,) = got.results, inbox(client)
    assert pushed.keys() == fetched.keys()
    for own in ("messageId", "receivedAt"):
        assert pushed.pop(own)
    assert pushed == {
        "from": FROM,
        "to": NUMBER,
        "text": "Join the club",
        "cleanText": "the club",
        "keyword": "JOIN",
        "smsCount": 1,
    }


def test_by_post_it_is_xml(stack: Stack, web: Receiver) -> None:
    pushes_to(stack, web.url("/sms?output=xml"), "POST")
    arrives(stack, b"<&>")
    (got,) = web.got
    assert got.target == "/sms"
    assert got.headers["content-type"] == "application/xml;charset=UTF-8"
    found = ElementTree.fromstring(got.body)
    assert (found.tag, found.findtext("results/result/text")) == ("MOReportResponse", "<&>")


def test_a_long_message_is_pushed_as_one(stack: Stack, web: Receiver) -> None:
    pushes_to(stack, web.url("/sms?t=%text%&b=%bin%&e=%esmclass%"))
    arrives(stack, b"\x05\x00\x03\x07\x02\x02 and the second", esm_class=0x40)
    assert web.got == []
    arrives(stack, b"\x05\x00\x03\x07\x02\x01The first part", esm_class=0x40)
    assert [got.query for got in web.got] == [[("t", "The first part and the second"), ("b", ""), ("e", "0")]]


def test_several_that_are_due_share_a_body_but_no_url_with_placeholders(stack: Stack, web: Receiver) -> None:
    pushes_to(stack, web.url("/json?output=json"), "POST", "json")
    pushes_to(stack, web.url("/get?t=%text%"), "GET", "get")
    web.answers = {"/json": 500, "/get": 500}
    texts = [b"json 1", b"json 2", b"json 3", b"get 1", b"get 2"]
    for text in texts:
        arrives(stack, text)
    web.got.clear()
    web.answers.clear()
    stack.wait(63)
    assert sorted(one["text"] for got in web.of("/json") for one in got.results) == [
        "json 1",
        "json 2",
        "json 3",
    ]
    assert len(web.of("/json")) < 3
    assert sorted(got.query for got in web.of("/get")) == [[("t", "get 1")], [("t", "get 2")]]


def test_what_waits_to_be_pushed_again_may_be_fetched_instead(
    stack: Stack, client: Client, web: Receiver
) -> None:
    pushes_to(stack, web.url("/sms?t=%text%"))
    web.answers["/sms"] = None
    arrives(stack)
    assert inbox(client) == []  # It is being pushed.
    stack.wait(21)
    (message,) = inbox(client)
    assert message["text"] == "Hello & goodbye"
    assert inbox(client) == []
    web.answers.clear()
    stack.wait(200)
    assert len(web.got) == 1


def test_after_the_last_retry_it_is_in_the_inbox(stack: Stack, client: Client, web: Receiver) -> None:
    pushes_to(stack, web.url("/sms?t=%text%"))
    web.answers["/sms"] = 404
    arrives(stack)
    stack.network.wait(43 * 3600, step=60)
    assert len(web.got) == 21
    assert [one["text"] for one in inbox(client)] == ["Hello & goodbye"]
    stack.network.wait(10 * 3600, step=600)
    assert len(web.got) == 21


def test_a_changed_url_counts_for_what_comes_later(stack: Stack, web: Receiver) -> None:
    pushes_to(stack, web.url("/old?t=%text%"))
    arrives(stack)
    result(stack.administration.change_number(NUMBER, url=web.url("/new?t=%text%")))
    stack.wait(1)
    arrives(stack)
    assert [got.path for got in web.got] == ["/old", "/new"]

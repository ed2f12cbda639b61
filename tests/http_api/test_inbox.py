"""Received messages, fetched over HTTP."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from smsd.smpp.pdu import DeliverSm
from tests.http_api.client import Client, basic
from tests.peers import Stack, result

NUMBER = "385911234"
FROM = "41793026727"


@pytest.fixture
def client(stack: Stack) -> Client:
    result(stack.administration.add_number(NUMBER, "acme", "join", "inbox"))
    result(stack.administration.add_number(NUMBER, "acme"))
    stack.wait(1)
    return Client(stack)


def arrives(client: Client, text: bytes, esm_class: int = 0) -> None:
    """Let a subscriber's message come from the operator."""
    pdu = DeliverSm(
        source_addr=FROM.encode(),
        destination_addr=NUMBER.encode(),
        esm_class=esm_class,
        short_message=text,
    )
    client.stack.smsc.link.send(pdu)
    client.stack.settle()


def test_a_received_message_is_given_once(client: Client) -> None:
    arrives(client, b"JOIN the club")
    (message,) = client.request("GET", "/sms/1/inbox/reports").json["results"]
    assert message.pop("messageId").isdigit()
    assert message == {
        "from": FROM,
        "to": NUMBER,
        "text": "JOIN the club",
        "cleanText": "the club",
        "keyword": "JOIN",
        "receivedAt": "2026-01-02T03:04:06.250+0000",
        "smsCount": 1,
    }
    assert client.request("GET", "/sms/1/inbox/reports").json == {"results": []}


def test_without_a_keyword_the_clean_text_is_the_text(client: Client) -> None:
    arrives(client, b"hello there")
    (message,) = client.request("GET", "/sms/1/inbox/reports?limit=1").json["results"]
    assert (message["keyword"], message["cleanText"]) == ("", "hello there")


def test_a_long_one_is_whole_and_counts_its_segments(client: Client) -> None:
    for number, text in ((2, b"later"), (1, b"sooner and ")):
        arrives(client, bytes((5, 0, 3, 9, 2, number)) + text, esm_class=0x40)
    (message,) = client.request("GET", "/sms/1/inbox/reports").json["results"]
    assert (message["text"], message["smsCount"]) == ("sooner and later", 2)


def test_the_inbox_in_xml_and_by_head(client: Client) -> None:
    arrives(client, b"hello")
    assert client.request("HEAD", "/sms/1/inbox/reports").code == 200
    answer = client.request("GET", "/sms/1/inbox/reports", headers={"Accept": "application/xml"})
    root = ElementTree.fromstring(answer.body)
    assert (root.tag, root.findtext("results/result/text")) == ("MOReportResponse", "hello")


def test_another_account_s_inbox_is_its_own(client: Client) -> None:
    client.stack.add_account("other")
    client.stack.wait(1)
    arrives(client, b"hello")
    other: dict[str, str | None] = {"Authorization": basic("other", "secret")}
    assert client.request("GET", "/sms/1/inbox/reports", headers=other).json == {"results": []}

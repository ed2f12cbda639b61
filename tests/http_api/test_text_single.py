from __future__ import annotations

import json
from typing import Any

import pytest

from smsd.http_api.site import Limits
from smsd.store.engine import StoreUnavailable
from tests.http_api.client import Client, octets
from tests.peers import Stack, result, submit_sm

ACCEPTED = {
    "groupId": 0,
    "groupName": "ACCEPTED",
    "id": 0,
    "name": "MESSAGE_ACCEPTED",
    "description": "Message accepted",
}
MISSING = {
    "groupId": 5,
    "groupName": "REJECTED",
    "id": 51,
    "name": "MISSING_TO",
    "description": "Missing destination.",
    "action": "Check to parameter.",
}
INVALID = MISSING | {
    "id": 52,
    "name": "REJECTED_DESTINATION",
    "description": "Invalid destination address.",
}


def test_one_destination(stack: Stack, client: Client) -> None:
    answer = client.send(from_="InfoSMS", to="41793026727", text="Test SMS.")
    assert answer.code == 200
    (message,) = answer.json["messages"]
    assert answer.json == {
        "messages": [
            {"to": "41793026727", "status": ACCEPTED, "smsCount": 1, "messageId": message["messageId"]}
        ]
    }
    assert list(message) == ["to", "status", "smsCount", "messageId"]
    assert list(message["status"]) == ["groupId", "groupName", "id", "name", "description"]
    assert message["messageId"].isdigit()
    assert stack.status(message["messageId"]) == (3, 0, 0, 2)
    (sent,) = stack.smsc.submits
    assert (sent.source_addr_ton, sent.source_addr_npi, sent.source_addr) == (5, 0, b"InfoSMS")
    assert (sent.dest_addr_ton, sent.dest_addr_npi, sent.destination_addr) == (1, 1, b"41793026727")
    assert (sent.data_coding, sent.short_message, sent.registered_delivery) == (0, b"Test SMS.", 1)


def test_a_destination_whose_prefix_is_no_countrys(stack: Stack, client: Client) -> None:
    (message,) = client.send(to="999911234567", text="x").json["messages"]
    assert list(message) == ["to", "status", "smsCount", "messageId"]
    assert message["status"] == {
        "groupId": 5,
        "groupName": "REJECTED",
        "id": 8,
        "name": "REJECTED_PREFIX_MISSING",
        "description": "Number prefix missing",
    }
    assert stack.status(message["messageId"])[:2] == (4, 8)


def test_a_list_of_one_is_one_destination(client: Client) -> None:
    assert list(client.send(to=["41793026727"], text="x").json) == ["messages"]


def test_several_destinations(stack: Stack, client: Client) -> None:
    numbers = ["41793026727", "+41793026731", "385911234567"]
    found = client.send(from_="InfoSMS", to=numbers, text="Test SMS.").json
    assert list(found) == ["bulkId", "messages"]
    assert [one["to"] for one in found["messages"]] == ["41793026727", "41793026731", "385911234567"]
    assert [one["status"]["id"] for one in found["messages"]] == [0, 0, 0]
    assert len({one["messageId"] for one in found["messages"]}) == 3
    assert stack.rows("SELECT DISTINCT bulk_id FROM message") == [(found["bulkId"],)]
    assert len(stack.smsc.submits) == 3


def test_the_same_destination_twice_gets_two_messages(stack: Stack, client: Client) -> None:
    client.send(to=["41793026727", "41793026727"], text="x")
    assert len(stack.smsc.submits) == 2


def test_bad_destinations_are_refused_each_and_the_others_are_sent(stack: Stack, client: Client) -> None:
    found = client.send(to=["", "41793026727", "Acme", "0791234567"], text="x").json["messages"]
    assert found[0] == {"to": "", "status": MISSING}
    assert found[1]["status"] == ACCEPTED
    assert found[2] == {"to": "Acme", "status": INVALID}
    assert found[3] == {"to": "0791234567", "status": INVALID}
    assert len(stack.smsc.submits) == 1
    assert stack.rows("SELECT count(*) FROM message") == [(1,)]


@pytest.mark.parametrize("body", [{}, {"to": ""}, {"to": None}, {"to": []}, {"text": "x"}])
def test_a_request_without_a_destination_misses_it(client: Client, body: dict[str, Any]) -> None:
    answer = client.send(**body)
    assert answer.code == 200
    assert answer.json == {"messages": [{"to": "", "status": MISSING}]}


@pytest.mark.parametrize("sender", [None, ""])
def test_a_sender_may_be_absent_or_empty(stack: Stack, client: Client, sender: str | None) -> None:
    assert client.send(from_=sender, to="41793026727", text="x").json["messages"][0]["status"] == ACCEPTED
    client.send(to="41793026727", text="x")
    assert [(one.source_addr_ton, one.source_addr) for one in stack.smsc.submits] == [(0, b"")] * 2


@pytest.mark.parametrize("sender", ["41793026700", "+41793026700", "12345"])
def test_a_numeric_sender_is_international(stack: Stack, client: Client, sender: str) -> None:
    client.send(from_=sender, to="41793026727", text="x")
    (sent,) = stack.smsc.submits
    assert (sent.source_addr_ton, sent.source_addr_npi) == (1, 1)


@pytest.mark.parametrize("sender", ["TwelveLetter", "1234567890123456", "Ćevapi"])
def test_a_bad_sender_is_refused_with_an_id_and_a_report(client: Client, sender: str) -> None:
    (message,) = client.send(from_=sender, to="41793026727", text="x").json["messages"]
    assert list(message) == ["to", "status", "smsCount", "messageId"]
    assert message["status"] == {
        "groupId": 5,
        "groupName": "REJECTED",
        "id": 11,
        "name": "REJECTED_SOURCE",
        "description": "Invalid Source address",
    }
    (report,) = client.reports()
    assert report["messageId"] == message["messageId"]
    assert report["status"]["id"] == 11
    assert report["sentAt"] == report["doneAt"]


def test_a_destination_without_a_route_is_refused_with_its_action(stack: Stack, client: Client) -> None:
    result(stack.administration.change_route(1, prefix="4"))
    stack.wait(0.4)
    (message,) = client.send(to="385911234567", text="x").json["messages"]
    assert message["smsCount"] == 1
    assert message["messageId"].isdigit()
    assert message["status"]["id"] == 19
    assert message["status"]["action"] == "Contact account manager"


def test_text_that_gsm_cannot_say_goes_as_ucs_2(stack: Stack, client: Client) -> None:
    client.send(to="41793026727", text="Привет 😀")
    (sent,) = stack.smsc.submits
    assert (sent.data_coding, sent.short_message) == (8, "Привет 😀".encode("utf-16-be"))


def test_gsm_letters_go_in_its_own_alphabet(stack: Stack, client: Client) -> None:
    client.send(to="41793026727", text="à@€")
    (sent,) = stack.smsc.submits
    assert (sent.data_coding, sent.short_message) == (0, b"\x7f\x00\x1be")


def test_a_long_text_says_how_many_segments_it_takes_and_is_one_message(stack: Stack, client: Client) -> None:
    (message,) = client.send(to="41793026727", text="x" * 161).json["messages"]
    assert message["smsCount"] == 2
    assert len(stack.smsc.submits) == 2
    for number in (1, 2):
        stack.smsc.receipt(number)
    (report,) = client.reports()
    assert report["smsCount"] == 2


def test_a_text_that_is_too_long_is_refused(stack: Stack) -> None:
    client = Client(stack)
    client.site.limits = Limits(1_000_000)
    (message,) = client.send(to="41793026727", text="x" * (153 * 255 + 1)).json["messages"]
    assert message["status"]["name"] == "REJECTED_MESSAGE_TOO_LONG"
    assert message["smsCount"] == 256
    (message,) = client.send(to="41793026727", text="x" * (153 * 255)).json["messages"]
    assert message["status"] == ACCEPTED


@pytest.mark.parametrize("text", [None, ""])
def test_a_text_may_be_absent(client: Client, text: str | None) -> None:
    assert client.send(to="41793026727", text=text).json["messages"][0]["status"] == ACCEPTED


def test_unknown_fields_are_ignored(client: Client) -> None:
    answer = client.send(to="41793026727", text="x", campaignId=None, data_coding=8, notify={"a": [1]})
    assert answer.json["messages"][0]["status"] == ACCEPTED


def test_put_does_as_post_does(client: Client) -> None:
    body = json.dumps({"to": "41793026727", "text": "x"}).encode()
    assert client.request("PUT", "/sms/1/text/single", body).code == 200


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_content_type_may_have_parameters_and_any_case(client: Client, content_type: str) -> None:
    body = json.dumps({"to": "41793026727", "text": "ž"}, ensure_ascii=False).encode()
    headers: dict[str, str | None] = {"Content-Type": content_type}
    assert client.request("POST", "/sms/1/text/single", body, headers).code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"to": 41793026727}', "to"),
        (b'{"to": {"to": "41793026727"}}', "to"),
        (b'{"to": [41793026727]}', "to[0]"),
        (b'{"to": ["41793026727", null]}', "to[1]"),
        (b'{"to": "41793026727", "text": 5}', "text"),
        (b'{"to": "41793026727", "from": false}', "from"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"null", "body"),
        (b"", "body"),
        (b"{", "body"),
        (b'{"to": "41793026727"} and more', "body"),
        (b'{"to": "\xff"}', "body"),
        (b'{"to": "\\ud800"}', "body"),
        (b"[" * 9000, "body"),
        (b'{"x": ' * 1600, "body"),
    ],
)
def test_a_body_that_is_not_understood_is_a_bad_request(
    stack: Stack, client: Client, body: bytes, field: str
) -> None:
    answer = client.request("POST", "/sms/1/text/single", body, {"Content-Type": "application/json"})
    code, word, text = answer.error
    assert (code, word) == (400, "BAD_REQUEST")
    assert text.startswith(f"[{field} : ")
    assert text.endswith("]")
    assert stack.smsc.submits == []


def test_a_thousand_destinations_are_the_most(stack: Stack) -> None:
    client = Client(stack)
    client.site.limits = Limits(100_000)
    answer = client.send(to=["41793026727"] * 1001, text="x")
    assert answer.error == (400, "BAD_REQUEST", "[to : Number of destinations is limited to 1000.]")
    assert stack.rows("SELECT count(*) FROM message") == [(0,)]
    assert len(client.send(to=["41793026727"] * 1000, text="x").json["messages"]) == 1000


def test_a_body_without_a_content_type_is_a_bad_request(client: Client) -> None:
    headers: dict[str, str | None] = {"Content-Type": None}
    code, word, text = client.request("POST", "/sms/1/text/single", b'{"to": "1"}', headers).error
    assert (code, word) == (400, "BAD_REQUEST")
    assert text.startswith("[Content-Type : ")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "x" * 5000])
def test_another_content_type_is_not_supported(client: Client, content_type: str) -> None:
    headers: dict[str, str | None] = {"Content-Type": content_type}
    code, word, text = client.request("POST", "/sms/1/text/single", b"to=1", headers).error
    assert (code, word) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert len(text) < 200


def test_the_answer_waits_until_all_messages_are_on_disk(stack: Stack, client: Client) -> None:
    stack.writer.hold()
    wire = client.connect()
    wire.transport.write(octets("POST", "/sms/1/text/single", b'{"to": ["41793026727", "41793026728"]}'))
    stack.wait(5)
    assert wire.said == b""
    stack.writer.let_go()
    stack.settle()
    assert wire.said.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_store_that_fails_is_busy(stack: Stack, client: Client) -> None:
    stack.writer.failing = StoreUnavailable("gone")
    for _ in range(2):
        answer = client.send(to=["41793026727", "41793026728"], text="x")
        assert answer.error[:2] == (503, "SERVICE_UNAVAILABLE")
        assert answer.headers["retry-after"] == "1"
    stack.writer.failing = None
    stack.wait(10)
    assert client.send(to="41793026727", text="x").code == 200
    assert len(stack.smsc.submits) == 1


def test_an_overload_is_busy_and_takes_nothing_of_the_request(stack: Stack) -> None:
    client = Client(stack)
    stack.core.journal._limit = 3
    stack.writer.hold()
    esme = stack.esme()
    esme.send(submit_sm())
    esme.send(submit_sm())
    stack.settle()
    answer = client.send(to=["41793026727"] * 2, text="x")
    assert answer.error[:2] == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    stack.writer.let_go()
    stack.settle()
    assert stack.rows("SELECT count(*) FROM message") == [(2,)]


def test_a_client_that_goes_before_the_answer_has_sent_all_the_same(stack: Stack, client: Client) -> None:
    stack.writer.hold()
    wire = client.connect()
    wire.transport.write(octets("POST", "/sms/1/text/single", b'{"to": "41793026727"}'))
    stack.settle()
    wire.transport.loseConnection()
    stack.settle()
    stack.writer.let_go()
    stack.settle()
    assert len(stack.smsc.submits) == 1

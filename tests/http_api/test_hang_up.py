"""A client that hangs up before its answer: what it has handed in is sent once, even if it asks again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smsd.store.engine import StoreUnavailable
from tests.http_api.client import Answer, Client, Wire, octets
from tests.peers import Stack

ADVANCED = "/sms/1/text/advanced"


def body(*ids: str) -> bytes:
    destinations = [{"to": "41793026727", "messageId": one} for one in ids]
    return json.dumps({"messages": [{"destinations": destinations, "text": "x"}]}).encode()


def begun(client: Client, *ids: str) -> Wire:
    """Return a connection whose request waits."""
    wire = client.connect()
    wire.transport.write(octets("POST", ADVANCED, body(*ids)))
    client.stack.settle()
    assert wire.said == b""
    return wire


def hang_up(stack: Stack, wire: Wire) -> None:
    wire.transport.loseConnection()
    stack.settle()
    assert not wire.open


def statuses(answer: Answer) -> list[Any]:
    assert answer.code == 200, answer.said
    return [message["status"]["name"] for message in answer.json["messages"]]


def test_ids_stay_claimed_until_the_disk_has_answered(stack: Stack, client: Client) -> None:
    stack.writer.hold()
    hang_up(stack, begun(client, "order-17", "order-18"))
    again = begun(client, "order-17", "order-19")
    stack.writer.let_go()
    stack.settle()
    assert statuses(Answer(again.said)) == ["REJECTED_DUPLICATE_MESSAGE_ID", "MESSAGE_ACCEPTED"]
    assert sorted(
        one for (one,) in stack.rows("SELECT client_id FROM message WHERE client_id IS NOT NULL")
    ) == [
        "order-17",
        "order-18",
        "order-19",
    ]
    assert len(stack.smsc.submits) == 3
    assert stack.core.client_ids._claimed == {}


def test_ids_are_given_back_if_the_disk_fails(stack: Stack, client: Client) -> None:
    client.request("GET", "/sms/1/reports")
    stack.writer.hold()
    hang_up(stack, begun(client, "order-17"))
    again = begun(client, "order-17")
    stack.writer.let_go(StoreUnavailable("gone"))
    stack.settle()
    assert Answer(again.said).code == 503
    assert stack.core.client_ids._claimed == {}
    stack.wait(5)
    assert statuses(client.request("POST", ADVANCED, body("order-17"))) == ["MESSAGE_ACCEPTED"]
    assert len(stack.smsc.submits) == 1


def test_who_hangs_up_while_ids_are_looked_up_leaves_them_free(stack: Stack, client: Client) -> None:
    client.request("GET", "/sms/1/reports")
    stack.reader.hold()
    hang_up(stack, begun(client, "order-17"))
    stack.reader.let_go()
    stack.settle()
    assert stack.core.client_ids._claimed == {}
    assert statuses(client.request("POST", ADVANCED, body("order-17"))) == ["MESSAGE_ACCEPTED"]
    assert len(stack.smsc.submits) == 1


def test_who_hangs_up_while_it_waits_for_another_s_ids_claims_none(stack: Stack, client: Client) -> None:
    stack.writer.hold()
    first = begun(client, "order-17")
    hang_up(stack, begun(client, "order-17", "order-18"))
    third = begun(client, "order-18")
    stack.writer.let_go()
    stack.settle()
    assert statuses(Answer(first.said)) == ["MESSAGE_ACCEPTED"]
    assert statuses(Answer(third.said)) == ["MESSAGE_ACCEPTED"]
    assert len(stack.smsc.submits) == 2
    assert stack.core.client_ids._claimed == {}


@pytest.mark.parametrize("ids", [(), ("order-17",)])
def test_what_was_handed_in_is_sent(stack: Stack, client: Client, ids: tuple[str, ...]) -> None:
    client.request("GET", "/sms/1/reports")
    stack.writer.hold()
    wire = client.connect()
    sent = body(*ids) if ids else b'{"messages": [{"destinations": [{"to": "41793026727"}]}]}'
    wire.transport.write(octets("POST", ADVANCED, sent))
    stack.settle()
    hang_up(stack, wire)
    stack.writer.let_go()
    stack.settle()
    assert len(stack.smsc.submits) == 1

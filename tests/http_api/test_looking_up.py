"""Messages whose destinations are looked up before they are routed, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smsd.numbering.context import Context
from smsd.services.homes import PATIENCE
from smsd.smpp.status import ESME_RSYSERR
from smsd.store.engine import StoreUnavailable
from tests.http_api.client import Answer, Client, Wire, basic, octets
from tests.peers import PASSWORD, Stack, result, submit_sm
from tests.services.back_end import BackEnd, asked_about_all

NUMBER, OTHER = "385915369421", "385915369422"
TELEMACH, A1 = Context(imsi="219020000000001"), Context(ported=False)
ADVANCED = "/sms/1/text/advanced"
KEY: dict[str, str | None] = {"Idempotency-Key": "one"}


@pytest.fixture
def back_end(stack: Stack) -> BackEnd:
    """Who is asked about the account's destinations."""
    back_end = BackEnd()
    asked_about_all(stack, back_end)
    result(stack.administration.change_account("acme", lookup_first=1, lookup_price="0.1"))
    stack.wait(1)
    return back_end


def body(*destinations: Any) -> bytes:
    listed = [{"to": one} if isinstance(one, str) else one for one in destinations]
    return json.dumps({"bulkId": "b", "messages": [{"destinations": listed, "text": "x"}]}).encode()


def begin(client: Client, *destinations: Any, headers: dict[str, str | None] | None = None) -> Wire:
    """Return a connection on which messages are handed in."""
    wire = client.connect()
    wire.transport.write(octets("POST", ADVANCED, body(*destinations), headers))
    client.stack.settle()
    return wire


def hang_up(stack: Stack, wire: Wire) -> None:
    assert wire.said == b""
    wire.transport.loseConnection()
    stack.settle()


def say(stack: Stack, back_end: BackEnd, number: str, answer: Context) -> None:
    back_end.say(answer, back_end.numbers.index(number))
    stack.settle()


def statuses(wire: Wire) -> list[str]:
    answer = Answer(wire.said)
    assert answer.code == 200, answer.said
    return [message["status"]["name"] for message in answer.json["messages"]]


def stored(stack: Stack) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in stack.rows("SELECT destination, network FROM message ORDER BY id")]


def test_a_request_waits_for_what_is_found_of_all_its_destinations(
    stack: Stack, client: Client, back_end: BackEnd
) -> None:
    wire = begin(client, NUMBER, "nonsense", OTHER, f"+{NUMBER}")
    say(stack, back_end, NUMBER, TELEMACH)
    assert wire.said == b""
    say(stack, back_end, OTHER, A1)
    assert statuses(wire) == ["MESSAGE_ACCEPTED", "REJECTED_DESTINATION", *["MESSAGE_ACCEPTED"] * 2]
    assert stored(stack) == [(NUMBER, "21902"), (OTHER, "21910"), (NUMBER, "21902")]
    assert len(back_end.numbers) == 2


def test_what_was_found_is_in_the_logs_of_messages_and_of_lookups(
    stack: Stack, client: Client, back_end: BackEnd
) -> None:
    begin(client, NUMBER)
    say(stack, back_end, NUMBER, TELEMACH)
    (message,) = client.request("GET", "/sms/1/logs").json["results"]
    (lookup,) = client.request("GET", "/number/1/logs").json["results"]
    assert message["mccmnc"] == lookup["mccMnc"] == "21902"
    assert (lookup["ported"], lookup["price"]) == (True, {"pricePerLookup": 0.1, "currency": "EUR"})


def test_without_answers_in_time_a_request_goes_on(stack: Stack, client: Client, back_end: BackEnd) -> None:
    wire = begin(client, NUMBER, OTHER)
    say(stack, back_end, NUMBER, TELEMACH)
    stack.wait(PATIENCE)
    assert statuses(wire) == ["MESSAGE_ACCEPTED"] * 2
    assert stored(stack) == [(NUMBER, "21902"), (OTHER, "21910")]


def test_a_thousand_destinations_are_looked_up_together(
    stack: Stack, client: Client, back_end: BackEnd
) -> None:
    numbers = [f"3859153{number:05}" for number in range(1000)]
    served = Client(stack, body=100_000)
    wire = begin(served, *numbers)
    assert len(back_end.numbers) == 500  # An account has half of those that may be unanswered at once.
    while any(not one.called for one in back_end.waiting):
        for waiting in [one for one in back_end.waiting if not one.called]:
            waiting.callback(TELEMACH)
        stack.settle()
    assert statuses(wire) == ["MESSAGE_ACCEPTED"] * 1000
    assert {network for _, network in stored(stack)} == {"21902"}
    assert stack.rows("SELECT count(*) FROM lookup") == [(1000,)]
    assert stack.core.in_memory()["messages that wait for lookups"] == 0


def test_who_hangs_up_meanwhile_has_sent_nothing_and_may_send_it_again(
    stack: Stack, client: Client, back_end: BackEnd
) -> None:
    mine = {"to": NUMBER, "messageId": "order-17"}
    hang_up(stack, begin(client, mine, headers=KEY))
    again = begin(client, mine, headers=KEY)
    say(stack, back_end, NUMBER, TELEMACH)
    assert statuses(again) == ["MESSAGE_ACCEPTED"]
    assert statuses(begin(client, mine, headers=KEY)) == ["MESSAGE_ACCEPTED"]
    assert len(stack.smsc.submits) == 1
    assert stack.core.client_ids._claimed == {}


def test_an_id_that_is_taken_is_refused_without_a_lookup(
    stack: Stack, client: Client, back_end: BackEnd
) -> None:
    begin(client, {"to": NUMBER, "messageId": "order-17"})
    say(stack, back_end, NUMBER, TELEMACH)
    assert statuses(begin(client, {"to": OTHER, "messageId": "order-17"})) == [
        "REJECTED_DUPLICATE_MESSAGE_ID"
    ]
    assert back_end.numbers == [NUMBER]


def test_a_request_is_refused_as_a_whole_if_the_database_has_gone_meanwhile(
    stack: Stack, client: Client, back_end: BackEnd
) -> None:
    stack.add_account("plain")
    stack.wait(1)
    other = stack.esme(system_id=b"plain")
    wire = begin(client, {"to": NUMBER, "messageId": "order-17"}, OTHER)
    stack.writer.failing = StoreUnavailable("gone")
    assert other.submit().command_status == ESME_RSYSERR
    say(stack, back_end, NUMBER, TELEMACH)
    say(stack, back_end, OTHER, TELEMACH)
    assert Answer(wire.said).code == 503
    assert stack.core.client_ids._claimed == {}
    stack.writer.failing = None
    stack.wait(10)
    assert stored(stack) == []


def test_all_of_a_request_is_refused_if_there_is_no_room_for_it_any_more(tmp_path: Path) -> None:
    stack = Stack(tmp_path, unstored=6)
    back_end = BackEnd()
    asked_about_all(stack, back_end)
    stack.add_account("curious", lookup_first=1)
    stack.add_account("plain")
    stack.wait(1)
    wire = Client(stack).connect()
    wire.transport.write(
        octets("POST", ADVANCED, body(*[NUMBER] * 3), {"Authorization": basic("curious", PASSWORD)})
    )
    other = stack.esme(system_id=b"plain")
    stack.writer.hold()
    for _ in range(3):
        other.send(submit_sm())
    stack.settle()
    say(stack, back_end, NUMBER, TELEMACH)
    assert Answer(wire.said).code == 503
    stack.writer.let_go()
    stack.settle()
    assert len(stored(stack)) == 3
    stack.close()


def test_an_account_that_is_over_its_rate_has_nothing_looked_up(
    stack: Stack, client: Client, back_end: BackEnd
) -> None:
    result(stack.administration.change_account("acme", throughput=1))
    stack.wait(1)
    begin(client, NUMBER, OTHER)
    assert Answer(begin(client, "385915369423").said).code == 429
    assert sorted(back_end.numbers) == [NUMBER, OTHER]
    stack.wait(PATIENCE)
    assert len(stored(stack)) == 2

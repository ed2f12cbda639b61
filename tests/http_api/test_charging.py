"""What clients see of what messages cost."""

from __future__ import annotations

from typing import Any

import pytest

from smsd.services.charging_administration import ChargingAdministration
from smsd.smpp import status
from smsd.store.credit import Credit
from smsd.store.engine import Call, Query
from tests.http_api.client import Client
from tests.peers import Stack, result

TO = ("41793026727", "385911234567")


def charging(stack: Stack) -> ChargingAdministration:
    return ChargingAdministration(stack.engine, stack.network)


def elsewhere(stack: Stack, micros: int) -> None:
    """Let another node leave so much of the account's credit; this one has not heard of it."""
    result(stack.engine.write(Call(Query("UPDATE credit SET micros = ?"), (micros,))))


def logged(client: Client) -> list[Any]:
    return list(client.request("GET", "/sms/1/logs").json["results"])


def test_what_another_node_has_used_up_is_refused_as_if_that_had_been_known(
    stack: Stack, client: Client
) -> None:
    result(charging(stack).add("acme", "1"))
    stack.wait(1)
    elsewhere(stack, 10_000)
    first = client.send(from_="InfoSMS", to=list(TO), text="Hi").json["messages"]
    assert [one["status"]["id"] for one in first] == [0, 12]
    assert [one["smsCount"] for one in first] == [1, 1]
    assert [one["to"] for one in stack_sent(stack)] == [TO[0]]
    refused = logged(client)[0] if logged(client)[0]["to"] == TO[1] else logged(client)[1]
    assert refused["messageId"] == first[1]["messageId"]
    assert refused["status"]["name"] == "REJECTED_NOT_ENOUGH_CREDITS"
    assert refused["price"] == {"pricePerMessage": 0, "currency": "EUR"}
    (report,) = [one for one in client.reports() if one["status"]["id"] == 12]
    assert report["messageId"] == first[1]["messageId"]
    assert client.request("GET", "/account/1/balance").json == {"balance": 0, "currency": "EUR"}


def stack_sent(stack: Stack) -> list[dict[str, str]]:
    return [{"to": pdu.destination_addr.decode()} for pdu in stack.smsc.submits]


def test_a_repetition_of_such_a_request_gets_the_same_answer(stack: Stack, client: Client) -> None:
    result(charging(stack).add("acme", "1"))
    stack.wait(1)
    elsewhere(stack, 10_000)
    body = {"from": "InfoSMS", "to": list(TO), "text": "Hi"}
    answers = [
        client.request("POST", "/sms/1/text/single", body, {"Idempotency-Key": "one"}) for _ in range(2)
    ]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert [one["status"]["id"] for one in answers[1].json["messages"]] == [0, 12]
    assert stack.rows("SELECT count(*) FROM message") == [(2,)]


def test_smpp_clients_hear_it_as_ever(stack: Stack) -> None:
    result(charging(stack).add("acme", "1"))
    stack.wait(1)
    elsewhere(stack, 10_000)
    esme = stack.esme()
    assert esme.submit().command_status == status.ESME_ROK
    assert esme.submit().command_status == 0xFF
    assert stack.rows("SELECT count(*) FROM message") == [(1,)]
    assert result(Credit(stack.engine).sums()) == [(1, 0, 990_000)]  # Another node's is not in this ledger.


def test_a_package_that_has_ended_is_told(stack: Stack, client: Client) -> None:
    result(stack.administration.change_account("acme", package_until="2001-01-01"))
    stack.wait(1)
    (message,) = client.send(from_="InfoSMS", to=TO[0], text="Hi").json["messages"]
    assert message["status"]["name"] == "REJECTED_PREPAID_PACKAGE_EXPIRED"
    assert message["status"]["action"] == "Top-up your account to extend the validity period"
    assert stack.esme().submit().command_status == 0xFF
    result(charging(stack).add("acme", "1", until="2030-01-01"))
    stack.wait(1)
    (message,) = client.send(from_="InfoSMS", to=TO[0], text="Hi").json["messages"]
    assert message["status"]["id"] == 0


@pytest.mark.parametrize(("refund", "price"), [("unsent", 0.01), ("undelivered", 0)])
def test_reports_and_logs_show_what_was_charged_in_the_end(
    stack: Stack, client: Client, refund: str, price: float
) -> None:
    result(stack.administration.change_account("acme", refund=refund))
    stack.wait(1)
    client.send(from_="InfoSMS", to=TO[0], text="x" * 161)
    assert logged(client)[0]["price"] == {"pricePerMessage": 0.01, "currency": "EUR"}
    stack.smsc.receipt(1, b"UNDELIV", b"001")
    stack.wait(1)
    (report,) = client.reports()
    assert report["status"]["groupName"] == "UNDELIVERABLE"
    assert report["price"] == {"pricePerMessage": price, "currency": "EUR"}
    assert logged(client)[0]["price"] == report["price"]


def test_a_refused_message_costs_nothing(stack: Stack, client: Client) -> None:
    client.send(from_="1", to=TO[0], text="Hi")
    assert logged(client)[0]["price"] == {"pricePerMessage": 0, "currency": "EUR"}


def test_the_balance_has_the_limit_in_it(stack: Stack, client: Client) -> None:
    result(charging(stack).add("acme", "1"))
    result(charging(stack).limit("acme", "0.5"))
    stack.wait(1)
    assert client.request("GET", "/account/1/balance").json == {"balance": 1.5, "currency": "EUR"}
    result(charging(stack).limit("acme", None))
    stack.wait(1)
    assert client.request("GET", "/account/1/balance").json == {"balance": 0, "currency": "EUR"}

"""Bulks over HTTP: what a client says of one holds for what the operator gets."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from smsd.services.charging_administration import ChargingAdministration
from tests.http_api.client import Answer, Client, basic
from tests.peers import Stack, result

TO = ("41793026727", "385911234567")
AT = "2026-01-02T05:04:05.250+0000"
"""Two hours after a test begins."""
HOUR = 3600.0
BULK = "/sms/1/bulks?bulkId=spring"
STATUS = "/sms/1/bulks/status?bulkId=spring"


def scheduled(client: Client, bulk_id: str = "spring", at: str | None = AT, **fields: Any) -> Answer:
    """Schedule a bulk of two messages."""
    message = {"from": "InfoSMS", "destinations": [{"to": to} for to in TO], "text": "Hi", "sendAt": at}
    answer = client.request(
        "POST", "/sms/1/text/advanced", {"bulkId": bulk_id, "messages": [message | fields]}
    )
    assert answer.code == 200, answer.said
    return answer


def put(client: Client, path: str, **body: Any) -> Answer:
    answer = client.request("PUT", path, body)
    client.stack.settle()
    return answer


def status(client: Client) -> str:
    answer = client.request("GET", STATUS).json
    assert list(answer) == ["bulkId", "status"]
    assert answer["bulkId"] == "spring"
    return str(answer["status"])


def test_a_bulk_tells_when_it_is_sent_and_where_it_is(stack: Stack, client: Client) -> None:
    scheduled(client)
    assert client.request("GET", BULK).json == {"bulkId": "spring", "sendAt": AT}
    assert status(client) == "PENDING"
    stack.wait(2 * HOUR + 1, step=10)
    assert len(stack.smsc.submits) == 2
    assert status(client) == "PROCESSING"
    stack.smsc.receipt(1)
    stack.smsc.receipt(2)
    assert status(client) == "FINISHED"
    assert client.request("GET", BULK).json == {"bulkId": "spring", "sendAt": AT}


def test_a_bulk_that_smsd_named_and_one_of_a_single_message_are_bulks_too(client: Client) -> None:
    message = {"destinations": [{"to": TO[0]}], "text": "Hi", "sendAt": AT}
    bulk_id = client.request("POST", "/sms/1/text/advanced", {"messages": [message]}).json["bulkId"]
    answer = client.request("GET", f"/sms/1/bulks?bulkId={bulk_id}")
    assert answer.json == {"bulkId": bulk_id, "sendAt": AT}


@pytest.mark.parametrize(
    ("date", "hours"),
    [
        ("2026-01-02T04:04:05.250+0000", 1),
        ("2026-01-02T09:04:05.250+0300", 3),
        ("2026-01-02T05:34:05.250+05:30", -3),
    ],
)
def test_a_bulk_moves(stack: Stack, client: Client, date: str, hours: int) -> None:
    scheduled(client)
    answer = put(client, BULK, sendAt=date)
    if hours < 0:
        assert answer.error == (400, "BAD_REQUEST", "[sendAt : Expected a time that has not passed.]")
        return
    assert answer.json == {"bulkId": "spring", "sendAt": f"2026-01-02T0{3 + hours}:04:05.250+0000"}
    stack.wait(hours * HOUR - 2, step=10)
    assert stack.smsc.submits == []
    stack.wait(4)
    assert len(stack.smsc.submits) == 2


def test_a_bulk_may_move_years_ahead(stack: Stack, client: Client) -> None:
    scheduled(client)
    put(client, BULK, sendAt="2040-12-31T23:59:59.999Z")
    stack.wait(2)
    assert client.request("GET", BULK).json["sendAt"] == "2040-12-31T23:59:59.999+0000"
    ((due, expires),) = stack.rows("SELECT DISTINCT due_at, expires_at FROM message")
    assert expires - due == pytest.approx(48 * HOUR)


def test_no_date_is_beyond_what_can_be_written(client: Client) -> None:
    scheduled(client)
    answer = put(client, BULK, sendAt="9999-12-31T23:59:59.999-0100")
    assert answer.error[:2] == (400, "BAD_REQUEST")


def test_a_bulk_is_paused_and_resumed(stack: Stack, client: Client) -> None:
    scheduled(client)
    assert put(client, STATUS, status="PAUSED").json == {"bulkId": "spring", "status": "PAUSED"}
    stack.wait(2 * HOUR + 2, step=10)
    assert status(client) == "PAUSED"
    assert stack.smsc.submits == []
    assert put(client, STATUS, status="PENDING").code == 200
    stack.wait(3)
    assert len(stack.smsc.submits) == 2


def test_a_bulk_that_is_paused_while_it_is_sent_stops(tmp_path: Any) -> None:
    stack = Stack(tmp_path, window=1)
    client = Client(stack)
    stack.smsc.submit_status = None
    scheduled(client, at=None)
    (first,) = stack.smsc.submits
    assert put(client, STATUS, status="PAUSED").json["status"] == "PAUSED"
    stack.smsc.submit_status = 0
    stack.smsc.answer(stack.smsc.link, first)
    stack.wait(5)
    assert len(stack.smsc.submits) == 1
    put(client, STATUS, status="PENDING")
    stack.wait(3)
    assert len(stack.smsc.submits) == 2
    stack.close()


def test_a_bulk_that_is_canceled_is_not_sent_and_has_its_reports(stack: Stack, client: Client) -> None:
    scheduled(client, callbackData="mine")
    assert put(client, STATUS, status="CANCELED").json == {"bulkId": "spring", "status": "CANCELED"}
    stack.wait(1)
    reports = client.reports(bulkId="spring")
    assert [one["to"] for one in reports] == list(TO)
    assert {(one["status"]["name"], one["error"]["name"], one["callbackData"]) for one in reports} == {
        ("REJECTED_NOT_SENT", "EC_MESSAGE_CANCELED", "mine")
    }
    stack.wait(3 * HOUR, step=10)
    assert stack.smsc.submits == []
    assert status(client) == "CANCELED"


def test_what_can_t_be_changed_any_more_is_a_conflict(stack: Stack, client: Client) -> None:
    scheduled(client, at=None)
    code, word, text = put(client, STATUS, status="PAUSED").error
    assert (code, word) == (409, "CONFLICT")
    assert text == "Bulk spring is PROCESSING: all of it has been sent, and nothing is left to change."
    assert put(client, BULK, sendAt=AT).error[:2] == (409, "CONFLICT")
    stack.smsc.receipt(1)
    stack.smsc.receipt(2)
    code, word, text = put(client, STATUS, status="CANCELED").error
    assert (code, word) == (409, "CONFLICT")
    assert text == "Bulk spring is FINISHED: it can't be changed any more."


@pytest.mark.parametrize("path", [BULK, STATUS])
def test_an_unknown_bulk_is_not_found(client: Client, path: str) -> None:
    client.stack.add_account("other")
    client.stack.wait(1)
    scheduled(client)
    body = {"sendAt": AT} if path == BULK else {"status": "PAUSED"}
    for unknown in ("autumn", "%00", "a,b", "x" * 101, "%ff"):
        asked = path.replace("spring", unknown)
        for answer in (client.request("GET", asked), put(client, asked, **body)):
            code, word, _ = answer.error
            assert (code, word) in {(404, "NOT_FOUND"), (400, "BAD_REQUEST")}
    answer = client.request("GET", path, headers={"Authorization": basic("other", "secret")})
    assert answer.error == (404, "NOT_FOUND", "There is no bulk spring.")


def test_what_a_change_needs(client: Client) -> None:
    scheduled(client)
    missing = (400, "BAD_REQUEST", "[bulkId : This parameter is required.]")
    assert put(client, "/sms/1/bulks", sendAt=AT).error == missing
    assert put(client, "/sms/1/bulks/status", status="PAUSED").error == missing
    assert client.request("GET", "/sms/1/bulks/status").error == missing
    assert put(client, BULK).error == (400, "BAD_REQUEST", "[sendAt : This field is required.]")
    for given in ("FINISHED", "PROCESSING", "paused"):
        assert put(client, STATUS, status=given).error[2].startswith("[status : Expected ")
    assert client.request("POST", BULK, {"sendAt": AT}).code == 405


def test_bulks_that_are_not_finished_are_listed(stack: Stack, client: Client) -> None:
    assert client.request("GET", "/sms/1/bulks").json == {"bulks": []}
    for name in ("spring", "summer", "autumn"):
        scheduled(client, name)
    put(client, STATUS, status="PAUSED")
    assert client.request("GET", "/sms/1/bulks").json == {
        "bulks": [
            {"bulkId": "autumn", "sendAt": AT, "status": "PENDING"},
            {"bulkId": "spring", "sendAt": AT, "status": "PAUSED"},
            {"bulkId": "summer", "sendAt": AT, "status": "PENDING"},
        ]
    }
    assert len(client.request("GET", "/sms/1/bulks?limit=2").json["bulks"]) == 2


def test_bulks_in_xml(client: Client) -> None:
    scheduled(client)
    headers: dict[str, str | None] = {"Content-Type": "application/xml", "Accept": "application/xml"}
    body = b"<request><status>PAUSED</status></request>"
    answer = client.request("PUT", STATUS, body, headers)
    assert answer.body == (
        b"<BulkStatusResponse><bulkId>spring</bulkId><status>PAUSED</status></BulkStatusResponse>"
    )
    body = b"<request><sendAt>2026-01-03T00:00:00.000+0000</sendAt></request>"
    root = ElementTree.fromstring(client.request("PUT", BULK, body, headers).body)
    assert (root.tag, root.findtext("sendAt")) == ("BulkResponse", "2026-01-03T00:00:00.000+0000")
    root = ElementTree.fromstring(client.request("GET", "/sms/1/bulks", headers=headers).body)
    assert root.tag == "BulksResponse"
    assert [one.findtext("bulkId") for one in root.findall("bulks/bulk")] == ["spring"]


def test_the_balance_is_what_is_left_to_the_last_digit(stack: Stack, client: Client) -> None:
    path = "/account/1/balance"
    assert client.request("GET", path).body == b'{"balance":0,"currency":"EUR"}'
    result(ChargingAdministration(stack.engine, stack.network).add("acme", "12345678.500001"))
    stack.wait(1)
    assert client.request("GET", path).body == b'{"balance":12345678.500001,"currency":"EUR"}'
    client.send(from_="InfoSMS", to=list(TO), text="Hi")
    answer = client.request("GET", path, headers={"Accept": "application/xml"})
    assert answer.body == (
        b"<AccountBalance><balance>12345678.480001</balance><currency>EUR</currency></AccountBalance>"
    )
    result(ChargingAdministration(stack.engine, stack.network).add("acme", "87654321.519999"))
    stack.wait(1)
    assert client.request("GET", path).body == b'{"balance":100000000,"currency":"EUR"}'


def test_a_bulk_that_is_canceled_gives_its_credit_back(stack: Stack, client: Client) -> None:
    result(ChargingAdministration(stack.engine, stack.network).add("acme", "1"))
    stack.wait(1)
    scheduled(client)
    assert client.request("GET", "/account/1/balance").json["balance"] == 0.98
    put(client, STATUS, status="CANCELED")
    stack.wait(1)
    assert client.request("GET", "/account/1/balance").body == b'{"balance":1,"currency":"EUR"}'

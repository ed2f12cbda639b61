from __future__ import annotations

import re

import pytest

from smsd.store.engine import StoreUnavailable
from tests.http_api.client import Client
from tests.peers import Stack, result


def sent(client: Client, count: int = 1) -> list[str]:
    """Send to so many destinations and return the ids."""
    numbers = [str(41793026700 + number) for number in range(count)]
    return [one["messageId"] for one in client.send(to=numbers, text="x").json["messages"]]


def delivered(client: Client, count: int = 1) -> list[str]:
    """Send to so many destinations, see all delivered, and return the ids."""
    before = len(client.stack.smsc.submits)
    ids = sent(client, count)
    for number in range(before + 1, before + count + 1):
        client.stack.smsc.receipt(number)
    return ids


def test_nothing_to_report(client: Client) -> None:
    answer = client.request("GET", "/sms/1/reports")
    assert (answer.code, answer.body) == (200, b'{"results":[]}')


def test_a_report_has_the_manual_s_shape(stack: Stack, client: Client) -> None:
    (message_id,) = sent(client)
    assert client.reports() == []
    stack.wait(1.5)
    stack.smsc.receipt()
    (report,) = client.reports()
    assert report == {
        "messageId": message_id,
        "to": "41793026700",
        "sentAt": "2026-01-02T03:04:05.250+0000",
        "doneAt": "2026-01-02T03:04:06.750+0000",
        "smsCount": 1,
        "price": {"pricePerMessage": 0.01, "currency": "EUR"},
        "status": {
            "groupId": 3,
            "groupName": "DELIVERED",
            "id": 5,
            "name": "DELIVERED_TO_HANDSET",
            "description": "Message delivered to handset",
        },
        "error": {
            "groupId": 0,
            "groupName": "OK",
            "id": 0,
            "name": "NO_ERROR",
            "description": "No Error",
            "permanent": False,
        },
    }
    assert list(report) == ["messageId", "to", "sentAt", "doneAt", "smsCount", "price", "status", "error"]
    assert list(report["error"]) == ["groupId", "groupName", "id", "name", "description", "permanent"]


def test_a_failure_names_its_error(stack: Stack, client: Client) -> None:
    sent(client)
    stack.smsc.receipt(1, b"UNDELIV", b"001")
    (report,) = client.reports()
    assert report["status"]["name"] == "UNDELIVERABLE_NOT_DELIVERED"
    assert (report["error"]["id"], report["error"]["permanent"]) == (1, True)


def test_each_report_is_given_once(client: Client) -> None:
    ids = delivered(client, 3)
    assert [one["messageId"] for one in client.reports()] == ids
    assert client.reports() == []


def test_a_report_of_several_destinations_has_their_bulk(client: Client) -> None:
    delivered(client, 2)
    reports = client.reports()
    assert [next(iter(one)) for one in reports] == ["bulkId", "bulkId"]
    assert len({one["bulkId"] for one in reports}) == 1


def test_fifty_reports_come_at_a_time_unless_a_limit_says_otherwise(client: Client) -> None:
    ids = delivered(client, 60)
    assert [one["messageId"] for one in client.reports(limit=3)] == ids[:3]
    assert [one["messageId"] for one in client.reports()] == ids[3:53]
    assert [one["messageId"] for one in client.reports(limit=100_000)] == ids[53:]
    assert client.reports(limit="9" * 5000) == []


@pytest.mark.parametrize("limit", ["0", "000", "-1", "%2B1", "ten", "1.5", "%D9%A3"])
def test_a_limit_that_is_no_number_is_a_bad_request(client: Client, limit: str) -> None:
    ids = delivered(client)
    answer = client.request("GET", f"/sms/1/reports?limit={limit}")
    assert answer.error == (400, "BAD_REQUEST", "[limit : Expected a number, at least 1.]")
    assert [one["messageId"] for one in client.reports(limit="")] == ids


def test_reports_of_certain_messages(client: Client) -> None:
    ids = delivered(client, 6)
    found = client.reports(messageId=f"{ids[4]},{ids[1]}")
    assert [one["messageId"] for one in found] == [ids[1], ids[4]]
    found = client.reports(messageId=[ids[0], ids[1], ids[5]])
    assert [one["messageId"] for one in found] == [ids[0], ids[5]]
    assert client.reports(messageId=["nonsense", "-1", "9" * 30]) == []
    assert [one["messageId"] for one in client.reports()] == [ids[2], ids[3]]


def test_reports_of_certain_bulks(client: Client) -> None:
    first, second, third = (delivered(client, 2) for _ in range(3))
    bulks = {one: row for row, one in client.stack.rows("SELECT bulk_id, id FROM message")}
    wanted = [bulks[int(ids[0])] for ids in (third, first)]
    assert [one["messageId"] for one in client.reports(bulkId=",".join(wanted), messageId=third[1])] == [
        third[1]
    ]
    assert [one["messageId"] for one in client.reports(bulkId=wanted)] == [*first, third[0]]
    assert client.reports(bulkId="none") == []
    assert [one["messageId"] for one in client.reports()] == second


def test_reports_of_other_accounts_and_of_smpp_are_not_given(stack: Stack, client: Client) -> None:
    stack.add_account("other")
    result(stack.core.settings.load())
    esme = stack.esme(system_id=b"other")
    esme.submit()
    stack.esme().submit()
    for number in (1, 2):
        stack.smsc.receipt(number)
    assert client.reports() == []
    assert len(esme.receipts) == 1


def test_dates_are_the_manual_s(stack: Stack, client: Client) -> None:
    delivered(client)
    (report,) = client.reports()
    for name in ("sentAt", "doneAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}", report[name])


def test_a_content_type_on_a_get_is_let_pass(client: Client) -> None:
    answer = client.request("GET", "/sms/1/reports", headers={"Content-Type": "application/json"})
    assert answer.code == 200


def test_head_answers_without_a_body_and_takes_no_report_away(client: Client) -> None:
    ids = delivered(client)
    answer = client.request("HEAD", "/sms/1/reports")
    assert (answer.code, answer.body) == (200, b"")
    assert answer.said.endswith(b"\r\n\r\n")
    assert [one["messageId"] for one in client.reports()] == ids


def test_a_store_that_fails_is_busy_and_gives_no_report_away(stack: Stack, client: Client) -> None:
    ids = delivered(client)
    stack.writer.failing = StoreUnavailable("gone")
    answer = client.request("GET", "/sms/1/reports")
    assert answer.error[:2] == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    stack.writer.failing = None
    assert [one["messageId"] for one in client.reports()] == ids

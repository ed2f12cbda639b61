"""What leads to each status and each GSM error, as clients see it, and the page that says so."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from smsd.services.approval_administration import ApprovalAdministration
from smsd.services.charging_administration import ChargingAdministration
from smsd.services.list_administration import ListAdministration
from smsd.services.statuses import GSM_ERRORS, PENDING_GROUP, STATUSES
from smsd.smpp import status as command_status
from smsd.smpp import tlv
from smsd.smpp.receipt import parse
from smsd.smpp_server.refusals import COMMAND_STATUSES
from tests.http_api.client import Client
from tests.peers import Stack, result

TO = "41793026727"
HOUR = 3600.0
TOMORROW = "2026-01-03T03:04:05.250Z"
VOICE = range(5000, 5006)
"""The codes of calls, which smsd has in its table only."""
ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "statuses.md"


class Bench:
    """A client over HTTP, and the operator's desk."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client = Client(stack)
        self.lists = ListAdministration(stack.engine, stack.network)

    def set(self, **settings: Any) -> None:
        """Change the account's settings."""
        result(self.stack.administration.change_account("acme", **settings))
        self.stack.wait(1)

    def put(self, name: str, *values: str, account: str | None = None) -> None:
        """Put values on a list."""
        result(self.lists.add(name, account, values))
        self.stack.wait(1)

    def answer(self, **fields: Any) -> dict[str, Any]:
        """Send a message, and return what is answered of it."""
        message = {"from": "Acme", "text": "Hello", "destinations": [{"to": TO}]} | fields
        answer = self.client.request("POST", "/sms/1/text/advanced", {"messages": [message]})
        assert answer.code == 200, answer.body
        (found,) = answer.json["messages"]
        return dict(found)

    def answered(self, **fields: Any) -> int:
        """Send a message, and return the status that is answered."""
        return int(self.answer(**fields)["status"]["id"])

    def logged(self) -> tuple[int, int]:
        """Return the status and the GSM error that the last message has in the log, be it to come."""
        entry = self.client.request("GET", f"/sms/1/logs?limit=1&sentUntil={TOMORROW}").json["results"][0]
        return entry["status"]["id"], entry["error"]["id"]

    def reported(self) -> tuple[int, int]:
        """Fetch a report, and return its status and GSM error."""
        (report,) = self.client.reports()
        return report["status"]["id"], report["error"]["id"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    stack = Stack(tmp_path)
    yield Bench(stack)
    stack.close()


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Bench]:
    """The same with a simulated operator."""
    stack = Stack(tmp_path, kind="simulator", delay=0)
    yield Bench(stack)
    stack.close()


# What is answered.


def test_a_message_that_is_due_at_once_is_accepted(bench: Bench) -> None:
    assert bench.answered() == 0


def test_a_message_for_later_is_accepted_as_pending(bench: Bench) -> None:
    assert bench.answered(sendAt="2026-01-02T05:04:05.250+0000") == 26
    assert bench.logged() == (26, 0)


def test_outside_the_account_s_hours_a_message_waits(bench: Bench) -> None:
    bench.set(hours="08:00-21:00 Europe/Zagreb")  # It is 04:04 there.
    assert bench.answered() == 1
    assert bench.logged() == (1, 0)
    esme = bench.stack.esme()
    assert esme.submit().command_status == command_status.ESME_ROK
    assert bench.stack.smsc.submits == []
    bench.stack.wait(4 * HOUR, step=10)
    assert len(bench.stack.smsc.submits) == 2
    bench.stack.smsc.receipt(1)
    assert bench.reported() == (5, 0)


def test_a_message_in_need_of_approval_waits_for_it(bench: Bench) -> None:
    bench.set(approval="texts")
    bench.put("approval-texts", "lottery")
    assert bench.answered() == 0
    assert bench.answered(text="The Lottery") == 27
    assert bench.logged() == (27, 0)
    assert len(bench.stack.smsc.submits) == 1
    result(ApprovalAdministration(bench.stack.engine).decide_all("acme", None, approved=True))
    bench.stack.wait(2)
    assert len(bench.stack.smsc.submits) == 2


def test_a_message_that_is_not_approved_is_not_sent(bench: Bench) -> None:
    bench.set(approval="everything")
    esme = bench.stack.esme()
    answer = esme.submit()
    assert answer.command_status == command_status.ESME_ROK
    assert bench.answered() == 27
    result(ApprovalAdministration(bench.stack.engine).decide_all("acme", None, approved=False))
    bench.stack.wait(2)
    assert bench.reported() == (28, 4100)
    (receipt,) = esme.receipts
    assert b"stat:REJECTED err:4100" in receipt.short_message
    assert bench.stack.smsc.submits == []


def test_a_message_in_a_bulk_that_is_canceled_is_not_sent(bench: Bench) -> None:
    bench.answered(sendAt="2026-01-02T05:04:05.250+0000")
    (listed,) = bench.client.request("GET", "/sms/1/bulks").json["bulks"]
    bulk_id = listed["bulkId"]
    bench.client.request("PUT", f"/sms/1/bulks/status?bulkId={bulk_id}", {"status": "CANCELED"})
    bench.stack.wait(2)
    assert bench.reported() == (28, 4100)


class Refusal(NamedTuple):
    """How a message comes to be refused."""

    error: int = 0
    settings: dict[str, Any] = {}
    entry: tuple[str, ...] = ()
    fields: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (10, Refusal(2050, entry=("dnd", TO))),
        (11, Refusal(settings={"senders": "listed"}, entry=("allowed-senders", "Bank"))),
        (13, Refusal(entry=("blocked-senders", "ac*"))),
        (14, Refusal(entry=("blocked-destinations", "41*"))),
        (18, Refusal(settings={"destinations": "listed"})),
        (28, Refusal(2051, entry=("blocked-texts", "hello"))),
    ],
)
def test_lists_refuse_messages(bench: Bench, status: int, refusal: Refusal) -> None:
    assert bench.answered() == 0
    if refusal.settings:
        bench.set(**refusal.settings)
    if refusal.entry:
        bench.put(*refusal.entry)
    answer = bench.answer()
    assert answer["status"]["id"] == status
    assert {"messageId", "smsCount"} <= answer.keys()
    assert bench.reported() == (status, refusal.error)
    assert bench.logged() == (status, refusal.error)
    assert bench.stack.esme().submit().command_status == COMMAND_STATUSES[status]
    assert len(bench.stack.smsc.submits) == 1


@pytest.mark.parametrize("settings", [{"repeat_after": 60}, {"minute_limit": 1}, {"hour_limit": 1}])
def test_the_flood_filter_refuses_messages(bench: Bench, settings: dict[str, int]) -> None:
    bench.set(**settings)
    assert bench.answered() == 0
    assert bench.answered() == 20
    assert bench.reported() == (20, 0)
    assert bench.stack.esme().submit().command_status == command_status.ESME_RSUBMITFAIL
    bench.stack.wait(HOUR, step=60)
    assert bench.answered() == 0


def test_a_sender_that_can_not_be_one_is_refused(bench: Bench) -> None:
    assert bench.answered(**{"from": "a sender too long"}) == 11


def test_an_account_without_credit_is_refused(bench: Bench) -> None:
    result(ChargingAdministration(bench.stack.engine, bench.stack.network).add("acme", "0.001"))
    bench.stack.wait(1)
    assert bench.answered() == 12
    assert bench.stack.esme().submit().command_status == 0xFF


def test_an_account_whose_package_is_over_is_refused(bench: Bench) -> None:
    bench.set(package_until="2025-12-31")
    assert bench.answered() == 17
    assert bench.stack.esme().submit().command_status == 0xFF


def test_a_destination_in_no_country_is_refused(bench: Bench) -> None:
    assert bench.answered(destinations=[{"to": "99912345678"}]) == 8
    assert bench.stack.esme().submit(destination_addr=b"99912345678").command_status == 0x22


@pytest.mark.parametrize(("action", "status"), [("forbid", 6), ("unreachable", 16)])
def test_a_route_may_refuse_what_comes_to_it(bench: Bench, action: str, status: int) -> None:
    result(bench.stack.administration.add_route(None, country="CH", action=action, priority=1))
    bench.stack.wait(1)
    assert bench.answered() == status
    assert bench.reported() == (status, 0)
    assert bench.stack.esme().submit().command_status == 0x22


def test_a_destination_without_a_route_is_refused(bench: Bench) -> None:
    (route,) = result(bench.stack.administration.rows()).routes
    result(bench.stack.administration.remove_route(route.id))
    bench.stack.wait(1)
    assert bench.answered() == 19
    assert bench.stack.esme().submit().command_status == 0x22


def test_a_channel_that_is_disabled_refuses_messages(bench: Bench) -> None:
    result(bench.stack.administration.change_channel("operator", enabled=0))
    bench.stack.wait(1)
    assert bench.answered() == 21
    assert bench.stack.esme().submit().command_status == 0x4A1


def test_an_id_is_good_for_one_message(bench: Bench) -> None:
    destinations = [{"to": TO, "messageId": "mine"}]
    assert [bench.answered(destinations=destinations) for _ in range(2)] == [0, 23]


def test_a_user_data_header_that_can_not_be_read_is_refused(bench: Bench) -> None:
    binary = {"hex": "06 05", "dataCoding": 4, "esmClass": 64}
    answer = bench.client.request("POST", "/sms/1/binary/single", {"to": TO, "binary": binary})
    assert answer.json["messages"][0]["status"]["id"] == 24
    esme = bench.stack.esme()
    refused = esme.submit(esm_class=0x40, short_message=b"\x06\x05")
    assert refused.command_status == command_status.ESME_RINVESMCLASS


def test_a_text_of_too_many_segments_is_refused(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    client = Client(stack, body=100_000)
    answer = client.send(from_="Acme", to=TO, text="x" * (153 * 255 + 1))
    assert answer.json["messages"][0]["status"]["id"] == 25
    stack.close()


def test_a_missing_destination_is_told(bench: Bench) -> None:
    assert bench.answer(destinations=[{"to": ""}])["status"]["id"] == 51


def test_a_destination_that_is_no_number_is_refused(bench: Bench) -> None:
    assert bench.answered(destinations=[{"to": "nobody"}]) == 52
    refused = bench.stack.esme().submit(destination_addr=b"nobody")
    assert refused.command_status == command_status.ESME_RINVDSTADR


# What becomes of what was accepted.


def test_a_message_that_waits_for_its_channel_is_on_its_way(bench: Bench) -> None:
    bench.stack.smsc.submit_status = None
    bench.answered()
    assert bench.logged() == (7, 0)


def test_a_message_that_the_operator_has_waits_for_its_receipt(bench: Bench) -> None:
    bench.answered()
    assert bench.logged() == (3, 0)


def test_a_message_that_the_operator_refuses_for_good_is_undeliverable(bench: Bench) -> None:
    bench.stack.smsc.submit_status = command_status.ESME_RINVDSTADR
    bench.answered()
    bench.stack.wait(1)
    assert bench.reported() == (4, 1)


def test_a_message_that_the_operator_refuses_for_now_is_tried_again(bench: Bench) -> None:
    bench.stack.smsc.submit_status = command_status.ESME_RSYSERR
    bench.answered()
    assert bench.logged() == (7, 34)
    bench.stack.smsc.submit_status = command_status.ESME_ROK
    bench.stack.wait(62)
    bench.stack.smsc.receipt()
    assert bench.reported() == (5, 0)


@pytest.mark.parametrize(
    ("stat", "status", "error"),
    [
        (b"DELIVRD", 5, 0),
        (b"UNDELIV", 9, 255),
        (b"DELETED", 9, 4100),
        (b"EXPIRED", 15, 4101),
        (b"REJECTD", 4, 255),
        (b"UNKNOWN", 22, 255),
    ],
)
def test_the_operator_s_receipt_tells_how_a_message_ended(
    bench: Bench, stat: bytes, status: int, error: int
) -> None:
    bench.answered()
    bench.stack.smsc.receipt(stat=stat)
    assert bench.reported() == (status, error)


def test_a_message_expires_when_its_validity_ends_before_it_is_sent(bench: Bench) -> None:
    bench.stack.smsc.submit_status = command_status.ESME_RSYSERR
    bench.answered(validityPeriod=1)
    bench.stack.wait(62)
    assert bench.reported() == (15, 4101)


def test_a_message_of_which_no_receipt_comes_ends_with_its_validity(bench: Bench) -> None:
    bench.answered(validityPeriod=60)
    bench.stack.wait(HOUR + 1, step=10)
    assert bench.reported() == (29, 4101)


def test_what_an_operator_without_receipts_has_taken_has_come_to_its_end(tmp_path: Path) -> None:
    stack = Stack(tmp_path, receipts="none")
    bench = Bench(stack)
    for text, segments in (("Hello", 1), ("Hello" * 80, 3)):
        bench.answered(text=text)
        stack.wait(1)
        assert bench.reported() == (2, 0)
        assert [pdu.registered_delivery for pdu in stack.smsc.submits] == [0] * segments
        stack.smsc.submits.clear()
    stack.close()


def test_a_message_to_an_account_s_number_is_brought_back(simulated: Bench) -> None:
    result(simulated.stack.administration.add_number(TO, "acme"))
    simulated.stack.wait(1)
    for text in ("Hello", "Hello" * 80):
        simulated.answered(text=text)
        simulated.stack.wait(1)
        assert simulated.reported() == (30, 0)
        received = simulated.client.request("GET", "/sms/1/inbox/reports").json["results"]
        assert [one["text"] for one in received] == [text]


def test_a_long_message_whose_parts_do_not_all_come_is_not_sent(bench: Bench) -> None:
    esme = bench.stack.esme()
    esme.submit(
        tlvs=(
            (tlv.SAR_MSG_REF_NUM, b"\0\7"),
            (tlv.SAR_TOTAL_SEGMENTS, b"\2"),
            (tlv.SAR_SEGMENT_SEQNUM, b"\1"),
        )
    )
    bench.stack.wait(301)
    assert bench.logged() == (31, 4102)


def test_an_operator_that_never_answers_leaves_a_message_undelivered(tmp_path: Path) -> None:
    stack = Stack(tmp_path, unanswered="fail")
    stack.smsc.submit_status = None
    bench = Bench(stack)
    bench.answered()
    stack.wait(61)
    assert bench.reported() == (9, 502)
    stack.close()


FINAL = [one.id for one in STATUSES.values() if one.id and one.group_id != PENDING_GROUP and one.id < 50]


def test_the_simulator_ends_a_message_in_any_final_status(simulated: Bench) -> None:
    for status in FINAL:
        assert simulated.answered(destinations=[{"to": f"38591000{status:02}0000"}]) == 0
        simulated.stack.wait(1)
        assert simulated.reported()[0] == status


# GSM errors.

ERRORS = [error for error in GSM_ERRORS if error not in VOICE]


def test_the_simulator_ends_a_message_with_any_error(simulated: Bench) -> None:
    esme = simulated.stack.esme()
    for error in ERRORS:
        status = 9 if error else 5
        simulated.answered(destinations=[{"to": f"38591000{status:02}{error:04}"}])
        esme.submit(destination_addr=f"38591000{status:02}{error:04}".encode())
    simulated.stack.wait(1)
    reports = simulated.client.request("GET", "/sms/1/reports?limit=1000").json["results"]
    assert sorted(report["error"]["id"] for report in reports) == ERRORS
    receipts = [parse(one) for one in esme.receipts]
    assert sorted(int(receipt.error) for receipt in receipts if receipt) == ERRORS


def test_the_operator_s_receipts_tell_any_error(bench: Bench) -> None:
    failures = [error for error in ERRORS if error]
    for number, error in enumerate(failures, 1):
        bench.answered()
        network_error = (tlv.NETWORK_ERROR_CODE, b"\3" + error.to_bytes(2, "big"))
        bench.stack.smsc.receipt(number, stat=b"UNDELIV", tlvs=(network_error,))
        assert bench.reported() == (9, error)
    for number, error in enumerate((error for error in failures if error < 1000), len(failures) + 1):
        bench.answered()
        bench.stack.smsc.receipt(number, stat=b"UNDELIV", err=b"%03d" % error)
        assert bench.reported() == (9, error)


# The page.


class Line(NamedTuple):
    """A line of a table of the page."""

    id: int
    name: str
    cause: str
    tests: tuple[str, ...]


def lines(title: str) -> list[Line]:
    """Return the table of a section of the page."""
    section = PAGE.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([0-9]+) `(\w+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    return [
        Line(int(id), name, cause, tuple(re.findall(r"`(.+?)`", tests))) for id, name, cause, tests in rows
    ]


def named_tests(path: Path) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_has_every_status() -> None:
    table = lines("Statuses")
    assert [(line.id, line.name) for line in table] == [(one.id, one.name) for one in STATUSES.values()]


def test_the_page_has_every_error() -> None:
    table = lines("GSM errors")
    assert [(line.id, line.name) for line in table] == [(error, GSM_ERRORS[error].name) for error in ERRORS]


def test_the_page_names_for_each_a_cause_and_tests_that_there_are() -> None:
    table = lines("Statuses") + lines("GSM errors")
    assert [line.id for line in table if not line.cause.strip() or not line.tests] == []
    for line in table:
        for named in line.tests:
            file, _, name = named.rpartition("::")
            assert name in named_tests(ROOT / file if file else Path(__file__)), line

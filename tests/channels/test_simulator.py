from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.channels.simulated import Behaviour, behaviour
from smsd.services.statuses import EXPIRED_DLR_UNKNOWN, GSM_ERRORS, STATUSES, UNKNOWN_ERROR, Status
from smsd.smpp import tlv
from smsd.smpp.pdu import SubmitSmResp
from tests.peers import Stack, result, submit_sm


def test_every_message_is_delivered_after_the_delay(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=3)
    esme = stack.esme()
    answer = esme.submit()
    stack.wait(2)
    assert stack.status(answer.message_id)[0] == 2
    assert esme.receipts == []
    stack.wait(2)
    assert stack.status(answer.message_id) == (4, 5, 0, 0)
    assert len(esme.receipts) == 1
    stack.close()


def test_a_long_message_is_delivered_as_one(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    esme = stack.esme()
    esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, bytes(400)),))
    stack.wait(1)
    (receipt,) = esme.receipts
    assert b"sub:003 dlvr:003" in receipt.short_message
    stack.close()


def test_only_so_many_messages_are_under_way(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=10, window=4)
    esme = stack.esme()
    for _ in range(10):
        esme.send(submit_sm())
    stack.settle()
    for delivered in (4, 8, 10):
        stack.wait(10)
        assert stack.rows("SELECT count(*) FROM message WHERE state = 4") == [(delivered,)]
    stack.close()


def test_what_is_under_way_when_it_stops_is_delivered_when_it_starts_again(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=5)
    esme = stack.esme()
    for _ in range(3):
        esme.send(submit_sm())
    stack.settle()
    result(stack.administration.change_channel("operator", enabled=False))
    stack.wait(20)
    assert esme.receipts == []
    result(stack.administration.change_channel("operator", enabled=True))
    stack.wait(10)
    assert len(esme.receipts) == 3
    assert len({answer.message_id for answer in esme.all(SubmitSmResp)}) == 3
    stack.close()


def test_another_delay_counts_at_once(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=3600)
    esme = stack.esme()
    result(stack.administration.change_channel("operator", options='{"delay": 1}'))
    stack.wait(0.4)
    esme.submit()
    stack.wait(2)
    assert len(esme.receipts) == 1
    stack.close()


def told(stack: Stack, destination: str, **fields: Any) -> Any:
    """Send a message to a destination that tells the simulator something; return its row's id."""
    esme = stack.esme()
    answer = esme.submit(destination_addr=destination.encode(), **fields)
    return answer.message_id


@pytest.mark.parametrize("status", [one for one in STATUSES.values() if one.group_id > 1])
def test_each_status_has_its_destination(tmp_path: Path, status: Status) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    message_id = told(stack, f"38591000{status.id:02}0000")
    stack.wait(1)
    state, ended, _, _ = stack.status(message_id)
    assert (state, ended) == (4, status.id)
    stack.close()


def test_each_error_has_its_destination(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    esme = stack.esme()
    for error in GSM_ERRORS:
        esme.send(submit_sm(destination_addr=b"3859100009%04d" % error))
    stack.settle()
    stack.wait(1)
    rows = stack.rows("SELECT destination, status, error FROM message ORDER BY id")
    assert rows == [(f"3859100009{error:04}", 9, error or UNKNOWN_ERROR) for error in GSM_ERRORS]
    stack.close()


def test_a_message_is_refused_so_often_and_then_delivered(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    message_id = told(stack, "38591001020027", registered_delivery=0x11)
    stack.wait(1)
    assert stack.rows("SELECT state, attempts, error FROM message") == [(1, 1, 27)]
    stack.wait(200)
    assert stack.rows("SELECT state, attempts, status FROM message") == [(4, 2, 5)]
    assert message_id
    stack.close()


def test_a_message_is_delivered_after_as_long_as_its_destination_says(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    message_id = told(stack, "38591002000090")
    stack.wait(88)
    assert stack.status(message_id)[0] == 2
    stack.wait(3)
    assert stack.status(message_id)[:2] == (4, 5)
    stack.close()


def test_nobody_hears_of_a_message_until_its_validity_ends(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    message_id = told(stack, "38591003000000", validity_period=b"000000000200000R")
    stack.wait(1)
    assert stack.status(message_id)[0] == 3
    stack.wait(121)
    assert stack.status(message_id)[:2] == (4, EXPIRED_DLR_UNKNOWN)
    stack.close()


def test_a_long_message_fails_with_its_last_segment(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    payload = ((tlv.MESSAGE_PAYLOAD, bytes(400)),)
    message_id = told(stack, "38591005090027", short_message=b"", tlvs=payload)
    stack.wait(1)
    assert stack.status(message_id)[:2] == (4, 9)
    assert stack.rows("SELECT status, error FROM segment ORDER BY number") == [(5, 0), (5, 0), (9, 27)]
    stack.close()


def test_a_subscriber_sends_the_text_back(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    result(stack.administration.add_number("38591555", "acme"))
    stack.wait(1)
    told(stack, "38591004030000", source_addr=b"38591555", short_message=b"ping")
    stack.wait(1)
    rows = stack.rows("SELECT source, destination, text FROM received")
    assert rows == [("38591004030000", "38591555", "ping")] * 3
    stack.close()


@pytest.mark.parametrize(
    "destination", ["385911234567", "38591000000000", "38591000990000", "38591000059999", "00005"]
)
def test_any_other_destination_is_delivered(destination: str) -> None:
    assert behaviour(destination) == Behaviour()


@given(st.from_regex(r"\A[0-9]{5,15}\Z"))
def test_every_destination_means_something_that_exists(destination: str) -> None:
    told = behaviour(destination)
    if told.outcome is not None:
        assert told.outcome.status in STATUSES
        assert told.outcome.error in GSM_ERRORS
    assert told.error in GSM_ERRORS
    assert told.delay is None or 0 <= told.delay < 1_000_000


PAGE = (Path(__file__).parents[2] / "docs/simulator.md").read_text("utf-8")
_end = re.compile(r"^\| `(\d+)` `(\d{9})` \| (\d+) `(\w+)`(?:, error (\d+) `(\w+)`)? \|$", re.MULTILINE)
ENDS = _end.findall(PAGE)


@pytest.mark.parametrize(("prefix", "digits", "status", "name", "error", "error_name"), ENDS)
def test_a_destination_of_the_page_ends_as_it_says(
    tmp_path: Path, prefix: str, digits: str, status: str, name: str, error: str, error_name: str
) -> None:
    assert STATUSES[int(status)].name == name
    stack = Stack(tmp_path, kind="simulator")
    answer = stack.esme().submit(destination_addr=f"{prefix}{digits}".encode())
    stack.wait(3)
    state, ended, found, _ = stack.status(answer.message_id)
    assert (state, ended) == (4, int(status))
    if error:
        assert GSM_ERRORS[int(error)].name == error_name
        assert found == int(error)
    stack.close()


def test_the_page_has_such_destinations() -> None:
    assert len(ENDS) == 5

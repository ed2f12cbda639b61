"""An operator that tries once: what it can't deliver for a reason that may pass is sent to it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smsd.services.retries import FIRST_RETRY
from smsd.services.statuses import DELIVERED_TO_HANDSET, EXPIRED_EXPIRED, UNDELIVERABLE_NOT_DELIVERED
from smsd.smpp import tlv
from smsd.smpp.pdu import DeliverSm
from smsd.store.messages import State
from tests.peers import FakeEsme, Stack

LONG = ((tlv.MESSAGE_PAYLOAD, bytes(200)),)
"""Two segments."""
ABSENT, UNKNOWN = b"027", b"001"
"""GSM errors: one that may pass, and one that does not."""
DELIVERED = (State.FINAL, DELIVERED_TO_HANDSET)
UNDELIVERED = (State.FINAL, UNDELIVERABLE_NOT_DELIVERED)


def submitted(tmp_path: Path, policy: str = "again", **fields: Any) -> tuple[Stack, FakeEsme, bytes]:
    """Return a message that the operator has taken, all of it."""
    stack = Stack(tmp_path, undelivered=policy)
    stack.wait(2)
    esme = stack.esme()
    message_id = esme.submit(**fields).message_id
    stack.settle()
    return stack, esme, message_id


def fails(stack: Stack, number: int, err: bytes = ABSENT) -> None:
    """Bring the receipt of a failure, which is acknowledged."""
    assert stack.smsc.receipt(number, b"UNDELIV", err) is not None


def test_a_failure_that_may_pass_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    stack, esme, message_id = submitted(tmp_path)
    for attempt, pause in enumerate((FIRST_RETRY, 2 * FIRST_RETRY), 1):
        fails(stack, attempt)
        assert stack.status(message_id)[0] == State.SCHEDULED
        assert stack.core.in_memory()["messages that wait to be sent"] == 1
        stack.wait(pause - 2)
        assert len(stack.smsc.submits) == attempt
        stack.wait(4)
        assert len(stack.smsc.submits) == attempt + 1
    assert esme.receipts == []
    stack.smsc.receipt(3)
    assert stack.status(message_id)[:2] == DELIVERED
    assert len(esme.receipts) == 1
    stack.close()


@pytest.mark.parametrize(("policy", "err"), [("final", ABSENT), ("again", UNKNOWN), ("again", b"000")])
def test_any_other_failure_ends_the_message(tmp_path: Path, policy: str, err: bytes) -> None:
    stack, _, message_id = submitted(tmp_path, policy)
    fails(stack, 1, err)
    assert stack.status(message_id)[:2] == UNDELIVERED
    stack.close()


def test_who_asked_for_it_hears_that_the_message_is_not_delivered_yet(tmp_path: Path) -> None:
    stack, esme, _ = submitted(tmp_path, registered_delivery=0x11)
    fails(stack, 1)
    (notice,) = esme.all(DeliverSm)
    assert (notice.esm_class, dict(notice.tlvs)[tlv.NETWORK_ERROR_CODE]) == (0x20, b"\3\0\x1b")
    stack.close()


def test_what_has_no_time_for_another_attempt_ends_as_the_operator_says(tmp_path: Path) -> None:
    stack, _, message_id = submitted(tmp_path, validity_period=b"000000000050000R")
    fails(stack, 1)
    assert stack.status(message_id)[:2] == UNDELIVERED
    stack.close()


def test_a_message_that_waits_for_another_attempt_ends_with_its_validity(tmp_path: Path) -> None:
    stack, _, message_id = submitted(tmp_path, validity_period=b"000000000200000R")
    fails(stack, 1)
    stack.smsc.submit_status = None
    for link in stack.smsc.bound:
        link.transport.loseConnection()
    stack.network.ports.clear()
    stack.wait(20 * 60 + 5)
    assert stack.status(message_id)[:2] == (State.FINAL, EXPIRED_EXPIRED)
    assert stack.core.in_memory()["messages that wait to be sent"] == 0
    stack.close()


def test_all_segments_go_again_once_each_has_failed(tmp_path: Path) -> None:
    stack, _, message_id = submitted(tmp_path, short_message=b"", tlvs=LONG)
    fails(stack, 1)
    stack.wait(FIRST_RETRY + 5)
    assert len(stack.smsc.submits) == 2
    fails(stack, 2)
    stack.wait(FIRST_RETRY + 5)
    assert len(stack.smsc.submits) == 4
    for number in (3, 4):
        stack.smsc.receipt(number)
    assert stack.status(message_id)[:2] == DELIVERED
    stack.close()


@pytest.mark.parametrize("failed_first", [True, False])
def test_nothing_goes_again_once_a_segment_was_delivered(tmp_path: Path, failed_first: bool) -> None:
    stack, _, message_id = submitted(tmp_path, short_message=b"", tlvs=LONG)
    if failed_first:
        fails(stack, 1)
        stack.smsc.receipt(2)
    else:
        stack.smsc.receipt(1)
        fails(stack, 2)
    assert stack.status(message_id)[:3] == (*UNDELIVERED, 27)
    stack.close()


def test_a_second_receipt_of_an_attempt_says_nothing_of_the_next(tmp_path: Path) -> None:
    stack, _, message_id = submitted(tmp_path)
    for _ in range(2):
        stack.smsc.receipt(1, b"UNDELIV", ABSENT)
        stack.wait(3)
    stack.wait(FIRST_RETRY)
    assert len(stack.smsc.submits) == 2
    stack.smsc.receipt(1, b"UNDELIV", UNKNOWN)
    stack.wait(3)
    assert stack.status(message_id)[0] == State.SENT
    stack.close()


def test_the_simulator_s_messages_can_be_tried_again(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0, undelivered="again")
    message_id = stack.esme().submit(destination_addr=b"38591000090027").message_id
    stack.wait(1)
    assert stack.status(message_id)[:3] == (State.SCHEDULED, 0, 27)
    stack.close()

"""What an operator refuses, or can't be told, goes to another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsd.smpp import status, tlv
from smsd.smpp.pdu import SubmitSm
from tests.peers import PORT, Stack, result

LONG = b"x" * 153 + b"y" * 153 + b"z" * 53
WHOLE = {"short_message": b"", "tlvs": ((tlv.MESSAGE_PAYLOAD, LONG),)}


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Returns nodes with a simulator to which goes what the operator has not."""
    made: list[Stack] = []

    def stack(**options: Any) -> Stack:
        one = Stack(tmp_path, **options)
        made.append(one)
        result(one.administration.add_channel("backup", "simulator", '{"delay": 0.1}'))
        result(one.administration.add_route("backup", priority=-1))
        one.wait(0.4)
        return one

    yield stack
    for one in made:
        one.close()


Make = Callable[..., Stack]


def channel(stack: Stack, message_id: bytes) -> int:
    ((channel_id,),) = stack.rows(f"SELECT channel_id FROM message WHERE id = {int(message_id)}")
    return int(channel_id)


def delivered(stack: Stack, message_id: bytes) -> bool:
    stack.wait(2)
    return stack.status(message_id)[:2] == (4, 5)


@pytest.mark.parametrize(
    ("refusal", "elsewhere"),
    [
        (status.ESME_RINVSRCADR, True),
        (status.ESME_RSYSERR, True),
        (status.ESME_RSUBMITFAIL, True),
        (status.ESME_RINVDSTADR, False),
        (0x400, False),
    ],
)
def test_a_refusal_says_whether_another_operator_may_have_a_message(
    make: Make, refusal: int, elsewhere: bool
) -> None:
    stack = make()
    stack.smsc.submit_status = refusal
    message_id = stack.esme().submit().message_id
    assert delivered(stack, message_id) is elsewhere
    assert channel(stack, message_id) == (2 if elsewhere else 1)
    assert len(stack.smsc.submits) == 1


def test_an_operator_s_own_error_is_told_to_be_one_that_another_has_not(make: Make) -> None:
    stack = make(errors="0x400=27:elsewhere")
    stack.smsc.submit_status = 0x400
    assert delivered(stack, stack.esme().submit().message_id)


def test_a_long_message_of_which_all_segments_are_refused_goes_elsewhere_once(make: Make) -> None:
    stack = make()
    stack.smsc.submit_status = status.ESME_RINVSRCADR
    esme = stack.esme()
    message_id = esme.submit(**WHOLE).message_id
    assert delivered(stack, message_id)
    assert len(stack.smsc.submits) == 3
    assert len(esme.receipts) == 1


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_a_long_message_of_which_the_operator_takes_a_segment_stays(make: Make, refused: int) -> None:
    def one(pdu: SubmitSm) -> int:
        return status.ESME_RINVSRCADR if pdu.short_message[5] == refused else status.ESME_ROK

    stack = make()
    stack.smsc.submit_status = one
    message_id = stack.esme().submit(**WHOLE).message_id
    stack.wait(2)
    assert stack.status(message_id)[:2] == (4, 4)
    assert channel(stack, message_id) == 1


def test_a_long_message_waits_for_all_answers_before_it_goes_elsewhere(make: Make) -> None:
    stack = make()
    stack.smsc.submit_status = None
    message_id = stack.esme().submit(**WHOLE).message_id
    first, second, third = stack.smsc.submits
    for pdu in (second, first):
        stack.smsc.answer(stack.smsc.link, pdu, status.ESME_RINVSRCADR)
        stack.wait(1)
        assert channel(stack, message_id) == 1
    stack.smsc.answer(stack.smsc.link, third, status.ESME_RTHROTTLED)
    assert delivered(stack, message_id)
    assert channel(stack, message_id) == 2


@pytest.mark.parametrize("policy", ["again", "fail", "wait"])
def test_a_long_message_whose_answers_never_all_come_is_not_sent_elsewhere(make: Make, policy: str) -> None:
    stack = make(unanswered=policy)
    stack.smsc.submit_status = None
    message_id = stack.esme().submit(**WHOLE).message_id
    stack.smsc.answer(stack.smsc.link, stack.smsc.submits[0], status.ESME_RINVSRCADR)
    stack.wait(40)
    assert stack.status(message_id)[:2] == (4, 4)
    assert channel(stack, message_id) == 1
    assert len(stack.smsc.submits) == 3


def test_a_channel_that_is_lost_leaves_its_messages_to_the_next_after_a_while(make: Make) -> None:
    stack = make(failover=5)
    esme = stack.esme()
    stack.network.ports.clear()
    stack.smsc.link.transport.loseConnection()
    stack.settle()
    waiting = esme.submit().message_id
    stack.wait(3)
    assert channel(stack, waiting) == 1
    stack.wait(3)
    assert channel(stack, waiting) == 2
    assert channel(stack, esme.submit().message_id) == 2
    assert delivered(stack, waiting)
    stack.network.ports[PORT] = stack.smsc
    stack.wait(62)
    assert channel(stack, esme.submit().message_id) == 1
    assert len(stack.smsc.submits) == 1


def test_a_channel_may_keep_its_messages_for_ever(make: Make) -> None:
    stack = make(failover=0)
    esme = stack.esme()
    stack.network.ports.clear()
    stack.smsc.link.transport.loseConnection()
    waiting = esme.submit().message_id
    stack.wait(300)
    assert channel(stack, waiting) == 1


def test_a_channel_whose_options_are_wrong_leaves_its_messages_to_the_next(make: Make) -> None:
    stack = make()
    esme = stack.esme()
    result(stack.administration.change_channel("operator", options='{"nothing": 1}'))
    stack.wait(1)
    waiting = esme.submit().message_id
    stack.wait(12)
    assert channel(stack, waiting) == 2

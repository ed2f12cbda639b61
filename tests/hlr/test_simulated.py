from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.hlr.options import SimulatorOptions
from smsd.hlr.simulated import ABROAD, HOME, OTHER, SimulatedHlr, behaviour
from smsd.numbering.context import Context
from tests.hlr.asking import Question
from tests.peers import Network


class Stand:
    """A simulated back end."""

    def __init__(self, **options: float) -> None:
        self.reactor = Network()
        self.back_end = SimulatedHlr("simulated", SimulatorOptions(**options), self.reactor)  # type: ignore[arg-type]
        self.back_end.startService()

    def ask(self, digits: str) -> Question:
        return Question(self.back_end, f"38591{digits}")


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_a_number_that_says_nothing_can_be_reached_at_home(stand: Stand) -> None:
    context = stand.ask("5369421").context
    assert (context.error, context.correct, context.original) == (0, True, HOME)
    assert (context.ported, context.ported_network) == (False, None)
    assert (context.roaming, context.roaming_network) == (False, None)
    assert context.imsi == "999015915369421"
    assert (context.serving_msc, context.serving_hlr) == ("99901000001", "99901000000")


@pytest.mark.parametrize("error", [1, 13, 27, 34])
def test_a_number_can_say_why_it_is_not_reached(stand: Stand, error: int) -> None:
    assert stand.ask(f"00000{error:04}").context == Context(error=error, correct=True, original=HOME)


@pytest.mark.parametrize(
    ("flags", "ported", "roaming"), [("10", True, False), ("01", False, True), ("11", True, True)]
)
def test_a_number_can_be_ported_and_can_roam(stand: Stand, flags: str, ported: bool, roaming: bool) -> None:
    context = stand.ask(f"001{flags}0000").context
    assert (context.error, context.ported, context.roaming) == (0, ported, roaming)
    assert context.ported_network == (OTHER if ported else None)
    assert context.roaming_network == (ABROAD if roaming else None)
    assert (context.imsi or "").startswith((OTHER if ported else HOME).mccmnc)


def test_a_number_can_be_answered_after_a_while(stand: Stand) -> None:
    question = stand.ask("002000007")
    stand.reactor.wait(6)
    assert question.open
    stand.reactor.wait(1)
    assert question.context.error == 0


def test_a_number_can_have_no_answer_ever(stand: Stand) -> None:
    question = stand.ask("003000000")
    stand.reactor.wait(10_000, step=1_000)
    assert question.open
    question.cancel()


def test_a_number_can_fail_at_once(stand: Stand) -> None:
    assert stand.ask("004000000").reason == "The number says that it be so."


def test_a_number_can_be_unknown_to_the_back_end_or_be_none(stand: Stand) -> None:
    assert stand.ask("005000000").context == Context()
    assert stand.ask("006000000").context == Context(correct=False)


def test_an_error_that_does_not_exist_is_ignored(stand: Stand) -> None:
    assert stand.ask("000009999").context.error == 0


def test_all_answers_may_take_a_while() -> None:
    stand = Stand(delay=2)
    question, fast = stand.ask("5369421"), stand.ask("002000001")
    stand.reactor.wait(1)
    assert fast.context.error == 0
    assert question.open
    stand.reactor.wait(1)
    assert question.context.error == 0


def test_more_questions_than_may_wait_fail_at_once() -> None:
    stand = Stand(waiting=1)
    first = stand.ask("003000000")
    assert stand.ask("003000001").reason == "1 questions wait already."
    first.cancel()
    assert stand.ask("003000001").open


def test_a_back_end_that_stops_tells_who_waits() -> None:
    stand = Stand()
    waiting = [stand.ask("003000000"), stand.ask("002000007")]
    stand.back_end.stopService()
    assert [question.reason for question in waiting] == ["It has been stopped."] * 2
    assert stand.reactor.getDelayedCalls() == []


@given(st.from_regex(r"[1-9][0-9]{4,14}", fullmatch=True))
def test_every_number_has_a_behaviour(number: str) -> None:
    found = behaviour(number)
    assert found.context is not None or found.reason or number[-9:-6] == "003"

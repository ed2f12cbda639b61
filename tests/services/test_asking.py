"""Limits of back ends: how many questions at once, how many a second, and how long an answer may take."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from smsd.numbering.context import Context
from smsd.services.asking import Asked
from smsd.services.lookup import NoAnswer
from smsd.store.settings import LookupBackEnd
from tests.stores import clock_at_noon


class BackEnd:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.open: dict[str, Deferred[Context]] = {}
        self.cancelled: list[str] = []

    async def ask(self, number: str) -> Context:
        self.open[number] = Deferred(lambda _: self.cancelled.append(number))
        return await self.open[number]

    def answer(self, number: str) -> None:
        self.open.pop(number).callback(Context(0, imsi=number))


class Rig:
    def __init__(self, **limits: int) -> None:
        self.clock: Clock = clock_at_noon()
        self.back_end = BackEnd()
        values = {"timeout": 1000, "rate": 0, "at_once": 4} | limits
        row = LookupBackEnd(1, "hlr", "test", 1, options="{}", **values)
        self.asked = Asked(row, self.back_end, self.clock)

    def ask(self, number: str, account_id: int = 1) -> list[Any]:
        """Ask, and return the list in which the answer, or why there is none, will be."""
        heard: list[Any] = []

        def hear(answer: Context | Failure) -> None:
            heard.append(str(answer.value) if isinstance(answer, Failure) else answer.imsi)

        asking = Deferred.fromCoroutine(self.asked.ask(account_id, number))
        asking.addErrback(lambda failure: failure if failure.check(NoAnswer) else heard.append(failure))
        asking.addBoth(hear)
        return heard


def test_a_number_that_several_ask_about_is_asked_about_once() -> None:
    rig = Rig()
    first, second, other = rig.ask("1"), rig.ask("1", account_id=2), rig.ask("2")
    assert list(rig.back_end.open) == ["1", "2"]
    rig.back_end.answer("1")
    assert (first, second, other) == (["1"], ["1"], [])


def test_no_answer_in_time_is_none_and_the_question_is_given_up() -> None:
    rig = Rig()
    heard = rig.ask("1")
    rig.clock.advance(0.9)
    assert heard == []
    rig.clock.advance(0.2)
    assert heard == ["No answer came within 1 seconds"]
    assert rig.back_end.cancelled == ["1"]
    assert rig.clock.getDelayedCalls() == []


def test_one_that_hangs_up_leaves_the_question_to_the_others() -> None:
    rig = Rig()
    gone = Deferred.fromCoroutine(rig.asked.ask(1, "1"))
    gone.addErrback(lambda _: None)
    stays = rig.ask("1")
    gone.cancel()
    rig.back_end.answer("1")
    assert stays == ["1"]


def test_so_many_are_asked_at_once_and_the_others_wait_for_their_turn() -> None:
    rig = Rig(at_once=4)
    heard = [rig.ask(str(number), account_id=number) for number in range(6)]
    assert list(rig.back_end.open) == ["0", "1", "2", "3"]
    rig.back_end.answer("0")
    rig.back_end.answer("2")
    assert list(rig.back_end.open) == ["1", "3", "4", "5"]
    rig.clock.advance(1.1)
    assert [one[0] for one in heard] == ["0", *["No answer came within 1 seconds"] * 1, "2"] + [
        "No answer came within 1 seconds"
    ] * 3


def test_one_account_that_asks_a_lot_leaves_the_others_their_turns() -> None:
    rig = Rig(at_once=4)
    for number in range(100, 200):
        rig.ask(str(number), account_id=1)
    assert list(rig.back_end.open) == ["100", "101"]
    rig.ask("7", account_id=2)
    assert "7" in rig.back_end.open
    rig.ask("8", account_id=2)
    rig.ask("9", account_id=2)
    order = []
    while rig.back_end.open:
        order.append(next(iter(rig.back_end.open)))
        rig.back_end.answer(order[-1])
    assert order.index("9") < 10
    assert len(order) == 103


def test_so_many_are_asked_a_second() -> None:
    rig = Rig(rate=10, at_once=1000, timeout=60_000)
    for number in range(100):
        rig.ask(str(number))
    burst = len(rig.back_end.open)
    assert 10 <= burst <= 11
    for _ in range(20):
        rig.clock.advance(0.1)
    assert 29 <= len(rig.back_end.open) <= 32


def test_a_wait_for_a_turn_counts_as_a_wait_for_an_answer() -> None:
    rig = Rig(rate=1, at_once=1000)
    heard = [rig.ask(str(number)) for number in range(5)]
    rig.clock.pump([0.2] * 6)
    assert [one for one in heard if one] == [["No answer came within 1 seconds"]] * 5
    assert len(rig.back_end.cancelled) <= 3


def test_a_mistake_in_a_back_end_is_logged_and_no_answer(logged_failures: list[type[BaseException]]) -> None:
    rig = Rig()

    async def ask(number: str) -> Context:
        raise ZeroDivisionError

    rig.back_end.ask = ask  # type: ignore[method-assign]
    assert rig.ask("1") == ["It failed"]
    logged_failures.append(ZeroDivisionError)


@pytest.mark.parametrize("answers", [True, False])
def test_nothing_is_left_behind(answers: bool) -> None:
    rig = Rig(at_once=1)
    for number in range(20):
        rig.ask(str(number), account_id=number % 3)
    while answers and rig.back_end.open:
        rig.back_end.answer(next(iter(rig.back_end.open)))
    rig.clock.advance(2)
    assert rig.asked._waiting == {}
    assert rig.asked._turns._queues == {}
    assert rig.asked._turns._going.taken == 0
    assert rig.asked._turns._queued.taken == 0

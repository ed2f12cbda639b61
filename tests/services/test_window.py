from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smsd.services.window import AGAIN, Window
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Message
from tests.stores import clock_at_noon, message


class Table:
    """The rows that wait, and readings of them that are answered when a test says so."""

    def __init__(self) -> None:
        self.rows: dict[int, Message] = {}
        self.readings: list[tuple[int, list[Message], Deferred[list[Message]]]] = []
        self.limits: list[int] = []
        self.at_once = True

    def add(self, *ids: int) -> list[Message]:
        made = [message(id) for id in ids]
        self.rows |= {one.id: one for one in made}
        return made

    def first(self, limit: int) -> list[Message]:
        return [self.rows[id] for id in sorted(self.rows)[:limit]]

    def read(self, limit: int) -> Deferred[list[Message]]:
        reading: Deferred[list[Message]] = Deferred()
        self.limits.append(limit)
        if self.at_once:
            reading.callback(self.first(limit))
        else:
            self.readings.append((limit, self.first(limit), reading))
        return reading

    def answer(self, *, as_of_now: bool = False) -> None:
        """Answer the oldest reading with what there was when it began, or is now."""
        limit, rows, reading = self.readings.pop(0)
        reading.callback(self.first(limit) if as_of_now else rows)

    def fail(self, error: Exception | None = None) -> None:
        self.readings.pop(0)[-1].errback(error or StoreUnavailable("It is told to be away."))


class Stage:
    def __init__(self, size: int = 8) -> None:
        self.clock: Clock = clock_at_noon()
        self.table = Table()
        self.ready = 0
        self.window = Window(self.clock, size, self.table.read, self._ready)

    def _ready(self) -> None:
        self.ready += 1

    def store(self, *ids: int) -> None:
        """Store messages and offer them, as the journal does."""
        for one in self.table.add(*ids):
            self.window.offer(one)

    def take(self) -> list[int]:
        """Take what there is."""
        taken = []
        while (one := self.window.take()) is not None:
            taken.append(one.id)
        return taken

    def settle(self, *ids: int) -> None:
        for id in ids:
            del self.table.rows[id]
            self.window.settle(id)

    def drain(self) -> list[int]:
        taken: list[int] = []
        while some := self.take():
            taken += some
            self.settle(*some)
        return taken


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_messages_are_taken_in_the_order_in_which_they_came(stage: Stage) -> None:
    stage.store(3, 1, 2)
    assert stage.take() == [3, 1, 2]
    assert stage.take() == []
    assert stage.table.limits == []


def test_a_message_is_let_in_once(stage: Stage) -> None:
    (one,) = stage.table.add(1)
    assert stage.window.offer(one)
    assert not stage.window.offer(one)
    assert stage.take() == [1]
    assert not stage.window.offer(one)
    assert stage.take() == []


def test_a_longer_backlog_than_memory_holds_is_read_in_order(stage: Stage) -> None:
    stage.store(*range(100))
    assert stage.window.held == 8
    assert stage.take() == list(range(8))
    assert stage.window.held == 8
    stage.settle(*range(8))
    assert stage.window.held <= 8
    assert stage.drain() == list(range(8, 100))
    assert stage.window.idle


def test_what_is_under_way_counts_against_the_bound(stage: Stage) -> None:
    stage.store(*range(20))
    assert len(stage.take()) == 8
    assert stage.take() == []
    stage.settle(0, 1, 2)
    assert stage.take() == [8, 9, 10]


def test_a_new_message_waits_behind_those_that_are_only_in_the_table(stage: Stage) -> None:
    stage.store(*range(12))
    assert stage.take() == list(range(8))
    stage.settle(*range(8))
    stage.store(12)
    assert stage.drain() == [8, 9, 10, 11, 12]


def test_what_waited_before_the_start_is_read_when_looked_for(stage: Stage) -> None:
    stage.table.add(*range(20))
    assert stage.take() == []
    stage.window.look()
    assert stage.ready == 1
    assert stage.drain() == list(range(20))


def test_an_empty_table_makes_nobody_ready(stage: Stage) -> None:
    stage.window.look()
    assert stage.ready == 0
    assert stage.window.idle


def test_a_message_put_back_is_the_next_one(stage: Stage) -> None:
    stage.store(1, 2, 3)
    first = stage.window.take()
    assert first is not None
    stage.window.put_back(first)
    assert stage.take() == [1, 2, 3]


def test_a_message_that_is_settled_while_the_table_is_read_does_not_come_again(stage: Stage) -> None:
    stage.store(1, 2)
    stage.take()
    stage.table.at_once = False
    stage.window.look()
    stage.settle(1)
    stage.table.answer()
    assert stage.take() == []


def test_what_is_offered_while_the_table_is_read_is_neither_lost_nor_doubled(stage: Stage) -> None:
    stage.table.at_once = False
    stage.window.look()
    stage.store(1, 2)
    stage.table.answer()  # It began before they were there.
    assert len(stage.table.readings) == 1
    stage.store(3)
    stage.table.answer(as_of_now=True)
    stage.table.at_once = True
    assert stage.take() == [1, 2, 3]


def test_the_table_is_read_once_at_a_time(stage: Stage) -> None:
    stage.table.at_once = False
    for _ in range(5):
        stage.window.look()
    assert len(stage.table.readings) == 1


def test_a_reading_brings_in_no_more_than_there_is_room_for(stage: Stage) -> None:
    stage.table.at_once = False
    stage.table.add(*range(100))
    stage.window.look()
    stage.table.answer()
    assert stage.window.held == 8
    assert max(stage.table.limits) <= 16


def test_a_table_that_cannot_be_read_is_read_again(stage: Stage) -> None:
    stage.table.at_once = False
    stage.table.add(1)
    stage.window.look()
    stage.table.fail()
    assert stage.table.readings == []
    stage.clock.advance(AGAIN)
    stage.table.answer()
    assert stage.take() == [1]


def test_a_mistake_in_reading_is_logged_and_does_not_end_it(
    stage: Stage, logged_failures: list[type[BaseException]]
) -> None:
    logged_failures.append(ZeroDivisionError)
    stage.table.at_once = False
    stage.table.add(1)
    stage.window.look()
    stage.table.fail(ZeroDivisionError())
    stage.clock.advance(AGAIN)
    stage.table.answer()
    assert stage.take() == [1]


def test_what_was_offered_while_reading_failed_is_read_later(stage: Stage) -> None:
    stage.table.at_once = False
    stage.window.look()
    stage.store(1)
    stage.table.fail()
    stage.store(2)
    stage.clock.advance(AGAIN)
    while stage.table.readings:
        stage.table.answer(as_of_now=True)
    assert stage.take() == [1, 2]


def test_a_cleared_window_keeps_only_what_is_under_way(stage: Stage) -> None:
    stage.store(1, 2, 3)
    assert stage.window.take() is not None
    stage.window.clear()
    assert (len(stage.window), stage.window.held) == (0, 1)
    stage.window.look()
    assert stage.take() == [2, 3]


def test_what_is_claimed_is_not_taken_wherever_it_waited(stage: Stage) -> None:
    stage.store(*range(12))
    first = stage.window.take()
    rows = list(stage.table.rows.values())
    claimed = stage.window.claim([*rows[:3], *rows[9:11]])
    assert first is rows[0]
    assert [one.id for one in claimed] == [1, 2, 9, 10]
    stage.window.look()
    assert stage.take() == [3, 4, 5, 6, 7]
    for id in (*range(8), 9, 10):
        stage.settle(id)
    assert stage.take() == [8, 11]


def test_what_is_claimed_while_the_table_is_read_does_not_come_in(stage: Stage) -> None:
    rows = stage.table.add(1, 2, 3)
    stage.table.at_once = False
    stage.window.look()
    assert stage.window.claim(rows[:2]) == rows[:2]
    stage.settle(1)
    stage.table.answer()
    assert stage.take() == [3]


def test_a_window_of_one_works(stage: Stage) -> None:
    stage = Stage(size=1)
    stage.store(*range(10))
    assert stage.drain() == list(range(10))


class WindowModel(RuleBasedStateMachine):
    """Whatever happens in whatever order, every waiting row is taken, and once at a time."""

    @initialize(size=st.integers(1, 6))
    def begin(self, size: int) -> None:
        self.stage = Stage(size)
        self.size = size
        self.stage.table.at_once = False
        self.next_id = 1000
        self.early_id = 0
        self.under_way: list[Message] = []
        self.done: set[int] = set()
        self.claimed = 0

    @rule(count=st.integers(1, 8))
    def store(self, count: int) -> None:
        self.stage.store(*range(self.next_id, self.next_id + count))
        self.next_id += count

    @rule(count=st.integers(1, 8))
    def become_due(self, count: int) -> None:
        self.stage.table.add(*range(self.early_id, self.early_id + count))
        self.early_id += count
        self.stage.window.look()

    @rule()
    def take(self) -> None:
        one = self.stage.window.take()
        if one is not None:
            assert one.id not in self.done
            assert one.id not in {other.id for other in self.under_way}
            self.under_way.append(one)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        one = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.done.add(one.id)
        self.stage.settle(one.id)

    @precondition(lambda self: self.under_way)
    @rule()
    def put_back(self) -> None:
        self.stage.window.put_back(self.under_way.pop())

    @rule(first=st.integers(0, 8), count=st.integers(1, 8))
    def claim(self, first: int, count: int) -> None:
        rows = self.stage.table.first(first + count)[first:]
        free = [one.id for one in rows if one.id not in {other.id for other in self.under_way}]
        claimed = self.stage.window.claim(rows)
        assert [one.id for one in claimed] == free
        self.under_way += claimed
        self.claimed += len(claimed)

    @precondition(lambda self: self.stage.table.readings)
    @rule(as_of_now=st.booleans())
    def answer(self, as_of_now: bool) -> None:
        self.stage.table.answer(as_of_now=as_of_now)

    @precondition(lambda self: self.stage.table.readings)
    @rule()
    def fail(self) -> None:
        self.stage.table.fail()

    @rule()
    def wait(self) -> None:
        self.stage.clock.advance(AGAIN)

    @rule()
    def clear_and_look(self) -> None:
        self.stage.window.clear()
        self.stage.window.look()

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.stage.window) <= self.stage.window.held <= self.size + self.claimed
        assert len(self.stage.table.readings) <= 1
        assert all(limit <= 2 * self.size + self.claimed for limit in self.stage.table.limits)

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        for _ in range(10 * (self.next_id - 1000 + self.early_id) + 10):
            self.take()
            while self.stage.table.readings:
                self.stage.table.answer()
            self.stage.clock.advance(AGAIN)
            if self.under_way:
                one = self.under_way.pop()
                self.done.add(one.id)
                self.stage.settle(one.id)
        assert self.done == {*range(self.early_id), *range(1000, self.next_id)}
        assert self.stage.window.idle


WindowModel.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestWindowModel = WindowModel.TestCase

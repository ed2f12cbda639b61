"""How removal shares the database's time, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from smsd.services.retention import INTERVAL, LEAST_REST, REST, STEP, Removal, Remover, Retention
from smsd.store.engine import StoreUnavailable
from tests.services.rig import Node
from tests.stores import NOON, clock_at_noon

HOUR = 3600.0


class Rows:
    """So many rows to remove, each step at once or when it is let go."""

    def __init__(self, clock: Clock, count: int) -> None:
        self.clock = clock
        self.count = count
        self.steps: list[float] = []
        self.failing: list[Exception] = []
        self.under_way: Deferred[None] | None = None
        self.slow = False

    async def remove(self, now: float, limit: int) -> int:
        self.steps.append(now)
        if self.failing:
            raise self.failing.pop()
        if self.slow:
            self.under_way = Deferred()
            await self.under_way
        removed = min(self.count, limit)
        self.count -= removed
        return removed

    def remover(self, line: str = "") -> Remover:
        return Remover("rows", self.remove, line)


@pytest.fixture
def clock() -> Clock:
    return clock_at_noon()


def pass_time(clock: Clock, seconds: float) -> None:
    clock.pump([LEAST_REST / 2] * round(seconds / LEAST_REST * 2))


def test_steps_go_on_with_rests_until_nothing_is_left_and_rounds_come_again(clock: Clock) -> None:
    rows = Rows(clock, 2 * STEP + 1)
    removal = Removal([rows.remover()], clock)
    removal.startService()
    assert rows.steps == [NOON]
    pass_time(clock, LEAST_REST)
    assert len(rows.steps) == 2
    pass_time(clock, 1)
    assert (rows.count, len(rows.steps)) == (0, 3)
    rows.count = 1
    clock.advance(INTERVAL)
    assert (rows.count, len(rows.steps)) == (0, 4)
    removal.stopService()
    clock.advance(INTERVAL)
    assert len(rows.steps) == 4


def test_the_rest_is_the_longer_the_longer_a_step_took(clock: Clock) -> None:
    rows = Rows(clock, 2 * STEP)
    rows.slow = True
    removal = Removal([rows.remover()], clock)
    removal.startService()
    clock.advance(2.0)
    assert rows.under_way is not None
    rows.under_way.callback(None)
    clock.advance(2.0 * REST - 0.1)
    assert len(rows.steps) == 1
    clock.advance(0.2)
    assert len(rows.steps) == 2
    assert rows.under_way is not None
    rows.under_way.callback(None)
    removal.stopService()


def test_a_stop_waits_for_the_step_and_begins_no_other(clock: Clock) -> None:
    rows = Rows(clock, 10 * STEP)
    rows.slow = True
    removal = Removal([rows.remover(), rows.remover()], clock)
    removal.startService()
    ended: list[object] = []
    stopping = removal.stopService()
    assert stopping is not None
    stopping.addCallback(ended.append)
    assert not ended
    assert rows.under_way is not None
    rows.under_way.callback(None)
    assert ended == [None]
    assert len(rows.steps) == 1
    assert clock.getDelayedCalls() == []


def test_a_stop_ends_a_rest(clock: Clock) -> None:
    rows = Rows(clock, 10 * STEP)
    removal = Removal([rows.remover()], clock)
    removal.startService()
    ended: list[object] = []
    stopping = removal.stopService()
    assert stopping is not None
    stopping.addCallback(ended.append)
    assert ended == [None]
    assert clock.getDelayedCalls() == []
    assert len(rows.steps) == 1


def test_what_fails_is_told_and_tried_again(clock: Clock, logged_failures: list[type[BaseException]]) -> None:
    broken, sound = Rows(clock, 1), Rows(clock, 1)
    broken.failing = [StoreUnavailable("gone"), ZeroDivisionError()]
    removal = Removal([broken.remover(), sound.remover()], clock)
    removal.startService()
    assert (broken.count, sound.count) == (1, 0)
    with capturedLogs() as events:
        clock.advance(INTERVAL)
    assert [formatEvent(event) for event in events] == ["What is to be removed stays for now: gone"]
    assert len(sound.steps) == 1
    clock.advance(INTERVAL)
    assert (broken.count, len(sound.steps)) == (0, 2)
    removal.stopService()
    logged_failures.append(ZeroDivisionError)


def test_a_round_says_what_it_has_given_up_in_one_line(clock: Clock) -> None:
    rows = Rows(clock, STEP + 7)
    removal = Removal([rows.remover("Given up: {count}")], clock)
    with capturedLogs() as events:
        removal.startService()
        pass_time(clock, 1)
        clock.advance(INTERVAL)
    assert [formatEvent(event) for event in events] == [f"Given up: {STEP + 7}"]
    removal.stopService()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "smsd.db")
    yield node
    node.close()


def test_a_message_lives_as_long_as_the_settings_say(node: Node) -> None:
    node.deliver(3)
    removal = node.core.removal
    removal.startService()
    kept = Retention()
    node.clock.advance(kept.logs + 300)
    assert node.rows("SELECT count(*) FROM message") == [(3,)]  # Nobody has had their receipts.
    with capturedLogs() as events:
        node.clock.advance(kept.reports - kept.logs)
    assert [formatEvent(event) for event in events] == [
        "Reports and receipts that nobody took for 720 hours, and which are given up: 3"
    ]
    assert node.rows("SELECT count(*) FROM message") == [(0,)]
    assert node.rows("SELECT count(*) FROM segment") == [(0,)]
    removal.stopService()

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smsd.services.retries import FIRST_RETRY
from smsd.services.statuses import (
    EXPIRED_DLR_UNKNOWN,
    EXPIRED_EXPIRED,
    SYSTEM_FAILURE,
    UNDELIVERABLE_NOT_SENT,
    VALIDITY_EXPIRED,
)
from smsd.sms.udh import Concatenation
from smsd.store.messages import State
from tests.services.rig import SIZE, Node, Receiver
from tests.stores import NOON, gone


@pytest.fixture
def looking(node: Node) -> Iterator[Node]:
    node.deadlines.startService()
    yield node
    node.deadlines.stopService()


def test_a_scheduled_message_is_sent_when_it_is_due(looking: Node) -> None:
    node = looking
    woken: list[float] = []
    node.outbox.attach(lambda: woken.extend(node.clock.seconds() - NOON for _ in node.take_all()))
    node.submit(due_at=NOON + 30)
    node.clock.pump([1] * 29)
    assert woken == []
    node.clock.pump([1, 1, 0])
    assert woken == [pytest.approx(30, abs=1)]


def test_many_messages_due_at_once_are_all_sent_though_memory_is_small(looking: Node) -> None:
    node = looking
    messages = node.submit(5 * SIZE, due_at=NOON + 5)
    node.clock.pump([1] * 6)
    sent = []
    while taken := node.take_all():
        for message in taken:
            node.send(message, f"{message.id}")
        sent += [message.id for message in taken]
        node.turn()
    assert sent == [message.id for message in messages]


def test_one_look_takes_so_many_and_the_next_takes_more(
    looking: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = looking
    monkeypatch.setattr("smsd.services.deadlines.DUE", 3)
    monkeypatch.setattr("smsd.services.deadlines.EXPIRED", 3)
    node.submit(7, due_at=NOON + 5)
    counted = []
    for _ in range(8):
        node.clock.advance(1)
        counted.append(node.rows("SELECT count(*) FROM message WHERE state = 2")[0][0])
    assert counted == [0, 0, 0, 0, 3, 6, 7, 7]


def test_every_message_ends_when_its_validity_does_whatever_its_state(looking: Node) -> None:
    node = looking
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    sent, queued = node.submit(2, expires_at=NOON + 10)
    assert node.outbox.take() is sent
    node.send(sent, "a")
    (scheduled,) = node.submit(due_at=NOON + 20, expires_at=NOON + 10)
    gathering = node.gathering.part(
        node.request(expires_at=NOON + 10), Concatenation(1, 2, 1), node.submitter
    )
    (valid,) = node.submit(expires_at=NOON + 100)
    node.clock.pump([1] * 9)
    assert receiver.ids == []
    node.clock.pump([1, 1, 0])
    assert node.state(sent) == (State.FINAL, EXPIRED_DLR_UNKNOWN)
    assert node.state(queued) == (State.FINAL, EXPIRED_EXPIRED)
    assert node.state(scheduled) == (State.FINAL, EXPIRED_EXPIRED)
    assert node.state(gathering) == (State.FINAL, UNDELIVERABLE_NOT_SENT)
    assert node.state(valid)[0] == State.QUEUED
    assert sorted(receiver.ids) == sorted(message.id for message in (sent, queued, scheduled, gathering))
    assert {message.error for message in receiver.receipts} == {VALIDITY_EXPIRED}


def test_an_expired_message_is_ended_and_reported_once(looking: Node) -> None:
    node = looking
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    (message,) = node.submit(expires_at=NOON + 2)
    node.engine.holding = True
    node.clock.advance(2)
    node.engine.holding = False
    assert node.take_all() == []
    while node.engine._held:
        node.engine.release()
    node.clock.pump([1, 1, 1])
    assert receiver.ids == [message.id]


def test_the_messages_of_a_channel_that_is_gone_end_too(looking: Node) -> None:
    node = looking
    (message,) = node.submit(destination="4366412345", expires_at=NOON + 5)
    node.clock.pump([1] * 7)
    assert node.state(message) == (State.FINAL, EXPIRED_EXPIRED)


def test_a_database_that_is_away_ends_no_looking(looking: Node) -> None:
    node = looking
    node.submit(due_at=NOON + 3)
    node.engine.before = [*gone(5)]
    node.clock.pump([1] * 10)
    assert len(node.take_all()) == 1


def test_what_has_become_due_without_anybody_hearing_of_it_is_sent(looking: Node) -> None:
    node = looking
    node.submit(due_at=NOON + 3)
    node.clock.pump([1, 1])
    node.engine.after = [*gone(1)]
    node.clock.pump([1] * 3)
    assert len(node.take_all()) == 1


@pytest.mark.parametrize("later", range(5))
def test_what_was_put_off_is_sent_again_though_nobody_heard_that_it_was(looking: Node, later: int) -> None:
    node = looking
    (message,) = node.submit()
    (taken,) = node.take_all()
    node.engine.after = [*gone(1)]
    node.outbox.refused(taken, temporary=True, error=SYSTEM_FAILURE)
    node.turn()
    node.engine.before = [*gone(1000)]
    node.clock.pump([1] * (int(FIRST_RETRY) + later))
    node.engine.before = []  # It is due now, and may be asked for before the journal asks.
    node.clock.pump([1] * 10)
    assert [one.id for one in node.take_all()] == [message.id]


def test_a_mistake_is_logged_and_ends_no_looking(
    looking: Node, logged_failures: list[type[BaseException]]
) -> None:
    node = looking
    logged_failures.append(ZeroDivisionError)
    node.submit(due_at=NOON + 3)
    node.engine.before = [ZeroDivisionError()]
    node.clock.pump([1] * 10)
    assert len(node.take_all()) == 1


def test_stopped_it_looks_no_more(node: Node) -> None:
    node.deadlines.startService()
    node.submit(due_at=NOON + 3)
    node.deadlines.stopService()
    node.clock.pump([1] * 10)
    assert node.take_all() == []
    assert node.clock.getDelayedCalls() == []

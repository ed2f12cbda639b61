"""How much an account may hand in: a second, and at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smsd.services.backlog import RECOUNT, OverRate, QueueFull
from smsd.sms.udh import Concatenation
from smsd.store.settings import Account
from tests.services.rig import Node, account
from tests.stores import gone


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "smsd.db")
    yield node
    node.close()


def admitted(node: Node, one: Account, count: int = 1) -> bool:
    try:
        node.submission.admit(one, count)
    except (OverRate, QueueFull):
        return False
    return True


def waiting(node: Node) -> int:
    """Return how many messages of the account count as waiting."""
    for queue in range(1, 100):
        if admitted(node, account(queue=queue)):
            return queue - 1
    raise AssertionError("more than a hundred")


def test_an_account_without_limits_has_none(node: Node) -> None:
    assert all(admitted(node, account()) for _ in range(1000))


def test_a_second_s_worth_may_come_at_once_and_then_as_many_a_second(node: Node) -> None:
    one = account(throughput=8)
    assert [admitted(node, one) for _ in range(10)] == [True] * 8 + [False] * 2
    node.clock.advance(0.125)
    assert [admitted(node, one) for _ in range(2)] == [True, False]
    node.clock.advance(0.5)
    assert [admitted(node, one) for _ in range(6)] == [True] * 4 + [False] * 2
    node.clock.advance(3600)
    assert [admitted(node, one) for _ in range(10)] == [True] * 8 + [False] * 2


def test_many_at_once_are_taken_together_and_paid_for_by_waiting(node: Node) -> None:
    one = account(throughput=10)
    assert admitted(node, one, 100)
    node.clock.advance(8.9)
    assert not admitted(node, one)
    node.clock.advance(0.2)
    assert admitted(node, one)


def test_one_is_told_how_long_to_wait(node: Node) -> None:
    node.submission.admit(account(throughput=2), 6)
    with pytest.raises(OverRate) as over:
        node.submission.admit(account(throughput=2), 1)
    assert over.value.seconds == pytest.approx(2.5)


def test_accounts_have_rates_of_their_own(node: Node) -> None:
    assert admitted(node, account(1, throughput=1))
    assert not admitted(node, account(1, throughput=1))
    assert admitted(node, account(2, throughput=1))


def test_what_waits_counts_until_it_is_sent(node: Node) -> None:
    messages = node.submit(3)
    assert waiting(node) == 3
    for message in node.take_all():
        node.send(message, f"op {message.id}")
    node.turn()
    assert waiting(node) == 0
    node.receipt(f"op {messages[0].id}")
    node.turn()
    assert waiting(node) == 0


def test_scheduled_messages_and_those_tried_again_count(node: Node) -> None:
    node.submit(due_at=node.clock.seconds() + 3600)
    node.submit()
    (message,) = node.take_all()
    node.outbox.refused(message, temporary=True, error=27)
    node.turn()
    assert waiting(node) == 2


def test_what_an_operator_refuses_or_time_ends_does_not_count(node: Node) -> None:
    node.submit(2, expires_at=node.clock.seconds() + 60)
    first, _ = node.take_all()
    node.outbox.refused(first, temporary=False, error=1)
    node.turn()
    assert waiting(node) == 1
    node.deadlines.startService()
    node.clock.pump([1.0] * 65)
    assert waiting(node) == 0
    node.deadlines.stopService()


def test_a_message_in_parts_counts_once_when_it_is_whole(node: Node) -> None:
    def part(number: int) -> None:
        request = node.request(body=b"x" * 153)
        node.gathering.part(request, Concatenation(9, 2, number), node.submitter)
        node.turn()

    part(1)
    assert waiting(node) == 0
    part(2)
    assert waiting(node) == 1


def test_the_count_is_taken_up_after_a_crash(node: Node) -> None:
    node.submit(3)
    node.submit(2, due_at=node.clock.seconds() + 3600)
    again = node.killed_and_started()
    assert waiting(again) == 5
    again.close()


def test_a_count_that_is_wrong_is_put_right_when_it_matters(node: Node) -> None:
    one: Any = account(queue=2)
    for _ in range(2):
        node.core.backlog.joined(1)  # Two that the table does not have.
    assert not admitted(node, one)
    node.turn()
    assert admitted(node, one)
    for _ in range(2):
        node.core.backlog.joined(1)
    assert not admitted(node, one)
    node.turn()
    assert not admitted(node, one)
    node.clock.advance(RECOUNT)
    assert not admitted(node, one)
    node.turn()
    assert admitted(node, one)


def test_what_has_ended_without_anybody_hearing_of_it_waits_no_more(node: Node) -> None:
    for message in node.submit(5):
        node.engine.after = gone()
        node.reports.cancel(message)
    node.turn()
    node.clock.advance(0.1)
    node.turn()
    assert node.core.backlog.waiting == 0

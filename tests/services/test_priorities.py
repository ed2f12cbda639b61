"""Of one account's messages the more urgent go first, wherever they wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.rig import SIZE, Node, account


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "smsd.db")
    yield node
    node.close()


def drain(node: Node) -> list[int]:
    """Send everything there is, one by one; return the priorities in the order of sending."""
    priorities = []
    while (message := node.outbox.take()) is not None:
        priorities.append(message.priority)
        node.send(message, f"op {message.id}")
        node.turn()
    return priorities


def test_the_highest_priority_goes_first(node: Node) -> None:
    for priority in (0, 2, 1, 3, 0, 3):
        node.submit(priority=priority)
    assert drain(node) == [3, 3, 2, 1, 0, 0]


def test_messages_of_one_priority_keep_their_order(node: Node) -> None:
    ids = [node.submit(priority=2)[0].id for _ in range(5)]
    assert [message.id for message in node.take_all()] == ids


def test_a_priority_gives_nothing_before_other_accounts(node: Node) -> None:
    node.submit(4, priority=3)
    node.submit(4, account=account(2))
    assert [message.account_id for message in node.take_all()] == [1, 2] * 4


def test_an_urgent_message_passes_a_backlog_beyond_memory(node: Node) -> None:
    node.submit(5 * SIZE)
    first = node.take_all()
    (urgent,) = node.submit(priority=3)
    node.send(first[0], "op")
    node.turn()
    assert node.take_all()[0] == urgent


def test_a_crash_does_not_change_the_order(node: Node) -> None:
    for priority in (0, 1, 3):
        node.submit(2 * SIZE, priority=priority)
    again = node.killed_and_started()
    again.turn()
    assert drain(again) == [3] * 2 * SIZE + [1] * 2 * SIZE + [0] * 2 * SIZE
    again.close()


def test_what_is_scheduled_or_tried_again_keeps_its_priority(node: Node) -> None:
    node.submit(priority=1, due_at=node.clock.seconds() + 30)
    node.submit(priority=3)
    (refused,) = node.take_all()
    node.outbox.refused(refused, temporary=True, error=27)
    node.turn()
    node.deadlines.startService()
    node.clock.pump([1.0] * 65)
    node.submit(priority=2)
    assert [message.priority for message in node.take_all()] == [3, 2, 1]
    node.deadlines.stopService()

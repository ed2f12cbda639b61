from __future__ import annotations

import pytest
from twisted.internet.defer import gatherResults

from smsd.services.deliveries import Outcome
from smsd.services.statuses import DELIVERED_TO_HANDSET
from smsd.store.messages import Report
from tests.services.rig import DELIVERED, SIZE, UNDELIVERED, Node, Receiver, account, waiting
from tests.stores import content, gone, result


def bound(node: Node, *receivers: Receiver, account_id: int = 1) -> None:
    for receiver in receivers:
        node.deliveries.bound(account_id, receiver)
    node.turn()


def acknowledge(node: Node, receiver: Receiver) -> list[int]:
    """Let a session acknowledge all it has."""
    receipts, receiver.receipts = receiver.receipts, []
    for receipt in receipts:
        receiver.room += 1
        node.deliveries.taken(1, receipt)
    node.deliveries.room(1)
    node.turn()
    return [receipt.id for receipt in receipts]


def test_a_receipt_goes_to_a_session_of_its_account(node: Node) -> None:
    mine, others = Receiver(), Receiver()
    bound(node, mine)
    bound(node, others, account_id=2)
    (message,) = node.deliver()
    assert mine.ids == [message.id]
    assert mine.receipts[0].status == DELIVERED_TO_HANDSET
    assert mine.receipts[0].done_at == node.clock.seconds()
    assert others.ids == []


def test_a_receipt_is_not_sent_before_the_end_is_on_disk(node: Node) -> None:
    receiver = Receiver()
    bound(node, receiver)
    (message,) = node.submit()
    node.take_all()
    node.send(message, "a")
    node.engine.holding = True
    node.receipt("a")
    node.turn()
    assert receiver.ids == []
    node.engine.release()
    node.turn()
    assert receiver.ids == [message.id]


def test_receipts_are_spread_evenly_over_an_accounts_sessions(node: Node) -> None:
    receivers = [Receiver() for _ in range(3)]
    bound(node, *receivers)
    for _ in range(2):
        node.deliver(SIZE - 2)
        assert [len(receiver.ids) for receiver in receivers] == [2, 2, 2]
        for receiver in receivers:
            acknowledge(node, receiver)


def test_single_receipts_go_to_each_session_in_turn(node: Node) -> None:
    receivers = [Receiver() for _ in range(3)]
    bound(node, *receivers)
    for _ in range(6):
        node.deliver()
    assert [len(receiver.ids) for receiver in receivers] == [2, 2, 2]


def test_a_session_without_room_is_passed_over(node: Node) -> None:
    full, free = Receiver(room=1), Receiver()
    bound(node, full, free)
    node.deliver(6)
    assert (len(full.ids), len(free.ids)) == (1, 5)


def test_receipts_wait_for_room(node: Node) -> None:
    receiver = Receiver(room=0)
    bound(node, receiver)
    messages = node.deliver(3)
    assert receiver.ids == []
    receiver.room = 2
    node.deliveries.room(1)
    node.turn()
    assert receiver.ids == [message.id for message in messages[:2]]
    assert acknowledge(node, receiver) == [message.id for message in messages[:2]]
    assert receiver.ids == [messages[2].id]


def test_receipts_are_kept_until_a_session_takes_them(node: Node) -> None:
    messages = node.deliver(3)
    receiver = Receiver()
    bound(node, receiver)
    assert receiver.ids == [message.id for message in messages]


def test_more_receipts_than_memory_holds_all_come_once(node: Node) -> None:
    messages = []
    for _ in range(5):
        messages += node.deliver(SIZE)
        node.clock.advance(1)
    receiver = Receiver(room=3)
    bound(node, receiver)
    received = []
    while receiver.receipts:
        received += acknowledge(node, receiver)
    assert received == [message.id for message in messages]


def test_an_account_without_sessions_takes_no_memory(node: Node) -> None:
    node.deliver(50)
    receiver = Receiver()
    bound(node, receiver)
    acknowledge(node, receiver)
    while receiver.receipts:
        acknowledge(node, receiver)
    node.deliveries.gone(1, receiver)
    assert node.deliveries._recipients == {}


def test_a_returned_receipt_goes_to_another_session(node: Node) -> None:
    first, second = Receiver(), Receiver()
    bound(node, first)
    messages = node.deliver(3)
    bound(node, second)
    node.deliveries.gone(1, first)
    for message in reversed(first.receipts):
        node.deliveries.returned(1, message, Outcome.LATER)
    node.deliveries.room(1)
    node.turn()
    assert second.ids == [message.id for message in messages]


def test_a_returned_receipt_waits_for_the_next_session_if_there_is_none(node: Node) -> None:
    first, second = Receiver(room=2), Receiver()
    bound(node, first)
    messages = node.deliver(5)
    node.deliveries.gone(1, first)
    for message in reversed(first.receipts):
        node.deliveries.returned(1, message, Outcome.LATER)
    node.turn()
    bound(node, second)
    assert second.ids == [message.id for message in messages]


def test_a_session_may_come_between_another_ones_end_and_its_receipts_return(node: Node) -> None:
    first, second = Receiver(room=2), Receiver()
    bound(node, first)
    messages = node.deliver(5)
    node.deliveries.gone(1, first)
    bound(node, second)
    for message in reversed(first.receipts):
        node.deliveries.returned(1, message, Outcome.LATER)
    node.deliveries.room(1)
    node.turn()
    assert sorted(second.ids) == [message.id for message in messages]


def test_a_refused_receipt_may_come_again_to_the_same_session(node: Node) -> None:
    receiver = Receiver()
    bound(node, receiver)
    (message,) = node.deliver()
    node.deliveries.returned(1, receiver.receipts[0], Outcome.LATER)
    node.deliveries.room(1)
    node.turn()
    assert receiver.ids == [message.id] * 2


def test_an_acknowledged_receipt_never_comes_again(node: Node) -> None:
    receiver = Receiver()
    bound(node, receiver)
    first, _ = node.deliver(2)
    node.clock.advance(5)
    node.deliveries.taken(1, receiver.receipts[0])
    node.turn()
    assert node.rows(f"SELECT report, reported_at - done_at FROM message WHERE id = {first.id}") == [(0, 5)]
    node = node.killed_and_started()
    again = Receiver()
    bound(node, again)
    assert again.ids == [receiver.ids[1]]
    node.close()


@pytest.mark.parametrize("lost", ["before", "after"])
def test_an_acknowledgement_while_the_database_is_away_is_kept(node: Node, lost: str) -> None:
    receiver = Receiver()
    bound(node, receiver)
    node.deliver()
    setattr(node.engine, lost, gone())
    node.deliveries.taken(1, receiver.receipts[0])
    node.turn()
    other = Receiver()
    bound(node, other)
    assert other.ids == []
    node.clock.pump([0.1, 0])
    assert node.rows("SELECT report FROM message") == [(0,)]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_an_end_whose_commit_was_in_doubt_is_reported_to_a_bound_session(node: Node, lost: str) -> None:
    receiver = Receiver()
    bound(node, receiver)
    (message,) = node.submit()
    node.take_all()
    node.send(message, "a")
    node.turn()
    setattr(node.engine, lost, gone())
    node.receipt("a")
    node.turn()
    node.clock.pump([0.1, 0, 0])
    assert receiver.ids == [message.id]


@pytest.mark.parametrize(
    ("registered_delivery", "outcome", "wanted"),
    [
        (1, DELIVERED, True),
        (1, UNDELIVERED, True),
        (2, DELIVERED, False),
        (2, UNDELIVERED, True),
        (0x12, DELIVERED, False),
    ],
)
def test_a_receipt_for_failures_only_is_not_sent_of_a_delivery(
    node: Node, registered_delivery: int, outcome: object, wanted: bool
) -> None:
    receiver = Receiver()
    bound(node, receiver)
    (message,) = node.submit(content=content(registered_delivery=registered_delivery))
    node.take_all()
    node.send(message, "a")
    node.receipt("a", outcome)  # type: ignore[arg-type]
    node.turn()
    assert receiver.ids == ([message.id] if wanted else [])
    assert node.rows("SELECT report FROM message") == [(int(wanted),)]


def test_a_message_for_which_no_report_is_wanted_has_none(node: Node) -> None:
    receiver = Receiver()
    bound(node, receiver)
    node.deliver(report=int(Report.NONE))
    assert receiver.ids == []
    assert result(node.reports.fetch(1, [], [], 10)) == []


def test_a_report_to_be_fetched_is_no_receipt_and_is_given_once(node: Node) -> None:
    receiver = Receiver()
    bound(node, receiver)
    (message,) = node.deliver(report=int(Report.FETCH))
    assert receiver.ids == []
    (fetched,) = result(node.reports.fetch(1, [], [], 10))
    assert (fetched.id, fetched.status) == (message.id, DELIVERED_TO_HANDSET)
    assert result(node.reports.fetch(1, [], [], 10)) == []
    node = node.killed_and_started()
    assert result(node.reports.fetch(1, [], [], 10)) == []
    node.close()


def test_nobody_fetches_another_accounts_reports(node: Node) -> None:
    node.deliver(report=int(Report.FETCH))
    assert result(node.reports.fetch(2, [], [], 10)) == []
    assert len(result(node.reports.fetch(1, [], [], 10))) == 1


def test_two_fetches_at_once_give_each_report_once(node: Node) -> None:
    messages = node.deliver(6, report=int(Report.FETCH))
    node.engine.holding = True
    fetches = [waiting(node.reports.fetch(1, [], [], 4)) for _ in range(2)]
    node.engine.release()
    node.engine.release()
    first, second = result(gatherResults(fetches))
    assert [message.id for message in [*first, *second]] == [message.id for message in messages]


def test_a_message_that_is_not_final_has_no_report_yet(node: Node) -> None:
    node.submit(report=int(Report.FETCH))
    assert result(node.reports.fetch(1, [], [], 10)) == []


def test_the_flood_of_one_account_leaves_anothers_receipts_alone(node: Node) -> None:
    full, free = Receiver(room=0), Receiver()
    bound(node, full)
    bound(node, free, account_id=2)
    for _ in range(4):
        node.deliver(SIZE)
    (message,) = node.deliver(account=account(2))
    assert free.ids == [message.id]

from __future__ import annotations

import pytest

from smsd.services.statuses import (
    DELIVERED_TO_HANDSET,
    EXPIRED_EXPIRED,
    MESSAGE_ACCEPTED,
    UNDELIVERABLE_REJECTED_OPERATOR,
)
from smsd.store.messages import State
from tests.services.rig import DELIVERED, SIZE, Node, Receiver, account
from tests.stores import gone

LONG = b"x" * 400  # Three segments.


def test_a_stored_message_is_there_for_its_channel(node: Node) -> None:
    (message,) = node.submit()
    assert node.take_all() == [message]
    assert node.take_all() == []


def test_a_message_is_not_sent_before_it_is_on_disk(node: Node) -> None:
    node.engine.holding = True
    node.submit()
    assert node.take_all() == []
    node.engine.release()
    assert len(node.take_all()) == 1


def test_each_channel_has_its_own_messages(node: Node) -> None:
    (here,) = node.submit(destination="385911234567")
    (there,) = node.submit(destination="4366412345")
    assert node.take_all() == [here]
    assert node.take_all(node.dispatch.outbox(2)) == [there]


def test_accounts_are_served_in_turn_however_much_one_has(node: Node) -> None:
    flood = node.submit(6)
    other = node.submit(2, account=account(2))
    third = node.submit(1, account=account(3))
    assert [message.account_id for message in node.take_all()] == [1, 2, 3, 1, 2, 1, 1, 1, 1]
    assert len(flood + other + third) == 9


def test_a_flood_longer_than_memory_leaves_another_account_its_turn(node: Node) -> None:
    node.submit(100)
    node.take_all()  # All that the window lets under way.
    (one,) = node.submit(account=account(2))
    assert node.take_all() == [one]


def test_a_backlog_beyond_memory_is_sent_in_order(node: Node) -> None:
    messages = node.submit(5 * SIZE)
    sent = []
    while taken := node.take_all():
        assert len(taken) <= SIZE
        for message in taken:
            node.send(message, f"op {message.id}")
        sent += taken
        node.turn()
    assert [message.id for message in sent] == [message.id for message in messages]
    assert {node.state(message)[0] for message in messages} == {State.SENT}


def test_a_channel_is_woken_when_messages_come_and_once_a_turn(node: Node) -> None:
    woken: list[int] = []
    node.outbox.attach(lambda: woken.append(len(node.take_all())))
    node.submit(5)
    assert [count for count in woken if count] == [5]
    woken.clear()
    node.outbox.attach(None)
    (message,) = node.submit()
    assert woken == []
    node.outbox.attach(lambda: woken.append(len(node.take_all())))
    node.turn()
    assert sum(woken) == 1
    assert node.state(message) == (State.QUEUED, MESSAGE_ACCEPTED)


def test_a_message_put_back_is_taken_again_first(node: Node) -> None:
    first, second = node.submit(2)
    assert node.outbox.take() is first
    node.outbox.put_back(first)
    assert node.take_all() == [first, second]


def test_putting_back_wakes_the_channel(node: Node) -> None:
    node.submit()
    message = node.outbox.take()
    assert message is not None
    woken: list[str] = []
    node.outbox.attach(lambda: woken.append("woken"))
    woken.clear()
    node.outbox.put_back(message)
    node.turn()
    assert woken == ["woken"]


def test_a_message_whose_validity_ends_while_it_waits_is_not_sent(node: Node) -> None:
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    late, good = node.submit(expires_at=node.clock.seconds() + 10)[0], node.submit()[0]
    node.clock.advance(10)
    assert node.take_all() == [good]
    node.turn()
    assert node.state(late) == (State.FINAL, EXPIRED_EXPIRED)
    assert receiver.ids == [late.id]


def test_a_message_that_the_operator_has_taken_is_sent(node: Node) -> None:
    (message,) = node.submit()
    node.take_all()
    node.clock.advance(3)
    node.send(message, "op")
    node.turn()
    assert node.state(message)[0] == State.SENT
    assert node.rows("SELECT operator_id, message_id, number FROM segment") == [("op", message.id, 0)]
    assert node.rows("SELECT sent_at - accepted_at FROM message") == [(3,)]


def test_a_message_of_several_segments_is_sent_when_all_are(node: Node) -> None:
    (message,) = node.submit(body=LONG)
    assert message.segments == 3
    node.take_all()
    node.outbox.taken(message, 2, "b")
    node.outbox.taken(message, 1, "a")
    node.turn()
    assert node.state(message)[0] == State.QUEUED
    node.outbox.taken(message, 3, "c")
    node.turn()
    assert node.state(message)[0] == State.SENT
    assert node.rows("SELECT operator_id, number FROM segment ORDER BY number") == [
        ("a", 1),
        ("b", 2),
        ("c", 3),
    ]


def test_an_operator_that_joins_the_segments_has_one_id_and_one_receipt_for_them(node: Node) -> None:
    (message,) = node.submit(body=LONG)
    node.take_all()
    node.send(message, "a", "a", "a")
    node.turn()
    assert node.state(message)[0] == State.SENT
    node.receipt("a")
    node.turn()
    assert node.state(message) == (State.FINAL, DELIVERED_TO_HANDSET)


def test_a_permanent_refusal_is_the_end(node: Node) -> None:
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    (message,) = node.submit()
    node.take_all()
    node.outbox.refused(message, temporary=False, error=1)
    node.turn()
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_REJECTED_OPERATOR)
    assert [(one.status, one.error) for one in receiver.receipts] == [(UNDELIVERABLE_REJECTED_OPERATOR, 1)]


def test_a_temporary_refusal_is_tried_again_after_growing_delays(node: Node) -> None:
    node.deadlines.startService()
    node.submit(expires_at=node.clock.seconds() + 40_000)
    delays = []
    for _ in range(9):
        (message,) = node.take_all()
        refused_at = node.clock.seconds()
        node.outbox.refused(message, temporary=True, error=34)
        node.turn()
        assert node.state(message)[0] == State.SCHEDULED
        ((due_at,),) = node.rows("SELECT due_at FROM message")
        node.clock.pump([due_at - refused_at - 1, 0])
        assert node.take_all() == []
        node.clock.pump([1, 1])
        delays.append(due_at - refused_at)
    assert delays == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    node.deadlines.stopService()


def test_a_message_that_is_refused_until_its_validity_ends_expires(node: Node) -> None:
    node.deadlines.startService()
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    (message,) = node.submit(expires_at=node.clock.seconds() + 100)
    for _ in range(100):
        node.clock.advance(1)
        for taken in node.take_all():
            node.outbox.refused(taken, temporary=True, error=34)
    node.clock.pump([1, 1])
    assert node.state(message) == (State.FINAL, EXPIRED_EXPIRED)
    assert receiver.ids == [message.id]
    node.deadlines.stopService()


def test_a_refused_message_makes_room_in_the_window(node: Node) -> None:
    node.submit(SIZE + 3)
    for message in node.take_all():
        node.outbox.refused(message, temporary=True, error=34)
    node.turn()
    assert len(node.take_all()) == 3


def test_after_a_crash_what_was_not_sent_is_sent_and_nothing_else(node: Node) -> None:
    sent, under_way, waiting = node.submit(3)
    assert node.outbox.take() is sent
    node.send(sent, "op")
    node.turn()
    assert node.outbox.take() is under_way
    node = node.killed_and_started()
    assert [message.id for message in node.take_all()] == [under_way.id, waiting.id]
    node.close()


def test_after_a_crash_every_account_and_channel_goes_on(node: Node) -> None:
    for id in (1, 2):
        for destination in ("385911234567", "4366412345"):
            node.submit(SIZE + 2, account=account(id), destination=destination)
    node = node.killed_and_started()
    for number in (1, 2):
        outbox = node.dispatch.outbox(number)
        sent = []
        while taken := node.take_all(outbox):
            for message in taken:
                outbox.taken(message, 0, f"{message.id}")
            sent += [message.account_id for message in taken]
            node.turn()
        assert sorted(sent) == [1] * (SIZE + 2) + [2] * (SIZE + 2)
        assert sent[:4] == [1, 2, 1, 2]
    node.close()


@pytest.mark.parametrize("lost", ["before", "after"])
def test_what_was_sent_while_the_database_was_away_is_not_sent_again(node: Node, lost: str) -> None:
    messages = node.submit(3)
    taken = node.take_all()
    setattr(node.engine, lost, gone())
    for message in taken:
        node.send(message, f"op {message.id}")
    node.turn()
    node.outbox.look(1, 0)
    assert node.take_all() == []
    node.clock.pump([0.1, 0.1])
    assert {node.state(message)[0] for message in messages} == {State.SENT}
    node.receipt(f"op {messages[0].id}", DELIVERED)
    node.turn()
    assert node.state(messages[0])[0] == State.FINAL


def test_after_a_crash_only_the_segments_are_sent_that_the_operator_has_not_taken(node: Node) -> None:
    node.submit(body=LONG)
    (message,) = node.take_all()
    node.outbox.taken(message, 1, "a")
    node.outbox.taken(message, 3, "c")
    node.turn()
    again = node.killed_and_started()
    again.turn()
    (message,) = again.take_all()
    assert message.taken == {1: "a", 3: "c"}
    again.outbox.taken(message, 2, "b")
    again.turn()
    assert again.state(message)[0] == State.SENT
    again.close()


def test_a_message_whose_rest_is_refused_for_a_while_keeps_the_segments_that_were_taken(node: Node) -> None:
    node.submit(body=LONG)
    (message,) = node.take_all()
    node.outbox.taken(message, 1, "a")
    node.outbox.refused(message, temporary=True, error=34)
    node.turn()
    node.deadlines.startService()
    node.clock.advance(61)
    node.turn()
    (message,) = node.take_all()
    assert message.taken == {1: "a"}


def test_a_message_that_only_a_crash_kept_from_being_sent_is(node: Node) -> None:
    node.submit(body=LONG)
    (message,) = node.take_all()
    for number, operator_id in enumerate("abc", 1):
        node.journal.taken(1, operator_id, message.id, number)
    node.turn()
    again = node.killed_and_started()
    again.turn()
    assert again.take_all() == []
    again.turn()
    assert again.state(message)[0] == State.SENT
    again.close()

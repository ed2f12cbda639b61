from __future__ import annotations

import itertools

import pytest
from twisted.logger import LogLevel, capturedLogs

from smsd.services.charging import micros
from smsd.services.statuses import (
    DELIVERED_TO_HANDSET,
    SYSTEM_FAILURE,
    UNDELIVERABLE_NOT_DELIVERED,
    UNKNOWN_SUBSCRIBER,
)
from smsd.services.submission import VALIDITY
from smsd.services.tracking import EARLY, Outcome
from smsd.store.engine import StoreRefused, StoreUnavailable
from smsd.store.messages import Message, State
from tests.services.rig import DELIVERED, UNDELIVERED, Node, Receiver
from tests.stores import gone

LONG = b"x" * 400  # Three segments.
DONE = (State.FINAL, DELIVERED_TO_HANDSET)


def sent(node: Node, *operator_ids: str, body: bytes = b"hello") -> Message:
    (message,) = node.submit(body=body)
    assert node.take_all() == [message]
    node.send(message, *operator_ids)
    node.turn()
    return message


def test_a_receipt_ends_its_message_and_is_acknowledged_once_that_is_on_disk(node: Node) -> None:
    message = sent(node, "a")
    node.engine.holding = True
    node.receipt("a")
    node.turn()
    assert node.acknowledged == []
    node.engine.release()
    assert node.acknowledged == ["a"]
    assert node.state(message) == DONE


def test_the_status_and_error_of_the_receipt_are_the_messages(node: Node) -> None:
    sent(node, "a")
    node.receipt("a", UNDELIVERED)
    node.turn()
    assert node.rows("SELECT status, error FROM message") == [UNDELIVERED[:2]]


def test_receipts_find_messages_by_channel_as_well(node: Node) -> None:
    here = sent(node, "a")
    (there,) = node.submit(destination="4366412345")
    outbox = node.dispatch.outbox(2)
    assert outbox.take() is there
    outbox.taken(there, 0, "a")
    outbox.receipt(("a",), UNDELIVERED, lambda: None)
    node.turn()
    assert node.state(here)[0] == State.SENT
    assert node.state(there) == (State.FINAL, UNDELIVERED.status)


def test_a_receipt_may_come_before_the_response(node: Node) -> None:
    (message,) = node.submit()
    node.take_all()
    node.receipt("a")
    node.turn()
    assert node.acknowledged == []
    node.clock.advance(EARLY - 0.1)
    node.send(message, "a")
    node.turn()
    assert node.state(message) == DONE
    assert node.acknowledged == ["a"]
    assert node.clock.getDelayedCalls() == []


def test_a_receipt_may_come_between_the_response_and_its_commit(node: Node) -> None:
    (message,) = node.submit()
    node.take_all()
    node.send(message, "a")
    node.receipt("a")
    node.turn()
    assert node.state(message) == DONE
    assert node.rows("SELECT sent_at IS NOT NULL FROM message") == [(1,)]


def test_a_response_may_come_while_its_receipt_is_looked_up(node: Node) -> None:
    (message,) = node.submit()
    node.take_all()
    node.engine.holding = True
    node.receipt("a")
    node.clock.advance(0)
    node.engine.holding = False
    node.send(message, "a")
    node.engine.release()
    node.turn()
    assert node.state(message) == DONE
    assert node.acknowledged == ["a"]


def test_a_late_receipt_is_found_in_the_table(node: Node) -> None:
    message = sent(node, "a")
    node = node.killed_and_started()
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    node.receipt("a")
    node.turn()
    assert node.state(message) == DONE
    assert node.acknowledged == ["a"]
    assert receiver.ids == [message.id]
    node.close()


def test_receipts_that_come_together_share_a_query(node: Node) -> None:
    messages = [sent(node, f"op {number}") for number in range(20)]
    node = node.killed_and_started()
    reads = []
    read = node.engine.read
    node.engine.read = lambda call: reads.append(call) or read(call)  # type: ignore[func-returns-value,method-assign]
    for number in range(20):
        node.receipt(f"op {number}")
    node.turn()
    assert len(reads) == 1
    assert {node.state(message) for message in messages} == {DONE}
    node.close()


def test_a_receipt_for_what_was_never_sent_is_acknowledged_after_a_while(node: Node) -> None:
    with capturedLogs() as events:
        node.receipt("nobody's")
        node.turn()
        assert node.acknowledged == []
        node.clock.advance(EARLY)
    assert node.acknowledged == ["nobody's"]
    assert [event["operator_id"] for event in events if event["log_level"] == LogLevel.warn] == ["nobody's"]


def test_no_more_than_so_many_receipts_wait_for_a_response(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsd.services.tracking.PARKED", 100)
    for number in range(105):
        node.receipt(str(number))
    node.turn()
    assert node.acknowledged == [str(number) for number in range(100, 105)]


def test_what_is_forgotten_to_bound_memory_is_found_in_the_table(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsd.services.tracking.FRESH", 2)
    messages = [sent(node, f"op {number}") for number in range(5)]
    long = [sent(node, f"a{number}", f"b{number}", body=b"x" * 200) for number in range(3)]
    for number in range(5):
        node.receipt(f"op {number}")
    for segment in "ab":
        for number in range(3):
            node.receipt(f"{segment}{number}")
            node.turn()
    node.turn()
    assert {node.state(message) for message in messages + long} == {DONE}


def test_a_receipt_that_comes_twice_is_acknowledged_twice_and_counts_once(node: Node) -> None:
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    message = sent(node, "a")
    node.receipt("a")
    node.turn()
    node.receipt("a", UNDELIVERED)
    node.turn()
    assert node.acknowledged == ["a", "a"]
    assert node.state(message) == DONE
    assert receiver.ids == [message.id]


def test_a_receipt_that_comes_twice_at_once_counts_once(node: Node) -> None:
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    message = sent(node, "a")
    node.receipt("a")
    node.receipt("a", UNDELIVERED)
    node.turn()
    assert node.acknowledged == ["a", "a"]
    assert node.state(message) == DONE
    assert [(one.id, one.status) for one in receiver.receipts] == [(message.id, DELIVERED_TO_HANDSET)]


def test_a_receipt_of_an_ended_message_is_acknowledged_after_a_restart_too(node: Node) -> None:
    message = sent(node, "a")
    node.receipt("a")
    node.turn()
    node = node.killed_and_started()
    node.receipt("a", UNDELIVERED)
    node.turn()
    assert node.acknowledged == ["a"]
    assert node.state(message) == DONE
    node.close()


def test_a_receipt_that_cannot_be_looked_up_is_left_to_come_again(node: Node) -> None:
    message = sent(node, "a")
    node = node.killed_and_started()
    node.engine.reading = [StoreUnavailable()]
    node.receipt("a")
    node.turn()
    assert node.acknowledged == []
    node.receipt("a")
    node.turn()
    assert node.acknowledged == ["a"]
    assert node.state(message) == DONE
    node.close()


def test_an_id_that_the_database_cannot_be_asked_for_harms_no_other_receipt(node: Node) -> None:
    message = sent(node, "a")
    node = node.killed_and_started()
    node.engine.reading = [StoreRefused(), StoreRefused()]
    node.receipt("a")
    node.receipt("b\0c")
    node.turn()
    node.receipt("a")
    node.turn()
    node.clock.advance(EARLY)
    assert node.state(message) == DONE
    assert "a" in node.acknowledged
    assert "b\0c" in node.acknowledged
    node.close()


def test_a_mistake_in_looking_up_does_not_end_it(
    node: Node, logged_failures: list[type[BaseException]]
) -> None:
    logged_failures.append(ZeroDivisionError)
    message = sent(node, "a")
    node = node.killed_and_started()
    node.engine.reading = [ZeroDivisionError()]
    node.receipt("a")
    node.turn()
    node.receipt("a")
    node.turn()
    assert node.state(message) == DONE
    node.close()


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_receipt_that_comes_while_the_database_is_away_is_kept(node: Node, lost: str) -> None:
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    message = sent(node, "a")
    setattr(node.engine, lost, gone())
    node.receipt("a")
    node.turn()
    assert node.acknowledged == []
    node.clock.pump([0.1, 0, 0])
    assert node.acknowledged == ["a"]
    assert node.state(message) == DONE
    assert receiver.ids == [message.id]


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_a_message_is_delivered_when_every_segment_is(node: Node, order: tuple[str, ...]) -> None:
    message = sent(node, "a", "b", "c", body=LONG)
    for operator_id in order:
        assert node.state(message)[0] == State.SENT
        node.receipt(operator_id)
        node.turn()
    assert node.state(message) == DONE
    assert node.acknowledged == list(order)


def test_receipts_of_all_segments_may_come_at_once(node: Node) -> None:
    message = sent(node, "a", "b", "c", body=LONG)
    for operator_id in "abc":
        node.receipt(operator_id)
    node.turn()
    assert node.state(message) == DONE


@pytest.mark.parametrize("restarts", list(itertools.product([True, False], repeat=3)))
def test_receipts_of_segments_are_counted_across_restarts(node: Node, restarts: tuple[bool, ...]) -> None:
    message = sent(node, "a", "b", "c", body=LONG)
    for restart, operator_id in zip(restarts, "abc", strict=True):
        if restart:
            node = node.killed_and_started()
        node.receipt(operator_id)
        node.turn()
        assert node.state(message)[0] == (State.FINAL if operator_id == "c" else State.SENT)
    assert node.state(message) == DONE
    node.close()


@pytest.mark.parametrize("together", [("ab", "c"), ("a", "bc"), ("abc",)])
def test_receipts_of_segments_found_in_the_table_are_counted_together(
    node: Node, together: tuple[str, ...]
) -> None:
    message = sent(node, "a", "b", "c", body=LONG)
    node = node.killed_and_started()
    for some in together:
        for operator_id in some:
            node.receipt(operator_id)
        node.turn()
    assert node.state(message) == DONE
    assert sorted(node.acknowledged) == ["a", "b", "c"]
    node.close()


def test_a_receipt_looked_up_before_the_other_segments_end_is_on_disk_counts_with_it(node: Node) -> None:
    message = sent(node, "a", "b", body=b"x" * 200)
    node = node.killed_and_started()
    # What each receipt says waits for the disk while the next one is looked up.
    node.engine.before = gone(2)
    node.receipt("a")
    node.turn()
    node.receipt("b")
    node.turn()
    node.clock.pump([0.1, 0.2, 0.4])
    assert node.state(message) == DONE
    node.close()


def test_one_undelivered_segment_ends_the_message_at_once(node: Node) -> None:
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    message = sent(node, "a", "b", "c", body=LONG)
    node.receipt("a")
    node.receipt("b", UNDELIVERED)
    node.turn()
    assert node.state(message) == (State.FINAL, UNDELIVERED.status)
    node.receipt("c")
    node.turn()
    assert node.acknowledged == ["a", "b", "c"]
    assert receiver.ids == [message.id]
    assert node.state(message) == (State.FINAL, UNDELIVERED.status)


def test_of_two_segments_that_fail_at_once_the_first_names_the_status(node: Node) -> None:
    receiver = Receiver(room=0)
    node.deliveries.bound(1, receiver)
    sent(node, "a", "b", "c", body=LONG)
    node.receipt("a", UNDELIVERED)
    node.receipt("b", UNDELIVERED._replace(status=22, error=255))
    node.turn()
    receiver.room = 1
    node.deliveries.room(1)
    node.turn()
    (receipt,) = receiver.receipts
    assert (
        node.rows("SELECT status, error FROM message")
        == [(receipt.status, receipt.error)]
        == [UNDELIVERED[:2]]
    )


def test_the_same_segments_receipt_twice_does_not_stand_for_another(node: Node) -> None:
    message = sent(node, "a", "b", body=b"x" * 200)
    node.receipt("a")
    node.turn()
    node.receipt("a")
    node.turn()
    assert node.state(message)[0] == State.SENT
    node.receipt("b")
    node.turn()
    assert node.state(message) == DONE


def test_after_a_crash_before_the_commit_of_sent_the_receipt_finds_the_message_sent_again(node: Node) -> None:
    (message,) = node.submit()
    node.take_all()
    node.engine.before = gone(100)
    node.send(message, "a")
    node.turn()
    node = node.killed_and_started()
    (again,) = node.take_all()
    node.send(again, "b")
    node.receipt("b")
    node.receipt("a", DELIVERED)
    node.turn()
    node.clock.advance(EARLY)
    assert node.state(message) == DONE
    assert sorted(node.acknowledged) == ["a", "b"]
    node.close()


def test_the_end_of_a_message_of_segments_is_acknowledged_only_when_it_is_on_disk(node: Node) -> None:
    message = sent(node, "a", "b", "c", body=LONG)
    node.receipt("a")
    node.receipt("b")
    node.turn()
    # The last segment's end is stored, and the node is killed before the message's own is.
    node.engine.before = [StoreRefused(), None, *gone(100)]
    node.receipt("c")
    node.turn()
    assert len(node.engine.writes[-1]) == 1
    assert node.state(message)[0] == State.SENT
    assert node.acknowledged == ["a", "b"]
    node = node.killed_and_started()
    node.receipt("c")
    node.turn()
    assert node.state(message) == DONE
    assert node.acknowledged == ["c"]
    node.close()


def test_a_segment_that_had_its_receipt_before_the_others_were_sent_counts_after_a_restart(
    node: Node,
) -> None:
    (message,) = node.submit(body=LONG)
    (taken,) = node.take_all()
    node.outbox.taken(taken, 1, "op 1")
    node.receipt("op 1")
    node.turn()
    node = node.killed_and_started()
    node.turn()
    (taken,) = node.take_all()
    for number in (2, 3):
        node.outbox.taken(taken, number, f"op {number}")
        node.receipt(f"op {number}")
    node.turn()
    assert node.state(message) == DONE
    node.close()


def test_what_is_said_of_a_segment_first_stands(node: Node) -> None:
    (message,) = node.submit(body=LONG)
    (taken,) = node.take_all()
    node.send(taken, "op 1", "op 2", "op 3")
    node.turn()
    for outcome in (DELIVERED, UNDELIVERED):
        node.receipt("op 1", outcome)
        node.turn()
    assert node.acknowledged == ["op 1", "op 1"]
    node.receipt("op 2")
    node.receipt("op 3")
    node.turn()
    assert node.state(message) == DONE


def test_a_second_receipt_of_a_segment_is_acknowledged_no_sooner_than_the_first(node: Node) -> None:
    node.submit(body=LONG)
    (taken,) = node.take_all()
    node.send(taken, "op 1", "op 2", "op 3")
    node.turn()
    node.engine.holding = True
    for _ in range(2):
        node.receipt("op 1")
        node.turn()
    assert node.acknowledged == []


def test_nothing_is_remembered_of_messages_whose_validity_has_ended(node: Node) -> None:
    node.deadlines.startService()
    for body in (LONG, b"short"):
        node.submit(body=body)
    for number, message in enumerate(node.take_all()):
        node.send(message, *(f"op {number} {segment}" for segment in range(message.segments)))
    node.receipt("op 0 0")
    node.turn()
    assert node.tracking.remembered
    node.clock.advance(VALIDITY + 1)
    node.turn()
    assert node.tracking.remembered == 0
    node.receipt("op 1 0")
    node.turn()
    assert node.acknowledged == ["op 0 0", "op 1 0"]


def test_a_message_that_a_segment_has_ended_stays_so_when_the_operator_takes_another(node: Node) -> None:
    (message,) = node.submit(body=b"x" * 200)
    (taken,) = node.take_all()
    node.outbox.taken(taken, 1, "op 1")
    node.receipt("op 1", Outcome(UNDELIVERABLE_NOT_DELIVERED, UNKNOWN_SUBSCRIBER, again=True))
    node.turn()
    node.outbox.taken(taken, 2, "op 2")
    node.receipt("op 2", Outcome(UNDELIVERABLE_NOT_DELIVERED, SYSTEM_FAILURE, again=True))
    node.turn()
    assert node.state(message)[0] == State.FINAL
    assert node.core.backlog.waiting == 0
    assert node.rows("SELECT count(*) FROM segment") == [(2,)]


def test_what_has_its_receipt_before_its_response_keeps_its_charge(node: Node) -> None:
    (message,) = node.submit()
    (taken,) = node.take_all()
    node.receipt("op", DELIVERED)
    node.turn()
    node.outbox.taken(taken, 0, "op")
    node.turn()
    assert node.state(message)[0] == State.FINAL
    ((price, charged),) = node.rows("SELECT price, charged FROM message")
    assert charged == micros(price) > 0


@pytest.mark.parametrize("lost", ["before", "after"])
def test_what_is_sent_anew_is_sent_whole_though_an_answer_of_the_database_was_lost(
    node: Node, lost: str
) -> None:
    (message,) = node.submit(body=LONG)
    (taken,) = node.take_all()
    setattr(node.engine, lost, gone())
    node.send(taken, "a", "b", "c")
    for operator_id in ("a", "b", "c"):
        node.receipt(operator_id, Outcome(UNDELIVERABLE_NOT_DELIVERED, SYSTEM_FAILURE, again=True))
    node.turn()
    node.clock.advance(0.1)
    node.turn()
    assert node.state(message)[0] == State.SCHEDULED
    assert node.rows("SELECT * FROM segment") == []

"""What is said of a bulk holds at once, wherever its messages are, and after a restart in every state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smsd.services.bulk_changes import SETTLED, STEP
from smsd.services.bulks import (
    MOST_OPEN,
    BulkStatus,
    Described,
    TooLate,
    TooManyOpen,
    Unchangeable,
    UnknownBulk,
)
from smsd.services.charging import MICROS
from smsd.services.statuses import (
    DELIVERED_TO_HANDSET,
    EXPIRED_EXPIRED,
    REJECTED_NOT_SENT,
    UNDELIVERABLE_NOT_DELIVERED,
)
from smsd.services.submission import VALIDITY
from smsd.store.batch import FINAL, HELD
from smsd.store.bulks import Bulk, BulkRow, Bulks
from smsd.store.credit import UNCHARGED, Credit
from smsd.store.engine import Call, Row, StoreUnavailable
from smsd.store.messages import Message, Report
from smsd.store.settings import Rows
from tests.services.rig import SIZE, Node
from tests.stores import NOON, gone, result

HOUR = 3600.0
BULK = Bulk(1, "spring")


class Bulked(Node):
    """A node that looks for what is due, and carries out what is said of bulks."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        super().__init__(path, clock)
        self.core.deadlines.startService()
        self.core.bulk_changes.startService()

    def close(self) -> None:
        if self.core.deadlines.running:
            self.core.deadlines.stopService()
            self.core.bulk_changes.stopService()
            super().close()

    def killed_and_started(self) -> Bulked:
        self.close()
        return Bulked(self.path, self.clock)

    def bulk(self, count: int = 1, due_at: float | None = NOON + HOUR, **fields: Any) -> list[Message]:
        given = {"bulk_id": BULK.bulk_id, "due_at": due_at, "report": int(Report.FETCH)}
        return self.submit(count, **(given | fields))

    def wait(self, seconds: float) -> None:
        """Let time pass, a second at a time."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.turn()

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.clock.advance(seconds)
        self.wait(2)

    def sent(self) -> list[int]:
        """Let the channel send all there is, and return the ids of that."""
        found = []
        for _ in range(50):
            self.turn()
            for message in self.take_all():
                self.send(message, f"op {message.id}")
                found.append(message.id)
        return found

    @property
    def described(self) -> Described:
        return result(self.core.bulks.describe(BULK))

    @property
    def status(self) -> BulkStatus:
        return self.described.status

    def pause(self) -> BulkStatus:
        return result(self.core.bulks.pause(BULK))

    def resume(self) -> BulkStatus:
        return result(self.core.bulks.resume(BULK))

    def cancel(self) -> BulkStatus:
        return result(self.core.bulks.cancel(BULK))

    def reschedule(self, send_at: float) -> float:
        return result(self.core.bulks.reschedule(BULK, send_at))

    def states(self) -> list[tuple[int, int]]:
        """Return the state and status of all messages of the bulk."""
        found = self.rows("SELECT state, status FROM message WHERE bulk_id = 'spring' ORDER BY id")
        return [(state, status) for state, status in found]

    def open(self) -> list[Any]:
        """Return the rows of bulks that have to be heeded."""
        return self.rows("SELECT state, moving FROM bulk WHERE open = 1")


CANCELED = (4, REJECTED_NOT_SENT)
ENDS = (FINAL, UNCHARGED)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Bulked]:
    node = Bulked(tmp_path / "smsd.db")
    yield node
    node.close()


# What a bulk is.


def test_a_bulk_is_pending_processing_and_finished(node: Bulked) -> None:
    node.bulk(2)
    assert node.described == Described("spring", NOON + HOUR, BulkStatus.PENDING)
    node.sleep(HOUR)
    assert node.status is BulkStatus.PROCESSING
    for id in node.sent():
        assert node.status is BulkStatus.PROCESSING
        node.receipt(f"op {id}")
    node.turn()
    assert node.described == Described("spring", NOON + HOUR, BulkStatus.FINISHED)


def test_a_bulk_is_its_account_s(node: Bulked) -> None:
    node.bulk()
    for bulk in (Bulk(2, "spring"), Bulk(1, "autumn"), Bulk(1, "")):
        with pytest.raises(UnknownBulk):
            result(node.core.bulks.describe(bulk))
        with pytest.raises(UnknownBulk):
            result(node.core.bulks.cancel(bulk))


def test_messages_that_several_requests_give_one_bulk_id_are_one_bulk(node: Bulked) -> None:
    node.bulk(1, NOON + 2 * HOUR)
    node.bulk(1, NOON + HOUR)
    assert node.described.send_at == NOON + HOUR
    node.cancel()
    node.wait(1)
    assert node.states() == [CANCELED] * 2


def test_those_that_are_not_finished_are_listed(node: Bulked) -> None:
    for number in range(5):
        node.bulk(2, NOON + HOUR, bulk_id=f"b{number}")
    result(node.core.bulks.pause(Bulk(1, "b1")))
    result(node.core.bulks.cancel(Bulk(1, "b2")))
    node.wait(1)
    found = result(node.core.bulks.unfinished(1, 10))
    assert [(one.bulk_id, one.status.value) for one in found] == [
        ("b0", "PENDING"),
        ("b1", "PAUSED"),
        ("b3", "PENDING"),
        ("b4", "PENDING"),
    ]
    assert [one.bulk_id for one in result(node.core.bulks.unfinished(1, 2))] == ["b0", "b1"]
    assert result(node.core.bulks.unfinished(2, 10)) == []


# Pausing.


def test_what_is_paused_is_not_sent_until_it_is_resumed(node: Bulked) -> None:
    ids = [message.id for message in node.bulk(3)]
    assert node.pause() is BulkStatus.PAUSED
    node.sleep(2 * HOUR)
    assert node.sent() == []
    assert node.described == Described("spring", NOON + HOUR, BulkStatus.PAUSED)
    assert node.resume() is BulkStatus.PENDING
    node.wait(2)
    assert node.sent() == ids
    node.wait(2)
    assert node.open() == []


def test_what_is_resumed_before_its_time_waits_for_that(node: Bulked) -> None:
    node.bulk()
    node.pause()
    node.resume()
    node.wait(2)
    assert node.sent() == []
    node.sleep(HOUR)
    assert len(node.sent()) == 1


def test_pausing_holds_what_is_due_wherever_it_waits(node: Bulked) -> None:
    ids = [message.id for message in node.bulk(5 * SIZE, None)]
    in_the_window = node.outbox.take()
    assert in_the_window is not None
    node.pause()
    assert node.sent() == []
    node.send(in_the_window, "op")  # The operator has got it: it goes on.
    node.wait(3)
    assert node.status is BulkStatus.PAUSED
    node.resume()
    node.wait(3)
    assert node.sent() == ids[1:]


def test_a_message_that_a_channel_puts_back_is_held(node: Bulked) -> None:
    node.bulk(1, None)
    message = node.outbox.take()
    assert message is not None
    node.pause()
    node.outbox.put_back(message)
    assert node.sent() == []
    node.resume()
    node.wait(2)
    assert node.sent() == [message.id]


def test_what_is_not_of_the_bulk_goes_on(node: Bulked) -> None:
    node.bulk(2 * SIZE, None)
    node.pause()
    (other,) = node.submit()
    assert node.sent() == [other.id]


def test_pausing_twice_is_pausing_once(node: Bulked) -> None:
    node.bulk()
    node.pause()
    assert node.pause() is BulkStatus.PAUSED
    assert node.resume() is BulkStatus.PENDING
    assert node.resume() is BulkStatus.PENDING


def test_what_is_paused_for_too_long_expires(node: Bulked) -> None:
    node.bulk(2 * SIZE)
    node.pause()
    node.sleep(HOUR)
    node.take_all()
    node.sleep(VALIDITY)
    node.sent()
    node.wait(2)
    assert node.states() == [(4, EXPIRED_EXPIRED)] * 2 * SIZE
    assert node.status is BulkStatus.FINISHED
    node.wait(2)
    assert node.open() == []


def test_a_message_of_a_paused_bulk_that_comes_later_is_held_too(node: Bulked) -> None:
    node.bulk()
    node.pause()
    (later,) = node.bulk(1, None)
    assert node.sent() == []
    node.resume()
    node.wait(2)
    assert node.sent() == [later.id]


def test_an_account_s_paused_bulks_have_a_bound(node: Bulked, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_OPEN == 1000
    monkeypatch.setattr("smsd.services.bulks.MOST_OPEN", 1)
    node.bulk()
    node.bulk(bulk_id="autumn")
    node.pause()
    with pytest.raises(TooManyOpen):
        result(node.core.bulks.pause(Bulk(1, "autumn")))
    node.resume()
    node.wait(2)
    result(node.core.bulks.pause(Bulk(1, "autumn")))


def test_what_is_on_its_way_to_disk_as_held_goes_on_too(
    node: Bulked, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [message.id for message in node.bulk(3, None)]
    write = node.engine.write

    async def slow_to_hold(*calls: Call, announce: bool = False) -> list[list[Row]]:
        if any(call.query is HELD for call in calls):
            raise StoreUnavailable("It is told to be away.")
        return await write(*calls, announce=announce)

    node.pause()
    with monkeypatch.context() as patched:
        patched.setattr(node.engine, "write", slow_to_hold)
        assert node.sent() == []
        node.resume()
        node.wait(3)
        assert node.sent() == []
    node.wait(8)
    assert node.sent() == ids
    node.wait(2)
    assert node.open() == []


def test_what_was_read_before_a_change_is_read_again(node: Bulked, monkeypatch: pytest.MonkeyPatch) -> None:
    node.bulk(1, None)
    read: Deferred[None] = Deferred()
    open_rows = node.core.bulk_rows.open

    async def slow() -> list[BulkRow]:
        rows = await open_rows()
        await read
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(node.core.bulk_rows, "open", slow)
        node.core.bulk_changes.apply(Rows())
        node.pause()
    read.callback(None)
    assert node.sent() == []


# Rescheduling.


@pytest.mark.parametrize("hours", [0, 0.5, 3, 24 * 365 * 7])
def test_a_bulk_moves_to_another_time_and_its_validity_with_it(node: Bulked, hours: float) -> None:
    node.bulk(2, expires_at=NOON + HOUR + 600)
    send_at = NOON + hours * HOUR
    assert node.reschedule(send_at) == send_at
    assert node.described.send_at == send_at
    node.wait(2)
    if hours:
        assert node.sent() == []
        assert node.rows("SELECT DISTINCT due_at, expires_at FROM message") == [(send_at, send_at + 600)]
        node.sleep(hours * HOUR)
    assert len(node.sent()) == 2


def test_a_time_that_has_passed_is_refused_unless_clocks_may_differ(node: Bulked) -> None:
    node.bulk()
    with pytest.raises(TooLate):
        node.reschedule(NOON - 61)
    assert node.reschedule(NOON - 59) == NOON
    node.wait(2)
    assert len(node.sent()) == 1


def test_what_is_due_moves_to_a_later_time_wherever_it_waits(node: Bulked) -> None:
    ids = [message.id for message in node.bulk(5 * SIZE, None)]
    first = node.outbox.take()
    assert first is not None
    node.send(first, "op")
    node.reschedule(NOON + 5 * HOUR)
    assert node.sent() == []
    node.wait(6)
    assert node.sent() == []
    assert node.rows("SELECT count(*) FROM message WHERE state = 1 AND due_at > 0") == [(5 * SIZE - 1,)]
    node.sleep(5 * HOUR)
    assert node.sent() == ids[1:]


def test_what_is_due_moves_even_if_the_channel_is_not_bound(node: Bulked) -> None:
    node.bulk(5 * SIZE, None)
    node.reschedule(NOON + HOUR)
    node.wait(10)
    assert node.rows("SELECT DISTINCT state, due_at FROM message") == [(1, NOON + HOUR)]
    node.wait(SETTLED)
    assert node.open() == []


def test_a_message_that_comes_after_the_change_keeps_its_own_time(node: Bulked) -> None:
    node.bulk()
    node.reschedule(NOON + 5 * HOUR)
    (now,) = node.bulk(1, None)
    assert node.sent() == [now.id]
    node.bulk(1, NOON + 2 * HOUR)
    node.wait(2)
    found = node.rows("SELECT due_at FROM message WHERE state = 1 ORDER BY id")
    assert found == [(NOON + 5 * HOUR,), (NOON + 2 * HOUR,)]


def test_what_an_operator_refused_for_now_is_tried_again_at_its_own_time(node: Bulked) -> None:
    node.bulk(2, None)
    first, second = node.take_all()
    node.outbox.refused(first, temporary=True, error=34)
    node.turn()
    node.outbox.put_back(second)
    node.reschedule(NOON + 5 * HOUR)
    node.wait(62)
    assert node.sent() == [first.id]
    node.sleep(5 * HOUR)
    assert node.sent() == [second.id]


def test_a_paused_bulk_that_moves_stays_paused(node: Bulked) -> None:
    ids = [message.id for message in node.bulk(3, None)]
    node.pause()
    assert node.sent() == []
    node.reschedule(NOON + HOUR)
    node.wait(SETTLED + 2)
    assert node.described == Described("spring", NOON + HOUR, BulkStatus.PAUSED)
    node.sleep(2 * HOUR)
    assert node.sent() == []
    node.resume()
    node.wait(2)
    assert node.sent() == ids


def test_a_paused_bulk_may_move_beyond_its_old_end(node: Bulked) -> None:
    node.bulk()
    node.pause()
    node.reschedule(NOON + 100 * HOUR)
    node.sleep(2)
    node.resume()
    node.sleep(100 * HOUR)
    assert len(node.sent()) == 1


# Canceling.


def test_what_is_canceled_ends_and_has_its_report(node: Bulked) -> None:
    node.bulk(3)
    assert node.cancel() is BulkStatus.CANCELED
    node.wait(1)
    assert node.states() == [CANCELED] * 3
    assert node.status is BulkStatus.CANCELED
    reports = result(node.core.reports.fetch(1, ["spring"], [], 10))
    assert {(one.status, one.error) for one in reports} == {(REJECTED_NOT_SENT, 4100)}
    assert len(reports) == 3
    node.sleep(2 * HOUR)
    assert node.sent() == []


def test_a_long_bulk_ends_in_steps(node: Bulked) -> None:
    node.bulk(3 * STEP + 1)
    node.cancel()
    node.engine.writes.clear()
    node.wait(1)
    assert set(node.states()) == {CANCELED}
    assert max(len(call.values) for calls in node.engine.writes for call in calls) == STEP


def test_what_is_queued_ends_although_the_channel_is_not_bound(node: Bulked) -> None:
    node.bulk(5 * SIZE, None)
    node.cancel()
    node.wait(10)
    assert node.states() == [CANCELED] * 5 * SIZE
    node.wait(SETTLED)
    assert node.open() == []
    assert node.sent() == []


def test_what_an_operator_has_got_is_delivered(node: Bulked) -> None:
    node.bulk(3, None)
    message = node.outbox.take()
    assert message is not None
    node.cancel()
    assert node.sent() == []
    node.send(message, "op")
    node.receipt("op")
    node.wait(2)
    assert node.states() == [(4, DELIVERED_TO_HANDSET), CANCELED, CANCELED]
    assert node.status is BulkStatus.CANCELED


def test_what_an_operator_refuses_for_now_is_not_tried_again(node: Bulked) -> None:
    node.bulk(1, None)
    (message,) = node.take_all()
    node.cancel()
    node.wait(3)
    assert node.states() == [(2, 0)]
    node.outbox.refused(message, temporary=True, error=34)
    node.wait(2)
    assert node.states() == [CANCELED]


def test_nothing_is_sent_from_the_moment_a_change_is_asked_for(node: Bulked) -> None:
    node.bulk(3, None)
    node.engine.holding = True
    canceling = Deferred.fromCoroutine(node.core.bulks.cancel(BULK))
    node.engine.release()  # Where the bulk stands.
    node.engine.release()  # Whether there is room.
    assert node.take_all() == []
    node.engine.release()
    assert result(canceling) is BulkStatus.CANCELED
    assert node.take_all() == []
    node.engine.holding = False
    node.turn()
    node.wait(2)
    assert node.states() == [CANCELED] * 3


def test_what_was_due_while_a_change_failed_is_sent(node: Bulked) -> None:
    ids = [message.id for message in node.bulk(3, None)]
    node.engine.before = gone()
    with pytest.raises(StoreUnavailable):
        node.pause()
    assert node.take_all() == []
    node.wait(1)
    assert node.sent() == ids


def test_a_change_whose_answer_is_lost_holds(node: Bulked) -> None:
    node.bulk(3, None)
    node.engine.after = gone()
    with pytest.raises(StoreUnavailable):
        node.cancel()
    assert node.take_all() == []
    node.wait(2)
    assert node.sent() == []
    assert node.states() == [CANCELED] * 3


def test_a_paused_bulk_may_be_canceled(node: Bulked) -> None:
    node.bulk(2)
    node.bulk(SIZE, None)
    node.pause()
    node.take_all()
    node.turn()
    node.cancel()
    node.wait(1)
    assert node.states() == [CANCELED] * (2 + SIZE)


def test_a_later_request_with_the_id_of_a_canceled_bulk_begins_it_anew(node: Bulked) -> None:
    node.bulk(2)
    node.cancel()
    (later,) = node.bulk(1, None)
    node.bulk(1, NOON + HOUR)
    assert node.sent() == [later.id]
    node.wait(SETTLED + 2)
    assert node.states() == [CANCELED, CANCELED, (3, 0), (1, 26)]
    assert node.status.value == "PROCESSING"
    node.receipt(f"op {later.id}")
    node.turn()
    assert node.status.value == "PENDING"
    assert node.pause() is BulkStatus.PAUSED


def test_what_has_come_since_a_cancel_is_canceled_by_another(node: Bulked) -> None:
    node.bulk(2)
    node.cancel()
    node.bulk(SIZE, None)
    node.bulk(2)
    node.cancel()
    assert node.sent() == []
    node.wait(2)
    assert node.states() == [CANCELED] * (4 + SIZE)


# What can't be changed any more.


def test_a_canceled_bulk_stays_so(node: Bulked) -> None:
    node.bulk()
    node.cancel()
    assert node.cancel() is BulkStatus.CANCELED
    for change in (node.pause, node.resume, lambda: node.reschedule(NOON + HOUR)):
        with pytest.raises(Unchangeable, match="Bulk spring is CANCELED"):
            change()


def test_a_finished_bulk_stays_so(node: Bulked) -> None:
    node.deliver(1, bulk_id="spring")
    for change in (node.pause, node.resume, node.cancel, lambda: node.reschedule(NOON + HOUR)):
        with pytest.raises(Unchangeable, match="Bulk spring is FINISHED"):
            change()


def test_what_has_been_sent_can_t_be_changed(node: Bulked) -> None:
    node.bulk(2, None)
    node.sent()
    for change in (node.pause, node.cancel, lambda: node.reschedule(NOON + HOUR)):
        with pytest.raises(Unchangeable, match="all of it has been sent"):
            change()


# Credit.


def credit(node: Bulked) -> int:
    ((micros,),) = node.rows("SELECT micros FROM credit WHERE account_id = 1")
    return int(micros)


def test_what_is_not_sent_costs_nothing(node: Bulked) -> None:
    result(Credit(node.engine).add(1, MICROS))
    node.core.charging.apply(Rows())
    node.bulk(2, body=b"x" * 161)
    node.bulk(SIZE, None)
    (sent,) = [node.outbox.take()]
    assert sent is not None
    assert credit(node) == MICROS - (4 + SIZE) * MICROS // 100
    node.cancel()
    node.send(sent, "op")
    node.wait(2)
    node.take_all()
    node.wait(2)
    assert credit(node) == MICROS - MICROS // 100
    node.bulk(99)  # It is there to be used.


def test_credit_comes_back_once_although_an_answer_is_lost(node: Bulked) -> None:
    result(Credit(node.engine).add(1, MICROS))
    node.core.charging.apply(Rows())
    messages = node.bulk(5)
    for message in messages:
        node.reports.cancel(message)
    node.engine.after = gone()
    node.turn()
    assert credit(node) == MICROS
    assert not node.journal.available
    node.wait(2)
    assert node.journal.available
    assert node.states() == [CANCELED] * 5
    assert credit(node) == MICROS


def test_credit_does_not_come_back_for_a_cancel_that_comes_second(node: Bulked) -> None:
    result(Credit(node.engine).add(1, MICROS))
    node.core.charging.apply(Rows())
    (message,) = node.bulk()
    node.engine.holding = True
    node.reports.end(message, UNDELIVERABLE_NOT_DELIVERED, 0)
    node.clock.advance(0)
    node.reports.cancel(message)
    node.engine.before = gone()  # The first end is tried again, together with the second one.
    node.engine.holding = False
    node.engine.release()
    node.wait(2)
    assert node.states() == [(4, UNDELIVERABLE_NOT_DELIVERED)]
    assert credit(node) == MICROS - MICROS // 100


def test_credit_comes_back_with_the_end_although_the_database_refuses_another_change(
    node: Bulked,
) -> None:
    result(Credit(node.engine).add(1, MICROS))
    node.core.charging.apply(Rows())
    messages = node.bulk(4)
    for message in messages:
        node.reports.cancel(message)
    node.engine.refuses = lambda call: call.query is FINAL and len(call.values) > 2
    written = len(node.engine.writes)
    node.turn()
    for calls in node.engine.writes[written:]:
        ids = {
            query: {row[0] for call in calls if call.query is query for row in call.values} for query in ENDS
        }
        assert ids[FINAL] == ids[UNCHARGED]
    assert credit(node) == MICROS


def test_what_ends_as_it_is_canceled_is_paid_for_as_the_first_of_both_says(node: Bulked) -> None:
    result(Credit(node.engine).add(1, MICROS))
    node.core.charging.apply(Rows())
    (message,) = node.bulk()
    node.reports.end(message, UNDELIVERABLE_NOT_DELIVERED, 0)
    node.reports.cancel(message)
    node.turn()
    assert node.states() == [(4, UNDELIVERABLE_NOT_DELIVERED)]
    assert credit(node) == MICROS - MICROS // 100


# Restarts.


@pytest.mark.parametrize("due_at", [None, NOON + HOUR])
def test_a_node_that_was_killed_goes_on_with_what_was_said(node: Bulked, due_at: float | None) -> None:
    ids = [message.id for message in node.bulk(3 * SIZE, due_at)]
    node.pause()
    node.take_all()
    again = node.killed_and_started()
    again.sleep(HOUR)
    assert again.sent() == []
    again.resume()
    again = again.killed_and_started()
    again.wait(3)
    assert again.sent() == ids
    again.close()


@pytest.mark.parametrize("due_at", [None, NOON + HOUR])
def test_a_cancel_goes_on_after_a_kill(node: Bulked, due_at: float | None) -> None:
    node.bulk(3 * SIZE, due_at)
    node.cancel()
    again = node.killed_and_started()
    assert again.sent() == []
    again.wait(5)
    assert again.states() == [CANCELED] * 3 * SIZE
    again.close()


@pytest.mark.parametrize("due_at", [None, NOON + HOUR])
def test_a_move_goes_on_after_a_kill(node: Bulked, due_at: float | None) -> None:
    ids = [message.id for message in node.bulk(3 * SIZE, due_at)]
    node.reschedule(NOON + 2 * HOUR)
    again = node.killed_and_started()
    assert again.sent() == []
    again.wait(6)
    again = again.killed_and_started()
    again.sleep(2 * HOUR)
    assert again.sent() == ids
    again.close()


def test_old_rows_are_removed_and_those_to_be_heeded_stay(node: Bulked) -> None:
    node.bulk()
    node.bulk(bulk_id="autumn")
    node.cancel()
    result(node.core.bulks.pause(Bulk(1, "autumn")))
    node.wait(SETTLED + 2)
    assert result(Bulks(node.engine).remove_before(NOON, 10)) == 0
    assert result(Bulks(node.engine).remove_before(NOON + 1, 10)) == 1
    assert node.rows("SELECT bulk_id FROM bulk") == [("autumn",)]

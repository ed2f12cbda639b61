"""Databases that work at once, or do not work, or work and do not say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import psycopg2
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from smsd.store.engine import Call, Engine, Row, StoreUnavailable
from smsd.store.postgres import Lane, PostgresEngine
from smsd.store.sqlite import SqliteEngine
from tests.stores import Inline, result


class Storage(Protocol):
    """Where engines for one database come from, one for each life of the node."""

    def engine(self, clock: IReactorTime) -> Engine:
        """Return an open engine whose calls are done when they return."""


class Sqlite:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def engine(self, clock: IReactorTime) -> Engine:
        found = SqliteEngine(str(self._path), clock, Inline)
        found.prepare(clock.seconds(), exclusive=False)
        result(found.open())
        return found


class Postgres:
    """A PostgreSQL database, used without a reactor."""

    def __init__(self, url: str) -> None:
        self._url = url

    def engine(self, clock: IReactorTime) -> Engine:
        found = PostgresEngine(self._url, clock)
        found.prepare(clock.seconds(), exclusive=False)
        found._writing, found._reading = (_Direct(self._url, clock) for _ in range(2))
        result(found.open())
        return found


class _Direct(Lane):
    """A connection that waits for each answer."""

    def __init__(self, url: str, clock: IReactorTime) -> None:
        super().__init__(url, clock, _nothing, lambda: None)

    async def connect(self) -> None:
        connection = psycopg2.connect(self._url)
        connection.autocommit = True
        connection.cursor().execute("SET synchronous_commit = off")
        self._connection = _Connection(connection)
        self.alive = True


class _Connection:
    """What smsd uses of a connection of txpostgres."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def closed(self) -> bool:
        return bool(self._connection.closed)

    def close(self) -> None:
        self._connection.close()

    def cursor(self) -> Any:
        return _Cursor(self._connection.cursor())

    async def runInteraction(self, work: Callable[[Any], Any]) -> Any:
        cursor = self.cursor()
        await cursor.execute("BEGIN", ())
        try:
            results = await work(cursor)
        except BaseException:
            await cursor.execute("ROLLBACK", ())
            raise
        await cursor.execute("COMMIT", ())
        return results


class _Cursor:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @property
    def description(self) -> Any:
        return self._cursor.description

    def fetchall(self) -> list[Row]:
        return list(self._cursor.fetchall())

    def execute(self, sql: str, values: tuple[Any, ...]) -> Deferred[None]:
        return succeed(self._cursor.execute(sql, values or None))


async def _nothing(connection: Any) -> None:
    """Greet a connection."""


class Moody:
    """An engine before another one, which may be away, lose what it was to say, or be slow to say it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.away = False
        """Whether nothing is read or written."""
        self.lost_answers = 0
        """How many of the next transactions are made, and nobody hears of it."""
        self.slow = False
        """Whether what is read and written is told when :meth:`wake` is called, and not before."""
        self.asleep = False
        """Whether transactions are made when :meth:`wake` is called, and not before."""
        self.dead = False
        self._waiting: list[Deferred[None]] = []

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with it just now."""
        return not (self.away or self.lost_answers or self.slow or self.asleep or self._waiting)

    def recover(self) -> None:
        """Let nothing be wrong any more."""
        self.away = False
        self.lost_answers = 0
        self.wake()

    def wake(self) -> None:
        """Do and tell what was put off."""
        self.slow = self.asleep = False
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    def prepare(self, now: float, *, exclusive: bool) -> None:
        self._engine.prepare(now, exclusive=exclusive)

    async def open(self) -> None:
        await self._engine.open()

    def guard(self, taken: Callable[[], None]) -> None:
        self._engine.guard(taken)

    async def close(self) -> None:
        await self._engine.close()

    def watch(self, changed: Callable[[], None]) -> None:
        """Settings don't change here but by a restart."""

    async def read(self, call: Call) -> list[Row]:
        self._be_there()
        rows = await self._engine.read(call)
        if self.slow:
            await self._wait()
        return rows

    async def write(self, *calls: Call, announce: bool = False) -> list[list[Row]]:
        if self.asleep:
            await self._wait()
        self._be_there()
        results = await self._engine.write(*calls, announce=announce)
        if self.slow:
            await self._wait()
        if self.lost_answers:
            self.lost_answers -= 1
            raise StoreUnavailable("It has gone away before it answered.")
        return results

    def _be_there(self) -> None:
        if self.away or self.dead:
            raise StoreUnavailable("It is away.")

    async def _wait(self) -> None:
        self._waiting.append(Deferred())
        await self._waiting[-1]
        if self.dead:
            raise StoreUnavailable("Nobody is there to hear.")

"""Readings of single rows that share a query with all others of the same moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

T = TypeVar("T")

MOST = 1000
"""Keys in a query."""
WAITING = 100_000
"""Keys that may wait for one."""


class Crowded(Exception):
    """As many readings as may wait do so."""


class Readings(Generic[T]):
    """Reads rows by their keys. While one query is under way the keys of the next gather."""

    log = Logger()

    def __init__(
        self, clock: IReactorTime, read: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]]
    ) -> None:
        """Read with ``read``, which returns the rows that there are of some keys."""
        self._clock = clock
        self._read = read
        self._wanted: dict[str, list[Deferred[T | None]]] = {}
        self._running = False

    def get(self, key: str) -> Deferred[T | None]:
        """Return the row of a key, ``None`` if there is none; it fails as ``read`` does.

        Raises:
            Crowded: if too many wait.
        """
        if len(self._wanted) >= WAITING:
            raise Crowded(f"{WAITING} readings wait.")
        waiter: Deferred[T | None] = Deferred()
        self._wanted.setdefault(key, []).append(waiter)
        if not self._running:
            self._running = True
            # At the end of this turn of the reactor, so that what comes with it shares the query.
            self._clock.callLater(0, self._start)
        return waiter

    def _start(self) -> None:
        running = Deferred.fromCoroutine(self._run())
        running.addErrback(lambda failure: self.log.failure("Readings stopped", failure))

    async def _run(self) -> None:
        try:
            while self._wanted:
                keys = list(self._wanted)[:MOST]
                waiting = {key: self._wanted.pop(key) for key in keys}
                try:
                    rows = await self._read(keys)
                except Exception as problem:
                    for waiter in (one for waiters in waiting.values() for one in waiters if not one.called):
                        waiter.errback(problem)
                else:
                    for key, waiters in waiting.items():
                        for waiter in waiters:
                            if not waiter.called:
                                waiter.callback(rows.get(key))
        finally:
            self._running = False

"""The settings in force, and how the running node follows their changes."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.store.engine import Engine, StoreUnavailable
from smsd.store.settings import Rows, SettingsTables

AGAIN = 1.0
"""Seconds until settings that could not be read are read again."""


class Settings:
    """Reads the settings and passes them on, at the start and whenever any process has changed them."""

    log = Logger()

    def __init__(self, engine: Engine, clock: IReactorTime) -> None:
        self._engine = engine
        self._clock = clock
        self._tables = SettingsTables(engine)
        self._users: list[Callable[[Rows], None]] = []
        self._reading = False
        self._stale = False

    def use(self, apply: Callable[[Rows], None]) -> None:
        """Call ``apply`` with all settings, each time that they have been read."""
        self._users.append(apply)

    async def load(self) -> None:
        """Read the settings now, and again whenever they are changed.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """
        # First watch, then read: no change comes between. Changes meanwhile are read after this.
        self._reading = True
        self._engine.watch(self._changed)
        try:
            self._pass_on(await self._tables.read())
        finally:
            self._reading = False
        if self._stale:
            self._changed()

    def _changed(self) -> None:
        self._stale = True
        if not self._reading:
            self._reading = True
            reading = Deferred.fromCoroutine(self._reread())
            reading.addErrback(lambda failure: self.log.failure("Changed settings can't be used", failure))

    async def _reread(self) -> None:
        try:
            while self._stale:
                self._stale = False
                self._pass_on(await self._tables.read())
        except StoreUnavailable:
            self._clock.callLater(AGAIN, self._changed)
        finally:
            self._reading = False

    def _pass_on(self, rows: Rows) -> None:
        for apply in self._users:
            apply(rows)

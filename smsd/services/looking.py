"""Services that look at the table now and then for what there is to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from smsd.store.engine import StoreUnavailable


class Looking(Service, ABC):
    """Looks regularly, one look after the other; no mistake ends the looking."""

    log = Logger()
    interval = 1.0
    """Seconds between two looks."""
    what = "What there is to do"
    """What it looks for, as the log says it."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._looks = LoopingCall(lambda: Deferred.fromCoroutine(self._look_safely()))
        self._looks.clock = clock

    @abstractmethod
    async def look(self) -> None:
        """Look once."""

    def startService(self) -> None:
        """Begin to look."""
        super().startService()
        self._looks.start(self.interval).addErrback(
            lambda failure: self.log.failure("Looking ended: {what}", failure, what=self.what)
        )

    def stopService(self) -> Any:
        """Look no more."""
        super().stopService()
        self._looks.stop()

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except StoreUnavailable as error:
            self.log.warn("{what} can't be looked for: {error}", what=self.what, error=error)
        except Exception:
            self.log.failure("{what} can't be looked for", what=self.what)

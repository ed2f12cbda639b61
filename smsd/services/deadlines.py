"""What time itself brings: scheduled messages become due, and validities end."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from smsd.services.dispatch import Dispatch
from smsd.services.reports import Reports
from smsd.services.statuses import (
    EXPIRED_DLR_UNKNOWN,
    EXPIRED_EXPIRED,
    UNDELIVERABLE_NOT_SENT,
    VALIDITY_EXPIRED,
)
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Messages, State

INTERVAL = 1.0
"""Seconds between two looks at the table."""
DUE, EXPIRED = 10_000, 2_000
"""How many messages one look takes of each kind; the next look takes more."""

ENDS = {
    State.GATHERING: UNDELIVERABLE_NOT_SENT,
    State.SCHEDULED: EXPIRED_EXPIRED,
    State.QUEUED: EXPIRED_EXPIRED,
    State.SENT: EXPIRED_DLR_UNKNOWN,
}
"""What becomes of a message whose validity ends before it is final: none stays without an end."""


class Deadlines(Service):
    """Looks regularly for messages whose time has come."""

    log = Logger()

    def __init__(self, messages: Messages, dispatch: Dispatch, reports: Reports, clock: IReactorTime) -> None:
        self._messages = messages
        self._dispatch = dispatch
        self._reports = reports
        self._looking = LoopingCall(lambda: Deferred.fromCoroutine(self._look_safely()))
        self._looking.clock = clock
        self._clock = clock

    def startService(self) -> None:
        """Begin to look."""
        super().startService()
        self._looking.start(INTERVAL).addErrback(lambda failure: self.log.failure("Looking ended", failure))

    def stopService(self) -> None:
        """Look no more."""
        super().stopService()
        self._looking.stop()

    async def _look_safely(self) -> None:
        """Look, and let no mistake end the looking."""
        try:
            await self._look()
        except StoreUnavailable as error:
            self.log.warn("What is due can't be looked for: {error}", error=error)
        except Exception:
            self.log.failure("Looking for what is due failed")

    async def _look(self) -> None:
        now = self._clock.seconds()
        for queue in set(await self._messages.due(now, DUE)):
            self._dispatch.look(queue)
        for message in await self._messages.expired(now, EXPIRED):
            self._reports.end(message, ENDS[State(message.state)], VALIDITY_EXPIRED)

"""What time itself brings: scheduled messages become due, and validities end."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.dispatch import Dispatch
from smsd.services.looking import Looking
from smsd.services.reports import Reports
from smsd.services.statuses import (
    EXPIRED_DLR_UNKNOWN,
    EXPIRED_EXPIRED,
    UNDELIVERABLE_NOT_SENT,
    VALIDITY_EXPIRED,
)
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.messages import Messages, State

DUE, EXPIRED = 10_000, 2_000
"""How many messages one look takes of each kind; the next look takes more."""

ENDS = {
    State.GATHERING: UNDELIVERABLE_NOT_SENT,
    State.SCHEDULED: EXPIRED_EXPIRED,
    State.QUEUED: EXPIRED_EXPIRED,
    State.SENT: EXPIRED_DLR_UNKNOWN,
}
"""What becomes of a message whose validity ends before it is final: none stays without an end."""


class Deadlines(Looking):
    """Looks regularly for messages whose time has come."""

    log = Logger()
    what = "What is due"

    def __init__(
        self, journal: Journal, messages: Messages, dispatch: Dispatch, reports: Reports, clock: IReactorTime
    ) -> None:
        super().__init__(clock)
        self._journal = journal
        self._messages = messages
        self._dispatch = dispatch
        self._reports = reports
        self._in_doubt = False

    async def look(self) -> None:
        """Queue what has become due, and end what is no longer valid.

        Not while the journal has still to bring to disk what it may have brought there already: that a
        message was put off, say, which would be due again.
        """
        if not self._journal.available:
            return
        now = self._clock.seconds()
        if self._in_doubt:
            await self._dispatch.resume()
            self._in_doubt = False
        try:
            queues = set(await self._messages.due(now, DUE))
        except StoreUnavailable:
            self._in_doubt = True  # They may be queued all the same, and nobody was told.
            raise
        for queue in queues:
            self._dispatch.look(queue)
        for message in await self._messages.expired(now, EXPIRED):
            self._reports.end(message, ENDS[State(message.state)], VALIDITY_EXPIRED)
        self._dispatch.forget(now)

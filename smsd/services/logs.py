"""What clients look up of the last days: the messages they have sent, and those that were sent to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from smsd.services.statuses import (
    PENDING_ACCEPTED,
    PENDING_APPROVAL,
    PENDING_ENROUTE,
    PENDING_TIME_VIOLATION,
    PENDING_WAITING_DELIVERY,
    STATUSES,
)
from smsd.store.commits import Overloaded
from smsd.store.logs import Logged, Logs, Search
from smsd.store.lookups import Lookup, Lookups
from smsd.store.lookups import Search as LookupSearch
from smsd.store.messages import Message, State
from smsd.store.received import Received
from smsd.store.received_logs import ReceivedLogs, ReceivedSearch

WAITING = 100
"""How many requests may wait for their turn to read the logs."""
GROUPS = {status.group_name: status.group_id for status in STATUSES.values()}
"""The groups of statuses, by their names."""

T = TypeVar("T")


class LogReading:
    """Reads the logs, as far back as they are kept, for one request at a time.

    What sends messages reads the database too: it waits for one statement of theirs at most.
    """

    def __init__(
        self, messages: Logs, received: ReceivedLogs, lookups: Lookups, clock: IReactorTime, kept: float
    ) -> None:
        """Look back ``kept`` seconds."""
        self._messages = messages
        self._received = received
        self._lookups = lookups
        self._clock = clock
        self._kept = kept
        self._turn = DeferredLock()

    @property
    def now(self) -> float:
        """Where the logs end for whoever names no end."""
        return self._clock.seconds()

    @property
    def begins(self) -> float:
        """How far they go back."""
        return self._clock.seconds() - self._kept

    async def messages(self, search: Search) -> list[Logged]:
        """Return the newest messages that a search finds.

        Raises:
            Overloaded: if too many wait for the logs.
            StoreUnavailable: if the database doesn't answer.
        """
        return await self._in_turn(lambda: self._messages.page(search))

    async def received(self, search: ReceivedSearch) -> list[Received]:
        """Return the newest received messages that a search finds; raises as :meth:`messages`."""
        return await self._in_turn(lambda: self._received.page(search))

    async def lookups(self, search: LookupSearch) -> list[Lookup]:
        """Return the newest lookups that a search finds; raises as :meth:`messages`."""
        return await self._in_turn(lambda: self._lookups.page(search))

    async def _in_turn(self, read: Callable[[], Awaitable[T]]) -> T:
        if len(self._turn.waiting) >= WAITING:
            raise Overloaded(f"{WAITING} requests wait for the logs.")
        async with self._turn:
            return await read()


def shown_status(message: Message) -> int:
    """Return the status that a message has in the logs: until it is final, it is a pending one."""
    if message.state == State.FINAL:
        return message.status
    if message.state == State.SENT:
        return PENDING_WAITING_DELIVERY
    if message.state == State.SCHEDULED and message.status == PENDING_TIME_VIOLATION:
        return PENDING_TIME_VIOLATION
    if message.state == State.SCHEDULED and message.status >= PENDING_APPROVAL:
        return PENDING_APPROVAL  # Also when it was not approved: it is about to be ended.
    if message.state == State.QUEUED or message.attempts:
        return PENDING_ENROUTE
    return PENDING_ACCEPTED

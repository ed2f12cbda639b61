"""How much each account may hand in: messages a second, and messages that wait to be sent."""

from __future__ import annotations

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Messages
from smsd.store.settings import Account

BURST = 1.0
"""Seconds' worth of messages that an account may hand in at once after a pause."""
RECOUNT = 5.0
"""Seconds that pass at least between two counts of an account's messages in the table."""


class OverRate(Exception):
    """The account hands in more messages a second than it may; ``seconds`` later it may again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Try again in {seconds:.1f} s.")
        self.seconds = seconds


class QueueFull(Exception):
    """As many of the account's messages as may wait to be sent do so."""


class _Standing(msgspec.Struct):
    """Where an account stands."""

    waiting: int = 0
    free_at: float = 0.0
    """When its rate has room again: what was handed in too early pushes it ahead."""
    counted_at: float = 0.0


class Backlog:
    """Keeps the accounts' rates, and the number of their messages that wait to be sent.

    The number may be off after faults; it is counted anew in the table then, and when it reaches its limit.
    """

    log = Logger()

    def __init__(self, messages: Messages, clock: IReactorTime) -> None:
        self._messages = messages
        self._clock = clock
        self._standings: dict[int, _Standing] = {}

    async def resume(self) -> None:
        """Count what waits."""
        for account_id, count in await self._messages.backlog():
            self._standing(account_id).waiting = count

    @property
    def waiting(self) -> int:
        """How many messages of all accounts wait to be sent, but for a few."""
        return sum(standing.waiting for standing in self._standings.values())

    def admit(self, account: Account, count: int) -> None:
        """See whether an account may hand in so many messages now.

        Raises:
            OverRate: if it hands in too many a second.
            QueueFull: if too many wait already.
        """
        if not account.queue and not account.throughput:
            return
        standing = self._standing(account.id)
        now = self._clock.seconds()
        if account.queue and standing.waiting + count > account.queue:
            if now >= standing.counted_at + RECOUNT:
                standing.counted_at = now
                self.doubt()
            raise QueueFull(f"{standing.waiting} messages wait to be sent.")
        if account.throughput:
            if standing.free_at >= now:
                raise OverRate(standing.free_at - now + 1 / account.throughput)
            standing.free_at = max(standing.free_at, now - BURST) + count / account.throughput

    def joined(self, account_id: int) -> None:
        """Count a message in that has been stored."""
        self._standing(account_id).waiting += 1

    def left(self, account_id: int) -> None:
        """Count a message out that has been sent, or has ended without."""
        standing = self._standing(account_id)
        standing.waiting = max(0, standing.waiting - 1)

    def doubt(self) -> None:
        """Count anew what waits: answers of the database may have been lost, and ends with them."""
        counting = Deferred.fromCoroutine(self._recount())
        counting.addErrback(lambda failure: self.log.failure("What waits can't be counted", failure))

    async def _recount(self) -> None:
        try:
            counts = dict(await self._messages.backlog())
        except StoreUnavailable:
            return  # Submitters are told so anyway.
        for account_id in {*self._standings, *counts}:
            self._standing(account_id).waiting = counts.get(account_id, 0)

    def _standing(self, account_id: int) -> _Standing:
        standing = self._standings.get(account_id)
        if standing is None:
            standing = self._standings[account_id] = _Standing()
        return standing

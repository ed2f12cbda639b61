"""The credit of accounts that pay in advance: each message costs some, and without enough it is refused."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.store.credit import Credit
from smsd.store.engine import Row, StoreUnavailable
from smsd.store.settings import Rows

MICROS = 1_000_000
"""The units that credit is counted in, to one of an account's currency."""
AGAIN = 1.0
"""Seconds until credit that could not be read is read again."""


class NotEnough(Exception):
    """The account's credit does not cover a message."""


class Charging:
    """Knows what credit each account has left, less what its messages on their way to disk will take.

    What they take leaves the table in the transaction that stores them, which also tells what is left. An
    account without a row there pays later.
    """

    log = Logger()

    def __init__(self, credit: Credit, clock: IReactorTime) -> None:
        self._credit = credit
        self._clock = clock
        self._left: dict[int, int] = {}
        self._reserved: dict[int, int] = {}

    async def resume(self) -> None:
        """Read what is left."""
        self._left = await self._credit.left()

    def apply(self, rows: Rows) -> None:
        """Read again what is left: some of it may have been added."""
        reading = Deferred.fromCoroutine(self._reread())
        reading.addErrback(lambda failure: self.log.failure("Credit can't be read", failure))

    @property
    def reserved(self) -> int:
        """What is set aside for messages on their way to disk, of all accounts."""
        return sum(self._reserved.values())

    def left(self, account_id: int) -> int | None:
        """Return what an account has left, in millionths of its currency; ``None`` if it pays later."""
        left = self._left.get(account_id)
        return None if left is None else left - self._reserved.get(account_id, 0)

    def reserve(self, account_id: int, price: str, segments: int) -> int:
        """Set aside what a message costs, and return it; 0 if the account pays later.

        Raises:
            NotEnough: if the account has not so much.
        """
        left = self._left.get(account_id)
        if left is None:
            return 0
        cost = micros(price) * segments
        reserved = self._reserved.get(account_id, 0)
        if cost and cost > left - reserved:
            raise NotEnough(f"{left - reserved} of {cost} are left.")
        self._reserved[account_id] = reserved + cost
        return cost

    def release(self, account_id: int, cost: int) -> None:
        """Take note that a message whose cost was set aside is on disk, or never will be."""
        if cost:
            self._reserved[account_id] -= cost

    def debited(self, rows: list[Row]) -> None:
        """Take note of what a transaction has left of accounts' credit."""
        self._left.update(rows)

    async def _reread(self) -> None:
        try:
            self._left = await self._credit.left()
        except StoreUnavailable:
            self._clock.callLater(AGAIN, self.apply, Rows())


@lru_cache(4096)
def micros(price: str) -> int:
    """Return a price in the units of credit."""
    return int(Decimal(price) * MICROS)

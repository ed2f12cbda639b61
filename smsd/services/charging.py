"""What messages cost, and whether their accounts have that; what is given back of it when they fail."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.prices import Prices
from smsd.services.statuses import (
    EXPIRED_GROUP,
    STATUSES,
    UNDELIVERABLE_GROUP,
    UNDELIVERABLE_NOT_DELIVERED,
)
from smsd.store.credit import UNDELIVERED, UNSENT, Credit
from smsd.store.engine import Row, StoreUnavailable
from smsd.store.messages import Message, State
from smsd.store.settings import Rows

MICROS = 1_000_000
"""The units that credit is counted in, to one of an account's currency."""
AGAIN = 1.0
"""Seconds until credit that could not be read is read again, and from one doubt about it to the next."""
NEVER = float("inf")
FREE = Decimal(0)
REFUNDS = ("unsent", "undelivered", "nothing")
"""What accounts may get back: the cost of what no operator took, also of what did not arrive, or none."""


class NotEnough(Exception):
    """The account's credit does not cover a message."""


class PackageExpired(Exception):
    """The account's package has ended."""


class Charging:
    """Knows what credit each account has left, less what its messages on their way to disk will take.

    What they take leaves the table in the transaction that stores them, which also tells what is left, and
    fails if they are not covered: other nodes take from the same credit. An account without a limit pays
    later.
    """

    log = Logger()

    def __init__(self, credit: Credit, prices: Prices, clock: IReactorTime) -> None:
        self.prices = prices
        self._credit = credit
        self._clock = clock
        self._left: dict[int, int] = {}
        self._reserved: dict[int, int] = {}
        self._packages: dict[int, int] = {}
        self._refunds: dict[int, str] = {}
        self._doubted = False

    async def resume(self) -> None:
        """Read what is left, and the prices.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """
        await self.prices.resume()
        self._left = await self._credit.left()

    def apply(self, rows: Rows) -> None:
        """Take over changed accounts, and read again what is left: some of it may have been added."""
        self._packages = {one.id: one.package_until for one in rows.accounts if one.package_until}
        self._refunds = {one.id: one.refund for one in rows.accounts}
        self.prices.apply(rows)
        self._read()

    def left(self, account_id: int) -> int | None:
        """Return what messages of an account may still take, in millionths of its currency.

        Its limit is a part of it. ``None`` if it pays later.
        """
        left = self._left.get(account_id)
        return None if left is None else left - self._reserved.get(account_id, 0)

    def reserve(self, account_id: int, price: str, segments: int) -> int:
        """Set aside what a message costs, and return it; an account that pays later will owe it.

        Raises:
            NotEnough: if the account has not so much.
            PackageExpired: if its package has ended.
        """
        if self._packages and self._clock.seconds() >= self._packages.get(account_id, NEVER):
            raise PackageExpired
        cost = micros(price) * segments
        reserved = self._reserved.get(account_id, 0)
        left = self._left.get(account_id)
        if left is not None and cost and cost > left - reserved:
            self.doubt()
            raise NotEnough(f"{left - reserved} of {cost} are left.")
        self._reserved[account_id] = reserved + cost
        return cost

    def release(self, account_id: int, cost: int) -> None:
        """Take note that a message whose cost was set aside is on disk, or never will be."""
        if cost:
            self._reserved[account_id] -= cost

    def debited(self, rows: list[Row]) -> None:
        """Take note of what a transaction has left of accounts' credit."""
        for account_id, left in rows:
            if left is None:
                self._left.pop(account_id, None)
            else:
                self._left[account_id] = left

    def doubt(self) -> None:
        """Read again soon what is left: another node, or an answer that was lost, may have changed it."""
        if not self._doubted:
            self._doubted = True
            self._clock.callLater(AGAIN, self._read)

    def refund(self, message: Message, status: int) -> int | None:
        """Return in which case a message that ends so gives back what it cost; ``None`` if in none."""
        refund = self._refunds.get(message.account_id, REFUNDS[0])
        if refund == "nothing" or not (message.charged or message.state == State.GATHERING):
            return None
        group = STATUSES[status].group_id
        if refund == "undelivered" and group in (UNDELIVERABLE_GROUP, EXPIRED_GROUP):
            return UNDELIVERED
        # What an operator never answered it may have taken.
        sent = message.state == State.SENT or message.taken or status == UNDELIVERABLE_NOT_DELIVERED
        return None if sent else UNSENT

    def _read(self) -> None:
        self._doubted = False
        reading = Deferred.fromCoroutine(self._reread())
        reading.addErrback(lambda failure: self.log.failure("Credit can't be read", failure))

    async def _reread(self) -> None:
        try:
            self._left = await self._credit.left()
        except StoreUnavailable:
            self.doubt()


def charged_price(message: Message) -> Decimal:
    """Return what each segment of a message has cost: nothing if it was refused, or that was given back."""
    return Decimal(message.price) if message.charged else FREE


@lru_cache(4096)
def micros(price: str) -> int:
    """Return a price in the units of credit."""
    return int(Decimal(price) * MICROS)

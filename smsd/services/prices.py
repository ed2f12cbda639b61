"""Price lists: what a segment costs, by account, country and network of the destination."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.store.engine import StoreUnavailable
from smsd.store.prices import PriceRow, PriceRows
from smsd.store.settings import Account, Rows

REMEMBERED = 100_000
"""For how many accounts and networks it is remembered what they come to."""
AGAIN = 1.0
"""Seconds until prices that could not be read are read again."""
MCC = 3
"""How many digits of a network say its country."""

Owner = int | str
"""An account, or those that have a currency, or all."""
Place = tuple[str, str]
"""A country and a network."""


class Quote(NamedTuple):
    """A price, and the row that says so."""

    price: str
    row: PriceRow


class PriceList:
    """Prices as they are looked for: the narrowest counts.

    An account's own come before those of its currency, and these before everybody's. Among them one for the
    network comes first, then one for its MCC, for the country, and for everywhere.
    """

    def __init__(self, rows: Iterable[PriceRow] = ()) -> None:
        self._owners: dict[Owner, dict[Place, Quote]] = {}
        self.add(rows)

    def add(self, rows: Iterable[PriceRow]) -> None:
        """Add prices, or change those there are."""
        for row in rows:
            scope = row.scope
            owner: Owner = scope.currency if scope.account_id is None else scope.account_id
            places = self._owners.setdefault(owner, {})
            places[scope.country, scope.network] = Quote(row.price, row)

    def __bool__(self) -> bool:
        return bool(self._owners)

    def find(self, account_id: int, currency: str, country: str, network: str) -> Quote | None:
        """Return what a segment costs an account; ``None`` if no price is for that."""
        where = [(country, network), ("", network), (country, network[:MCC]), ("", network[:MCC])]
        places = [*where, (country, ""), ("", "")]
        for owner in (account_id, currency, ""):
            prices = self._owners.get(owner)
            if prices is not None:
                for place in places:
                    quote = prices.get(place)
                    if quote is not None:
                        return quote
        return None


class Prices:
    """The price lists in force."""

    log = Logger()

    def __init__(self, rows: PriceRows, clock: IReactorTime) -> None:
        self._rows = rows
        self._clock = clock
        self._version = -1
        self._list = PriceList()
        self._known: dict[tuple[int, str, str, str], str | None] = {}
        self._reading = False
        self._stale = False

    async def resume(self) -> None:
        """Read the prices.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """
        while (version := await self._rows.version()) != self._version:
            prices = PriceList()
            async for page in self._rows.pages():
                prices.add(page)
            if await self._rows.version() == version:  # Else they have changed while they were read.
                self._list = prices
                self._known.clear()
                self._version = version

    def apply(self, rows: Rows) -> None:
        """Read the prices again if they have changed."""
        self._stale = True
        if not self._reading:
            self._reading = True
            reading = Deferred.fromCoroutine(self._reread())
            reading.addErrback(lambda failure: self.log.failure("Changed prices can't be used", failure))

    def of(self, account: Account, country: str, network: str, otherwise: str) -> str:
        """Return what a segment to a country and network costs; without a price for that, ``otherwise``."""
        if not self._list:
            return otherwise
        key = (account.id, account.currency, country, network)
        try:
            price = self._known[key]
        except KeyError:
            quote = self._list.find(*key)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            price = self._known[key] = quote.price if quote is not None else None
        return otherwise if price is None else price

    async def _reread(self) -> None:
        try:
            while self._stale:
                self._stale = False
                await self.resume()
        except StoreUnavailable:
            self._clock.callLater(AGAIN, self.apply, Rows())
        finally:
            self._reading = False

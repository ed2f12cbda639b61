"""Prices as rows: thousands of them, which nodes read when they have changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from smsd.store.engine import Call, Engine, Query


class Scope(NamedTuple):
    """What a price is for."""

    account_id: int | None = None
    """``None``: every account."""
    currency: str = ""
    """Of a price for every account: those that have this one; nothing: all."""
    country: str = ""
    """ISO 3166, two capitals; nothing: any."""
    network: str = ""
    """An MCC and MNC, or an MCC alone; nothing: any."""


class PriceRow(NamedTuple):
    """A price of a segment, and what it is for."""

    scope: Scope
    price: str
    """An exact decimal."""


VERSION = Query("SELECT version FROM price_version")
CHANGED = Query("UPDATE price_version SET version = version + 1")
ALL = Query(
    "SELECT account_id, currency, country, network, price FROM price"
    " ORDER BY coalesce(account_id, 0), currency, country, network"
)
PAGE = 5_000
"""How many prices are read at once: what else a node does has its turn between two pages."""
NEXT = Query(
    "SELECT id, account_id, currency, country, network, price FROM price WHERE id > ? ORDER BY id LIMIT ?"
)
NONE = Query("DELETE FROM price")
PUT = Query(
    "INSERT INTO price (account_id, currency, country, network, price)"
    " SELECT account_id, currency, country, network, price FROM {rows} AS r WHERE true"
    " ON CONFLICT (coalesce(account_id, 0), currency, country, network) DO UPDATE SET price = excluded.price",
    "account_id bigint, currency text, country text, network text, price text",
)
REMOVE = Query(
    "DELETE FROM price WHERE coalesce(account_id, 0) = ? AND currency = ? AND country = ? AND network = ?"
    " RETURNING id"
)


class PriceRows:
    """Reads and changes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def version(self) -> int:
        """Return a number that changes with the prices."""
        ((version,),) = await self._engine.read(Call(VERSION))
        return int(version)

    async def all(self) -> list[PriceRow]:
        """Return all prices."""
        return [PriceRow(Scope(*scope), price) for *scope, price in await self._engine.read(Call(ALL))]

    async def pages(self) -> AsyncIterator[list[PriceRow]]:
        """Yield all prices, so many at a time; what changes meanwhile may be among them or not."""
        last = 0
        while rows := await self._engine.read(Call(NEXT, (last, PAGE))):
            last = rows[-1][0]
            yield [PriceRow(Scope(*scope), price) for _, *scope, price in rows]

    async def put(self, rows: Sequence[PriceRow], replace: bool = False) -> None:
        """Add prices, or change those there are; or replace all by them.

        Raises:
            StoreRefused: if an account isn't there.
        """
        calls = [Call(NONE)] if replace else []
        if rows:
            calls.append(Call(PUT, [(*row.scope, row.price) for row in rows]))
        await self._engine.write(Call(CHANGED), *calls, announce=True)

    async def remove(self, scope: Scope) -> bool:
        """Remove a price; tell whether there was one."""
        values = (scope.account_id or 0, *scope[1:])
        _, rows = await self._engine.write(Call(CHANGED), Call(REMOVE, values), announce=True)
        return bool(rows)

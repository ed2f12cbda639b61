"""What the operator may do with price lists."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import NamedTuple

from smsd.numbering.addresses import destination
from smsd.numbering.plan import UNKNOWN, Home
from smsd.services.administration import Administration
from smsd.services.columns import ROUTES, SettingError, account_columns, check_country, route_columns
from smsd.services.network_administration import NetworkAdministration
from smsd.services.prices import PriceList
from smsd.services.routing import Routing, Unroutable
from smsd.services.rules import Asked
from smsd.store.engine import Engine
from smsd.store.prices import PriceRow, PriceRows, Scope
from smsd.store.settings import Account, Route

MOST = 200_000
"""How many prices there may be: each node holds them all in memory."""
HEADS = ("account", "currency", "country", "network", "price")
"""The columns of a file of prices; only the last one must be there."""


class Priced(NamedTuple):
    """What a segment to a number costs an account, and why."""

    price: str
    currency: str
    country: str
    network: str
    row: PriceRow | None
    """The price that counts; ``None``: the route's."""


class PriceAdministration:
    """Lists and changes prices; a running node follows at once."""

    def __init__(self, engine: Engine) -> None:
        self._administration = Administration(engine)
        self._networks = NetworkAdministration(engine)
        self._rows = PriceRows(engine)

    async def all(self) -> list[dict[str, str]]:
        """Return all prices, by the names of :data:`HEADS`."""
        names = {one.id: one.system_id for one in (await self._administration.rows()).accounts}
        return [_named(row, names) for row in await self._rows.all()]

    async def add(self, given: Mapping[str, str]) -> None:
        """Add a price.

        Raises:
            SettingError: if a value won't do, or there is a price for that.
        """
        row = price_row(given, await self._accounts())
        rows = await self._rows.all()
        if any(one.scope == row.scope for one in rows):
            raise SettingError(f"There is a price {_said(given)} already: set another one.")
        _room(len(rows) + 1)
        await self._rows.put([row])

    async def change(self, given: Mapping[str, str]) -> None:
        """Change a price.

        Raises:
            SettingError: if a value won't do, or there is no price for that.
        """
        row = price_row(given, await self._accounts())
        if all(one.scope != row.scope for one in await self._rows.all()):
            raise SettingError(f"There is no price {_said(given)}.")
        await self._rows.put([row])

    async def remove(self, given: Mapping[str, str]) -> None:
        """Remove a price; raises as :meth:`change`."""
        if not await self._rows.remove(price_scope(given, await self._accounts())):
            raise SettingError(f"There is no price {_said(given)}.")

    async def read_from(self, lines: Iterable[str], replace: bool) -> int:
        """Take over the prices of a CSV file, and return how many; with ``replace`` all others are removed.

        Raises:
            SettingError: if it is no such file, or there are too many.
        """
        rows = prices_of(lines, await self._accounts())
        known = set() if replace else {one.scope for one in await self._rows.all()}
        _room(len(known | {one.scope for one in rows}))
        await self._rows.put(rows, replace)
        return len(rows)

    async def written(self) -> str:
        """Return all prices as a CSV file."""
        file = StringIO()
        writer = csv.DictWriter(file, HEADS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(await self.all())
        return file.getvalue()

    async def find(
        self, system_id: str, number: str, route: Route | None = None, home: Home | None = None
    ) -> Priced:
        """Return what a segment to a number costs an account, on a route, or on the one it would take.

        The number is at home where it is said to be, else where the number plan says.

        Raises:
            SettingError: if there is no such account, it is no number, or no price or route is for it.
        """
        account = await self._administration.account(system_id)
        home = home or await self._networks.home(number)
        if home is UNKNOWN:
            raise SettingError(f"No country has a prefix of {number}: messages to it are refused.")
        country, network = home.country, home.mccmnc
        quote = PriceList(await self._rows.all()).find(account.id, account.currency, country, network)
        if quote is not None:
            return Priced(quote.price, account.currency, country, network, quote.row)
        if route is None:
            routing = Routing()
            routing.apply(await self._administration.rows())
            digits = destination(number) or ""
            try:
                route = routing.find(Asked(account.id, digits, network=network, country=country))
            except Unroutable:
                raise SettingError(f"Account {system_id} has no price and no route for {digits}.") from None
        return Priced(route.price, account.currency, country, network, None)

    async def _accounts(self) -> tuple[Account, ...]:
        return (await self._administration.rows()).accounts


def price_row(given: Mapping[str, str], accounts: Sequence[Account]) -> PriceRow:
    """Return a price as it is stored; what is not given is any.

    Raises:
        SettingError: if a value won't do.
    """
    scope = price_scope(given, accounts)
    check_country(scope.country)
    price = given.get("price", "")
    route_columns({"price": price})
    return PriceRow(scope, price)


def price_scope(given: Mapping[str, str], accounts: Sequence[Account]) -> Scope:
    """Return what a price is for; raises as :func:`price_row`."""
    name, currency = given.get("account", ""), given.get("currency", "").upper()
    country, network = given.get("country", "").upper(), given.get("network", "")
    ids = {one.system_id: one.id for one in accounts}
    if name and name not in ids:
        raise SettingError(f"There is no account {name}.")
    if name and currency:
        raise SettingError("An account's own price is in its currency: name one or the other.")
    if currency:
        account_columns({"currency": currency})
    for column, value in (("country", country), ("network", network)):
        pattern, words = ROUTES[column]
        if not re.fullmatch(pattern, value):
            raise SettingError(f"{words}: not {value!r}.")
    return Scope(ids.get(name), currency, country, network)


def prices_of(lines: Iterable[str], accounts: Sequence[Account]) -> list[PriceRow]:
    """Return the prices in a CSV file, whose first line names the columns.

    Raises:
        SettingError: if it is none, or a value won't do; the text says in which line.
    """
    found: dict[Scope, PriceRow] = {}
    reader = csv.DictReader(lines, skipinitialspace=True)
    try:
        heads = [head.strip().lower() for head in reader.fieldnames or ()]
        if "price" not in heads:
            raise SettingError(f"The first line names the columns {', '.join(HEADS)}: price is missing.")
        unknown = [head for head in heads if head not in HEADS]
        if unknown:
            raise SettingError(f"There is no column {unknown[0]}: those known are {', '.join(HEADS)}.")
        reader.fieldnames = heads
        for line in reader:
            try:
                row = price_row({head: (line.get(head) or "").strip() for head in HEADS}, accounts)
            except SettingError as error:
                raise SettingError(f"Line {reader.line_num}: {error}") from error
            found[row.scope] = row  # Of two lines for the same the later stands.
            if len(found) > MOST:
                raise SettingError(f"There may be {MOST} prices at most.")
    except csv.Error as error:
        raise SettingError(f"Line {reader.line_num}: it is no CSV: {error}.") from error
    return list(found.values())


def _named(row: PriceRow, names: Mapping[int, str]) -> dict[str, str]:
    """Return a price by the names of :data:`HEADS`."""
    scope = row.scope
    account = names.get(scope.account_id, "") if scope.account_id is not None else ""
    values = (account, scope.currency, scope.country, scope.network, row.price)
    return dict(zip(HEADS, values, strict=True))


def _said(given: Mapping[str, str]) -> str:
    """Return what a price is for, as sentences have it."""
    parts = [f"{head} {given[head]}" for head in HEADS[:-1] if given.get(head)]
    return f"for {', '.join(parts)}" if parts else "for everybody and everywhere"


def _room(count: int) -> None:
    if count > MOST:
        raise SettingError(f"There may be {MOST} prices at most.")

"""Routes by the file, and where a message would go."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import convert
from msgspec.structs import replace
from twisted.internet.interfaces import IReactorTime

from smsd.numbering.addresses import destination as e164
from smsd.numbering.addresses import sender
from smsd.numbering.plan import UNKNOWN
from smsd.services.administration import Administration
from smsd.services.channel_states import STALE
from smsd.services.columns import SettingError, check_route, identity, network_columns, route_columns
from smsd.services.network_administration import NetworkAdministration
from smsd.services.networks import own_plan, ported_home
from smsd.services.price_administration import PriceAdministration
from smsd.services.routing import Considered, Routing, Unroutable
from smsd.services.rules import BINARY, FLASH, TEXT, Asked
from smsd.services.statuses import REJECTED_PREFIX_MISSING
from smsd.sms.data_coding import GSM_DEFAULT, OCTETS, with_class
from smsd.store.channel_states import ChannelState
from smsd.store.engine import Engine
from smsd.store.settings import Route, Rows, SettingsTables, Value

HEADS = (
    "account",
    "code",
    "prefix",
    "country",
    "network",
    "sender",
    "type",
    "hours",
    "priority",
    "weight",
    "action",
    "channel",
    "price",
    "cost",
    "lookup",
)
"""The columns of a file of routes: any of them may be missing, and any field empty."""
DEFAULTS = {"priority": "0", "weight": "1", "action": "send", "price": "0", "cost": "0", "lookup": "0"}
"""What an empty field of some columns means."""
MOST = 20_000
"""How many routes there may be: each node holds them all in memory."""
DATA_CODINGS = {TEXT: GSM_DEFAULT, BINARY: OCTETS, FLASH: with_class(GSM_DEFAULT, 0)}
"""A data_coding of each type of message."""


class Way(NamedTuple):
    """Where a message would go, and why."""

    asked: Asked
    considered: list[Considered]
    """The routes with a prefix of the destination, in their order."""
    others: int
    """How many routes have another code, account or prefix."""
    route: Route | None
    """The one that it takes, or that refuses it."""
    price: str
    """What a segment costs the account."""
    refusal: int
    """The status it is refused with; 0 if it is not."""
    rows: Rows
    states: dict[int, ChannelState]
    """How channels are, by their ids, if a node runs."""
    lookup: str = ""
    """Who says that its number is looked up first; empty if nobody does."""
    found: str = ""
    """The network that this finds, if it is given."""


class RouteAdministration:
    """Reads and writes files of routes, which a running node follows at once; tells where messages go."""

    def __init__(self, engine: Engine, clock: IReactorTime) -> None:
        self._administration = Administration(engine)
        self._networks = NetworkAdministration(engine)
        self._prices = PriceAdministration(engine)
        self._tables = SettingsTables(engine)
        self._clock = clock

    async def put(self, lines: Iterable[str], replace_all: bool = False) -> tuple[int, int, int]:
        """Add the routes of a CSV file; return how many are new, changed and removed.

        Of a route that is there already, but for its weight, price, cost and lookup, these are changed. With
        ``replace_all`` those that the file has not are removed.

        Raises:
            SettingError: if it is none, or a value won't do; the text says in which line.
        """
        rows = await self._administration.rows()
        wanted = {identity(route): route for route in routes_of(lines, rows)}
        known = {identity(route): route for route in rows.routes}
        new = [route for key, route in wanted.items() if key not in known]
        changed = []
        for key, route in wanted.items():
            if key in known:
                merged = replace(
                    known[key],
                    weight=route.weight,
                    price=route.price,
                    cost=route.cost,
                    lookup=route.lookup,
                )
                if merged != known[key]:
                    changed.append(merged)
        gone = [route for key, route in known.items() if replace_all and key not in wanted]
        if len(rows.routes) + len(new) - len(gone) > MOST:
            raise SettingError(f"There may be {MOST} routes at most.")
        await self._tables.put_routes(new, changed, gone)
        return len(new), len(changed), len(gone)

    async def lines(self) -> list[dict[str, Value]]:
        """Return the routes as lines of such a file."""
        rows = await self._administration.rows()
        accounts = {one.id: one.system_id for one in rows.accounts}
        channels = {one.id: one.name for one in rows.channels}
        found = []
        for route in rows.routes:
            line: dict[str, Value] = {name: getattr(route, name, "") for name in HEADS}
            line["account"] = accounts[route.account_id] if route.account_id is not None else ""
            line["channel"] = channels[route.channel_id] if route.channel_id is not None else ""
            found.append(line)
        return found

    async def test(
        self,
        destination: str,
        account: str | None = None,
        source: str = "",
        code: str = "",
        kind: str = TEXT,
        at: float | None = None,
        found: str = "",
    ) -> Way:
        """Return where a message would go now, or at another time; without an account, for one like any.

        If its number is looked up first, ``found`` is the network that this finds; else it finds nothing.

        Raises:
            SettingError: if there is no such account, an address is none, or nothing is looked up.
        """
        number, origin = e164(destination), sender(source)
        if number is None:
            raise SettingError(f"A destination is an international number: not {destination!r}.")
        if origin is None:
            raise SettingError(f"A sender has 3 to 14 digits, or 3 to 11 characters: not {source!r}.")
        rows = await self._administration.rows()
        sending = await self._administration.account(account) if account else None
        account_id = sending.id if sending is not None else 0
        now = self._clock.seconds()
        states = {
            channel_id: state
            for channel_id, state in (await self._administration.channel_states()).items()
            if now - state.seen_at <= STALE
        }
        home = await self._networks.home(number)
        routing = Routing()
        routing.apply(rows)
        routing.away(frozenset(channel_id for channel_id, state in states.items() if state.away))
        asked = Asked(
            account_id,
            number,
            code,
            home.mccmnc,
            home.country,
            origin,
            DATA_CODINGS[kind],
            now if at is None else at,
            at is not None and at > now,
        )
        lookup = ""
        if home is not UNKNOWN:
            if sending is not None and sending.lookup_first:
                lookup = f"account {account}"
            elif routing.asks_lookup(asked):
                lookup = "a route"
        if found:
            if not lookup:
                raise SettingError("Neither the account nor a route has this number looked up.")
            network_columns({"mccmnc": found})
            if found != home.mccmnc:
                home = ported_home(own_plan(rows.networks), found, home)
                asked.network, asked.country = home.mccmnc, home.country
        considered, others = routing.consider(asked)
        way = Way(asked, considered, others, None, "0", 0, rows, states, lookup, found)
        if home is UNKNOWN:
            return way._replace(refusal=REJECTED_PREFIX_MISSING)
        try:
            route = routing.find(asked)
        except Unroutable as unroutable:
            return way._replace(route=unroutable.route, refusal=unroutable.status)
        price = route.price
        if account:
            price = (await self._prices.find(account, number, route, home)).price
        return way._replace(route=route, price=price)


def routes_of(lines: Iterable[str], rows: Rows) -> Iterator[Route]:
    """Yield the routes in a CSV file, whose first line names its columns.

    Raises:
        SettingError: if it is none, or a value won't do; the text says in which line.
    """
    accounts = {one.system_id: one.id for one in rows.accounts}
    channels = {one.name: one.id for one in rows.channels}
    reader = csv.DictReader(lines, skipinitialspace=True)
    try:
        heads = [head.strip().lower() for head in reader.fieldnames or ()]
        unknown = [head for head in heads if head not in HEADS]
        if unknown or not heads:
            raise SettingError(f"The first line names columns, any of {', '.join(HEADS)}: not {unknown}.")
        reader.fieldnames = heads
        for line in reader:
            given = {head: (line.get(head) or "").strip() or DEFAULTS.get(head, "") for head in HEADS}
            try:
                account_id = _known("account", given.pop("account"), accounts)
                channel_id = _known("channel", given.pop("channel"), channels)
                columns = route_columns(dict(given))
                places: dict[str, Value] = {"id": 0, "account_id": account_id, "channel_id": channel_id}
                route = convert(places | columns, Route)
                check_route(route)
            except SettingError as error:
                raise SettingError(f"Line {reader.line_num}: {error}") from error
            yield route
    except csv.Error as error:
        raise SettingError(f"Line {reader.line_num}: it is no CSV: {error}.") from error


def _known(what: str, name: str, ids: dict[str, int]) -> int | None:
    if not name:
        return None
    if name not in ids:
        raise SettingError(f"There is no {what} {name}.")
    return ids[name]

"""Settings as rows: accounts, channels, routes, numbers, networks, and whom lookups ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from smsd.store.engine import Call, Engine, Query, Row
from smsd.store.ported import PortedRows

Value = int | str | None

NO_NETWORKS = Query("DELETE FROM network")
NETWORKS = Query(
    "INSERT INTO network (prefix, mccmnc, name) SELECT prefix, mccmnc, name FROM {rows} AS r WHERE true"
    " ON CONFLICT (prefix) DO UPDATE SET mccmnc = excluded.mccmnc, name = excluded.name",
    "prefix text, mccmnc text, name text",
)

ROUTE_COLUMNS = (
    "account_id bigint, code text, prefix text, channel_id bigint, price text, country text, network text,"
    " sender text, type text, hours text, priority int, weight int, cost text, action text, lookup int"
)
_NAMES = ", ".join(column.split()[0] for column in ROUTE_COLUMNS.split(","))
ROUTES = Query(
    f"INSERT INTO route ({_NAMES}) SELECT {_NAMES} FROM {{rows}} AS r WHERE true",
    ROUTE_COLUMNS,
)
ROUTES_CHANGED = Query(
    "UPDATE route SET price = r.price, weight = r.weight, cost = r.cost, lookup = r.lookup FROM {rows} AS r"
    " WHERE route.id = r.id",
    "id bigint, price text, weight int, cost text, lookup int",
)
ROUTES_GONE = Query("DELETE FROM route WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")


class Account(msgspec.Struct, frozen=True):
    """A client, who binds over SMPP and calls the HTTP API; the schema says what each column means."""

    id: int
    system_id: str
    password: str
    """The argon2id hash."""
    enabled: int
    sessions: int
    binds: str
    addresses: str
    tls: int
    certificate: str
    throughput: int
    unanswered: int
    queue: int
    standard_receipts: int
    receipts_to_submitter: int
    country: str
    currency: str
    lookups: str = ""
    lookup_price: str = "0"
    package_until: int = 0
    refund: str = "unsent"
    senders: str = "any"
    destinations: str = "any"
    repeat_after: int = 0
    minute_limit: int = 0
    hour_limit: int = 0
    hours: str = ""
    approval: str = ""
    lookup_first: int = 0

    def __repr__(self) -> str:
        return f"<Account {self.id} {self.system_id}>"


class Channel(msgspec.Struct, frozen=True):
    """A way to an operator; ``options`` is the JSON of its kind's settings."""

    id: int
    name: str
    kind: str
    enabled: int
    alphabets: str
    options: str
    mode: str = "normal"

    def __repr__(self) -> str:
        return f"<Channel {self.id} {self.name}>"


class Route(msgspec.Struct, frozen=True):
    """What becomes of messages, of one account or (``None``) all; the schema says what each column means."""

    id: int
    account_id: int | None
    code: str
    prefix: str
    channel_id: int | None
    price: str
    country: str = ""
    network: str = ""
    sender: str = ""
    type: str = ""
    hours: str = ""
    priority: int = 0
    weight: int = 1
    cost: str = "0"
    action: str = "send"
    lookup: int = 0


class Number(msgspec.Struct, frozen=True):
    """What subscribers write to: an account's number, for all texts or for those with a keyword."""

    id: int
    number: str
    keyword: str
    account_id: int
    delivery: str
    url: str = ""
    method: str = "GET"


class Network(msgspec.Struct, frozen=True):
    """Which network the numbers with a prefix belong to."""

    id: int
    prefix: str
    mccmnc: str
    name: str


class LookupBackEnd(msgspec.Struct, frozen=True):
    """Who can be asked about numbers; ``options`` is the JSON of its kind's settings."""

    id: int
    name: str
    kind: str
    enabled: int
    timeout: int
    """Milliseconds."""
    rate: int
    at_once: int
    options: str

    def __repr__(self) -> str:
        return f"<LookupBackEnd {self.id} {self.name}>"


class LookupRule(msgspec.Struct, frozen=True):
    """Which back ends are asked about which numbers; the schema says what each column means."""

    id: int
    place: int
    account_id: int | None
    package: str
    prefix: str
    country: str
    back_ends: str


class Rows(msgspec.Struct, frozen=True):
    """All settings as they were at one moment."""

    accounts: tuple[Account, ...] = ()
    channels: tuple[Channel, ...] = ()
    routes: tuple[Route, ...] = ()
    numbers: tuple[Number, ...] = ()
    networks: tuple[Network, ...] = ()
    lookup_back_ends: tuple[LookupBackEnd, ...] = ()
    lookup_rules: tuple[LookupRule, ...] = ()
    ported_edition: int = 0
    """How often the ported numbers were changed, which are too many to be read here."""


class SettingsTables:
    """Reads and writes the rows; each change is announced to every node in its own transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ported = PortedRows(engine)

    async def read(self) -> Rows:
        """Return all rows, those of each table in the order of their ids."""
        return Rows(
            tuple(Account(*row) for row in await self._engine.read(_select("account", Account))),
            tuple(Channel(*row) for row in await self._engine.read(_select("channel", Channel))),
            tuple(Route(*row) for row in await self._engine.read(_select("route", Route))),
            tuple(Number(*row) for row in await self._engine.read(_select("number", Number))),
            tuple(Network(*row) for row in await self._engine.read(_select("network", Network))),
            tuple(
                LookupBackEnd(*row)
                for row in await self._engine.read(_select("lookup_back_end", LookupBackEnd))
            ),
            tuple(LookupRule(*row) for row in await self._engine.read(_select("lookup_rule", LookupRule))),
            await self._ported.edition(),
        )

    async def insert(self, table: str, row: Mapping[str, Value]) -> int:
        """Add a row and return its id; ``table`` and the columns are names of the schema.

        Raises:
            StoreRefused: if another row has the same unique name.
        """
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) RETURNING id"
        (((number,),),) = await self._engine.write(Call(Query(sql), tuple(row.values())), announce=True)
        return int(number)

    async def put_networks(self, rows: Sequence[tuple[str, str, str]], replace: bool) -> None:
        """Add networks, as (prefix, mccmnc, name), or change those there are; or replace all by them."""
        calls = [Call(NO_NETWORKS)] if replace else []
        await self._engine.write(*calls, Call(NETWORKS, rows), announce=True)

    async def put_routes(self, new: Sequence[Route], changed: Sequence[Route], gone: Sequence[Route]) -> None:
        """Add routes, whose ids don't count, change all but the identities of others, and remove some."""
        rows: list[tuple[Query, list[Row]]] = [
            (ROUTES, [msgspec.structs.astuple(route)[1:] for route in new]),
            (
                ROUTES_CHANGED,
                [(route.id, route.price, route.weight, route.cost, route.lookup) for route in changed],
            ),
            (ROUTES_GONE, [(route.id,) for route in gone]),
        ]
        calls = [Call(query, values) for query, values in rows if values]
        if calls:
            await self._engine.write(*calls, announce=True)

    async def update(self, table: str, number: int, row: Mapping[str, Value]) -> None:
        """Change columns of a row; raises as :meth:`insert`."""
        columns = ", ".join(f"{column} = ?" for column in row)
        query = Query(f"UPDATE {table} SET {columns} WHERE id = ?")
        await self._engine.write(Call(query, (*row.values(), number)), announce=True)

    async def delete(self, table: str, number: int) -> None:
        """Remove a row.

        Raises:
            StoreRefused: if other rows refer to it.
        """
        await self._engine.write(Call(Query(f"DELETE FROM {table} WHERE id = ?"), (number,)), announce=True)


def _select(table: str, row: type[msgspec.Struct]) -> Call:
    return Call(Query(f"SELECT {', '.join(row.__struct_fields__)} FROM {table} ORDER BY id"))

"""Lookups as rows: what clients have asked about numbers, and what they were answered.

Changes go to disk in the batches of :mod:`smsd.store.commits`, many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from smsd.numbering.context import Context
from smsd.store.engine import Call, Change, Engine, Query, Row

if TYPE_CHECKING:
    from smsd.store.journal import Journal


class State(IntEnum):
    """Where a lookup is."""

    ASKED = 0
    ANSWERED = 1


class Way(IntEnum):
    """How its answer goes out."""

    AT_ONCE = 0
    SMPP = 1
    PUSH = 2
    ROUTING = 3
    """A message was routed by it."""


class Report(IntEnum):
    """What is still owed of it."""

    NONE = 0
    OWED = 1
    SET_ASIDE = 3


class Submitter(Protocol):
    """Whoever asks, and waits to hear that the question is on disk."""

    def stored(self, lookup: Lookup) -> None:
        """Take note that it is."""

    def not_stored(self, lookup: Lookup) -> None:
        """Take note that it could not be stored, and is never answered."""

    def refused(self, lookup: Lookup) -> None:
        """Take note that its account's credit does not cover it, so that it is not stored."""


class Found(msgspec.Struct, array_like=True, frozen=True):
    """What was found of a number."""

    context: Context
    """What the package has; an error is always among it."""
    type: str
    """What kind of number it is; empty if it can't be one."""
    status: int
    """The status that says so."""
    sources: dict[str, str] = {}
    """Which back end has said what, by the names of classes of fields."""
    unanswered: bool = False
    """Whether nobody who was asked has answered."""

    @property
    def error(self) -> int:
        """The GSM error."""
        return self.context.error or 0

    @property
    def network(self) -> str:
        """MCC and MNC of the network that has the number; empty if it is not known."""
        has_it = self.context.ported_network if self.context.ported else self.context.original
        return has_it.mccmnc if has_it is not None else ""


class Lookup(msgspec.Struct):
    """A question of a client's, and its answer; times are seconds since 1970."""

    id: int
    account_id: int
    state: int
    way: int
    report: int
    bulk_id: str | None
    number: str
    """E.164 digits."""
    package: str
    asked_at: float
    done_at: float | None
    status: int
    error: int
    network: str
    price: str
    notify_url: str = ""
    notify_xml: int = 0
    charged: int = 0
    """Millionths that it has cost: 0 once they are given back."""
    found: Found | None = None
    origin: object = None
    """Who has asked, while that is known."""


COLUMNS = (
    "id, account_id, state, way, report, bulk_id, number, package, asked_at, done_at, status, error, network,"
    " price, notify_url, notify_xml, charged, found"
)

# SQLite uses a partial index only for a query that repeats the index's own condition, word for word.
NEWEST = Query("SELECT coalesce(max(id), 0) FROM lookup")
PENDING = Query(f"SELECT {COLUMNS} FROM lookup WHERE state = 0 AND id > ? AND id <= ? ORDER BY id LIMIT ?")
OWED = Query(
    f"SELECT {COLUMNS} FROM lookup WHERE report > 0 AND report = {int(Report.OWED)} AND account_id = ?"
    " ORDER BY id LIMIT ?"
)
BY_ID = Query(
    f"SELECT {', '.join(f'l.{name.strip()}' for name in COLUMNS.split(','))}"
    " FROM {rows} AS r JOIN lookup l ON l.id = r.id",
    "id bigint",
)
SET_ASIDE = Query(
    f"SELECT {COLUMNS} FROM lookup WHERE report > 0 AND report = {int(Report.SET_ASIDE)} ORDER BY id LIMIT ?"
)
RETRY = Query(
    f"UPDATE lookup SET report = {int(Report.OWED)}"
    f" WHERE report > 0 AND report = {int(Report.SET_ASIDE)} RETURNING id"
)
RETRY_ONE = Query(RETRY.sql.replace(" RETURNING", " AND id = ? RETURNING"))
ABOUT = Query(
    f"SELECT {COLUMNS} FROM lookup WHERE account_id IN (SELECT id FROM account) AND number = ?"
    " ORDER BY id DESC LIMIT ?"
)
OLD = Query("SELECT id FROM lookup WHERE id < ? AND state = 1 AND report = 0 ORDER BY id LIMIT ?")
REMOVE = Query("DELETE FROM lookup WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")
GIVE_UP = Query(
    # Not by the index of what is owed: of old lookups hardly any others are left.
    "UPDATE lookup SET report = 0 WHERE id IN (SELECT id FROM lookup WHERE id < ? AND (report + 0) > 0"
    " ORDER BY id LIMIT ?) RETURNING id"
)

ASKED = Query(
    f"INSERT INTO lookup ({COLUMNS}) SELECT {COLUMNS} FROM {{rows}} AS r WHERE true"
    " ON CONFLICT (id) DO NOTHING",
    "id bigint, account_id bigint, state smallint, way smallint, report smallint, bulk_id text, number text,"
    " package text, asked_at float8, done_at float8, status smallint, error int, network text, price text,"
    " notify_url text, notify_xml smallint, charged bigint, found text",
)
NEVER_ASKED = Query("DELETE FROM lookup WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")
"""Takes back what was refused although it may have been stored."""
GIVEN_BACK = Query("", "id bigint, account_id bigint")
"""That what lookups cost goes back which are going to be taken back, if they were stored."""
NOT_CHARGED = Query("", "id bigint, account_id bigint")
"""That what lookups cost goes back which the same transaction ends unanswered, unless they have ended."""
ANSWERED = Query(
    "UPDATE lookup SET state = 1, report = r.report, done_at = r.done_at, status = r.status, error = r.error,"
    " network = r.network, price = r.price, found = r.found, charged = CASE WHEN r.charged < lookup.charged"
    " THEN r.charged ELSE lookup.charged END FROM {rows} AS r"
    " WHERE lookup.id = r.id AND lookup.state = 0",
    "id bigint, report smallint, done_at float8, status smallint, error int, network text, price text,"
    " found text, charged bigint",
)
TAKEN = Query("UPDATE lookup SET report = 0 FROM {rows} AS r WHERE lookup.id = r.id", "id bigint")
PUT_ASIDE = Query(
    f"UPDATE lookup SET report = {int(Report.SET_ASIDE)} FROM {{rows}} AS r"
    f" WHERE lookup.id = r.id AND lookup.report = {int(Report.OWED)}",
    "id bigint",
)
CHANGES = (GIVEN_BACK, NEVER_ASKED, ASKED, NOT_CHARGED, ANSWERED, TAKEN, PUT_ASIDE)
"""The order in which a lookup lives through its changes."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Found).decode


def _asked_row(lookup: Lookup) -> Row:
    return (
        lookup.id,
        lookup.account_id,
        lookup.state,
        lookup.way,
        lookup.report,
        lookup.bulk_id,
        lookup.number,
        lookup.package,
        lookup.asked_at,
        lookup.done_at,
        lookup.status,
        lookup.error,
        lookup.network,
        lookup.price,
        lookup.notify_url,
        lookup.notify_xml,
        lookup.charged,
        _encode(lookup.found).decode() if lookup.found is not None else "",
    )


def _answered_row(lookup: Lookup) -> Row:
    return (
        lookup.id,
        lookup.report,
        lookup.done_at,
        lookup.status,
        lookup.error,
        lookup.network,
        lookup.price,
        _encode(lookup.found).decode(),
        lookup.charged,
    )


def lookup_of(row: Row) -> Lookup:
    """Return the lookup of a row."""
    lookup = Lookup(*row)
    lookup.found = _decode(row[-1]) if row[-1] else None
    return lookup


class Search(msgspec.Struct, frozen=True):
    """What a client looks for in the log; ids stand for times, and both ends belong to it."""

    account_id: int
    since: int
    until: int
    limit: int
    number: str | None = None
    bulk_ids: tuple[str, ...] = ()
    ids: tuple[int, ...] | None = None
    """Only those with one of these ids; ``None``: with any."""
    statuses: tuple[int, ...] | None = None
    mcc: str = ""
    mnc: str = ""


class Lookups:
    """Reads and removes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def newest_id(self) -> int:
        """Return the highest id there is, 0 if there is none."""
        ((newest,),) = await self._engine.read(Call(NEWEST))
        return int(newest)

    async def pending(self, after: int, until: int, limit: int) -> list[Lookup]:
        """Return lookups that were not answered, those behind one id and up to another."""
        return [lookup_of(row) for row in await self._engine.read(Call(PENDING, (after, until, limit)))]

    async def owed(self, account_id: int, limit: int) -> list[Lookup]:
        """Return lookups whose answers an account's sessions have not taken."""
        return [lookup_of(row) for row in await self._engine.read(Call(OWED, (account_id, limit)))]

    async def by_ids(self, ids: Sequence[int]) -> list[Lookup]:
        """Return the lookups with these ids, as far as they are there."""
        return [lookup_of(row) for row in await self._engine.read(Call(BY_ID, [(id,) for id in ids]))]

    async def about(self, number: str, limit: int) -> list[Lookup]:
        """Return the newest lookups of a number, of all accounts."""
        return [lookup_of(row) for row in await self._engine.read(Call(ABOUT, (number, limit)))]

    async def set_aside(self, limit: int) -> list[Lookup]:
        """Return lookups whose answers are set aside, the oldest first."""
        return [lookup_of(row) for row in await self._engine.read(Call(SET_ASIDE, (limit,)))]

    async def retry(self, id: int | None) -> int:
        """Owe an answer again that is set aside, or all of them; return how many."""
        call = Call(RETRY) if id is None else Call(RETRY_ONE, (id,))
        (rows,) = await self._engine.write(call, announce=True)
        return len(rows)

    async def page(self, search: Search) -> list[Lookup]:
        """Return the newest lookups that a search finds."""
        parts: list[str] = ["account_id = ?", "id >= ?", "id <= ?"]
        values: list[object] = [search.account_id, search.since, search.until]
        for column, wanted in (
            ("number", (search.number,) if search.number is not None else None),
            ("bulk_id", search.bulk_ids or None),
            ("id", search.ids),
            ("status", search.statuses),
        ):
            if wanted is not None:
                parts.append(f"{column} IN ({','.join('?' * len(wanted)) or 'NULL'})")
                values += wanted
        if search.bulk_ids:
            parts.append("bulk_id IS NOT NULL")
        if search.mcc:
            parts.append("substr(network, 1, 3) = ?")
            values.append(search.mcc)
        if search.mnc:
            parts.append("substr(network, 4) = ?")
            values.append(search.mnc)
        query = Query(
            f"SELECT {COLUMNS} FROM lookup WHERE {' AND '.join(parts)} ORDER BY id DESC LIMIT ?",
        )
        return [lookup_of(row) for row in await self._engine.read(Call(query, (*values, search.limit)))]

    async def remove_before(self, id: int, limit: int) -> int:
        """Remove up to so many lookups with lower ids of which nothing is owed; return how many."""
        rows = await self._engine.read(Call(OLD, (id, limit)))
        if rows:
            await self._engine.write(Call(REMOVE, rows))
        return len(rows)

    async def give_up(self, before: int, limit: int) -> int:
        """Owe no longer the answers that nobody has taken to lookups with lower ids; return how many."""
        (rows,) = await self._engine.write(Call(GIVE_UP, (before, limit)))
        return len(rows)


class LookupChanges:
    """Brings changes of lookups to the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def ask(self, lookup: Lookup, submitter: Submitter) -> None:
        """Store a question, with its answer if it has one, and charge it.

        Raises:
            Overloaded: if too much waits for the disk.
            StoreUnavailable: if the database can't be written just now.
        """
        self._journal.store(
            ASKED,
            lookup.id,
            _asked_row(lookup),
            lookup,
            submitter,
            share=lookup.account_id,
            cost=lookup.charged,
        )

    def answered(self, lookup: Lookup, *along: Change, back: bool, after: Callable[[], None]) -> None:
        """Store an answer, give back what it cost or not, make other changes with it, and call ``after``."""
        if back:
            self._journal.change(NOT_CHARGED, lookup.id, (lookup.id, lookup.account_id))
        for change in along:
            self._journal.change(*change)
        self._journal.change(ANSWERED, lookup.id, _answered_row(lookup), lambda _: after())

    def taken(self, lookup: Lookup, after: Callable[[bool], None]) -> None:
        """Store that the client has an answer, then call ``after``."""
        self._journal.change(TAKEN, lookup.id, (lookup.id,), after)

    def put_aside(self, lookup: Lookup, after: Callable[[bool], None]) -> None:
        """Store that an answer is not to be sent again until the operator says so."""
        self._journal.change(PUT_ASIDE, lookup.id, (lookup.id,), after)

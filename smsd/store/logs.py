"""The log of messages: its pages, newest first, by whatever a client looks for.

A message stands in the log at the time when it is, or was, to be sent first. Time is cut into slots, with
which the indexes begin: messages are stored, and later removed, in a small region of each, and a page is read
slot by slot. First comes how many messages each of some slots has, then those of the slots that fill the
page. No statement looks at more than a part of the log, so that others get their turn between two.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import NamedTuple

import msgspec

from smsd.store.engine import Call, Engine, Query
from smsd.store.messages import COLUMNS, Message, message_of, own_ids

SLOT = 300_000
"""Milliseconds of a slot: two days are 576 slots, and one of a busy day has some ten thousand messages."""
LOG_AT = "CAST(r.due_at * 1000000 + 0.25 AS BIGINT) / 1000"
"""The time of a new message in the log; one engine cuts what the other rounds, but the same microseconds."""
STATUS_GROUP = (
    "CASE WHEN r.status IN (2, 5, 30) THEN 3 WHEN r.status IN (4, 9, 31) THEN 2"
    " WHEN r.status IN (15, 22, 29) THEN 4 ELSE 5 END"
)
"""The group of a final status."""
PENDING, ENDS = 1, (2, 3, 4, 5)
"""The groups that messages have: until it is final it is pending."""
FIRST_SLOTS, MOST_SLOTS, GROWTH = 8, 256, 4
"""How many slots the first statement looks at, the largest, and how fast they grow meanwhile."""
NUMBERS = ("account_id", "status_group")
"""The columns that are no text."""
LATEST = 2**53
"""A time after all others, in milliseconds."""


class Search(msgspec.Struct, frozen=True):
    """What a client looks for; times are milliseconds, and both ends belong to it."""

    account_id: int
    since: int
    until: int
    limit: int
    source: str | None = None
    destination: str | None = None
    bulk_ids: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    """A message is known by the client's own id for it, or by ours."""
    group: int | None = None
    mcc: str = ""
    mnc: str = ""


class Logged(NamedTuple):
    """A message as the log has it."""

    message: Message
    log_at: int


class _Condition(NamedTuple):
    """A part of what is looked for."""

    column: str
    sql: str
    """The condition, with ``{}`` where its column stands."""
    values: tuple[object, ...]


_Part = tuple[str, list[object]]
"""Conditions on some of the messages of a slot, and their values."""


def milliseconds(time: float) -> int:
    """Return a time in whole milliseconds, as answers show it and filters compare it."""
    return round(time * 1e6) // 1000


class Logs:
    """Reads the log of messages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def page(self, search: Search) -> list[Logged]:
        """Return the newest messages that a search finds."""
        time = "log_at >= ? AND log_at <= ?"
        if search.ids or search.bulk_ids:
            sql, values = _named(search)
            selected = f"SELECT id, log_at FROM message WHERE {sql} AND {time}"
            return await self._read(selected, [*values, search.since, search.until], search.limit)
        parts = _parts(search)
        found: list[Logged] = []
        newest, size = search.until // SLOT, FIRST_SLOTS
        while len(found) < search.limit:
            wanted = search.limit - len(found)
            counts = await self._counts(search, parts, newest, size, wanted)
            slots = []
            for slot, count in counts:
                slots += [slot] * (count > 0)
                wanted -= count
                if wanted <= 0:
                    break
            if slots:
                selected = " UNION ALL ".join(
                    f"SELECT id, log_at FROM message WHERE slot IN ({_marks(slots)}) AND {sql} AND {time}"
                    for sql, _ in parts
                )
                every = [
                    value for _, values in parts for value in (*slots, *values, search.since, search.until)
                ]
                found += await self._read(selected, every, search.limit - len(found))
            if len(counts) < size and wanted > 0:
                break
            newest = (slots[-1] if wanted <= 0 else counts[-1][0]) - 1
            size = min(size * GROWTH, MOST_SLOTS)
        return found

    async def _counts(
        self, search: Search, parts: list[_Part], newest: int, size: int, most: int
    ) -> list[tuple[int, int]]:
        """Return how many messages are in each of some slots that have any, of whomever, newest first.

        More than ``most`` are not counted. At the ends of the search's time some of a slot may be too much.
        """
        oldest = search.since // SLOT
        matching = " UNION ALL ".join(
            f"SELECT 1 FROM message WHERE slot = slots.slot AND {sql}" for sql, _ in parts
        )
        query = Query(
            "WITH RECURSIVE slots (slot) AS (SELECT max(slot) FROM message WHERE slot <= ? UNION ALL"
            " SELECT (SELECT max(slot) FROM message WHERE slot < slots.slot) FROM slots WHERE slots.slot > ?)"
            f" SELECT slot, (SELECT count(*) FROM ({matching} LIMIT ?) AS matching) FROM slots"
            " WHERE slot >= ? LIMIT ?"
        )
        every = [value for _, values in parts for value in values]
        rows = await self._engine.read(Call(query, (newest, oldest, *every, most, oldest, size)))
        return [(slot, count) for slot, count in rows]

    async def _read(self, selected: str, values: list[object], limit: int) -> list[Logged]:
        query = Query(
            f"SELECT {COLUMNS}, log_at FROM message WHERE id IN (SELECT id FROM ({selected}) AS found"
            " ORDER BY log_at DESC, id DESC LIMIT ?) ORDER BY log_at DESC, id DESC"
        )
        rows = await self._engine.read(Call(query, (*values, limit)))
        return [Logged(message_of(row[:-1]), row[-1]) for row in rows]


def _parts(search: Search) -> list[_Part]:
    """Return the conditions on the messages of a slot: on all, or on those with an end and on the others.

    Conditions on the columns of the index that is the best for this search stand as they are; the others are
    written so that no index serves them, whatever the database believes about its tables.
    """
    account = _Condition("account_id", "{} = ?", (search.account_id,))
    given = [account, *_of_columns(search)]
    if search.destination is not None:
        if search.group is not None:
            given.append(_one_of("status_group", (search.group,)))
        return [_joined(given, {"account_id", "destination"}, [])]
    parts = []
    if search.group != PENDING:
        ends = ENDS if search.group is None else (search.group,)
        # Neither a sender nor a network: all with one of these ends, or with any.
        named = search.source is not None or search.mcc or search.group is not None
        with_end = [_one_of("status_group", ends)] if named else []
        indexed = {"account_id", "status_group", "network"} | (
            {"source"} if search.source is not None else set()
        )
        parts.append(_joined([*given, *with_end], indexed, ["state = 4"]))
    if search.group in (None, PENDING):
        indexed = {"account_id", "source", "network"} if search.source is not None else {"account_id"}
        # Not by its state: of the indexes on what is not final yet another one might be chosen.
        parts.append(_joined(given, indexed, [f"status_group = {PENDING}"]))
    return parts


def _named(search: Search) -> _Part:
    """Return the conditions on all messages, if a search names some or their bulks."""
    given = [_Condition("account_id", "{} = ?", (search.account_id,)), *_of_columns(search)]
    if search.group is not None:
        given.append(_one_of("status_group", (search.group,)))
    if search.bulk_ids:
        given.append(_one_of("bulk_id", search.bulk_ids))
    if not search.ids:
        # SQLite uses a partial index only for a query that repeats the index's own condition.
        return _joined(given, {"account_id", "bulk_id"}, ["bulk_id IS NOT NULL"])
    own = own_ids(search.ids)
    sql, values = _joined(given, set(), [])
    return (
        f"id IN (SELECT id FROM message WHERE id IN ({_marks(own)}) UNION ALL SELECT id FROM message"
        f" WHERE account_id = ? AND client_id IN ({_marks(search.ids)})) AND {sql}",
        [*own, search.account_id, *search.ids, *values],
    )


def _of_columns(search: Search) -> list[_Condition]:
    """Return the conditions on the sender, the destination and its network."""
    given: list[_Condition] = []
    if search.source is not None:
        given.append(_Condition("source", "{} = ?", (search.source,)))
    if search.destination is not None:
        given.append(_Condition("destination", "{} = ?", (search.destination,)))
    if search.mcc and search.mnc:
        given.append(_Condition("network", "{} = ?", (search.mcc + search.mnc,)))
    elif search.mcc:
        # Behind the country's digits come others; a colon is the character after the last of them.
        given.append(_Condition("network", "{0} >= ? AND {0} < ?", (search.mcc, f"{search.mcc}:")))
    elif search.mnc:
        given.append(_Condition("network", "substr({}, 4) = ?", (search.mnc,)))
    return given


def _joined(given: list[_Condition], indexed: set[str], conditions: list[str]) -> _Part:
    """Return conditions together; only those on the columns that are named may be looked up in an index."""
    for one in given:
        blind = f"({one.column} + 0)" if one.column in NUMBERS else f"({one.column} || '')"
        conditions.append(one.sql.format(one.column if one.column in indexed else blind))
    return " AND ".join(conditions), [value for one in given for value in one.values]


def _one_of(column: str, values: tuple[object, ...]) -> _Condition:
    return _Condition(column, f"{{}} IN ({_marks(values)})", values)


def _marks(values: Sized) -> str:
    return ",".join("?" * len(values))

"""Lists as rows: of numbers, senders and phrases, up to millions, of which nodes read only what has changed.

A removed entry stays for a while, as gone: so those who read changes hear of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from smsd.store.engine import Call, Engine, Query

EVERYBODY = 0
"""Stands for all accounts."""
PAGE = 2000
"""How many changed entries a statement reads: a few milliseconds of the reactor."""
STEP = 10_000
"""How many entries a transaction changes, or a statement reads of a whole list."""

VERSION = Query("UPDATE list_version SET number = number + 1")
NOW = Query("SELECT number FROM list_version")
PUT = Query(
    "INSERT INTO list_entry (list, account_id, value, version, gone, changed_at)"
    " SELECT r.list, r.account_id, r.value, v.number, 0, r.changed_at"
    " FROM {rows} AS r, list_version v WHERE true"
    " ON CONFLICT (list, account_id, value) DO UPDATE"
    " SET version = excluded.version, gone = 0, changed_at = excluded.changed_at WHERE list_entry.gone = 1"
    " RETURNING 1",
    "list text, account_id bigint, value text, changed_at float8",
)
REMOVE = Query(
    "UPDATE list_entry SET version = v.number, gone = 1, changed_at = r.changed_at"
    " FROM {rows} AS r, list_version v WHERE list_entry.list = r.list"
    " AND list_entry.account_id = r.account_id AND list_entry.value = r.value AND list_entry.gone = 0"
    " RETURNING 1",
    "list text, account_id bigint, value text, changed_at float8",
)
CHANGED = Query(
    "SELECT list, account_id, value, version, gone FROM list_entry"
    " WHERE (version, list, account_id, value) > (?, ?, ?, ?)"
    " ORDER BY version, list, account_id, value LIMIT ?"
)
VALUES = Query(
    "SELECT value FROM list_entry WHERE list = ? AND account_id = ? AND value > ? AND gone = 0"
    " ORDER BY value LIMIT ?"
)
HAS = Query("SELECT 1 FROM list_entry WHERE list = ? AND account_id = ? AND value = ? AND gone = 0")
COUNTS = Query("SELECT list, account_id, count(*) FROM list_entry WHERE gone = 0 GROUP BY list, account_id")
FORGET = Query(
    "DELETE FROM list_entry WHERE (list, account_id, value) IN (SELECT list, account_id, value"
    " FROM list_entry WHERE gone = 1 AND changed_at < ? ORDER BY changed_at LIMIT ?) RETURNING 1"
)
REMOVE_ACCOUNT = Query("DELETE FROM list_entry WHERE account_id = ?")


class Change(NamedTuple):
    """An entry as it was last changed."""

    list: str
    account_id: int
    value: str
    version: int
    gone: int

    @property
    def position(self) -> Position:
        """Where it stands among all changes."""
        return Position(self.version, self.list, self.account_id, self.value)


class Position(NamedTuple):
    """How far changes have been read."""

    version: int = 0
    list: str = ""
    account_id: int = 0
    value: str = ""


class ListRows:
    """Reads and changes lists."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def now(self) -> Position:
        """Return where changes stand that are still to come."""
        ((version,),) = await self._engine.read(Call(NOW))
        return Position(version + 1)

    async def changed(self, after: Position) -> list[Change]:
        """Return the next entries that were changed: a page at most."""
        return [Change(*row) for row in await self._engine.read(Call(CHANGED, (*after, PAGE)))]

    async def put(self, name: str, account_id: int, values: Sequence[str], now: float) -> int:
        """Put values on a list, and tell every node; return how many were not on it."""
        return await self._change(PUT, name, account_id, values, now)

    async def remove(self, name: str, account_id: int, values: Sequence[str], now: float) -> int:
        """Take values off a list, and tell every node; return how many were on it."""
        return await self._change(REMOVE, name, account_id, values, now)

    async def values(self, name: str, account_id: int) -> AsyncIterator[list[str]]:
        """Go through the values on a list in their order, many at a time."""
        last = ""
        while rows := await self._engine.read(Call(VALUES, (name, account_id, last, STEP))):
            yield [value for (value,) in rows]
            last = rows[-1][0]

    async def has(self, name: str, account_id: int, value: str) -> bool:
        """Tell whether a value is on a list as it is."""
        return bool(await self._engine.read(Call(HAS, (name, account_id, value))))

    async def counts(self) -> dict[tuple[str, int], int]:
        """Return how many values each list has, by its name and account."""
        return {
            (name, account_id): count for name, account_id, count in await self._engine.read(Call(COUNTS))
        }

    async def forget_before(self, time: float, limit: int) -> int:
        """Forget entries that were removed before a time, so many at most, and return how many."""
        (rows,) = await self._engine.write(Call(FORGET, (time, limit)))
        return len(rows)

    async def remove_account(self, account_id: int) -> None:
        """Remove the lists of an account that is no more."""
        await self._engine.write(Call(REMOVE_ACCOUNT, (account_id,)))

    async def _change(
        self, query: Query, name: str, account_id: int, values: Sequence[str], now: float
    ) -> int:
        """Make a change of so many entries step by step; what breaks off in between can be made again."""
        count = 0
        different = list(dict.fromkeys(values))  # No statement can change a row twice.
        for start in range(0, len(different), STEP):
            rows = [(name, account_id, value, now) for value in different[start : start + STEP]]
            _, changed = await self._engine.write(Call(VERSION), Call(query, rows), announce=True)
            count += len(changed)
        return count

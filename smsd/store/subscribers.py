"""Tables of subscribers as rows: imported whole, beside the one in use, which the new one then replaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from smsd.store.engine import Call, Engine, Query

Line = tuple[int, str, str, int]
"""A subscriber: number, IMSI, address of the serving MSC, GSM error code."""

TABLES = Query("SELECT name, count, imported_at FROM subscriber_table WHERE version > 0 ORDER BY name")
BEGIN = Query(
    "INSERT INTO subscriber_table (name, version, newest, count, imported_at) VALUES (?, 0, 1, 0, 0)"
    " ON CONFLICT (name) DO UPDATE SET newest = subscriber_table.newest + 1 RETURNING id, newest"
)
ADD = Query(
    "INSERT INTO subscriber (table_id, version, number, imsi, msc, error)"
    " SELECT table_id, version, number, imsi, msc, error FROM {rows} AS r WHERE true"
    " ON CONFLICT (table_id, version, number) DO UPDATE"
    " SET imsi = excluded.imsi, msc = excluded.msc, error = excluded.error",
    "table_id bigint, version bigint, number bigint, imsi text, msc text, error int",
)
TAKE = Query(
    "UPDATE subscriber_table SET version = ?, count = (SELECT count(*) FROM subscriber"
    " WHERE table_id = ? AND version = ?), imported_at = ? WHERE id = ? AND version < ? RETURNING count"
)
DROP = Query(
    "UPDATE subscriber_table SET version = 0, count = 0, newest = newest + 1"
    " WHERE name = ? AND version > 0 RETURNING id"
)
FIND = Query(
    "SELECT r.number, s.imsi, s.msc, s.error FROM {rows} AS r"
    " JOIN subscriber_table t ON t.name = r.name"
    " JOIN subscriber s ON s.table_id = t.id AND s.version = t.version AND s.number = r.number",
    "number bigint, name text",
)
OLD = Query("SELECT id, version, newest FROM subscriber_table")
FIRST_OTHER = Query(
    "SELECT version FROM subscriber WHERE table_id = ? AND version <> ? AND version < ?"
    " ORDER BY version LIMIT 1"
)
REMOVE = Query(
    "DELETE FROM subscriber WHERE table_id = ? AND version = ? AND number IN"
    " (SELECT number FROM subscriber WHERE table_id = ? AND version = ? ORDER BY number LIMIT ?)"
    " RETURNING number"
)


class Subscriber(msgspec.Struct, frozen=True):
    """A subscriber as a table has him; what is empty is not known."""

    imsi: str
    msc: str
    error: int


class Table(msgspec.Struct, frozen=True):
    """A table in use."""

    name: str
    count: int
    imported_at: float


class SubscriberTables:
    """Reads and replaces them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def tables(self) -> list[Table]:
        """Return the tables there are."""
        return [Table(*row) for row in await self._engine.read(Call(TABLES))]

    async def find(self, name: str, numbers: Sequence[str]) -> Mapping[str, Subscriber]:
        """Return those of some numbers that a table has."""
        rows = await self._engine.read(Call(FIND, [(int(number), name) for number in numbers]))
        return {str(number): Subscriber(*others) for number, *others in rows}

    async def begin(self, name: str) -> tuple[int, int]:
        """Begin to import a table; return its id, and the version that its lines get."""
        (((id, version),),) = await self._engine.write(Call(BEGIN, (name,)))
        return id, version

    async def add(self, id: int, version: int, lines: Sequence[Line]) -> None:
        """Add lines to a version that is not in use yet; of two with one number the later stands."""
        last = {line[0]: (id, version, *line) for line in lines}
        await self._engine.write(Call(ADD, list(last.values())))

    async def take(self, id: int, version: int, now: float) -> int | None:
        """Use a version from now on; return how many lines it has, ``None`` if a newer one is in use."""
        (rows,) = await self._engine.write(Call(TAKE, (version, id, version, now, id, version)))
        return rows[0][0] if rows else None

    async def drop(self, name: str) -> bool:
        """Let a table have nothing; return whether there was one."""
        (rows,) = await self._engine.write(Call(DROP, (name,)))
        return bool(rows)

    async def remove_old(self, limit: int) -> int:
        """Remove up to so many lines that are no longer in use; return how many.

        The version that was begun last stays: it may still be coming in.
        """
        for id, version, newest in await self._engine.read(Call(OLD)):
            bound = newest if version < newest else newest + 1
            found = await self._engine.read(Call(FIRST_OTHER, (id, version, bound)))
            if found:
                old = found[0][0]
                (rows,) = await self._engine.write(Call(REMOVE, (id, old, id, old, limit)))
                return len(rows)
        return 0

"""What back ends have lately said of numbers, as rows that all nodes share.

Changes go to disk in the batches of :mod:`smsd.store.commits`, many at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from smsd.numbering.context import Context
from smsd.store.engine import Call, Engine, Query, Row

FIND = Query(
    "SELECT k.number, k.class, k.source, k.known_at, k.fields FROM {rows} AS r"
    " JOIN lookup_known k ON k.number = r.number",
    "number bigint",
)
KNOWN = Query(
    "INSERT INTO lookup_known (number, class, source, known_at, fields)"
    " SELECT number, class, source, known_at, fields FROM {rows} AS r WHERE true"
    " ON CONFLICT (number, class) DO UPDATE SET source = excluded.source, known_at = excluded.known_at,"
    " fields = excluded.fields",
    "number bigint, class smallint, source text, known_at float8, fields text",
)
OLDER = Query(
    "DELETE FROM lookup_known WHERE (number, class) IN (SELECT number, class FROM lookup_known"
    " WHERE known_at <= ? ORDER BY known_at LIMIT ?) RETURNING number"
)
BEYOND = Query("SELECT known_at FROM lookup_known ORDER BY known_at DESC LIMIT 1 OFFSET ?")
FORGET = Query("DELETE FROM lookup_known WHERE number = ? RETURNING class")
FORGET_ALL = Query("DELETE FROM lookup_known RETURNING class")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Context).decode


class Known(msgspec.Struct, frozen=True):
    """What a back end has said of one class of a number's fields."""

    source: str
    known_at: float
    context: Context


def row_of(number: str, fields: int, known: Known) -> Row:
    """Return what was said of a number as a row of :data:`KNOWN`."""
    said = {
        name: value
        for name in Context.__struct_fields__
        if (value := getattr(known.context, name)) is not None
    }
    return (int(number), fields, known.source, known.known_at, _encode(said).decode())


class LookupKnown:
    """Reads and forgets them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(self, numbers: Sequence[str]) -> Mapping[str, dict[int, Known]]:
        """Return what is known of some numbers, by number and class."""
        found: dict[str, dict[int, Known]] = {}
        for number, fields, source, known_at, said in await self._engine.read(
            Call(FIND, [(int(number),) for number in numbers])
        ):
            found.setdefault(str(number), {})[fields] = Known(source, known_at, _decode(said))
        return found

    async def forget(self, number: str | None) -> int:
        """Forget what is known of a number, or of all, on every node; return how much that was."""
        call = Call(FORGET, (int(number),)) if number is not None else Call(FORGET_ALL)
        (rows,) = await self._engine.write(call, announce=True)
        return len(rows)

    async def remove(self, until: float, most: int, limit: int) -> int:
        """Remove up to so many of those up to a time, or, the oldest first, beyond ``most`` of all."""
        for (known_at,) in await self._engine.read(Call(BEYOND, (most,))):
            until = max(until, known_at)
        (rows,) = await self._engine.write(Call(OLDER, (until, limit)))
        return len(rows)

"""Requests that may be repeated, as rows: the client's key, what the request was, and its answer."""

from __future__ import annotations

from typing import NamedTuple

from smsd.store.engine import Call, Engine, Query

KEPT = Query(
    "INSERT INTO repetition (id, account_id, request_key, fingerprint, answer, stored_at)"
    " SELECT id, account_id, request_key, fingerprint, answer, stored_at FROM {rows} AS r WHERE true"
    " ON CONFLICT (id) DO NOTHING",
    "id bigint, account_id bigint, request_key text, fingerprint text, answer text, stored_at float8",
)
"""Stores an answer, in the transaction of the messages that it is about."""
NEVER_KEPT = Query("DELETE FROM repetition WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")
CORRECTED = Query(
    "UPDATE repetition SET answer = r.answer FROM {rows} AS r WHERE repetition.id = r.id",
    "id bigint, answer text",
)
CHANGES = (NEVER_KEPT, KEPT, CORRECTED)
NEWEST = Query("SELECT coalesce(max(id), 0) FROM repetition")
FIND = Query("SELECT fingerprint, answer FROM repetition WHERE account_id = ? AND request_key = ?")
FORGET = Query(
    "DELETE FROM repetition WHERE id IN (SELECT id FROM repetition WHERE stored_at < ?"
    " ORDER BY stored_at LIMIT ?) RETURNING id"
)


class Kept(NamedTuple):
    """A request that was served."""

    fingerprint: str
    answer: str


class Repetitions:
    """Reads the table; answers go there in the batches of :mod:`smsd.store.commits`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def newest_id(self) -> int:
        """Return the highest id given so far, 0 if none."""
        ((newest,),) = await self._engine.read(Call(NEWEST))
        return int(newest)

    async def find(self, account_id: int, key: str) -> Kept | None:
        """Return the request of an account that had a key."""
        rows = await self._engine.read(Call(FIND, (account_id, key)))
        return Kept(*rows[0]) if rows else None

    async def remove_before(self, time: float, limit: int) -> int:
        """Forget requests that were served before a time, so many at most, and return how many."""
        (rows,) = await self._engine.write(Call(FORGET, (time, limit)))
        return len(rows)

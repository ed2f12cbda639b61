"""Messages that wait for approval, in the table: a decision is the status that one then has there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smsd.store.engine import Call, Engine, Query
from smsd.store.messages import COLUMNS, Message, message_of

STEP = 1000
"""How many messages a transaction decides on."""
APPROVED, WAITING, REJECTED = 0, 27, 28
"""The statuses of a message that waits for its time, for approval, and to be ended."""

# SQLite uses a partial index only for a query that repeats the index's own condition, word for word.
_WAITING = f"state < 2 AND status >= 27 AND status = {WAITING}"
REJECTED_MESSAGES = Query(
    f"SELECT {COLUMNS} FROM message WHERE state < 2 AND status >= 27 AND status = {REJECTED} LIMIT ?"
)
DECIDE = Query(
    "UPDATE message SET status = r.status FROM {rows} AS r"
    f" WHERE message.id = r.id AND message.state = 1 AND message.status = {WAITING} RETURNING message.id",
    "id bigint, status smallint",
)


class Which(NamedTuple):
    """Of which messages something is asked: all, those of an account, or of its bulk."""

    account_id: int | None = None
    bulk_id: str | None = None

    def condition(self) -> tuple[str, list[object]]:
        """Return the condition on messages, and its values."""
        condition, values = _WAITING, list[object]()
        if self.account_id is not None:
            condition += " AND account_id = ?"
            values.append(self.account_id)
        if self.bulk_id is not None:
            condition += " AND (bulk_id || '') = ?"  # Not by an index of bulks: what waits is less.
            values.append(self.bulk_id)
        return condition, values


class ApprovalRows:
    """Reads and decides on messages that wait for approval."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def waiting(self, which: Which, limit: int) -> list[Message]:
        """Return messages that wait, the oldest first."""
        condition, values = which.condition()
        query = Query(f"SELECT {COLUMNS} FROM message WHERE {condition} ORDER BY id LIMIT ?")
        return [message_of(row) for row in await self._engine.read(Call(query, (*values, limit)))]

    async def count(self, which: Which) -> int:
        """Return how many wait."""
        condition, values = which.condition()
        query = Query(f"SELECT count(*) FROM message WHERE {condition}")
        ((count,),) = await self._engine.read(Call(query, values))
        return int(count)

    async def decide(self, ids: Sequence[int], status: int) -> int:
        """Decide on messages, of those that wait; return how many they were."""
        count = 0
        for start in range(0, len(ids), STEP):
            rows = [(message_id, status) for message_id in ids[start : start + STEP]]
            (decided,) = await self._engine.write(Call(DECIDE, rows))
            count += len(decided)
        return count

    async def decide_all(self, which: Which, status: int) -> int:
        """Decide on all that wait, the oldest first; return how many they were."""
        condition, values = which.condition()
        query = Query(
            "UPDATE message SET status = ? WHERE id IN (SELECT id FROM message"
            f" WHERE {condition} ORDER BY id LIMIT ?) AND {_WAITING} RETURNING id"
        )
        count = 0
        while True:
            (decided,) = await self._engine.write(Call(query, (status, *values, STEP)))
            count += len(decided)
            if len(decided) < STEP:
                return count

    async def rejected(self, limit: int) -> list[Message]:
        """Return messages that were not approved and have not ended yet."""
        return [message_of(row) for row in await self._engine.read(Call(REJECTED_MESSAGES, (limit,)))]

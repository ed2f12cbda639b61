"""What is removed, or given up, when its time is over: a few rows a call, which an index finds."""

from __future__ import annotations

from smsd.store.engine import Call, Engine, Query
from smsd.store.logs import SLOT, milliseconds
from smsd.store.messages import Report
from smsd.store.received import State

OWED = ",".join(str(int(report)) for report in Report if report)

# SQLite uses a partial index only for a query that repeats the index's own condition, word for word.
DONE = Query("SELECT id FROM message WHERE state = 4 AND report = 0 AND slot < ? ORDER BY slot, id LIMIT ?")
SEGMENTS = Query("DELETE FROM segment WHERE message_id IN (SELECT id FROM {rows} AS r)", "id bigint")
MESSAGES = Query("DELETE FROM message WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")
OWED_ACCOUNTS = Query(
    "WITH RECURSIVE owed (account_id) AS"
    " (SELECT min(account_id) FROM message WHERE state = 4 AND report > 0 UNION ALL"
    " SELECT (SELECT min(account_id) FROM message WHERE state = 4 AND report > 0"
    " AND account_id > owed.account_id) FROM owed WHERE owed.account_id IS NOT NULL)"
    " SELECT account_id FROM owed WHERE account_id IS NOT NULL"
)
REPORTS = Query(
    "UPDATE message SET report = 0 WHERE id IN (SELECT id FROM message WHERE state = 4 AND report > 0"
    f" AND account_id = ? AND report IN ({OWED}) AND done_at < ? LIMIT ?) RETURNING id"
)
RECEIVED_DONE = Query(
    "SELECT id FROM received WHERE done_at IS NOT NULL AND received_at < ? ORDER BY received_at LIMIT ?"
)
RECEIVED = Query("DELETE FROM received WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")
RECEIVED_OWED = Query(
    f"UPDATE received SET state = {int(State.DONE)}, done_at = ? WHERE id IN (SELECT id FROM received"
    " WHERE done_at IS NULL AND received_at < ? ORDER BY received_at LIMIT ?) RETURNING id"
)


class RetentionRows:
    """Removes rows of messages and received messages, and gives up what nobody took."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def remove_messages(self, before: float, limit: int) -> int:
        """Remove final messages from before a time of which nothing is owed, with their segments."""
        rows = await self._engine.read(Call(DONE, (milliseconds(before) // SLOT, limit)))
        if rows:
            await self._engine.write(Call(SEGMENTS, rows), Call(MESSAGES, rows))
        return len(rows)

    async def give_up_reports(self, before: float, limit: int) -> int:
        """Owe no longer what accounts have not taken of messages that ended before a time."""
        count = 0
        for (account_id,) in await self._engine.read(Call(OWED_ACCOUNTS)):
            (rows,) = await self._engine.write(Call(REPORTS, (account_id, before, limit - count)))
            count += len(rows)
            if count >= limit:
                break
        return count

    async def remove_received(self, before: float, limit: int) -> int:
        """Remove received messages, and segments of them, from before a time that nobody waits for."""
        rows = await self._engine.read(Call(RECEIVED_DONE, (before, limit)))
        if rows:
            await self._engine.write(Call(RECEIVED, rows))
        return len(rows)

    async def give_up_received(self, before: float, now: float, limit: int) -> int:
        """Owe no longer what was received before a time and nobody has taken."""
        (rows,) = await self._engine.write(Call(RECEIVED_OWED, (now, before, limit)))
        return len(rows)

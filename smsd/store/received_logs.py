"""The log of received messages: its pages, newest first."""

from __future__ import annotations

import msgspec

from smsd.store.engine import Call, Engine, Query
from smsd.store.received import COLUMNS, Received, State, received_of

SHOWN = (State.WAITING, State.INBOX, State.SET_ASIDE, State.DONE)
"""The states of what is somebody's message: a segment whose text is in another row is none."""


class ReceivedSearch(msgspec.Struct, frozen=True):
    """What a client looks for; both ends of its time belong to it."""

    account_id: int
    since: float
    until: float
    limit: int
    destination: str | None = None
    keyword: str | None = None
    """Empty: only what has none."""


class ReceivedLogs:
    """Reads the log of received messages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def page(self, search: ReceivedSearch) -> list[Received]:
        """Return the newest messages that a search finds."""
        parts: list[str] = ["account_id = ?"]
        values: list[object] = [search.account_id]
        if search.destination is not None:
            parts.append("destination = ?")
            values.append(search.destination)
        if search.keyword is not None:
            # A number has few keywords: one index serves for both, and no database has to choose.
            parts.append("keyword = ?" if search.destination is None else "(keyword || '') = ?")
            values.append(search.keyword)
        states = ",".join(str(int(state)) for state in SHOWN)
        query = Query(
            f"SELECT {COLUMNS} FROM received WHERE {' AND '.join(parts)} AND received_at >= ?"
            f" AND received_at <= ? AND state IN ({states}) ORDER BY received_at DESC, id DESC LIMIT ?"
        )
        rows = await self._engine.read(Call(query, (*values, search.since, search.until, search.limit)))
        return [received_of(row) for row in rows]

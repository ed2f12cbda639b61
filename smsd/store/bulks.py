"""Bulks as rows: what was said of them, and their messages that are not final yet.

Most bulks have no row: what a bulk is follows from its messages. A row says what its account, or the
operator, has changed after it was handed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import msgspec

from smsd.store.engine import Call, Engine, Query, Row
from smsd.store.logs import SLOT, milliseconds
from smsd.store.messages import COLUMNS, Message, State, message_of


class BulkState(IntEnum):
    """What was said of a bulk last."""

    GOING = 0
    PAUSED = 1
    CANCELED = 2


class Bulk(NamedTuple):
    """An account's bulk."""

    account_id: int
    bulk_id: str


class BulkRow(msgspec.Struct, frozen=True):
    """What was said of a bulk; the schema says what each column means."""

    account_id: int
    bulk_id: str
    state: int
    send_at: float
    moving: int
    up_to: int
    number: int
    open: int
    changed_at: float

    @property
    def bulk(self) -> Bulk:
        """Which bulk it is."""
        return Bulk(self.account_id, self.bulk_id)


class Standing(NamedTuple):
    """Where a bulk stands."""

    bulk: Bulk
    due: dict[State, float]
    """When the earliest of its messages in each state is due, or was; final ones don't count."""
    first: float | None
    """When the first message it had was due, whatever became of that; ``None``: there is no such bulk."""
    row: BulkRow | None


_FIELDS = BulkRow.__struct_fields__
_ROW = ", ".join(_FIELDS)
_OF = "account_id = ? AND bulk_id = ? AND bulk_id IS NOT NULL"
_OPEN = f"{_OF} AND done_at IS NULL"
"""Words for the messages of a bulk that aren't final: those that the partial index has."""
# "id + 0", since SQLite would use the primary key else, and go through other bulks.
_OPEN_STATES = [state for state in State if state < State.FINAL]
_STANDING = (
    "SELECT found.bulk_id, "
    + ", ".join(
        f"(SELECT min(due_at) FROM message WHERE {_OPEN.replace('bulk_id = ?', 'bulk_id = found.bulk_id')}"
        f" AND state = {int(state)})"
        for state in _OPEN_STATES
    )
    + f", (SELECT due_at FROM message WHERE {_OF.replace('bulk_id = ?', 'bulk_id = found.bulk_id')}"
    " ORDER BY log_at LIMIT 1), " + ", ".join(f"bulk.{name}" for name in _FIELDS)
)
_ITS_ROW = "LEFT JOIN bulk ON bulk.account_id = ? AND bulk.bulk_id = found.bulk_id"
_ACCOUNTS = len(_OPEN_STATES) + 2
"""How often the account is asked for."""

NEWEST = Query("SELECT coalesce(max(number), 0) FROM bulk")
OPEN = Query(f"SELECT {_ROW} FROM bulk WHERE open = 1")
OPEN_OF = Query("SELECT count(*) FROM bulk WHERE open = 1 AND account_id = ?")
PUT = Query(
    f"INSERT INTO bulk ({_ROW}) VALUES ({', '.join('?' * len(_FIELDS))})"
    " ON CONFLICT (account_id, bulk_id) DO UPDATE"
    f" SET {', '.join(f'{name} = excluded.{name}' for name in _FIELDS[2:])}"
)
DONE = Query("UPDATE bulk SET moving = 0, open = ? WHERE account_id = ? AND bulk_id = ? AND number = ?")
FORGET = Query(
    "DELETE FROM bulk WHERE number IN (SELECT number FROM bulk"
    " WHERE open = 0 AND changed_at < ? ORDER BY changed_at LIMIT ?) RETURNING bulk_id"
)
STANDING = Query(f"{_STANDING} FROM (SELECT CAST(? AS TEXT) AS bulk_id) AS found {_ITS_ROW}")
NEWER = Query(f"SELECT id FROM message WHERE {_OPEN} AND id + 0 > ? LIMIT 1")
"""A message that has come since a bulk was canceled."""
UNFINISHED = Query(
    "WITH RECURSIVE found (bulk_id, number) AS ("
    " SELECT min(bulk_id), 1 FROM message WHERE account_id = ? AND bulk_id IS NOT NULL AND done_at IS NULL"
    " UNION ALL"
    " SELECT (SELECT min(m.bulk_id) FROM message m WHERE m.account_id = ? AND m.bulk_id > found.bulk_id"
    " AND m.bulk_id IS NOT NULL AND m.done_at IS NULL), number + 1 FROM found"
    " WHERE found.bulk_id IS NOT NULL AND number < ?"
    f") {_STANDING} FROM found {_ITS_ROW} WHERE found.bulk_id IS NOT NULL"
)
"""Finds each bulk by a few looks into the indexes, however many messages it has."""
SCHEDULED = Query(f"SELECT {COLUMNS} FROM message WHERE {_OPEN} AND state = 1 AND id + 0 <= ? LIMIT ?")
WAITING = Query(f"SELECT id FROM message WHERE {_OPEN} AND state IN (1, 2) AND id + 0 <= ? LIMIT 1")
# Not "<>" alone: in the index what has been moved already stands between both sides, and is never looked at.
_UNMOVED = "due_at {side} ? AND {due} <> ? AND id + 0 <= ? AND attempts = 0"
MOVE = Query(
    "UPDATE message SET expires_at = CAST(? AS DOUBLE PRECISION) + expires_at - coalesce(resumes_at, due_at),"
    " due_at = ?, log_at = ?, slot = ?, resumes_at = NULL WHERE id IN"
    f" (SELECT id FROM message WHERE {_OPEN} AND state = 1 AND {_UNMOVED} LIMIT ?) AND state = 1 RETURNING id"
)
"""Brings scheduled messages to another time, in the log too, but for those that were refused for now."""
UNMOVED = Query(f"SELECT id FROM message WHERE {_OPEN} AND state IN (1, 2) AND {_UNMOVED} LIMIT 1")
RELEASE = Query(
    "UPDATE message SET due_at = resumes_at, resumes_at = NULL WHERE id IN"
    f" (SELECT id FROM message WHERE {_OPEN} AND state = 1 AND resumes_at IS NOT NULL"
    " ORDER BY due_at DESC LIMIT ?)"
    " AND state = 1 RETURNING id"
)


class Bulks:
    """Reads and changes bulks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def newest_id(self) -> int:
        """Return the highest number given so far, 0 if none."""
        ((newest,),) = await self._engine.read(Call(NEWEST))
        return int(newest)

    async def standing(self, bulk: Bulk) -> Standing:
        """Return where a bulk stands."""
        accounts = [bulk.account_id] * _ACCOUNTS
        values = (*accounts[:-1], bulk.bulk_id, accounts[-1])
        (row,) = await self._engine.read(Call(STANDING, values))
        return _standing(bulk.account_id, row)

    async def unfinished(self, account_id: int, limit: int) -> list[Standing]:
        """Return where those bulks of an account stand that have messages which aren't final."""
        values = (account_id, account_id, limit, *[account_id] * _ACCOUNTS)
        rows = await self._engine.read(Call(UNFINISHED, values))
        found = [_standing(account_id, row) for row in rows]
        return sorted(found, key=lambda standing: standing.bulk.bulk_id)

    async def has_newer(self, bulk: Bulk, up_to: int) -> bool:
        """Tell whether a message that isn't final has come since."""
        return bool(await self._engine.read(Call(NEWER, (*bulk, up_to))))

    async def open(self) -> list[BulkRow]:
        """Return what nodes have to heed."""
        return [BulkRow(*row) for row in await self._engine.read(Call(OPEN))]

    async def open_of(self, account_id: int) -> int:
        """Return of how many bulks of an account nodes have to heed something."""
        ((count,),) = await self._engine.read(Call(OPEN_OF, (account_id,)))
        return int(count)

    async def put(self, row: BulkRow) -> None:
        """Store what is said of a bulk, and tell every node."""
        values = [getattr(row, name) for name in row.__struct_fields__]
        await self._engine.write(Call(PUT, values), announce=True)

    async def done(self, row: BulkRow, *, open: bool) -> None:
        """Store that what followed from a row is done, unless something else has been said since."""
        await self._engine.write(Call(DONE, (int(open), *row.bulk, row.number)))

    async def scheduled(self, bulk: Bulk, up_to: int, limit: int) -> list[Message]:
        """Return messages that wait for their time."""
        rows = await self._engine.read(Call(SCHEDULED, (*bulk, up_to, limit)))
        return [message_of(row) for row in rows]

    async def is_waiting(self, bulk: Bulk, up_to: int) -> bool:
        """Tell whether a message waits for its time or for its channel."""
        return bool(await self._engine.read(Call(WAITING, (*bulk, up_to))))

    async def move(self, row: BulkRow, limit: int) -> int:
        """Bring scheduled messages to a bulk's new time, their validity with them; return how many."""
        log_at = milliseconds(row.send_at)
        times = (row.send_at, row.send_at, log_at, log_at // SLOT)
        for query in _sides(MOVE, row):
            values = (*times, *row.bulk, row.send_at, row.send_at, row.up_to, limit)
            (rows,) = await self._engine.write(Call(query, values))
            if rows:
                return len(rows)
        return 0

    async def is_unmoved(self, row: BulkRow) -> bool:
        """Tell whether a message waits for another time than its bulk's new one."""
        for query in _sides(UNMOVED, row):
            if await self._engine.read(Call(query, (*row.bulk, row.send_at, row.send_at, row.up_to))):
                return True
        return False

    async def release(self, bulk: Bulk, limit: int) -> int:
        """Let messages that were held be due when they were; return how many."""
        (rows,) = await self._engine.write(Call(RELEASE, (*bulk, limit)))
        return len(rows)

    async def remove_before(self, time: float, limit: int) -> int:
        """Forget what was said of bulks before a time, of so many at most, and return of how many."""
        (rows,) = await self._engine.write(Call(FORGET, (time, limit)))
        return len(rows)


def _standing(account_id: int, row: Row) -> Standing:
    bulk_id, *due = row[: 2 + len(_OPEN_STATES)]
    said = row[2 + len(_OPEN_STATES) :]
    return Standing(
        Bulk(account_id, bulk_id),
        {state: least for state, least in zip(_OPEN_STATES, due, strict=False) if least is not None},
        due[-1],
        BulkRow(*said) if said[0] is not None else None,
    )


def _sides(query: Query, row: BulkRow) -> Iterator[Query]:
    """Yield a query of messages before a bulk's time, and of those after it.

    What is held of a paused bulk stands after it, but has come to that time if it would be resumed then.
    """
    due = "coalesce(resumes_at, due_at)" if row.state == BulkState.PAUSED else "due_at"
    for side in ("<", ">"):
        yield Query(query.sql.replace("{side}", side).replace("{due}", due))

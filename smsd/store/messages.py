"""Messages as rows: what is kept of each, and the queries that read them.

What changes messages goes through :mod:`smsd.store.journal`, many at a time.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import msgspec

from smsd.store.engine import Call, Engine, Query, Row


class State(IntEnum):
    """Where a message is on its way."""

    GATHERING = 0
    """Some parts of a long message are still to come."""
    SCHEDULED = 1
    """It waits for its due time: a later sending, or another attempt."""
    QUEUED = 2
    """It waits for its channel, or is in the channel's window."""
    SENT = 3
    """The operator has taken all of it."""
    FINAL = 4


class Report(IntEnum):
    """What is owed to the client when a message is final."""

    NONE = 0
    RECEIPT = 1
    """A deliver_sm to one of the account's SMPP sessions."""
    FETCH = 2
    """An entry in the answer to ``GET /sms/1/reports``."""
    SET_ASIDE = 3
    """A receipt on which sessions break, or which they refuse: it waits for the operator's word."""
    PUSH = 4
    """It is being sent to the client's URL; while it waits for another attempt it is to be fetched."""


class Notify(msgspec.Struct, array_like=True, frozen=True):
    """Where a client wants to hear of a message, and what."""

    url: str
    xml: bool = False
    """XML rather than JSON."""
    intermediate: bool = False
    """Also each error that does not end it."""


class Content(msgspec.Struct, array_like=True):
    """What only sending and receipts need of a message: SMPP's fields, and its octets.

    ``udh`` holds the information elements that each segment carries beside those that number it, without
    the length octet; ``body`` the whole text as SMPP carries it, one octet a septet for GSM 7-bit;
    ``reference`` the number under which the parts of a message that came in parts belong together.
    """

    source_ton: int
    source_npi: int
    destination_ton: int
    destination_npi: int
    service_type: str
    esm_class: int
    protocol_id: int
    data_coding: int
    registered_delivery: int
    body: bytes
    udh: bytes = b""
    reference: int = 0
    tlvs: tuple[tuple[int, bytes], ...] = ()
    callback_data: str = ""
    """What the client wants to find in the report."""
    notify: Notify | None = None
    tracked: bool = False
    """Whether its clicks and conversions are counted, and so its delivery."""


class Message(msgspec.Struct):
    """A message and where it is on its way; times are seconds since 1970."""

    id: int
    account_id: int
    channel_id: int | None
    state: int
    priority: int
    bulk_id: str | None
    source: str
    destination: str
    segments: int
    accepted_at: float
    due_at: float
    expires_at: float
    attempts: int
    sent_at: float | None
    done_at: float | None
    status: int
    error: int
    report: int
    price: str
    content: Content
    client_id: str | None = None
    """The client's own id for it, if it has given one: no other message of the account has that."""
    network: str = ""
    """The destination's MCC and MNC, if they are known."""
    charged: int = 0
    """What it has cost, in millionths of its account's currency: nothing if it was refused or refunded."""
    taken: dict[int, str] | None = None
    """Of a message of several segments that is being sent: the operator's id of each one it has taken."""
    ended: dict[int, tuple[int, int]] | None = None
    """Of such a message, once receipts come: the final status and error of each segment that has one."""
    origin: object = None
    """The session that submitted it, if that still is in memory."""


class Queue(NamedTuple):
    """The messages of an account that wait for a channel, those of one priority."""

    channel_id: int
    account_id: int
    priority: int


class Segment(msgspec.Struct):
    """A segment that an operator has taken, and its message."""

    operator_id: str
    number: int
    message: Message


COLUMNS = (
    "id, account_id, channel_id, state, priority, bulk_id, source, destination, segments, accepted_at,"
    " due_at, expires_at, attempts, sent_at, done_at, status, error, report, price, content, client_id,"
    " network, charged"
)
_QUALIFIED = ", ".join(f"m.{name.strip()}" for name in COLUMNS.split(","))

# SQLite uses a partial index only for a query that repeats the index's own condition, word for word.
NEWEST = Query("SELECT coalesce(max(id), 0) FROM message")
QUEUES = Query("SELECT DISTINCT channel_id, account_id, priority FROM message WHERE state = 2")
QUEUED = Query(
    f"SELECT {COLUMNS} FROM message WHERE state = 2 AND channel_id = ? AND account_id = ? AND priority = ?"
    " ORDER BY id LIMIT ?"
)
OWED = Query(
    f"SELECT {COLUMNS} FROM message WHERE state = 4 AND report > 0"
    f" AND account_id = ? AND report = {int(Report.RECEIPT)} ORDER BY done_at LIMIT ?"
)
FETCH = Query(
    "UPDATE message SET report = 0, reported_at = ? WHERE id IN (SELECT id FROM message"
    f" WHERE state = 4 AND report > 0 AND report = {int(Report.FETCH)} AND account_id = ?"
    f" ORDER BY done_at LIMIT ?) RETURNING {COLUMNS}"
)
DUE = Query(
    "UPDATE message SET state = 2 WHERE id IN"
    " (SELECT id FROM message WHERE state < 2 AND state = 1 AND due_at <= ? ORDER BY due_at LIMIT ?)"
    " RETURNING channel_id, account_id, priority"
)
EXPIRED = Query(
    f"SELECT {COLUMNS} FROM message WHERE state < 4 AND expires_at <= ? ORDER BY expires_at LIMIT ?"
)
GATHERING = Query(f"SELECT {COLUMNS} FROM message WHERE state < 2 AND state = 0 ORDER BY due_at")
FRAGMENTS = Query("SELECT message_id, number, body FROM fragment ORDER BY message_id, number")
TAKEN = Query(
    f"SELECT s.operator_id, s.number, {_QUALIFIED} FROM {{rows}} AS r"
    " JOIN segment s ON s.channel_id = r.channel_id AND s.operator_id = r.operator_id"
    " JOIN message m ON m.id = s.message_id",
    "channel_id bigint, operator_id text",
)
ENDED = Query(
    "SELECT s.message_id, s.number, s.status, s.error FROM {rows} AS r"
    " JOIN segment s ON s.message_id = r.id WHERE s.number > 0 AND s.status IS NOT NULL",
    "id bigint",
)
PARTS = Query(
    "SELECT s.message_id, s.number, s.operator_id FROM {rows} AS r"
    " JOIN segment s ON s.message_id = r.id WHERE s.number > 0",
    "id bigint",
)
BACKLOG = Query(
    "SELECT account_id, count(*) FROM message WHERE state = 2 GROUP BY account_id UNION ALL"
    " SELECT account_id, count(*) FROM message WHERE state < 2 AND state = 1 GROUP BY account_id"
)
SET_ASIDE = Query(
    f"SELECT {COLUMNS} FROM message WHERE state = 4 AND report > 0 AND report = {int(Report.SET_ASIDE)}"
    " ORDER BY id LIMIT ?"
)
RETRY = Query(
    f"UPDATE message SET report = {int(Report.RECEIPT)}"
    f" WHERE state = 4 AND report > 0 AND report = {int(Report.SET_ASIDE)} RETURNING id"
)
QUEUED_BY_CHANNEL = Query("SELECT channel_id, count(*) FROM message WHERE state = 2 GROUP BY channel_id")
WAITING = Query("SELECT count(*) FROM message WHERE channel_id = ? AND state IN (0, 1, 2)")

BY_ID = Query(f"SELECT {_QUALIFIED} FROM {{rows}} AS r JOIN message m ON m.id = r.id", "id bigint")
FINAL_IDS = Query(
    "SELECT id FROM message WHERE account_id = ? AND state = 4 AND id > ? AND id <= ? ORDER BY id LIMIT ?"
)
CLIENT_IDS = Query(
    "SELECT m.client_id FROM {rows} AS r"
    " JOIN message m ON m.account_id = r.account_id AND m.client_id = r.client_id"
    " AND m.client_id IS NOT NULL",
    "account_id bigint, client_id text",
)

_content = msgspec.json.Decoder(Content)
_id = re.compile(r"[1-9][0-9]{0,17}|[1-8][0-9]{18}", re.ASCII).fullmatch


def message_of(row: Row) -> Message:
    """Return the message in a row of :data:`COLUMNS`."""
    message = Message(*row)
    message.content = _content.decode(message.content)  # type: ignore[arg-type]  # It is the column's text.
    return message


def own_ids(ids: Sequence[str]) -> list[int]:
    """Return those of these ids that may be our own; at least one."""
    return [int(one) for one in ids if _id(one)] or [0]  # No message has the id 0.


def named(ids: Sequence[str], column: str = "id") -> tuple[str, list[object]]:
    """Return the condition that a message has one of these ids, its client's or our own, and its values.

    Our own is in ``column``, the client's in ``client_id``.
    """
    own = own_ids(ids)
    condition = f"({column} IN ({','.join('?' * len(own))}) OR client_id IN ({','.join('?' * len(ids))}))"
    return condition, [*own, *ids]


class Messages:
    """Reads the message table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def newest_id(self) -> int:
        """Return the highest id given so far, 0 if none."""
        ((newest,),) = await self._engine.read(Call(NEWEST))
        return int(newest)

    async def queues(self) -> list[Queue]:
        """Return the queues that have messages."""
        return [Queue(*row) for row in await self._engine.read(Call(QUEUES))]

    async def queued(self, queue: Queue, limit: int) -> list[Message]:
        """Return the oldest messages of a queue."""
        rows = await self._engine.read(Call(QUEUED, (*queue, limit)))
        messages = [message_of(row) for row in rows]
        several = {message.id: message for message in messages if message.segments > 1}
        if several:
            # What an operator has taken of a message before it refused the rest is not sent again.
            parts = await self._engine.read(Call(PARTS, [(id,) for id in several]))
            for message_id, number, operator_id in parts:
                message = several[message_id]
                message.taken = (message.taken or {}) | {number: operator_id}
        return messages

    async def owed(self, account_id: int, limit: int) -> list[Message]:
        """Return final messages whose receipts an account's sessions still have to get, the oldest first."""
        return [message_of(row) for row in await self._engine.read(Call(OWED, (account_id, limit)))]

    async def client_ids(self, account_id: int, ids: Sequence[str]) -> list[str]:
        """Return those of these ids that an account has given its messages."""
        rows = await self._engine.read(Call(CLIENT_IDS, [(account_id, one) for one in ids]))
        return [client_id for (client_id,) in rows]

    async def fetch(
        self, account_id: int, bulk_ids: Sequence[str], ids: Sequence[str], limit: int, now: float
    ) -> list[Message]:
        """Return final messages not yet fetched, and mark them fetched in the same transaction.

        A message is known by the client's own id for it, or by ours.
        """
        sql = FETCH.sql
        values: list[object] = [now, account_id]
        if bulk_ids:
            sql = sql.replace("ORDER BY", f"AND bulk_id IN ({','.join('?' * len(bulk_ids))}) ORDER BY", 1)
            values.extend(bulk_ids)
        if ids:
            condition, wanted = named(ids)
            sql = sql.replace("ORDER BY", f"AND {condition} ORDER BY", 1)
            values.extend(wanted)
        (rows,) = await self._engine.write(Call(Query(sql), (*values, limit)))
        return sorted((message_of(row) for row in rows), key=lambda message: (message.done_at, message.id))

    async def by_ids(self, ids: Iterable[int]) -> list[Message]:
        """Return the messages with these ids of ours."""
        return [message_of(row) for row in await self._engine.read(Call(BY_ID, [(id,) for id in ids]))]

    async def final(self, account_id: int, after: int, until: int, limit: int) -> list[int]:
        """Return the ids of an account's final messages between two ids, in order."""
        rows = await self._engine.read(Call(FINAL_IDS, (account_id, after, until, limit)))
        return [message_id for (message_id,) in rows]

    async def due(self, now: float, limit: int) -> list[Queue]:
        """Queue the scheduled messages whose time has come; return the queue of each."""
        (rows,) = await self._engine.write(Call(DUE, (now, limit)))
        return [Queue(*row) for row in rows]

    async def expired(self, now: float, limit: int) -> list[Message]:
        """Return messages that aren't final although their validity has ended."""
        return [message_of(row) for row in await self._engine.read(Call(EXPIRED, (now, limit)))]

    async def gathering(self) -> list[tuple[Message, dict[int, bytes]]]:
        """Return the long messages whose parts have not all come in, with the parts that have."""
        parts: dict[int, dict[int, bytes]] = {}
        for message_id, number, body in await self._engine.read(Call(FRAGMENTS)):
            parts.setdefault(message_id, {})[number] = a2b_base64(body)
        messages = [message_of(row) for row in await self._engine.read(Call(GATHERING))]
        return [(message, parts.get(message.id, {})) for message in messages]

    async def taken(self, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Segment]:
        """Return the segments that operators know by these (channel, operator id) keys."""
        found = {}
        messages: dict[int, Message] = {}
        for operator_id, number, *row in await self._engine.read(Call(TAKEN, list(keys))):
            # Segments of one message share it: each has to know how the others ended.
            message = messages.get(row[0]) or message_of(tuple(row))
            messages[message.id] = message
            key = (message.channel_id or 0, operator_id)
            found[key] = Segment(operator_id, number, message)
        several = {(s.message.id,) for s in found.values() if s.number}
        if several:
            ended: dict[int, dict[int, tuple[int, int]]] = {}
            for message_id, number, status, error in await self._engine.read(Call(ENDED, list(several))):
                ended.setdefault(message_id, {})[number] = (status, error)
            for segment in found.values():
                segment.message.ended = ended.get(segment.message.id)
        return found

    async def backlog(self) -> list[tuple[int, int]]:
        """Return how many messages of each account wait to be sent."""
        counts: Counter[int] = Counter()
        for account_id, count in await self._engine.read(Call(BACKLOG)):
            counts[account_id] += count
        return list(counts.items())

    async def set_aside(self, limit: int) -> list[Message]:
        """Return messages whose receipts were set aside, the oldest first."""
        return [message_of(row) for row in await self._engine.read(Call(SET_ASIDE, (limit,)))]

    async def retry(self, message_id: int | None) -> int:
        """Let a receipt that was set aside, or all of them, be sent again; return how many."""
        query: Query = RETRY
        values: tuple[int, ...] = ()
        if message_id is not None:
            query = Query(RETRY.sql.replace(" RETURNING", " AND id = ? RETURNING"))
            values = (message_id,)
        (rows,) = await self._engine.write(Call(query, values), announce=True)
        return len(rows)

    async def waiting(self, channel_id: int) -> int:
        """Return how many messages have still to be sent on a channel."""
        ((count,),) = await self._engine.read(Call(WAITING, (channel_id,)))
        return int(count)

    async def waiting_by_channel(self) -> dict[int, int]:
        """Return how many messages are queued for each channel."""
        return dict(await self._engine.read(Call(QUEUED_BY_CHANNEL)))

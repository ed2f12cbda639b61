"""Received messages as rows: what subscribers have sent, and the queries that read and change it.

Changes go to disk in the batches of :mod:`smsd.store.commits`, many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from smsd.sms.udh import Concatenation
from smsd.store.engine import Call, Change, Engine, Query, Row

if TYPE_CHECKING:
    from smsd.store.journal import Journal


class State(IntEnum):
    """Where a received message is on its way."""

    SEGMENT = 0
    """It is a segment, and the others of its message may still come."""
    WAITING = 1
    """It is owed to the account's SMPP sessions."""
    INBOX = 2
    """It waits to be fetched."""
    SET_ASIDE = 3
    """Sessions break on it, or refuse it: it waits for the operator's word."""
    DONE = 4
    """The account has it."""
    JOINED = 5
    """It is a segment, and what it says is in a row of its own with that of the others."""
    UNCLAIMED = 6
    """It is a segment of a message whose number has no owner for such a text."""
    PUSH = 7
    """It is being sent to the account's URL; while it waits for another attempt it is in the inbox."""


class Original(msgspec.Struct, array_like=True, frozen=True):
    """What the operator sent: SMPP's fields as they came.

    ``payload`` is the value of message_payload, which is not among ``tlvs``; ``place`` says which segment
    of which message this is.
    """

    service_type: str
    source_ton: int
    source_npi: int
    source: str
    destination_ton: int
    destination_npi: int
    destination: str
    esm_class: int
    protocol_id: int
    priority: int
    registered_delivery: int
    data_coding: int
    short_message: bytes
    payload: bytes | None = None
    tlvs: tuple[tuple[int, bytes], ...] = ()
    place: Concatenation | None = None


class Received(msgspec.Struct):
    """A received message, or a segment of one, and where it is on its way; times are seconds since 1970."""

    id: int
    account_id: int
    """0 while it is not known whose it is."""
    channel_id: int
    state: int
    source: str
    destination: str
    """The digits of the number that it was sent to."""
    keyword: str
    text: str
    """The whole text; empty for a segment."""
    segments: int
    received_at: float
    done_at: float | None
    original: Original
    """Of a message put together for an inbox: its first segment, with the text of all that came."""

    @property
    def clean_text(self) -> str:
        """The text without the keyword that it begins with."""
        if not self.keyword:
            return self.text
        return "".join(self.text.split(None, 1)[1:])


class Bringer(Protocol):
    """Whoever brought a received message and waits to hear that it is on disk."""

    def stored(self, received: Received) -> None:
        """Take note that it is on disk."""

    def not_stored(self, received: Received) -> None:
        """Take note that it could not be stored, and never will be."""


COLUMNS = (
    "id, account_id, channel_id, state, source, destination, keyword, text, segments, received_at, done_at,"
    " original"
)

# SQLite uses a partial index only for a query that repeats the index's own condition, word for word.
NEWEST = Query("SELECT coalesce(max(id), 0) FROM received")
OWED = Query(
    f"SELECT {COLUMNS} FROM received WHERE done_at IS NULL AND state = {int(State.WAITING)}"
    " AND account_id = ? ORDER BY id LIMIT ?"
)
FETCH = Query(
    f"UPDATE received SET state = {int(State.DONE)}, done_at = ? WHERE id IN (SELECT id FROM received"
    f" WHERE done_at IS NULL AND state = {int(State.INBOX)} AND account_id = ? ORDER BY id LIMIT ?)"
    f" RETURNING {COLUMNS}"
)
SEGMENTS = Query(
    f"SELECT {COLUMNS} FROM received WHERE done_at IS NULL AND account_id = 0 AND state = 0 ORDER BY id"
)
JOINED_SINCE = Query(
    f"SELECT {COLUMNS} FROM received WHERE id >= ? AND segments > 1 AND text = '' AND state > 0 ORDER BY id"
)
BY_ID = Query(
    f"SELECT {', '.join(f'm.{name.strip()}' for name in COLUMNS.split(','))}"
    " FROM {rows} AS r JOIN received m ON m.id = r.id",
    "id bigint",
)
SET_ASIDE = Query(
    f"SELECT {COLUMNS} FROM received WHERE done_at IS NULL AND state = {int(State.SET_ASIDE)}"
    " ORDER BY id LIMIT ?"
)
RETRY = Query(
    f"UPDATE received SET state = {int(State.WAITING)}"
    f" WHERE done_at IS NULL AND state = {int(State.SET_ASIDE)} RETURNING id"
)

ARRIVED = Query(
    f"INSERT INTO received ({COLUMNS}) SELECT {COLUMNS} FROM {{rows}} AS r WHERE true"
    " ON CONFLICT (id) DO NOTHING",
    "id bigint, account_id bigint, channel_id bigint, state smallint, source text, destination text,"
    " keyword text, text text, segments int, received_at float8, done_at float8, original text",
)
WHOLE = Query(ARRIVED.sql, ARRIVED.columns)
"""Stores a message that was put together: nobody waits for that, and nothing takes it back."""
CLAIMED = Query(
    "UPDATE received SET state = r.state, account_id = r.account_id, keyword = r.keyword,"
    " done_at = r.done_at FROM {rows} AS r WHERE received.id = r.id"
    f" AND received.state = {int(State.SEGMENT)}",
    "id bigint, state smallint, account_id bigint, keyword text, done_at float8",
)
TAKEN = Query(
    f"UPDATE received SET state = {int(State.DONE)}, done_at = r.done_at FROM {{rows}} AS r"
    " WHERE received.id = r.id",
    "id bigint, done_at float8",
)
PUT_ASIDE = Query(
    f"UPDATE received SET state = {int(State.SET_ASIDE)} FROM {{rows}} AS r"
    f" WHERE received.id = r.id AND received.state = {int(State.WAITING)}",
    "id bigint",
)
NEVER_ARRIVED = Query("DELETE FROM received WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")
"""Takes back what was refused although it may have been stored, and segments that came twice."""
CHANGES = (NEVER_ARRIVED, ARRIVED, WHOLE, CLAIMED, TAKEN, PUT_ASIDE)
"""The order in which a received message lives through its changes."""

_encode = msgspec.json.Encoder().encode
_original = msgspec.json.Decoder(Original)


class ReceivedMessages:
    """Reads the table of received messages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def newest_id(self) -> int:
        """Return the highest id given so far, 0 if none."""
        ((newest,),) = await self._engine.read(Call(NEWEST))
        return int(newest)

    async def owed(self, account_id: int, limit: int) -> list[Received]:
        """Return messages that an account's sessions still have to get, the oldest first."""
        return [received_of(row) for row in await self._engine.read(Call(OWED, (account_id, limit)))]

    async def fetch(self, account_id: int, limit: int, now: float) -> list[Received]:
        """Return messages not yet fetched, and mark them fetched in the same transaction."""
        (rows,) = await self._engine.write(Call(FETCH, (now, account_id, limit)))
        return sorted(map(received_of, rows), key=lambda received: received.id)

    async def by_ids(self, ids: Iterable[int]) -> list[Received]:
        """Return the received messages with these ids."""
        return [received_of(row) for row in await self._engine.read(Call(BY_ID, [(id,) for id in ids]))]

    async def segments(self) -> list[Received]:
        """Return the segments of messages that are not complete, in the order in which they came."""
        return [received_of(row) for row in await self._engine.read(Call(SEGMENTS))]

    async def joined_since(self, first_id: int) -> list[Received]:
        """Return the segments, from an id on, whose messages have been put together."""
        return [received_of(row) for row in await self._engine.read(Call(JOINED_SINCE, (first_id,)))]

    async def set_aside(self, limit: int) -> list[Received]:
        """Return messages that were set aside, the oldest first."""
        return [received_of(row) for row in await self._engine.read(Call(SET_ASIDE, (limit,)))]

    async def retry(self, received_id: int | None) -> int:
        """Let a message that was set aside, or all of them, be sent again; return how many."""
        query: Query = RETRY
        values: tuple[int, ...] = ()
        if received_id is not None:
            query = Query(RETRY.sql.replace(" RETURNING", " AND id = ? RETURNING"))
            values = (received_id,)
        (rows,) = await self._engine.write(Call(query, values), announce=True)
        return len(rows)


class ReceivedChanges:
    """Brings changes of received messages to the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def arrived(self, received: Received, bringer: Bringer, *along: Change) -> None:
        """Store what a channel brings, and other changes with it.

        Raises:
            Overloaded: if too much waits for the disk already.
            StoreUnavailable: if the database can't be written just now.
        """
        self._journal.store(
            ARRIVED,
            received.id,
            received_row(received),
            received,
            bringer,
            *along,
            share=-received.channel_id,
        )

    def claimed(
        self,
        segments: Sequence[Received],
        whole: Received | None,
        now: float,
        after: Callable[[], None],
        *along: Change,
    ) -> None:
        """Store what becomes of segments that wait for no others, and what they were put together to.

        Other changes are made with that.
        """

        def claim(one: Received) -> Change:
            return CLAIMED, ((whole or one).id, one.id), _claim(one, now)

        if whole is not None:
            self._journal.change(WHOLE, whole.id, received_row(whole))
        for change in along:
            self._journal.change(*change)
        *others, last = segments
        for one in others:
            self._journal.change(*claim(one))
        self._journal.change(*claim(last), lambda _: after())

    def taken(self, received: Received, now: float, after: Callable[[bool], None]) -> None:
        """Store that the account has a message."""
        self._journal.change(TAKEN, received.id, (received.id, now), after)

    def put_aside(self, received: Received, after: Callable[[bool], None]) -> None:
        """Store that a message is not to be sent again until the operator says so."""
        self._journal.change(PUT_ASIDE, received.id, (received.id,), after)

    def forget(self, received: Received) -> None:
        """Store that a segment is the repetition of one that is there."""
        self._journal.change(NEVER_ARRIVED, received.id, (received.id,))


def received_of(row: Row) -> Received:
    """Return the received message in a row of :data:`COLUMNS`."""
    received = Received(*row)
    received.original = _original.decode(row[-1])
    return received


def received_row(received: Received) -> Row:
    """Return a received message as a row of :data:`ARRIVED`."""
    return (
        received.id,
        received.account_id,
        received.channel_id,
        received.state,
        received.source,
        received.destination,
        received.keyword,
        received.text,
        received.segments,
        received.received_at,
        received.done_at,
        _encode(received.original).decode(),
    )


def _claim(received: Received, now: float) -> Row:
    done_at = now if received.state in (State.JOINED, State.UNCLAIMED) else None
    return (received.id, received.state, received.account_id, received.keyword, done_at)

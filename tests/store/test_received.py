"""Received messages in the table, on both databases."""

from __future__ import annotations

from typing import Any

from smsd.sms.udh import Concatenation
from smsd.store.engine import Call, Engine, Query
from smsd.store.journal import Journal
from smsd.store.received import Original, Received, ReceivedChanges, ReceivedMessages, State
from tests.stores import NOON, clock_at_noon

ORIGINAL = Original(
    "CMT",
    5,
    0,
    "Bücher",
    1,
    1,
    "+385911234567",
    0x40,
    0x41,
    2,
    8,
    8,
    b"\0\1\xff",
    b"",
    ((0x1403, b"\0"), (0x020A, b"\0\7")),
    Concatenation(7, 3, 2, wide=True),
)


class Bringer:
    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def stored(self, received: Received) -> None:
        self.heard.append(("stored", received.id))

    def not_stored(self, received: Received) -> None:
        self.heard.append(("not stored", received.id))


def received(id: int, **fields: Any) -> Received:
    values: dict[str, Any] = {
        "account_id": 1,
        "channel_id": 2,
        "state": int(State.INBOX),
        "source": "Bücher",
        "destination": "385911234567",
        "keyword": "STOP",
        "text": "stop it […] ća\ufffd😀",
        "segments": 1,
        "received_at": NOON,
        "done_at": None,
        "original": ORIGINAL,
    }
    return Received(id, **(values | fields))


def segment(id: int, **fields: Any) -> Received:
    values: dict[str, Any] = {"account_id": 0, "state": int(State.SEGMENT), "text": "", "segments": 3}
    return received(id, **(values | fields))


class Table:
    """The table, written as a node does."""

    def __init__(self, engine: Engine) -> None:
        self.clock = clock_at_noon()
        self.journal = Journal(engine, self.clock, 10_000)
        self.changes = ReceivedChanges(self.journal)
        self.messages = ReceivedMessages(engine)
        self.bringer = Bringer()
        self._engine = engine

    async def store(self, *rows: Received) -> None:
        for one in rows:
            self.changes.arrived(one, self.bringer)
        await self.commit()

    async def commit(self) -> None:
        self.clock.advance(0)
        await self.journal.drain()

    async def states(self) -> list[tuple[Any, ...]]:
        query = Query("SELECT id, state, account_id, done_at FROM received ORDER BY id")
        return await self._engine.read(Call(query))


def ignore(_: object = None) -> None:
    pass


async def test_a_message_is_fetched_as_it_was_stored_once_and_in_order(engine: Engine) -> None:
    table = Table(engine)
    rows = [received(2**62 + id) for id in (3, 1, 2)]
    await table.store(*rows, received(5, account_id=7), received(6, state=int(State.WAITING)), segment(7))
    assert [id for _, id in table.bringer.heard[:3]] == [row.id for row in rows]
    assert await table.messages.newest_id() == 2**62 + 3
    first = await table.messages.fetch(1, 2, NOON + 5)
    done = [received(2**62 + id, state=int(State.DONE), done_at=NOON + 5) for id in (1, 2, 3)]
    assert first == done[:2]
    assert await table.messages.fetch(1, 2, NOON + 5) == done[2:]
    assert await table.messages.fetch(1, 2, NOON + 5) == []


async def test_there_is_no_newest_id_at_first(engine: Engine) -> None:
    assert await ReceivedMessages(engine).newest_id() == 0


async def test_what_sessions_are_owed_is_read_until_they_have_it(engine: Engine) -> None:
    table = Table(engine)
    rows = [received(id, state=int(State.WAITING)) for id in (4, 2, 9)]
    await table.store(*rows, received(1), received(3, state=int(State.WAITING), account_id=2))
    assert await table.messages.owed(1, 2) == [rows[1], rows[0]]
    told: list[bool] = []
    table.changes.taken(rows[1], NOON + 1, told.append)
    table.changes.put_aside(rows[0], told.append)
    await table.commit()
    assert told == [True, True]
    assert await table.messages.owed(1, 9) == [rows[2]]
    assert (await table.states())[1] == (2, State.DONE, 1, NOON + 1)


async def test_what_was_set_aside_is_listed_until_it_is_sent_again(engine: Engine) -> None:
    table = Table(engine)
    rows = [received(id, state=int(State.WAITING)) for id in (1, 2, 3)]
    await table.store(*rows)
    for row in rows:
        table.changes.put_aside(row, ignore)
    await table.commit()
    assert [one.id for one in await table.messages.set_aside(2)] == [1, 2]
    assert await table.messages.owed(1, 9) == []
    assert await table.messages.retry(2) == 1
    assert await table.messages.owed(1, 9) == [rows[1]]
    assert await table.messages.retry(2) == 0
    assert await table.messages.retry(None) == 2
    assert await table.messages.set_aside(9) == []


async def test_a_message_that_was_taken_is_not_set_aside(engine: Engine) -> None:
    table = Table(engine)
    row = received(1, state=int(State.WAITING))
    await table.store(row)
    table.changes.taken(row, NOON, ignore)
    await table.commit()
    table.changes.put_aside(row, ignore)
    await table.commit()
    assert await table.messages.set_aside(9) == []


async def test_segments_become_a_whole_message_in_one_transaction(engine: Engine) -> None:
    table = Table(engine)
    rows = [segment(id) for id in (3, 1, 2)]
    await table.store(*rows)
    assert await table.messages.segments() == sorted(rows, key=lambda row: row.id)
    for row in rows:
        row.state, row.account_id, row.keyword = State.JOINED, 1, "STOP"
    told: list[str] = []
    table.changes.claimed(rows, received(9, segments=3), NOON + 1, lambda: told.append("on disk"))
    await table.commit()
    assert told == ["on disk"]
    assert await table.messages.segments() == []
    assert await table.states() == [
        *((id, State.JOINED, 1, NOON + 1) for id in (1, 2, 3)),
        (9, State.INBOX, 1, None),
    ]
    assert [one.id for one in await table.messages.joined_since(2)] == [2, 3]


async def test_segments_that_sessions_get_are_owed_each(engine: Engine) -> None:
    table = Table(engine)
    rows = [segment(id) for id in (1, 2)]
    await table.store(*rows)
    for row in rows:
        row.state, row.account_id = State.WAITING, 1
    table.changes.claimed(rows, None, NOON, ignore)
    await table.commit()
    assert await table.messages.owed(1, 9) == rows
    # The same once more, after an answer that was lost, takes nothing back.
    table.changes.taken(rows[0], NOON, ignore)
    await table.commit()
    table.changes.claimed(rows, None, NOON, ignore)
    await table.commit()
    assert await table.messages.owed(1, 9) == rows[1:]


async def test_a_segment_that_came_twice_is_forgotten(engine: Engine) -> None:
    table = Table(engine)
    rows = [segment(1), segment(2)]
    await table.store(*rows)
    table.changes.forget(rows[1])
    await table.commit()
    assert await table.messages.segments() == rows[:1]

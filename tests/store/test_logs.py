"""Pages of the logs, on every database, beside what a search through everything finds."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted
from msgspec.structs import replace

from smsd.services.statuses import PENDING_GROUP, STATUSES
from smsd.store import logs as store_logs
from smsd.store.batch import ACCEPT, FINAL, GATHERED, accepted_row
from smsd.store.engine import Call, Engine
from smsd.store.logs import LATEST, Logs, Search, milliseconds
from smsd.store.messages import Message, State
from smsd.store.received import ARRIVED, Original, Received, received_row
from smsd.store.received import State as ReceivedState
from smsd.store.received_logs import SHOWN, ReceivedLogs, ReceivedSearch
from smsd.store.schema import versions
from tests.stores import NOON, Database, message

HOUR = 3600.0
SOURCES = ("Main", "Second", "Rare")
NETWORKS = ("", "21901", "21910", "73401", "310150")
FINALS = (5, 5, 5, 9, 4, 29, 15, 19, 30)


def milli(seconds: float) -> int:
    return milliseconds(NOON + seconds)


def some_messages(count: int, span: float) -> tuple[list[Message], dict[int, int]]:
    """Return messages of two accounts, and the final statuses of some."""
    chance = random.Random(count)
    made, ends = [], {}
    for id in range(1, count + 1):
        one = message(
            id,
            account_id=chance.choice((1, 1, 1, 2)),
            bulk_id=chance.choice((None, "a", "b")),
            source=chance.choices(SOURCES, (90, 9, 1))[0],
            due_at=NOON - round(chance.random() * span, 3),
        )
        one.destination = f"38591{chance.randrange(30)}"
        one.network = chance.choices(NETWORKS, (1, 5, 5, 1, 1))[0]
        one.client_id = f"mine-{id}" if chance.random() < 0.1 else None
        if chance.random() < 0.05:
            one.state, one.status = State.FINAL, 11
        elif chance.random() < 0.8:
            ends[id] = chance.choice(FINALS)
        made.append(one)
    return made, ends


async def store(engine: Engine, made: list[Message], ends: dict[int, int]) -> None:
    await engine.write(
        Call(ACCEPT, [accepted_row(one) for one in made]),
        Call(FINAL, [(id, status, 0, NOON, 0, None) for id, status in ends.items()]),
    )


def group_of(one: Message, ends: dict[int, int]) -> int:
    if one.id in ends:
        return STATUSES[ends[one.id]].group_id
    return STATUSES[one.status].group_id if one.state == State.FINAL else PENDING_GROUP


def expected(made: list[Message], ends: dict[int, int], search: Search) -> list[int]:
    found = [
        (milliseconds(one.due_at), one.id)
        for one in made
        if one.account_id == search.account_id
        and search.since <= milliseconds(one.due_at) <= search.until
        and search.source in (None, one.source)
        and search.destination in (None, one.destination)
        and search.group in (None, group_of(one, ends))
        and one.network.startswith(search.mcc)
        and (not search.mnc or one.network[3:] == search.mnc)
        and (not search.bulk_ids or one.bulk_id in search.bulk_ids)
        and (not search.ids or str(one.id) in search.ids or one.client_id in search.ids)
    ]
    return [id for _, id in sorted(found, reverse=True)][: search.limit]


def a_search(chance: random.Random, span: float) -> Search:
    def maybe(value: Any, otherwise: Any = None, odds: float = 0.3) -> Any:
        return value if chance.random() < odds else otherwise

    network = chance.choice(NETWORKS[1:])
    return Search(
        1,
        maybe(milli(-chance.random() * span), 0),
        maybe(milli(-chance.random() * span / 2), LATEST),
        chance.choice((1, 3, 10, 50, 1000)),
        maybe(chance.choice(SOURCES)),
        maybe(f"38591{chance.randrange(31)}"),
        maybe(chance.choice((("a",), ("a", "b"), ("c",))), (), 0.15),
        maybe(tuple(chance.choice((f"{id}", f"mine-{id}")) for id in range(1, 300)), (), 0.15),
        maybe(chance.randrange(6)),
        maybe(network[:3], "", 0.4),
        maybe(network[3:], "", 0.3),
    )


@pytest.mark.parametrize(("count", "span"), [(600, 2 * HOUR), (600, 47 * HOUR), (60, 300.0)])
async def test_a_page_has_what_a_look_at_everything_finds(
    database: Database, engine: Engine, count: int, span: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_logs, "FIRST_SLOTS", 2)
    monkeypatch.setattr(store_logs, "MOST_SLOTS", 16)
    made, ends = some_messages(count, span)
    await store(engine, made, ends)
    logs, chance = Logs(engine), random.Random(17)
    for _ in range(250):
        search = a_search(chance, span)
        page = await logs.page(search)
        assert [logged.message.id for logged in page] == expected(made, ends, search), search


async def test_messages_of_one_slot_and_of_one_moment_are_in_order(engine: Engine) -> None:
    made = [message(id, due_at=NOON + id // 3 * 0.001) for id in range(1, 40)]
    await store(engine, made, {})
    page = await Logs(engine).page(Search(1, 0, LATEST, 10))
    assert [logged.message.id for logged in page] == list(range(39, 29, -1))
    assert page[0].log_at == milli(0.013)
    before = await Logs(engine).page(Search(1, 0, milli(0.010), 4))
    assert [logged.message.id for logged in before] == [32, 31, 30, 29]


async def test_a_slot_whose_newest_are_too_late_does_not_hide_older_ones(engine: Engine) -> None:
    await store(engine, [message(id, due_at=NOON - id) for id in range(1, 100)], {})
    page = await Logs(engine).page(Search(1, milli(-90), milli(-30), 70))
    assert [logged.message.id for logged in page] == list(range(30, 91))


async def test_a_message_keeps_its_place_when_it_is_tried_again_or_was_gathered(engine: Engine) -> None:
    one = message(1, state=State.GATHERING)
    one.network = "21910"
    await store(engine, [one], {})
    await engine.write(Call(GATHERED, [(1, int(State.QUEUED), 2, 1, '[1,1,1,1,"",0,0,0,1,""]', 0)]))
    ((logged, at),) = await Logs(engine).page(Search(1, 0, LATEST, 10, group=PENDING_GROUP))
    assert (logged.state, logged.segments, logged.network, at) == (State.QUEUED, 2, "21910", milli(0))


def test_the_store_knows_the_group_of_each_final_status() -> None:
    import sqlite3

    cursor = sqlite3.connect(":memory:")
    for status in STATUSES.values():
        if status.group_id > PENDING_GROUP:
            sql = f"SELECT {store_logs.STATUS_GROUP} FROM (SELECT {status.id} AS status) AS r"
            assert cursor.execute(sql).fetchone() == (status.group_id,), status
    cursor.close()


@pytest.mark.parametrize("time", [1_767_323_045.123, 1_767_323_045.25, 1_800_000_000.999, 1.001])
def test_milliseconds_are_those_that_answers_show(time: float) -> None:
    from smsd.http_api.dates import read_date, write_date

    assert milliseconds(read_date(write_date(time))) == milliseconds(time)
    assert write_date(milliseconds(time) / 1000) == write_date(time)


def received(id: int, at: float, **fields: Any) -> Received:
    original = Original("", 1, 1, "41793026727", 1, 1, "1337", 0, 0, 0, 0, 0, b"hello")
    one = Received(
        id, 1, 1, ReceivedState.DONE, "41793026727", "1337", "", "hello", 1, NOON + at, NOON, original
    )
    return replace(one, **fields)


@pytest_twisted.async_yield_fixture
async def inbox(engine: Engine) -> AsyncIterator[ReceivedLogs]:

    rows = [
        received(1, -50),
        received(2, -40, keyword="STOP"),
        received(3, -30, destination="1338"),
        received(4, -20, destination="1338", keyword="STOP", state=ReceivedState.INBOX, done_at=None),
        received(5, -10, account_id=2),
        received(6, -9, state=ReceivedState.JOINED),
        received(7, -8, state=ReceivedState.SEGMENT, account_id=0, done_at=None),
    ]
    await engine.write(Call(ARRIVED, [received_row(one) for one in rows]))
    yield ReceivedLogs(engine)


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({}, [4, 3, 2, 1]),
        ({"limit": 2}, [4, 3]),
        ({"destination": "1338"}, [4, 3]),
        ({"keyword": "STOP"}, [4, 2]),
        ({"keyword": ""}, [3, 1]),
        ({"keyword": "STOP", "destination": "1337"}, [2]),
        ({"since": NOON - 40, "until": NOON - 30}, [3, 2]),
        ({"account_id": 2}, [5]),
        ({"account_id": 3}, []),
    ],
)
async def test_a_page_of_received_messages(
    inbox: ReceivedLogs, fields: dict[str, Any], ids: list[int]
) -> None:
    search = replace(ReceivedSearch(1, 0.0, NOON, 50), **fields)
    assert [one.id for one in await inbox.page(search)] == ids
    assert ReceivedState.SEGMENT not in SHOWN


async def test_messages_of_an_older_schema_come_into_the_log(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = versions()
    with monkeypatch.context() as before:
        before.setattr("smsd.store.schema.versions", lambda: {1: every[1]})
        database.engine().prepare(NOON, exclusive=False)
    columns = (
        "id, account_id, state, priority, source, destination, segments, accepted_at, due_at, expires_at,"
        " attempts, status, report, price, content"
    )
    content = '[1,1,1,1,"",0,0,0,1,"aGVsbG8="]'
    for id, state, due_at, status in ((1, 4, NOON, 29), (2, 4, NOON, 11), (3, 1, NOON + HOUR, 0)):
        database.execute(
            f"INSERT INTO message ({columns}) VALUES ({id}, 1, {state}, 0, 'a', '385', 1, {NOON}, {due_at},"
            f" {NOON}, 0, {status}, 0, '0', '{content}')"
        )
    engine = database.engine()
    engine.prepare(NOON, exclusive=False)
    await engine.open()
    logs = Logs(engine)
    page = await logs.page(Search(1, 0, LATEST, 10, source="a"))
    assert [(one.message.id, one.log_at) for one in page] == [
        (3, milli(HOUR)),
        (2, milli(0)),
        (1, milli(0)),
    ]
    for group, ids in ((1, [3]), (4, [1]), (5, [2])):
        page = await logs.page(Search(1, 0, LATEST, 10, group=group))
        assert [one.message.id for one in page] == ids
    await engine.close()

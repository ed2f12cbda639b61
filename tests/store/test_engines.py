"""What holds of both engines."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, gatherResults

from smsd.store.engine import (
    Call,
    Engine,
    NodeAlreadyRunning,
    Query,
    Row,
    StoreRefused,
    StoreUnavailable,
)
from tests.stores import NOON, Changes, Database

ADD = Query(
    "INSERT INTO fragment (message_id, number, body) SELECT message_id, number, body FROM {rows} AS r"
    " WHERE true ON CONFLICT (message_id, number) DO NOTHING RETURNING message_id",
    "message_id bigint, number int, body text",
)
STRICTLY = Query(
    "INSERT INTO fragment (message_id, number, body) SELECT message_id, number, body FROM {rows} AS r",
    "message_id bigint, number int, body text",
)
ALL = Query("SELECT message_id, number, body FROM fragment ORDER BY message_id, number")
COUNT = Query("SELECT count(*) FROM fragment")
CHANNEL = Query(
    "INSERT INTO channel (name, kind, enabled, alphabets, options) VALUES (?, ?, ?, 'gsm7', ?) RETURNING id"
)


async def test_what_is_written_can_be_read(engine: Engine) -> None:
    assert await engine.write(Call(ADD, [(1, 1, "a"), (1, 2, "b")])) == [[(1,), (1,)]]
    assert await engine.read(Call(ALL)) == [(1, 1, "a"), (1, 2, "b")]


async def test_every_kind_of_value_comes_back_unchanged(engine: Engine) -> None:
    word = "Žâ€\u2028😀 'quoted' \"twice\" \\ %s ? {rows} \t\n"
    largest = 2**63 - 1
    row = (largest, 1, 2, 1, 0, None, word, "1", 1, 1.1, 1e-9, NOON + 0.1, None, 0, 0, "0.000001", "[]")
    query = Query(
        "INSERT INTO message (id, account_id, channel_id, state, priority, bulk_id, source, destination,"
        " segments, accepted_at, due_at, expires_at, done_at, status, report, price, content)"
        " SELECT id, account_id, channel_id, state, priority, bulk_id, source, destination, segments,"
        " accepted_at, due_at, expires_at, done_at, status, report, price, content FROM {rows} AS r"
        " WHERE true RETURNING id, account_id, channel_id, state, priority, bulk_id, source, destination,"
        " segments, accepted_at, due_at, expires_at, done_at, status, report, price, content",
        "id bigint, account_id bigint, channel_id bigint, state smallint, priority smallint, bulk_id text,"
        " source text, destination text, segments int, accepted_at float8, due_at float8, expires_at float8,"
        " done_at float8, status smallint, report smallint, price text, content text",
    )
    assert await engine.write(Call(query, [row])) == [[row]]
    assert await engine.read(Call(Query("SELECT source, id FROM message WHERE source = ?"), (word,))) == [
        (word, largest)
    ]


async def test_a_batch_of_no_rows_changes_nothing(engine: Engine) -> None:
    assert await engine.write(Call(ADD, [])) == [[]]
    assert await engine.write(Call(ADD, []), Call(ADD, [(1, 1, "a")])) == [[], [(1,)]]


async def test_a_transaction_of_no_calls_is_made(engine: Engine) -> None:
    assert await engine.write() == []


async def test_a_batch_beyond_what_one_statement_can_hold_is_one_transaction(engine: Engine) -> None:
    rows: list[Row] = [(number, 1, "x") for number in range(25_000)]
    assert await engine.write(Call(ADD, rows)) == [[(number,) for number in range(25_000)]]
    with pytest.raises(StoreRefused):
        await engine.write(Call(STRICTLY, [(number, 2, "x") for number in range(25_000)] + [(7, 2, "x")]))
    assert await engine.read(Call(COUNT)) == [(25_000,)]


async def test_a_batch_can_be_read_with(engine: Engine) -> None:
    await engine.write(Call(ADD, [(number, 1, str(number)) for number in range(10)]))
    query = Query(
        "SELECT f.body FROM {rows} AS r JOIN fragment f ON f.message_id = r.id ORDER BY r.id", "id bigint"
    )
    assert await engine.read(Call(query, [(7,), (3,), (99,)])) == [("3",), ("7",)]
    assert await engine.read(Call(query, [])) == []


async def test_calls_of_one_transaction_see_each_other_and_give_their_own_rows(engine: Engine) -> None:
    results = await engine.write(
        Call(ADD, [(1, 1, "a")]),
        Call(Query("UPDATE fragment SET body = ? WHERE message_id = ? RETURNING body"), ("b", 1)),
        Call(Query("DELETE FROM fragment WHERE number = ?"), (2,)),
    )
    assert results == [[(1,)], [("b",)], []]


async def test_a_refused_call_undoes_the_whole_transaction(engine: Engine) -> None:
    with pytest.raises(StoreRefused):
        await engine.write(Call(ADD, [(1, 1, "a")]), Call(STRICTLY, [(2, 1, "b"), (2, 1, "c")]))
    assert await engine.read(Call(COUNT)) == [(0,)]
    await engine.write(Call(ADD, [(3, 1, "d")]), Call(COUNT))
    assert await engine.read(Call(COUNT)) == [(1,)]


async def test_a_second_row_of_a_unique_name_is_refused(engine: Engine) -> None:
    await engine.write(Call(CHANNEL, ("a", "smpp", 1, "{}")))
    with pytest.raises(StoreRefused):
        await engine.write(Call(CHANNEL, ("a", "smpp", 1, "{}")))


async def test_a_row_without_what_it_must_have_is_refused(engine: Engine) -> None:
    with pytest.raises(StoreRefused):
        await engine.write(Call(ADD, [(1, 1, None)]))


async def test_a_row_that_others_refer_to_stays(engine: Engine) -> None:
    [[(number,)]] = await engine.write(Call(CHANNEL, ("a", "smpp", 1, "{}")))
    route = Query("INSERT INTO route (code, prefix, channel_id, price) VALUES ('', ?, ?, ?)")
    await engine.write(Call(route, ("385", number, "0")))
    with pytest.raises(StoreRefused):
        await engine.write(Call(Query("DELETE FROM channel WHERE id = ?"), (number,)))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**70])
async def test_a_number_that_no_column_holds_is_refused(engine: Engine, value: int) -> None:
    with pytest.raises(StoreRefused):
        await engine.write(Call(ADD, [(value, 1, "a")]))
    assert await engine.read(Call(COUNT)) == [(0,)]


async def test_a_lone_surrogate_is_refused(engine: Engine) -> None:
    with pytest.raises(StoreRefused):
        await engine.write(Call(ADD, [(1, 1, "\ud800")]))
    with pytest.raises(StoreRefused):
        await engine.write(Call(CHANNEL, ("\ud800", "smpp", 1, "{}")))
    assert await engine.read(Call(COUNT)) == [(0,)]


async def test_a_nul_character_is_kept_or_refused_and_harms_nothing_else(engine: Engine) -> None:
    for call in (Call(ADD, [(1, 1, "a\0b")]), Call(CHANNEL, ("a\0b", "smpp", 1, "{}"))):
        try:
            await engine.write(call)
        except StoreRefused:
            assert await engine.read(Call(COUNT)) == [(0,)]
        else:
            assert await engine.read(Call(ALL)) == [(1, 1, "a\0b")]
    await engine.write(Call(ADD, [(2, 1, "c")]))


async def test_calls_of_many_callers_are_all_made(engine: Engine) -> None:
    writes = [Deferred.fromCoroutine(engine.write(Call(ADD, [(number, 1, "x")]))) for number in range(50)]
    reads = [Deferred.fromCoroutine(engine.read(Call(COUNT))) for _ in range(50)]
    await gatherResults(writes)
    await gatherResults(reads)
    assert await engine.read(Call(COUNT)) == [(50,)]


async def test_what_was_written_is_there_for_the_next_engine(database: Database) -> None:
    for expected in (0, 1):
        engine = database.engine()
        engine.prepare(NOON, exclusive=True)
        await engine.open()
        assert await engine.read(Call(COUNT)) == [(expected,)]
        await engine.write(Call(ADD, [(expected, 1, "x")]))
        await engine.close()


async def test_a_closed_database_is_unavailable(database: Database) -> None:
    engine = database.engine()
    engine.prepare(NOON, exclusive=False)
    for closed in (False, True):
        with pytest.raises(StoreUnavailable):
            await engine.read(Call(COUNT))
        with pytest.raises(StoreUnavailable):
            await engine.write(Call(ADD, [(1, 1, "x")]))
        if not closed:
            await engine.open()
            await engine.close()


async def test_closing_waits_for_what_is_under_way(database: Database) -> None:
    engine = database.engine()
    engine.prepare(NOON, exclusive=False)
    await engine.open()
    writing = Deferred.fromCoroutine(engine.write(Call(ADD, [(number, 1, "x") for number in range(5000)])))
    await engine.close()
    await writing
    assert database.execute("SELECT count(*) FROM fragment") == [(5000,)]


async def test_a_database_can_be_closed_twice_or_without_being_open(database: Database) -> None:
    engine = database.engine()
    await engine.close()
    engine.prepare(NOON, exclusive=True)
    await engine.open()
    await engine.close()
    await engine.close()


async def test_an_announcement_reaches_every_engine(engine: Engine, database: Database) -> None:
    other = database.engine()
    await other.open()
    here, there = Changes(), Changes()
    engine.watch(here)
    other.watch(there)
    for number in range(2):
        for one in (engine, other):
            await one.read(Call(COUNT))  # The watching has begun.
        await other.write(Call(CHANNEL, (f"name {number}", "smpp", 1, "{}")), announce=True)
        await here.one()
        await there.one()
    await other.close()


async def test_a_refused_change_is_not_announced_and_others_are_not_either(
    engine: Engine, database: Database
) -> None:
    changes = Changes()
    await engine.write(Call(CHANNEL, ("a", "smpp", 1, "{}")))
    engine.watch(changes)
    await engine.read(Call(COUNT))
    with pytest.raises(StoreRefused):
        await engine.write(Call(CHANNEL, ("a", "smpp", 1, "{}")), announce=True)
    await engine.write(Call(CHANNEL, ("b", "smpp", 1, "{}")))
    await engine.write(Call(CHANNEL, ("c", "smpp", 1, "{}")), announce=True)
    await changes.one()
    assert changes.count == 1


async def test_only_one_node_has_a_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsd.store.postgres.PATIENCE", 0.1)
    first = database.engine()
    first.prepare(NOON, exclusive=True)
    await first.open()
    with pytest.raises(NodeAlreadyRunning, match="Another smsd"):
        database.engine().prepare(NOON, exclusive=True)
    # Others that are no node may come in.
    command = database.engine()
    command.prepare(NOON, exclusive=False)
    await command.open()
    assert await command.read(Call(COUNT)) == [(0,)]
    await command.close()
    await first.close()
    second = database.engine()
    second.prepare(NOON, exclusive=True)
    await second.open()
    await second.close()


def test_a_database_that_is_not_there_is_unavailable(database: Database) -> None:
    if hasattr(database, "path"):
        database.path.mkdir()
    else:
        database.url += "_that_nobody_made"  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable, match="can't be used"):
        database.engine().prepare(NOON, exclusive=False)


async def test_opening_a_database_that_is_not_there_says_so(database: Database) -> None:
    if hasattr(database, "path"):
        database.path.mkdir()
    else:
        database.url += "_that_nobody_made"  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable):
        await database.engine().open()

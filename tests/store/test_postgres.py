from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg2
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from smsd.store.engine import Call, Engine, NodeAlreadyRunning, Query, StoreUnavailable
from smsd.store.postgres import CHANNEL, NODE_LOCK
from tests.stores import NOON, Changes, PostgresDatabase

ADD = Query("INSERT INTO fragment (message_id, number, body) VALUES (?, 1, 'x')")
COUNT = Query("SELECT count(*) FROM fragment")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsd.store.postgres.EAGER", 0.01)
    monkeypatch.setattr("smsd.store.postgres.PATIENCE", 0.05)


@pytest_twisted.async_yield_fixture
async def node(postgresql: PostgresDatabase) -> AsyncIterator[Engine]:
    engine = postgresql.engine()
    engine.prepare(NOON, exclusive=True)
    await engine.open()
    yield engine
    await engine.close()


async def until_it_works(engine: Engine) -> None:
    """Call again as the journal does, at pauses."""
    for _ in range(500):
        try:
            await engine.write(Call(COUNT))
            await engine.read(Call(COUNT))
            return
        except StoreUnavailable:
            await deferLater(reactor, 0.01)
    raise AssertionError("It did not come back.")


async def test_a_lost_connection_makes_it_unavailable_until_it_is_there_again(
    node: Engine, postgresql: PostgresDatabase
) -> None:
    await node.write(Call(ADD, (1,)))
    for number in (2, 3):
        postgresql.kill_connections()
        with pytest.raises(StoreUnavailable):
            await node.write(Call(ADD, (number,)))
        await until_it_works(node)
        await node.write(Call(ADD, (number,)))
        assert await node.read(Call(COUNT)) == [(number,)]


async def test_a_connection_lost_between_calls_comes_back_without_being_asked(
    node: Engine, postgresql: PostgresDatabase
) -> None:
    changes = Changes()
    node.watch(changes)
    postgresql.kill_connections()
    # A new connection may have missed an announcement, so it counts as one.
    await changes.one()


async def test_announcements_are_heard_again_after_a_lost_connection(
    node: Engine, postgresql: PostgresDatabase
) -> None:
    postgresql.kill_connections()
    with pytest.raises(StoreUnavailable):
        await node.read(Call(COUNT))
    await until_it_works(node)
    changes = Changes()
    node.watch(changes)
    postgresql.execute("NOTIFY smsd_settings")
    await changes.one()


async def test_a_transaction_whose_connection_is_lost_is_undone(
    node: Engine, postgresql: PostgresDatabase, logged_failures: list[type[BaseException]]
) -> None:
    # txpostgres logs that it could not roll back.
    logged_failures.append(psycopg2.InterfaceError)
    killing = Query("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(StoreUnavailable):
        await node.write(Call(ADD, (1,)), Call(killing), Call(ADD, (2,)))
    await until_it_works(node)
    assert await node.read(Call(COUNT)) == [(0,)]


async def test_a_statement_that_takes_too_long_is_unavailable(node: Engine) -> None:
    await node.write(Call(Query("SET statement_timeout = 20")))
    with pytest.raises(StoreUnavailable, match="too long"):
        await node.write(Call(Query("SELECT pg_sleep(5)")))
    await node.write(Call(ADD, (1,)))


async def test_a_server_that_can_only_read_is_unavailable(node: Engine) -> None:
    await node.write(Call(Query("SET default_transaction_read_only = on")))
    with pytest.raises(StoreUnavailable, match="read-only"):
        await node.write(Call(ADD, (1,)))
    await node.write(Call(Query("SET default_transaction_read_only = off")))
    await node.write(Call(ADD, (1,)))


async def test_a_node_that_comes_back_to_a_database_another_has_taken_is_told_and_writes_no_more(
    node: Engine, postgresql: PostgresDatabase
) -> None:
    taken: Deferred[None] = Deferred()
    node.guard(lambda: taken.callback(None))
    with postgresql.connection() as other:
        cursor = other.cursor()
        postgresql.kill_connections()
        cursor.execute("SELECT pg_advisory_lock(%s)", (NODE_LOCK,))
        await taken
        cursor.execute("SELECT pg_advisory_unlock(%s)", (NODE_LOCK,))
        with pytest.raises(StoreUnavailable):
            await node.write(Call(ADD, (1,)))


async def test_opening_fails_when_another_node_has_taken_the_database_meanwhile(
    postgresql: PostgresDatabase,
) -> None:
    first, second = postgresql.engine(), postgresql.engine()
    for engine in (first, second):
        engine.prepare(NOON, exclusive=True)
    await first.open()
    with pytest.raises(NodeAlreadyRunning):
        await second.open()
    await second.close()
    await first.close()


async def test_closing_ends_every_connection(postgresql: PostgresDatabase) -> None:
    connections = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'smsd'"
    )
    engine = postgresql.engine()
    engine.prepare(NOON, exclusive=False)
    await engine.open()
    assert postgresql.execute(connections) == [(2,)]
    await engine.close()
    for _ in range(500):
        if postgresql.execute(connections) == [(0,)]:
            return
        await deferLater(reactor, 0.01)
    raise AssertionError("Connections stay.")


async def test_closing_ends_the_attempts_to_connect_again(postgresql: PostgresDatabase) -> None:
    engine = postgresql.engine()
    engine.prepare(NOON, exclusive=False)
    await engine.open()
    postgresql.kill_connections()
    with pytest.raises(StoreUnavailable):
        await engine.write(Call(ADD, (1,)))
    await engine.close()


def test_a_user_who_may_not_make_tables_is_told_so(postgresql: PostgresDatabase) -> None:
    postgresql.execute("CREATE ROLE somebody LOGIN")
    try:
        postgresql.url = postgresql.url.replace("//postgres", "//somebody")
        with pytest.raises(StoreUnavailable, match="permission denied"):
            postgresql.engine().prepare(NOON, exclusive=False)
    finally:
        postgresql.url = postgresql.url.replace("//somebody", "//postgres")
        postgresql.execute("DROP ROLE somebody")


async def test_an_announcement_that_comes_right_behind_an_answer_is_heard(
    node: Engine, postgresql: PostgresDatabase
) -> None:
    changes = Changes()
    node.watch(changes)
    reading = Deferred.fromCoroutine(node.read(Call(COUNT)))
    # The reactor has no turn until the server has sent both.
    postgresql.execute("SELECT pg_sleep(0.1)")
    postgresql.execute(f"NOTIFY {CHANNEL}")
    postgresql.execute("SELECT pg_sleep(0.1)")
    assert await reading == [(0,)]
    await changes.one()

"""How SQLite finds rows: what is asked often must not go through the whole table."""

import re
import sqlite3
from pathlib import Path

import pytest

from smsd.store import links, messages, received
from smsd.store.engine import Query
from smsd.store.links import Which
from smsd.store.messages import named
from smsd.store.schema import upgrade
from smsd.store.sqlite import PHRASES

OFTEN = ("NEWEST", "QUEUES", "QUEUED", "OWED", "FETCH", "DUE", "EXPIRED", "GATHERING")


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "smsd.db", isolation_level=None)
    upgrade(connection.cursor(), "?", PHRASES, 0.0)
    return connection


@pytest.mark.parametrize("name", OFTEN)
def test_a_query_that_is_asked_often_uses_an_index(connection: sqlite3.Connection, name: str) -> None:
    query: Query = getattr(messages, name)
    values = [0] * query.sql.count("?")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", values)]
    tables = [step for step in plan if "message" in step]
    assert tables
    assert all("INDEX" in step or "PRIMARY KEY" in step or step == "SEARCH message" for step in tables), plan


@pytest.mark.parametrize("name", ["NEWEST", "OWED", "FETCH", "SEGMENTS", "JOINED_SINCE"])
def test_so_does_one_about_received_messages(connection: sqlite3.Connection, name: str) -> None:
    query: Query = getattr(received, name)
    values = [0] * query.sql.count("?")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", values)]
    tables = [step for step in plan if "received" in step]
    assert tables
    assert all("INDEX" in step or "PRIMARY KEY" in step or step == "SEARCH received" for step in tables), plan
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize(
    "which", [Which(), Which(bulk_ids=["b"]), Which(message_ids=["1", "mine"]), Which(types=["A"], since=1)]
)
@pytest.mark.parametrize("query", [links.CLICKS, links.CLICKS_OF, links.RATES])
def test_so_does_one_about_clicks_and_their_rates(
    connection: sqlite3.Connection, query: Query, which: Which
) -> None:
    condition, values = which.messages(1)
    time, times = which.time("sent_at" if query is links.RATES else "c.clicked_at")
    kinds, wanted = which.kinds("t.")
    if query is links.CLICKS:
        values = [1, *wanted]
    sql = query.sql.format(which=condition, kinds=kinds, time=time)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (*values, *times, 10))]
    assert [step for step in plan if step.startswith("SEARCH")]
    assert not any(re.match(r"SCAN (c|t|l|click|tracked|link)\b", step) for step in plan), plan
    if query is links.CLICKS:
        assert not any("TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize(
    "name", ["NEWEST", "FIND", "CONVERT", "REMOVE", "COUNTED", "CLICK", "DELIVERED", "UNTRACKED"]
)
def test_so_do_those_that_follow_a_link(connection: sqlite3.Connection, name: str) -> None:
    query: Query = getattr(links, name)
    condition, _ = named(["1", "mine"], "message_id")
    columns = ", ".join(f"0 AS {column}" for column, _ in query.column_list()) if query.columns else "0"
    sql = query.sql.replace("{rows}", f"(SELECT {columns})").replace("{named}", condition)
    values = [0] * sql.count("?")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert [step for step in plan if "INDEX" in step or "PRIMARY KEY" in step or step == "SEARCH click"], plan
    assert not any(re.match(r"SCAN (c|t|l|click|tracked|link|message)\b", step) for step in plan), plan

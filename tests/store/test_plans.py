"""How SQLite finds rows: what is asked often must not go through the whole table."""

import sqlite3
from pathlib import Path

import pytest

from smsd.store import messages, pushes, received
from smsd.store.engine import Query
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


@pytest.mark.parametrize("name", ["DUE", "AGAIN", "LANES"])
def test_so_does_one_about_pushes(connection: sqlite3.Connection, name: str) -> None:
    query: Query = getattr(pushes, name)
    values = [0] * query.sql.count("?")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", values)]
    tables = [step for step in plan if "push" in step or "first" in step]
    assert tables
    assert all(step.startswith("SEARCH") and ("INDEX" in step or "PRIMARY KEY" in step) for step in tables), (
        plan
    )
    assert name != "DUE" or not any("TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize(
    "name", ["CLAIM_REPORTS", "CLAIM_RECEIVED", "PUSH", "PUSHED", "LATER", "MAY_FETCH", "GIVEN_UP"]
)
def test_so_does_a_change_of_pushes(connection: sqlite3.Connection, name: str) -> None:
    query: Query = getattr(pushes, name)
    names = [column for column, _ in query.column_list()]
    values = ", ".join(f"column{number} AS {one}" for number, one in enumerate(names, 1))
    rows = f"(SELECT {values} FROM (VALUES ({','.join('0' * len(names))})))"
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query.sql.replace('{rows}', rows)}")]
    tables = [step for step in plan if any(table in step for table in ("message", "received", "push"))]
    assert all(step.startswith("SEARCH") for step in tables), plan
    assert tables

"""Fixtures of all tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import capturedLogs

from tests.stores import Database, PostgresDatabase, PostgresServer, SqliteDatabase


@pytest.fixture(scope="session", autouse=True)
def _old_objects_are_not_searched() -> None:
    """Leave what exists before the first test out of each test's garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def logged_failures() -> Iterator[list[type[BaseException]]]:
    """Fail a test that logs a failure it did not append to this list."""
    expected: list[type[BaseException]] = []
    with capturedLogs() as events:
        yield expected
        gc.collect(1)  # A failure nobody handled is logged when it is collected.
    # What still logs by twisted.python.log calls it "failure".
    names = [("log_failure", event) for event in events if "log_failure" in event]
    names += [("failure", event) for event in events if event.get("isError") and "failure" in event]
    failures = [event[name] for name, event in names]
    assert [failure.type for failure in failures] == expected, "\n".join(
        failure.getTraceback() for failure in failures
    )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def sqlite(tmp_path: Path) -> SqliteDatabase:
    """A new SQLite database, without a schema yet."""
    return SqliteDatabase(tmp_path)


@pytest.fixture
def postgresql(postgres_server: PostgresServer) -> PostgresDatabase:
    """A new PostgreSQL database, without a schema yet."""
    return PostgresDatabase(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A new database of each kind, without a schema yet."""
    found: Database = request.getfixturevalue(request.param)
    return found

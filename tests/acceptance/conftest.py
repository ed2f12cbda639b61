"""Fixtures of the acceptance tests: databases, and a stage for processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.acceptance.postgres import Postgres
from tests.acceptance.processes import Node, Stage


class Database:
    """A new, empty database; the tests look into it beside the node."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite:")

    def run(self, node: Node, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement on the node's database; return its rows."""
        if self.is_sqlite:
            path: Path = node.state / self.url.partition(":")[2]
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                return connection.execute(sql).fetchall()
        with closing(psycopg2.connect(self.url)) as server, server, server.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for all tests that leave it running."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database of each kind in turn."""
    if request.param == "sqlite":
        return Database("sqlite:smsd.db")
    server: Postgres = request.getfixturevalue("postgres")
    return Database(server.database())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Where a test starts its processes; a mistake that a node has logged fails the test."""
    stage = Stage(tmp_path)
    yield stage
    wrong = stage.end()
    assert not wrong, "\n".join(wrong)

import re
import sqlite3

import pytest

from smsd.store.engine import SchemaTooNew, StoreUnavailable
from smsd.store.schema import upgrade, versions
from smsd.store.sqlite import PHRASES
from tests.stores import NOON, Database, SqliteDatabase


def test_a_new_database_gets_every_version_in_order(database: Database) -> None:
    database.engine().prepare(NOON, exclusive=False)
    applied = database.execute("SELECT number, applied_at FROM schema_version ORDER BY number")
    assert applied == [(number, NOON) for number in sorted(versions())]


def test_a_new_database_has_the_tables_and_they_are_empty(database: Database) -> None:
    database.engine().prepare(NOON, exclusive=False)
    for table in ("account", "channel", "route", "message", "segment", "fragment"):
        assert database.execute(f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_database_that_is_up_to_date_is_left_as_it_is(database: Database) -> None:
    database.engine().prepare(NOON, exclusive=False)
    database.execute(
        "INSERT INTO channel (name, kind, enabled, alphabets, options) VALUES ('a', 'smpp', 1, 'gsm7', '{}')"
    )
    before = database.execute("SELECT * FROM schema_version")
    database.engine().prepare(NOON + 100, exclusive=False)
    assert database.execute("SELECT * FROM schema_version") == before
    assert database.execute("SELECT name FROM channel") == [("a",)]


def test_a_newer_schema_is_refused_in_a_sentence_that_says_what_to_do(database: Database) -> None:
    database.engine().prepare(NOON, exclusive=False)
    database.execute("INSERT INTO schema_version VALUES (9999, 0)")
    expected = (
        "The database has schema version 9999, but this smsd knows versions up to"
        f" {max(versions())}: start a newer smsd, or restore a backup made before the upgrade."
    )
    with pytest.raises(SchemaTooNew, match=re.escape(expected)):
        database.engine().prepare(NOON, exclusive=False)


def test_an_upgrade_that_fails_changes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "CREATE TABLE one (id {id});\nCREATE TABLE one (id {id});\n"
    monkeypatch.setattr("smsd.store.schema.versions", lambda: {1: script})
    with pytest.raises(StoreUnavailable):
        database.engine().prepare(NOON, exclusive=False)
    for table in ("one", "schema_version"):
        with pytest.raises(Exception, match=rf"(no such table: |relation \"){table}"):
            database.execute(f"SELECT * FROM {table}")


def test_only_the_versions_that_are_missing_are_applied(
    sqlite: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = {1: "CREATE TABLE one (id {id});\n"}
    monkeypatch.setattr("smsd.store.schema.versions", lambda: scripts)
    sqlite.engine().prepare(NOON, exclusive=False)
    scripts[2] = "CREATE TABLE two (id {id});\n"
    sqlite.engine().prepare(NOON + 1, exclusive=False)
    assert sqlite.execute("SELECT * FROM schema_version") == [(1, NOON), (2, NOON + 1)]
    assert sqlite.execute("SELECT count(*) FROM two") == [(0,)]


def test_a_semicolon_in_a_comment_or_a_string_ends_no_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "-- one; two\nCREATE TABLE one (id {id}, -- its id; given\n  word TEXT DEFAULT ';'\n);\n"
    monkeypatch.setattr("smsd.store.schema.versions", lambda: {1: script})
    connection = sqlite3.connect(":memory:")
    upgrade(connection.cursor(), "?", PHRASES, NOON)
    connection.execute("INSERT INTO one (id) VALUES (1)")
    assert connection.execute("SELECT * FROM one").fetchall() == [(1, ";")]
    connection.close()


def test_versions_are_numbered_without_gaps() -> None:
    assert sorted(versions()) == list(range(1, len(versions()) + 1))


def test_a_database_from_before_the_ledger_begins_it_with_what_there_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = versions()
    before = {number: script for number, script in known.items() if number < 9}
    monkeypatch.setattr("smsd.store.schema.versions", lambda: before)
    database.engine().prepare(NOON, exclusive=False)
    database.execute("INSERT INTO credit (account_id, micros) VALUES (1, 500)")
    columns = (
        "id, account_id, state, priority, source, destination, segments, accepted_at, due_at, expires_at,"
        " status, status_group, report, price, content"
    )
    for id, account_id, state, segments, group, price in (
        (1, 1, 2, 2, 1, "0.01"),
        (2, 2, 4, 3, 3, "0.000001"),
        (3, 2, 1, 1, 1, "12.5"),
        (4, 2, 4, 1, 5, "12.5"),  # Refused.
        (5, 2, 0, 2, 1, "12.5"),  # Not whole yet.
        (6, 3, 2, 1, 1, "0"),
    ):
        database.execute(
            f"INSERT INTO message ({columns}) VALUES ({id}, {account_id}, {state}, 0, '', '', {segments},"
            f" 0, 0, 0, 0, {group}, 0, '{price}', '[]')"
        )
    monkeypatch.setattr("smsd.store.schema.versions", lambda: known)
    database.engine().prepare(NOON, exclusive=False)
    charged = database.execute("SELECT id, charged FROM message ORDER BY id")
    assert charged == [(1, 20_000), (2, 3), (3, 12_500_000), (4, 0), (5, 0), (6, 0)]
    balances = database.execute("SELECT account_id, micros, bound FROM credit ORDER BY account_id")
    assert balances == [(1, 500, 0), (2, -12_500_003, None)]
    entered = database.execute("SELECT account_id, kind, micros, balance FROM ledger ORDER BY account_id")
    assert entered == [(1, 5, 500, 500), (2, 5, -12_500_003, -12_500_003)]

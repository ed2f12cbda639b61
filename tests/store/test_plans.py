"""How SQLite finds rows: what is asked often must not go through the whole table."""

import re
import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest

from smsd.store import (
    approvals,
    bulks,
    credit,
    links,
    lists,
    logs,
    lookup_known,
    lookups,
    messages,
    pushes,
    received,
    received_logs,
    retention,
    subscribers,
)
from smsd.store.engine import Call, Query, Row
from smsd.store.links import Which
from smsd.store.messages import named
from smsd.store.schema import upgrade
from smsd.store.sqlite import PHRASES
from tests.stores import result

OFTEN = ("NEWEST", "QUEUES", "QUEUED", "QUEUED_AFTER", "OWED", "FETCH", "DUE", "EXPIRED", "GATHERING")


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


def test_so_do_those_for_what_is_pushed_again(connection: sqlite3.Connection) -> None:
    by_name = messages.FINAL_NAMED.sql.format(named=named(["1", "mine"])[0])
    for sql in (by_name, messages.FINAL_OF_BULK.sql, messages.FINAL_IDS.sql):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?"))]
        assert [step for step in plan if step.startswith("SEARCH message")], plan
        assert not any(step.startswith("SCAN message") for step in plan), plan


@pytest.mark.parametrize("name", ["CHARGED", "ENTERED", "UNCHARGED", "LEFT_OF", "BALANCE", "LEDGER", "ENTER"])
def test_so_do_those_that_change_balances(connection: sqlite3.Connection, name: str) -> None:
    query: Query = getattr(credit, name)
    columns = ", ".join(f"0 AS {column}" for column, _ in query.column_list()) if query.columns else "0"
    sql = query.sql.replace("{rows}", f"(SELECT {columns})")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?"))]
    assert not any(re.match(r"SCAN (m|message|segment|credit|ledger)\b", step) for step in plan), plan


class Explaining:
    """An engine that keeps the plan of each query, and whose slots all have a message."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.plans: list[list[str]] = []

    async def read(self, call: Call) -> list[Row]:
        plan = self._connection.execute(f"EXPLAIN QUERY PLAN {call.query.sql}", list(call.values))
        self.plans.append([row[3] for row in plan])
        return [(1, 1)] if "RECURSIVE" in call.query.sql else []


@pytest.mark.parametrize(
    ("fields", "index"),
    [
        ({}, " (slot=? AND account_id=?)"),
        ({"group": 4}, " (slot=? AND account_id=? AND status_group=?)"),
        ({"destination": "38591"}, "message_log_destination (slot=? AND account_id=? AND destination=?)"),
        (
            {"destination": "38591", "source": "a", "group": 3, "mcc": "219", "mnc": "10"},
            "message_log_destination (slot=? AND account_id=? AND destination=?)",
        ),
        ({"source": "a"}, "message_log_status (slot=? AND account_id=? AND status_group=? AND source=?)"),
        (
            {"source": "a", "group": 3, "mcc": "219", "mnc": "10"},
            "message_log_status (slot=? AND account_id=? AND status_group=? AND source=? AND network=?)",
        ),
        (
            {"mcc": "219", "mnc": "10"},
            "message_log_network (slot=? AND account_id=? AND status_group=? AND network=?)",
        ),
        (
            {"mcc": "219", "group": 2},
            "message_log_network (slot=? AND account_id=? AND status_group=? AND network>? AND network<?)",
        ),
        ({"group": 1}, "message_log_pending (slot=? AND account_id=?)"),
        ({"group": 1, "source": "a"}, "message_log_pending (slot=? AND account_id=? AND source=?)"),
        ({"mnc": "10"}, " (slot=? AND account_id=?)"),
        ({"bulk_ids": ("a",)}, "message_log_bulk (account_id=? AND bulk_id=? AND log_at>? AND log_at<?)"),
        ({"bulk_ids": ("a", "b")}, "message_log_bulk (account_id=? AND bulk_id=? AND log_at>? AND log_at<?)"),
        ({"ids": ("1", "mine")}, "message_client (account_id=? AND client_id=?)"),
        (
            {"ids": ("1", "mine"), "bulk_ids": ("a",), "destination": "3", "source": "a", "group": 3},
            "message_client (account_id=? AND client_id=?)",
        ),
    ],
)
def test_each_search_of_the_log_has_its_index(
    connection: sqlite3.Connection, fields: dict[str, Any], index: str
) -> None:
    explaining = Explaining(connection)
    search = logs.Search(**({"account_id": 1, "since": 0, "until": 999, "limit": 5} | fields))
    result(logs.Logs(cast(Any, explaining)).page(search))
    assert explaining.plans
    for plan in explaining.plans:
        assert any(index in step for step in plan), plan
        assert not any(step.startswith("SCAN message") for step in plan), plan


@pytest.mark.parametrize(
    ("fields", "index"),
    [
        ({}, "received_log ("),
        ({"destination": "1337"}, "received_log_destination ("),
        ({"destination": "1337", "keyword": "STOP"}, "received_log_destination ("),
        ({"keyword": "STOP"}, "received_log_keyword ("),
    ],
)
def test_so_has_each_search_of_the_log_of_received_messages(
    connection: sqlite3.Connection, fields: dict[str, Any], index: str
) -> None:
    explaining = Explaining(connection)
    search = received_logs.ReceivedSearch(1, 0.0, 1.0, 5, **fields)
    result(received_logs.ReceivedLogs(cast(Any, explaining)).page(search))
    ((step, *others),) = explaining.plans
    assert index in step
    assert [other for other in others if "received_at" not in other and "LAST TERM" not in other] == []


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("DONE", "message_done"),
        ("OWED_ACCOUNTS", "message_report_owed"),
        ("REPORTS", "message_report_owed"),
        ("RECEIVED_DONE", "received_done"),
        ("RECEIVED_OWED", "received_waiting"),
    ],
)
def test_what_is_to_be_removed_is_found_by_an_index(
    connection: sqlite3.Connection, name: str, index: str
) -> None:
    query: Query = getattr(retention, name)
    values = [0] * query.sql.count("?")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", values)]
    assert any(index in step for step in plan), plan
    assert not any(step.startswith(("SCAN message", "SCAN received", "USE TEMP")) for step in plan), plan


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (lookups.PENDING, "lookup_pending"),
        (lookups.OWED, "lookup_owed"),
        (lookups.SET_ASIDE, "lookup_owed"),
        (lookups.GIVE_UP, "INTEGER PRIMARY KEY (rowid<?)"),
        (lookups.ABOUT, "lookup_number (account_id=? AND number=?)"),
        (lookups.OLD, "INTEGER PRIMARY KEY (rowid<?)"),
        (lookups.BY_ID, "INTEGER PRIMARY KEY"),
        (lookup_known.FIND, "PRIMARY KEY (number=?)"),
        (lookup_known.OLDER, "lookup_known_age"),
        (lookup_known.BEYOND, "lookup_known_age"),
        (subscribers.FIND, "PRIMARY KEY (table_id=? AND version=? AND number=?)"),
        (subscribers.FIRST_OTHER, "PRIMARY KEY (table_id=? AND version<?)"),
        (subscribers.REMOVE, "PRIMARY KEY (table_id=? AND version=? AND number=?)"),
    ],
)
def test_so_do_those_of_lookups(connection: sqlite3.Connection, query: Query, index: str) -> None:
    columns = ", ".join(f"0 AS {column}" for column, _ in query.column_list()) if query.columns else "0"
    sql = query.sql.replace("{rows}", f"(SELECT {columns})")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?"))]
    assert any(index in step for step in plan), plan
    scans = [step for step in plan if step.startswith(("SCAN lookup", "SCAN l ", "SCAN k ", "SCAN s "))]
    assert [step for step in scans if "INDEX" not in step] == [], plan


@pytest.mark.parametrize(
    ("fields", "index"),
    [
        ({}, "lookup_log (account_id=? AND id>? AND id<?)"),
        ({"number": "385915369421"}, "lookup_number (account_id=? AND number=? AND id>? AND id<?)"),
        ({"bulk_ids": ("a",)}, "lookup_bulk (account_id=? AND bulk_id=? AND id>? AND id<?)"),
        ({"statuses": (5,), "mcc": "219", "mnc": "10"}, "lookup_log (account_id=? AND id>? AND id<?)"),
        ({"ids": (1, 2)}, "lookup_log (account_id=? AND id=?"),
    ],
)
def test_so_has_each_search_of_the_log_of_lookups(
    connection: sqlite3.Connection, fields: dict[str, Any], index: str
) -> None:
    explaining = Explaining(connection)
    result(lookups.Lookups(cast(Any, explaining)).page(lookups.Search(1, 0, 9, 5, **fields)))
    ((step, *_),) = explaining.plans
    assert index in step


def test_segments_of_messages_that_are_removed_are_found_by_an_index(connection: sqlite3.Connection) -> None:
    sql = retention.SEGMENTS.sql.replace("{rows}", "(SELECT 1 AS id)")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert any("segment_of_message" in step for step in plan), plan


@pytest.mark.parametrize(
    "name",
    [
        "STANDING",
        "UNFINISHED",
        "NEWER",
        "SCHEDULED",
        "WAITING",
        "MOVE",
        "UNMOVED",
        "RELEASE",
        "OPEN",
        "OPEN_OF",
        "FORGET",
    ],
)
def test_so_does_one_about_bulks(connection: sqlite3.Connection, name: str) -> None:
    query: Query = getattr(bulks, name)
    sql = query.sql.replace("{due}", "due_at").replace("{side}", "<")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?"))]
    tables = [step for step in plan if "message" in step or "bulk" in step]
    assert tables
    assert all("INDEX" in step or "PRIMARY KEY" in step for step in tables), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan
    if "state = " in sql:
        assert any("state=?" in step for step in plan), plan


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


@pytest.mark.parametrize("which", [approvals.Which(), approvals.Which(1), approvals.Which(1, "b")])
def test_messages_that_wait_for_approval_are_found_by_an_index(
    connection: sqlite3.Connection, which: approvals.Which
) -> None:
    condition, values = which.condition()
    for sql in (
        f"SELECT {messages.COLUMNS} FROM message WHERE {condition} ORDER BY id LIMIT 1",
        f"SELECT count(*) FROM message WHERE {condition}",
    ):
        (step, *others) = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert "message_approval (status=?" in step, step
        assert others == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (approvals.REJECTED_MESSAGES, "message_approval (status=?)"),
        (lists.CHANGED, "list_entry_changed"),
        (lists.VALUES, "PRIMARY KEY (list=? AND account_id=? AND value>?)"),
        (lists.HAS, "PRIMARY KEY (list=? AND account_id=? AND value=?)"),
        (lists.FORGET, "list_entry_gone (changed_at<?)"),
    ],
)
def test_so_are_those_that_were_rejected_and_what_is_on_lists(
    connection: sqlite3.Connection, query: Query, index: str
) -> None:
    values = [0] * query.sql.count("?")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", values)]
    assert any(index in step for step in plan), plan
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in plan), plan

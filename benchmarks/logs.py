"""Fills a database with two days' messages of one account, and times pages of their log: --help.

Each page is asked for over HTTP, first while nothing else happens, then while messages are accepted. At the
end half of the messages are removed, while others are accepted.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sqlite3
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg2

from benchmarks.common import percentiles
from benchmarks.node import Node, database

SPAN = 48 * 3600
"""Seconds that the log goes back."""
RARE = 100_000
"""One in so many messages has a rare sender, status or network."""
CONTENT = '[5,0,1,1,"",0,0,0,1,"SGVsbG8gd29ybGQsIHRoaXMgaXMgYSBtZXNzYWdlIG9mIHVzdWFsIGxlbmd0aC4=","",0,[],""]'
PAGES = 30
"""How often each page is asked for."""
LOAD = 1_000
"""Messages a second that are accepted meanwhile."""
REMOVING = 20.0
"""Seconds for which messages are accepted while others are removed."""

ROW = f"""
    SELECT (t - 1577836800000) * 4194304 + i, 1, 1, 4, 0,
        CASE WHEN i % 2 = 0 THEN 'bulk' || (i / 2000) END,
        CASE WHEN i % {RARE} = 7 THEN 'Rare' WHEN i % 50 = 3 THEN 'Second' ELSE 'Main' END,
        '3859' || (100000000 + i * 7919 % 99999989), 1, t / 1000.0, t / 1000.0, t / 1000.0 + 172800,
        t / 1000.0 + 1, t / 1000.0 + 3,
        CASE WHEN i % {RARE} = 11 THEN 29 WHEN i % 40 = 5 THEN 9 ELSE 5 END, 0, 0, '0.01', '{CONTENT}',
        CASE WHEN i % {RARE} = 13 THEN '73401' WHEN i % 3 = 0 THEN '21910' ELSE '21901' END, t, t / 300000,
        CASE WHEN i % {RARE} = 11 THEN 4 WHEN i % 40 = 5 THEN 2 ELSE 3 END
"""
COLUMNS = (
    "id, account_id, channel_id, state, priority, bulk_id, source, destination, segments, accepted_at,"
    " due_at, expires_at, sent_at, done_at, status, error, report, price, content, network, log_at,"
    " slot, status_group"
)


def fill(url: str, count: int) -> None:
    """Store so many messages, evenly over the time that the log goes back."""
    begins = int((time.time() - SPAN + 600) * 1000)
    step = (SPAN - 700) * 1000 / count
    if url.startswith("sqlite:"):
        rows = (
            f"WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1}),"
            f" r (i, t) AS (SELECT i, {begins} + CAST(i * {step} AS INTEGER) FROM n)"
        )
        with closing(sqlite3.connect(url.partition(":")[2], isolation_level=None)) as file:
            indexes = (
                "SELECT name, sql FROM sqlite_master"
                " WHERE tbl_name = 'message' AND type = 'index' AND sql IS NOT NULL"
            )
            _fill(file.execute, rows, file.execute(indexes).fetchall())
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        rows = (
            f"WITH r (i, t) AS (SELECT i, {begins} + CAST(floor(i * {step}) AS BIGINT)"
            f" FROM generate_series(CAST(0 AS BIGINT), {count - 1}) AS i)"
        )
        with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
            server.autocommit = True
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'message'"
                " AND indexname <> 'message_pkey'"
            )
            _fill(cursor.execute, rows, cursor.fetchall())
            cursor.execute("VACUUM ANALYZE message")


def _fill(execute: Callable[[str], Any], rows: str, indexes: list[tuple[str, str]]) -> None:
    """Insert the rows without the indexes, which are made again at once: that is much faster."""
    for name, _ in indexes:
        execute(f"DROP INDEX {name}")
    execute(f"INSERT INTO message ({COLUMNS}) {rows} {ROW} FROM r")
    for _, sql in indexes:
        execute(sql)


def searches(count: int) -> dict[str, dict[str, Any]]:
    """Return what is looked for, by its name in the table."""
    now = time.time()

    def at(seconds: float) -> str:
        moment = time.gmtime(now - seconds)
        return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", moment)

    destination = 3859 * 10**9 + 100000000 + (count // 3) * 7919 % 99999989
    return {
        "no filter": {},
        "no filter, limit=1000": {"limit": 1000},
        "a destination": {"to": destination},
        "a destination that has none": {"to": "4179302672"},
        "a common sender": {"from": "Main"},
        "a rare sender": {"from": "Rare"},
        "a rare sender, limit=1000": {"from": "Rare", "limit": 1000},
        "a rare status": {"generalStatus": "EXPIRED"},
        "a status that has none": {"generalStatus": "REJECTED"},
        "a sender and a status, each common, never together": {
            "from": "Second",
            "generalStatus": "UNDELIVERABLE",
        },
        "a rare sender and a rare status": {"from": "Rare", "generalStatus": "EXPIRED"},
        "a country": {"mcc": "219"},
        "a rare network": {"mcc": "734", "mnc": "01"},
        "a rare network and a common sender": {"mcc": "734", "mnc": "01", "from": "Main"},
        "a common network and a rare status": {"mcc": "219", "mnc": "10", "generalStatus": "EXPIRED"},
        "a bulk": {"bulkId": f"bulk{count // 4000}"},
        "a bulk and a rare status": {"bulkId": f"bulk{count // 4000}", "generalStatus": "EXPIRED"},
        "an hour, long ago": {"sentSince": at(40 * 3600), "sentUntil": at(39 * 3600)},
        "a rare sender within an hour": {
            "from": "Rare",
            "sentSince": at(40 * 3600),
            "sentUntil": at(39 * 3600),
        },
    }


class Client:
    """An HTTP client that keeps its connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": "Basic " + b64encode(b"bench:bench").decode()}

    def page(self, search: dict[str, Any]) -> tuple[float, int]:
        """Return how long a page takes, and how many messages are on it."""
        began = time.perf_counter()
        body = self._body(search)
        return time.perf_counter() - began, len(json.loads(body)["results"])

    def messages(self, search: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a page."""
        found: list[dict[str, Any]] = json.loads(self._body(search))["results"]
        return found

    def _body(self, search: dict[str, Any]) -> bytes:
        self._connection.request("GET", f"/sms/1/logs?{urlencode(search)}", headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(f"{search}: {response.status} {body[:200]!r}")
        return body


def measure(kind: str, count: int, pages: int) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table."""
    with tempfile.TemporaryDirectory(prefix="smsd-bench-") as name, database(kind, Path(name)) as url:
        node = Node(Path(name), url)
        node.start()
        node.stop()
        began = time.monotonic()
        fill(url, count)
        print(f"{kind}: {count:,} messages are stored after {time.monotonic() - began:.0f} s", flush=True)
        node.start()
        quiet: dict[str, tuple[list[float], int]] = {}
        try:
            quiet = _all(node, count, pages)
            answer: list[dict[str, Any]] = []
            seconds = 5 + pages * 20 * 0.05
            loading = threading.Thread(
                target=lambda: answer.append(
                    node.load("--binds", 4, "--window", 100, "--rate", LOAD, "--seconds", seconds)
                )
            )
            loading.start()
            time.sleep(1)
            busy = _all(node, count, pages)
            loading.join()
        finally:
            node.stop()
        stored = _stored(url)
        with node.config.open("a", encoding="utf-8") as file:
            file.write(f"[retention]\nlogs = {SPAN / 3600 / 2}\n")
        node.start()
        try:
            began = time.monotonic()
            removing = node.load(
                *("--binds", 4, "--window", 100, "--rate", LOAD, "--seconds", REMOVING, "--start", 1_000_000)
            )
        finally:
            node.stop()
        removed = (stored + removing["accepted"] - _stored(url)) / (time.monotonic() - began)
        for what, (times, found) in quiet.items():
            yield (what, f"{found}", _figures(times), _figures(busy[what][0]))
        load = answer[0]["latency_ms"]
        yield (
            f"submit_sm meanwhile, {answer[0]['accepted_per_s']:,.0f}/s",
            "",
            "",
            f"{load['p50']:.1f} / {load['p99']:.1f}",
        )
        load = removing["latency_ms"]
        what = f"submit_sm while {removed:,.0f} messages a second are removed"
        yield (what, "", "", f"{load['p50']:.1f} / {load['p99']:.1f}")


def _all(node: Node, count: int, pages: int) -> dict[str, tuple[list[float], int]]:
    """Return the times of each page, and how many messages are on it; the pages take turns."""
    client = Client(node.http)
    found: dict[str, tuple[list[float], int]] = {}
    for _ in range(pages):
        named = {"messageId": client.messages({})[0]["messageId"]}
        for what, search in (searches(count) | {"a message id": named}).items():
            took, messages = client.page(search)
            found.setdefault(what, ([], messages))[0].append(took)
    return found


def _stored(url: str) -> int:
    """Return how many messages there are."""
    sql = "SELECT count(*) FROM message"
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.partition(":")[2])) as file:
            ((count,),) = file.execute(sql)
    else:
        with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
            cursor.execute(sql)
            ((count,),) = cursor
    return int(count)


def _figures(times: list[float]) -> str:
    figures = percentiles(times)
    return f"{figures['p50']:.1f} / {figures['p99']:.1f}"


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--pages", type=int, default=PAGES, help="how often each page is asked for")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/logs.md"))
    arguments = parser.parse_args()
    kinds = ("sqlite", "postgres") if arguments.database == "both" else (arguments.database,)
    lines = [f"# Pages of the log of {arguments.messages:,} messages", ""]
    for kind in kinds:
        heads = ("looked for", "messages", "p50 / p99, ms", f"while {LOAD:,} a second are accepted")
        lines += [f"## {kind}", "", f"| {' | '.join(heads)} |", "|---|---:|---:|---:|"]
        for row in measure(kind, arguments.messages, arguments.pages):
            lines.append(f"| {' | '.join(row)} |")
            print(f"{kind}: {' | '.join(row)}", flush=True)
        lines.append("")
    arguments.output.write_text("\n".join(lines), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

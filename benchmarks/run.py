"""Measures a node, and writes a table of the figures beside two limits: python -m benchmarks.run --help."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

from benchmarks.machine import describe
from benchmarks.node import Node, background, database, program
from benchmarks.rows import Row, cpu, latency, node
from benchmarks.stress import backlog, refusals

HEADS: Row = ("measured", "per second", "latency p50 / p99, ms", "CPU of smsd, µs each")
BINDS = ((1, 10), (1, 100), (4, 10), (4, 100))
IDLE_BINDS = 1000
SUBSCRIBERS = 1_000_000
"""Lines of the table that lookups read."""
SILENT = "38591003"
"""Of numbers of which the simulated back end never says anything."""
SUBMITS = 2_000
"""submit_sm a second of one account while another gets its receipts."""


def limits(kind: str, scale: float) -> Iterator[Row]:
    """Measure what bounds every server like this: one that stores nothing, and the store alone."""
    with background("bare_server", "--port", 0) as port:
        words = ("--port", port, "--system-id", "x", "--password", "x", "--binds", 4, "--window", 100)
        answer = program("load", *words, "--count", int(400_000 * scale))
        yield (
            "limit: a bare server that stores nothing",
            f"{answer['accepted_per_s']:,.0f}",
            latency(answer),
            "",
        )
    with tempfile.TemporaryDirectory(prefix="smsd-bench-") as name, database(kind, Path(name)) as url:
        answer = program("store_alone", "--database", url, "--seconds", 4 * scale)
        yield ("limit: the store alone, 400 waiting", f"{answer['stored_per_s']:,.0f}", "", "")


def accepting(kind: str, scale: float) -> Iterator[Row]:
    """Measure how fast submit_sm are accepted while no operator takes them."""
    count = int((60_000 if kind == "sqlite" else 30_000) * scale)
    start = 0
    with node(kind) as one:
        best = 0.0
        for binds, window in BINDS:
            number = count if window > 10 else count // 4
            answer = one.load("--binds", binds, "--window", window, "--count", number, "--start", start)
            start += number
            what = f"submit_sm accepted, {binds} binds × window {window}"
            yield (what, f"{answer['accepted_per_s']:,.0f}", latency(answer), cpu(answer, answer["accepted"]))
            best = max(best, answer["accepted_per_s"])
        for rate in (15_000.0, best / 2):
            answer = one.load(
                *("--binds", 4, "--window", 100, "--rate", rate, "--seconds", 5 * scale, "--start", start)
            )
            start += int(rate * 6)
            what = f"the same, paced at {rate:,.0f}/s, 4 × 100"
            yield (what, f"{answer['accepted_per_s']:,.0f}", latency(answer), cpu(answer, answer["accepted"]))


def forwarding(kind: str, scale: float) -> Iterator[Row]:
    """Measure whole lives: submitted, sent to an operator, receipted back to the ESME, final on disk."""
    count = int((60_000 if kind == "sqlite" else 30_000) * scale)
    with node(kind) as one, background("smsc", "--port", one.smsc, "--receipts", "--window", 1000):
        time.sleep(2.5)  # The channel's first attempt came too early, and its second comes soon.
        answer = one.load("--binds", 4, "--window", 100, "--count", count)
        what = "submit_sm accepted while they are forwarded"
        yield (what, f"{answer['accepted_per_s']:,.0f}", latency(answer), cpu(answer, answer["accepted"]))
        one.stop()
        one.start()
        time.sleep(2.5)
        words = ("--binds", 4, "--window", 100, "--receipts", "--wait-receipts", 120)
        answer = one.load(*words, "--count", count, "--start", 1_000_000)
        if answer["receipts_missing"]:
            raise SystemExit(f"{answer['receipts_missing']} receipts are missing.")
        what = "end to end, with receipts, 4 × 100"
        yield (what, f"{answer['receipts_per_s']:,.0f}", latency(answer), cpu(answer, answer["receipts"]))
        rate = answer["receipts_per_s"] / 2
        answer = one.load(*words, "--rate", rate, "--seconds", 5 * scale, "--start", 2_000_000)
        what = f"the same, paced at {rate:,.0f}/s"
        yield (what, f"{answer['receipts_per_s']:,.0f}", latency(answer), cpu(answer, answer["receipts"]))


def waiting(kind: str, scale: float) -> Iterator[Row]:
    """Measure how fast a session gets the receipts that wait for it, while another account submits."""
    count = int(100_000 * scale)
    with node(kind) as one, background("smsc", "--port", one.smsc, "--receipts", "--window", 1000):
        one.command("account", "add", "other", "--password", "other")
        time.sleep(2.5)
        one.load("--binds", 4, "--window", 100, "--count", count, "--registered")
        while one.waiting_for_receipts() < count:
            time.sleep(1)
        with ThreadPoolExecutor() as pool:
            words = ("--port", one.smpp, "--system-id", "other", "--password", "other", "--start", 5_000_000)
            seconds = count / 10_000
            submits = pool.submit(program, "load", *words, "--rate", SUBMITS, "--seconds", seconds)
            answer = program("receiver", "--port", one.smpp, "--count", count)
            other = submits.result()
        if answer["received"] < count:
            raise SystemExit(f"{count - answer['received']} receipts are missing.")
        yield (f"{count:,} waiting receipts to one session", f"{answer['per_s']:,.0f}", "", "")
        yield (
            f"  while another account submits, paced at {SUBMITS:,}/s",
            f"{other['accepted_per_s']:,.0f}",
            latency(other),
            "",
        )


def web(kind: str, scale: float) -> Iterator[Row]:
    """Measure the HTTP API."""
    start = 0
    with node(kind) as one:
        one.http_load("--connections", 1, "--count", 1, "--start", 999_999)  # Its password is known then.
        for destinations, requests in ((1, 12_000), (100, 400)):
            words = ("--connections", 16, "--destinations", destinations)
            answer = one.http_load(*words, "--count", int(requests * scale), "--start", start)
            start += destinations * requests
            what = f"HTTP requests with {destinations} destination{'s' if destinations > 1 else ''}"
            yield (what, f"{answer['requests_per_s']:,.0f}", latency(answer), cpu(answer, answer["answers"]))
            if destinations == 1:
                rate = answer["requests_per_s"] / 2
                answer = one.http_load(*words, "--rate", rate, "--seconds", 5 * scale, "--start", start)
                start += int(rate * 6)
                yield (
                    f"the same, paced at {rate:,.0f}/s",
                    f"{answer['requests_per_s']:,.0f}",
                    latency(answer),
                    cpu(answer, answer["answers"]),
                )
            else:
                yield (
                    "  their messages",
                    f"{answer['accepted_per_s']:,.0f}",
                    "",
                    cpu(answer, answer["accepted"]),
                )


def links(kind: str, scale: float) -> Iterator[Row]:
    """Measure tracked messages beside others, and the visits that their short links lead to."""
    with node(kind) as one:
        for track in ("NONE", "SMS", "URL"):
            for destinations, requests in ((1, 3_000), (1_000, 30)):
                answer = one.http_load(
                    *("--track", track, "--connections", 8, "--count", int(requests * scale)),
                    *("--destinations", destinations),
                )
                yield (
                    f"messages, {destinations} to a request, tracked: {track.lower()}",
                    f"{answer['accepted_per_s']:,.0f}",
                    latency(answer),
                    cpu(answer, answer["accepted"]),
                )
        paths = one.folder / "paths"
        for count, what in ((100, "visits of 100 links"), (20_000, "visits of 20,000 links, each once")):
            tokens = one.rows(f"SELECT token FROM link LIMIT {count}")
            paths.write_text("\n".join(f"/{token}" for (token,) in tokens))
            answer = one.http_load(
                *("--connections", 16, "--count", int(20_000 * scale), "--paths", paths), port=one.links
            )
            yield (what, f"{answer['requests_per_s']:,.0f}", latency(answer), cpu(answer, answer["answers"]))


def pushing(kind: str, scale: float) -> Iterator[Row]:
    """Measure how fast reports are pushed to one URL, while their messages are submitted and sent."""
    requests = int(1_500 * scale)
    with (
        node(kind) as one,
        background("smsc", "--port", one.smsc, "--receipts", "--window", 1000),
        background("web_receiver") as port,
    ):
        time.sleep(2.5)
        url = f"http://127.0.0.1:{port}/reports"
        words = ("--connections", 4, "--destinations", 10, "--count", requests, "--notify-url", url)
        sent = one.http_load(*words)
        wanted, until = sent["accepted"], time.monotonic() + 120
        while (answer := json.loads(urlopen(url).read()))["reports"] < wanted:
            if time.monotonic() > until:
                raise SystemExit(f"{wanted - answer['reports']} reports are missing.")
            time.sleep(0.2)
        yield (
            "reports pushed to one URL, from the first to the last",
            f"{answer['reports_per_s']:,.0f}",
            "",
            "",
        )
        yield ("  reports in a request", f"{answer['reports'] / answer['requests']:.1f}", "", "")
        yield ("  their messages, accepted meanwhile", f"{sent['accepted_per_s']:,.0f}", latency(sent), "")


def lookups(kind: str, scale: float) -> Iterator[Row]:
    """Measure lookups over SMPP and HTTP, first by the number plan alone, then by a table of subscribers."""
    questions, requests = int(40_000 * scale), int(100 * scale)
    with node(kind) as one:
        one.http_load("--connections", 1, "--count", 1, "--start", 999_999)  # Its password is known then.
        for source in ("number plan", f"table of {SUBSCRIBERS:,} subscribers"):
            if source != "number plan":
                one.command("lookup", "table", "import", "own", str(_subscribers(one.folder)))
                one.command("lookup", "backend", "add", "own", "subscribers", "table=own")
                one.command("lookup", "rule", "add", "own")
                time.sleep(1)
            words = ("--system-type", "HLR", "--receipts", "--wait-receipts", 120, "--binds", 4)
            answer = one.load(*words, "--window", 100, "--count", questions)
            if answer["receipts_missing"]:
                raise SystemExit(f"{answer['receipts_missing']} answers are missing.")
            what = f"lookups over SMPP, by the {source}, 4 × 100"
            yield (what, f"{answer['receipts_per_s']:,.0f}", latency(answer), cpu(answer, answer["receipts"]))
            at = ("--path", "/number/1/query", "--connections", 4, "--destinations", 1000)
            answer = one.http_load(*at, "--count", requests)
            numbers = answer["requests_per_s"] * 1000
            what = f"numbers looked up over HTTP, by the {source}, 1000 to a request"
            yield (what, f"{numbers:,.0f}", latency(answer), cpu(answer, answer["answers"] * 1000))
        yield from _hanging(one, scale)


def _hanging(one: Node, scale: float) -> Iterator[Row]:
    """Measure what a back end that never answers costs its own callers, and the others."""
    one.command("lookup", "backend", "add", "silent", "simulator", "--timeout", "1000", "--at-once", "4000")
    one.command("lookup", "rule", "add", "silent", "--prefix", SILENT, "--place", "1")
    time.sleep(1)
    at = ("--path", "/number/1/query", "--connections", 4)
    silent = (*at, "--destination-prefix", SILENT, "--digits", 14, "--destinations", 100)
    answer = one.http_load(*silent, "--count", max(4, int(40 * scale)))
    yield ("requests about 100 numbers whose back end hangs, time-out 1 s", "", latency(answer), "")
    with one.http_load_meanwhile(*silent, "--seconds", 300):
        answer = one.http_load(*at, "--destinations", 1000, "--count", int(100 * scale))
    numbers = answer["requests_per_s"] * 1000
    what = "numbers looked up over HTTP by the table, while another back end hangs"
    yield (what, f"{numbers:,.0f}", latency(answer), cpu(answer, answer["answers"] * 1000))


def _subscribers(folder: Path) -> Path:
    """Write the table of subscribers in which all numbers are that are asked about."""
    file = folder / "subscribers.csv"
    with file.open("w") as out:
        out.write("number,imsi,msc,state\n")
        for number in range(SUBSCRIBERS):
            out.write(f"38591{number:07d},21910{number:010d},38591016,active\n")
    return file


def idle(kind: str, scale: float) -> Iterator[Row]:
    """Measure what an idle bind costs."""
    with node(kind) as one:
        one.command("account", "set", "bench", "--sessions", str(IDLE_BINDS))
        time.sleep(1)
        answer = one.load("--binds", IDLE_BINDS, "--window", 1, "--count", 0, "--idle", 5 * scale)
        (process,) = answer["processes"]
        each = (process["rss_after_kib"] - process["rss_before_kib"]) / max(1, answer["bound"])
        yield (f"memory of an idle bind, {answer['bound']} of {IDLE_BINDS} bound", f"{each:.1f} KiB", "", "")


PARTS = {
    "limits": limits,
    "accepting": accepting,
    "forwarding": forwarding,
    "waiting": waiting,
    "web": web,
    "links": links,
    "pushing": pushing,
    "lookups": lookups,
    "idle": idle,
    "refusals": refusals,
    "backlog": backlog,
}


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--parts", nargs="+", choices=sorted(PARTS), default=list(PARTS))
    parser.add_argument("--scale", type=float, default=1.0, help="how long to measure, 1 for the usual time")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results.md"))
    arguments = parser.parse_args()
    kinds = ("sqlite", "postgres") if arguments.database == "both" else (arguments.database,)
    lines = ["# Measured", "", *describe(tempfile.gettempdir()).splitlines(), ""]
    for kind in kinds:
        lines += [f"## {kind}", "", f"| {' | '.join(HEADS)} |", "|---|---:|---:|---:|"]
        for part in arguments.parts:
            for row in PARTS[part](kind, arguments.scale):
                lines.append(f"| {' | '.join(row)} |")
                print(f"{kind}: {' | '.join(row)}", flush=True)
        lines.append("")
    arguments.output.write_text("\n".join(lines), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Tells where the microseconds of a message go: python -m benchmarks.where (needs py-spy, from PyPI).

A node is sampled while messages live their whole lives through it: submitted, sent to an operator, receipted
back. Each sample counts for the innermost module of smsd on its stack, or for what is beneath all of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.node import SCRIPTS, Node, background, database

PLACES = (
    ("smsd/smpp/codec", "PDUs from and to octets"),
    ("<generated", "PDUs from and to octets"),
    ("smsd/smpp/tlv", "PDUs from and to octets"),
    ("smsd/smpp/session", "the session: framing, windows, sequence numbers"),
    ("smsd/smpp/receipt", "receipts: the line written and read"),
    ("smsd/smpp/times", "receipts: the line written and read"),
    ("smsd/smpp_server", "the client's connection: from PDU to request, answers, receipts out"),
    ("smsd/services/submission", "submission: checks, route, id, the message itself"),
    ("smsd/services/routing", "submission: checks, route, id, the message itself"),
    ("smsd/services/ids", "submission: checks, route, id, the message itself"),
    ("smsd/numbering", "submission: checks, route, id, the message itself"),
    ("smsd/sms", "submission: checks, route, id, the message itself"),
    ("smsd/store/journal", "the journal: rows gathered, callbacks after the commit"),
    ("smsd/services/dispatch", "dispatch: queues, turns, windows"),
    ("smsd/services/window", "dispatch: queues, turns, windows"),
    ("smsd/channels", "the operator's link: submit_sm out, answers and receipts in"),
    ("smsd/services/tracking", "tracking and reports: whose receipt it is, the final status"),
    ("smsd/services/reports", "tracking and reports: whose receipt it is, the final status"),
    ("smsd/store", "the database: statements, commits"),
    ("", "Twisted, the system's calls, all else"),
)
IDLE = "Condition.wait"
"""The frame of a thread that has nothing to do, which py-spy doesn't see."""


def place(stack: list[str]) -> str:
    """Return what a sample counts for."""
    for frame in reversed(stack):
        for part, name in PLACES:
            if part and part in frame:
                return name
    return PLACES[-1][1]


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--count", type=int, default=80_000)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="smsd-bench-") as name,
        database(arguments.database, Path(name)) as url,
    ):
        node = Node(Path(name), url)
        with background("smsc", "--port", node.smsc, "--receipts", "--window", 1000):
            node.start()
            time.sleep(1)
            raw = Path(name, "samples")
            command = [SCRIPTS / "py-spy", "record", "--pid", node.pid, "--rate", 250, "--function"]
            command += ["--format", "raw", "--output", raw, "--duration", 600]
            with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as spy:
                answer = node.load(
                    *("--binds", 4, "--window", 100, "--count", arguments.count),
                    *("--receipts", "--wait-receipts", 60),
                )
                spy.send_signal(2)
                spy.wait(30)
            node.stop()
        samples: Counter[str] = Counter()
        for line in raw.read_text("utf-8").splitlines():
            stack, _, count = line.rpartition(" ")
            if IDLE not in stack:
                samples[place(stack.split(";"))] += int(count)
    spent = answer["processes"][0]["cpu_s"] / answer["receipts"] * 1e6
    total = sum(samples.values())
    print(f"{answer['receipts_per_s']:,.0f} messages/s, {spent:.0f} µs of CPU each{os.linesep}")
    print("| where | share | µs a message |\n|---|---:|---:|")
    for where, number in samples.most_common():
        print(f"| {where} | {100 * number / total:.0f} % | {spent * number / total:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Submits more than a node can take, for long, and shows that its memory stays where it is.

python -m benchmarks.overload [--seconds 600] [--database sqlite|postgres] [--output FILE]

More submit_sm are always unanswered than may wait for the disk, so a part of them is answered with
ESME_RTHROTTLED; an operator takes messages and returns receipts meanwhile, more slowly than they come.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.node import Node, background, database

BINDS, WINDOW = 40, 400
"""16,000 may be unanswered, and 10,000 may wait for the disk."""
SAMPLES = 20


def resident(pid: int) -> float:
    """Return a process's resident memory in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(kind: str, seconds: float) -> list[str]:
    """Overload a node for so long; return the lines of a report."""
    with tempfile.TemporaryDirectory(prefix="smsd-bench-") as name, database(kind, Path(name)) as url:
        node = Node(Path(name), url)
        node.start()
        node.command("account", "set", "bench", "--sessions", str(BINDS))
        with background("smsc", "--port", node.smsc, "--receipts", "--window", 1000):
            time.sleep(2.5)
            command = [sys.executable, "-m", "benchmarks.load", "--port", node.smpp]
            command += ["--system-id", "bench", "--password", "bench", "--binds", BINDS, "--window", WINDOW]
            command += ["--seconds", seconds, "--receipts", "--wait-receipts", 1, "--retry-throttled", 0.05]
            started = time.monotonic()
            with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as load:
                lines = ["| minute | resident MiB |", "|---:|---:|"]
                for sample in range(1, SAMPLES + 1):
                    time.sleep(max(0.0, started + seconds * sample / SAMPLES - time.monotonic()))
                    minute = (time.monotonic() - started) / 60
                    lines.append(f"| {minute:.1f} | {resident(node.pid):.0f} |")
                    print(lines[-1], flush=True)
                assert load.stdout is not None
                answer = json.loads(load.stdout.read().strip().splitlines()[-1])
        node.stop()
    summary = (
        f"{answer['accepted']:,} accepted ({answer['accepted_per_s']:,.0f}/s),"
        f" {answer['throttled']:,} throttled, {answer['receipts']:,} receipts;"
        f" errors: {answer['errors'] or 'none'}; sessions lost: {answer['lost_sessions']}; latency p50 / p99:"
        f" {answer['latency_ms']['p50']:.0f} / {answer['latency_ms']['p99']:.0f} ms."
    )
    print(summary)
    return [f"## {kind}, {seconds:.0f} s of overload", "", summary, "", *lines, ""]


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/overload.md"))
    arguments = parser.parse_args()
    report = run(arguments.database, arguments.seconds)
    head = ["# Overload", "", *describe(tempfile.gettempdir()).splitlines(), ""]
    arguments.output.write_text("\n".join(head + report), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Parts of a run in which operators do not take what they are sent: not at once, or not for a day."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.node import Node, background
from benchmarks.overload import resident
from benchmarks.rows import Row, latency, node

PREFIXES = {"bench": "38591", "other": "38592"}
"""Of the destinations of each account, which are those of a channel."""
PAUSE = 60.0
"""Seconds after which a message that was refused for the time being is tried again."""
TEMPORARY = 0x8
"""ESME_RSYSERR."""
BACKLOG = 1_000_000
STEPS = 10
"""In how many steps the backlog is filled; memory is looked at after each."""
SAMPLE = 60_000
"""How many messages are submitted to measure how fast that goes."""
PATIENCE = 3600.0
"""Seconds that a channel gets to send its backlog."""


def refusals(kind: str, scale: float) -> Iterator[Row]:
    """Measure whole lives over two channels, where every second message is refused once for the time being.

    It is tried again after a minute, as ever: that minute is not counted in the first rate. The paced run
    goes on long enough that new messages and those that are tried again come together.
    """
    count = int((60_000 if kind == "sqlite" else 30_000) * scale)
    words = ("--receipts", "--window", 1000, "--refuse-once", 2, "--fail-status", TEMPORARY)
    with (
        node(kind) as one,
        background("smsc", "--port", one.smsc, *words),
        background("smsc", "--port", 0, *words) as port,
    ):
        one.command(
            *("channel", "add", "second", "--kind", "smpp", f"endpoint=tcp:127.0.0.1:{port}"),
            *("system_id=bench", "password=bench", "window=1000"),
        )
        one.command("route", "add", "second", "--prefix", PREFIXES["other"])
        one.command("account", "add", "other", "--password", "other")
        time.sleep(2.5)
        answers = _both(one, "--count", count // 2)
        receipts = sum(answer["receipts"] for answer in answers)
        seconds = max(answer["receipts"] / answer["receipts_per_s"] for answer in answers) - PAUSE
        yield (
            "end to end over two channels, every second message refused once",
            f"{receipts / seconds:,.0f}",
            latency(answers[0]),
            _cpu(answers, receipts),
        )
        rate = receipts / seconds / 4
        answers = _both(
            one, "--rate", rate / 2, "--seconds", 2 * PAUSE * max(scale, 0.75), "--start", 5_000_000
        )
        receipts = sum(answer["receipts"] for answer in answers)
        accepted = sum(answer["accepted_per_s"] for answer in answers)
        what = f"the same, paced at {rate:,.0f}/s, new ones and those tried again together"
        yield (what, f"{accepted:,.0f}", latency(answers[0]), _cpu(answers, receipts))


def _both(one: Node, *words: object) -> list[dict[str, Any]]:
    """Submit to both channels at once; return what came of each once all receipts are there.

    Each has an account of its own: receipts go to all sessions of an account in turn.
    """
    given = ("--binds", 2, "--window", 100, "--receipts", "--wait-receipts", 3 * PAUSE)
    with ThreadPoolExecutor() as pool:
        loads = [
            pool.submit(
                one.load,
                *("--system-id", name, "--password", name, "--destination-prefix", prefix, *given, *words),
            )
            for name, prefix in PREFIXES.items()
        ]
        answers = [load.result() for load in loads]
    missing = sum(answer["receipts_missing"] for answer in answers)
    if missing:
        raise SystemExit(f"{missing} receipts are missing.")
    return answers


def _cpu(answers: list[dict[str, Any]], count: int) -> str:
    """Return what the node spent on each message, as both clients saw it: the longer one's figure."""
    spent = max(sum(process.get("cpu_s", 0.0) for process in answer["processes"]) for answer in answers)
    return f"{spent / count * 1e6:.0f}" if count else ""


def backlog(kind: str, scale: float) -> Iterator[Row]:
    """Measure submitting while a channel is down and its backlog grows, and how that drains in order."""
    wanted, sample = int(BACKLOG * scale), int(SAMPLE * min(scale * 5, 1.0))
    binds = ("--binds", 4, "--window", 100)
    with node(kind) as one:
        empty = one.load(*binds, "--count", sample)
        yield ("submit_sm accepted while a channel is down", *_submitted(empty))
        start, memory = sample, [resident(one.pid)]
        while start < wanted:
            number = min(max(wanted // STEPS, 1), wanted - start)
            one.load(*binds, "--count", number, "--start", start)
            start += number
            memory.append(resident(one.pid))
        full = one.load(*binds, "--count", sample, "--start", start)
        start += sample
        yield (f"the same, with a backlog of {wanted:,}", *_submitted(full))
        yield (
            "  of the rate without a backlog",
            f"{full['accepted_per_s'] / empty['accepted_per_s']:.2f}",
            "",
            "",
        )
        figures = ", ".join(f"{mib:.0f}" for mib in memory)
        yield ("  resident MiB as it grew", figures, "", "")
        yield from _drained(one, start)


def _submitted(answer: dict[str, Any]) -> tuple[str, str, str]:
    """Return the figures of a run that submits."""
    spent = sum(process.get("cpu_s", 0.0) for process in answer["processes"])
    return f"{answer['accepted_per_s']:,.0f}", latency(answer), f"{spent / answer['accepted'] * 1e6:.0f}"


def _drained(one: Node, count: int) -> Iterator[Row]:
    """Let the operator come back; measure how fast the backlog drains, and whether it does so in order."""
    with tempfile.TemporaryDirectory(prefix="smsd-bench-") as folder:
        order, until = Path(folder, "order"), time.monotonic() + PATIENCE
        memory: list[float] = []
        with background("smsc", "--port", one.smsc, "--order-file", order):
            began = 0.0
            while (left := _waiting(one)) and time.monotonic() < until:
                if left < count and not began:
                    began, counted = time.monotonic(), left
                memory.append(resident(one.pid))
                time.sleep(1)
            seconds = time.monotonic() - began
        if left:
            raise SystemExit(f"{left} messages have not been sent.")
        sent = order.read_text("ascii").split()
        accepted = [destination for (destination,) in one.rows("SELECT destination FROM message ORDER BY id")]
        in_order = "in order" if sent == accepted else "NOT in order"
        yield (f"{count:,} messages drain when it is back, {in_order}", f"{counted / seconds:,.0f}", "", "")
        yield ("  resident MiB at most", f"{max(memory):.0f}", "", "")


def _waiting(one: Node) -> int:
    """Return how many messages have not been sent."""
    ((count,),) = one.rows("SELECT count(*) FROM message WHERE state = 2")
    return int(count)

"""What the parts of a run have in common: a node to measure, and the rows of the table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.node import Node, database

Row = tuple[str, str, str, str]
"""What was measured, its rate, its latency, and what it cost."""


def latency(answer: dict[str, Any]) -> str:
    """Return the median and the 99th percentile of a run."""
    figures = answer["latency_ms"]
    return f"{figures['p50']:.1f} / {figures['p99']:.1f}" if figures else ""


def cpu(answer: dict[str, Any], count: float) -> str:
    """Return what the node spent on each message."""
    spent = sum(process.get("cpu_s", 0.0) for process in answer["processes"])
    return f"{spent / count * 1e6:.0f}" if count else ""


@contextmanager
def node(kind: str) -> Iterator[Node]:
    """Run a node on an empty database, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="smsd-bench-") as name, database(kind, Path(name)) as url:
        one = Node(Path(name), url)
        one.start()
        try:
            yield one
        finally:
            one.stop()

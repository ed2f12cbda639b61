"""Describe the machine in two lines, to be put beside figures measured on it.

python -m benchmarks.machine [FOLDER]
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
import time
from typing import Final

FSYNC_SECONDS: Final = 0.5
BLOCK: Final = bytes(4096)


def field(path: str, name: str) -> str:
    """Return the value of the first line `name : value` of a file in /proc."""
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip()
    except OSError:
        pass
    return ""


def fsync_rate(folder: str, seconds: float = FSYNC_SECONDS) -> float:
    """Return how many times a second a block can be appended to a file in `folder` and forced to the disk."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        count = 0
        started = now = time.monotonic()
        while now - started < seconds:
            file.write(BLOCK)
            os.fsync(file.fileno())
            count += 1
            now = time.monotonic()
        return count / (now - started)


def describe(folder: str) -> str:
    """Return the description."""
    model = field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()
    memory = int((field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 1024**2
    cores = len(os.sched_getaffinity(0))
    return (
        f"{model}, {cores} cores, {memory:.1f} GiB, {platform.system()} {platform.release()}\n"
        f"{platform.python_implementation()} {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{fsync_rate(folder):,.0f} fsyncs/s"
    )


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machine", description="Describe the machine.")
    parser.add_argument("folder", nargs="?", default=".", help="where fsync is measured")
    print(describe(parser.parse_args().folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

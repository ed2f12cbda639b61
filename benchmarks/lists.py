"""What lists cost: a million numbers imported, read at a start and looked up, and phrases looked for.

`python -m benchmarks.lists` prints a table; `--numbers` says how many. It has a SQLite database of its own.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from timeit import Timer
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from smsd.services.list_administration import ListAdministration
from smsd.services.lists import DND, Lists
from smsd.sms.phrases import Phrases, phrase, words
from smsd.store.lists import ListRows
from smsd.store.open import engine

TEXT = ("Your parcel 4711 comes tomorrow between 10 and 12. To change: www.example.com/t " * 2)[:160]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ROUNDS = 5


def tell(what: str, value: float, unit: str) -> None:
    """Print a line of the table."""
    print(f"| {what} | {value:.2f} {unit} |", flush=True)


def resident() -> float:
    """Return how many MB this process has in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return float("nan")


def microseconds(timer: Timer, calls: int) -> float:
    """Return what a call takes, the best of several rounds."""
    return min(timer.repeat(ROUNDS, calls)) / calls * 1e6


async def numbers(reactor: Any, folder: str, count: int) -> None:
    """Measure a list of so many numbers."""
    database = engine("sqlite:lists.db", Path(folder), reactor)
    database.prepare(time.time(), exclusive=False)
    await database.open()
    made = random.Random(1).sample(range(385_000_000_000, 386_000_000_000), count)
    began = time.monotonic()
    await ListAdministration(database, reactor).import_lines(
        DND.name, None, (f"{number}\n" for number in made), False
    )
    tell(f"import {count:,} numbers", time.monotonic() - began, "s")
    lists, before = Lists(ListRows(database), reactor), resident()
    began, used = time.monotonic(), time.process_time()
    await lists.resume()
    tell("read them at a start", time.monotonic() - began, "s")
    tell("processor time of that", time.process_time() - used, "s")
    tell("memory of that", resident() - before, "MB")
    (dnd,) = lists.of(DND, 1)
    asked = [str(number) for number in random.Random(2).sample(made, 1000)]
    tell("look a number up", microseconds(Timer(lambda: [one in dnd for one in asked]), 1) / len(asked), "µs")
    await database.close()


def texts() -> None:
    """Measure the search for phrases in a text of one segment."""
    chance = random.Random(3)
    made = ["".join(chance.choices(LETTERS, k=chance.randint(5, 9))) for _ in range(10_000)]
    there = words(TEXT)
    kinds = {
        "10,000 words": [phrase(one) for one in made],
        "1,000 words with a star at the end": [phrase(f"{one}*") for one in made[:1000]],
        "1,000 words with a star inside": [phrase(f"{one[:2]}*{one[2:]}") for one in made[:1000]],
    }
    tell("find the words of a text of 160 characters", microseconds(Timer(lambda: words(TEXT)), 1000), "µs")
    for what, phrases in kinds.items():
        looked_for = Phrases(phrases)
        tell(f"look for {what} in it", microseconds(Timer(partial(looked_for.found, there)), 200), "µs")


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=1_000_000)
    count = parser.parse_args().numbers
    with TemporaryDirectory() as folder:
        react(lambda reactor: Deferred.fromCoroutine(measured(reactor, folder, count)))
    return 0


async def measured(reactor: Any, folder: str, count: int) -> None:
    """Measure all of it."""
    print("| | |\n|---|---|")
    await numbers(reactor, folder, count)
    texts()


if __name__ == "__main__":
    sys.exit(main())

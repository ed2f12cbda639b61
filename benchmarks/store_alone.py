"""How fast the store alone takes messages: the same rows as the node's, in batches, with nothing around them.

python -m benchmarks.store_alone --database sqlite:FILE|postgresql://… [--batch 400] [--seconds 4]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from smsd.store.journal import Journal
from smsd.store.messages import Content, Message, Report, State
from smsd.store.open import engine


class Counting:
    """Hands in another message for each one that is on disk, so that as many always wait."""

    def __init__(self, journal: Journal, until: float) -> None:
        self.stored_count = 0
        self.done: Deferred[None] = Deferred()
        self._journal = journal
        self._until = until
        self._next = int(time.time() * 1000) << 22
        self._waiting = 0

    def submit(self) -> None:
        """Hand in one message."""
        self._next += 1
        self._waiting += 1
        content = Content(5, 0, 1, 1, "", 0, 0, 0, 1, b"x" * 160)
        now = time.time()
        message = Message(
            self._next,
            1,
            1,
            State.QUEUED,
            0,
            None,
            "InfoSMS",
            f"385{self._next % 10**9:09}",
            1,
            now,
            now,
            now + 3600,
            0,
            None,
            None,
            0,
            0,
            Report.RECEIPT,
            "0",
            content,
        )
        self._journal.accept(message, self)

    def stored(self, message: Message) -> None:
        """Count, and go on."""
        self._waiting -= 1
        self.stored_count += 1
        if time.monotonic() < self._until:
            self.submit()
        elif not self._waiting:
            self.done.callback(None)

    def not_stored(self, message: Message) -> None:
        """Give up: a benchmark's database must work."""
        raise SystemExit("A message could not be stored.")

    def refused(self, message: Message) -> None:
        """Give up: nobody has too little credit here."""
        raise SystemExit("A message was refused.")


async def measure(reactor: Any, url: str, batch: int, seconds: float) -> None:
    """Store messages for so long, and print how many there were."""
    database = engine(url, Path.cwd(), reactor)
    database.prepare(time.time(), exclusive=False)
    await database.open()
    journal = Journal(database, reactor, 2 * batch)  # One account may use half of it.
    started = time.monotonic()
    counting = Counting(journal, started + seconds)
    for _ in range(batch):
        counting.submit()
    await counting.done
    elapsed = time.monotonic() - started
    await database.close()
    print(
        json.dumps(
            {"stored": counting.stored_count, "stored_per_s": round(counting.stored_count / elapsed, 1)}
        )
    )


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--batch", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    react(
        lambda reactor: Deferred.fromCoroutine(
            measure(reactor, arguments.database, arguments.batch, arguments.seconds)
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

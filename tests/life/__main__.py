"""Tells many stories, and says which ended badly: python -m tests.life --help.

A story that ends badly leaves its diary: what happened, in order, to the message that it is about.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twisted.logger import capturedLogs

from tests.life.storage import Postgres, Sqlite, Storage
from tests.life.story import STEPS, Bad, tell
from tests.stores import PostgresDatabase, PostgresServer


@contextmanager
def storage(server: PostgresServer | None) -> Iterator[Storage]:
    """Yield a new database."""
    if server is not None:
        yield Postgres(PostgresDatabase(server).url)
    else:
        with tempfile.TemporaryDirectory(prefix="smsd-life-") as folder:
            yield Sqlite(Path(folder, "smsd.db"))


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description="The message's life under stress, at random.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many stories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=STEPS, help="how much happens in each")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--diaries", type=Path, help="write the diaries of bad stories to this folder")
    arguments = parser.parse_args()
    server = PostgresServer() if arguments.database == "postgres" else None
    bad = 0
    started = time.monotonic()
    try:
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            with storage(server) as place, capturedLogs() as events:
                try:
                    tell(seed, place, arguments.steps)
                    failures = [event["log_failure"] for event in events if "log_failure" in event]
                    if failures:
                        raise Bad(f"Seed {seed}: {failures[0].getTraceback()}")
                except Bad as error:
                    bad += 1
                    print(str(error).splitlines()[0][:500], flush=True)
                    if arguments.diaries is not None:
                        arguments.diaries.mkdir(parents=True, exist_ok=True)
                        (arguments.diaries / f"{seed}.txt").write_text(str(error), "utf-8")
    finally:
        if server is not None:
            server.remove()
    seconds = time.monotonic() - started
    print(f"{arguments.seeds} stories in {seconds:.0f} s, of which {bad} ended badly")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

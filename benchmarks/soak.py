"""Keeps many TLS sessions bound, half of them slow or silent, and shows that the good ones don't notice.

python -m benchmarks.soak [--minutes 30] [--sessions 1000] [--rate 200] [--database sqlite|postgres]

Half of the sessions are of one account that does everything right. Of the others, half acknowledge what they
get after seconds, a quarter never does, and a quarter doesn't even read. Everybody submits; an operator takes
all of it and returns receipts at once.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import statistics
import struct
import sys
import tempfile
import time
from enum import Enum
from itertools import count
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.node import Node, background, database
from benchmarks.overload import resident

HEADER = struct.Struct(">IIII")
BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, RESPONSE = 0x09, 0x04, 0x05, 0x80000000
SLOW = 5.0
"""Seconds after which a slow session acknowledges."""
AT_ONCE = 50
"""How many sessions shake hands at once."""


class Kind(Enum):
    """What a session is like."""

    GOOD = "good"
    SLOW = "slow"
    SILENT = "silent"
    DEAF = "deaf"


class Measured:
    """What the good sessions have seen."""

    def __init__(self) -> None:
        self.sent: dict[bytes, float] = {}
        self.early: set[bytes] = set()
        """Receipts that came before the answer, on another session."""
        self.latencies: list[float] = []
        self.refused = 0


class Client:
    """One session."""

    numbers = count(1)

    def __init__(self, kind: Kind, measured: Measured) -> None:
        self.kind = kind
        self.measured = measured
        self.lost = False
        self._sequence = count(2)
        self._pending: dict[int, float] = {}
        self._writer: asyncio.StreamWriter | None = None

    async def bind(self, port: int, context: ssl.SSLContext) -> None:
        """Connect, bind, and do with what comes what this kind does."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        name = self.kind.value.encode()
        body = b"%b\0bench\0\0\x34\0\0\0" % name
        self._writer.write(HEADER.pack(HEADER.size + len(body), BIND_TRANSCEIVER, 0, 1) + body)
        header = HEADER.unpack(await reader.readexactly(HEADER.size))
        await reader.readexactly(header[0] - HEADER.size)
        if header[2]:
            raise SystemExit(f"A bind as {self.kind.value} is refused with status {header[2]:#x}.")
        if self.kind is not Kind.DEAF:
            self._reading = asyncio.create_task(self._read(reader))

    def submit(self) -> None:
        """Submit a message."""
        assert self._writer is not None
        number = next(self._sequence)
        self._pending[number] = time.monotonic()
        destination = b"385%09d" % (next(self.numbers) % 10**9)
        body = b"\0\5\0Soak\0\1\1%b\0\0\0\0\0\0\1\0\0\0\5Hello" % destination
        self._writer.write(HEADER.pack(HEADER.size + len(body), SUBMIT_SM, 0, number) + body)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        assert self._writer is not None
        loop = asyncio.get_running_loop()
        try:
            while True:
                length, command, status, number = HEADER.unpack(await reader.readexactly(HEADER.size))
                body = await reader.readexactly(length - HEADER.size)
                if command == SUBMIT_SM | RESPONSE:
                    submitted = self._pending.pop(number, 0.0)
                    if status:
                        self.measured.refused += 1
                    elif self.kind is Kind.GOOD:
                        message_id = body.rstrip(b"\0")
                        if message_id in self.measured.early:
                            self.measured.early.remove(message_id)
                        else:
                            self.measured.sent[message_id] = submitted
                elif command == DELIVER_SM:
                    answer = HEADER.pack(17, DELIVER_SM | RESPONSE, 0, number) + b"\0"
                    if self.kind is Kind.GOOD:
                        self._writer.write(answer)
                        at = body.index(b"id:") + 3
                        message_id = body[at : body.index(b" ", at)]
                        submitted = self.measured.sent.pop(message_id, 0.0)
                        if submitted:
                            self.measured.latencies.append(time.monotonic() - submitted)
                        else:
                            self.measured.early.add(message_id)
                    elif self.kind is Kind.SLOW:
                        loop.call_later(SLOW, self._writer.write, answer)
                elif not command & RESPONSE:
                    self._writer.write(HEADER.pack(16, command | RESPONSE, 0, number))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.lost = True


async def soak(node: Node, port: int, sessions: int, rate: float, minutes: float) -> None:
    """Bind, submit, and print a line a minute."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    kinds = [Kind.GOOD] * (sessions // 2) + [Kind.SLOW] * (sessions // 4)
    kinds += [Kind.SILENT, Kind.DEAF] * ((sessions - len(kinds)) // 2)
    measured = Measured()
    clients = [Client(kind, measured) for kind in kinds]
    turns = asyncio.Semaphore(AT_ONCE)

    async def bind(client: Client) -> None:
        async with turns:
            await client.bind(port, context)

    started = time.monotonic()
    await asyncio.gather(*map(bind, clients))
    print(f"{len(clients)} sessions bound over TLS in {time.monotonic() - started:.1f} s", flush=True)
    print("| minute | resident MiB | receipts of the good | p50 / p99, ms | lost sessions: good, others |")
    print("|---:|---:|---:|---:|---:|", flush=True)
    started = time.monotonic()
    submitted = 0
    for minute in range(1, int(minutes) + 1):
        while (elapsed := time.monotonic() - started) < 60 * minute:
            while submitted < elapsed * rate:
                clients[submitted % len(clients)].submit()
                submitted += 1
            await asyncio.sleep(0.01)
        seconds, measured.latencies = sorted(measured.latencies), []
        lost = [sum(one.lost for one in clients if (one.kind is Kind.GOOD) is good) for good in (True, False)]
        median = statistics.median(seconds) * 1000 if seconds else 0.0
        late = seconds[len(seconds) * 99 // 100] * 1000 if seconds else 0.0
        figures = f"{len(seconds):,} | {median:.0f} / {late:.0f} | {lost[0]}, {lost[1]}"
        print(f"| {minute} | {resident(node.pid):.0f} | {figures} |", flush=True)
    await asyncio.sleep(2)
    print(
        f"{submitted:,} submitted, {measured.refused:,} refused; {len(measured.sent)} good receipts are due"
    )


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description="A soak test of many TLS sessions.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200, help="messages a second of all sessions together")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    arguments = parser.parse_args()
    print(describe(tempfile.gettempdir()))
    with (
        tempfile.TemporaryDirectory(prefix="smsd-bench-") as name,
        database(arguments.database, Path(name)) as url,
    ):
        node = Node(Path(name), url)
        node.start()
        try:
            for kind in Kind:
                node.command("account", "add", kind.value, "--password", "bench", "--sessions", "1000")
            with background("smsc", "--port", node.smsc, "--receipts", "--window", 1000):
                time.sleep(2.5)
                words = (node, node.smpps, arguments.sessions, arguments.rate, arguments.minutes)
                asyncio.run(soak(*words))
        finally:
            node.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

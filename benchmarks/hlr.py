"""How many questions a second a back end asks an HLR: python -m benchmarks.hlr [--endpoint tcp:…].

Without an endpoint the HLR is ``benchmarks.hlr_server``, a process of its own. So many questions always wait;
each is another number, so that none is answered together with another one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import clientFromString
from twisted.internet.task import deferLater, react

from smsd.hlr.options import OsmocomOptions
from smsd.hlr.osmocom import OsmocomHlr
from smsd.services.lookup import NoAnswer

PORT = 24_259
FIRST = 385_910_000_000


class Asking:
    """Asks on and on until a moment, and counts."""

    def __init__(self, back_end: OsmocomHlr, until: float) -> None:
        self._back_end = back_end
        self._until = until
        self._next = FIRST
        self.answered = 0
        self.failed = 0
        self.latencies: list[float] = []

    async def ask(self) -> None:
        """Ask one question after another."""
        while (began := time.perf_counter()) < self._until:
            self._next += 1
            try:
                await self._back_end.ask(str(self._next))
            except NoAnswer:
                self.failed += 1
            else:
                self.answered += 1
                self.latencies.append(time.perf_counter() - began)


async def measure(reactor: Any, endpoint: str, window: int, waiting: int, seconds: float) -> None:
    """Ask for a while, and print how fast it went."""
    options = OsmocomOptions(endpoint, window=window)
    back_end = OsmocomHlr("hlr", options, reactor, clientFromString(reactor, endpoint))
    back_end.startService()
    while back_end.reason:
        await deferLater(reactor, 0.05)
    began, used = time.perf_counter(), time.process_time()
    asking = Asking(back_end, began + seconds)
    await gatherResults([Deferred.fromCoroutine(asking.ask()) for _ in range(waiting)])
    took, used = time.perf_counter() - began, time.process_time() - used
    await back_end.stopService()
    latencies = sorted(asking.latencies) or [0.0]
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    print(
        f"{asking.answered / took:,.0f} questions/s, {asking.failed} failed; "
        f"{used / max(1, asking.answered) * 1e6:.1f} µs of this process each; "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    )


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", default="", help="of a real osmo-hlr: tcp:127.0.0.1:4259")
    parser.add_argument("--window", type=int, default=200)
    parser.add_argument("--waiting", type=int, default=1000, help="how many questions wait at once")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    endpoint, server = arguments.endpoint, None
    if not endpoint:
        endpoint = f"tcp:127.0.0.1:{PORT}"
        command = [sys.executable, "-m", "benchmarks.hlr_server", "--port", str(PORT)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert server.stdout is not None
        server.stdout.readline()
    try:
        react(
            lambda reactor: Deferred.fromCoroutine(
                measure(reactor, endpoint, arguments.window, arguments.waiting, arguments.seconds)
            )
        )
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        if server is not None:
            server.kill()
            server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())

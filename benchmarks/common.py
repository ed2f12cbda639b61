"""What the benchmark programs share: SMPP constants, a lean connection, and measuring.

Nothing here or in the programs imports smsd, so that they check it independently.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import struct
from collections.abc import Iterable
from typing import Any, Final

BIND_RECEIVER: Final = 0x00000001
BIND_TRANSMITTER: Final = 0x00000002
SUBMIT_SM: Final = 0x00000004
DELIVER_SM: Final = 0x00000005
UNBIND: Final = 0x00000006
BIND_TRANSCEIVER: Final = 0x00000009
ENQUIRE_LINK: Final = 0x00000015
RESPONSE: Final = 0x80000000
GENERIC_NACK: Final = 0x80000000
SUBMIT_SM_RESP: Final = SUBMIT_SM | RESPONSE
DELIVER_SM_RESP: Final = DELIVER_SM | RESPONSE
UNBIND_RESP: Final = UNBIND | RESPONSE
ENQUIRE_LINK_RESP: Final = ENQUIRE_LINK | RESPONSE
BINDS: Final = (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER)

ESME_RINVCMDID: Final = 0x00000003
ESME_RINVBNDSTS: Final = 0x00000004
ESME_RALYBND: Final = 0x00000005
ESME_RSYSERR: Final = 0x00000008
ESME_RMSGQFUL: Final = 0x00000014
ESME_RTHROTTLED: Final = 0x00000058

HEADER: Final = struct.Struct(">IIII")
"""A PDU's header: length, command id, command status, sequence number."""
MAXIMUM_PDU: Final = 65_536
"""A PDU that claims to be longer than this is taken for a broken stream."""

READ_SIZE: Final = 65_536


class Peer:
    """A non-blocking connection with its unparsed input and its unsent output.

    The program appends to `out` and calls `flush` once per turn of its loop, so a turn costs one
    system call for reading and one for writing, whatever the number of PDUs.
    """

    __slots__ = ("blocked", "closed", "fd", "out", "poll", "rest", "sock")

    def __init__(self, sock: socket.socket, poll: select.epoll) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.fd = sock.fileno()
        self.poll = poll
        self.rest = b""
        self.out: list[bytes] = []
        self.blocked = False
        self.closed = False
        poll.register(self.fd, select.EPOLLIN)

    def read(self) -> bytes | None:
        """Return what is to be parsed, the rest of the last read included; None when the peer has gone."""
        try:
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return self.rest
        except OSError:
            return None
        if not data:
            return None
        return self.rest + data if self.rest else data

    def flush(self) -> bool:
        """Send what is waiting, as far as the socket takes it; False when the peer has gone."""
        if not self.out:
            return True
        data = b"".join(self.out)
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        if sent == len(data):
            self.out = []
            if self.blocked:
                self.blocked = False
                self.poll.modify(self.fd, select.EPOLLIN)
        else:
            self.out = [data[sent:]]
            if not self.blocked:
                self.blocked = True
                self.poll.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)
        return True

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        if not self.closed:
            self.closed = True
            self.poll.unregister(self.fd)
            self.sock.close()


class Stop:
    """Becomes true when the process is told to end (SIGTERM or SIGINT)."""

    def __init__(self) -> None:
        self.told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)

    def _tell(self, *_: object) -> None:
        self.told = True

    def __bool__(self) -> bool:
        """Tell whether it is time to end."""
        return self.told


class Processes:
    """The CPU time and the memory of the processes under test, from /proc."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._page_kib = os.sysconf("SC_PAGE_SIZE") // 1024
        self._samples = {pid: [self._sample(pid)] for pid in pids}

    def _sample(self, pid: int) -> tuple[float, int] | None:
        """Return CPU seconds (user and system) and resident KiB of a process, None if it has gone."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / self._ticks, int(fields[21]) * self._page_kib

    def sample(self) -> None:
        """Take another sample of each process."""
        for pid, samples in self._samples.items():
            samples.append(self._sample(pid))

    def report(self) -> list[dict[str, object]]:
        """Return what each process used from its last sample but one to its last.

        `rss_before_kib` is of the first sample, taken before anything was connected.
        """
        result: list[dict[str, object]] = []
        for pid, samples in self._samples.items():
            first, before, after = samples[0], samples[-2], samples[-1]
            if first is None or before is None or after is None:
                result.append({"pid": pid, "gone": True})
                continue
            result.append(
                {
                    "pid": pid,
                    "cpu_s": round(after[0] - before[0], 2),
                    "setup_cpu_s": round(before[0] - first[0], 2),
                    "rss_before_kib": first[1],
                    "rss_after_kib": after[1],
                }
            )
        return result


def percentiles(seconds: Iterable[float]) -> dict[str, float]:
    """Return the percentiles of latencies, in milliseconds."""
    values = sorted(seconds)
    if not values:
        return {}
    last = len(values) - 1
    points = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {
        name: round(values[min(last, int(len(values) * point))] * 1000, 3) for name, point in points.items()
    }


def per_second(count: int, seconds: float) -> float:
    """Return a rate; 0 when nothing was measured."""
    return round(count / seconds, 1) if count and seconds > 0 else 0.0


def microseconds_each(seconds: float, count: int) -> float:
    """Return the microseconds of CPU that each of `count` took; 0 when there was none."""
    return round(seconds / count * 1e6, 3) if count else 0.0


def raise_file_limit() -> None:
    """Allow as many open files (connections) as the system lets the process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def print_json(result: dict[str, Any]) -> None:
    """Print a program's result: one JSON object on one line."""
    print(json.dumps(result), flush=True)

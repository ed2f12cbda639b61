"""An HTTP load client: posts messages over keep-alive connections and prints one JSON object.

python -m benchmarks.http_load --port 8080 --username bench --password secret --connections 8 --count 20000

Each connection has one request in flight. With --rate a request's latency begins when it is due, whether or
not a connection is free then. One thread around epoll; a request is a template of which only
the destinations change, and of an answer only what is counted is read.
"""

from __future__ import annotations

import argparse
import base64
import gc
import json
import re
import select
import socket
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.common import (
    Peer,
    Processes,
    Stop,
    microseconds_each,
    per_second,
    percentiles,
    print_json,
    raise_file_limit,
)

TURN: Final = 0.1
FAILURES_ALLOWED: Final = 100
"""So many connections in sequence may fail before the run is given up."""
URL: Final = "http://www.example.com/awesomeApp/someUserId "
AGENT: Final = (
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0"
    " Mobile Safari/537.36"
)
TEXT: Final = "The quick brown fox jumps over the lazy dog 0123456789. "
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
CLOSE: Final = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)


def answer_end(data: bytes, head: int) -> int:
    """Return where the answer ends whose head ends at `head`; -1 while it is not whole."""
    length = LENGTH.search(data, 0, head)
    if length:
        end = head + int(length[1])
        return end if end <= len(data) else -1
    if not CHUNKED.search(data, 0, head):
        return head
    at = head
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            return -1
        size = int(data[at:line].partition(b";")[0], 16)
        if size == 0:
            end = data.find(b"\r\n", line + 2)  # No trailers: only an empty line.
            return end + 2 if end >= 0 else -1
        at = line + 2 + size + 2


class Connection(Peer):
    """One connection and when its request was sent (0 when there is none)."""

    __slots__ = ("sent_at",)

    def __init__(self, sock: socket.socket, poll: select.epoll) -> None:
        super().__init__(sock, poll)
        self.sent_at = 0.0


class HttpLoad:
    """A run: the connections, the requests and what became of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.stop = Stop()
        self.poll = select.epoll()
        self.processes = Processes(options.pid)
        self.connections: dict[int, Connection] = {}
        self.width: int = options.digits - len(options.destination_prefix)
        room = (10**self.width - options.start) // options.destinations
        self.limit = room if options.count is None else min(room, options.count)
        self.next_destination: int = options.start
        self.template = self.request_template()
        self.visits = self.requests_for_paths()
        self.submitting = True
        self.idle: deque[Connection] = deque()
        """With --rate, the connections without a request."""
        self.requests = self.answers = self.accepted = self.failures = 0
        self.latencies = array("d")
        self.statuses: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.first_request = self.last_answer = 0.0

    def request_template(self) -> bytes:
        """Return a request for the % operator, which takes the numbers of the destinations."""
        options = self.options
        token = base64.b64encode(f"{options.username}:{options.password}".encode()).decode("ascii")
        text = (TEXT * (options.length // len(TEXT) + 1))[: options.length]
        to = ["D" * options.digits] * options.destinations
        message: dict[str, Any] = {"from": options.sender, "to": to if len(to) > 1 else to[0], "text": text}
        path = options.path
        if options.track:
            path = "/sms/1/text/advanced"
            destinations = [{"to": one} for one in to]
            tracked = {"from": options.sender, "destinations": destinations, "text": URL + text[len(URL) :]}
            message = {"messages": [tracked]}
            if options.track != "NONE":
                message["tracking"] = {"track": options.track, "type": "BENCH"}
        elif options.notify_url:
            path = "/sms/1/text/advanced"
            destinations = [{"to": one} for one in to]
            full = {"from": options.sender, "text": text, "destinations": destinations}
            message = {"messages": [full | {"notifyUrl": options.notify_url}]}
        body = json.dumps(message)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {options.host}:{options.port}\r\n"
            f"Authorization: Basic {token}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        number = options.destination_prefix + f"%0{self.width}d"
        return (head + body).replace("%", "%%").replace("D" * options.digits, number).encode("ascii")

    def requests_for_paths(self) -> list[bytes]:
        """Return a request for each path of the file that is named, if one is."""
        options = self.options
        if options.paths is None:
            return []
        head = f"Host: {options.host}:{options.port}\r\nUser-Agent: {AGENT}\r\n\r\n"
        paths = options.paths.read_text("ascii").split()
        return [f"GET {path} HTTP/1.1\r\n{head}".encode("ascii") for path in paths]

    def connect(self) -> None:
        """Open a connection and send its first request."""
        options = self.options
        try:
            sock = socket.create_connection((options.host, options.port), timeout=5)
        except OSError:
            self.counts["connect_failed"] += 1
            self.failures += 1
            return
        self.counts["connections"] += 1
        connection = Connection(sock, self.poll)
        self.connections[connection.fd] = connection
        self.request(connection)

    def request(self, connection: Connection) -> None:
        """Send the next request, if there is one, and if it is due."""
        if not self.submitting or self.requests >= self.limit or connection.closed:
            return
        due = self.due()
        if due > time.monotonic():
            self.idle.append(connection)
            return
        first = self.next_destination
        self.next_destination += self.options.destinations
        if self.visits:
            connection.out.append(self.visits[self.requests % len(self.visits)])
        else:
            connection.out.append(self.template % tuple(range(first, self.next_destination)))
        self.requests += 1
        connection.sent_at = due
        if not connection.flush():
            self.close(connection)

    def due(self) -> float:
        """Return when the next request is to be sent."""
        if not self.options.rate:
            return time.monotonic()
        return self.first_request + float(self.requests / self.options.rate)

    def close(self, connection: Connection) -> None:
        """Forget a connection; a request without an answer is counted as lost, and not repeated."""
        if not connection.closed:
            if connection.sent_at:
                self.counts["unanswered"] += 1
                self.failures += 1
            del self.connections[connection.fd]
            connection.close()

    def received(self, connection: Connection, data: bytes) -> None:
        """Take an answer, if it is whole, and send the next request."""
        head = data.find(HEAD_END)
        end = answer_end(data, head + 4) if head >= 0 else -1
        if end < 0:  # The answer is not whole yet.
            connection.rest = data
            return
        if not connection.sent_at:  # The server says something unasked, such as 408, before it closes.
            self.close(connection)
            return
        now = time.monotonic()
        self.latencies.append(now - connection.sent_at)
        connection.sent_at = 0.0
        connection.rest = data[end:]
        self.failures = 0
        self.answers += 1
        self.last_answer = now
        self.statuses[data[9:12].decode("latin-1")] += 1
        self.accepted += data.count(b"MESSAGE_ACCEPTED", head, end)
        if CLOSE.search(data, 0, head + 2):
            self.close(connection)
        else:
            self.request(connection)

    def turn(self) -> None:
        """Wait for events and deal with all that come of them."""
        wait = max(0.0, self.due() - time.monotonic()) if self.idle else TURN
        for fd, event in self.poll.poll(min(wait, TURN)):
            if fd not in self.connections:
                continue
            connection = self.connections[fd]
            if event & ~select.EPOLLOUT:
                data = connection.read()
                if data is None:
                    self.close(connection)
                else:
                    self.received(connection, data)
            elif not connection.flush():
                self.close(connection)
        for _ in range(len(self.idle)):
            self.request(self.idle.popleft())

    def run(self) -> dict[str, Any]:
        """Send the requests; return the result."""
        options = self.options
        self.processes.sample()
        cpu = time.process_time()
        self.first_request = progress = now = time.monotonic()
        answers = 0
        while now - progress < options.timeout and self.failures < FAILURES_ALLOWED and not self.stop:
            if options.seconds is not None and now - self.first_request >= options.seconds:
                self.submitting = False
            if self.requests >= self.limit:
                self.submitting = False
            if not self.submitting and not any(c.sent_at for c in self.connections.values()):
                break
            for _ in range(options.connections - len(self.connections) if self.submitting else 0):
                self.connect()
            self.turn()
            now = time.monotonic()
            if self.answers != answers:
                answers, progress = self.answers, now
        cpu = time.process_time() - cpu
        self.processes.sample()
        self.counts["unanswered"] += sum(c.sent_at > 0 for c in self.connections.values())
        for connection in list(self.connections.values()):
            connection.sent_at = 0.0
            self.close(connection)
        seconds = self.last_answer - self.first_request
        return {
            "requests": self.requests,
            "answers": self.answers,
            "messages": self.answers * options.destinations,
            "accepted": self.accepted,
            "statuses": dict(self.statuses),
            "unanswered": self.counts["unanswered"],
            "connect_failed": self.counts["connect_failed"],
            "reconnects": max(0, self.counts["connections"] - options.connections),
            "elapsed_s": round(seconds, 3),
            "requests_per_s": per_second(self.answers, seconds),
            "accepted_per_s": per_second(self.accepted, seconds),
            "latency_ms": percentiles(self.latencies),
            "processes": self.processes.report(),
            "own_cpu_s": round(cpu, 2),
            "own_cpu_us_per_request": microseconds_each(cpu, self.answers),
        }


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http_load", description="HTTP load client.")
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8080)
    add("--path", default="/sms/1/text/single")
    add("--notify-url", help="let the messages' reports be pushed there")
    add("--username", default="bench")
    add("--password", default="bench")
    add("--connections", type=int, default=4)
    add("--count", type=int, help="requests in total")
    add("--rate", type=float, help="requests a second, as long as connections are free for them")
    add("--seconds", type=float, help="how long to send (with --count: whichever ends first)")
    add("--destinations", type=int, default=1, help="destinations of a request")
    add("--timeout", type=float, default=30, help="give up after so many seconds without an answer")
    add("--sender", default="38591000000", help="sender of the messages")
    add("--destination-prefix", default="38591")
    add("--digits", type=int, default=12, help="digits of a destination, the prefix included")
    add("--start", type=int, default=0, help="the first destination's number after the prefix")
    add("--track", choices=("NONE", "SMS", "URL"), help="send by text/advanced, with a URL, and track that")
    add("--paths", type=Path, help="visit these paths in turn, one a line, in place of sending messages")
    add("--length", type=int, default=160, help="characters of a message")
    add("--pid", type=int, action="append", default=[], help="report CPU and memory of this process, too")
    options = parser.parse_args(arguments)
    if options.count is None and options.seconds is None:
        parser.error("give --count or --seconds")
    if not len(options.destination_prefix) < options.digits <= 20:
        parser.error("--digits must exceed the prefix and be at most 20")
    if options.connections < 1 or options.destinations < 1:
        parser.error("--connections and --destinations must be positive")
    return options


def main() -> int:
    """Run; the exit status tells whether all requests were answered well."""
    options = parse()
    raise_file_limit()
    gc.disable()  # Nothing here makes cycles.
    result = HttpLoad(options).run()
    print_json(result)
    return 0 if result["statuses"].get("302" if options.paths else "200", 0) == result["requests"] else 1


if __name__ == "__main__":
    sys.exit(main())

"""Takes pushed reports, and says how fast they come: python -m benchmarks.web_receiver --help."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.common import Stop

REPORT = b'"messageId"'
"""What each report has once."""


class Counts:
    """What has come, by all connections."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests = self.reports = 0
        self.first = self.last = 0.0

    def add(self, reports: int) -> None:
        """Count a request."""
        with self.lock:
            self.last = time.monotonic()
            self.first = self.first or self.last
            self.requests += 1
            self.reports += reports

    def report(self) -> dict[str, float]:
        """Return the figures so far."""
        with self.lock:
            seconds = self.last - self.first
            rate = self.reports / seconds if seconds else 0.0
            return {"requests": self.requests, "reports": self.reports, "reports_per_s": round(rate, 1)}


class Handler(BaseHTTPRequestHandler):
    """Takes each POST at once; a GET asks for the figures."""

    protocol_version = "HTTP/1.1"
    counts: Counts

    def do_POST(self) -> None:
        """Take reports."""
        self.counts.add(self.rfile.read(int(self.headers["Content-Length"])).count(REPORT))
        self.answer(b"")

    def do_GET(self) -> None:
        """Tell the figures."""
        self.answer(json.dumps(self.counts.report()).encode())

    def answer(self, body: bytes) -> None:
        """Answer with 200."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(
        description="A web server that counts pushed reports; GET tells how many."
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    arguments = parser.parse_args()
    stop = Stop()
    Handler.counts = Counts()
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on {server.server_port}", flush=True)
    while not stop:
        time.sleep(0.1)
    print(json.dumps(Handler.counts.report()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

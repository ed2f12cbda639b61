"""The processes that a test starts: smsd nodes, SMSC simulators and load clients, each with its log."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent
POLL = 0.03
PORTS = range(20_000, 32_000)
"""Below those that the system gives to clients: one of them could connect to itself while a node is down."""
SHUT_DOWN = "Server Shut Down."
FAILURES = ("Traceback (most recent call last)", "Unhandled", "CRITICAL")


def eventually(check: Callable[[], T], what: str, seconds: float = 10.0) -> T:
    """Return the first true result of ``check``; fail if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (result := check()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"Not within {seconds:g} s: {what}")
        time.sleep(POLL)
    return result


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def simulator(delay: float = 0.05) -> dict[str, Any]:
    """Return the first rows of a node: the account demo, and a built-in simulator for all destinations."""
    return _first({"name": "simulator", "kind": "simulator", "options": {"delay": delay}})


def upstream(port: int, **options: Any) -> dict[str, Any]:
    """Return the first rows of a node: the account demo, and an SMSC on this machine for all destinations."""
    reached = {"endpoint": f"tcp:127.0.0.1:{port}", "system_id": "demo", "password": "demo"}
    return _first({"name": "upstream", "kind": "smpp", "options": reached | options})


def _first(channel: dict[str, Any]) -> dict[str, Any]:
    return {
        "accounts": [{"system_id": "demo", "password": "demo"}],
        "channels": [channel],
        "routes": [{"channel": channel["name"], "price": "0.01"}],
    }


class Program:
    """A process and its log; it is ended by its own PID."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self.name = name
        self.log_file = folder / f"{name}.log"
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=_ENV
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8", "replace")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def ended(self, seconds: float = 20.0) -> int:
        """Wait for the end and return the exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end in {seconds:g} s:\n{self.log}") from None

    def terminate(self, seconds: float = 20.0) -> int:
        """Ask for the end (SIGTERM), wait for it and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended(seconds)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self.process.kill()
        self.process.wait()

    def result(self, seconds: float = 30.0) -> dict[str, Any]:
        """Wait for the end and return the JSON object that the program printed last."""
        self.ended(seconds)
        lines = [line for line in self.log.splitlines() if line.startswith("{")]
        assert lines, f"{self.name} printed no result:\n{self.log}"
        result: dict[str, Any] = json.loads(lines[-1])
        return result


class Smsc(Program):
    """A simulated SMSC, which a channel can bind to."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self.port = free_port()
        self._destinations = folder / f"{name}.destinations"
        command = [sys.executable, "-m", "benchmarks.smsc", "--port", str(self.port), "--receipts"]
        super().__init__(name, [*command, "--destinations-file", str(self._destinations), *options], folder)
        eventually(lambda: "listening on" in self.log or not self.running, f"{name} listens")
        assert self.running, self.log

    def finish(self) -> tuple[dict[str, Any], set[str]]:
        """End it; return its counts and the destinations that it has seen."""
        self.process.send_signal(signal.SIGTERM)
        result = self.result()
        return result, set(self._destinations.read_text().split())


class Load(Program):
    """A client that submits, asks for receipts and takes none; those come over other sessions."""

    def __init__(self, folder: Path, name: str, port: int, *options: str) -> None:
        self._accepted = folder / f"{name}.accepted"
        command = [
            sys.executable,
            "-m",
            "benchmarks.load",
            "--port",
            str(port),
            "--registered",
            "--length",
            "40",
        ]
        names = ["--system-id", "demo", "--password", "demo", "--accepted-file", str(self._accepted)]
        super().__init__(name, [*command, *names, *options], folder)

    def accepted(self) -> dict[str, str]:
        """Return the destination of each message that was accepted, by its id; the run has ended."""
        lines = self._accepted.read_text().splitlines()
        pairs = {message_id: destination for destination, message_id in map(str.split, lines)}
        assert len(pairs) == len(lines), "an id was given twice"
        return pairs


class Node(Program):
    """An smsd node with a configuration, a state folder and ports of its own; it can be started again."""

    def __init__(self, folder: Path, database: str, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder = folder
        self.state = folder / "var"
        self.name = folder.name
        self.log_file = folder / "node.log"
        self.config = folder / "smsd.toml"
        self.smpp, self.tls, self.http = free_port(), free_port(), free_port()
        self.failures_expected = False
        folder.mkdir(parents=True)
        self.write(database, settings)

    def write(self, database: str, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the configuration: the defaults, and what ``settings`` has for each table."""
        tables: dict[str, dict[str, Any]] = {
            "smpp": {"listen": [_endpoint("tcp", self.smpp), _endpoint("ssl", self.tls)]},
            "http": {"listen": [_endpoint("tcp", self.http)]},
            "first_start": simulator(),
        }
        for table, keys in settings.items():
            tables[table] = dict(keys) if table == "first_start" else tables.get(table, {}) | dict(keys)
        lines = ['state = "var"', f"database = {json.dumps(database)}"]
        for table, values in tables.items():
            lines += [f"[{table}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
        self.config.write_text("\n".join(lines) + "\n")

    def command(self, *before: str, twistd: Sequence[str] = ("-n", "--pidfile=")) -> list[str]:
        """Return what starts the node, preceded by another program's words if there are any."""
        return [*before, str(SCRIPTS / "twistd"), *twistd, "smsd", "--config", str(self.config)]

    def launch(self, *before: str) -> None:
        """Start it and wait for nothing."""
        super().__init__(self.name, self.command(*before), self.folder)
        self.log_file = self.folder / f"{self.name}.log"

    def start(self, *before: str, seconds: float = 20.0) -> None:
        """Start it and wait until it is ready."""
        starts = self.log.count("smsd is ready") if self.log_file.exists() else 0
        self.launch(*before)
        eventually(
            lambda: self.log.count("smsd is ready") > starts or not self.running,
            f"{self.name} is ready:\n{self.log}",
            seconds,
        )
        assert self.running, f"{self.name} does not start:\n{self.log}"

    def stop(self) -> None:
        """End it by SIGTERM and see that it went as it should."""
        stops = self.log.count(SHUT_DOWN)
        status = self.terminate()
        assert status == -signal.SIGTERM, f"twistd ends with the signal that ended it, not {status}"
        assert self.log.count(SHUT_DOWN) == stops + 1, self.log

    def smsd(self, *words: str, status: int = 0) -> str:
        """Run the command ``smsd`` on this node's configuration; return what it prints."""
        done = subprocess.run(
            [str(SCRIPTS / "smsd"), "-c", str(self.config), *words],
            capture_output=True,
            text=True,
            timeout=30,
            cwd=self.folder,
            env=_ENV,
        )
        output = done.stdout + done.stderr
        assert done.returncode == status, f"smsd {' '.join(words)}: {done.returncode}: {output}"
        return output

    def resident_mib(self) -> float:
        """Return the memory that the process has."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Stage:
    """Everything that a test has started; it ends with the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.programs: list[Program] = []

    def node(
        self,
        database: str = "sqlite:smsd.db",
        name: str = "node",
        **settings: Mapping[str, Any],
    ) -> Node:
        """Return a node that is not started yet; a table's name is written with _ for each dot."""
        tables = {table.replace("__", "."): keys for table, keys in settings.items()}
        node = Node(self._folder / name, database, tables)
        self.programs.append(node)
        return node

    def smsc(self, *options: str, name: str = "smsc") -> Smsc:
        """Start an SMSC simulator."""
        smsc = Smsc(self._folder, name, *options)
        self.programs.append(smsc)
        return smsc

    def load(self, node: Node, name: str, *options: str) -> Load:
        """Start a load client."""
        load = Load(self._folder, name, node.smpp, *options)
        self.programs.append(load)
        return load

    def end(self) -> list[str]:
        """End what still runs and print the logs (pytest shows a failed test's); return what went wrong."""
        wrong = []
        for program in self.programs:
            if hasattr(program, "process") and program.running:
                program.kill()
            if program.log_file.exists():
                print(f"===== {program.log_file}\n{program.log[-20_000:]}")
                if isinstance(program, Node) and not program.failures_expected:
                    wrong += [
                        f"{program.name}: {line}"
                        for line in program.log.splitlines()
                        if any(word in line for word in FAILURES)
                    ]
        return wrong


_ENV = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONUNBUFFERED="1")


def _toml(value: Any) -> str:
    """Return a value as TOML has it within a line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def _endpoint(kind: str, port: int) -> str:
    return f"{kind}:{port}:interface=127.0.0.1:backlog=1024"  # Tests dial in a thousand at once.

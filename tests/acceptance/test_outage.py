"""The database goes away under load, and comes back: clients are told, and nothing accepted is lost."""

from __future__ import annotations

import os
import resource
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import smpplib.exceptions

from tests.acceptance.clients import (
    ESME_RMSGQFUL,
    ESME_RSYSERR,
    ESME_RTHROTTLED,
    Esme,
    Receiver,
    request,
    send,
)
from tests.acceptance.postgres import Postgres
from tests.acceptance.processes import Load, Node, Smsc, Stage, eventually, upstream

pytestmark = pytest.mark.acceptance

TELLS = {ESME_RSYSERR, ESME_RMSGQFUL, ESME_RTHROTTLED}
LOAD = ("--seconds", "120", "--rate", "800", "--binds", "2", "--window", "50")
DISK = 24 * 2**20


class Scene:
    """A node under load whose database can be taken away."""

    def __init__(self, stage: Stage, database: str, *before: str) -> None:
        self.smsc: Smsc = stage.smsc("--response-delay", "0.02", "--receipt-delay", "0.05")
        self.node: Node = stage.node(database, first_start=upstream(self.smsc.port, window=100))
        self.node.start(*before)
        self.receiver = Receiver(self.node.smpp)
        self.esme = Esme(self.node.smpp, "transmitter")
        self.load: Load = stage.load(self.node, "load", *LOAD)
        self.own: dict[str, str] = {}
        self.numbers = iter(range(10**6))
        self.http: dict[str, str] = {}
        self.reported: set[str] = set()
        self.flows()

    def submit(self) -> int:
        """Submit over SMPP; return the command_status."""
        destination = f"38595{next(self.numbers):07d}"
        try:
            self.own[self.esme.submit(destination)] = destination
        except smpplib.exceptions.PDUError as error:
            return int(error.args[1])
        return 0

    def send(self) -> int:
        """Send over HTTP; return the status."""
        destination = f"38596{next(self.numbers):07d}"
        status, answer = send(self.node.http, destination)
        if status == 200:
            self.http[answer["messages"][0]["messageId"]] = destination
        return status

    def fetch(self) -> int:
        """Fetch the reports that wait for HTTP, each of which is given once; return the status."""
        status, answer = request(self.node.http, "GET", "/sms/1/reports?limit=1000")
        if status == 200:
            self.reported.update(report["messageId"] for report in answer["results"])
        return status

    def flows(self) -> None:
        """Wait until messages are taken and receipts come."""
        had = self.receiver.receipts.total()
        eventually(lambda: self.submit() == 0, "a submit_sm is taken", 20)
        eventually(lambda: self.send() == 200, "HTTP takes a message", 20)
        eventually(lambda: self.receiver.receipts.total() > had + 50, "receipts flow", 20)

    def outage(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Take the database away, see what clients are told, and give it back."""
        begin()
        told: Counter[int] = Counter()

        def refused() -> bool:
            told[self.submit()] += 1
            return told.total() - told[0] >= 20

        eventually(refused, "submit_sm are refused for the moment")
        assert told.keys() <= TELLS | {0}
        eventually(lambda: self.send() == 503, "HTTP answers 503")
        assert self.fetch() in (200, 503)
        assert self.node.running
        end()
        self.flows()

    def finish(self) -> None:
        """Count."""
        self.load.process.terminate()
        result = self.load.result()
        assert result["lost_sessions"] == 0
        assert result["bound"] == 2
        assert result["unanswered"] <= 100, "no more than were under way when it was told to end"
        assert {int(status, 16) for status in result["errors"]} <= TELLS
        assert self.receiver.binds == 1, "the receiver's session has stayed"
        accepted = self.load.accepted() | self.own
        eventually(
            lambda: not accepted.keys() - self.receiver.receipts.keys(),
            "a receipt has come for every accepted message",
            30,
        )
        eventually(
            lambda: self.fetch() == 200 and not self.http.keys() - self.reported,
            "the report of every message sent over HTTP is there",
            30,
        )
        self.receiver.stop()
        self.esme.close()
        self.node.stop()
        _, destinations = self.smsc.finish()
        accepted |= self.http
        assert not set(accepted.values()) - destinations


def test_postgresql_goes_away_and_comes_back(stage: Stage) -> None:
    server = Postgres()
    try:
        scene = Scene(stage, server.database())
        for mode in ("fast", "immediate"):
            scene.outage(partial(server.stop, mode), server.start)
        scene.finish()
        # txpostgres logs a rollback that comes too late as an error of its own; nothing else may go wrong.
        scene.node.failures_expected = True
        log = scene.node.log
        assert log.count("Traceback") == log.count("psycopg2.InterfaceError: cursor already closed")
    finally:
        server.remove()


def test_a_disk_is_full_and_has_room_again(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "node" / "var"
    script = f'mkdir "$0" && mount -t tmpfs -o size={DISK} smsd "$0" && exec "$@"'
    unshare = ["unshare", *(["-m"] if os.geteuid() == 0 else ["-rm"]), "sh", "-c", script]
    if subprocess.run([*unshare, str(tmp_path / "probe"), "true"], capture_output=True).returncode:
        pytest.skip("a file system can't be mounted here")

    def seen_from_here() -> Path:
        return Path(f"/proc/{scene.node.process.pid}/root{folder}")

    def fill() -> None:
        with open(seen_from_here() / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    scene = Scene(stage, "sqlite:smsd.db", *unshare, str(folder))
    for _ in range(2):
        scene.outage(fill, lambda: (seen_from_here() / "filler").unlink())
    scene.finish()


def test_writes_fail_and_succeed_again(stage: Stage) -> None:
    scene = Scene(stage, "sqlite:smsd.db")

    def limit(size: int) -> None:
        resource.prlimit(scene.node.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    wal = scene.node.state / "smsd.db-wal"
    for _ in range(2):
        scene.outage(lambda: limit(max(4096, wal.stat().st_size // 2)), lambda: limit(resource.RLIM_INFINITY))
    scene.finish()

"""How a node starts, refuses to start, runs as a daemon and stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import smpplib.exceptions

from tests.acceptance.clients import Esme, request
from tests.acceptance.conftest import Database
from tests.acceptance.processes import SHUT_DOWN, Node, Stage, eventually

pytestmark = pytest.mark.acceptance


def _refused(node: Node) -> str:
    """Launch a node that can't start; return what it says."""
    begin = len(node.log) if node.log_file.exists() else 0
    node.launch()
    status = node.ended(30)
    said = node.log[begin:]
    assert status == 1, f"the exit status is {status}:\n{said}"
    assert "smsd is ready" not in said
    assert "Traceback" not in said, said
    return said


def test_a_node_refuses_the_schema_of_a_newer_one(stage: Stage, database: Database) -> None:
    node = stage.node(database.url)
    node.failures_expected = True
    node.start()
    node.stop()
    database.run(node, "INSERT INTO schema_version VALUES (9999, 0)")
    said = _refused(node)
    assert "schema version 9999" in said
    assert "start a newer smsd" in said
    assert "schema version 9999" in node.smsd("account", "list", status=1)


def test_a_second_node_on_the_same_database_is_refused(stage: Stage, database: Database) -> None:
    node = stage.node(database.url)
    node.start()
    url = f"sqlite:{node.state}/smsd.db" if database.is_sqlite else database.url
    second = stage.node(url, name="second")
    second.failures_expected = True
    assert "Another smsd" in _refused(second)
    Esme(node.smpp).close()
    node.kill()
    second.start()


@pytest.mark.parametrize("which", ["smpp", "tls", "http"])
def test_a_port_in_use_ends_the_start(stage: Stage, which: str) -> None:
    node = stage.node()
    node.failures_expected = True
    port = getattr(node, which)
    with socket.create_server(("127.0.0.1", port)):
        said = _refused(node)
    assert str(port) in said
    assert "in use" in said
    node.start()


@pytest.mark.parametrize(
    ("table", "keys", "words"),
    [
        ("smpp", {"window": 10}, ("smpp", "window")),
        ("smpp.limits", {"bind": "soon"}, ("smpp.limits.bind", "float")),
        ("smpp.limits", {"pdu": 100}, ("smpp.limits.pdu", "512")),
        ("smpp", {"listen": ["tcp:nonsense"]}, ("smpp.listen", "tcp:nonsense")),
        ("smpp", {"listen": ["udp:8888"]}, ("smpp.listen", "udp:8888")),
        ("http", {"listen": "tcp:8080"}, ("http.listen", "array")),
        ("tls", {"certificate": "none.crt", "key": "none.key"}, ("smpp.listen", "none.key")),
        ("first_start", {"channels": [{"name": "x", "kind": "fax"}]}, ("first_start", "fax")),
        ("queue", {"unstored": 0}, ("queue.unstored", "1")),
    ],
)
def test_a_bad_setting_ends_the_start(
    stage: Stage, table: str, keys: dict[str, object], words: tuple[str, ...]
) -> None:
    settings: dict[str, Any] = {table.replace(".", "__"): keys}
    node = stage.node(**settings)
    node.failures_expected = True
    said = _refused(node)
    for word in (str(node.config), *words):
        assert word in said


def test_a_database_that_is_none_ends_the_start(stage: Stage) -> None:
    for number, (url, words) in enumerate(
        (
            ("oracle:x", ("database", "sqlite:FILE", "postgresql://")),
            ("sqlite:no/such/folder.db", ("no/such/folder.db",)),
            ("postgresql://postgres:@127.0.0.1:1/x", ("PostgreSQL",)),
        )
    ):
        node = stage.node(url, name=f"node-{number}")
        node.failures_expected = True
        said = _refused(node)
        for word in words:
            assert word in said


def test_a_daemon_starts_and_stops(stage: Stage, database: Database, tmp_path: Path) -> None:
    node = stage.node(database.url)
    pid_file, log_file = tmp_path / "smsd.pid", tmp_path / "smsd.log"
    command = node.command(twistd=("--pidfile", str(pid_file), "--logfile", str(log_file)))
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    pid = int(eventually(lambda: pid_file.exists() and pid_file.read_text(), "there is a PID file"))
    try:
        eventually(lambda: log_file.exists() and "smsd is ready" in log_file.read_text(), "smsd is ready")
        assert os.getsid(pid) != os.getsid(0)
        esme = Esme(node.smpp)
        esme.submit("385910000001", registered_delivery=0)
        os.kill(pid, signal.SIGTERM)
        pdu = eventually(esme.read, "smsd takes its leave")
        assert pdu.command == "unbind"
        eventually(lambda: not Path(f"/proc/{pid}").exists(), "the daemon has ended", 20)
    finally:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGKILL)
            print(log_file.read_text())
    assert not pid_file.exists()
    log = log_file.read_text()
    assert SHUT_DOWN in log
    assert "Traceback" not in log
    esme.client.disconnect()
    with pytest.raises(ConnectionRefusedError):
        request(node.http, "GET", "/sms/1/reports")
    with pytest.raises(smpplib.exceptions.ConnectionError):
        Esme(node.smpp)


def test_a_daemon_that_cannot_start_says_why(stage: Stage, tmp_path: Path) -> None:
    node = stage.node()
    node.start()
    pid_file, log_file = tmp_path / "smsd.pid", tmp_path / "smsd.log"
    command = node.command(twistd=("--pidfile", str(pid_file), "--logfile", str(log_file)))
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=tmp_path)
    assert done.returncode == 1
    assert "in use" in done.stdout + done.stderr
    assert not pid_file.exists()
    assert f"smsd can't start: Couldn't listen on 127.0.0.1:{node.smpp}" in log_file.read_text()

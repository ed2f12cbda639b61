"""Slow and greedy HTTP clients on real sockets, plain and over TLS."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from tests.acceptance.clients import LIMIT, trusting
from tests.acceptance.processes import Node, Stage, eventually

pytestmark = pytest.mark.acceptance

HEAD = f"Host: localhost\r\nAuthorization: Basic {b64encode(b'demo:demo').decode()}\r\n"
ASKED = f"GET /sms/1/reports HTTP/1.1\r\n{HEAD}\r\n".encode()
ADDRESS = 20
LIMITS = {"idle": 2.0, "head": 1.0, "request": 2.0, "answer": 1.0, "connections": 50, "address": ADDRESS}
CHUNK = bytes(65_536)


@pytest.fixture
def node(stage: Stage) -> Node:
    """A node of little patience, with a plain port and one with TLS."""
    node = stage.node()
    ports = [f"tcp:{node.http}:interface=127.0.0.1", f"ssl:{node.tls}:interface=127.0.0.1"]
    tables: dict[str, dict[str, Any]] = {
        "smpp": {"listen": []},
        "http": {"listen": ports, "body": 100_000, "limits": LIMITS},
    }
    node.write("sqlite:smsd.db", tables)
    node.start()
    return node


@contextmanager
def connected(node: Node, secure: bool) -> Iterator[socket.socket]:
    """Connect to the plain port, or to the one with TLS."""
    with socket.create_connection(("127.0.0.1", node.tls if secure else node.http), timeout=LIMIT) as sock:
        if not secure:
            yield sock
            return
        with trusting(str(node.state / "self-signed.crt")).wrap_socket(sock) as secured:
            yield secured


def read(sock: socket.socket) -> bytes:
    """Return what comes until the node hangs up."""
    found = b""
    while data := sock.recv(65_536):
        found += data
    return found


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def secure(request: pytest.FixtureRequest) -> bool:
    """Whether clients use TLS."""
    return bool(request.param)


def test_who_sends_too_much_can_read_that_it_was_too_much(node: Node, secure: bool) -> None:
    with connected(node, secure) as sock:
        head = f"POST /sms/1/text/single HTTP/1.1\r\n{HEAD}Content-Length: 5000000\r\n\r\n"
        sock.sendall(head.encode())
        for _ in range(70):
            sock.sendall(CHUNK)
        assert sock.recv(100).startswith(b"HTTP/1.1 413 Request Entity Too Large\r\n")


def test_who_says_nothing_more_is_told_and_hung_up_on(node: Node, secure: bool) -> None:
    with connected(node, secure) as sock:
        sock.sendall(ASKED + ASKED[:20])
        said = read(sock)
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"HTTP/1.1 408 Request Timeout\r\n" in said


def test_who_never_reads_is_cut_off_and_takes_no_memory(node: Node, secure: bool) -> None:
    with connected(node, secure) as sock:
        sock.sendall(ASKED)
        assert sock.recv(12) == b"HTTP/1.1 200"  # What checking a password takes for once is there now.
        before = node.resident_mib()
        sock.settimeout(0.5)
        with suppress(TimeoutError, ConnectionError):
            while True:  # Until nothing more is read there, and all buffers between are full.
                sock.sendall(ASKED * 100)
        assert node.resident_mib() < before + 10

        def cut() -> bool:
            try:
                sock.sendall(b"x")
            except TimeoutError:
                return False
            except OSError:
                return True
            return False

        eventually(cut, "it is cut off")


def test_one_address_has_so_many_connections(node: Node, secure: bool) -> None:
    with ExitStack() as stack:
        socks = [stack.enter_context(connected(node, secure)) for _ in range(ADDRESS + 1)]
        codes = []
        for sock in socks:
            sock.sendall(ASKED)
            codes.append(sock.recv(12))
        assert codes == [b"HTTP/1.1 200"] * ADDRESS + [b"HTTP/1.1 503"]


def test_who_is_idle_makes_room(node: Node, secure: bool) -> None:
    with ExitStack() as stack:
        for _ in range(60):
            sock = stack.enter_context(connected(node, secure))
        sock.sendall(ASKED)
        assert sock.recv(12) == b"HTTP/1.1 200"

"""Clients that misbehave, or ask too much: the others are served, and memory is bounded."""

from __future__ import annotations

import contextlib
import select
import socket
import time

import pytest

from tests.acceptance.clients import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    ESME_RTHROTTLED,
    Esme,
    Receiver,
    bind_pdu,
    refusal,
    submit_pdu,
)
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Node, Stage, eventually, simulator, upstream

pytestmark = pytest.mark.acceptance

TWO_ACCOUNTS = {"accounts": [{"system_id": name, "password": name} for name in ("demo", "other")]}


def _dial(node: Node, data: bytes = b"") -> socket.socket:
    """Connect with the smallest receive buffer, send something and never read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(5)
    sock.connect(("127.0.0.1", node.smpp))
    sock.sendall(data)
    return sock


def _is_cut(sock: socket.socket) -> bool:
    """Return whether the server has ended the connection, reading nothing."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


def _is_served(esme: Esme, seconds: float = 3.0) -> None:
    """See that a message of this client is taken, sent and receipted in time."""
    begin = time.monotonic()
    message_id = esme.submit("385990000000")
    assert esme.receipt().receipted_message_id.decode() == message_id
    assert time.monotonic() - begin < seconds


def test_connections_that_never_bind_are_bounded_and_dropped(stage: Stage) -> None:
    node = stage.node(smpp__limits={"unbound": 100, "bind": 2.0})
    node.start()
    esme = Esme(node.smpp)
    half = bind_pdu(BIND_TRANSCEIVER)[:20]
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(contextlib.closing(_dial(node, half if number % 2 else b"")))
            for number in range(1000)
        ]
        eventually(
            lambda: sum(not _is_cut(sock) for sock in idle) <= 100,
            "those beyond the limit are cut at once",
            2,
        )
        _is_served(esme)
        eventually(lambda: all(map(_is_cut, idle)), "those that never bind are cut after a while", 6)
        eventually(lambda: refusal(node.smpp) == 0, "there is room for others again", 2)
    _is_served(esme)
    esme.close()


def test_clients_that_never_read_are_bounded_and_dropped(stage: Stage) -> None:
    node = stage.node(
        first_start=simulator(0.01) | TWO_ACCOUNTS, smpp__limits={"enquire": 1.0, "response": 1.0}
    )
    node.start()
    before = node.resident_mib()
    deaf = _dial(node, bind_pdu(BIND_RECEIVER))
    talker = _dial(node, bind_pdu(BIND_TRANSCEIVER))
    talker.settimeout(0.5)
    sent = 0
    with contextlib.closing(deaf), contextlib.closing(talker):
        try:
            while sent < 3_000_000 and not _is_cut(talker):
                numbers = range(sent + 2, sent + 102)
                talker.sendall(b"".join(submit_pdu(number, b"385910000000") for number in numbers))
                sent += 100
        except (TimeoutError, ConnectionError):
            pass
        assert 0 < sent < 3_000_000, "smsd stops reading from a client that doesn't read"
        other = Esme(node.smpp, system_id="other")
        _is_served(other)
        other.close()
        eventually(lambda: node.log.count("is cut off") == 2, "both are cut", 20)
        eventually(lambda: node.log.count("demo from 127.0.0.1 is gone") == 2, "both are gone", 20)
    # What is kept for a while of each message that the operator has taken is most of it.
    assert node.resident_mib() - before < 120
    # The receipts that they did not acknowledge go to a session that does.
    receiver = Receiver(node.smpp)
    eventually(lambda: receiver.receipts.total() > 1000, "receipts come", 20)
    receiver.stop()


def test_a_flood_leaves_the_others_their_share(stage: Stage, database: Database) -> None:
    smsc = stage.smsc("--response-delay", "0.1", "--receipt-delay", "0.01", "--window", "1000")
    node = stage.node(
        database.url,
        first_start=upstream(smsc.port, window=50) | TWO_ACCOUNTS,  # 500 messages a second.
        smpp__limits={"unanswered": 200},
        queue={"unstored": 1000, "messages": 500, "receipts": 500},
    )
    node.start()
    other = Esme(node.smpp, system_id="other")
    _is_served(other)
    load = stage.load(node, "load", "--binds", "3", "--window", "400", "--seconds", "60")
    eventually(lambda: node.log.count("demo is bound") == 3, "the load client has bound")
    sizes = []
    begin = time.monotonic()
    while time.monotonic() - begin < 5:
        _is_served(other)
        sizes.append(node.resident_mib())
    load.process.terminate()
    result = load.result()
    print(f"{result['accepted']} accepted, {result['throttled']} throttled, MiB: {sizes}")
    assert set(result["errors"]) == {f"0x{ESME_RTHROTTLED:08x}"}
    assert result["accepted"] > 5 * 500 * 2, "much more was accepted than the operator takes"
    assert result["lost_sessions"] == 0
    half = len(sizes) // 2
    assert max(sizes[half:]) < max(sizes[:half]) + 20, "memory stays flat"
    _is_served(other)

"""The PROXY protocol: its headers, and connections that are passed on."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.logger import capturedLogs

from smsd.http_api.site import Limits as HttpLimits
from smsd.http_api.site import Serving, site
from smsd.ports.proxy import V2_SIGNATURE, Header, NoHeader, ProxiedFactory, read_header
from smsd.ports.tls import Credentials, TlsFactory, TlsFiles
from smsd.smpp.pdu import EnquireLink, EnquireLinkResp
from smsd.smpp.session import Limits
from smsd.smpp.status import ESME_ROK
from tests.certificates import Authority
from tests.peers import FakeEsme, Network, Stack, Transport
from tests.ports.wires import BALANCER, Server, connect, secured

CLIENT = IPv4Address("TCP", "203.0.113.9", 40_000)
CLIENT_6 = IPv6Address("TCP", "2001:db8::9", 40_000)
V1 = b"PROXY TCP4 203.0.113.9 192.0.2.7 40000 8888\r\n"
V1_6 = b"PROXY TCP6 2001:db8::9 2001:db8::7 40000 8888\r\n"
V1_LONGEST = b"PROXY UNKNOWN " + b" ".join([b"ffff:" * 7 + b"ffff"] * 2) + b" 65535 65535\r\n"
"""The one of the specification."""


def version_2(command: int, family: int, addresses: bytes, version: int = 2) -> bytes:
    head = struct.pack(">BBH", version << 4 | command, family, len(addresses))
    return V2_SIGNATURE + head + addresses


ADDRESSES = bytes((203, 0, 113, 9, 192, 0, 2, 7)) + struct.pack(">HH", 40_000, 8888)
ADDRESSES_6 = (
    bytes.fromhex("20010db8000000000000000000000009 20010db8000000000000000000000007") + b"\x9c\x40\x22\xb8"
)
V2 = version_2(1, 0x11, ADDRESSES)
CRC32C = b"\x03\x00\x04\x01\x02\x03\x04"
"""Something that a balancer may add."""
HEADERS = {"version 1": V1, "version 2": V2}


@pytest.mark.parametrize(
    ("octets", "source"),
    [
        (V1, CLIENT),
        (V1_6, CLIENT_6),
        (b"PROXY TCP6 2001:0db8:0::0:9 ::1 40000 8888\r\n", CLIENT_6),
        (b"PROXY UNKNOWN\r\n", None),
        (V1_LONGEST, None),
        (V2, CLIENT),
        (version_2(1, 0x11, ADDRESSES + CRC32C), CLIENT),
        (version_2(1, 0x21, ADDRESSES_6), CLIENT_6),
        (version_2(0, 0x00, b""), None),
        (version_2(0, 0x11, ADDRESSES), None),
        (version_2(1, 0x00, b""), None),
        (version_2(1, 0x31, bytes(216)), None),
    ],
)
def test_a_header_tells_the_client_and_may_come_in_pieces(octets: bytes, source: object) -> None:
    assert len(V1_LONGEST) == 107
    for length in range(1, len(octets)):
        assert read_header(octets[:length]) is None
    assert read_header(octets) == Header(len(octets), source)  # type: ignore[arg-type]
    assert read_header(octets + V1) == Header(len(octets), source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PROXYTCP4",
        b"PROXY \r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.7 40000\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.7 x 8888\r\n",
        b"PROXY TCP4 hello 192.0.2.7 40000 8888\r\n",
        b"PROXY TCP4 2001:db8::9 2001:db8::7 40000 8888\r\n",
        b"PROXY TCP6 203.0.113.9 192.0.2.7 40000 8888\r\n",
        b"PROXY TCP4 \xff.0.113.9 192.0.2.7 40000 8888\r\n",
        b"PROXY UDP4 203.0.113.9 192.0.2.7 40000 8888\r\n",
        b"PROXY UNKNOWN " + b"x" * 93,
        b"PROXY UNKNOWN " + b"x" * 93 + b"\r\n",
        version_2(1, 0x11, ADDRESSES, version=1),
        version_2(2, 0x11, ADDRESSES),
        version_2(1, 0x11, ADDRESSES[:3]),
        version_2(1, 0x11, ADDRESSES[:11]),
        version_2(1, 0x11, ADDRESSES[:3]) + ADDRESSES,
        version_2(1, 0x21, ADDRESSES_6[:15]),
        version_2(1, 0x21, ADDRESSES),
    ],
)
def test_what_is_no_header(octets: bytes) -> None:
    with pytest.raises(NoHeader):
        read_header(octets)


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", V2_SIGNATURE, V2_SIGNATURE + b"\x21\x11"]), st.binary()
)
def test_whatever_comes_is_a_header_or_more_is_needed_or_it_is_none(start: bytes, rest: bytes) -> None:
    try:
        header = read_header(start + rest)
    except NoHeader:
        return
    assert header is None or header.length <= len(start + rest)


class Balanced:
    """A listener of a stack behind a balancer, with TLS or without."""

    def __init__(self, stack: Stack, folder: Path, tls: bool) -> None:
        self.stack = stack
        self.tls = tls
        factory: Any = stack.listener
        if tls:
            files = TlsFiles(*Authority().sign("server").write(folder, "server"))
            factory = TlsFactory(Credentials(files, "haproxy:ssl:8887"), factory, stack.network)
        self.factory = ProxiedFactory(factory)

    def esme(self, header: bytes) -> tuple[FakeEsme, Any]:
        """Return a client whom the balancer has announced, and the transport of its session."""
        network = self.stack.network
        esme = FakeEsme(network)
        client = secured(esme, network) if self.tls else esme
        server = self.factory.buildProtocol(BALANCER)
        assert server is not None
        make_connection = client.makeConnection

        def announced(transport: Any) -> None:
            transport.write(header)
            make_connection(transport)

        client.makeConnection = announced  # type: ignore[method-assign]
        (connection,) = self.stack.listener._connections
        network.join(client, server)
        network.settle()
        return esme, connection.transport


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def balanced(request: pytest.FixtureRequest, stack: Stack, tmp_path: Path) -> Balanced:
    return Balanced(stack, tmp_path, request.param)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_session_knows_the_client_once_the_header_has_come(balanced: Balanced, header: bytes) -> None:
    esme, transport = balanced.esme(header)
    assert transport.getPeer() == CLIENT
    assert esme.bind().command_status == ESME_ROK
    assert esme.submit().command_status == ESME_ROK
    balanced.stack.wait(1)
    assert len(balanced.stack.smsc.submits) == 1


def test_until_then_the_peer_is_the_balancer(stack: Stack, tmp_path: Path) -> None:
    _, transport = Balanced(stack, tmp_path, False).esme(V1[:10])
    assert transport.getPeer() == BALANCER


def test_the_balancer_s_own_connection_is_served_as_its(balanced: Balanced) -> None:
    esme, transport = balanced.esme(b"PROXY UNKNOWN\r\n")
    assert transport.getPeer() == BALANCER
    assert esme.bind().command_status == ESME_ROK


def test_a_client_that_does_not_read_is_not_read_from(balanced: Balanced) -> None:
    esme, transport = balanced.esme(V2)
    esme.bind()
    (connection,) = balanced.stack.listener._connections
    bottom = transport
    while not isinstance(bottom, Transport):
        bottom = bottom.transport
    bottom.unread = True
    for _ in range(6000):
        esme.send(EnquireLink())
    balanced.stack.settle()
    assert bottom.paused
    assert not connection.reading
    bottom.unread = False
    balanced.stack.settle()
    assert not bottom.paused
    assert connection.reading
    assert len(esme.all(EnquireLinkResp)) == 6000


def test_a_session_is_unbound_when_the_node_stops(balanced: Balanced) -> None:
    esme, _ = balanced.esme(V2)
    esme.bind()
    balanced.stack.listener.end()
    balanced.stack.settle()
    assert not esme.connected_now
    assert balanced.stack.listener._connections == set()


def test_a_client_that_does_not_bind_is_dropped(balanced: Balanced) -> None:
    esme, _ = balanced.esme(V2)
    balanced.stack.wait(Limits().bind + 1)
    assert not esme.connected_now


@pytest.mark.parametrize("sent", [b"", V1[:20], V2[:14]])
def test_a_header_that_does_not_end_is_dropped_as_a_client_that_does_not_bind(
    balanced: Balanced, sent: bytes
) -> None:
    wire = connect(balanced.stack.network, balanced.factory)
    wire.transport.write(sent)
    balanced.stack.wait(Limits().bind - 2)
    assert wire.open
    balanced.stack.wait(5)
    assert not wire.open
    assert balanced.stack.listener._connections == set()


def test_a_header_that_does_not_end_is_dropped_as_an_idle_http_client(stack: Stack) -> None:
    web = site(stack.api, HttpLimits(), stack.network)
    Serving(web).startService()
    wire = connect(stack.network, ProxiedFactory(web))
    wire.transport.write(V1[:20])
    stack.wait(HttpLimits().idle + 1)
    assert not wire.open


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\0" * 100])
def test_a_connection_without_a_header_is_cut_and_told_in_a_line(balanced: Balanced, sent: bytes) -> None:
    wire = connect(balanced.stack.network, balanced.factory)
    with capturedLogs() as events:
        wire.transport.write(sent)
        balanced.stack.settle()
    assert not wire.open
    assert wire.said == b""
    assert balanced.stack.listener._connections == set()
    assert [event["log_level"].name for event in events] == ["info"]
    assert events[0]["peer"] == "192.0.2.1"


def test_what_comes_in_many_pieces_arrives_whole(network: Network) -> None:
    server = Server()
    wire = connect(network, ProxiedFactory(server))
    for octet in V1 + b"hello" + V1:
        wire.transport.write(bytes([octet]))
        network.settle()
    assert server.wires[0].said == b"hello" + V1


def test_limits_hold_behind_a_balancer(balanced: Balanced) -> None:
    server = Server()
    server.declines = True
    assert ProxiedFactory(server).buildProtocol(BALANCER) is None
    factory = balanced.factory
    factory.wrappedFactory = server
    assert factory.buildProtocol(BALANCER) is None

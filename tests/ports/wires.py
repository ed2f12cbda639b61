"""Ends of connections in memory, with and without TLS."""

from __future__ import annotations

from typing import Any

from twisted.internet import ssl
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from tests.peers import Network

BALANCER = IPv4Address("TCP", "192.0.2.1", 4711)
"""Who connects to the listener, as tests' transports have it."""


class Wire(Protocol):
    """Keeps what comes."""

    transport: Any

    def __init__(self) -> None:
        self.said = b""
        self.open = False
        self.reason: BaseException | None = None

    def connectionMade(self) -> None:
        self.open = True

    def dataReceived(self, data: bytes) -> None:
        self.said += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.open = False
        self.reason = reason.value if reason is not None else None


class Server(Factory):
    """Serves wires, all of which it keeps; it may decline connections."""

    noisy = False

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.declines = False

    def buildProtocol(self, addr: Any) -> Wire | None:
        if self.declines:
            return None
        self.wires.append(Wire())
        return self.wires[-1]


def connect(network: Network, server: Any, **tls: Any) -> Wire:
    """Return a client's end of a connection, with TLS if there are options for that."""
    wire = Wire()
    client: Any = secured(wire, network, **tls) if tls else wire
    network.join(client, server.buildProtocol(BALANCER))
    network.settle()
    return wire


def secured(protocol: Protocol, network: Network, **options: Any) -> Protocol:
    """Put TLS around a client; the options are those of Twisted's ``CertificateOptions``."""
    options.pop("tls", None)
    inner = Factory()
    inner.buildProtocol = lambda addr: protocol  # type: ignore[method-assign]
    factory = TLSMemoryBIOFactory(ssl.CertificateOptions(**options), True, inner, network)
    return factory.buildProtocol(None)

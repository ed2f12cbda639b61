"""The PROXY protocol, by which a load balancer says whose connection it passes on.

Versions 1 and 2 of https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. Twisted's own ``haproxy:``
is not used: it declines the line ``PROXY UNKNOWN``, by which balancers check a server, fails with a traceback
on a port that is no number, and has the header within TLS.
"""

from __future__ import annotations

from ipaddress import IPv4Address as Ipv4
from ipaddress import IPv6Address as Ipv6
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

V1_LONGEST = 107
"""Octets of the longest line of version 1 (section 2.1)."""
V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2_FIXED = 16
"""Octets of version 2 before the addresses (section 2.2)."""
LOCAL, PROXY = 0x20, 0x21
"""Version and command: the balancer's own connection, or a client's."""
TCP4, TCP6 = 0x11, 0x21
"""Family and transport."""
ADDRESSES = {TCP4: 12, TCP6: 36}
"""Octets of both addresses and both ports; what may follow them says nothing of the client's address."""


class NoHeader(ValueError):
    """A connection does not begin with a PROXY header; the text says what is wrong."""


class Header(NamedTuple):
    """A PROXY header."""

    length: int
    """Its octets."""
    source: IPv4Address | IPv6Address | None
    """Who has connected to the balancer; ``None`` if it doesn't say."""


def read_header(data: bytes) -> Header | None:
    """Return the header that a connection begins with, or ``None`` if more octets are needed.

    Raises:
        NoHeader: if there is none.
    """
    try:
        if data[: len(V2_SIGNATURE)] == V2_SIGNATURE[: len(data)]:
            return _version_2(data)
        if data[:6] == b"PROXY "[: len(data)]:
            return _version_1(data)
    except ValueError as error:
        raise NoHeader(str(error)) from error
    raise NoHeader("it begins with something else")


def _version_1(data: bytes) -> Header | None:
    line, end, _ = data[:V1_LONGEST].partition(b"\r\n")
    if not end:
        if len(data) >= V1_LONGEST:
            raise ValueError("its line does not end")
        return None
    source: IPv4Address | IPv6Address | None = None
    match line.decode("ascii").split(" "):
        case ["PROXY", "UNKNOWN", *_]:
            pass
        case ["PROXY", "TCP4", host, _, port, _]:
            source = IPv4Address("TCP", str(Ipv4(host)), int(port))
        case ["PROXY", "TCP6", host, _, port, _]:
            source = IPv6Address("TCP", str(Ipv6(host)), int(port))
        case _:
            raise ValueError("its line is not one of version 1")
    return Header(len(line) + len(end), source)


def _version_2(data: bytes) -> Header | None:
    if len(data) < V2_FIXED:
        return None
    command, family, length = data[12], data[13], int.from_bytes(data[14:16], "big")
    if command not in (LOCAL, PROXY):
        raise ValueError("its version or command is unknown")
    if len(data) < V2_FIXED + length:
        return None
    addresses = data[V2_FIXED : V2_FIXED + length]
    source: IPv4Address | IPv6Address | None = None
    if command == PROXY and family in ADDRESSES:
        if length < ADDRESSES[family]:
            raise ValueError("its addresses are cut short")
        if family == TCP4:
            source = IPv4Address("TCP", str(Ipv4(addresses[:4])), int.from_bytes(addresses[8:10], "big"))
        else:
            source = IPv6Address("TCP", str(Ipv6(addresses[:16])), int.from_bytes(addresses[32:34], "big"))
    return Header(V2_FIXED + length, source)


class ProxiedProtocol(ProtocolWrapper):
    """A connection that a balancer passes on: takes off the header, and then has the client's address."""

    log = Logger()

    def __init__(self, factory: WrappingFactory[Any], wrapped: IProtocol) -> None:
        super().__init__(factory, wrapped)
        self._begun = False
        self._held = b""
        self._source: IAddress | None = None

    def dataReceived(self, data: bytes) -> None:
        """Take the header; a connection without one is cut."""
        if self._begun:
            self.wrappedProtocol.dataReceived(data)
            return
        self._held += data
        try:
            header = read_header(self._held)
        except NoHeader as error:
            self.log.info(
                "{peer} is cut off: it sends no PROXY header: {reason}",
                peer=getattr(self.getPeer(), "host", self.getPeer()),
                reason=str(error),
            )
            self._held = b""
            self.abortConnection()
            return
        if header is not None:
            self._begun, self._source = True, header.source
            rest, self._held = self._held[header.length :], b""
            if rest:
                self.wrappedProtocol.dataReceived(rest)

    def getPeer(self) -> IAddress:
        """Return the client's address, or the balancer's until the header has come or if it has none."""
        return self._source or super().getPeer()


class ProxiedFactory(WrappingFactory):
    """Takes the PROXY header off the connections of a factory, which may also decline a connection."""

    noisy = False

    def logPrefix(self) -> str:
        """Return what the log calls its ports."""
        return f"{self.wrappedFactory.logPrefix()} (PROXY)"

    def buildProtocol(self, addr: IAddress | None) -> ProxiedProtocol | None:  # type: ignore[override]
        """Return the protocol of a new connection, or ``None`` if the factory wants no more."""
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else ProxiedProtocol(self, wrapped)

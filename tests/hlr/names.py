"""A name server in memory, reached by UDP and TCP as name servers are."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.names import dns
from twisted.names.authority import FileAuthority
from twisted.names.server import DNSServerFactory

from tests.peers import Network

ADDRESS = "192.0.2.53"


class Names(Network):
    """A network with datagrams: what is sent to an address with a server arrives at once."""

    def __init__(self) -> None:
        super().__init__()
        self.servers: dict[tuple[str, int], dns.DNSDatagramProtocol] = {}
        self.queries: list[tuple[str, int]] = []
        """Where each datagram went."""
        self.sockets = 0
        """How many there are."""

    def listenUDP(self, port: int, protocol: Any, interface: str = "", *_: Any) -> Any:
        self.sockets += 1
        protocol.makeConnection(Socket(self, protocol, ("192.0.2.1", port)))
        return protocol.transport


class Socket:
    """The end of whoever asks."""

    def __init__(self, names: Names, protocol: Any, address: tuple[str, int]) -> None:
        self._names = names
        self._protocol = protocol
        self._address = address

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        self._names.queries.append(address)
        server = self._names.servers.get(address)
        if server is not None:
            self._names.callLater(0, self._ask, server, data, address)

    def _ask(self, server: dns.DNSDatagramProtocol, data: bytes, address: tuple[str, int]) -> None:
        server.transport = Answers(self, address)  # type: ignore[assignment]
        server.datagramReceived(data, self._address)

    def receive(self, data: bytes, address: tuple[str, int]) -> None:
        self._names.callLater(0, self._protocol.datagramReceived, data, address)

    def stopListening(self) -> None:
        self._names.sockets -= 1


class Answers:
    """The end of a server."""

    def __init__(self, socket: Socket, address: tuple[str, int]) -> None:
        self._socket = socket
        self._address = address

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        self._socket.receive(data, self._address)


class Zone(FileAuthority):
    """The records of a domain."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        super().__init__("")

    def loadFile(self, filename: str) -> None:
        soa = dns.Record_SOA(mname=b"ns", rname=b"root", serial=1, refresh=1, retry=1, expire=1, minimum=1)
        self.records: Any = {self._suffix.encode(): [soa]}
        self.soa: Any = (self._suffix.encode(), soa)

    def add(self, name: str, *records: Any) -> None:
        self.records[name.lower().encode()] = list(records)


class Truncating(DNSServerFactory):
    """A server whose answers don't fit a datagram."""

    def sendReply(self, protocol: Any, message: dns.Message, address: Any) -> None:
        if address is not None:
            message.trunc = 1
            message.answers = []
        super().sendReply(protocol, message, address)


class Refusing(DNSServerFactory):
    """A server that answers nobody."""

    def sendReply(self, protocol: Any, message: dns.Message, address: Any) -> None:
        message.rCode = dns.EREFUSED
        super().sendReply(protocol, message, address)


def serve(
    names: Names,
    zone: Zone,
    address: tuple[str, int] = (ADDRESS, 53),
    kind: type[DNSServerFactory] = DNSServerFactory,
) -> None:
    """Let a zone be asked for at an address."""
    factory = kind(authorities=[zone])
    server = names.servers[address] = dns.DNSDatagramProtocol(factory, reactor=names)
    server.doStart()
    names.ports[address[1]] = lambda: factory.buildProtocol(IPv4Address("TCP", *address))


def naptr(regexp: str, service: str = "E2U+pstn:tel", order: int = 100) -> dns.Record_NAPTR:
    """Return a record."""
    return dns.Record_NAPTR(order, 10, b"u", service.encode(), regexp.encode(), b"", ttl=60)

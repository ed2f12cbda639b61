"""What is known of the other end of a transport."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smsd.peer import Peer, peer_of
from smsd.ports.proxy import ProxiedFactory
from smsd.ports.tls import Credentials, TlsFactory, TlsFiles
from tests.certificates import Authority
from tests.peers import Network
from tests.ports.wires import BALANCER, Server, Wire, secured

AUTHORITY = Authority()


class Listener:
    """A listener in memory; ``asks`` tells whether it requires certificates."""

    def __init__(self, folder: Path, *, tls: bool, asks: bool = False, proxied: bool = False) -> None:
        self.network = Network()
        self.server = Server()
        self.tls = tls
        self.header = b"PROXY TCP4 203.0.113.9 192.0.2.7 40000 8888\r\n" if proxied else b""
        factory: Any = self.server
        if tls:
            clients = folder / "clients.crt"
            clients.write_bytes(AUTHORITY.certificate_pem)
            files = TlsFiles(*AUTHORITY.sign("server").write(folder, "server"))
            if asks:
                files = TlsFiles(files.certificate, files.key, client_ca=clients)
            factory = TlsFactory(Credentials(files, "ssl:8887"), factory, self.network)
        self.factory = ProxiedFactory(factory) if proxied else factory

    def peer(self, *names: str) -> Peer:
        """Return what is known of a client that shows a certificate with these common names."""
        wire = Wire()
        own = AUTHORITY.sign(*names).for_twisted
        options = {"certificate": own.original, "privateKey": own.privateKey.original}
        client: Any = secured(wire, self.network, **options) if self.tls else wire
        make_connection = client.makeConnection

        def announced(transport: Any) -> None:
            transport.write(self.header)
            make_connection(transport)

        client.makeConnection = announced
        self.network.join(client, self.factory.buildProtocol(BALANCER))
        wire.transport.write(b"hello")
        self.network.settle()
        self.last = wire
        return peer_of(self.server.wires[-1].transport)


@pytest.mark.parametrize(("proxied", "host"), [(False, "192.0.2.1"), (True, "203.0.113.9")])
@pytest.mark.parametrize(
    ("tls", "asks", "name"), [(False, False, None), (True, False, None), (True, True, "acme")]
)
def test_address_tls_and_name_are_known(
    tmp_path: Path, proxied: bool, host: str, tls: bool, asks: bool, name: str | None
) -> None:
    listener = Listener(tmp_path, tls=tls, asks=asks, proxied=proxied)
    assert listener.peer("acme") == Peer(host, tls, name)


@pytest.mark.parametrize("names", [(), ("acme", "other")])
def test_a_certificate_without_exactly_one_name_gives_none(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert Listener(tmp_path, tls=True, asks=True).peer(*names).name is None


def test_a_connection_that_is_gone_is_asked_in_vain(tmp_path: Path) -> None:
    listener = Listener(tmp_path, tls=True, asks=True)
    listener.peer("acme")
    listener.last.transport.loseConnection()
    listener.network.settle()
    assert not listener.server.wires[0].open
    assert peer_of(listener.server.wires[0].transport) == Peer("192.0.2.1", True, None)

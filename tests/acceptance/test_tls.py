"""TLS and the PROXY protocol at a node's ports: renewed certificates, clients' certificates, balancers."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clients import (
    BIND_TRANSCEIVER,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    HEADER,
    LIMIT,
    bind_pdu,
    trusting,
)
from tests.acceptance.processes import Node, Stage, eventually
from tests.certificates import Authority, Signed, replace

pytestmark = pytest.mark.acceptance

V1 = b"PROXY TCP4 203.0.113.9 192.0.2.7 40000 8888\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n" + bytes.fromhex("2111000c cb007109 c0000207 9c40 22b8")
RESPONSE = 1 << 31
REFUSED = r"alert|reset|pipe"
"""How a client that is refused learns it: from TLS or, if it is just writing, from TCP."""


class Session:
    """An SMPP session on a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def bind(self) -> None:
        self._sock.sendall(bind_pdu(BIND_TRANSCEIVER))
        assert self._answer() == (BIND_TRANSCEIVER | RESPONSE, 0)

    def lives(self) -> bool:
        """Whether the node answers."""
        self._sock.sendall(HEADER.pack(16, ENQUIRE_LINK, 0, 2))
        return self._answer() == (ENQUIRE_LINK_RESP, 0)

    def _answer(self) -> tuple[int, int]:
        length, command, status, _ = HEADER.unpack(self._read(HEADER.size))
        self._read(length - HEADER.size)
        return command, status

    def _read(self, count: int) -> bytes:
        held = b""
        while len(held) < count:
            data = self._sock.recv(count - len(held))
            assert data, "the node hangs up"
            held += data
        return held


@contextmanager
def connected(port: int, tls: ssl.SSLContext | None = None, header: bytes = b"") -> Iterator[socket.socket]:
    """Connect; a header that is announced comes before TLS."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as sock:
        sock.sendall(header)
        if tls is None:
            yield sock
        else:
            with tls.wrap_socket(sock) as secured:
                yield secured


def shown(port: int) -> bytes:
    """Return the certificate that a listener shows, as PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with connected(port, context) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        der = sock.getpeercert(binary_form=True)
        assert der is not None
        return ssl.DER_cert_to_PEM_cert(der).encode()


def endpoint(kind: str, port: int, options: str = "") -> str:
    return f"{kind}:{port}:interface=127.0.0.1{options}"


def served(node: Node, authority: Authority, server: Signed, **smpp: Any) -> str:
    """Start a node whose certificate is this one, for SMPP and for HTTP; return the authority's file."""
    server.write(node.folder, "server")
    root = node.folder / "authority.pem"
    root.write_bytes(authority.certificate_pem)
    tables: dict[str, Any] = {
        "smpp": {"listen": [endpoint("ssl", node.tls)]} | smpp,
        "http": {"listen": [endpoint("ssl", node.http)]},
        "tls": {"certificate": "server.crt", "key": "server.key"},
    }
    node.write("sqlite:smsd.db", tables)
    node.start()
    return str(root)


def test_a_renewed_certificate_is_shown_to_new_connections_and_sessions_stay(stage: Stage) -> None:
    authority = Authority()
    first, second = authority.sign("first"), authority.sign("second")
    node = stage.node()
    root = served(node, authority, first)
    with connected(node.tls, trusting(root)) as sock:
        session = Session(sock)
        session.bind()
        assert shown(node.tls) == shown(node.http) == first.certificate_pem
        replace(node.folder / "server.crt", second.certificate_pem)
        assert shown(node.tls) == shown(node.http) == first.certificate_pem
        assert "but the old ones stay in use: the key" in node.log
        replace(node.folder / "server.key", second.key_pem)
        assert shown(node.tls) == shown(node.http) == second.certificate_pem
        assert session.lives()
    assert node.log.count("have changed; new connections use them.") == 2


def test_tls_1_1_is_refused(stage: Stage) -> None:
    node = stage.node()
    node.start()
    context = trusting(str(node.state / "self-signed.crt"))
    context.set_ciphers("ALL:@SECLEVEL=0")  # Else the client itself would not speak it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="alert protocol version"), connected(node.tls, context):
        pass
    context = trusting(str(node.state / "self-signed.crt"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connected(node.tls, context) as sock:
        Session(sock).bind()


def showing(root: str, folder: Path, own: Signed) -> ssl.SSLContext:
    """Return the context of a client that shows a certificate."""
    context = trusting(root)
    context.load_cert_chain(*own.write(folder, "client"))
    return context


def test_a_client_certificate_is_required_where_the_section_says_so(stage: Stage, tmp_path: Path) -> None:
    authority, other = Authority(), Authority("Other")
    node = stage.node()
    clients = node.folder / "clients.pem"
    clients.write_bytes(authority.certificate_pem)
    server = authority.sign("server")
    root = served(node, authority, server, client_ca="clients.pem")
    acme, stranger = authority.sign("acme"), other.sign("acme")
    for context in (trusting(root), showing(root, tmp_path, stranger)):
        with (
            pytest.raises((ssl.SSLError, ConnectionError), match=REFUSED),
            connected(node.tls, context) as sock,
        ):
            Session(sock).bind()
    with connected(node.tls, showing(root, tmp_path, acme)) as sock:
        session = Session(sock)
        session.bind()
        replace(clients, other.certificate_pem)
        with connected(node.tls, showing(root, tmp_path, stranger)) as late:
            Session(late).bind()
        assert session.lives()
    assert shown(node.http) == server.certificate_pem, "HTTP asks for none"


@pytest.mark.parametrize("header", [V1, V2], ids=["version 1", "version 2"])
@pytest.mark.parametrize("kind", ["tcp", "ssl"])
def test_behind_a_balancer_the_client_is_known(stage: Stage, kind: str, header: bytes) -> None:
    node = stage.node()
    node.write("sqlite:smsd.db", {"smpp": {"listen": [endpoint(f"haproxy:{kind}", node.smpp)]}})
    node.start()
    tls = trusting(str(node.state / "self-signed.crt")) if kind == "ssl" else None
    with connected(node.smpp, tls, header) as sock:
        session = Session(sock)
        session.bind()
        assert session.lives()
        assert "demo is bound from 203.0.113.9 as BOUND_TRX" in node.log
    with connected(node.smpp) as sock:
        sock.sendall(bind_pdu(BIND_TRANSCEIVER))
        with suppress(ConnectionResetError):
            assert sock.recv(1) == b""
    eventually(lambda: "127.0.0.1 is cut off: it sends no PROXY header" in node.log, "it is told")

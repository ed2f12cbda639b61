"""TLS of listeners: their certificates and when they change, clients' certificates, handshakes."""

from __future__ import annotations

import ssl as python_ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import ssl
from twisted.logger import capturedLogs

from smsd.http_api.site import Limits as HttpLimits
from smsd.http_api.site import Serving, site
from smsd.ports.tls import Credentials, TlsFactory, TlsFiles, Unusable
from smsd.smpp.session import Limits
from tests.certificates import Authority, Signed, replace
from tests.peers import Network, Stack
from tests.ports.wires import Server, Wire, connect

AUTHORITY = Authority()
FIRST, SECOND = AUTHORITY.sign("first"), AUTHORITY.sign("second")


@dataclass
class Listener:
    """A TLS listener in memory."""

    network: Network
    folder: Path
    files: TlsFiles

    def __post_init__(self) -> None:
        self.server = Server()
        self.factory = TlsFactory(Credentials(self.files, "ssl:8887"), self.server, self.network)

    def connect(self, **options: Any) -> Wire:
        return connect(self.network, self.factory, tls=True, **options)

    def serves(self, wire: Wire) -> bool:
        """Whether a client's words reach the server on its connection, which is the newest, or this one."""
        wire.transport.write(b"hello")
        self.network.settle()
        return wire.open and any(end.said.endswith(b"hello") for end in self.server.wires)


def shown(wire: Wire) -> object:
    """Return the certificate that a client was shown."""
    return wire.transport.getPeerCertificate().to_cryptography()


@pytest.fixture
def listener(network: Network, tmp_path: Path) -> Listener:
    return Listener(network, tmp_path, TlsFiles(*FIRST.write(tmp_path, "server")))


def test_a_connection_is_served_with_the_certificate(listener: Listener) -> None:
    wire = listener.connect()
    assert listener.serves(wire)
    assert shown(wire) == FIRST.original


@pytest.mark.parametrize("apart", [False, True])
def test_certificates_that_lead_to_the_authority_are_shown(
    network: Network, tmp_path: Path, apart: bool
) -> None:
    below = Authority("Below", AUTHORITY)
    server = below.sign("server")
    certificate, key = server.write(tmp_path, "server")
    chain = tmp_path / "chain.crt"
    if apart:
        chain.write_bytes(below.certificate_pem)
    else:
        certificate.write_bytes(server.certificate_pem + below.certificate_pem)
    listener = Listener(network, tmp_path, TlsFiles(certificate, key, chain if apart else None))
    root = ssl.Certificate.loadPEM(AUTHORITY.certificate_pem)
    assert listener.serves(listener.connect(trustRoot=root))


def test_key_and_certificate_may_be_in_one_file(network: Network, tmp_path: Path) -> None:
    both = tmp_path / "server.pem"
    both.write_bytes(FIRST.certificate_pem + FIRST.key_pem)
    assert shown(Listener(network, tmp_path, TlsFiles(both, both)).connect()) == FIRST.original


@pytest.mark.parametrize(
    ("version", "spoken"),
    [("TLSv1", None), ("TLSv1_1", None), ("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")],
)
def test_tls_is_1_2_or_newer(listener: Listener, version: str, spoken: str | None) -> None:
    context = python_ssl.SSLContext(python_ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = python_ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # Else the client itself would not speak the older ones.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = python_ssl.TLSVersion[version]
    incoming, outgoing = python_ssl.MemoryBIO(), python_ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing)
    wire = connect(listener.network, listener.factory)
    refusal = ""
    for _ in range(3):
        try:
            client.do_handshake()
        except python_ssl.SSLWantReadError:
            pass
        except python_ssl.SSLError as error:
            refusal = error.reason
            break
        wire.transport.write(outgoing.read())
        listener.network.settle()
        incoming.write(wire.said)
        wire.said = b""
    assert client.version() == spoken
    assert refusal == ("" if spoken else "TLSV1_ALERT_PROTOCOL_VERSION")


def test_a_new_certificate_is_for_new_connections_and_old_ones_go_on(listener: Listener) -> None:
    before = listener.connect()
    with capturedLogs() as events:
        SECOND.write(listener.folder, "server")
        after = listener.connect()
        listener.connect()
    assert shown(after) == SECOND.original
    assert listener.serves(after)
    assert listener.serves(before)
    assert shown(before) == FIRST.original
    assert [event["log_format"] for event in events] == [
        "The TLS files of {listener} have changed; new connections use them."
    ]


def test_half_a_new_pair_is_not_used_until_the_other_half_comes(listener: Listener) -> None:
    with capturedLogs() as events:
        replace(listener.files.certificate, SECOND.certificate_pem)
        first, again = listener.connect(), listener.connect()
        replace(listener.files.key, SECOND.key_pem)
        last = listener.connect()
    assert [shown(wire) for wire in (first, again, last)] == [
        FIRST.original,
        FIRST.original,
        SECOND.original,
    ]
    assert [event["log_level"].name for event in events] == ["warn", "info"]
    assert events[0]["reason"] == (
        f"the key {listener.files.key} does not belong to the certificate {listener.files.certificate}"
    )


def test_files_that_are_as_bad_as_before_but_others_are_told_again(listener: Listener) -> None:
    with capturedLogs() as events:
        for content in (b"nothing", b"nothing either"):
            replace(listener.files.key, content)
            listener.connect()
    assert [event["log_level"].name for event in events] == ["warn", "warn"]


def test_the_old_files_put_back_are_used(listener: Listener) -> None:
    key = listener.files.key
    key.rename(kept := key.with_suffix(".kept"))
    assert shown(listener.connect()) == FIRST.original
    kept.rename(key)
    with capturedLogs() as events:
        assert shown(listener.connect()) == FIRST.original
        SECOND.write(listener.folder, "server")
        assert shown(listener.connect()) == SECOND.original
    assert {event["log_level"].name for event in events} == {"info"}


def no_file(file: Path) -> None:
    file.unlink()


def half(file: Path) -> None:
    content = file.read_bytes()
    replace(file, content[: len(content) // 2])


def nothing(file: Path) -> None:
    replace(file, b"")


def encrypted(file: Path) -> None:
    replace(file, FIRST.encrypted_key_pem)


def of_another(file: Path) -> None:
    replace(file, SECOND.key_pem)


@pytest.mark.parametrize(
    ("which", "spoil", "reason"),
    [
        ("key", no_file, "server.key can't be read: No such file"),
        ("key", half, "server.key has no private key"),
        ("key", nothing, "server.key has no private key"),
        ("key", encrypted, "server.key is encrypted"),
        ("key", of_another, "server.crt"),
        ("certificate", no_file, "server.crt can't be read: No such file"),
        ("certificate", half, "server.crt has no certificate"),
        ("certificate", nothing, "server.crt has no certificate"),
        ("client_ca", no_file, "clients.crt can't be read: No such file"),
        ("client_ca", half, "clients.crt has no certificate"),
        ("chain", half, "chain.crt has no certificate"),
        ("dh_parameters", no_file, "dh.pem can't be read: No such file"),
    ],
)
def test_files_that_cannot_be_used_end_the_start_or_leave_the_old_in_use(
    network: Network, tmp_path: Path, which: str, spoil: Callable[[Path], None], reason: str
) -> None:
    certificate, key = FIRST.write(tmp_path, "server")
    more = {"client_ca": tmp_path / "clients.crt", "chain": tmp_path / "chain.crt"}
    for file in more.values():
        file.write_bytes(AUTHORITY.certificate_pem)
    if which == "dh_parameters":
        more[which] = tmp_path / "dh.pem"
        more[which].write_bytes(DH_PARAMETERS)
    listener = Listener(network, tmp_path, TlsFiles(certificate, key, **more))
    spoil(getattr(listener.files, which))
    with pytest.raises(Unusable) as caught:
        Credentials(listener.files, "ssl:8887")
    assert reason in str(caught.value)
    with capturedLogs() as events:
        wire = listener.connect(**FIRST_AS_CLIENT)
    assert shown(wire) == FIRST.original
    assert listener.serves(wire)
    (event,) = events
    assert event["log_level"].name == "warn"
    assert event["reason"] == str(caught.value)


DH_PARAMETERS = b"""-----BEGIN DH PARAMETERS-----
MIIBDAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAgICAOE=
-----END DH PARAMETERS-----
"""
"""ffdhe2048 of RFC 7919."""


def as_client(signed: Signed) -> dict[str, Any]:
    """Return the options of a client that shows a certificate."""
    own = signed.for_twisted
    return {"certificate": own.original, "privateKey": own.privateKey.original}


FIRST_AS_CLIENT = as_client(FIRST)


@pytest.fixture
def demanding(network: Network, tmp_path: Path) -> Listener:
    """A listener that requires a certificate of its clients."""
    clients = tmp_path / "clients.crt"
    clients.write_bytes(AUTHORITY.certificate_pem)
    certificate, key = FIRST.write(tmp_path, "server")
    return Listener(network, tmp_path, TlsFiles(certificate, key, client_ca=clients))


def test_a_client_with_a_certificate_of_the_authority_is_served(demanding: Listener) -> None:
    assert demanding.serves(demanding.connect(**as_client(AUTHORITY.sign("acme"))))


@pytest.mark.parametrize(
    "options",
    [{}, as_client(Authority().sign("acme")), as_client(Authority("Other").sign("acme"))],
    ids=["none", "of an authority that only has the name", "of another authority"],
)
def test_a_client_without_such_a_certificate_is_not_served(
    demanding: Listener, options: dict[str, Any]
) -> None:
    wire = demanding.connect(**options)
    assert not demanding.serves(wire)
    assert not demanding.server.wires[0].open
    assert demanding.server.wires[0].said == b""


def test_new_authorities_are_for_new_connections(demanding: Listener) -> None:
    other = Authority("Other")
    before = demanding.connect(**FIRST_AS_CLIENT)
    assert demanding.serves(before)
    assert demanding.files.client_ca is not None
    replace(demanding.files.client_ca, other.certificate_pem)
    assert demanding.serves(demanding.connect(**as_client(other.sign("acme"))))
    late = demanding.connect(**FIRST_AS_CLIENT)
    late.transport.write(b"hello")
    demanding.network.settle()
    assert not late.open
    assert demanding.serves(before)


def test_a_connection_that_is_declined_is_no_connection(listener: Listener) -> None:
    listener.server.declines = True
    assert listener.factory.buildProtocol(None) is None


def hello(network: Network) -> bytes:
    """Return what a TLS client says first."""
    server = Server()
    connect(network, server, tls=True)
    return server.wires[0].said


def credentials(folder: Path) -> Credentials:
    return Credentials(TlsFiles(*FIRST.write(folder, "server")), "ssl:8887")


@pytest.mark.parametrize("octets", [0, 3, 60])
def test_a_handshake_that_does_not_end_is_dropped_as_a_client_that_does_not_bind(
    stack: Stack, tmp_path: Path, octets: int
) -> None:
    wire = connect(stack.network, TlsFactory(credentials(tmp_path), stack.listener, stack.network))
    begun = hello(stack.network)
    assert len(begun) > 60
    wire.transport.write(begun[:octets])
    stack.wait(Limits().bind - 2)
    assert wire.open
    wire.transport.write(begun[octets : octets + 1])  # Saying something now and then doesn't help.
    stack.wait(5)
    assert not wire.open
    assert stack.listener._connections == set()


@pytest.mark.parametrize("octets", [0, 3, 60])
def test_a_handshake_that_does_not_end_is_dropped_as_an_idle_http_client(
    stack: Stack, tmp_path: Path, octets: int
) -> None:
    web = site(stack.api, HttpLimits(), stack.network)
    Serving(web).startService()
    wire = connect(stack.network, TlsFactory(credentials(tmp_path), web, stack.network))
    begun = hello(stack.network)
    wire.transport.write(begun[:octets])
    stack.wait(HttpLimits().idle - 2)
    assert wire.open
    wire.transport.write(begun[octets : octets + 1])
    stack.wait(5)
    assert not wire.open


def test_what_is_no_tls_is_dropped(listener: Listener) -> None:
    wire = connect(listener.network, listener.factory)
    wire.transport.write(b"GET / HTTP/1.1\r\n\r\n")
    listener.network.settle()
    assert not wire.open
    assert not listener.server.wires[0].open

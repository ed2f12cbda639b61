"""What descriptions of endpoints stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from smsd.ports.endpoints import BACKLOG, port
from smsd.ports.proxy import ProxiedFactory
from smsd.ports.tls import TlsFactory, TlsFiles
from tests.certificates import Authority
from tests.ports.wires import Server

SIGNED = Authority().sign("server")


def listening(description: str, folder: Path, client_ca: Path | None = None) -> tuple[Any, ...]:
    """Return what a description makes the reactor listen on: port, factory, backlog, interface."""
    reactor = MemoryReactorClock()
    service = port(description, Server(), reactor, folder, lambda: SIGNED.write(folder, "common"), client_ca)
    service.privilegedStartService()
    (made,) = reactor.tcpServers
    return made


def files(factory: Any) -> TlsFiles:
    found = factory._creatorCallable.__closure__  # What Twisted made of the factory's credentials.
    (credentials,) = (
        cell.cell_contents.__self__ for cell in found if hasattr(cell.cell_contents, "__self__")
    )
    assert isinstance(credentials._files, TlsFiles)
    return credentials._files


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("tcp:8888", (8888, BACKLOG, "")),
        ("tcp:8888:backlog=7", (8888, 7, "")),
        ("tcp:8888:interface=127.0.0.1", (8888, BACKLOG, "127.0.0.1")),
        (r"tcp:8888:interface=\:\:1", (8888, BACKLOG, "::1")),
    ],
)
@pytest.mark.parametrize(
    ("prefix", "kinds"),
    [
        ("tcp", [Server]),
        ("ssl", [TlsFactory, Server]),
        ("haproxy:tcp", [ProxiedFactory, Server]),
        ("haproxy:ssl", [ProxiedFactory, TlsFactory, Server]),
    ],
)
def test_a_listener_is_on_its_port_with_what_is_around_its_protocol(
    tmp_path: Path, description: str, expected: tuple[Any, ...], prefix: str, kinds: list[type]
) -> None:
    number, factory, backlog, interface = listening(description.replace("tcp", prefix), tmp_path)
    assert (number, backlog, interface) == expected
    around = [type(factory)]
    while hasattr(factory, "wrappedFactory"):
        factory = factory.wrappedFactory
        around.append(type(factory))
    assert around == kinds


def test_an_endpoint_may_name_its_own_files(tmp_path: Path) -> None:
    certificate, key = SIGNED.write(tmp_path, "own: 1")
    (tmp_path / "chain.pem").write_bytes(certificate.read_bytes())
    clients = tmp_path / "clients.pem"
    clients.write_bytes(certificate.read_bytes())
    absolute = str(key).replace(":", r"\:")
    _, factory, _, interface = listening(
        rf"ssl:8887:privateKey={absolute}:certKey=own\: 1.crt:interface=127.0.0.1"
        ":extraCertChain=chain.pem:clientCA=clients.pem",
        tmp_path,
    )
    assert interface == "127.0.0.1"
    assert files(factory) == TlsFiles(certificate, key, tmp_path / "chain.pem", clients)
    assert not (tmp_path / "common.crt").exists()


def test_key_and_certificate_are_one_file_if_only_that_is_named(tmp_path: Path) -> None:
    both = tmp_path / "server.pem"
    both.write_bytes(SIGNED.certificate_pem + SIGNED.key_pem)
    _, factory, *_ = listening("ssl:8887:privateKey=server.pem", tmp_path)
    assert files(factory) == TlsFiles(both, both)


def test_a_section_s_authorities_are_those_of_listeners_that_do_not_say_otherwise(tmp_path: Path) -> None:
    section, own = tmp_path / "section.pem", tmp_path / "own.pem"
    for file in (section, own):
        file.write_bytes(SIGNED.certificate_pem)
    for options, expected in (("", section), (":clientCA=own.pem", own), (":clientCA=", None)):
        _, factory, *_ = listening(f"ssl:8887{options}", tmp_path, section)
        assert files(factory) == TlsFiles(
            tmp_path / "common.crt", tmp_path / "common.key", client_ca=expected
        )


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("haproxy", "Unknown endpoint type: ''"),
        ("haproxy:pigeon:1", "Unknown endpoint type: 'pigeon'"),
        ("haproxy:haproxy:tcp:8888", "haproxy: before anything else"),
        ("HAProxy:ssl:8887", "haproxy: before anything else"),
        ("tls:/etc/keys:8887", "TLS is ssl:"),
        ("SSL:8887", "Unknown endpoint type"),
        ("ssl", "missing 1 required positional argument: 'port'"),
        ("ssl:8887:colour=red", "unexpected keyword argument 'colour'"),
        ("ssl:8887:sslmethod=TLSv1_METHOD", "unexpected keyword argument 'sslmethod'"),
        ("ssl:8887:certKey=common.crt", "certKey= needs privateKey="),
        ("ssl:8887:privateKey=.", "can't be read: Is a directory"),
        ("ssl:8887:privateKey=none.pem", "none.pem can't be read: No such file"),
        ("ssl:8887:clientCA=none.pem", "none.pem can't be read: No such file"),
        ("haproxy:ssl:8887:clientCA=none.pem", "none.pem can't be read: No such file"),
    ],
)
def test_a_description_that_cannot_be_used_is_told(tmp_path: Path, description: str, reason: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        listening(description, tmp_path)
    assert reason in str(caught.value)


class Named(Server):
    def logPrefix(self) -> str:
        return "HTTP"


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("tcp:8080", "HTTP"),
        ("ssl:8443", "HTTP (TLS)"),
        ("haproxy:tcp:8080", "HTTP (PROXY)"),
        ("haproxy:ssl:8443", "HTTP (TLS) (PROXY)"),
    ],
)
def test_the_log_names_a_port_by_what_is_served_there(tmp_path: Path, description: str, name: str) -> None:
    reactor = MemoryReactorClock()
    files = SIGNED.write(tmp_path, "common")
    port(description, Named(), reactor, tmp_path, lambda: files, None).privilegedStartService()
    ((_, factory, *_),) = reactor.tcpServers
    assert isinstance(factory, Factory)
    assert factory.logPrefix() == name

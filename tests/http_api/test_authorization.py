"""From where an account may be used, guessed passwords, and what a right one costs, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smsd.ports.proxy import ProxiedFactory
from smsd.ports.tls import Credentials, TlsFactory, TlsFiles
from smsd.services.guard import BAN, ENOUGH, PATIENT
from tests.certificates import Authority
from tests.http_api.client import Answer, Client, basic, octets
from tests.peers import PASSWORD, Stack, result
from tests.ports.wires import connect

ASKED = octets("GET", "/sms/1/reports")
AUTHORITY = Authority()


def asking(password: str, name: str = "acme") -> bytes:
    return octets("GET", "/sms/1/reports", headers={"Authorization": basic(name, password)})


def change(stack: Stack, **columns: Any) -> None:
    """Change the account, and wait until that counts."""
    result(stack.administration.change_account("acme", **columns))
    stack.wait(1)


@pytest.mark.parametrize(
    ("addresses", "code"), [("192.0.2.0/24 2001:db8::/32", 200), ("192.0.2.1", 200), ("198.51.100.0/24", 403)]
)
def test_an_account_is_used_only_from_its_addresses(
    stack: Stack, client: Client, addresses: str, code: int
) -> None:
    change(stack, addresses=addresses)
    answer = client.raw(ASKED)
    assert answer.code == code
    if code == 403:
        assert answer.error == (403, "FORBIDDEN", "The account may not be used from this address.")


def test_who_has_a_wrong_password_is_not_told_from_where_the_account_is_used(
    stack: Stack, client: Client
) -> None:
    change(stack, addresses="198.51.100.0/24")
    assert client.raw(asking("wrong")).code == 401


def test_behind_a_balancer_it_is_the_client_s_address_that_counts(stack: Stack, client: Client) -> None:
    change(stack, addresses="203.0.113.0/24")
    assert client.raw(ASKED).code == 403
    wire = connect(stack.network, ProxiedFactory(client.site))
    wire.transport.write(b"PROXY TCP4 203.0.113.9 192.0.2.7 40000 8080\r\n" + ASKED)
    stack.settle()
    assert Answer(wire.said).code == 200


def test_an_account_that_must_use_tls_is_told_so(stack: Stack, client: Client) -> None:
    change(stack, tls=1)
    assert client.raw(ASKED).error == (403, "FORBIDDEN", "The account must be used over TLS.")


@pytest.fixture
def tls(client: Client, tmp_path: Path) -> TlsFactory:
    """The client's site behind TLS that requires certificates."""
    clients = tmp_path / "clients.pem"
    clients.write_bytes(AUTHORITY.certificate_pem)
    files = TlsFiles(*AUTHORITY.sign("server").write(tmp_path, "server"), client_ca=clients)
    return TlsFactory(Credentials(files, "ssl:8443"), client.site, client.stack.network)


def shown(stack: Stack, tls: TlsFactory, name: str, sent: bytes) -> bytes:
    """Return what is said to a client that shows a certificate of this name."""
    own = AUTHORITY.sign(name).for_twisted
    wire = connect(stack.network, tls, certificate=own.original, privateKey=own.privateKey.original, tls=True)
    wire.transport.write(sent)
    stack.settle()
    return wire.said


def test_a_certificate_is_that_of_the_account(stack: Stack, client: Client, tls: TlsFactory) -> None:
    change(stack, tls=1, certificate="acme.example")
    assert Answer(shown(stack, tls, "acme.example", ASKED)).code == 200
    assert Answer(shown(stack, tls, "other.example", ASKED)).error == (
        403,
        "FORBIDDEN",
        "The account comes with the certificate of other.example, not with that of acme.example.",
    )


def test_a_connection_over_tls_is_kept_open_and_known(stack: Stack, client: Client, tls: TlsFactory) -> None:
    change(stack, tls=1, certificate="acme.example")
    assert shown(stack, tls, "acme.example", ASKED * 3).count(b"HTTP/1.1 200 OK\r\n") == 3


def test_a_right_password_is_checked_once(stack: Stack, client: Client) -> None:
    checks = []
    in_thread = stack.core.accounts._in_thread

    def checking(*words: Any) -> Any:
        checks.append(words)
        return in_thread(*words)

    stack.core.accounts._in_thread = checking
    assert [client.raw(ASKED).code for _ in range(20)] == [200] * 20
    assert len(checks) == 1
    assert [client.raw(asking("wrong")).code for _ in range(2)] == [401] * 2
    assert len(checks) == 3
    assert client.raw(ASKED).code == 200
    assert len(checks) == 3


def test_wrong_passwords_are_answered_ever_later_and_then_not_looked_at(stack: Stack, client: Client) -> None:
    for number in range(ENOUGH):
        wire = client.connect()
        wire.transport.write(asking("wrong"))
        stack.settle()
        assert (wire.said == b"") == (number >= PATIENT)
        stack.wait(16)
        assert Answer(wire.said).code == 401
    banned = client.raw(ASKED)
    assert banned.error == (
        429,
        "TOO_MANY_REQUESTS",
        "Too many wrong passwords came from this address.",
    )
    assert BAN - 20 <= int(banned.headers["retry-after"]) <= BAN
    stack.add_account("other")
    stack.wait(1)
    assert client.raw(asking(PASSWORD, "other")).code == 200, "others from there have done nothing"
    stack.wait(int(banned.headers["retry-after"]))
    assert client.raw(ASKED).code == 200


def test_guesses_that_are_made_at_once_do_not_outrun_the_count(stack: Stack, client: Client) -> None:
    stack.hashing.hold()
    wires = [client.connect() for _ in range(40)]
    for number, wire in enumerate(wires):
        wire.transport.write(asking(PASSWORD if number == 39 else f"guess{number}"))
    stack.settle()
    while held := stack.hashing._held:
        stack.hashing.hold()
        for check, _ in held:
            check()
        stack.settle()
    stack.wait(20)
    codes = [Answer(wire.said).code for wire in wires]
    assert sorted(codes) == [401] * ENOUGH + [429] * (40 - ENOUGH)
    assert codes[39] == 429, "the right one comes too late to be told"


def test_a_client_that_hangs_up_while_its_answer_is_delayed_harms_nobody(
    stack: Stack, client: Client
) -> None:
    for _ in range(5):
        wire = client.connect()
        wire.transport.write(asking("wrong"))
        stack.settle()
        wire.transport.loseConnection()
        stack.settle()
    stack.wait(20)
    assert client.raw(ASKED).code == 200

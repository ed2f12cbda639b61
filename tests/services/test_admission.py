"""Who is let in: the right password, from where its account may be used; guesses don't outrun the guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from smsd.peer import Peer
from smsd.services.accounts import Accounts, UnknownAccount, WrongPassword
from smsd.services.admission import Admission, NotAdmitted, check
from smsd.services.guard import ENOUGH, Banned, Guard
from smsd.store.settings import Account, Rows
from tests.peers import HASH, PASSWORD
from tests.services.rig import account
from tests.stores import result

HERE = Peer("192.0.2.1")


class Thread:
    """Where passwords are checked: when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []
        self.running = self.most = self.count = 0

    def __call__(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.count += 1
        self.running += 1
        self.most = max(self.most, self.running)
        later: Deferred[Any] = Deferred()

        def run() -> None:
            self.running -= 1
            maybeDeferred(work, *args).chainDeferred(later)

        self.waiting.append(run)
        return later

    def run(self) -> None:
        """Do all that there is, and what follows from it."""
        while self.waiting:
            self.waiting.pop(0)()


@pytest.fixture
def thread() -> Thread:
    return Thread()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def admission(thread: Thread, clock: Clock) -> Admission:
    accounts = Accounts(thread)
    accounts.apply(Rows((account(1, "acme", password=HASH), account(2, "other", password=HASH))))
    return Admission(accounts, Guard(clock), clock)


def outcome(work: Deferred[Account]) -> Account | type[BaseException] | None:
    """Return what came of an attempt: the account, the kind of its refusal, or ``None`` so far."""
    found: list[Any] = []
    work.addBoth(found.append)
    if not found:
        return None
    return found[0].type if isinstance(found[0], Failure) else found[0]


def test_of_many_guesses_at_once_no_more_are_answered_than_one_after_another(
    admission: Admission, thread: Thread, clock: Clock
) -> None:
    words = [f"guess{number}" for number in range(50)] + [PASSWORD]
    guesses = [Deferred.fromCoroutine(admission.admit("acme", word, HERE)) for word in words]
    thread.run()
    clock.pump([1.0] * 20)
    outcomes = [outcome(guess) for guess in guesses]
    assert outcomes[:ENOUGH] == [WrongPassword] * ENOUGH
    assert outcomes[ENOUGH:] == [Banned] * 41, "not even the right one is told"


def test_guesses_of_many_names_at_once_ban_the_address(
    admission: Admission, thread: Thread, clock: Clock
) -> None:
    guesses = [Deferred.fromCoroutine(admission.admit(f"name{number}", "x", HERE)) for number in range(20)]
    thread.run()
    clock.advance(0)
    assert [outcome(guess) for guess in guesses] == [UnknownAccount] * ENOUGH + [Banned] * ENOUGH


def test_a_right_password_is_checked_once(admission: Admission, thread: Thread) -> None:
    first = Deferred.fromCoroutine(admission.admit("acme", PASSWORD, HERE))
    thread.run()
    assert result(first).id == 1
    for _ in range(100):
        assert result(admission.admit("acme", PASSWORD, HERE)).id == 1
    assert thread.count == 1


def test_clients_that_come_and_go_have_no_more_passwords_checked_at_once(
    admission: Admission, thread: Thread
) -> None:
    for number in range(20):
        attempt = Deferred.fromCoroutine(admission.admit("acme", f"guess{number}", HERE))
        attempt.addErrback(lambda _: None)
        attempt.cancel()
    last = Deferred.fromCoroutine(admission.admit("other", PASSWORD, HERE))
    assert (thread.most, thread.count) == (2, 2)
    thread.run()
    assert result(last).id == 2
    assert thread.count == 3, "nothing was checked for those who had gone before their turn"


@pytest.mark.parametrize(
    ("columns", "peer", "reason"),
    [
        ({"addresses": "192.0.2.0/24 2001:db8::/32"}, Peer("192.0.2.1"), None),
        ({"addresses": "192.0.2.0/24 2001:db8::/32"}, Peer("2001:db8::1%eth0"), None),
        ({"addresses": "192.0.2.0/24"}, Peer("::ffff:192.0.2.1"), None),
        ({"addresses": "192.0.2.0/24"}, Peer("198.51.100.1"), "may not be used from this address"),
        ({"addresses": "192.0.2.0/24"}, Peer("/run/smsd.sock"), "may not be used from this address"),
        ({"tls": 1}, Peer("192.0.2.1", secure=True), None),
        ({"tls": 1}, Peer("192.0.2.1"), "must be used over TLS"),
        ({"certificate": "acme.example"}, Peer("192.0.2.1", True, "acme.example"), None),
        (
            {"certificate": "acme.example"},
            Peer("192.0.2.1", True, "other.example"),
            "comes with the certificate of other.example, not with that of acme.example",
        ),
        (
            {"certificate": "acme.example"},
            Peer("192.0.2.1", True),
            "comes with no certificate, not with that of acme.example",
        ),
    ],
)
def test_from_where_an_account_may_be_used(columns: dict[str, Any], peer: Peer, reason: str | None) -> None:
    if reason is None:
        check(account(**columns), peer)
        return
    with pytest.raises(NotAdmitted) as refused:
        check(account(**columns), peer)
    assert str(refused.value) == reason

"""Who may send: accounts and their passwords."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred, DeferredSemaphore

from smsd.store.settings import Account, Rows

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id at the cost that OWASP's password storage cheat sheet names for 19 MiB."""

AT_ONCE = 2
"""How many passwords are checked at once: each check takes 19 MiB."""


class UnknownAccount(Exception):
    """No account, or no enabled one, has this name."""


class WrongPassword(Exception):
    """The account has another password."""


class Accounts:
    """Finds accounts and checks passwords."""

    def __init__(self, in_thread: Callable[..., Deferred[Any]]) -> None:
        """Run slow calls with ``in_thread``, say Twisted's ``deferToThread``."""
        self._in_thread = in_thread
        self._by_name: dict[str, Account] = {}
        self._by_id: dict[int, Account] = {}
        # Checking a password costs 20 ms by intent, so one that was right is recognised by a keyed hash,
        # which is worth nothing outside this process.
        self._key = secrets.token_bytes(32)
        self._recognised: dict[str, tuple[str, bytes]] = {}
        self._turns = DeferredSemaphore(AT_ONCE)
        self._loaded: Deferred[None] | None = Deferred()

    def apply(self, rows: Rows) -> None:
        """Take over changed accounts."""
        self._by_name = {account.system_id: account for account in rows.accounts}
        self._by_id = {account.id: account for account in rows.accounts}
        self._recognised = {name: known for name, known in self._recognised.items() if name in self._by_name}
        if self._loaded is not None:
            loaded, self._loaded = self._loaded, None
            loaded.callback(None)

    def get(self, account_id: int) -> Account | None:
        """Return the account with this id."""
        return self._by_id.get(account_id)

    async def authenticate(self, system_id: str, password: str) -> Account:
        """Return the account of this name if the password is its own.

        Waits until accounts have been read from the database for the first time.

        Raises:
            UnknownAccount: if no enabled account has the name.
            WrongPassword: if the account has another password.
        """
        if self._loaded is not None:
            waiter: Deferred[None] = Deferred()
            self._loaded.addCallback(lambda _: waiter.callback(None))
            await waiter
        account = self._by_name.get(system_id)
        if account is None or not account.enabled:
            # Takes as long as a wrong password does, or its haste would tell which names exist.
            await self._turns.acquire()
            await self._matches(_NOBODY, password)
            raise UnknownAccount(system_id)
        digest = blake2b(password.encode(), key=self._key).digest()
        if self._recognises(account, digest):
            return account
        await self._turns.acquire()
        if self._recognises(account, digest):
            # Of many binds at once with a right password only the first has to be checked.
            self._turns.release()
        elif await self._matches(account.password, password):
            self._recognised[system_id] = (account.password, digest)
        else:
            raise WrongPassword(system_id)
        return account

    def _matches(self, hashed: str, password: str) -> Deferred[bool]:
        """Check a password in a thread, in a turn that was acquired; the turn ends when the thread is done.

        Whoever asks may be gone, and cancel the answer, long before: else clients that come and go would have
        any number of passwords checked at once.
        """
        answer: Deferred[bool] = Deferred()
        checking = self._in_thread(_matches, hashed, password)
        checking.chainDeferred(answer)
        checking.addBoth(lambda _: self._turns.release())  # Only now: the next one may be recognised.
        return answer

    def _recognises(self, account: Account, digest: bytes) -> bool:
        hashed, known = self._recognised.get(account.system_id, ("", b""))
        return hashed == account.password and hmac.compare_digest(known, digest)


def hash_password(password: str) -> str:
    """Return what is stored of a password."""
    return HASHER.hash(password)


def _matches(hashed: str, password: str) -> bool:
    try:
        return HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


_NOBODY = HASHER.hash(secrets.token_hex())

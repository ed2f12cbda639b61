"""Who is let in, over whatever a client comes: the right password, from where its account may be used."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from smsd.peer import Peer
from smsd.services.accounts import Accounts, UnknownAccount, WrongPassword
from smsd.services.guard import Guard
from smsd.store.settings import Account


class NotAdmitted(Exception):
    """The password is right, but the account may not be used like this; the text goes on from its name."""


class Admission:
    """Lets clients in, and keeps those out who guess passwords."""

    def __init__(self, accounts: Accounts, guard: Guard, clock: IReactorTime) -> None:
        self._accounts = accounts
        self._guard = guard
        self._clock = clock

    async def admit(self, system_id: str, password: str, peer: Peer) -> Account:
        """Return the account of this name, if its password comes with it from where it may.

        The answer to a wrong password waits the longer the more there were. Guesses that are made at once are
        counted before any is answered: once there were too many, the others hear nothing of their passwords.

        Raises:
            Banned: if too many wrong passwords have come from there.
            UnknownAccount, WrongPassword: if name and password don't belong together.
            NotAdmitted: if the account may not be used from there.
        """
        guard, address = self._guard, peer.address
        guard.check(address, system_id)
        try:
            account = await self._accounts.authenticate(system_id, password)
        except (UnknownAccount, WrongPassword):
            guard.check(address, system_id)
            await deferLater(self._clock, guard.wrong(address, system_id))
            raise
        guard.check(address, system_id)
        guard.right(address, system_id)
        check(account, peer)
        return account


def check(account: Account, peer: Peer) -> None:
    """See whether an account may be used by this peer.

    Raises:
        NotAdmitted: if it may not.
    """
    if account.addresses and not _within(account.addresses, peer.address):
        raise NotAdmitted("may not be used from this address")
    if account.tls and not peer.secure:
        raise NotAdmitted("must be used over TLS")
    if account.certificate and account.certificate != peer.name:
        shown = f"the certificate of {peer.name}" if peer.name else "no certificate"
        raise NotAdmitted(f"comes with {shown}, not with that of {account.certificate}")


@lru_cache(4096)
def _within(networks: str, address: str) -> bool:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False  # A Unix socket has none.
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in _networks(networks))


@lru_cache
def _networks(networks: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one) for one in networks.split())

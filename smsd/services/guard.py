"""Keeps those who guess passwords out: first slowed down, then refused for a while."""

from __future__ import annotations

from collections import OrderedDict

import msgspec
from twisted.internet.interfaces import IReactorTime

from smsd.peer import subscriber

PATIENT, SLOWEST = 3, 16.0
"""How many wrong passwords cost nothing; each further one costs twice the seconds, up to so many."""
ENOUGH = 10
"""After so many wrong passwords for one name, or for so many names, an address is refused."""
BAN = 600.0
"""Seconds for which it is refused, and after which what was wrong is forgotten."""
ADDRESSES = 10_000
"""How many addresses are remembered; the one that was quiet for longest is forgotten first."""


class Banned(Exception):
    """Too many wrong passwords came from this address; ``seconds`` later it may try again."""

    def __init__(self, address: str, seconds: float) -> None:
        super().__init__(f"Too many wrong passwords came from {address}.")
        self.seconds = seconds


class _Record(msgspec.Struct):
    """The wrong passwords of one address, or of one name from there."""

    wrong: int = 0
    forgotten_at: float = 0.0


class _Address(msgspec.Struct):
    """What came from one address."""

    names: dict[str, _Record]
    banned_until: float = 0.0


class Guard:
    """Counts wrong passwords by the address they come from.

    One client with a wrong password does not lock out another behind the same address: an address is
    refused altogether only when it has tried many names.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def check(self, address: str, name: str) -> None:
        """See whether this address may try a password for this name.

        Raises:
            Banned: if it may not now.
        """
        known = self._addresses.get(subscriber(address))
        if known is None:
            return
        now = self._clock.seconds()
        record = known.names.get(name)
        until = known.banned_until
        if record is not None and record.wrong >= ENOUGH:
            until = max(until, record.forgotten_at)
        if until > now:
            raise Banned(address, until - now)

    def wrong(self, address: str, name: str) -> float:
        """Take note of a wrong password; return the seconds for which the answer should wait."""
        now = self._clock.seconds()
        network = subscriber(address)
        known = self._addresses.get(network) or _Address({})
        self._addresses[network] = known
        self._addresses.move_to_end(network)
        if len(self._addresses) > ADDRESSES:
            self._addresses.popitem(last=False)
        known.names = {each: record for each, record in known.names.items() if record.forgotten_at > now}
        record = known.names.setdefault(name, _Record())
        record.wrong += 1
        record.forgotten_at = now + BAN
        if len(known.names) >= ENOUGH:
            known.banned_until = now + BAN
            known.names = {}
        excess = record.wrong - PATIENT
        return min(2.0 ** (excess - 1), SLOWEST) if excess > 0 else 0.0

    def right(self, address: str, name: str) -> None:
        """Forget the wrong passwords for a name from here, now that the right one has come."""
        known = self._addresses.get(subscriber(address))
        if known is not None:
            known.names.pop(name, None)

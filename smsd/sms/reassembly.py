"""Received segments put together again (3GPP TS 23.040, 9.2.3.24.1). The time is an argument."""

from collections.abc import Hashable
from typing import Generic, TypeVar

import msgspec

from smsd.sms.udh import Concatenation

Key = TypeVar("Key", bound=Hashable)
Part = TypeVar("Part", bound=Hashable)


class Whole(msgspec.Struct, Generic[Key, Part], frozen=True):
    """What came of a message: all its parts, or those that had come when nobody waited any longer."""

    key: Key
    parts: tuple[Part | None, ...]
    """In their order, None for one that never came."""

    @property
    def complete(self) -> bool:
        """Whether every part came."""
        return None not in self.parts

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers, from 1, of the parts that never came."""
        return tuple(number for number, part in enumerate(self.parts, 1) if part is None)


class _Pending(msgspec.Struct, Generic[Key, Part]):
    """A message of which a part is still to come."""

    key: Key
    parts: list[Part | None]
    expires: float
    left: int


class Reassembly(Generic[Key, Part]):
    """Collects the parts of messages, which come in any order and some of them twice.

    The key says who sends to whom: only between the same two is a reference the same message. A part is
    whatever the caller keeps of a segment, and is compared to tell a repeated segment, which is ignored,
    from a new message that uses a reference again. A complete message is remembered for a while, so that
    its segments are ignored if they are sent again late.
    """

    def __init__(self, patience: float = 3600.0, memory: float = 300.0, limit: int = 10_000) -> None:
        """Wait so many seconds, counted from the first part, and for so many messages at once.

        The memory of complete messages, in seconds, should be short: a sender may use one reference for all
        its messages, and the same text in two of them is then taken for one.
        """
        self._patience = patience
        self._memory = memory
        self._limit = limit
        self._pending: dict[tuple[Key, int, int, bool], _Pending[Key, Part]] = {}
        self._done: dict[tuple[Key, int, int, bool], tuple[float, tuple[int, ...]]] = {}

    def __len__(self) -> int:
        """Return how many messages wait for a part."""
        return len(self._pending)

    @property
    def next_expiry(self) -> float | None:
        """When the message that has waited longest will have waited long enough."""
        first = next(iter(self._pending.values()), None)
        return first.expires if first else None

    def add(self, key: Key, place: Concatenation, part: Part, now: float) -> list[Whole[Key, Part]]:
        """Take a part, and return the messages that are over with it.

        This is the part's own message if it is now complete, and a message that has to give way, as it
        came: one whose reference is used again, or the oldest one when too many wait.
        """
        if self.has(key, place, part, now):
            return []
        over = []
        name = (key, place.reference, place.total, place.wide)
        at = place.number - 1
        self._done.pop(name, None)
        pending = self._pending.get(name)
        if pending is not None and pending.parts[at] is not None:
            over.append(self._give_up(name))
            pending = None
        if pending is None:
            if len(self._pending) >= self._limit:
                over.append(self._give_up(next(iter(self._pending))))
            pending = _Pending(key, [None] * place.total, now + self._patience, place.total)
            self._pending[name] = pending
        pending.parts[at] = part
        pending.left -= 1
        if pending.left == 0:
            over.append(self._give_up(name))
            self.remember(key, place, tuple(pending.parts), now)
        return over

    def has(self, key: Key, place: Concatenation, part: Part, now: float) -> bool:
        """Tell whether a part has come before, so that `add` ignores it."""
        name = (key, place.reference, place.total, place.wide)
        at = place.number - 1
        forgotten, hashes = self._done.get(name, (now, ()))
        if now < forgotten and hashes[at] == hash(part):
            return True
        pending = self._pending.get(name)
        return pending is not None and pending.parts[at] == part

    def remember(self, key: Key, place: Concatenation, parts: tuple[Part | None, ...], now: float) -> None:
        """Take note that a message became complete; the place is that of any of its parts."""
        if len(self._done) >= self._limit:
            del self._done[next(iter(self._done))]
        name = (key, place.reference, place.total, place.wide)
        self._done[name] = (now + self._memory, tuple(map(hash, parts)))

    def give_way(self) -> list[Whole[Key, Part]]:
        """Return the message that has waited longest, if any waits, as it came."""
        return [self._give_up(next(iter(self._pending)))] if self._pending else []

    def expire(self, now: float) -> list[Whole[Key, Part]]:
        """Return the messages that have waited long enough, as they came."""
        over = []
        while self._pending:
            name, pending = next(iter(self._pending.items()))
            if pending.expires > now:
                break
            over.append(self._give_up(name))
        return over

    def _give_up(self, name: tuple[Key, int, int, bool]) -> Whole[Key, Part]:
        pending = self._pending.pop(name)
        return Whole(pending.key, tuple(pending.parts))

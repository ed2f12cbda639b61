"""The lists that messages are held against, in memory: each node follows the changes of their table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.entries import NUMBERS, SENDERS, TEXTS, E, Entries, Kind
from smsd.store.engine import StoreUnavailable
from smsd.store.lists import EVERYBODY, Change, ListRows, Position
from smsd.store.settings import Rows


class Listed(NamedTuple, Generic[E]):
    """A list: everybody has it, and each account."""

    name: str
    kind: Kind[E]


DND = Listed("dnd", NUMBERS)
BLOCKED_SENDERS = Listed("blocked-senders", SENDERS)
ALLOWED_SENDERS = Listed("allowed-senders", SENDERS)
BLOCKED_DESTINATIONS = Listed("blocked-destinations", NUMBERS)
REGISTERED_DESTINATIONS = Listed("registered-destinations", NUMBERS)
BLOCKED_TEXTS = Listed("blocked-texts", TEXTS)
APPROVAL_TEXTS = Listed("approval-texts", TEXTS)

LISTS: dict[str, Listed[Any]] = {
    one.name: one
    for one in (
        DND,
        BLOCKED_SENDERS,
        ALLOWED_SENDERS,
        BLOCKED_DESTINATIONS,
        REGISTERED_DESTINATIONS,
        BLOCKED_TEXTS,
        APPROVAL_TEXTS,
    )
}
"""All lists, by the names that commands have for them."""

AGAIN = 1.0
"""Seconds until changes that could not be read are read again."""
KEPT = 7 * 86400.0
"""Seconds for which removed entries stay in the table for nodes to read."""

Key = tuple[str, int]
"""A list, and the account whose it is."""


class Lists:
    """Knows what is on each list."""

    log = Logger()

    def __init__(self, rows: ListRows, clock: IReactorTime) -> None:
        self._rows = rows
        self._clock = clock
        self._entries: dict[Key, Entries] = {}
        self._read_to = Position()
        self._read_at = clock.seconds()
        self._reading = False
        self._stale = False
        self.changed: Callable[[], None] = _unheard
        """Is called when something has been put on a list or taken off one."""

    async def resume(self) -> None:
        """Read all lists, or what has changed since they were read.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """
        await self._read()

    def apply(self, rows: Rows) -> None:
        """Read what has changed: settings are announced, and so are lists."""
        self._stale = True
        if not self._reading:
            self._reading = True
            reading = Deferred.fromCoroutine(self._reread())
            reading.addErrback(lambda failure: self.log.failure("Changed lists can't be read", failure))

    def of(self, listed: Listed[E], account_id: int) -> tuple[E, ...]:
        """Return what is on a list of everybody's, and on an account's own, leaving out what is empty."""
        keys = ((listed.name, EVERYBODY), (listed.name, account_id))
        found = [self._entries.get(key) for key in keys]
        return tuple(cast(E, entries) for entries in found if entries)

    async def _reread(self) -> None:
        try:
            while self._stale:
                self._stale = False
                await self._read()
        except StoreUnavailable:
            self._clock.callLater(AGAIN, self.apply, Rows())
        finally:
            self._reading = False

    async def _read(self) -> None:
        """Read what has changed; or everything, if what was removed may be forgotten by now."""
        now = self._clock.seconds()
        if self._read_to == Position() or now - self._read_at > KEPT / 2:
            await self._read_all()
        else:
            while page := await self._rows.changed(self._read_to):
                for key, (added, removed) in _sorted_out(page).items():
                    _of(self._entries, key).change(added, removed)
                self._read_to = page[-1].position
                self.changed()
        self._read_at = now

    async def _read_all(self) -> None:
        entries: dict[Key, Entries] = {}
        position = await self._rows.now()  # What changes from here on is read once more.
        for key in await self._rows.counts():
            if key[0] in LISTS:
                found = _of(entries, key)
                async for values in self._rows.values(*key):
                    found.gather(values)
                found.pack()
        self._entries, self._read_to = entries, position
        self.changed()


def _sorted_out(changes: list[Change]) -> dict[Key, tuple[list[str], list[str]]]:
    """Return what was put on each list and taken off it; a list of a later smsd's is passed over."""
    found: defaultdict[Key, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for name, account_id, value, _, gone in changes:
        if name in LISTS:
            found[name, account_id][gone].append(value)
    return found


def _of(entries: dict[Key, Entries], key: Key) -> Entries:
    if key not in entries:
        entries[key] = LISTS[key[0]].kind.entries()
    return entries[key]


def _unheard() -> None:
    """Nobody asks when lists change."""

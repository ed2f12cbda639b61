"""What back ends have said of numbers lately: as long as it is worth anything, nobody is asked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from twisted.internet.interfaces import IReactorTime

from smsd.numbering.context import Context
from smsd.services.fields import NAMES, Fields, told
from smsd.services.reading import Crowded, Readings
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.lookup_known import KNOWN, Known, LookupKnown, row_of

MINUTE, DAY = 60.0, 86_400.0
MOST = 1_000_000
"""Rows that all nodes keep together."""
IN_MEMORY = 100_000
"""Numbers that a node has in memory."""


class Ages(msgspec.Struct, frozen=True):
    """For how many seconds what is known of a number counts."""

    original: float = 30 * DAY
    """Number ranges hardly ever change hands."""
    portability: float = DAY
    subscription: float = DAY
    presence: float = 5 * MINUTE
    """Whether a phone can be reached, and where it is."""

    def of(self, fields: Fields) -> float:
        """Return the age of a class."""
        age: float = getattr(self, fields.name.lower())
        return age

    @property
    def longest(self) -> float:
        """The longest of them."""
        return max(self.of(fields) for fields in Fields)


class LookupMemory:
    """Remembers, in memory and in the table that all nodes share, what was said of which number."""

    def __init__(self, rows: LookupKnown, journal: Journal, clock: IReactorTime, ages: Ages) -> None:
        self._rows = rows
        self._journal = journal
        self._clock = clock
        self._ages = ages
        self._held: dict[str, Mapping[int, Known]] = {}
        self._readings: Readings[dict[int, Known]] = Readings(clock, rows.find)

    def apply(self, rows: object) -> None:
        """Take note that something may have been forgotten: the table says what is known."""
        self._held.clear()

    async def recall(
        self,
        number: str,
        wanted: frozenset[Fields],
        suffices: Callable[[Mapping[Fields, Known]], bool],
    ) -> dict[Fields, Known]:
        """Return what is known of a number's fields, as far as that is not too old.

        The table is not read if what is in memory suffices.
        """
        held = self._held.get(number)
        if held is not None:
            found = self._fresh(held, wanted)
            if len(found) == len(wanted) or suffices(found):
                return found
        try:
            read = await self._readings.get(number)
        except (StoreUnavailable, Crowded):
            return {}  # Then others are asked.
        self._hold(number, read or {})
        return self._fresh(read or {}, wanted)

    def remember(self, number: str, source: str, context: Context, classes: frozenset[Fields]) -> None:
        """Remember what a back end has said of some classes of a number's fields."""
        now = self._clock.seconds()
        held = dict(self._held.get(number, {}))
        for fields in classes:
            said = {name: getattr(context, name) for name in NAMES[fields]}
            known = held[fields] = Known(source, now, Context(**said))
            self._journal.change(KNOWN, (number, fields), row_of(number, fields, known))
        self._hold(number, held)

    async def remove(self, now: float, limit: int) -> int:
        """Remove up to so many rows that are too old, or too many."""
        return await self._rows.remove(now - self._ages.longest, MOST, limit)

    def _fresh(self, known: Mapping[int, Known], wanted: frozenset[Fields]) -> dict[Fields, Known]:
        now = self._clock.seconds()
        return {
            fields: one
            for fields in wanted
            if (one := known.get(fields)) is not None and now - one.known_at < self._age(fields, one)
        }

    def _age(self, fields: Fields, known: Known) -> float:
        """Return for how long something counts: that there was nothing to say, not for long."""
        return self._ages.of(fields) if told(known.context) else self._ages.presence

    def _hold(self, number: str, known: Mapping[int, Known]) -> None:
        self._held.pop(number, None)
        if len(self._held) >= IN_MEMORY:
            del self._held[next(iter(self._held))]
        self._held[number] = known

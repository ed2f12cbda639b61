"""The back ends of lookups that run: tables of this database, and those that are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.numbering.context import Context
from smsd.services.asking import Asked
from smsd.services.fields import EVERYTHING, Fields
from smsd.services.lookup import BackEnd, NoAnswer
from smsd.services.subscribers import KIND, SubscriberTable, TableOptions
from smsd.store.settings import LookupBackEnd, Rows
from smsd.store.subscribers import SubscriberTables

_read_options = msgspec.json.Decoder(TableOptions).decode


class BackEnds:
    """Knows whom lookups may ask, by name, and within which limits."""

    log = Logger()

    def __init__(self, tables: SubscriberTables, clock: IReactorTime) -> None:
        self._tables = tables
        self._clock = clock
        self._rows: dict[str, LookupBackEnd] = {}
        self.asked: dict[str, Asked] = {}
        self.elsewhere: Callable[[str], BackEnd] = _nowhere
        """Returns a back end that is no table, by its name; it may be another one at any time."""

    def apply(self, rows: Rows) -> None:
        """Take over changed back ends."""
        wanted = {row.name: row for row in rows.lookup_back_ends if row.enabled}
        for name in self._rows.keys() - wanted.keys():
            self.asked.pop(name, None)
        for name, row in wanted.items():
            if self._rows.get(name) != row:
                self.asked.pop(name, None)
                try:
                    self.asked[name] = Asked(row, self._back_end(row), self._clock)
                except msgspec.DecodeError as error:
                    self.log.error("Back end {name} can't run: {error}", name=name, error=error)
        self._rows = wanted

    def _back_end(self, row: LookupBackEnd) -> BackEnd:
        if row.kind == KIND:
            return SubscriberTable(_read_options(row.options), self._tables, self._clock)
        return _Elsewhere(self, row.name)


def elsewhere(rows: Iterable[LookupBackEnd]) -> list[LookupBackEnd]:
    """Return the back ends of these that are to run somewhere else than in this database."""
    return [row for row in rows if row.enabled and row.kind != KIND]


class _Elsewhere:
    """Whoever has a name now."""

    def __init__(self, back_ends: BackEnds, name: str) -> None:
        self._back_ends = back_ends
        self._name = name

    @property
    def knows(self) -> frozenset[Fields]:
        found: frozenset[Fields] = getattr(self._back_ends.elsewhere(self._name), "knows", EVERYTHING)
        return found

    async def ask(self, number: str) -> Context:
        return await self._back_ends.elsewhere(self._name).ask(number)


class _Nobody:
    """Stands for a back end that nobody has made."""

    async def ask(self, number: str) -> Context:
        raise NoAnswer("It does not run here")


def _nowhere(name: str) -> BackEnd:
    return _Nobody()

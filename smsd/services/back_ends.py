"""The back ends of lookups that run: those of this database, and those that others make of their rows."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.options import InvalidOptions, Kinds, Options
from smsd.services.asking import Asked
from smsd.services.lookup import BackEnd
from smsd.services.number_plan import Unlisted
from smsd.services.subscribers import SubscriberTable, TableOptions
from smsd.store.settings import LookupBackEnd, Rows
from smsd.store.subscribers import SubscriberTables


class UnlistedOptions(Options, frozen=True, forbid_unknown_fields=True):
    """There is nothing to choose about the table of ported numbers."""


KINDS: Kinds[TableOptions | UnlistedOptions] = Kinds(
    "back end", {"subscribers": TableOptions, "ported": UnlistedOptions}
)
"""The back ends that are tables of this database, and their options."""


class BackEnds:
    """Knows whom lookups may ask, by name."""

    log = Logger()

    def __init__(self, tables: SubscriberTables, clock: IReactorTime) -> None:
        self._tables = tables
        self._clock = clock
        self._own: dict[str, LookupBackEnd] = {}
        self.asked: dict[str, Asked] = {}

    def put(self, row: LookupBackEnd, back_end: BackEnd) -> None:
        """Let lookups ask a back end that runs, within the limits of its row."""
        self.asked[row.name] = Asked(row, back_end, self._clock)

    def drop(self, name: str) -> None:
        """Ask a back end no more."""
        self.asked.pop(name, None)

    def apply(self, rows: Rows) -> None:
        """Take over changed tables."""
        own = {row.name: row for row in rows.lookup_back_ends if row.enabled and row.kind in KINDS}
        for name in self._own.keys() - own.keys():
            self.drop(name)
        for name, row in own.items():
            if self._own.get(name) != row:
                try:
                    self.put(row, self._table(row))
                except InvalidOptions as error:
                    self.log.error("Back end {name} can't run: {error}", name=name, error=error)
                    self.drop(name)
        self._own = own

    def _table(self, row: LookupBackEnd) -> BackEnd:
        options = KINDS.read(row.kind, row.options)
        if isinstance(options, TableOptions):
            return SubscriberTable(options, self._tables, self._clock)
        return Unlisted()

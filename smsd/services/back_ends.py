"""The back ends of lookups that run: those of this database, and those that others make of their rows."""

from __future__ import annotations

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.asking import Asked
from smsd.services.lookup import BackEnd
from smsd.services.subscribers import KIND, SubscriberTable, TableOptions
from smsd.store.settings import LookupBackEnd, Rows
from smsd.store.subscribers import SubscriberTables

_read_options = msgspec.json.Decoder(TableOptions).decode


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
        """Take over changed tables of subscribers."""
        own = {row.name: row for row in rows.lookup_back_ends if row.enabled and row.kind == KIND}
        for name in self._own.keys() - own.keys():
            self.drop(name)
        for name, row in own.items():
            if self._own.get(name) != row:
                try:
                    options = _read_options(row.options)
                except msgspec.DecodeError as error:
                    self.log.error("Back end {name} can't run: {error}", name=name, error=error)
                    self.drop(name)
                    continue
                self.put(row, SubscriberTable(options, self._tables, self._clock))
        self._own = own

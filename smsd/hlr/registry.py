"""The back ends that ask others, kept in step with their rows."""

from __future__ import annotations

from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.logger import Logger

from smsd.hlr.enum_dns import Enum, resolver
from smsd.hlr.http_peer import HttpPeer
from smsd.hlr.options import (
    KINDS,
    EnumOptions,
    HttpOptions,
    OsmocomOptions,
    SmppOptions,
)
from smsd.hlr.osmocom import OsmocomHlr
from smsd.hlr.simulated import SimulatedHlr
from smsd.hlr.smpp_peer import SmppPeer
from smsd.numbering.context import Context
from smsd.services.back_ends import BackEnds
from smsd.services.lookup import NoAnswer
from smsd.store.settings import LookupBackEnd, Rows

Running = OsmocomHlr | HttpPeer | SmppPeer | Enum | SimulatedHlr


class Unable:
    """Stands for a back end that can't be asked."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def ask(self, number: str) -> Context:
        """Say why not."""
        raise NoAnswer(self.reason)


class LookupConnections(MultiService):
    """Starts, replaces and stops back ends as their rows say, and lets lookups ask them."""

    log = Logger()

    def __init__(self, back_ends: BackEnds, reactor: Any) -> None:
        super().__init__()
        self._back_ends = back_ends
        self._reactor = reactor
        self._rows: dict[str, LookupBackEnd] = {}
        self._running: dict[str, Running] = {}
        self._changing = False
        self._wanted: Rows | None = None

    def apply(self, rows: Rows) -> None:
        """Take over changed rows: one after another, an old one's end before its successor's start."""
        self._wanted = rows
        if not self._changing:
            self._changing = True
            changing = Deferred.fromCoroutine(self._change())
            changing.addErrback(lambda failure: self.log.failure("Back ends can't be changed", failure))

    async def _change(self) -> None:
        try:
            while self._wanted is not None:
                rows, self._wanted = self._wanted, None
                wanted = {row.name: row for row in rows.lookup_back_ends if row.enabled and row.kind in KINDS}
                for name in self._rows.keys() - wanted.keys():
                    self._back_ends.drop(name)
                    await self._stop(name)
                for name, row in wanted.items():
                    await self._change_to(name, row)
        finally:
            self._changing = False

    async def _change_to(self, name: str, row: LookupBackEnd) -> None:
        before = self._rows.get(name)
        if before == row:
            return
        service = self._running.get(name)
        if service is None or before is None or (before.kind, before.options) != (row.kind, row.options):
            self._back_ends.put(row, Unable("It is being replaced."))
            await self._stop(name)
            self._start(row)
        else:  # Only how it may be asked.
            self._back_ends.put(row, service)
        self._rows[name] = row

    async def _stop(self, name: str) -> None:
        self._rows.pop(name, None)
        service = self._running.pop(name, None)
        if service is not None:
            stopped = self.removeService(service)
            if stopped is not None:
                await stopped

    def _start(self, row: LookupBackEnd) -> None:
        try:
            service = self._service(row)
        except (ValueError, TypeError, OSError) as error:  # What endpoints raise, and options that are none.
            self.log.error("Back end {name} can't run: {error}", name=row.name, error=error)
            self._back_ends.put(row, Unable(f"It can't run: {error}"))
            return
        self._running[row.name] = service
        self.addService(service)
        self._back_ends.put(row, service)

    def _service(self, row: LookupBackEnd) -> Running:
        """Return what a row describes; raises one of several errors if it describes nothing that can run."""
        options, name, reactor = KINDS.read(row.kind, row.options), row.name, self._reactor
        if isinstance(options, OsmocomOptions):
            return OsmocomHlr(name, options, reactor, clientFromString(reactor, options.endpoint))
        if isinstance(options, SmppOptions):
            return SmppPeer(name, options, reactor, clientFromString(reactor, options.endpoint))
        if isinstance(options, HttpOptions):
            return HttpPeer(name, options, reactor)
        if isinstance(options, EnumOptions):
            return Enum(name, options, resolver(options, reactor))
        return SimulatedHlr(name, options, reactor)

"""The back ends that run, kept in step with their rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.logger import Logger

from smsd.hlr.enum_dns import Enum, resolver
from smsd.hlr.http_peer import HttpPeer
from smsd.hlr.options import (
    EnumOptions,
    HttpOptions,
    InvalidOptions,
    OsmocomOptions,
    SmppOptions,
    read_options,
)
from smsd.hlr.osmocom import OsmocomHlr
from smsd.hlr.simulated import SimulatedHlr
from smsd.hlr.smpp_peer import SmppPeer
from smsd.numbering.context import Context
from smsd.services.lookup import BackEnd, NoAnswer


class Row(NamedTuple):
    """A back end as an operator has set it up."""

    name: str
    kind: str
    options: str
    """JSON."""


class Described(Protocol):
    """Anything that says what a :class:`Row` says."""

    @property
    def name(self) -> str:
        """By what rules name it."""

    @property
    def kind(self) -> str:
        """One of ``KINDS``."""

    @property
    def options(self) -> str:
        """JSON."""


Running = OsmocomHlr | SmppPeer | HttpPeer | Enum | SimulatedHlr


class _Missing:
    """Stands for a back end that can't be asked."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def ask(self, number: str) -> Context:
        raise NoAnswer(self.reason)


class BackEnds(MultiService):
    """Starts, replaces and stops back ends as their rows say."""

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self._reactor = reactor
        self._running: dict[str, tuple[Row, Running]] = {}
        self._broken: dict[str, _Missing] = {}
        self._changing = False
        self._wanted: list[Row] | None = None

    def get(self, name: str) -> BackEnd:
        """Return the back end of a name; one that can't run, or isn't there, says so when it is asked."""
        running = self._running.get(name)
        if running is not None:
            return running[1]
        return self._broken.get(name) or _Missing(f"There is no back end {name!r}.")

    def reasons(self) -> dict[str, str]:
        """Return of each back end why it can't be asked; empty if it can."""
        reasons = {name: service.reason for name, (_, service) in self._running.items()}
        return reasons | {name: broken.reason for name, broken in self._broken.items()}

    def apply(self, rows: Iterable[Described]) -> None:
        """Take over changed rows: one after another, an old one's end before its successor's start."""
        self._wanted = [Row(row.name, row.kind, row.options) for row in rows]
        if not self._changing:
            self._changing = True
            changing = Deferred.fromCoroutine(self._change())
            changing.addErrback(lambda failure: self.log.failure("Back ends can't be changed", failure))

    async def _change(self) -> None:
        try:
            while self._wanted is not None:
                rows, self._wanted = self._wanted, None
                await self._change_to({row.name: row for row in rows})
        finally:
            self._changing = False

    async def _change_to(self, rows: dict[str, Row]) -> None:
        self._broken.clear()
        for name, (row, service) in list(self._running.items()):
            if rows.get(name) != row:
                del self._running[name]
                self._broken[name] = _Missing("It is being replaced.")
                stopped = self.removeService(service)
                if stopped is not None:
                    await stopped
                del self._broken[name]
        for name, row in rows.items():
            if name not in self._running:
                self._start(row)

    def _start(self, row: Row) -> None:
        try:
            service = self._service(row)
        except (InvalidOptions, ValueError, TypeError, OSError) as error:  # What endpoints raise.
            self.log.error("Back end {name} can't run: {error}", name=row.name, error=error)
            self._broken[row.name] = _Missing(f"It can't run: {error}")
            return
        self._running[row.name] = (row, service)
        self.addService(service)

    def _service(self, row: Row) -> Running:
        """Return what a row describes; raises one of several errors if it describes nothing that can run."""
        options, name, reactor = read_options(row.kind, row.options), row.name, self._reactor
        if isinstance(options, OsmocomOptions):
            return OsmocomHlr(name, options, reactor, clientFromString(reactor, options.endpoint))
        if isinstance(options, SmppOptions):
            return SmppPeer(name, options, reactor, clientFromString(reactor, options.endpoint))
        if isinstance(options, HttpOptions):
            return HttpPeer(name, options, reactor)
        if isinstance(options, EnumOptions):
            return Enum(name, options, resolver(options, reactor))
        return SimulatedHlr(name, options, reactor)

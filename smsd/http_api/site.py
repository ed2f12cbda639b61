"""The web server around the API: its connections, and what it puts up with from clients."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Site

from smsd.http_api.app import HttpApi
from smsd.http_api.connection import Connection
from smsd.http_api.incoming import Incoming
from smsd.peer import subscriber

SURPLUS = 100
"""How many connections beyond the bound are kept open just to tell them so; more are not taken."""
FAREWELL = 5.0
"""Seconds that requests have to be answered when the node stops."""


class Limits(msgspec.Struct, frozen=True):
    """What a site puts up with."""

    body: int = 1 << 20
    """Octets of a body, unpacked."""
    bodies: int = 256 << 20
    """Octets of all bodies that are in memory."""
    connections: int = 5000
    """How many connections may be open."""
    address: int = 1000
    """How many of them may come from one address."""
    idle: float = 60.0
    """Seconds for which a connection may wait for a request."""
    head: float = 15.0
    """Seconds that a request's head may take."""
    request: float = 60.0
    """Seconds that a whole request may take to come."""
    answer: float = 60.0
    """Seconds for which a client may leave unread what is too much for the buffers between us."""


class ApiSite(Site):
    """Makes a connection of whatever dials in; all ports of a node share one site."""

    trouble = Logger()  # Twisted has the name log for another thing.
    displayTracebacks = False
    noisy = False

    def __init__(self, resource: IResource, limits: Limits, clock: IReactorTime, name: str = "HTTP") -> None:
        # A form is a body like any other. Time-outs are the connections' own.
        super().__init__(
            resource, requestFactory=Incoming, timeout=None, parsePOSTFormSubmission=False, reactor=clock
        )
        self.limits = limits
        self.clock = clock
        self._name = name
        self.ending = False
        """Whether the node stops: connections close with their next answers."""
        self._connections: set[Connection] = set()
        self._idle: dict[Connection, None] = {}  # The one that has waited for longest first.
        self._of_address: Counter[str] = Counter()
        self._held = 0
        self._emptied: Deferred[None] | None = None

    def logPrefix(self) -> str:
        """Return what the log calls its ports."""
        return self._name

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:  # type: ignore[override]
        """Take a connection; if there are too many, one that waits for a request has to go."""
        surplus = len(self._connections) >= self.limits.connections
        if surplus and self._idle:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.cut()
            surplus = False
        if surplus and len(self._connections) >= self.limits.connections + SURPLUS:
            return None
        connection = Connection(self, surplus)
        self._connections.add(connection)
        return connection

    def admit(self, connection: Connection) -> bool:
        """Count a connection for its address, which is known now; return whether there are not too many."""
        connection.address = subscriber(connection.peer.address)
        self._of_address[connection.address] += 1
        return self._of_address[connection.address] <= self.limits.address

    def idle(self, connection: Connection) -> None:
        """Take note that a connection waits for a request."""
        self._idle[connection] = None

    def busy(self, connection: Connection) -> None:
        """Take note that it doesn't any more."""
        self._idle.pop(connection, None)

    def gone(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        self._idle.pop(connection, None)
        address = connection.address
        if address is not None:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]
        if self._emptied is not None and not self._connections:
            self._emptied.callback(None)
            self._emptied = None

    def hold(self, octets: int) -> bool:
        """Count what comes of a body; return whether there is room for it."""
        if self._held + octets > self.limits.bodies:
            return False
        self._held += octets
        return True

    def let_go(self, octets: int) -> None:
        """Count out what is no longer held."""
        self._held -= octets

    def tick(self) -> None:
        """Let the time-outs of all connections take their course."""
        now = self.clock.seconds()
        for connection in list(self._connections):
            try:
                connection.tick(now)
            except Exception:  # One connection's trouble must not end the time-outs of all others.
                self.trouble.failure("A time-out of a connection failed")

    def end(self) -> Deferred[None]:
        """Hang up on all clients once they are answered; fires when all are gone, or were cut off."""
        self.ending = True
        emptied: Deferred[None] = Deferred()
        if not self._connections:
            emptied.callback(None)
            return emptied
        self._emptied = emptied
        for connection in list(self._connections):
            connection.end()
        return emptied.addTimeout(FAREWELL, self.clock, onTimeoutCancel=lambda result, seconds: self._cut())

    def log(self, request: Any) -> None:
        """Log no line a request: what happened to messages is in the database."""

    def acceptableProtocols(self) -> list[bytes]:
        """Return what may be spoken over TLS: none of these bounds would hold for HTTP/2."""
        return [b"http/1.1"]

    def _cut(self) -> None:
        self._emptied = None
        for connection in list(self._connections):
            connection.cut()


class Serving(Service):
    """Keeps the time of a site's connections, and ends them when the node stops."""

    log = Logger()

    def __init__(self, site: ApiSite) -> None:
        self.site = site
        self._ticking = LoopingCall(site.tick)
        self._ticking.clock = site.clock

    def startService(self) -> None:
        """Begin to tick."""
        super().startService()
        self.site.ending = False
        self._ticking.start(1.0).addErrback(lambda failure: self.log.failure("Time-outs ended", failure))

    def stopService(self) -> Deferred[None]:
        """Let what is under way be answered."""
        super().stopService()
        self._ticking.stop()
        return self.site.end()


def site(api: HttpApi, limits: Limits, clock: IReactorTime) -> ApiSite:
    """Return the site that serves the API."""
    return ApiSite(api.app.resource(), limits, clock)

"""A client's connection: HTTP/1.1 as Twisted speaks it, with a bound on each time that a client may take."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IDelayedCall, ITCPTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from smsd.http_api.errors import (
    ApiError,
    bad_head,
    head_too_large,
    target_too_long,
    too_many_connections,
    too_slow,
)
from smsd.http_api.formats import JSON
from smsd.http_api.heads import head
from smsd.http_api.incoming import Incoming
from smsd.peer import Peer, peer_of

if TYPE_CHECKING:
    from smsd.http_api.site import ApiSite

LINGER = 2.0
"""Seconds for which what a refused client still sends is read and forgotten.

Hanging up at once would reset the connection, and take the answer from a client that is still sending.
"""
_GONE = Failure(ConnectionDone())


class Phase(Enum):
    """What a connection does; each phase but that of serving has its time."""

    IDLE = auto()
    """It waits for a request."""
    HEAD = auto()
    BODY = auto()
    SERVING = auto()
    """A request is being answered. What comes meanwhile waits, up to a bound."""
    REFUSED = auto()
    """Its request was refused; what still comes of it is forgotten."""
    CLOSING = auto()
    """Nothing but what was written is still to be taken by the client."""


class Connection(HTTPChannel):
    """A client's connection."""

    transport: ITCPTransport
    totalHeadersSize = 16_384
    maxHeaders = 100

    def __init__(self, site: ApiSite, surplus: bool) -> None:
        """Belong to a site, of which this may be one connection too many."""
        super().__init__()
        self.site = self.factory = site
        self.requestFactory = site.requestFactory
        self.phase = Phase.IDLE
        self.peer = Peer("")
        """Who it is, once something has come."""
        self.address: str | None = None
        """What it counts for among the connections of one address, once it is counted."""
        self._surplus = surplus
        self._host: IAddress | None = None
        self._deadline = inf
        self._whole_by = inf
        """When a request that has begun must have come as a whole."""
        self._unread_until = inf
        """When the client must have read what waits for it."""
        self._done: Request | None = None
        """The request that was answered while the next one had come already."""
        self._going_on: IDelayedCall | None = None

    @property
    def refused(self) -> bool:
        """Whether it takes nothing more."""
        return self.phase in (Phase.REFUSED, Phase.CLOSING)

    def connectionMade(self) -> None:
        """Wait for the first request."""
        super().connectionMade()
        self._enter(Phase.IDLE, self.site.limits.idle)

    def dataReceived(self, data: bytes) -> None:
        """Take what comes; with the first of it the client is known."""
        if self.refused:
            return
        if not self.peer.address:
            self.peer = peer_of(self.transport)
            if self._surplus:  # It is told as soon as it asks for something.
                self.refuse(too_many_connections("here"))
                return
            if not self.site.admit(self):
                self.refuse(too_many_connections("from this address"))
                return
        if self.phase is Phase.IDLE:
            limits = self.site.limits
            self._whole_by = self.site.clock.seconds() + limits.request
            self._enter(Phase.HEAD, min(limits.head, limits.request))
        super().dataReceived(data)

    def getHost(self) -> IAddress:
        """Return our own address, for which each request would ask the system."""
        if self._host is None:
            self._host = self.transport.getHost()
        return self._host

    def allHeadersReceived(self) -> None:
        """Go on to the body, which may be empty, unless the head is none of HTTP/1.1 (RFC 9112, 3.2)."""
        hosts: Sequence[bytes] = self.requests[-1].requestHeaders.getRawHeaders(b"Host", ())
        if len(hosts) > 1 or (not hosts and self._version == b"HTTP/1.1"):
            self.refuse(bad_head())
            return
        self._enter(Phase.BODY, self._whole_by - self.site.clock.seconds())
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """Serve the request that has come, unless it was refused."""
        if not self.refused:
            self._enter(Phase.SERVING, inf)
            super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """Go on to the next request, if one has come already, once its turn has come."""
        if self.persistent and (self._buffer or any(self._dataBuffer)):
            self._done = request
            self._go_on_soon()
        else:
            self._go_on(request)

    def _go_on_soon(self) -> None:
        """Go on in the reactor's next turn, for others' sake, and only when the client reads its answers."""
        if self._done is not None and self._going_on is None and self._unread_until == inf:
            self._going_on = self.site.clock.callLater(0, self._go_on, self._done)

    def _go_on(self, request: Request) -> None:
        self._done = self._going_on = None
        if self.site.ending:
            self.persistent = 0
        if self.persistent:
            self._enter(Phase.IDLE, self.site.limits.idle)
        super().requestDone(request)

    def refuse(self, error: ApiError) -> None:
        """Answer a request that is not looked at any further, and hang up."""
        if self.refused:
            return
        self.clearLineBuffer()
        form = JSON
        if self.requests:
            request: Incoming = self.requests[-1]
            request.forget()
            form = request.accepted or JSON
        body = form.write(error.answer())
        fields = {
            "Connection": "close",
            "Content-Type": form.content_type,
            "Content-Length": str(len(body)),
            **error.headers,
        }
        octets = head(
            error.code,
            self.site.clock.seconds(),
            ((name.encode(), value.encode()) for name, value in fields.items()),
        )
        self.transport.write(octets + body)
        self._enter(Phase.REFUSED, LINGER)

    def tick(self, now: float) -> None:
        """Let time-outs take their course; about once a second."""
        if now >= self._unread_until:
            self.cut()
        if now < self._deadline:
            return
        limits = self.site.limits
        if self.phase is Phase.HEAD:
            self.refuse(too_slow(min(limits.head, limits.request)))
        elif self.phase is Phase.BODY:
            self.refuse(too_slow(limits.request))
        elif self.phase is Phase.CLOSING:
            self.cut()
        else:
            self.loseConnection()

    def end(self) -> None:
        """Hang up, unless a request is under way: its answer is the last one then."""
        if self.phase is Phase.IDLE:
            self.loseConnection()

    def cut(self) -> None:
        """Hang up at once, whatever the client has not read."""
        self.transport.abortConnection()

    def loseConnection(self) -> None:
        """Hang up as soon as the client has taken what was written; it has its time for that."""
        self._enter(Phase.CLOSING, self.site.limits.answer)
        super().loseConnection()

    def connectionLost(self, reason: Failure = _GONE) -> None:
        """Take note that the client has gone."""
        if self._going_on is not None:
            self._going_on.cancel()
        self._done = self._going_on = None
        self.site.gone(self)
        super().connectionLost(reason)

    def pauseProducing(self) -> None:
        """Take note that the client does not read its answers: nothing more is read of it meanwhile.

        Twisted's own would read, and serve, whatever comes while the last request was not answered yet.
        """
        self._unread_until = min(self._unread_until, self.site.clock.seconds() + self.site.limits.answer)
        super().pauseProducing()
        self._networkProducer.pauseProducing()

    def resumeProducing(self) -> None:
        """Take note that it has read them."""
        self._unread_until = inf
        super().resumeProducing()
        self._go_on_soon()

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """Return whether the connection stays open after a request; its answer says if it doesn't."""
        options = b",".join(request.requestHeaders.getRawHeaders(b"Connection", ()))
        close = b"close" in {option.strip() for option in options.lower().split(b",")}
        if version == b"HTTP/1.1" and not close and not self.site.ending:
            return True
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is longer than a whole head may be."""
        self.refuse(self._too_long())

    def _too_long(self) -> ApiError:
        if self.requests:
            return head_too_large(self.totalHeadersSize, self.maxHeaders)
        return target_too_long(self.totalHeadersSize)

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Refuse what Twisted finds wrong with a head, or with the chunks of a body."""
        too_long = (
            self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders
        )
        self.refuse(self._too_long() if too_long else bad_head())

    def _send100Continue(self) -> None:
        """Ask for the body, unless it was refused by its head."""
        if not self.refused:
            super()._send100Continue()

    def _enter(self, phase: Phase, seconds: float) -> None:
        """Begin a phase that may take so long."""
        if phase is Phase.IDLE:
            self.site.idle(self)
        elif self.phase is Phase.IDLE:
            self.site.busy(self)
        self.phase = phase
        self._deadline = self.site.clock.seconds() + seconds

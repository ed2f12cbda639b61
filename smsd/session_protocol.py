"""An SMPP session on a Twisted transport: what both ends of smsd, clients' and operators', have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from zope.interface import implementer

from smsd.smpp.session import Event, Session

GRACE = 5.0
"""Seconds that a closing connection has to take what was written, before it is cut."""


@implementer(IPushProducer)
class SessionProtocol(Protocol, ABC):
    """Brings octets and the time to a session, and to the transport what the session has to say.

    A peer that doesn't take what it is sent is not read from until it does.
    """

    transport: Connection  # Or its TLS wrapper, which has the same methods.

    def __init__(self, session: Session, clock: IReactorTime) -> None:
        self.session = session
        self.clock = clock
        self.reading = True
        self.closing_at: float | None = None
        self._flushing = False
        self._heard = False
        """Whether the peer has said anything."""

    @abstractmethod
    def act(self, events: list[Event], now: float) -> None:
        """Deal with what the session has noticed."""

    def connectionMade(self) -> None:
        """Begin."""
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """Hand the session what arrived."""
        if not self._heard:
            self._heard = True
            if self.closing_at is None:
                # Not before: what is written during a TLS handshake waits for what is read of that.
                self.transport.registerProducer(self, True)
        now = self.clock.seconds()
        self.act(self.session.receive(data, now), now)
        self.flush()

    def tick(self, now: float) -> None:
        """Let time-outs take their course; about once a second."""
        if self.closing_at is None:
            self.act(self.session.tick(now), now)
            self.flush()
        elif now >= self.closing_at + GRACE:
            self.transport.abortConnection()

    def flush_soon(self) -> None:
        """Write at the end of this turn of the reactor, with all else that is written until then."""
        if not self._flushing:
            self._flushing = True
            self.clock.callLater(0, self.flush)

    def flush(self) -> None:
        """Write what the session has to say."""
        self._flushing = False
        data = self.session.data_to_send()
        if data:
            self.transport.write(data)

    def close(self) -> None:
        """Write what is left and hang up; a peer that doesn't take it is cut in a while."""
        self.flush()
        if self.closing_at is None:
            self.closing_at = self.clock.seconds()
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def pauseProducing(self) -> None:
        """Read nothing more, since the peer reads too slowly."""
        self.reading = False
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self.reading = True
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Stop; the connection is about to be lost."""

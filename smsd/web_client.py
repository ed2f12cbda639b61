"""What all HTTP requests that smsd makes have in common: bodies, connections, answers, errors in words."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectingCancelledError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer
from twisted.web.client import HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

CONNECT = 10.0
"""Seconds until a host must have taken a connection."""
KEPT = 15
"""Seconds for which an idle connection is kept for the next request; many servers keep one no longer."""


def pool(reactor: Any, connections: int) -> HTTPConnectionPool:
    """Return where connections are kept, up to so many to each host.

    A request is not repeated by itself: what the first attempt has done nobody knows.
    """
    made = HTTPConnectionPool(reactor)
    made.maxPersistentPerHost = connections
    made.cachedConnectionTimeout = KEPT
    made.retryAutomatically = False
    return made


@implementer(IAgent)
class PlainAnswers:
    """Leaves answers as they come: what is packed may be without end."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """Make a request."""
        headers = Headers() if headers is None else headers.copy()
        headers.removeHeader(b"accept-encoding")
        made: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return made.addCallback(_not_encoded)


def _not_encoded(response: IResponse) -> IResponse:
    response.headers.removeHeader(b"content-encoding")
    return response


@implementer(IBodyProducer)
class Body:
    """A request's body, written at once: it is in memory and small."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.length = len(octets)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write it."""
        consumer.write(self._octets)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Do nothing: all is written."""

    def resumeProducing(self) -> None:
        """Do nothing: all is written."""

    def stopProducing(self) -> None:
        """Do nothing: all is written."""


def inner(error: Exception) -> Exception:
    """Return what twisted.web has wrapped, as it does with all that happens once there is a connection."""
    reasons = getattr(error, "reasons", None)
    within = reasons[0].value if reasons else error
    return within if isinstance(within, Exception) else error


def in_words(error: Exception) -> str:
    """Return what went wrong in words."""
    within = inner(error)
    if within is not error:
        return in_words(within)
    if isinstance(error, ConnectionLost | ConnectionDone):
        return "The connection broke before there was an answer."
    if isinstance(error, ConnectingCancelledError):
        return f"There was no connection in {CONNECT:g} seconds."
    if isinstance(error, VerificationError):
        return "Its certificate is another host's."
    if isinstance(error, SSL.Error):
        return f"TLS failed: {', '.join(_words(error)) or 'the connection was cut'}."
    return str(error) or type(error).__name__


def _words(error: SSL.Error) -> list[str]:
    """Return what OpenSSL says, without where in OpenSSL that is."""
    return [one[2] for one in error.args[0]] if error.args and isinstance(error.args[0], list) else []

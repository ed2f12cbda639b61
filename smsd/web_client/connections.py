"""Connections to web servers: how they are made, kept and used again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseNeverReceived,
)
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from smsd.web_client.addresses import Forbidden, PublicNames, WithNames

CONNECT = 10.0
"""Seconds until a host must have taken a connection."""
KEPT = 15
"""Seconds for which an idle connection is kept for the next request; many servers keep one no longer."""


@implementer(IStreamClientEndpoint)
class _Public:
    """Connects to a public address of a host."""

    def __init__(self, reactor: Any, host: bytes, port: int) -> None:
        self._names = PublicNames(reactor.nameResolver)
        self._endpoint = HostnameEndpoint(WithNames(reactor, self._names), host, port, timeout=CONNECT)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, or say that there is no address to which smsd may."""
        connected: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connected.addErrback(self._explained)

    def _explained(self, failure: Failure) -> Failure:
        if failure.check(DNSLookupError) and self._names.left_out:
            return Failure(Forbidden())
        return failure


@implementer(IAgentEndpointFactory)
class Endpoints:
    """Makes connections to the addresses that are allowed."""

    def __init__(self, reactor: Any, private: bool) -> None:
        self._reactor = reactor
        self._private = private
        self._policy = BrowserLikePolicyForHTTPS()

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return what connects to a URL's host."""
        endpoint: IStreamClientEndpoint
        if self._private:
            endpoint = HostnameEndpoint(self._reactor, uri.host, uri.port, timeout=CONNECT)
        else:
            endpoint = _Public(self._reactor, uri.host, uri.port)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), endpoint)
        return _Quiet(endpoint)


@implementer(IStreamClientEndpoint)
class _Quiet:
    """Connects without a line in the log for each connection."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint
        self.dialled = False
        """Whether a connection was made, or tried."""

    def connect(self, protocolFactory: Any) -> Deferred[IProtocol]:
        """Connect."""
        self.dialled = True
        protocolFactory.noisy = False
        connected: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connected


class Connections(HTTPConnectionPool):
    """Connections that are kept between requests.

    A server may close one at any time (RFC 9112, 9.5), and a request that is on its way then gets no answer:
    it is made once more at once, on a new connection. What the first attempt has done nobody knows, so that
    it may come twice: a push may anyway, and a question changes nothing.
    """

    retryAutomatically = False  # That would be for requests without a body alone.

    def __init__(self, reactor: Any, most: int) -> None:
        """Keep up to so many for a host."""
        super().__init__(reactor)
        self.maxPersistentPerHost = most
        self.cachedConnectionTimeout = KEPT

    def getConnection(self, key: Any, endpoint: Any) -> Deferred[Any]:
        """Return a connection to make one request on."""
        found: Deferred[Any] = super().getConnection(key, endpoint)
        if endpoint.dialled:
            return found.addCallback(_Line)
        return found.addCallback(_Line, lambda: self._newConnection(key, endpoint).addCallback(_Line))


class _Line:
    """A connection while one request is made on it."""

    def __init__(self, connection: Any, renewed: Callable[[], Deferred[_Line]] | None = None) -> None:
        """Give what makes another connection if this one was used before."""
        self._connection = connection
        self._renewed = renewed

    def request(self, request: Any) -> Deferred[Any]:
        """Make a request."""
        made: Deferred[Any] = self._connection.request(request)
        return made.addCallbacks(
            lambda response: self._answered(response, request), lambda failure: self._failed(failure, request)
        )

    def _answered(self, response: Any, request: Any) -> Any:
        if response.version[1:] < (1, 1):
            # Such a server closes the connection, now or a little later, without having to say so (9.3).
            request.persistent = False
            if self._connection.state == "QUIESCENT":  # There was nothing more to read.
                self._connection.abort()
        return response

    def _failed(self, failure: Failure, request: Any) -> Any:
        if self._renewed is None or not failure.check(RequestTransmissionFailed, ResponseNeverReceived):
            return failure
        if any(reason.check(CancelledError) for reason in getattr(failure.value, "reasons", ())):
            return failure
        return self._renewed().addCallback(lambda line: line.request(request))

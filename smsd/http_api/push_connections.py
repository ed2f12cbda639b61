"""Connections to clients' web servers: how they are made, kept and used again."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from smsd.http_api.push_addresses import Forbidden, PublicNames, WithNames

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

    def connect(self, protocolFactory: Any) -> Deferred[IProtocol]:
        """Connect."""
        protocolFactory.noisy = False
        connected: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connected

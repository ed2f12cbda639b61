"""Requests to clients' URLs: where they may lead, how long they may take, and what counts as taken."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionLost, DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from smsd.http_api.push_bodies import Outgoing, outgoing
from smsd.services.accounts import Accounts
from smsd.services.pushing import NotPushed, Reach
from smsd.store.pushes import Push

CONNECT = 10.0
"""Seconds until a host must have taken a connection."""
KEPT = 60
"""Seconds for which an idle connection is kept for the next request."""
REDIRECTS = 3
"""How many redirections are followed."""
REPEATED = frozenset({307, 308})
"""Redirections that repeat a request as it is (RFC 9110, 15.4.8 and 15.4.9): the only ones followed."""
ANSWER = 65_536
"""Octets of an answer that are read, to use the connection again; what a client says there means nothing."""

_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_SHARED = IPv4Network("100.64.0.0/10")


def is_public(address: str) -> bool:
    """Tell whether an address is one of the internet at large: what is not may be smsd's own neighbours."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if parsed in _LOCAL_NAT64:
            return False
        within = _embedded(parsed)
        if within is not None:
            return is_public(str(within))
    elif parsed in _SHARED:
        return False
    return parsed.is_global and not parsed.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address to which a translated or tunnelled one leads."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else None)


class Forbidden(DNSLookupError):
    """A name leads only to addresses to which nothing is pushed."""


@implementer(IHostnameResolver)
class PublicNames:
    """Resolves names as another resolver does, but leaves out the addresses that are not public.

    It is asked anew for each connection, and the connection is made to just what it answers: a name that
    changes between check and use gains nothing.
    """

    def __init__(self, resolver: IHostnameResolver) -> None:
        self._resolver = resolver

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        *args: Any,
        **named: Any,
    ) -> IHostResolution:
        """Resolve a name; literal addresses come this way too."""
        return self._resolver.resolveHostName(
            _PublicOnly(resolutionReceiver), hostName, portNumber, *args, **named
        )


@implementer(IResolutionReceiver)
class _PublicOnly:
    """Passes public addresses on."""

    def __init__(self, receiver: IResolutionReceiver) -> None:
        self._receiver = receiver

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:
        if is_public(getattr(address, "host", "")):
            self._receiver.addressResolved(address)

    def resolutionComplete(self) -> None:
        self._receiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class _Reactor:
    """A reactor with another resolver."""

    def __init__(self, reactor: Any, names: IHostnameResolver) -> None:
        self._reactor = reactor
        self.nameResolver = names

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Take another resolver, and return the one before."""
        before, self.nameResolver = self.nameResolver, resolver
        return before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Makes connections to the addresses that a resolver allows."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._policy = BrowserLikePolicyForHTTPS()

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        endpoint = HostnameEndpoint(self._reactor, uri.host, uri.port, timeout=CONNECT)
        if uri.scheme == b"https":
            return wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), endpoint)
        return endpoint


@implementer(IAgent)
class _PlainAnswers:
    """Leaves answers as they come: nothing is unpacked that nobody reads."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        headers = Headers() if headers is None else headers.copy()
        headers.removeHeader(b"accept-encoding")
        made: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return made.addCallback(_not_encoded)


def _not_encoded(response: IResponse) -> IResponse:
    response.headers.removeHeader(b"content-encoding")
    return response


@implementer(IBodyProducer)
class _Body:
    """A request's body, written at once: it is in memory and small."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.length = len(octets)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._octets)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Do nothing: all is written."""

    def resumeProducing(self) -> None:
        """Do nothing: all is written."""

    def stopProducing(self) -> None:
        """Do nothing: all is written."""


class PushClient:
    """Makes the requests of pushes."""

    def __init__(
        self, accounts: Accounts, reactor: Any, timeout: float, connections: int, private: bool
    ) -> None:
        """Give a request so many seconds; a host keeps up to so many connections.

        Only if ``private`` is true may URLs lead to loopback, link-local and private addresses.
        """
        self._accounts = accounts
        self._reactor = reactor
        self._timeout = timeout
        names = reactor.nameResolver if private else PublicNames(reactor.nameResolver)
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = connections
        pool.cachedConnectionTimeout = KEPT
        pool.retryAutomatically = False  # What the first attempt has done nobody knows.
        self._pool = pool
        self._agent = _PlainAnswers(
            Agent.usingEndpointFactory(reactor, _Endpoints(_Reactor(reactor, names)), pool)
        )

    async def send(self, pushes: Sequence[Push]) -> None:
        """Send pushes in one request; raises ``NotPushed`` if the URL has not taken them."""
        account = self._accounts.get(pushes[0].account_id)
        request = outgoing(pushes, account.currency if account is not None else "")
        try:
            code = await Deferred.fromCoroutine(self._follow(request)).addTimeout(
                self._timeout, self._reactor
            )
        except TimeoutError:
            raise NotPushed(f"There was no answer in {self._timeout:g} seconds.", Reach.URL) from None
        except CancelledError:
            raise
        except (ConnectError, DNSLookupError) as error:
            raise NotPushed(_reason(error), Reach.HOST) from error
        except Exception as error:
            raise NotPushed(_reason(error), Reach.URL) from error
        if not 200 <= code < 300:
            raise NotPushed(f"The answer was HTTP status {code}.", Reach.REQUEST)

    def close(self) -> Deferred[Any]:
        """Close the connections that are kept."""
        closed: Deferred[Any] = self._pool.closeCachedConnections()
        return closed

    async def _follow(self, request: Outgoing) -> int:
        """Make a request, again where it is redirected to, and return the last answer's status."""
        url, authorization = _authorization(request.url)
        for _ in range(REDIRECTS + 1):
            # Each request has a client of its own, since one remembers the cookies of all.
            response = await HTTPClient(self._agent).request(
                request.method,
                url,
                headers=Headers({name: [value] for name, value in request.headers.items()}),
                data=_Body(request.body) if request.body is not None else None,
                auth=authorization,
                allow_redirects=False,
                unbuffered=True,
                reactor=self._reactor,
            )
            await _read(response)
            location = (response.headers.getRawHeaders("location") or [""])[0]
            if response.code not in REPEATED or not location:
                return int(response.code)
            before = urlsplit(url)
            url, authorization = _authorization(urljoin(url, location))
            after = urlsplit(url)
            if after.scheme not in ("http", "https") or (before.scheme, after.scheme) == ("https", "http"):
                return int(response.code)
        raise NotPushed(f"There were more than {REDIRECTS} redirections.", Reach.REQUEST)


class _Reading(Protocol):
    """Reads an answer to its end, or hangs up when it becomes too long."""

    def __init__(self, done: Deferred[None]) -> None:
        self._done = done
        self._left = ANSWER

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0 and self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._done.callback(None)


async def _read(response: Any) -> None:
    done: Deferred[None] = Deferred()
    response.deliverBody(_Reading(done))
    await done


def _authorization(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return a URL without the name and password that it may have, and those."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = user.partition(":")
    return urlunsplit(parts._replace(netloc=place)), (unquote(name), unquote(password))


def _reason(error: Exception) -> str:
    """Return what went wrong in words."""
    reasons = getattr(error, "reasons", None)
    if reasons:  # twisted.web wraps what happens after the connection was made.
        inner = reasons[0].value
        return _reason(inner) if isinstance(inner, Exception) else str(inner)
    if isinstance(error, ConnectionLost):
        return "The connection broke before there was an answer."
    if isinstance(error, ConnectingCancelledError):
        return f"There was no connection in {CONNECT:g} seconds."
    return str(error) or type(error).__name__

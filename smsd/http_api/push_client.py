"""Requests to clients' URLs: where they may lead, how long they may take, and what counts as taken."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    DNSLookupError,
)
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from smsd.http_api.push_bodies import Outgoing, outgoing
from smsd.services.accounts import Accounts
from smsd.services.push_requests import NotPushed, Reach
from smsd.store.pushes import Push
from smsd.web_client import CONNECT, Body, PlainAnswers, in_words, inner, pool

REDIRECTS = 3
"""How many redirections are followed."""
REPEATED = frozenset({307, 308})
"""Redirections that repeat a request as it is (RFC 9110, 15.4.8 and 15.4.9): the only ones followed."""
ANSWER = 65_536
"""Octets of an answer that are read, to use the connection again; what a client says there means nothing."""

_UNICAST = IPv6Network("2000::/3")
"""All that is given out of IPv6 so far (RFC 4291, 2.4)."""
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
        if parsed not in _UNICAST:
            return False
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

    def __str__(self) -> str:
        return "It leads to an address that is not public."


@implementer(IHostnameResolver)
class PublicNames:
    """Resolves names as another resolver does, but leaves out the addresses that are not public.

    Each connection has one of its own, and is made to just what it answers: a name that changes between
    check and use gains nothing.
    """

    def __init__(self, resolver: IHostnameResolver) -> None:
        self._resolver = resolver
        self.left_out = False
        """Whether an address was."""

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
            _PublicOnly(resolutionReceiver, self), hostName, portNumber, *args, **named
        )


@implementer(IResolutionReceiver)
class _PublicOnly:
    """Passes public addresses on."""

    def __init__(self, receiver: IResolutionReceiver, names: PublicNames) -> None:
        self._receiver = receiver
        self._names = names

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:
        if is_public(getattr(address, "host", "")):
            self._receiver.addressResolved(address)
        else:
            self._names.left_out = True

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


@implementer(IStreamClientEndpoint)
class _Public:
    """Connects to a public address of a host."""

    def __init__(self, reactor: Any, host: bytes, port: int) -> None:
        self._names = PublicNames(reactor.nameResolver)
        self._endpoint = HostnameEndpoint(_Reactor(reactor, self._names), host, port, timeout=CONNECT)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, or say that there is no address to which smsd may."""
        connected: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connected.addErrback(self._explained)

    def _explained(self, failure: Failure) -> Failure:
        if failure.check(DNSLookupError) and self._names.left_out:
            return Failure(Forbidden())
        return failure


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Makes connections to the addresses that are allowed."""

    def __init__(self, reactor: Any, private: bool) -> None:
        self._reactor = reactor
        self._private = private
        self._policy = BrowserLikePolicyForHTTPS()

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
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
        self._pool = pool(reactor, connections)
        self._agent = PlainAnswers(
            Agent.usingEndpointFactory(reactor, _Endpoints(reactor, private), self._pool)
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
        except (CancelledError, NotPushed):
            raise
        except Exception as error:
            raise not_pushed(error) from error
        if not 200 <= code < 300:
            raise NotPushed(f"The answer was HTTP status {code}.", Reach.REQUEST)

    def close(self) -> Deferred[Any]:
        """Close the connections that are kept."""
        closed: Deferred[Any] = self._pool.closeCachedConnections()
        return closed

    async def _follow(self, request: Outgoing) -> int:
        """Make a request, again where it is redirected to, and return the last answer's status."""
        url, authorization = _authorization(request.url)
        for number in range(REDIRECTS + 1):
            try:
                response = await self._request(request, url, authorization)
            except (ConnectError, DNSLookupError) as error:
                if not number:
                    raise
                # Another host is meant, which says nothing of what else goes to this one.
                raise NotPushed(f"After a redirection: {in_words(error)}", Reach.URL) from error
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

    async def _request(self, request: Outgoing, url: str, authorization: tuple[str, str] | None) -> IResponse:
        # Each request has a client of its own, since one remembers the cookies of all.
        response: IResponse = await HTTPClient(self._agent).request(
            request.method,
            url,
            headers=Headers({name: [value] for name, value in request.headers.items()}),
            data=Body(request.body) if request.body is not None else None,
            auth=authorization,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        return response


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


def not_pushed(error: Exception) -> NotPushed:
    """Return what an error of a request means."""
    return NotPushed(in_words(error), _reach(error))


def _reach(error: Exception) -> Reach:
    """Return what else would fail."""
    if isinstance(error, ConnectError | DNSLookupError):
        return Reach.HOST
    # A server closes a connection that was kept for long; or it breaks on just this request.
    return Reach.REQUEST if isinstance(inner(error), ConnectionLost | ConnectionDone) else Reach.URL

"""Requests to clients' URLs: how long they may take, where they are followed to, and what counts as taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from smsd.http_api.push_bodies import Outgoing, outgoing
from smsd.http_api.push_failures import not_pushed
from smsd.services.accounts import Accounts
from smsd.services.push_requests import NotPushed, Reach
from smsd.store.pushes import Push
from smsd.web_client.connections import Connections, Endpoints
from smsd.web_client.failures import cause, reason_of
from smsd.web_client.requests import Body, PlainAnswers

REDIRECTS = 3
"""How many redirections are followed."""
REPEATED = frozenset({307, 308})
"""Redirections that repeat a request as it is (RFC 9110, 15.4.8 and 15.4.9): the only ones followed."""
ANSWER = 65_536
"""Octets of an answer that are read, to use the connection again; what a client says there means nothing."""


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
        self._pool = Connections(reactor, connections)
        endpoints = Endpoints(reactor, private)
        self._agent = PlainAnswers(Agent.usingEndpointFactory(reactor, endpoints, self._pool))

    async def send(self, pushes: Sequence[Push]) -> None:
        """Send pushes in one request; raises ``NotPushed`` if the URL has not taken them."""
        account = self._accounts.get(pushes[0].account_id)
        request = outgoing(pushes, account.currency if account is not None else "")
        try:
            code = await Deferred.fromCoroutine(self._follow(request)).addTimeout(
                self._timeout, self._reactor, _too_late
            )
        except (CancelledError, NotPushed):
            raise
        except Exception as error:
            if isinstance(cause(error), CancelledError):
                raise CancelledError from error
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
                raise NotPushed(f"After a redirection: {reason_of(error)}", Reach.URL) from error
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


def _too_late(_: object, seconds: float) -> int:
    raise NotPushed(f"There was no answer in {seconds:g} seconds.", Reach.URL)


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

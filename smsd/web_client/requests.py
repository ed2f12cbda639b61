"""What goes out with a request, and how its answer comes."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer


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

"""Clients' web servers in memory, to which smsd pushes."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from tests.peers import Network

WEB = 8000


class Got(NamedTuple):
    """A request that came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def results(self) -> list[Any]:
        found = json.loads(self.body)
        assert list(found) == ["results"]
        return list(found["results"])


class Receiver(Resource):
    """Answers each path as it is told to, by default with 200, and keeps what came."""

    isLeaf = True

    def __init__(self, network: Network, port: int = WEB) -> None:
        super().__init__()
        self._network = network
        self.got: list[Got] = []
        self.answers: dict[str, int | None] = {}
        """By path; ``None``: it never answers."""
        self.locations: dict[str, str] = {}
        self.answer = b"thank you"
        self.hangs_up = False
        """Whether it closes the connection instead of answering."""
        self.connections = 0
        """How many are open."""
        self._site = Site(self)
        self._site.reactor = network
        network.ports[port] = self._protocol

    def url(self, path: str = "/reports") -> str:
        return f"http://127.0.0.1:{WEB}{path}"

    def of(self, path: str) -> list[Got]:
        return [one for one in self.got if one.path == path]

    def render(self, request: Request) -> Any:
        headers = {
            name.decode().lower(): values[-1].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        assert request.content is not None
        got = Got(
            request.method.decode(),
            request.uri.decode(),
            headers,
            request.content.read(),
            self._network.seconds(),
        )
        self.got.append(got)
        if self.hangs_up:
            assert request.channel is not None
            request.channel.loseConnection()
            return NOT_DONE_YET
        code = self.answers.get(got.path, 200)
        if code is None:
            return NOT_DONE_YET
        request.setResponseCode(code)
        if got.path in self.locations:
            request.setHeader("Location", self.locations[got.path])
        return self.answer

    def _protocol(self) -> Any:
        protocol: Any = self._site.buildProtocol(IPv4Address("TCP", "192.0.2.9", 4711))
        lost = protocol.connectionLost
        self.connections += 1

        def gone(reason: Failure) -> None:
            self.connections -= 1
            lost(reason)

        protocol.connectionLost = gone
        return protocol


class Script:
    """A web server that says on each connection what it is told to, request by request."""

    def __init__(self, network: Network, *answers: bytes) -> None:
        self.answers = answers
        """To the first request of a connection, to the second …; to the next one it hangs up."""
        self.connections: list[Line] = []
        network.ports[WEB] = self._take

    @property
    def requests(self) -> list[int]:
        """How many requests came on each connection."""
        return [line.requests for line in self.connections]

    @property
    def open(self) -> int:
        """How many connections are open."""
        return sum(line.open for line in self.connections)

    def _take(self) -> Protocol:
        self.connections.append(Line(self))
        return self.connections[-1]


class Line(Protocol):
    """One of its connections; a request comes in one piece."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.requests = 0
        self.open = False

    def connectionMade(self) -> None:
        self.open = True

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.open = False

    def dataReceived(self, data: bytes) -> None:
        assert data.startswith((b"POST ", b"GET "))
        assert self.transport is not None
        self.requests += 1
        if self.requests > len(self._script.answers):
            self.transport.loseConnection()
            return
        answer = self._script.answers[self.requests - 1]
        self.transport.write(answer)
        if b"\r\n\r\n" not in answer:
            self.transport.loseConnection()  # It breaks off in the middle of the head.

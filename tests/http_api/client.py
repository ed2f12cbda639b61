"""An HTTP client in memory."""

from __future__ import annotations

import json
from base64 import b64encode
from http.client import HTTPResponse
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from smsd.http_api.site import ApiSite, Limits, Serving, site
from tests.peers import PASSWORD, Stack, Transport

BODY = 10_000
"""How many octets a body may have here."""


class Wire(Protocol):
    """Keeps what the server says."""

    transport: Transport

    def __init__(self) -> None:
        self.said = b""
        self.open = True

    def dataReceived(self, data: bytes) -> None:
        self.said += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.open = False


class Answer:
    """A response."""

    def __init__(self, said: bytes, method: str = "GET") -> None:
        self.said = said
        response = HTTPResponse(_Said(said), method=method)  # type: ignore[arg-type]
        response.begin()
        self.code = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()
        self.rest = said.partition(b"\r\n\r\n")[2].removeprefix(self.body)

    @property
    def json(self) -> Any:
        """The body as a structure; it must say that it is JSON, and be compact."""
        assert self.headers["content-type"] == "application/json;charset=UTF-8"
        found = json.loads(self.body)
        assert json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode() == self.body
        return found

    @property
    def error(self) -> tuple[int, str, str]:
        """The status, and the two words of an error."""
        found = self.json
        assert list(found) == ["requestError"]
        assert list(found["requestError"]) == ["serviceException"]
        exception = found["requestError"]["serviceException"]
        assert list(exception) == ["messageId", "text"]
        return self.code, exception["messageId"], exception["text"]


class _Said:
    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._said)


def basic(name: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


class Client:
    """A client of a stack's API."""

    def __init__(self, stack: Stack, served: ApiSite | None = None, **limits: Any) -> None:
        """Use the stack's API, unless another site is named."""
        self.stack = stack
        self.site = served or site(stack.api, Limits(**{"body": BODY} | limits), stack.network)
        self.serving = Serving(self.site)
        self.serving.startService()

    def connect(self, host: str = "192.0.2.1") -> Wire:
        """Return a new connection from an address."""
        wire = Wire()
        address = IPv4Address("TCP", host, 4711)
        server = self.site.buildProtocol(address)
        assert server is not None, "no connection is taken"
        pump = self.stack.network.join(wire, server)
        pump.serverIO.peerAddress = address
        self.stack.settle()
        return wire

    def raw(self, octets: bytes, method: str = "GET") -> Answer:
        """Send octets at once, return the answer to them, and hang up."""
        wire = self.connect()
        wire.transport.write(octets)
        self.stack.settle()
        answer = Answer(wire.said, method)
        wire.transport.loseConnection()
        self.stack.settle()
        return answer

    def request(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] = b"",
        headers: dict[str, str | None] | None = None,
    ) -> Answer:
        """Send a request of the account's; a header that is ``None`` is left out, a dictionary is JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.raw(octets(method, path, sent, headers), method)

    def send(self, **fields: Any) -> Answer:
        """Send a text."""
        given = {name.rstrip("_"): value for name, value in fields.items()}
        return self.request("POST", "/sms/1/text/single", json.dumps(given).encode())

    def reports(self, **query: Any) -> list[Any]:
        """Fetch reports."""
        answer = self.request("GET", f"/sms/1/reports?{urlencode(query, doseq=True)}")
        assert answer.code == 200, answer.body
        found = answer.json
        assert list(found) == ["results"]
        return list(found["results"])


def octets(method: str, path: str, body: bytes = b"", headers: dict[str, str | None] | None = None) -> bytes:
    """Return a request as it is sent."""
    given: dict[str, str | None] = {
        "Host": "smsd.example",
        "Authorization": basic("acme", PASSWORD),
        "Content-Type": "application/json" if body else None,
        "Content-Length": str(len(body)) if body or method != "GET" else None,
    }
    given |= headers or {}
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in given.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode() + body

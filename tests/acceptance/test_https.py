"""The HTTP API over TLS, with an ordinary client on a real port."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_twisted
import treq
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.task import deferLater
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from tests.acceptance.processes import Node, Stage

pytestmark = pytest.mark.acceptance

TO = "385911234567"


@implementer(IAgentEndpointFactory)
class Dialled:
    """Leads to a node over TLS, whose certificate is verified, and counts the connections."""

    def __init__(self, node: Node, reactor: Any) -> None:
        root = Certificate.loadPEM((node.state / "self-signed.crt").read_bytes())
        tls = optionsForClientTLS("localhost", trustRoot=root)
        self._endpoint = wrapClientTLS(tls, TCP4ClientEndpoint(reactor, "127.0.0.1", node.http))
        self.count = 0

    def endpointForURI(self, uri: Any) -> Dialled:
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        self.count += 1
        return self._endpoint.connect(factory)


class Client:
    """A client of the account demo that keeps its connections open."""

    def __init__(self, node: Node) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.dialled = Dialled(node, reactor)
        self.pool = HTTPConnectionPool(reactor)
        self._treq = treq.client.HTTPClient(Agent.usingEndpointFactory(reactor, self.dialled, self.pool))
        self._url = f"https://localhost:{node.http}"

    async def request(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        given: dict[str, Any] = {"auth": ("demo", "demo"), "timeout": 20} | options
        response = await self._treq.request(method, self._url + path, **given)
        return response.code, await treq.json_content(response)


@pytest.fixture
def node(stage: Stage) -> Iterator[Node]:
    """A node that serves HTTP over TLS only."""
    node = stage.node()
    node.write("sqlite:smsd.db", {"http": {"listen": [f"ssl:{node.http}:interface=127.0.0.1"]}})
    node.start()
    node.smsd("account", "set", "demo", "--tls")
    yield node
    node.stop()


@asynccontextmanager
async def calling(node: Node) -> AsyncIterator[Client]:
    """Give a client of the node."""
    client = Client(node)
    try:
        yield client
    finally:
        await client.pool.closeCachedConnections()


@pytest_twisted.ensureDeferred
async def test_messages_are_sent_and_reported_on_one_connection(node: Node) -> None:
    async with calling(node) as client:
        sent = []
        for _ in range(10):
            code, answer = await client.request(
                "POST", "/sms/1/text/single", json={"to": TO, "text": "Hello"}
            )
            assert code == 200
            sent.append(answer["messages"][0]["messageId"])
        reported: list[str] = []
        for _ in range(100):
            _, answer = await client.request("GET", "/sms/1/reports")
            reported += [one["messageId"] for one in answer["results"]]
            if len(reported) == len(sent):
                break
            await deferLater(client.reactor, 0.05)
        assert sorted(reported) == sent
        assert client.dialled.count == 1


@pytest_twisted.ensureDeferred
async def test_a_thousand_destinations_go_packed_and_so_does_their_answer(node: Node) -> None:
    async with calling(node) as client:
        body = {"to": [str(385_911_000_000 + number) for number in range(1000)], "text": "Hello"}
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        packed = gzip.compress(json.dumps(body).encode())
        code, answer = await client.request("POST", "/sms/1/text/single", data=packed, headers=headers)
        assert code == 200
        assert [one["to"] for one in answer["messages"]] == body["to"]


@pytest_twisted.ensureDeferred
async def test_many_requests_at_once(node: Node) -> None:
    async with calling(node) as client:
        answers = await gatherResults(
            [
                Deferred.fromCoroutine(
                    client.request("POST", "/sms/1/text/single", json={"to": TO, "text": str(number)})
                )
                for number in range(50)
            ]
        )
        assert {code for code, _ in answers} == {200}
        assert len({answer["messages"][0]["messageId"] for _, answer in answers}) == 50


@pytest_twisted.ensureDeferred
async def test_an_error_leaves_the_connection_open(node: Node) -> None:
    async with calling(node) as client:
        for path, options, code in (
            ("/nowhere", {}, 404),
            ("/sms/1/reports", {"auth": ("demo", "wrong")}, 401),
            ("/sms/1/reports?limit=x", {}, 400),
            ("/sms/1/reports", {}, 200),
        ):
            assert (await client.request("GET", path, **options))[0] == code
        assert client.dialled.count == 1

"""Another platform with the same HTTP API, asked by ``POST /number/1/query``."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
import treq
from treq.client import HTTPClient
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.logger import Logger
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from smsd.hlr.http_answers import Malformed, read, refusal
from smsd.hlr.options import HttpOptions
from smsd.hlr.questions import Questions
from smsd.numbering.context import Context
from smsd.services.lookup import NoAnswer
from smsd.web_client.connections import Connections, Endpoints
from smsd.web_client.failures import reason_of
from smsd.web_client.requests import Body, PlainAnswers

FRAME = 65_536
"""Octets of an answer that are read whatever was asked …"""
RESULT = 4_096
"""… and for each number: a result has some 700."""
UNREAD = "Its answer can't be read."


class HttpPeer(Service):
    """Gathers the questions that come at once into requests of many numbers.

    While as many requests are unanswered as may be, the next ones gather.
    """

    log = Logger()

    def __init__(self, name: str, options: HttpOptions, reactor: Any) -> None:
        self.setName(name)
        self.reason = ""
        """Why it can't be asked; empty if it can."""
        self._options = options
        self._url = options.url.rstrip("/") + "/number/1/query"
        self._reactor = reactor
        self._questions = Questions(options.waiting)
        self._pool = Connections(reactor, options.requests)
        # The operator has set where it leads, which may be in a private network.
        endpoints = Endpoints(reactor, private=True)
        self._client = HTTPClient(PlainAnswers(Agent.usingEndpointFactory(reactor, endpoints, self._pool)))
        self._requests: set[Deferred[None]] = set()
        self._filling = False

    def stopService(self) -> Deferred[None]:
        """Give up what is unanswered, and close the connections; whoever waits hears of it."""
        super().stopService()
        self.reason = "It has been stopped."
        self._questions.refuse_all(self.reason)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        requests = list(self._requests)
        for request in requests:
            request.cancel()
        await DeferredList(requests)
        await self._pool.closeCachedConnections()

    async def ask(self, number: str) -> Context:
        """Return what the peer says of a number."""
        if not self.running:
            raise NoAnswer(self.reason or "It has not been started yet.")
        waiting = self._questions.put(number)
        self._fill_soon()
        return await waiting

    def _fill_soon(self) -> None:
        """Make requests at the end of this turn of the reactor, of all that is asked until then."""
        if not self._filling:
            self._filling = True
            self._reactor.callLater(0, self._fill)

    def _fill(self) -> None:
        self._filling = False
        while self._questions.unasked and len(self._requests) < self._options.requests:
            numbers: list[str] = []
            while len(numbers) < self._options.numbers and (number := self._questions.take()) is not None:
                numbers.append(number)
            request = Deferred.fromCoroutine(self._query(numbers))
            self._requests.add(request)
            request.addErrback(lambda failure: self.log.failure("A lookup by HTTP failed", failure))
            request.addBoth(self._done, request)

    def _done(self, result: None, request: Deferred[None]) -> None:
        self._requests.discard(request)
        if self.running:
            self._fill_soon()

    async def _query(self, numbers: list[str]) -> None:
        """Ask about numbers in one request, and tell who waits what came of it."""
        timeout = self._options.timeout
        asking = Deferred.fromCoroutine(self._post(numbers))
        found, reason = {}, "It says nothing of this number."
        try:
            found = dict(read(await asking.addTimeout(timeout, self._reactor, _timed_out)))
        except TimeoutError:
            reason = f"There was no answer in {timeout:g} seconds."
        except CancelledError:
            reason = "It has been stopped."
        except Malformed:
            reason = UNREAD
        except NoAnswer as error:
            reason = str(error)
        except Exception as error:
            reason = f"It can't be asked: {reason_of(error)}"
        self._tell(reason if not found else "")
        for number in numbers:
            match found.get(number):
                case Context() as context:
                    self._questions.answer(number, context)
                case NoAnswer() as refused:
                    self._questions.refuse(number, str(refused))
                case None:
                    self._questions.refuse(number, reason)

    async def _post(self, numbers: list[str]) -> bytes:
        options = self._options
        response = await self._client.post(
            self._url,
            data=Body(msgspec.json.encode({"to": numbers})),
            headers=Headers({"Content-Type": ["application/json"], "Accept": ["application/json"]}),
            auth=(options.username, options.password),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        body = await _read(response, FRAME + RESULT * len(numbers))
        if response.code == 200:
            return body
        said = refusal(body)
        if response.code == 401:
            raise NoAnswer("It refuses the username or the password.")
        if response.code == 429:
            raise NoAnswer("It is asked too much: HTTP status 429.")
        raise NoAnswer(f"It answers with HTTP status {response.code}{': ' if said else ''}{said}.")

    def _tell(self, reason: str) -> None:
        """Log that the peer can't be asked any more, or can again: not each time."""
        if reason and not self.reason:
            self.log.warn("Back end {name} doesn't answer: {reason}", name=self.name, reason=reason)
        elif self.reason and not reason:
            self.log.info("Back end {name} answers again", name=self.name)
        if self.running:
            self.reason = reason


def _timed_out(result: object, timeout: float) -> NoReturn:
    """Fail by this, whatever twisted.web makes of a request that is cancelled."""
    raise TimeoutError


async def _read(response: IResponse, most: int) -> bytes:
    """Return an answer's body; hang up if it becomes too long."""
    body = bytearray()

    def collect(data: bytes) -> None:
        if len(body) + len(data) > most:
            raise NoAnswer("Its answer is too long.")
        body.extend(data)

    await treq.collect(response, collect)
    return bytes(body)

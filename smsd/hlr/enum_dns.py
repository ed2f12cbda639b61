"""ENUM: numbers in the domain name system, which tells where they were ported to (RFC 6116, RFC 4769)."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import DNSNameError, DomainError

from smsd.hlr.naptr import Naptr, context, domain, portability
from smsd.hlr.options import EnumOptions
from smsd.hlr.questions import Questions
from smsd.numbering.context import Context
from smsd.services.fields import Fields
from smsd.services.lookup import NoAnswer

SYSTEM = "/etc/resolv.conf"
"""Where the system's own name servers stand."""
ATTEMPTS = (0.2, 0.3, 0.5)
"""How a query's time is divided among the times that it is sent."""

Records = tuple[list[dns.RRHeader], list[dns.RRHeader], list[dns.RRHeader]]


class Names(Protocol):
    """Who is asked for the records of a name."""

    def lookupNamingAuthorityPointer(self, name: str, timeout: Any = None) -> Deferred[Records]:
        """Look up the NAPTR records of a name."""


def resolver(options: EnumOptions, reactor: Any) -> Resolver:
    """Return what asks the name servers of a back end, or those that the system has now."""
    # On a clock that stands still, since a resolver reads its file again and again, for ever.
    servers = options.addresses() or Resolver(resolv=SYSTEM, reactor=Clock()).dynServers
    return Resolver(servers=list(servers), reactor=reactor)


class Enum(Service):
    """Asks name servers about numbers, about many at once.

    A query that nobody waits for any more takes its place in the window until it ends.
    """

    log = Logger()
    knows = frozenset({Fields.PORTABILITY})
    """What it can know of a number."""

    def __init__(self, name: str, options: EnumOptions, names: Names) -> None:
        self.setName(name)
        self.reason = ""
        """Why it can't be asked; empty if it can."""
        self._options = options
        self._networks = options.mccmncs()
        self._names = names
        self._questions = Questions(options.waiting)
        self._queries: set[Deferred[None]] = set()
        servers = max(1, len(options.addresses()))
        self._timeouts = [options.timeout * share / servers for share in ATTEMPTS]

    def stopService(self) -> Deferred[Any]:
        """Give up what is unanswered; whoever waits hears of it."""
        super().stopService()
        self.reason = "It has been stopped."
        self._questions.refuse_all(self.reason)
        queries = list(self._queries)
        for query in queries:
            query.cancel()
        return DeferredList(queries)

    async def ask(self, number: str) -> Context:
        """Return whether a number was ported, and where to."""
        if not self.running:
            raise NoAnswer(self.reason or "It has not been started yet.")
        waiting = self._questions.put(number)
        self._fill()
        return await waiting

    def _fill(self) -> None:
        while len(self._queries) < self._options.window and (number := self._questions.take()) is not None:
            query = Deferred.fromCoroutine(self._query(number))
            self._queries.add(query)
            query.addErrback(lambda failure: self.log.failure("A lookup by ENUM failed", failure))
            query.addBoth(self._done, query)

    def _done(self, result: None, query: Deferred[None]) -> None:
        self._queries.discard(query)
        if self.running:
            self._fill()

    async def _query(self, number: str) -> None:
        try:
            answers, _, _ = await self._names.lookupNamingAuthorityPointer(
                domain(number, self._options.suffix), self._timeouts
            )
        except DNSNameError:
            missing = Context(ported=False) if self._options.missing == "not_ported" else Context()
            self._questions.answer(number, missing)
        except (TimeoutError, dns.DNSQueryTimeoutError):
            self._questions.refuse(number, f"There was no answer in {self._options.timeout:g} seconds.")
        except DomainError as error:
            self._questions.refuse(number, f"The name server can't say: {type(error).__name__}.")
        except Exception as error:
            self._questions.refuse(number, f"It can't be asked: {error or type(error).__name__}")
        else:
            self._questions.answer(
                number, context(portability(number, map(_naptr, _naptrs(answers))), self._networks)
            )


def _naptrs(answers: list[dns.RRHeader]) -> list[dns.Record_NAPTR]:
    """Return the records asked for; aliases that led to them are left out."""
    payloads: list[Any] = [answer.payload for answer in answers]
    return [payload for payload in payloads if isinstance(payload, dns.Record_NAPTR)]


def _naptr(record: dns.Record_NAPTR) -> Naptr:
    return Naptr(
        record.order,
        record.preference,
        *(text.string.decode("latin-1") for text in (record.flags, record.service, record.regexp)),
    )

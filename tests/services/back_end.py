"""A back end of lookups that answers when a test tells it to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from smsd.numbering.context import Context
from smsd.services.lookup_administration import LookupAdministration
from tests.stores import result

if TYPE_CHECKING:
    from tests.peers import Stack


class BackEnd:
    """Remembers what it is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[Context]] = []
        self.numbers: list[str] = []

    async def ask(self, number: str) -> Context:
        self.numbers.append(number)
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    def say(self, answer: Context | Exception, which: int = -1) -> None:
        """Answer one of the questions."""
        if isinstance(answer, Exception):
            self.waiting[which].errback(answer)
        else:
            self.waiting[which].callback(answer)


def asked_about_all(stack: Stack, back_end: BackEnd) -> None:
    """Have a stack ask a back end about all numbers; 38591 is a network of its own there."""
    administration = LookupAdministration(stack.engine, stack.network)
    result(stack.administration.add_network("38591", "21910", "A1"))
    result(administration.add_back_end("hlr", "test", "{}", timeout=20_000, at_once=1000))
    result(administration.add_rule(["hlr"]))
    stack.core.back_ends.put(result(administration.back_end("hlr")), back_end)

"""Questions to a back end of lookups: so many at once, so many a second, and each with its time-out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.numbering.context import Context
from smsd.services.fields import EVERYTHING, Fields
from smsd.services.lookup import BackEnd, NoAnswer, Table
from smsd.services.shares import Shares
from smsd.store.settings import LookupBackEnd

MILLISECOND = 0.001
WAITING = 10_000
"""How many questions may wait for their turn; an account has half of those that the others leave."""
BURST = 1.0
"""Seconds' worth of questions that may be asked at once after a pause."""
QUIET = 60.0
"""Seconds that pass at least between two log lines about a back end that doesn't answer."""


class Turns:
    """Lets questions go: so many at once, so many a second, accounts in turn."""

    def __init__(self, clock: IReactorTime, at_once: int, rate: float) -> None:
        """Let ``at_once`` go together, and ``rate`` a second; 0 is as many as there are."""
        self._clock = clock
        self._rate = rate
        self._going = Shares(at_once)
        self._queued = Shares(WAITING)
        self._queues: dict[int, deque[Deferred[None]]] = {}
        self._free_at = 0.0
        self._timer: IDelayedCall | None = None

    async def wait(self, account_id: int) -> None:
        """Wait for a turn, to be given back with :meth:`leave`.

        Raises:
            NoAnswer: if too many wait already.
        """
        if not self._queues and self._may_go(account_id):
            self._go(account_id)
            return
        if not self._queued.has_room(account_id):
            raise NoAnswer("Too many questions wait for their turn")
        turn: Deferred[None] = Deferred()
        self._queued.take(account_id)
        self._queues.setdefault(account_id, deque()).append(turn)
        self._serve()
        try:
            await turn
        finally:
            self._queued.leave(account_id)

    def leave(self, account_id: int) -> None:
        """Give a turn back."""
        self._going.leave(account_id)
        self._serve()

    def _may_go(self, account_id: int) -> bool:
        return self._free_at <= self._clock.seconds() and self._going.has_room(account_id)

    def _go(self, account_id: int) -> None:
        self._going.take(account_id)
        if self._rate:
            self._free_at = max(self._free_at, self._clock.seconds() - BURST) + 1 / self._rate

    def _serve(self) -> None:
        """Let those go who may, one of each account in its turn."""
        passed_over = 0
        while passed_over < len(self._queues):
            wait = self._free_at - self._clock.seconds()
            if wait > 0:
                if self._timer is None or not self._timer.active():
                    self._timer = self._clock.callLater(wait, self._serve)
                return
            account_id, queue = next(iter(self._queues.items()))
            del self._queues[account_id]
            while queue and queue[0].called:  # Given up meanwhile.
                queue.popleft()
            if not queue:
                continue
            if not self._going.has_room(account_id):
                self._queues[account_id] = queue
                passed_over += 1
                continue
            turn = queue.popleft()
            if queue:
                self._queues[account_id] = queue
            self._go(account_id)
            passed_over = 0
            turn.callback(None)


class Asked:
    """A back end, and what may be asked of it.

    A number that several want to know about at once is asked about once, and a question goes on when nobody
    waits for it any more: it has a time-out.
    """

    log = Logger()

    def __init__(self, row: LookupBackEnd, back_end: BackEnd, clock: IReactorTime) -> None:
        self.name = row.name
        self._table = back_end if isinstance(back_end, Table) else None
        self._timeout = row.timeout * MILLISECOND
        self._back_end = back_end
        self._clock = clock
        self._turns = Turns(clock, row.at_once, row.rate)
        self._waiting: dict[str, list[Deferred[Context]]] = {}
        self._quiet_until = 0.0

    @property
    def local(self) -> bool:
        """Whether it is a table here: it is asked without limits, and what it says is not kept besides."""
        return self._table is not None

    async def ask_all(self, numbers: Sequence[str]) -> Mapping[str, Context]:
        """Return what a table has of numbers.

        Raises:
            NoAnswer: if it can't be read.
        """
        assert self._table is not None
        return await self._table.ask_all(numbers)

    @property
    def knows(self) -> frozenset[Fields]:
        """The classes of fields that it can answer for."""
        found: frozenset[Fields] = getattr(self._back_end, "knows", EVERYTHING)
        return found

    async def ask(self, account_id: int, number: str) -> Context:
        """Return what the back end says of a number.

        Raises:
            NoAnswer: if it says nothing, or not in time.
        """
        if self._table is not None:
            return await self._table.ask(number)
        waiter: Deferred[Context] = Deferred()
        waiting = self._waiting.get(number)
        if waiting is not None:
            waiting.append(waiter)
        else:
            self._waiting[number] = [waiter]
            question = Deferred.fromCoroutine(self._question(account_id, number))
            question.addTimeout(self._timeout, self._clock)
            question.addBoth(self._tell, number)
        return await waiter

    async def _question(self, account_id: int, number: str) -> Context:
        await self._turns.wait(account_id)
        try:
            return await self._back_end.ask(number)
        finally:
            self._turns.leave(account_id)

    def _tell(self, answer: Context | Failure, number: str) -> None:
        reason = ""
        if isinstance(answer, Failure):
            reason = self._reason(answer)
        for waiter in self._waiting.pop(number):
            if waiter.called:
                continue  # Whoever asked is gone.
            if isinstance(answer, Failure):
                waiter.errback(NoAnswer(reason))
            else:
                waiter.callback(answer)

    def _reason(self, failure: Failure) -> str:
        """Return why there is no answer, and let the log have it now and then."""
        if failure.check(TimeoutError, CancelledError):
            reason = f"No answer came within {self._timeout:g} seconds"
        elif failure.check(NoAnswer):
            reason = str(failure.value)
        else:
            self.log.failure("Back end {name} of lookups failed", failure, name=self.name)
            return "It failed"
        now = self._clock.seconds()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET
            self.log.warn(
                "Back end {name} of lookups doesn't answer: {reason}", name=self.name, reason=reason
            )
        return reason

"""Group commit: every change goes to disk together with whatever else changes meanwhile.

While one batch is being committed the next one gathers; a batch is one transaction. Nothing waits for a
timer, and batches grow by themselves under load.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from smsd.store.batch import (
    ACCEPT,
    BEGUN,
    COMPANIONS,
    DEBIT,
    FINAL,
    FRAGMENT,
    GATHERED,
    REFUND,
    REGAINED,
    REIMBURSED,
    SEGMENT,
    UNGATHERED,
    VOID,
    Batch,
)
from smsd.store.credit import CHARGED, COVERED, LEFT_OF
from smsd.store.engine import Call, Change, Engine, Query, Row, StoreRefused, StoreUnavailable
from smsd.store.links import TRACKED, UNTRACKED
from smsd.store.lookups import ASKED, GIVEN_BACK, NEVER_ASKED
from smsd.store.pushes import PUSH, PUSHED
from smsd.store.received import ARRIVED, NEVER_ARRIVED
from smsd.store.repetitions import KEPT, NEVER_KEPT

AT_ONCE = 1000
"""How many new messages a batch takes: many more than that must not hold up what else has happened."""
EAGER, LAZY, GROWTH = 0.1, 5.0, 2.0
"""Seconds before the first and between later attempts at a database that is unavailable."""

REFUSED = {
    ACCEPT: VOID,
    GATHERED: UNGATHERED,
    TRACKED: UNTRACKED,
    ARRIVED: NEVER_ARRIVED,
    ASKED: NEVER_ASKED,
    KEPT: NEVER_KEPT,
}
"""What is refused while the database is away, and how it is taken back, should it be there."""
MISHAP = "A change was stored, but what follows from it failed"
"""Logged when a callback fails: it harms no one else in the batch."""


class Overloaded(Exception):
    """As many messages as may wait for the disk do so; try again in a moment."""


def _unheard(rows: list[Row]) -> None:
    """Nobody asks what is left."""


def _unmissed() -> None:
    """Nobody has missed the database."""


class Commits:
    """Takes changes and brings them to disk, batch by batch."""

    log = Logger()

    def __init__(self, engine: Engine, clock: IReactorTime, limit: int) -> None:
        """Write to ``engine``; at most ``limit`` submitters may wait for the disk at once."""
        self._engine = engine
        self._clock = clock
        self._limit = limit
        self.debited: Callable[[list[Row]], None] = _unheard
        """Is told what accounts have left, as (account, micros); ``None`` for one that pays later."""
        self.back: Callable[[], None] = _unmissed
        """Is called when the database is there again: answers of its may have been lost."""
        self.heard: dict[Query, Callable[[list[Row]], None]] = {}
        """Who else is told the rows that changes of a kind give back, before what comes after these."""
        self._gathering = Batch()
        self._queue: deque[Batch] = deque()  # Later batches, of new messages alone.
        self._intake = self._gathering  # The last of them all.
        self._waiting = 0
        self._waiting_of: dict[int, int] = {}  # By account, or by channel below 0.
        self._available = True
        self._running = False
        self._drained: list[Deferred[None]] = []

    @property
    def available(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return self._available

    @property
    def waiting(self) -> int:
        """How many submitters wait for the disk."""
        return self._waiting

    @property
    def idle(self) -> bool:
        """Whether all that was taken so far is on disk."""
        return not self._running

    def admit(self, account_id: int, count: int) -> None:
        """See whether so many messages of an account may begin to wait.

        An account may take half of the room that the others leave: one that floods keeps at most half of it
        all, two a third each, and there is always some for the next.

        Raises:
            Overloaded: if too many wait already.
            StoreUnavailable: if the database can't be written just now.
        """
        if not self._available:
            raise StoreUnavailable("The database can't be written just now.")
        left = self._limit - self._waiting - (count - 1)  # When the last of them is taken.
        if self._waiting_of.get(account_id, 0) + count > left:
            raise Overloaded(f"{self._waiting} messages wait for the disk.")
        if self._intake.waiting and len(self._intake.waiting) + count > AT_ONCE:
            self._intake = Batch()
            self._queue.append(self._intake)

    def store(
        self,
        query: Query,
        key: Hashable,
        row: Row,
        item: Any,
        submitter: Any,
        *along: Change,
        share: int,
        cost: int = 0,
    ) -> None:
        """Store an item that is no message of a client, and make other changes with it.

        ``share`` is whose room it takes, see :meth:`admit`, and whose credit what it costs. Raises as
        :meth:`accept`.
        """
        self.admit(share, 1)
        self._change(query, key, row, self._intake)
        for change in along:
            self._change(*change, self._intake)
        if cost:
            self._change(DEBIT, key, (share, cost), self._intake)
        self._wait(query, key, submitter, item, share)

    def store_along(
        self, query: Query, key: Hashable, row: Row, item: Any, submitter: Any, *, share: int
    ) -> None:
        """Store an item together with the messages that were accepted last, in this turn of the reactor."""
        self._change(query, key, row, self._intake)
        self._wait(query, key, submitter, item, share)

    def change(
        self, query: Query, key: Hashable, row: Row, after: Callable[[bool], None] | None = None
    ) -> None:
        """Store any other change, then call ``after``."""
        self._change(query, key, row)
        if after is not None:
            self._gathering.after.append((query, key, after))

    async def drain(self) -> None:
        """Wait until everything taken so far is on disk."""
        if self._running:
            self._drained.append(Deferred())
            await self._drained[-1]

    def _wait(self, query: Query, key: Hashable, submitter: Any, item: Any, share: int) -> None:
        self._waiting += 1
        self._waiting_of[share] = self._waiting_of.get(share, 0) + 1
        self._intake.waiting.append((query, key, submitter, item, share))

    def _change(self, query: Query, key: Hashable, row: Row, batch: Batch | None = None) -> None:
        rows = (self._gathering if batch is None else batch).changes[query]
        if key not in rows:
            rows[key] = row
        if not self._running:
            self._running = True
            # Not before this turn of the reactor ends: what comes in with it shares the transaction.
            self._clock.callLater(0, self._start)

    def _start(self) -> None:
        running = Deferred.fromCoroutine(self._run())
        running.addErrback(lambda failure: self.log.failure("The journal stopped", failure))

    async def _run(self) -> None:
        pause = EAGER
        while self._gathering or not self._available:  # An empty batch asks whether it is back.
            batch = self._next()
            try:
                await self._commit(batch)
            except StoreUnavailable as error:
                if self._available:
                    self.log.error("Messages can't be stored: {error}", error=error)
                pause = await self._wait_with(batch, pause)
            except Exception:  # A mistake of ours must not stop the journal for good.
                self.log.failure("A batch of changes failed and is tried again")
                pause = await self._wait_with(batch, pause)
            else:
                if not self._available:
                    self.log.info("Messages are stored again.")
                    self.back()
                self._available = True
                pause = EAGER
        self._running = False
        drained, self._drained = self._drained, []
        for waiter in drained:
            waiter.callback(None)

    def _next(self) -> Batch:
        """Return the batch to commit now; the one after it begins to gather what happens meanwhile."""
        batch = self._gathering
        self._gathering = self._queue.popleft() if self._queue else Batch()
        if self._intake is batch:
            self._intake = self._gathering
        return batch

    async def _wait_with(self, batch: Batch, pause: float) -> float:
        """Keep what a batch that failed may keep, wait, and return the next pause."""
        self._available = False
        batches = (batch, self._gathering, *self._queue)  # Nobody is to wait for several attempts.
        self._queue.clear()
        self._gathering = self._intake = Batch()
        for one in reversed(batches):
            self._put_back(one)
        await deferLater(self._clock, pause)
        return min(pause * GROWTH, LAZY)

    async def _commit(self, batch: Batch) -> None:
        """Write a batch; one that is refused is written by halves, so that a bad row fails alone.

        Each half leaves the batch once it is done with, should the database go away before the other is.
        """
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                await self._commit_part(part)
            except StoreRefused as error:
                if error.constraint == COVERED:
                    refused = await self._without_uncovered(part)
                    if refused.waiting:
                        if part is not batch:
                            batch.remove(refused)
                        self._refuse(refused)
                        parts += [part] if len(part) else []
                        continue
                    # All seems covered: somebody else changes balances meanwhile. Halves find what is not.
                if len(part) > 1:
                    parts += reversed(part.halves())
                    continue
                self.log.error("The database refuses a change, which is dropped: {error}", error=error)
                self._tell(part, stored=False)
            if part is not batch:
                batch.remove(part)

    async def _without_uncovered(self, part: Batch) -> Batch:
        """Take out of a batch, and return, the new messages that accounts' credit does not cover."""
        debits = part.changes[DEBIT]
        accounts = {(account_id,) for account_id, _ in debits.values()}
        (rows,) = await self._engine.write(Call(LEFT_OF, list(accounts)))
        self.debited(rows)
        ids = part.uncovered({account_id: left for account_id, left in rows if left is not None})
        return part.take_out(ids or (debits if len(part) == 1 else ()))

    def _refuse(self, batch: Batch) -> None:
        """Tell submitters that their messages are not covered."""
        self._done_waiting(batch)
        for _, _, submitter, item, _ in batch.waiting:
            try:
                submitter.refused(item)
            except Exception:
                self.log.failure(MISHAP)

    async def _commit_part(self, batch: Batch) -> None:
        calls = batch.calls(self._clock.seconds())
        results = await self._engine.write(*calls)
        for call, rows in zip(calls, results, strict=True):
            if call.query is CHARGED:
                self.debited(rows)
            elif call.query in self.heard:
                self.heard[call.query](rows)
        made_final = {
            id for call, rows in zip(calls, results, strict=True) if call.query is FINAL for (id,) in rows
        }
        self._tell(batch, stored=True)
        for query, key, after in batch.after:
            try:
                after(query is not FINAL or key in made_final)
            except Exception:
                self.log.failure(MISHAP)
            if query is FINAL:
                made_final.discard(key)  # The first end of a message stands, and no second one is told so.

    def _put_back(self, batch: Batch) -> None:
        """Refuse what submitters wait for; keep what has happened for the next attempt."""
        self._tell(batch, stored=False)
        # A commit whose answer was lost may have taken place: what was refused must not be there.
        refused: dict[Query, dict[Hashable, Row]] = {
            void: {id: (id,) for id in batch.changes[of]} for of, void in REFUSED.items()
        }
        debited = batch.changes[DEBIT]
        for back, of in ((REFUND, ACCEPT), (REGAINED, GATHERED), (GIVEN_BACK, ASKED)):
            refused[back] = {id: (id, debited[id][0]) for id in batch.changes[of] if id in debited}
        along = batch.changes[PUSH]
        refused[PUSHED] = {id: (id,) for id in along if any(id in batch.changes[of] for of in REFUSED)}
        for query in (*REFUSED, *COMPANIONS, BEGUN, FRAGMENT):
            batch.changes[query] = {}
        later = self._gathering
        for id in batch.changes[FINAL]:  # What a message cost goes back with its first end, or not at all.
            later.changes[REIMBURSED].pop(id, None)
        for query, rows in batch.changes.items():
            newer = later.changes[query]
            # Of two changes the first stands, but an operator's id means the last segment that it was given.
            later.changes[query] = rows | (
                newer if query is SEGMENT else {k: row for k, row in newer.items() if k not in rows}
            )
        for void, rows in refused.items():
            later.changes[void].update(rows)
        later.after[:0] = batch.after

    def _done_waiting(self, batch: Batch) -> None:
        self._waiting -= len(batch.waiting)
        for *_, share in batch.waiting:
            self._waiting_of[share] -= 1
        if not self._waiting:
            self._waiting_of.clear()

    def _tell(self, batch: Batch, *, stored: bool) -> None:
        self._done_waiting(batch)
        for _, _, submitter, item, _ in batch.waiting:
            try:
                if stored:
                    submitter.stored(item)
                else:
                    submitter.not_stored(item)
            except Exception:
                self.log.failure(MISHAP)
        batch.waiting = []

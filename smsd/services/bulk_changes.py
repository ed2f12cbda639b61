"""Brings the table, step by step, to what was said of bulks.

What is not to be sent meanwhile is held by :mod:`smsd.services.stops`. All that is left to do is in the rows
of bulks, so that a node goes on with it wherever it was stopped.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.dispatch import Dispatch
from smsd.services.looking import Looking
from smsd.services.reports import Reports
from smsd.services.stops import Stop, Stops
from smsd.store.bulks import Bulk, BulkRow, Bulks, BulkState
from smsd.store.engine import StoreUnavailable
from smsd.store.settings import Rows

STEP = 500
"""How many messages a step takes: the others of the node, and other changes, have their turn between two."""
EVERY_ID = 2**63 - 1
SETTLED = 60.0
"""Seconds after which no message is on its way to disk any more that was accepted before a change."""


class BulkChanges(Looking):
    """Carries out what was said of bulks."""

    log = Logger()
    what = "What was said of bulks"

    def __init__(
        self, bulks: Bulks, stops: Stops, dispatch: Dispatch, reports: Reports, clock: IReactorTime
    ) -> None:
        super().__init__(clock)
        self._bulks = bulks
        self._stops = stops
        self._dispatch = dispatch
        self._reports = reports
        self._reading = False
        self._stale = False
        self._paused: deque[Bulk] = deque()

    async def resume(self) -> None:
        """Read what there is to heed.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """
        self._stops.replace(await self._bulks.open())

    def apply(self, rows: Rows) -> None:
        """Read again what there is to heed: the operator, or another node, may have said something."""
        self._stale = True
        if not self._reading:
            self._reading = True
            reading = Deferred.fromCoroutine(self._reread())
            reading.addErrback(lambda failure: self.log.failure("Changed bulks can't be read", failure))

    async def _reread(self) -> None:
        try:
            while self._stale:
                self._stale = False
                said = self._stops.said
                rows = await self._bulks.open()
                if self._stops.said == said:
                    self._stops.replace(rows)
                else:
                    self._stale = True  # What was said meanwhile may not be among the rows.
        except StoreUnavailable:
            self._stale = True  # The next look reads again.
        finally:
            self._reading = False

    async def look(self) -> None:
        """Take steps, of each bulk in its turn, until nothing can be done just now."""
        if self._stale or self._stops.doubtful:
            self.apply(Rows())
        turns = deque(stop for stop in self._stops if not _is_only_paused(stop))
        while turns and self.running:
            stop = turns.popleft()
            if await self._step(stop):
                turns.append(stop)
        await self._look_at_a_paused_one()

    async def _step(self, stop: Stop) -> bool:
        """Take a step; tell whether the next one can follow at once."""
        row = stop.row
        if row is None:
            return False
        if row.state == BulkState.CANCELED:
            return await self._cancel(row)
        if row.moving:
            return await self._move(row, stop)
        if row.state == BulkState.GOING:
            return await self._release(row, stop)
        return False

    async def _cancel(self, row: BulkRow) -> bool:
        messages = await self._bulks.scheduled(row.bulk, row.up_to, STEP)
        if messages:
            await self._reports.cancel_all(messages)
            return True
        self._dispatch.stop(row.account_id)
        if self._is_settled(row) and not await self._bulks.is_waiting(row.bulk, row.up_to):
            await self._done(row, open=False)
        return False

    async def _move(self, row: BulkRow, stop: Stop) -> bool:
        if await self._bulks.move(row, STEP):
            return True
        self._dispatch.stop(row.account_id)
        if not stop.holding and self._is_settled(row) and not await self._bulks.is_unmoved(row):
            await self._done(row, open=True)
        return False

    async def _release(self, row: BulkRow, stop: Stop) -> bool:
        """Let what was held go on; what is on its way to disk as held is looked for once it is there."""
        holding = stop.holding
        if await self._bulks.release(row.bulk, STEP):
            return True
        if not holding:
            await self._done(row, open=False)
        return False

    async def _look_at_a_paused_one(self) -> None:
        """See whether a bulk that is paused still has something to hold; each look sees to another."""
        if not self._paused:
            self._paused.extend(stop.row.bulk for stop in self._stops if stop.row and _is_only_paused(stop))
        if not self._paused:
            return
        bulk = self._paused.popleft()
        stop = self._stops.get(bulk)
        if stop is None or stop.row is None or not _is_only_paused(stop) or not self._is_settled(stop.row):
            return
        row = stop.row
        self._dispatch.stop(row.account_id)
        if not await self._bulks.is_waiting(row.bulk, EVERY_ID):
            await self._done(row, open=False)

    async def _done(self, row: BulkRow, *, open: bool) -> None:
        """Take note, on disk and here, that what followed from a row is done."""
        await self._bulks.done(row, open=open)
        self._stops.done(row, open=open)

    def _is_settled(self, row: BulkRow) -> bool:
        return self._clock.seconds() >= row.changed_at + SETTLED


def _is_only_paused(stop: Stop) -> bool:
    return stop.row is not None and stop.row.state == BulkState.PAUSED and not stop.row.moving

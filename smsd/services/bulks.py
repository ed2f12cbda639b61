"""Bulks: the messages of an account that have the same bulk id, however many requests have brought them.

Their account, or the operator, may pause and resume a bulk, bring it to another time and cancel it, for as
long as some of it waits to be sent. What an operator's channel has got goes on all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from smsd.services.ids import MessageIds
from smsd.services.sending_hours import SendingHours
from smsd.services.stops import Stops
from smsd.store.bulks import Bulk, BulkRow, BulkState, Standing
from smsd.store.bulks import Bulks as BulkRows
from smsd.store.messages import State

MOST_OPEN = 1000
"""How many bulks of an account may be paused, or be brought to what was said of them, at once."""
PASSED = 60.0
"""Seconds that a new time may have passed by: clocks differ. It means at once then."""


class BulkStatus(Enum):
    """Where a bulk is on its way."""

    PENDING = "PENDING"
    """It waits for its time."""
    PAUSED = "PAUSED"
    """What of it has not been sent waits until it is resumed."""
    PROCESSING = "PROCESSING"
    """It is being sent, or its receipts are awaited."""
    CANCELED = "CANCELED"
    """What of it had not been sent won't be."""
    FINISHED = "FINISHED"
    """All of it is final."""


class UnknownBulk(Exception):
    """The account has no such bulk."""


class Unchangeable(Exception):
    """A bulk can't be changed in this way any more; the text says why."""


class TooLate(Exception):
    """A bulk is to be sent at a time that has passed."""


class TooManyOpen(Exception):
    """Of as many bulks of the account as may be, something has still to be heeded."""


class Described(NamedTuple):
    """A bulk as its account sees it."""

    bulk_id: str
    send_at: float
    status: BulkStatus


class Bulks:
    """Looks at bulks, and says what is to become of them."""

    def __init__(
        self, rows: BulkRows, stops: Stops, ids: MessageIds, hours: SendingHours, clock: IReactorTime
    ) -> None:
        self._rows = rows
        self._stops = stops
        self._ids = ids
        self._hours = hours
        self._clock = clock
        self._turns: dict[int, DeferredLock] = {}

    async def describe(self, bulk: Bulk) -> Described:
        """Return where a bulk is.

        Raises:
            UnknownBulk: if there is no such bulk.
        """
        return await self._described(await self._rows.standing(bulk))

    async def unfinished(self, account_id: int, limit: int) -> list[Described]:
        """Return an account's bulks that are not finished, by their ids: so many at most."""
        return [
            await self._described(standing) for standing in await self._rows.unfinished(account_id, limit)
        ]

    async def pause(self, bulk: Bulk) -> BulkStatus:
        """Let nothing of a bulk be sent until it is resumed.

        Its validity goes on: what is not resumed in time expires.

        Raises:
            UnknownBulk: if there is no such bulk.
            Unchangeable: if nothing of it waits to be sent.
            TooManyOpen: if that are too many.
        """

        def paused(described: Described, row: BulkRow | None) -> BulkRow | None:
            if described.status is BulkStatus.PAUSED:
                return None
            if row is not None and row.open and row.moving:
                return self._row(bulk, BulkState.PAUSED, row.send_at, row.up_to)
            return self._row(bulk, BulkState.PAUSED, described.send_at)

        await self._change(bulk, paused)
        return BulkStatus.PAUSED

    async def resume(self, bulk: Bulk) -> BulkStatus:
        """Let a bulk that is paused go on; raises as :meth:`pause`."""

        def resumed(described: Described, row: BulkRow | None) -> BulkRow | None:
            if described.status is not BulkStatus.PAUSED or row is None:
                return None
            return self._row(bulk, BulkState.GOING, row.send_at, row.up_to if row.moving else None)

        return (await self._change(bulk, resumed)).status

    async def cancel(self, bulk: Bulk) -> BulkStatus:
        """Let nothing more of a bulk be sent: all that waits ends; raises as :meth:`pause`."""

        def canceled(described: Described, row: BulkRow | None) -> BulkRow:
            return self._row(bulk, BulkState.CANCELED, described.send_at)

        await self._change(bulk, canceled, again=BulkStatus.CANCELED)
        return BulkStatus.CANCELED

    async def reschedule(self, bulk: Bulk, send_at: float) -> float:
        """Bring what of a bulk waits to be sent to another time, with its validity, and return that time.

        It is a later one if that is not within the hours of the account.

        Raises:
            TooLate: if that time has passed.
            UnknownBulk, Unchangeable, TooManyOpen: as :meth:`pause`.
        """
        now = self._clock.seconds()
        if send_at < now - PASSED:
            raise TooLate(send_at)
        moved_to = self._hours.opens(bulk.account_id, max(send_at, now))

        def moved(described: Described, row: BulkRow | None) -> BulkRow:
            paused = described.status is BulkStatus.PAUSED
            state = BulkState.PAUSED if paused else BulkState.GOING
            return self._row(bulk, state, moved_to, self._ids.next())

        await self._change(bulk, moved)
        return moved_to

    async def _change(
        self,
        bulk: Bulk,
        decide: Callable[[Described, BulkRow | None], BulkRow | None],
        *,
        again: BulkStatus | None = None,
    ) -> Described:
        """Store what is to become of a bulk, unless it is as it should be, and return where it is then.

        Nothing of it is sent while that is on its way to disk, and so nothing is afterwards that should not
        be. ``again`` is a status that may be asked for again: more may have come that it is to hold for.
        """
        turn = self._turns.setdefault(bulk.account_id, DeferredLock())
        async with turn:
            standing = await self._rows.standing(bulk)
            described = await self._described(standing)
            if described.status is not again:
                _check(described, standing)
            elif standing.row is None or not standing.row.open:
                return described
            if not (standing.row is not None and standing.row.open):
                await self._check_room(bulk.account_id)
            # In one turn of the reactor: what comes after the row's number is not kept from being sent by it.
            row = decide(described, standing.row)
            if row is None:
                return described
            self._stops.ask(bulk)
            try:
                await self._rows.put(row)
                self._stops.put(row)
            except BaseException:
                self._stops.doubt(bulk)
                raise
            self._stops.answered(bulk)
            return await self._described(standing._replace(row=row))

    async def _check_room(self, account_id: int) -> None:
        if await self._rows.open_of(account_id) >= MOST_OPEN:
            raise TooManyOpen(account_id)

    async def _described(self, standing: Standing) -> Described:
        bulk = standing.bulk
        if standing.first is None:
            raise UnknownBulk(bulk.bulk_id)
        row, due = standing.row, standing.due
        waits = any(state in due for state in (State.SCHEDULED, State.QUEUED))
        if row is not None and row.state == BulkState.CANCELED:
            if row.open or not due or not await self._rows.has_newer(bulk, row.up_to):
                return Described(bulk.bulk_id, row.send_at, BulkStatus.CANCELED)
        elif row is not None and row.open and waits:
            if row.state == BulkState.PAUSED:
                return Described(bulk.bulk_id, row.send_at, BulkStatus.PAUSED)
            if row.moving:
                due = due | {State.SCHEDULED: row.send_at}
        if State.SCHEDULED in due:
            send_at = due[State.SCHEDULED]
        else:
            send_at = min(due.values(), default=standing.first)
        return Described(bulk.bulk_id, send_at, _status(due))

    def _row(self, bulk: Bulk, state: BulkState, send_at: float, moved: int | None = None) -> BulkRow:
        """Return what is said of a bulk; ``moved`` is the last message that is brought to ``send_at``."""
        number = self._ids.next()
        moving = int(moved is not None)
        up_to = number if moved is None else moved
        return BulkRow(*bulk, int(state), send_at, moving, up_to, number, 1, self._clock.seconds())


def _status(due: dict[State, float]) -> BulkStatus:
    """Return the status of a bulk of which nothing was said."""
    if State.QUEUED in due or State.SENT in due or State.GATHERING in due:
        return BulkStatus.PROCESSING
    return BulkStatus.PENDING if State.SCHEDULED in due else BulkStatus.FINISHED


def _check(described: Described, standing: Standing) -> None:
    """See to it that a bulk can still be changed.

    Raises:
        Unchangeable: if it can't.
    """
    if described.status in (BulkStatus.CANCELED, BulkStatus.FINISHED):
        raise Unchangeable(
            f"Bulk {described.bulk_id} is {described.status.value}: it can't be changed any more."
        )
    if not any(state in standing.due for state in (State.SCHEDULED, State.QUEUED)):
        raise Unchangeable(
            f"Bulk {described.bulk_id} is PROCESSING: all of it has been sent, and nothing is left to change."
        )

"""Finds the message of an operator's receipt, however early or late it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from smsd.services.backlog import Backlog
from smsd.services.reports import Reports
from smsd.services.retries import put_off, retry_at
from smsd.services.statuses import DELIVERED_TO_HANDSET, GSM_ERRORS
from smsd.store.engine import StoreRefused, StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, Segment, State

FINAL = int(State.FINAL)

FRESH = 50_000
"""How many segments the operator has taken are remembered; older ones are looked up in the table."""
PARKED = 10_000
"""How many receipts may wait for the response that names their message."""
EARLY = 2.0
"""Seconds by which a receipt may come before that response; it is not acknowledged until then."""

Key = tuple[int, str]
"""A channel's id, and what its operator calls the segment."""


class Outcome(NamedTuple):
    """What an operator's receipt says: a final message status and a GSM error code."""

    status: int
    error: int
    again: bool = False
    """Whether the operator leaves it to us to try again what fails for a reason that may pass."""

    @property
    def may_pass(self) -> bool:
        """Whether another attempt may succeed, and is ours to make."""
        return (
            self.again and self.status != DELIVERED_TO_HANDSET and not GSM_ERRORS[self.error].smpp_permanent
        )


class Waiting(NamedTuple):
    """A receipt that has not found its message yet, and how to acknowledge it to the operator."""

    keys: tuple[Key, ...]
    """What it may mean, the likeliest first."""
    outcome: Outcome
    acknowledge: Callable[[], None]


class Tracking:
    """Knows what operators call the segments they have taken, and ends messages by their receipts.

    A receipt is acknowledged to the operator once what it says is on disk.
    """

    log = Logger()

    def __init__(
        self,
        journal: Journal,
        messages: Messages,
        reports: Reports,
        backlog: Backlog,
        clock: IReactorTime,
    ) -> None:
        self._journal = journal
        self._messages = messages
        self._reports = reports
        self._backlog = backlog
        self._clock = clock
        self._fresh: dict[Key, tuple[Message, int]] = {}
        self._parked: dict[Key, tuple[Waiting, IDelayedCall]] = {}
        self._lookups: list[Waiting] = []
        self._looking = False
        self._ending: dict[int, Message] = {}

    @property
    def remembered(self) -> int:
        """How many segments, and messages of several of them, are remembered until their receipts come."""
        return len(self._fresh) + len(self._ending)

    @property
    def parked(self) -> int:
        """How many receipts wait for what they are about."""
        return len(self._parked) + len(self._lookups)

    def taken(self, channel_id: int, operator_id: str, message: Message, number: int) -> None:
        """Remember, and store, what the operator calls a segment: the only one (0) or one of several."""
        key = (channel_id, operator_id)
        self._journal.taken(channel_id, operator_id, message.id, number)
        if len(self._fresh) >= FRESH:
            del self._fresh[next(iter(self._fresh))]
        self._fresh[key] = (message, number)
        if self._parked and key in self._parked:
            waiting, timer = self._parked[key]
            timer.cancel()
            self._unpark(waiting)
            self._apply(key, waiting.outcome, waiting.acknowledge, message, number)

    def forget(self, now: float) -> None:
        """Let go of the segments taken first whose messages' validity has ended: a receipt may still come.

        It is looked up in the table then, like that of any old segment.
        """
        while self._fresh and next(iter(self._fresh.values()))[0].expires_at <= now:
            del self._fresh[next(iter(self._fresh))]
        while self._ending and next(iter(self._ending.values())).expires_at <= now:
            del self._ending[next(iter(self._ending))]

    def receipt(
        self,
        channel_id: int,
        operator_ids: Sequence[str],
        outcome: Outcome,
        acknowledge: Callable[[], None],
    ) -> None:
        """Take an operator's final receipt; ``acknowledge`` is called when nothing can be lost of it.

        It is for the first of ``operator_ids`` that is known.
        """
        for operator_id in operator_ids:
            key = (channel_id, operator_id)
            found = self._fresh.pop(key, None)
            if found is not None:
                self._apply(key, outcome, acknowledge, *found)
                return
        keys = tuple((channel_id, operator_id) for operator_id in operator_ids)
        self._lookups.append(Waiting(keys, outcome, acknowledge))
        if not self._looking:
            self._looking = True
            # At the end of this turn, so that all receipts that came with this one share a query.
            self._clock.callLater(0, self._look)

    def on_the_way(self, channel_id: int, operator_ids: Sequence[str], error: int) -> None:
        """Take an operator's word that a segment is not delivered yet; that of an old one is let go."""
        for operator_id in operator_ids:
            found = self._fresh.get((channel_id, operator_id))
            if found is not None:
                self._reports.waiting(found[0], error)
                return

    def _look(self) -> None:
        looking = Deferred.fromCoroutine(self._look_up())
        looking.addErrback(lambda failure: self.log.failure("Receipts can't be looked up", failure))
        looking.addCallback(lambda _: self._looked())

    async def _look_up(self) -> None:
        """Search the table for the messages of receipts that memory does not know."""
        while self._lookups:
            lookups, self._lookups = self._lookups, []
            try:
                found = await self._find({key for waiting in lookups for key in waiting.keys})
            except StoreUnavailable:
                # Not acknowledged, so the operator sends these again.
                self.log.warn("{count} receipts can't be looked up just now", count=len(lookups))
                continue
            for waiting in lookups:
                self._match(waiting, found)

    def _match(self, waiting: Waiting, found: dict[Key, Segment]) -> None:
        """Apply a receipt to the first segment that it may mean, and park it if there is none."""
        for key in waiting.keys:
            fresh = self._fresh.pop(key, None)
            segment = found.get(key)
            if fresh is not None:
                self._apply(key, waiting.outcome, waiting.acknowledge, *fresh)
            elif segment is not None:
                self._apply(key, waiting.outcome, waiting.acknowledge, segment.message, segment.number)
            else:
                continue
            return
        self._park(waiting)

    def _looked(self) -> None:
        self._looking = bool(self._lookups)
        if self._looking:
            self._look()

    async def _find(self, keys: set[Key]) -> dict[Key, Segment]:
        """Read the segments from the table; an id that the database can't even be asked for has none."""
        try:
            return await self._messages.taken(keys)
        except StoreRefused:
            if len(keys) == 1:
                return {}
            return {found: segment for key in keys for found, segment in (await self._find({key})).items()}

    def _park(self, waiting: Waiting) -> None:
        """Keep a receipt for a while: the response that names its message may be on its way."""
        if any(key in self._parked for key in waiting.keys) or len(self._parked) >= PARKED:
            self._unknown(waiting)
            return
        timer = self._clock.callLater(EARLY, self._give_up, waiting)
        for key in waiting.keys:
            self._parked[key] = (waiting, timer)

    def _unpark(self, waiting: Waiting) -> None:
        for key in waiting.keys:
            del self._parked[key]

    def _give_up(self, waiting: Waiting) -> None:
        self._unpark(waiting)
        self._unknown(waiting)

    def _unknown(self, waiting: Waiting) -> None:
        channel_id, operator_id = waiting.keys[0]
        self.log.warn(
            "Channel {channel_id} got a receipt for {operator_id}, which it never sent",
            channel_id=channel_id,
            operator_id=operator_id,
        )
        waiting.acknowledge()

    def _apply(
        self, key: Key, outcome: Outcome, acknowledge: Callable[[], None], message: Message, number: int
    ) -> None:
        """End the message, or note the end of one of its segments; or let it be tried again."""
        status, error = outcome.status, outcome.error
        if message.state == FINAL:
            acknowledge()
            return
        if number == 0:
            if outcome.may_pass and self._is_in_time(message):
                self._try_again(message, error, acknowledge)
            else:
                self._reports.end(message, status, error, acknowledge)
            return
        self._apply_to_segment(key, outcome, acknowledge, self._one(message), number)

    def _apply_to_segment(
        self, key: Key, outcome: Outcome, acknowledge: Callable[[], None], message: Message, number: int
    ) -> None:
        """Note the end of a segment of several, and what follows from it for all of its message."""
        if message.ended is None:
            message.ended = {}
        repeated = number in message.ended
        # What was said of a segment first stands, as it does of a message.
        status, error = message.ended.setdefault(number, (outcome.status, outcome.error))
        ended = message.ended.values()
        failures = [one for one in ended if one[0] != DELIVERED_TO_HANDSET]
        whole = len(ended) == message.segments
        end: tuple[int, int] | None = None
        again = False
        if not failures:
            end = (status, error) if whole else None
        elif not outcome.again:
            end = (status, error) if status != DELIVERED_TO_HANDSET else None
        elif outcome.may_pass and len(failures) == len(ended) and self._is_in_time(message):
            again = whole and not repeated  # Not before it is known that nobody has got a part of it.
        else:
            end = failures[0]
        if end is None and not again:
            self._journal.ended(*key, status, error, lambda _: acknowledge())
            return

        def done() -> None:
            self._ending.pop(message.id, None)
            acknowledge()

        # Not acknowledged before the message's own end is on disk, which a repetition then brings again.
        self._journal.ended(*key, status, error, _nothing)
        if end is not None:
            self._reports.end(message, *end, done)
        else:
            self._ending.pop(message.id, None)
            self._try_again(message, error, acknowledge)

    def _is_in_time(self, message: Message) -> bool:
        """Tell whether a message's next attempt would come before its validity ends."""
        return retry_at(message, self._clock.seconds()) < message.expires_at

    def _try_again(self, message: Message, error: int, after: Callable[[], None] | None = None) -> None:
        """Let a message wait for another attempt, all of it; call ``after`` once that is on disk."""
        put_off(message, error, self._clock.seconds())
        self._backlog.joined(message.account_id)
        self._journal.undelivered(message, after)
        self._reports.waiting(message, error)

    def _one(self, message: Message) -> Message:
        """Return the one object on which all receipts of a message of several segments are counted.

        Each reading of the table makes another, which knows only what was on disk by then.
        """
        one = self._ending.setdefault(message.id, message)
        if one is not message and message.ended:
            one.ended = message.ended | (one.ended or {})
        if len(self._ending) > FRESH:
            del self._ending[next(iter(self._ending))]
        return one


def _nothing(_: bool) -> None:
    """Wait for nothing: what follows is stored with it or after it."""

"""Takes what subscribers send, puts long messages together, and hands each to its number's owner."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from smsd.numbering.addresses import number as digits
from smsd.services.deliveries import Deliveries, Kind
from smsd.services.ids import MessageIds, first_of
from smsd.services.numbers import INBOX, PUSH, SMPP, Numbers
from smsd.services.originals import joined, text, whole_text
from smsd.services.push_urls import push_of
from smsd.services.pushing import Pushing
from smsd.sms.reassembly import Reassembly, Whole
from smsd.sms.udh import Concatenation
from smsd.store.pushes import Push, storing
from smsd.store.received import Original, Received, ReceivedChanges, ReceivedMessages, State
from smsd.store.settings import Number, Rows

PATIENCE = 3600.0
"""Seconds within which all segments of a message must have come in."""
MEMORY = 300.0
"""Seconds for which segments that come again are known, once their message is complete."""
INCOMPLETE = 10_000
"""How many messages may wait for segments at once."""
SEGMENTS = 50_000
"""How many segments may wait for others at once."""
QUIET = 60.0
"""Seconds that pass at least between two log lines about messages for nobody."""

_STATES = {SMPP: State.WAITING, INBOX: State.INBOX, PUSH: State.PUSH}
"""What a message becomes for each delivery of its number."""

Key = tuple[str, str]
"""Who sends to which number."""


class Unowned(Exception):
    """Nobody has the number that a message was sent to, or has it for such a text."""


class Inbox:
    """Takes received messages in and sees them through to their owner.

    Each segment of a long message is stored as it comes. When all are there, or after :data:`PATIENCE`, the
    owner is found by the whole text. An inbox then gets one message; SMPP sessions get the segments, as they
    came. When too many wait for others, the message that has waited longest is delivered as it is.
    """

    log = Logger()

    def __init__(
        self,
        messages: ReceivedMessages,
        changes: ReceivedChanges,
        deliveries: Deliveries,
        pushing: Pushing,
        ids: MessageIds,
        clock: IReactorTime,
    ) -> None:
        self._messages = messages
        self._changes = changes
        self._deliveries = deliveries
        self._pushing = pushing
        self._ids = ids
        self._clock = clock
        self._numbers = Numbers()
        self._reassembly: Reassembly[Key, _Segment] = Reassembly(PATIENCE, MEMORY, INCOMPLETE)
        self._waiting = 0
        self._timer: IDelayedCall | None = None
        self._settings_known = False
        self._complete: list[Received] = []
        self._incomplete: list[Received] = []
        self._for_nobody = 0
        self._quiet_until = 0.0
        deliveries.add_kind(
            Kind(
                Received,
                messages.owed,
                lambda received, after: changes.taken(received, clock.seconds(), after),
                changes.put_aside,
                "the received message",
                "received",
            )
        )

    def apply(self, rows: Rows) -> None:
        """Take over changed numbers."""
        self._numbers.apply(rows)
        self._settings_known = True
        self._take_up()

    async def resume(self) -> None:
        """Take up the segments that waited for others when the node last stopped, once numbers are known."""
        lately = first_of(self._clock.seconds() - MEMORY)
        self._complete = await self._messages.joined_since(lately)
        self._incomplete = await self._messages.segments()
        self._take_up()

    def has(self, address: str) -> bool:
        """Tell whether an address is a number that somebody has."""
        number = digits(address)
        return number is not None and self._numbers.has(number)

    def take(self, channel_id: int, original: Original, answer: Callable[[bool], None]) -> None:
        """Take what a channel brings; ``answer`` is told whether it is on disk.

        Raises:
            Unowned: if it is for nobody.
            Overloaded: if too much waits for the disk.
            StoreUnavailable: if the database can't be written just now.
        """
        number = digits(original.destination)
        if number is None or not self._numbers.has(number):
            raise self._unowned(channel_id, original.destination)
        received = Received(
            0,
            0,
            channel_id,
            State.SEGMENT,
            digits(original.source) or original.source,
            number,
            "",
            "",
            1,
            self._clock.seconds(),
            None,
            original,
        )
        place = original.place
        if place is not None:
            received.segments = place.total
            if self._reassembly.has(_key(received), place, _Segment(received), received.received_at):
                answer(True)  # The one that came before is on disk.
                return
            received.id = self._ids.next()
            self._changes.arrived(received, _Arrival(self._gather, answer))
            return
        received.text = text(original)
        owner = self._numbers.owner(number, received.text)
        if owner is None:
            raise self._unowned(channel_id, number)
        received.id = self._ids.next()
        _give(received, owner)
        push = push_of(received, owner)
        along = (storing(push),) if push is not None else ()
        self._changes.arrived(received, _Arrival(lambda one: self._offer(one, push), answer), *along)

    async def fetch(self, account_id: int, limit: int) -> list[Received]:
        """Return messages that the account has not fetched yet, the oldest first; each is given once."""
        return await self._messages.fetch(account_id, limit, self._clock.seconds())

    def _offer(self, received: Received, push: Push | None = None) -> None:
        """Let the owner have a message that is on disk, unless it is to be fetched."""
        if push is not None:
            self._pushing.offer(push)
        elif received.state == State.WAITING:
            self._deliveries.offer(received.account_id, received)

    def _gather(self, received: Received) -> None:
        """Put a segment that is on disk to the others."""
        place = _place(received)
        key, segment, came_at = _key(received), _Segment(received), received.received_at
        if self._reassembly.has(key, place, segment, came_at):
            self._changes.forget(received)  # It came twice before it was on disk once.
            return
        self._waiting += 1
        for whole in self._reassembly.add(key, place, segment, came_at):
            self._over(whole)
        while self._waiting > SEGMENTS and len(self._reassembly):
            for whole in self._reassembly.give_way():
                self._over(whole)
        self._wait()

    def _over(self, whole: Whole[Key, _Segment]) -> None:
        """Hand on a message that waits for no more segments."""
        parts = [part.received if part is not None else None for part in whole.parts]
        came = [one for one in parts if one is not None]
        self._waiting -= len(came)
        said = whole_text([one.original if one is not None else None for one in parts])
        owner = self._numbers.owner(came[0].destination, said)
        made: Received | None = None
        for one in came:
            if owner is None:
                one.state = State.UNCLAIMED
            else:
                _give(one, owner)
        if owner is None:
            self._unowned(came[0].channel_id, came[0].destination)
        elif owner.delivery != SMPP:
            made = Received(
                self._ids.next(),
                owner.account_id,
                came[0].channel_id,
                came[0].state,
                came[0].source,
                came[0].destination,
                owner.keyword,
                said,
                len(parts),
                max(one.received_at for one in came),
                None,
                joined([one.original for one in came]),
            )
            for one in came:
                one.state = State.JOINED
        push = push_of(made, owner) if made is not None and owner is not None else None

        def on_disk() -> None:
            for one in came:
                self._offer(one)
            if made is not None:
                self._offer(made, push)

        self._changes.claimed(
            came, made, self._clock.seconds(), on_disk, *(storing(push),) if push is not None else ()
        )

    def _wait(self) -> None:
        """See to it that nobody waits longer than patience lasts."""
        expiry = self._reassembly.next_expiry
        if expiry is not None and (self._timer is None or not self._timer.active()):
            self._timer = self._clock.callLater(max(0.0, expiry - self._clock.seconds()), self._expire)

    def _expire(self) -> None:
        for whole in self._reassembly.expire(self._clock.seconds()):
            self._over(whole)
        self._wait()

    def _take_up(self) -> None:
        if not self._settings_known:
            return
        complete, self._complete = self._complete, []
        incomplete, self._incomplete = self._incomplete, []
        known: dict[tuple[Key, int, int, bool], list[_Segment | None]] = {}
        for received in complete:
            place = _place(received)
            name = (_key(received), place.reference, place.total, place.wide)
            parts = known.setdefault(name, [None] * place.total)
            parts[place.number - 1] = _Segment(received)
            if None not in parts:
                self._reassembly.remember(name[0], place, tuple(parts), received.received_at)
                del known[name]
        for received in incomplete:
            self._gather(received)

    def _unowned(self, channel_id: int, address: str) -> Unowned:
        """Count a message for nobody, and say so now and then: there may be any number of them."""
        self._for_nobody += 1
        now = self._clock.seconds()
        if now >= self._quiet_until:
            self.log.warn(
                "Received messages for nobody: {count}, the last one to {address} on channel {channel_id}",
                count=self._for_nobody,
                address=address,
                channel_id=channel_id,
            )
            self._for_nobody = 0
            self._quiet_until = now + QUIET
        return Unowned(address)


class _Arrival:
    """Who brought a received message, as the journal sees it."""

    __slots__ = ("_answer", "_stored")

    def __init__(self, stored: Callable[[Received], None], answer: Callable[[bool], None]) -> None:
        self._stored = stored
        self._answer = answer

    def stored(self, received: Received) -> None:
        self._stored(received)
        self._answer(True)

    def not_stored(self, received: Received) -> None:
        self._answer(False)


class _Segment:
    """A segment, which equals another one that says the same."""

    __slots__ = ("received",)

    def __init__(self, received: Received) -> None:
        self.received = received

    def _said(self) -> tuple[int, bytes, bytes | None]:
        original = self.received.original
        return original.data_coding, original.short_message, original.payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Segment) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())


def _give(received: Received, owner: Number) -> None:
    """Make a message its owner's."""
    received.account_id, received.keyword = owner.account_id, owner.keyword
    received.state = _STATES[owner.delivery]


def _key(received: Received) -> Key:
    return received.source, received.destination


def _place(received: Received) -> Concatenation:
    place = received.original.place
    assert place is not None
    return place

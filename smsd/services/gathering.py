"""Joins the parts of long messages that clients send in parts, by UDH or SAR, to one message each."""

from __future__ import annotations

import msgspec
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from smsd.numbering.addresses import destination as e164
from smsd.numbering.addresses import sender
from smsd.services.backlog import Backlog
from smsd.services.charging import Charging
from smsd.services.dispatch import Dispatch
from smsd.services.reports import Reports
from smsd.services.statuses import (
    NOT_SUBMITTED,
    REJECTED_INVALID_UDH,
    REJECTED_NOT_ENOUGH_CREDITS,
    UNDELIVERABLE_NOT_SENT,
)
from smsd.services.submission import Refused, Request, Submission, end_refused
from smsd.sms.segments import count
from smsd.sms.udh import Concatenation
from smsd.store.batch import Submitter
from smsd.store.commits import Overloaded
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, State

PATIENCE = 300.0
"""Seconds within which all parts of a message must have come in."""
INCOMPLETE = 10_000
"""How many messages may wait for parts at once."""

Key = tuple[int, str, str, int, int, int]
"""Account, source, destination, reference, how many parts, data coding."""


class _Incomplete:
    """A message and the parts of it that are here, by number."""

    def __init__(self, message: Message, parts: dict[int, bytes]) -> None:
        self.message = message
        self.parts = parts
        self.timer: IDelayedCall | None = None
        self.on_disk = False


class Gathering:
    """Takes the parts of long messages.

    All parts get the message's one id, each when it is on disk itself. A message whose parts don't all come
    in time ends as UNDELIVERABLE_NOT_SENT: nobody gets half a text.
    """

    def __init__(
        self,
        submission: Submission,
        journal: Journal,
        dispatch: Dispatch,
        backlog: Backlog,
        charging: Charging,
        reports: Reports,
        clock: IReactorTime,
    ) -> None:
        self._submission = submission
        self._journal = journal
        self._dispatch = dispatch
        self._backlog = backlog
        self._charging = charging
        self._reports = reports
        self._clock = clock
        self._incomplete: dict[Key, _Incomplete] = {}

    @property
    def incomplete(self) -> int:
        """How many messages wait for parts."""
        return len(self._incomplete)

    async def resume(self, messages: Messages) -> None:
        """Take up the messages that waited for parts when the node last stopped."""
        for message, parts in await messages.gathering():
            incomplete = _Incomplete(message, parts)
            incomplete.on_disk = True
            self.wait_for(incomplete)
        for message_id in await messages.with_parts_left():
            self._journal.forget_parts(message_id)

    def network(self, request: Request, place: Concatenation) -> str | None:
        """Return the network that a message was routed for whose first part is here; ``None`` if none is."""
        number, source = e164(request.destination), sender(request.source)
        if number is None or source is None:
            return None
        key = (
            request.account.id,
            source,
            number,
            place.reference,
            place.total,
            request.content.data_coding,
        )
        incomplete = self._incomplete.get(key)
        return incomplete.message.network if incomplete is not None else None

    def part(self, request: Request, place: Concatenation, submitter: Submitter) -> Message:
        """Take one part; the request's body is this part's text, without its concatenation element.

        Raises:
            Refused: if something is wrong with it.
            Overloaded: if too many messages wait for parts, or for the disk.
            StoreUnavailable: if the database can't be written just now.
        """
        body = request.content.body
        message = self._submission.checked(request, part=True)
        if not 1 <= place.number <= place.total:
            raise Refused(REJECTED_INVALID_UDH, message)
        message.state, message.segments = State.GATHERING, place.total
        message.content.reference = place.reference
        key = _key(message)
        incomplete = self._incomplete.get(key)
        if incomplete is None:
            if len(self._incomplete) >= INCOMPLETE:
                raise Overloaded(f"{INCOMPLETE} long messages wait for their parts.")
            incomplete = _Incomplete(message, {})
            self.wait_for(incomplete)
        parts = incomplete.parts | {place.number: body}
        missing = None if incomplete.on_disk else incomplete.message
        storing = _Part(self, incomplete, place.number, submitter)
        if place.number not in incomplete.parts and len(parts) == place.total:
            joined = _joined(incomplete.message, parts, request, self._clock.seconds())
            whole, storing.cost = self._looked_at(incomplete, joined)
            storing.whole = True
            try:
                self._journal.gathered(whole, storing, missing, storing.cost)
            except Exception:
                self.settle(whole, storing.cost)
                self._submission.withdraw(whole)
                raise
            self._forget(key)  # The next part of this reference is another message's.
        else:
            self._journal.gather(incomplete.message, place.number, body, storing, missing)
        incomplete.parts = parts
        return incomplete.message

    def _looked_at(self, incomplete: _Incomplete, joined: Message) -> tuple[Message, int]:
        """Return a message that has been joined, as it is sent, and what was set aside for it.

        Raises:
            Refused: if something is wrong with it.
        """
        try:
            whole = self._submission.fitted(self._submission.screened(joined))
            return whole, self._submission.reserve(whole)
        except Refused as refused:
            if incomplete.on_disk and refused.status != REJECTED_NOT_ENOUGH_CREDITS:
                # Nothing mends it, as credit would. Who sent its other parts hears what has become of them.
                self._forget(_key(incomplete.message))
                self._reports.end(incomplete.message, refused.status, refused.message.error)
            raise

    def stored(self, message: Message) -> None:
        """Take note that a part is on disk; with the last one the message goes on its way."""
        if message.state != State.GATHERING:
            self._journal.forget_parts(message.id)
            self._backlog.joined(message.account_id)
            self._dispatch.offer(message)

    def settle(self, message: Message, cost: int) -> None:
        """Take note that a message's cost is taken, or never will be."""
        self._charging.release(message.account_id, cost)

    def withdraw(self, message: Message) -> None:
        """Take note that a message that was whole is not taken after all."""
        self._submission.withdraw(message)

    def wait_for(self, incomplete: _Incomplete) -> None:
        """Wait for the parts that a message lacks, unless another one waits under the same reference."""
        message = incomplete.message
        key = _key(message)
        if key not in self._incomplete:
            patience = max(0.0, message.accepted_at + PATIENCE - self._clock.seconds())
            incomplete.timer = self._clock.callLater(patience, self._give_up, key)
            self._incomplete[key] = incomplete

    def _forget(self, key: Key) -> None:
        incomplete = self._incomplete.pop(key)
        if incomplete.timer is not None and incomplete.timer.active():
            incomplete.timer.cancel()

    def _give_up(self, key: Key) -> None:
        incomplete = self._incomplete.pop(key)
        self._reports.end(incomplete.message, UNDELIVERABLE_NOT_SENT, NOT_SUBMITTED)


class _Part:
    """The submitter of one part, as the journal sees it."""

    def __init__(
        self, gathering: Gathering, incomplete: _Incomplete, number: int, submitter: Submitter
    ) -> None:
        self._gathering = gathering
        self._incomplete = incomplete
        self._number = number
        self._submitter = submitter
        self.cost = 0
        self.whole = False
        """Whether it is the last part, and the message is whole with it."""

    def stored(self, message: Message) -> None:
        self._gathering.settle(message, self.cost)
        self._incomplete.on_disk = True
        self._gathering.stored(message)
        self._submitter.stored(message)

    def not_stored(self, message: Message) -> None:
        self._gathering.settle(message, self.cost)
        if self.whole:
            self._gathering.withdraw(message)
        self._incomplete.parts.pop(self._number, None)
        self._gathering.wait_for(self._incomplete)
        self._submitter.not_stored(message)

    def refused(self, message: Message) -> None:
        self._gathering.settle(message, self.cost)
        self._gathering.withdraw(message)
        self._incomplete.parts.pop(self._number, None)
        self._gathering.wait_for(self._incomplete)
        end_refused(message, REJECTED_NOT_ENOUGH_CREDITS)
        self._submitter.refused(message)


def _key(message: Message) -> Key:
    """Return what the parts of a message have in common."""
    content = message.content
    return (
        message.account_id,
        message.source,
        message.destination,
        content.reference,
        message.segments,
        content.data_coding,
    )


def _joined(message: Message, parts: dict[int, bytes], last: Request, now: float) -> Message:
    """Return the whole message; it wants a report if any part does."""
    content = msgspec.structs.replace(
        message.content,
        body=b"".join(parts[number] for number in sorted(parts)),
        registered_delivery=message.content.registered_delivery or last.content.registered_delivery,
    )
    return msgspec.structs.replace(
        message,
        state=State.SCHEDULED if message.due_at > now else State.QUEUED,
        segments=count(content.body, content.data_coding, content.udh),
        report=message.report or last.report,
        content=content,
    )

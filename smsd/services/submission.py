"""Takes messages in: checks them, finds their route, stores them, and only then says so."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from smsd.numbering.addresses import destination as e164
from smsd.numbering.addresses import sender
from smsd.services.dispatch import Dispatch
from smsd.services.ids import MessageIds
from smsd.services.routing import Routing
from smsd.services.statuses import (
    MESSAGE_ACCEPTED,
    PENDING_ACCEPTED,
    REJECTED_DESTINATION,
    REJECTED_INVALID_UDH,
    REJECTED_MESSAGE_TOO_LONG,
    REJECTED_ROUTE_NOT_AVAILABLE,
    REJECTED_SOURCE,
)
from smsd.sms.segments import MOST_SEGMENTS, TooLong, count
from smsd.store.batch import Submitter
from smsd.store.journal import Journal
from smsd.store.messages import Content, Message, Report, State
from smsd.store.settings import Account, Route

VALIDITY = 48 * 3600.0
"""Seconds that a message stays valid: by default, and at most."""


class Refused(Exception):
    """A message is not taken; ``status`` says why, ``message`` is what may be stored of it."""

    def __init__(self, status: int, message: Message) -> None:
        super().__init__(status)
        self.status = status
        self.message = message


class Request(NamedTuple):
    """A message as a client hands it in."""

    account: Account
    source: str
    destination: str
    content: Content
    report: int = Report.NONE
    due_at: float | None = None
    expires_at: float | None = None
    bulk_id: str | None = None


class Submission:
    """Takes messages in.

    A submitter hears by :meth:`Submitter.stored` that its message is on disk and by
    :meth:`Submitter.not_stored` that it is not; only the former makes smsd answerable for it.
    """

    def __init__(
        self, routing: Routing, ids: MessageIds, journal: Journal, dispatch: Dispatch, clock: IReactorTime
    ) -> None:
        self._routing = routing
        self._ids = ids
        self._journal = journal
        self._dispatch = dispatch
        self._clock = clock

    def admit(self, account: Account, count: int) -> None:
        """See to it that so many messages, submitted before this turn of the reactor ends, are taken or none.

        Raises:
            Overloaded: if there is no room for all of them.
            StoreUnavailable: if the database can't be written just now.
        """
        self._journal.admit(account.id, count)

    def submit(self, request: Request, submitter: Submitter) -> Message:
        """Take a whole message.

        Raises:
            Refused: if something is wrong with it.
            Overloaded: if too many messages wait for the disk.
            StoreUnavailable: if the database can't be written just now.
        """
        message = self.checked(request)
        self._journal.accept(message, Queueing(self._dispatch, submitter))
        return message

    def refuse(self, refused: Message, submitter: Submitter) -> None:
        """Store a refused message with its final status, for logs and reports; raises as submit."""
        self._journal.accept(refused, submitter)

    def checked(self, request: Request) -> Message:
        """Return the message of a request, routed.

        Raises:
            Refused: if something is wrong with it.
        """
        content = request.content
        now = self._clock.seconds()
        number = e164(request.destination)
        source = sender(request.source)
        refusal = MESSAGE_ACCEPTED
        segments = 1
        route: Route | None = None
        if number is None:
            refusal = REJECTED_DESTINATION
        elif source is None:
            refusal = REJECTED_SOURCE
        else:
            try:
                segments = count(content.body, content.data_coding, content.udh)
            except TooLong:
                refusal = REJECTED_INVALID_UDH
            if segments > MOST_SEGMENTS:
                refusal = REJECTED_MESSAGE_TOO_LONG
        if refusal == MESSAGE_ACCEPTED:
            route = self._routing.find(request.account.id, number or "")
            if route is None:
                refusal = REJECTED_ROUTE_NOT_AVAILABLE
        due_at = request.due_at if request.due_at is not None and request.due_at > now else now
        expires_at = due_at + VALIDITY
        if request.expires_at is not None and request.expires_at < expires_at:
            expires_at = request.expires_at
        message = Message(
            self._ids.next(),
            request.account.id,
            route.channel_id if route is not None else None,
            State.SCHEDULED if due_at > now else State.QUEUED,
            request.bulk_id,
            source if source is not None else _storable(request.source),
            number or _storable(request.destination),
            segments,
            now,
            due_at,
            expires_at,
            0,
            None,
            None,
            PENDING_ACCEPTED if due_at > now else MESSAGE_ACCEPTED,
            0,
            request.report,
            route.price if route is not None else "0",
            content,
        )
        if refusal != MESSAGE_ACCEPTED:
            message.state, message.status, message.done_at = State.FINAL, refusal, now
            raise Refused(refusal, message)
        return message


class Queueing(NamedTuple):
    """Sends a message on its way when it is on disk, then tells the client."""

    dispatch: Dispatch
    submitter: Submitter

    def stored(self, message: Message) -> None:
        """Queue the message."""
        self.dispatch.offer(message)
        self.submitter.stored(message)

    def not_stored(self, message: Message) -> None:
        """Pass the bad news on."""
        self.submitter.not_stored(message)


def _storable(address: str) -> str:
    """Return what of an address that is none can stand in a log."""
    return address[:64].replace("\0", "\ufffd")

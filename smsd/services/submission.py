"""Takes messages in: checks them, finds their route, stores them, and only then says so."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace
from twisted.internet.interfaces import IReactorTime

from smsd.numbering.addresses import destination as e164
from smsd.numbering.addresses import sender
from smsd.numbering.plan import UNKNOWN, Home
from smsd.services.backlog import Backlog
from smsd.services.charging import Charging, NotEnough, PackageExpired
from smsd.services.checks import NOTHING, Checks, Finding
from smsd.services.dispatch import Dispatch
from smsd.services.flood import Flood
from smsd.services.ids import MessageIds
from smsd.services.networks import Networks
from smsd.services.pushing import Pushing
from smsd.services.routing import Routing, Unroutable
from smsd.services.rules import Asked
from smsd.services.sending_hours import SendingHours
from smsd.services.statuses import (
    MESSAGE_ACCEPTED,
    NO_ERROR,
    PENDING_ACCEPTED,
    PENDING_APPROVAL,
    PENDING_TIME_VIOLATION,
    REJECTED_DESTINATION,
    REJECTED_FLOODING_FILTER,
    REJECTED_INVALID_UDH,
    REJECTED_MESSAGE_TOO_LONG,
    REJECTED_NOT_ENOUGH_CREDITS,
    REJECTED_PREFIX_MISSING,
    REJECTED_PREPAID_PACKAGE_EXPIRED,
    REJECTED_SOURCE,
)
from smsd.sms.coding import Encoded
from smsd.sms.segments import MOST_SEGMENTS, TooLong, count
from smsd.store.batch import Submitter
from smsd.store.journal import Journal
from smsd.store.links import Tracked, changes_of
from smsd.store.messages import Content, Message, Report, State
from smsd.store.pushes import Push, report_push, storing
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
    priority: int = 0
    route_code: str = ""
    origin: object = None
    client_id: str | None = None
    """The client's own id for the message, which no other message of the account has."""
    refusal: int = MESSAGE_ACCEPTED
    """What its client's edge has found wrong with its id or its octets, as a status."""
    tracked: Tracked | None = None
    """What is to be counted of it, if anything."""
    together: int = 1
    """How many messages its client hands in with it, itself among them."""
    home: Home | None = None
    """Where a lookup has found its destination; ``None``: the number plan says."""


class Submission:
    """Takes messages in.

    A submitter hears by :meth:`Submitter.stored` that its message is on disk and by
    :meth:`Submitter.not_stored` that it is not; only the former makes smsd answerable for it. It hears by
    :meth:`Submitter.refused` that another node has used up the credit meanwhile: the message has the status
    that says so then.
    """

    def __init__(
        self,
        routing: Routing,
        ids: MessageIds,
        journal: Journal,
        dispatch: Dispatch,
        backlog: Backlog,
        charging: Charging,
        pushing: Pushing,
        networks: Networks,
        checks: Checks,
        flood: Flood,
        hours: SendingHours,
        clock: IReactorTime,
    ) -> None:
        self._networks = networks
        self._checks = checks
        self._flood = flood
        self._hours = hours
        self._routing = routing
        self._ids = ids
        self._journal = journal
        self._dispatch = dispatch
        self._backlog = backlog
        self._charging = charging
        self._pushing = pushing
        self._clock = clock

    def admit(self, account: Account, count: int) -> None:
        """See to it that so many messages, submitted before this turn of the reactor ends, are taken or none.

        Whoever submits asks first: here an account's rate and queue are looked at.

        Raises:
            OverRate: if the account hands in too many a second.
            QueueFull: if too many of its messages wait to be sent.
            Overloaded: if too many messages wait for the disk.
            StoreUnavailable: if the database can't be written just now.
        """
        self._journal.admit(account.id, count)
        self._backlog.admit(account, count)

    def admit_again(self, account: Account, count: int) -> None:
        """See whether messages that were admitted, and have waited since for something else, are still taken.

        Raises:
            Overloaded, StoreUnavailable: as :meth:`admit`.
        """
        self._journal.admit(account.id, count)

    def submit(self, request: Request, submitter: Submitter) -> Message:
        """Take a whole message.

        Raises:
            Refused: if something is wrong with it.
            Overloaded: if too many messages wait for the disk.
            StoreUnavailable: if the database can't be written just now.
        """
        message = self.fitted(self.checked(request))
        cost = self.reserve(message)
        storing = Queueing(self._dispatch, self._backlog, self._charging, self._flood, cost, submitter)
        try:
            self._journal.accept(message, storing, cost, *changes_of(message, request.tracked))
        except Exception:
            self._charging.release(message.account_id, cost)
            self.withdraw(message)
            raise
        return message

    def refuse(self, refused: Message, submitter: Submitter) -> None:
        """Store a refused message with its final status, for logs and reports; raises as submit."""
        if refused.report == Report.PUSH:
            push = report_push(refused, refused.accepted_at)
            self._journal.accept(refused, _Refusing(self._pushing, push, submitter), 0, storing(push))
        else:
            self._journal.accept(refused, submitter)

    def checked(self, request: Request, *, part: bool = False) -> Message:
        """Return the message, or the part of one, that a request makes: routed, but not :meth:`fitted` yet.

        The text of parts is looked at when they are joined: by :meth:`screened`.

        Raises:
            Refused: if something is wrong with it.
        """
        now = self._clock.seconds()
        number, source = e164(request.destination), sender(request.source)
        segments, found = self._look_at(request, number, source, part=part)
        refusal = found.status if found.status != PENDING_APPROVAL else MESSAGE_ACCEPTED
        home = UNKNOWN if number is None else request.home or self._networks.of(number)
        due_at, expires_at, status = self._times(request, now)
        route: Route | None = None
        if refusal == MESSAGE_ACCEPTED:
            try:
                route = self._route(request, number or "", source or "", home, due_at, now)
            except Unroutable as unroutable:
                route, refusal = unroutable.route, unroutable.status
        message = Message(
            self._ids.next(),
            request.account.id,
            route.channel_id if route is not None else None,
            State.SCHEDULED if due_at > now else State.QUEUED,
            request.priority,
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
            status,
            0,
            request.report,
            route.price if route is not None else "0",
            request.content,
        )
        message.origin = request.origin
        message.client_id = request.client_id
        message.network = home.mccmnc
        if route is not None:
            message.route_id, message.cost = route.id, route.cost
            prices = self._charging.prices
            message.price = prices.of(request.account, home.country, home.mccmnc, route.price)
        if refusal != MESSAGE_ACCEPTED:
            raise self._refused(message, refusal, found.error)
        if found is not NOTHING:
            message.state, message.status = State.SCHEDULED, found.status
        return message

    def _look_at(
        self, request: Request, number: str | None, source: str | None, *, part: bool
    ) -> tuple[int, Finding]:
        """Return how many segments a message takes, and what is against it wherever it would go."""
        if number is None:
            return 1, Finding(REJECTED_DESTINATION)
        if source is None:
            return 1, Finding(REJECTED_SOURCE)
        segments, refusal = _segments(request.content)
        refusal = request.refusal or refusal
        if refusal != MESSAGE_ACCEPTED:
            return segments, Finding(refusal)
        if request.account.id in self._checks.unchecked:
            return segments, NOTHING
        content = None if part else request.content
        return segments, self._checks.look(request.account.id, number, source, content, request.together)

    def _times(self, request: Request, now: float) -> tuple[float, float, int]:
        """Return when a message is to be sent, when its validity ends, and its status till then."""
        due_at = request.due_at if request.due_at is not None and request.due_at > now else now
        status = PENDING_ACCEPTED if due_at > now else MESSAGE_ACCEPTED
        if self._hours.of:
            opens = self._hours.opens(request.account.id, due_at)
            if opens > due_at:
                due_at, status = opens, PENDING_TIME_VIOLATION
        expires_at = due_at + VALIDITY
        if request.expires_at is not None and request.expires_at < expires_at:
            expires_at = request.expires_at
        return due_at, expires_at, status

    def _route(
        self, request: Request, number: str, source: str, home: Home, due_at: float, now: float
    ) -> Route:
        """Return the route that a message takes.

        Raises:
            Unroutable: if there is none.
        """
        if home is UNKNOWN:
            raise Unroutable(REJECTED_PREFIX_MISSING)
        return self._routing.find(asked_of(request, number, source, home, due_at, now))

    def screened(self, message: Message) -> Message:
        """Return a message that has been joined from parts, after a look at its text.

        Raises:
            Refused: if something is wrong with that.
        """
        found = self._checks.look_at_text(message.account_id, message.content)
        if found.status == PENDING_APPROVAL:
            message.state, message.status = State.SCHEDULED, found.status
        elif found is not NOTHING:
            raise self._refused(message, found.status, found.error)
        return message

    def fitted(self, message: Message) -> Message:
        """Return a message that :meth:`checked` has passed in a coding that its operator takes.

        Raises:
            Refused: if it is too long in that coding.
        """
        content = message.content
        assert message.channel_id is not None
        codings = self._routing.codings(message.channel_id)
        if content.data_coding not in codings.unchanged:
            fit = codings.fit(Encoded(content.data_coding, content.body, content.udh))
            message.content = replace(content, data_coding=fit.data_coding, body=fit.body, udh=fit.udh)
            message.segments, refusal = _segments(message.content)
            if refusal != MESSAGE_ACCEPTED:
                raise self._refused(message, refusal)
        return message

    def reserve(self, message: Message) -> int:
        """Set aside what a message costs, and return it.

        Raises:
            Refused: if its account has not so much credit, its package has ended, or it sends too much to the
                number.
        """
        if self._flood.limits and not self._flood.take(message):
            raise self._refused(message, REJECTED_FLOODING_FILTER)
        try:
            message.charged = self._charging.reserve(message.account_id, message.price, message.segments)
        except NotEnough:
            self._flood.take_back(message)
            raise self._refused(message, REJECTED_NOT_ENOUGH_CREDITS) from None
        except PackageExpired:
            self._flood.take_back(message)
            raise self._refused(message, REJECTED_PREPAID_PACKAGE_EXPIRED) from None
        return message.charged

    def withdraw(self, message: Message) -> None:
        """Take note that a message that :meth:`reserve` has passed is not taken after all."""
        self._flood.take_back(message)

    def _refused(self, message: Message, status: int, error: int = NO_ERROR) -> Refused:
        end_refused(message, status, error)
        return Refused(status, message)


def asked_of(request: Request, number: str, source: str, home: Home, due_at: float, now: float) -> Asked:
    """Return what routes look at of a message: to whom, from whom, when it is to be sent."""
    return Asked(
        request.account.id,
        number,
        request.route_code,
        home.mccmnc,
        home.country,
        source,
        request.content.data_coding,
        due_at,
        due_at > now,
    )


def end_refused(message: Message, status: int, error: int = NO_ERROR) -> None:
    """Give a message that is not taken its final status; it costs nothing."""
    message.state, message.status, message.error = State.FINAL, status, error
    message.done_at, message.charged = message.accepted_at, 0


class Queueing(NamedTuple):
    """Sends a message on its way when it is on disk, then tells the client."""

    dispatch: Dispatch
    backlog: Backlog
    charging: Charging
    flood: Flood
    cost: int
    submitter: Submitter

    def stored(self, message: Message) -> None:
        """Queue the message."""
        self.charging.release(message.account_id, self.cost)
        self.backlog.joined(message.account_id)
        self.dispatch.offer(message)
        self.submitter.stored(message)

    def not_stored(self, message: Message) -> None:
        """Pass the bad news on."""
        self.charging.release(message.account_id, self.cost)
        self.flood.take_back(message)
        self.submitter.not_stored(message)

    def refused(self, message: Message) -> None:
        """Refuse what the account had no credit for any more when it came to disk."""
        self.charging.release(message.account_id, self.cost)
        self.flood.take_back(message)
        end_refused(message, REJECTED_NOT_ENOUGH_CREDITS)
        self.submitter.refused(message)


class _Refusing(NamedTuple):
    """Pushes the report of a refused message when that is on disk, and tells the client."""

    pushing: Pushing
    push: Push
    submitter: Submitter

    def stored(self, message: Message) -> None:
        self.pushing.offer(self.push)
        self.submitter.stored(message)

    def not_stored(self, message: Message) -> None:
        self.submitter.not_stored(message)

    def refused(self, message: Message) -> None:
        self.submitter.refused(message)


def _segments(content: Content) -> tuple[int, int]:
    """Return how many segments a message takes, and the status that says whether that can be done."""
    try:
        segments = count(content.body, content.data_coding, content.udh)
    except TooLong:
        return 1, REJECTED_INVALID_UDH
    return segments, MESSAGE_ACCEPTED if segments <= MOST_SEGMENTS else REJECTED_MESSAGE_TOO_LONG


def _storable(address: str) -> str:
    """Return what of an address that is none can stand in a log."""
    return address[:64].replace("\0", "\ufffd")

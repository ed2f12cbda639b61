"""One client's connection: its session, what it submits and the receipts it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.peer import Peer, peer_of
from smsd.services.accounts import UnknownAccount, WrongPassword
from smsd.services.admission import NotAdmitted
from smsd.services.backlog import OverRate, QueueFull
from smsd.services.deliveries import Outcome
from smsd.services.enquiries import EnquiryRefused, NotOffered
from smsd.services.guard import Banned
from smsd.services.homes import NONE, Homes
from smsd.services.submission import Refused, Request
from smsd.services.window import Item
from smsd.session_protocol import SessionProtocol
from smsd.smpp import status
from smsd.smpp.pdu import Bind, Pdu, SubmitSm, SubmitSmResp
from smsd.smpp.session import Answer, Broken, Event, Role, Session, State, Unanswered, Unbound
from smsd.smpp_server.binding import BindRefused, Service, check, service
from smsd.smpp_server.deliveries import delivery_pdu
from smsd.smpp_server.refusals import COMMAND_STATUSES, NOT_ENOUGH_CREDIT, Unacceptable
from smsd.smpp_server.requests import request
from smsd.sms.udh import Concatenation
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.lookups import Lookup
from smsd.store.messages import Message
from smsd.store.settings import Account

if TYPE_CHECKING:
    from smsd.smpp_server.listener import Listener

RESPITE = 5.0
"""Seconds for which a session that refuses what it is sent, or leaves it unanswered, gets nothing."""
NOT_NOW = frozenset(
    {
        status.ESME_RSYSERR,
        status.ESME_RMSGQFUL,
        status.ESME_RTHROTTLED,
        status.ESME_RX_T_APPN,
    }
)
"""The answers by which a client says that it can't take anything for the moment."""
TAKES_RECEIPTS = (State.BOUND_RX, State.BOUND_TRX)
REASONS = (
    Refused,
    EnquiryRefused,
    Unacceptable,
    NotOffered,
    OverRate,
    Overloaded,
    QueueFull,
    StoreUnavailable,
)
"""Why a submit_sm is not taken."""


def command_status(reason: Exception) -> int:
    """Return how one of :data:`REASONS` is told."""
    match reason:
        case Refused() | EnquiryRefused():
            return COMMAND_STATUSES.get(reason.status, status.ESME_RSUBMITFAIL)
        case Unacceptable():
            return reason.status
        case NotOffered():
            return status.ESME_RINVSYSTYP
        case OverRate() | Overloaded():
            return status.ESME_RTHROTTLED
        case QueueFull():
            return status.ESME_RMSGQFUL
    return status.ESME_RSYSERR


class Submitted:
    """A submit_sm, a message or a question about a number, that waits for the disk."""

    __slots__ = ("_connection", "_sequence_number")

    def __init__(self, connection: Connection, sequence_number: int) -> None:
        self._connection = connection
        self._sequence_number = sequence_number

    def stored(self, message: Message | Lookup) -> None:
        """Answer with its id."""
        self._connection.answer(SubmitSmResp(self._sequence_number, 0, b"%d" % message.id))

    def not_stored(self, message: Message | Lookup) -> None:
        """Answer that the system is at fault."""
        self.end(status.ESME_RSYSERR)

    def refused(self, message: Message | Lookup) -> None:
        """Answer that the account's credit does not cover it."""
        self.end(NOT_ENOUGH_CREDIT)

    def end(self, command_status: int) -> None:
        """Answer that it is not taken."""
        self._connection.answer(SubmitSmResp(self._sequence_number, command_status))


class Connection(SessionProtocol):
    """A client's session, between its transport and the services."""

    log = Logger()

    def __init__(self, listener: Listener) -> None:
        clock = listener.clock
        super().__init__(Session(Role.SMSC, listener.limits.session, clock.seconds()), clock)
        self.account: Account | None = None
        """The account that is bound, if one is."""
        self._listener = listener
        self._core = listener.core
        self._service = Service()
        self._deliveries = listener.core.deliveries
        self._address = ""
        self._unanswered = 0
        self._receives = False
        self._respite = 0.0
        self._unbound = False
        self._ending = False

    @property
    def outstanding(self) -> int:
        """How many of our requests the client has not answered."""
        return self.session.outstanding

    @property
    def room(self) -> int:
        """How many more receipts and messages the session takes now."""
        if (
            self.session.state not in TAKES_RECEIPTS
            or not self.reading
            or self._respite > self.clock.seconds()
        ):
            return 0
        return self._listener.limits.receipts - self.session.outstanding

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Give back the receipts that were not acknowledged."""
        # A bind whose password is still being checked comes too late.
        self.closing_at = self.clock.seconds()
        self._listener.gone(self)
        account = self.account
        if account is None:
            return
        self.log.info("{account} from {peer} is gone", account=account.system_id, peer=self._address)
        if self._receives:
            deliveries = self._deliveries
            # Whoever ends a session as it should be ended had no trouble with what it was sent.
            ordered = self._unbound or self._ending
            outcome = Outcome.LATER if ordered else Outcome.TROUBLE
            deliveries.gone(account.id, self)
            for item in reversed(self.session.abandon()):
                deliveries.returned(account.id, cast(Item, item), outcome)
            deliveries.room(account.id)

    def tick(self, now: float) -> None:
        """Let time-outs take their course; about once a second."""
        super().tick(now)
        if self._respite and now >= self._respite and self.account is not None:
            self._respite = 0.0
            self._deliveries.room(self.account.id)

    def answer(self, response: Pdu) -> None:
        """Send the response to a submit_sm."""
        self._unanswered -= 1
        self.session.respond(response)
        self.flush_soon()
        if self._unbound and not self._unanswered:
            self.close()

    def deliver(self, item: Item) -> None:
        """Send a receipt or a message."""
        self.session.request(delivery_pdu(self.account, item), item, self.clock.seconds())
        self.flush_soon()

    def cut(self) -> None:
        """Hang up at once."""
        self.transport.abortConnection()

    def end(self) -> None:
        """Ask the client to end the session, or hang up if none is bound."""
        self._ending = True
        if self.account is not None:
            self.session.unbind(self.clock.seconds())
            self.flush()
        else:
            self.close()

    def resumeProducing(self) -> None:
        """Read again, and take receipts again."""
        super().resumeProducing()
        if self.account is not None:
            self._deliveries.room(self.account.id)

    def act(self, events: list[Event], now: float) -> None:
        """Deal with what the client asks for, and with its answers."""
        for event in events:
            if isinstance(event, SubmitSm):
                self._submit(event, now)
            elif isinstance(event, Answer):
                self._answered(event.context, event.response, now)
            elif isinstance(event, Bind):
                binding = Deferred.fromCoroutine(self._bind(event))
                binding.addErrback(self._bind_failed, event)
            elif isinstance(event, Unanswered):
                self._answered(event.context, None, now)
            elif isinstance(event, Broken):
                self.log.info("{peer} is cut off: {reason}", peer=self._peer().address, reason=event.reason)
                self.close()
            elif isinstance(event, Unbound):
                # What the client has submitted is still answered before the connection closes.
                self._unbound = True
                if not self._unanswered:
                    self.close()

    def _submit(self, pdu: SubmitSm, now: float) -> None:
        account, core = self.account, self._core
        assert account is not None
        refusal = status.ESME_RTHROTTLED
        if self._unanswered < (account.unanswered or self._listener.limits.unanswered):
            submitted = Submitted(self, pdu.sequence_number)
            try:
                if self._service.number_context:
                    core.enquiries.submit(account, pdu.destination_addr.decode("latin-1"), submitted, self)
                    self._unanswered += 1
                    return
                core.submission.admit(account, 1)
                asked, place = request(account, self._service, pdu, now, self)
                if core.homes.wanted:
                    homes = core.homes.find(account, (asked,), place)
                    if isinstance(homes, Deferred):
                        self._unanswered += 1
                        homes.addCallback(self._looked_up, asked, place, submitted)
                        homes.addErrback(self._not_looked_up, submitted)
                        return
                    if homes is not NONE:
                        asked = asked._replace(home=homes.get(asked.destination))
                self._hand_in(asked, place, submitted)
            except REASONS as reason:
                refusal = command_status(reason)
            else:
                self._unanswered += 1
                return
        self.session.respond(SubmitSmResp(pdu.sequence_number, refusal))

    def _hand_in(self, asked: Request, place: Concatenation | None, submitted: Submitted) -> None:
        if place is None:
            self._core.submission.submit(asked, submitted)
        else:
            self._core.gathering.part(asked, place, submitted)

    def _looked_up(
        self, homes: Homes, asked: Request, place: Concatenation | None, submitted: Submitted
    ) -> None:
        """Hand in a message whose destination was looked up meanwhile."""
        if self.closing_at is not None:
            return  # Nobody would hear its id: whoever sends it again has it sent once.
        try:
            self._hand_in(asked._replace(home=homes.get(asked.destination)), place, submitted)
        except REASONS as reason:
            submitted.end(command_status(reason))

    def _not_looked_up(self, failure: Failure, submitted: Submitted) -> None:
        self.log.failure("A message can't be handed in", failure)
        submitted.end(status.ESME_RSYSERR)

    def _answered(self, item: object, response: Pdu | None, now: float) -> None:
        """Take the answer to what was delivered, or note that none came."""
        assert self.account is not None
        deliveries, account_id = self._deliveries, self.account.id
        if response is not None and response.command_status == status.ESME_ROK:
            deliveries.taken(account_id, cast(Item, item))
        else:
            self._respite = now + RESPITE
            not_now = response is None or response.command_status in NOT_NOW
            outcome = Outcome.LATER if not_now else Outcome.TROUBLE
            deliveries.returned(account_id, cast(Item, item), outcome)
        deliveries.room(account_id)

    async def _bind(self, pdu: Bind) -> None:
        peer = self._peer()
        try:
            account = await self._let_in(pdu, peer)
        except BindRefused as refused:
            self.log.info(
                "A bind as {system_id} from {peer} is refused, since it {reason}",
                system_id=pdu.system_id.decode("latin-1"),
                peer=peer.address,
                reason=refused.reason,
            )
            self.session.bind_refused(pdu, refused.status)
            self.close()
            return
        if account is None:
            return
        self.account = account
        self._address = peer.address
        if self._service.number_context:
            self._deliveries = self._core.lookup_deliveries
        self.session.bind_accepted(pdu, self._listener.system_id)
        self.flush()
        self._listener.bound(self)
        self.log.info(
            "{account} is bound from {peer} as {state}",
            account=account.system_id,
            peer=peer.address,
            state=self.session.state.name,
        )
        if self.session.state in TAKES_RECEIPTS:
            self._receives = True
            self._deliveries.bound(account.id, self)

    async def _let_in(self, pdu: Bind, peer: Peer) -> Account | None:
        """Return the account that a bind is of, or ``None`` if nobody waits for the answer any more.

        Raises:
            BindRefused: if it may not bind, or not like this.
        """
        core = self._core
        self._service = service(pdu)
        name = pdu.system_id.decode("latin-1")
        try:
            account = await core.admission.admit(name, pdu.password.decode("latin-1"), peer)
        except Banned:
            raise BindRefused(status.ESME_RBINDFAIL, "had too many wrong passwords lately") from None
        except UnknownAccount:
            raise BindRefused(status.ESME_RINVSYSID, "has no account") from None
        except WrongPassword:
            raise BindRefused(status.ESME_RINVPASWD, "has a wrong password") from None
        except NotAdmitted as reason:
            raise BindRefused(status.ESME_RBINDFAIL, str(reason)) from None
        if self.session.state is not State.OPEN or self.closing_at is not None:
            return None  # The client has gone, or was given up, meanwhile.
        check(pdu, self._service, account, core.routing)
        if self._listener.sessions(account.id) >= account.sessions:
            raise BindRefused(status.ESME_RBINDFAIL, f"has {account.sessions} sessions already")
        return account

    def _bind_failed(self, failure: Failure, pdu: Bind) -> None:
        self.log.failure("A bind failed", failure)
        self.session.bind_refused(pdu, status.ESME_RSYSERR)
        self.close()

    def _peer(self) -> Peer:
        """Return who has connected; that is known once something has come."""
        return peer_of(self.transport)

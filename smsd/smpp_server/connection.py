"""One client's connection: its session, what it submits and the receipts it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.services.accounts import UnknownAccount, WrongPassword
from smsd.services.submission import Refused
from smsd.session_protocol import SessionProtocol
from smsd.smpp import status
from smsd.smpp.pdu import INTERFACE_VERSION, Bind, Pdu, SubmitSm, SubmitSmResp
from smsd.smpp.session import Answer, Broken, Event, Role, Session, State, Unanswered, Unbound
from smsd.smpp_server.translation import COMMAND_STATUSES, Unacceptable, receipt_pdu, request
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Overloaded
from smsd.store.messages import Message
from smsd.store.settings import Account

if TYPE_CHECKING:
    from smsd.smpp_server.listener import Listener

RESPITE = 5.0
"""Seconds for which a session that refuses a receipt, or leaves one unanswered, gets no other."""
SERVICES = (b"HLR", b"NSMS")
"""The system types that name a service; none of them is offered here."""
TAKES_RECEIPTS = (State.BOUND_RX, State.BOUND_TRX)


class Submitted:
    """A submit_sm that waits for the disk."""

    __slots__ = ("_connection", "_sequence_number")

    def __init__(self, connection: Connection, sequence_number: int) -> None:
        self._connection = connection
        self._sequence_number = sequence_number

    def stored(self, message: Message) -> None:
        """Answer with the message's id."""
        self._connection.answer(SubmitSmResp(self._sequence_number, 0, b"%d" % message.id))

    def not_stored(self, message: Message) -> None:
        """Answer that the system is at fault."""
        self._connection.answer(SubmitSmResp(self._sequence_number, status.ESME_RSYSERR))


class Connection(SessionProtocol):
    """A client's session, between its transport and the services."""

    log = Logger()

    def __init__(self, listener: Listener, peer: str) -> None:
        clock = listener.clock
        super().__init__(Session(Role.SMSC, listener.limits.session, clock.seconds()), clock)
        self._listener = listener
        self._peer = peer
        self._account: Account | None = None
        self._unanswered = 0
        self._receives = False
        self._respite = 0.0
        self._unbound = False

    @property
    def account(self) -> Account | None:
        """The account that is bound, if one is."""
        return self._account

    @property
    def room(self) -> int:
        """How many more receipts the session takes now."""
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
        if self._account is None:
            return
        self.log.info("{account} from {peer} is gone", account=self._account.system_id, peer=self._peer)
        if self._receives:
            reports = self._listener.reports
            reports.receiver_gone(self._account.id, self)
            for message in reversed(self.session.abandon()):
                assert isinstance(message, Message)
                reports.returned(message)
            reports.room(self._account.id)

    def tick(self, now: float) -> None:
        """Let time-outs take their course; about once a second."""
        super().tick(now)
        if self._respite and now >= self._respite and self._account is not None:
            self._respite = 0.0
            self._listener.reports.room(self._account.id)

    def answer(self, response: Pdu) -> None:
        """Send the response to a submit_sm."""
        self._unanswered -= 1
        self.session.respond(response)
        self.flush_soon()
        if self._unbound and not self._unanswered:
            self.close()

    def deliver(self, message: Message) -> None:
        """Send the receipt of a message."""
        pdu = receipt_pdu(self._listener.accounts.get(message.account_id), message)
        self.session.request(pdu, message, self.clock.seconds())
        self.flush_soon()

    def cut(self) -> None:
        """Hang up at once."""
        self.transport.abortConnection()

    def end(self) -> None:
        """Ask the client to end the session, or hang up if none is bound."""
        if self._account is not None:
            self.session.unbind(self.clock.seconds())
            self.flush()
        else:
            self.close()

    def resumeProducing(self) -> None:
        """Read again, and take receipts again."""
        super().resumeProducing()
        if self._account is not None:
            self._listener.reports.room(self._account.id)

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
                self.log.info("{peer} is cut off: {reason}", peer=self._peer, reason=event.reason)
                self.close()
            elif isinstance(event, Unbound):
                # What the client has submitted is still answered before the connection closes.
                self._unbound = True
                if not self._unanswered:
                    self.close()

    def _submit(self, pdu: SubmitSm, now: float) -> None:
        listener = self._listener
        assert self._account is not None
        refusal = status.ESME_RTHROTTLED
        if self._unanswered < listener.limits.unanswered:
            try:
                asked, place = request(self._account, pdu, now)
                submitted = Submitted(self, pdu.sequence_number)
                if place is None:
                    listener.submission.submit(asked, submitted)
                else:
                    listener.gathering.part(asked, place, submitted)
            except Refused as refused:
                refusal = COMMAND_STATUSES.get(refused.status, status.ESME_RSUBMITFAIL)
            except Unacceptable as unacceptable:
                refusal = unacceptable.status
            except Overloaded:
                refusal = status.ESME_RTHROTTLED
            except StoreUnavailable:
                refusal = status.ESME_RSYSERR
            else:
                self._unanswered += 1
                return
        self.session.respond(SubmitSmResp(pdu.sequence_number, refusal))

    def _answered(self, message: object, response: Pdu | None, now: float) -> None:
        """Take the answer to a receipt, or note that none came."""
        assert isinstance(message, Message)
        assert self._account is not None
        reports = self._listener.reports
        if response is not None and response.command_status == status.ESME_ROK:
            reports.acknowledged(message)
        else:
            self._respite = now + RESPITE
            reports.returned(message)
        reports.room(self._account.id)

    async def _bind(self, pdu: Bind) -> None:
        listener = self._listener
        try:
            if pdu.interface_version < INTERFACE_VERSION:
                raise _BindRefused(status.ESME_RBINDFAIL, "speaks an SMPP older than 3.4")
            if pdu.system_type in SERVICES:
                raise _BindRefused(status.ESME_RINVSYSTYP, "asks for a service that is not offered")
            try:
                account = await listener.accounts.authenticate(
                    pdu.system_id.decode("latin-1"), pdu.password.decode("latin-1")
                )
            except UnknownAccount:
                raise _BindRefused(status.ESME_RINVSYSID, "has no account") from None
            except WrongPassword:
                raise _BindRefused(status.ESME_RINVPASWD, "has a wrong password") from None
            if self.session.state is not State.OPEN or self.closing_at is not None:
                return  # The client has gone, or was given up, meanwhile.
            if listener.sessions(account.id) >= account.sessions:
                raise _BindRefused(status.ESME_RBINDFAIL, f"has {account.sessions} sessions already")
        except _BindRefused as refused:
            self.log.info(
                "A bind as {system_id} from {peer} is refused, since it {reason}",
                system_id=pdu.system_id.decode("latin-1"),
                peer=self._peer,
                reason=refused.reason,
            )
            self.session.bind_refused(pdu, refused.status)
            self.close()
            return
        self._account = account
        self.session.bind_accepted(pdu, listener.system_id)
        self.flush()
        listener.bound(self)
        self.log.info(
            "{account} is bound from {peer} as {state}",
            account=account.system_id,
            peer=self._peer,
            state=self.session.state.name,
        )
        if self.session.state in TAKES_RECEIPTS:
            self._receives = True
            listener.reports.receiver_bound(account.id, self)

    def _bind_failed(self, failure: Failure, pdu: Bind) -> None:
        self.log.failure("A bind failed", failure)
        self.session.bind_refused(pdu, status.ESME_RSYSERR)
        self.close()


class _BindRefused(Exception):
    """A bind is refused with a command_status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason

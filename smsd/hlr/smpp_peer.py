"""Another platform that answers about numbers over SMPP: smsd is its ESME here."""

from __future__ import annotations

from collections import OrderedDict

from twisted.application.internet import ClientService
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.dialling import Dialling, Pauses
from smsd.hlr.number_context import is_receipt, read
from smsd.hlr.options import SmppOptions
from smsd.hlr.questions import Questions
from smsd.numbering.context import Context
from smsd.services.lookup import NoAnswer
from smsd.session_protocol import SessionProtocol
from smsd.smpp import status
from smsd.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)
from smsd.smpp.session import Answer, Broken, Event, Limits, Role, Session, State, Unanswered, Unbound

FAREWELL = 5.0
"""Seconds that the peer has for our unbind."""
INTERNATIONAL, ISDN = 1, 1
"""Type of number and numbering plan of what is asked about (5.2.5, 5.2.6)."""
RECEIPT_WANTED = 1


class _Asked:
    """A number whose receipt is awaited."""

    __slots__ = ("due", "message_id")

    def __init__(self, due: float) -> None:
        self.due = due
        self.message_id = ""


class SmppPeer(Service):
    """Keeps a session with the peer, and asks about numbers by submit_sm.

    What is known of a number comes in a receipt, which names the message and the number. One that comes
    before the response, or after a new connection, finds its question too.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        options: SmppOptions,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        limits: Limits | None = None,
    ) -> None:
        self.setName(name)
        self.options = options
        self.clock = clock
        self.limits = limits or Limits()
        self.pauses = Pauses()
        self.reason = "It has not bound yet."
        """Why it can't be asked; empty if it can."""
        self._questions = Questions(options.waiting)
        self._asked: OrderedDict[str, _Asked] = OrderedDict()  # By number, the oldest first.
        self._numbers: dict[str, str] = {}  # By the peer's message id.
        self._link: _Link | None = None
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = clock
        factory = Factory.forProtocol(lambda: _Link(self))
        factory.noisy = False
        dialling = Dialling(f"back end {name}", endpoint, self._unreachable)
        self._client = ClientService(dialling, factory, retryPolicy=self.pauses, clock=clock)

    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        ticking = self._ticking.start(1.0, now=False)
        ticking.addErrback(lambda failure: self.log.failure("A peer's time-outs ended", failure))
        self._client.startService()

    def stopService(self) -> Deferred[None]:
        """Unbind and disconnect; whoever waits hears of it."""
        super().stopService()
        self.reason = "It has been stopped."
        self._ticking.stop()
        self._questions.refuse_all(self.reason)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._link is not None:
            await self._link.stop()
        await self._client.stopService()

    async def ask(self, number: str) -> Context:
        """Return what the peer says of a number."""
        if self._link is None:
            raise NoAnswer(self.reason)
        waiting = self._questions.put(number)
        self.fill()
        return await waiting

    def fill(self) -> None:
        """Ask as much as fits the window; who is asked about already is not asked about again."""
        link = self._link
        if link is None or link.session.state is not State.BOUND_TRX:
            return
        now = self.clock.seconds()
        while link.session.outstanding < self.options.window and len(self._asked) < self.options.waiting:
            number = self._questions.take()
            if number is None:
                break
            if number not in self._asked:
                self._asked[number] = _Asked(now + self.options.timeout)
                link.submit(number, now)

    def bound(self, link: _Link) -> None:
        """Begin to ask on a new session."""
        self.log.info("Back end {name} is bound", name=self.name)
        self.pauses.attempts = 0
        self.reason = ""
        self._link = link

    def not_bound(self, reason: str) -> None:
        """Take note that there is no session, and why."""
        if self.running:
            self.log.warn("Back end {name} can't bind: {reason}", name=self.name, reason=reason)
            self.reason = f"It can't bind: {reason}"

    def lost(self, link: _Link, unanswered: list[str]) -> None:
        """Take note that the session is over: only receipts of what was taken are still to come."""
        if link is not self._link:
            return  # It was never bound.
        self._link = None
        if self.running:
            self.log.warn("Back end {name} has lost its session", name=self.name)
            self.reason = "It has lost its session."
        for number in unanswered:
            self.refuse(number, "The session ended before the question was taken.")
        while (unasked := self._questions.take()) is not None:
            if unasked not in self._asked:
                self._questions.refuse(unasked, self.reason)

    def taken(self, number: str, response: Pdu) -> None:
        """Take the response to a question."""
        asked = self._asked.get(number)
        if not isinstance(response, SubmitSmResp) or response.command_status != status.ESME_ROK:
            self.refuse(number, f"The peer says {status.name(response.command_status)}.")
        elif asked is not None:  # Else the receipt has come already.
            asked.message_id = response.message_id.decode("latin-1")
            self._numbers[asked.message_id] = number

    def refuse(self, number: str, reason: str) -> None:
        """Take note that nothing will be said of a number."""
        self._forget(number)
        self._questions.refuse(number, reason)

    def received(self, pdu: DeliverSm | DataSm) -> int:
        """Take a receipt; return the status to answer it with."""
        found = read(pdu)
        if found is None:
            return status.ESME_ROK if is_receipt(pdu) else status.ESME_RX_R_APPN
        number = self._numbers.get(found.message_id, found.number)
        if number is not None and number in self._asked:
            self._forget(number)
            if isinstance(found.said, Context):
                self._questions.answer(number, found.said)
            else:
                self._questions.refuse(number, str(found.said))
        return status.ESME_ROK

    def _forget(self, number: str) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            self._numbers.pop(asked.message_id, None)

    def _tick(self) -> None:
        """Give up on receipts that don't come."""
        now = self.clock.seconds()
        while self._asked:
            number, asked = next(iter(self._asked.items()))
            if now < asked.due:
                break
            self.refuse(number, f"There was no receipt in {self.options.timeout:g} seconds.")
        self.fill()

    def _unreachable(self, error: str) -> None:
        if self.running:
            self.log.warn("Back end {name} can't connect: {error}", name=self.name, error=error)
            self.reason = f"It can't connect: {error}"


class _Link(SessionProtocol):
    """One session with the peer."""

    log = Logger()

    def __init__(self, peer: SmppPeer) -> None:
        super().__init__(Session(Role.ESME, peer.limits, peer.clock.seconds()), peer.clock)
        self._peer = peer
        self._ticking = LoopingCall(lambda: self.tick(self.clock.seconds()))
        self._ticking.clock = peer.clock
        self._ended: Deferred[None] | None = None

    def connectionMade(self) -> None:
        """Bind, and keep time from now on."""
        super().connectionMade()
        ticking = self._ticking.start(1.0, now=False)
        ticking.addErrback(lambda failure: self.log.failure("A session's time-outs ended", failure))
        options = self._peer.options
        bind = BindTransceiver(
            system_id=options.system_id.encode("ascii"),
            password=options.password.encode("ascii"),
            system_type=options.system_type.encode("ascii"),
        )
        self.session.request(bind, "", self.clock.seconds())
        self.flush()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Give up what has no response."""
        if self._ticking.running:
            self._ticking.stop()
        unanswered = [str(number) for number in self.session.abandon() if number]
        self._peer.lost(self, unanswered)
        self._fire_ended()

    def submit(self, number: str, now: float) -> None:
        """Ask about a number."""
        pdu = SubmitSm(
            dest_addr_ton=INTERNATIONAL,
            dest_addr_npi=ISDN,
            destination_addr=number.encode("ascii"),
            registered_delivery=RECEIPT_WANTED,
        )
        self.session.request(pdu, number, now)
        self.flush_soon()

    def stop(self) -> Deferred[None]:
        """Unbind; fires when that is done, or has taken too long."""
        self._ended = ended = Deferred[None]()
        timer = self.clock.callLater(FAREWELL, self._give_up)
        self.session.unbind(self.clock.seconds())
        self.flush()

        def done(result: None) -> None:
            if timer.active():
                timer.cancel()

        return ended.addBoth(done)

    def _give_up(self) -> None:
        self.transport.abortConnection()
        self._fire_ended()

    def _fire_ended(self) -> None:
        if self._ended is not None:
            ended, self._ended = self._ended, None
            ended.callback(None)

    def act(self, events: list[Event], now: float) -> None:
        """Deal with what the peer answers and reports."""
        for event in events:
            match event:
                case Answer(response=BindTransceiverResp() as response):
                    self._bind_answered(response)
                case Answer(context=str() as number, response=response) if number:
                    self._peer.taken(number, response)
                case Answer(response=response):  # To the bind, by generic_nack.
                    self._bind_answered(response)
                case DeliverSm() | DataSm():
                    self._respond(event, self._peer.received(event))
                case Unanswered(context=str() as number) if number:
                    self._peer.refuse(number, "The peer has not taken the question in time.")
                case Broken(reason=reason):
                    self.log.warn("Back end {name}: {reason}", name=self._peer.name, reason=reason)
                    self.close()
                case Unbound():
                    self.close()
                case _:
                    pass  # alert_notification and outbind ask for nothing.
        self._peer.fill()
        self.flush_soon()

    def _bind_answered(self, response: Pdu) -> None:
        if self.session.state is State.BOUND_TRX:
            self._peer.bound(self)
        else:
            self._peer.not_bound(status.name(response.command_status))
            self.close()

    def _respond(self, pdu: DeliverSm | DataSm, command_status: int) -> None:
        kind = DeliverSmResp if isinstance(pdu, DeliverSm) else DataSmResp
        self.session.respond(kind(pdu.sequence_number, command_status))

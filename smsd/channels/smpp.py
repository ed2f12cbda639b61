"""A channel to an operator's SMSC: smsd is the ESME here."""

from __future__ import annotations

from collections import deque

from twisted.application.internet import ClientService, backoffPolicy
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from smsd.channels.options import SmppOptions
from smsd.channels.receiving import TooLong, original
from smsd.channels.translation import outcome, refusal, submit_pdu
from smsd.services.dispatch import Outbox
from smsd.services.inbox import Inbox, Unowned
from smsd.session_protocol import SessionProtocol
from smsd.smpp import receipt, status
from smsd.smpp.pdu import (
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSmResp,
)
from smsd.smpp.session import Answer, Broken, Event, Limits, Role, Session, State, Unanswered, Unbound
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Overloaded
from smsd.store.messages import Message

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds until the first and between later attempts to connect."""
THROTTLED = (status.ESME_RTHROTTLED, status.ESME_RMSGQFUL)
"""What an operator says when it is sent too much: the whole channel waits, in order, and tries again."""
FIRST_REST, LAST_REST = 0.5, 30.0
"""Seconds for which a throttled channel sends nothing: doubled while the operator goes on saying so."""
FAREWELL = 5.0
"""Seconds that the operator has for what is in the window, and for our unbind, when the channel stops."""


class BindRefused(Exception):
    """The operator does not let us bind."""


class Pauses:
    """The pauses between attempts to bind, which grow until one succeeds.

    ClientService itself would begin anew with every connection, bound or not.
    """

    def __init__(self) -> None:
        self.attempts = 0
        self._policy = backoffPolicy(FIRST_PAUSE, LAST_PAUSE)

    def __call__(self, attempts: int) -> float:
        """Return the seconds to wait before another attempt."""
        self.attempts += 1
        return self._policy(self.attempts)


class Link(SessionProtocol):
    """One connection to the operator."""

    log = Logger()

    def __init__(self, channel: SmppChannel, bind: type[Bind], pauses: Pauses) -> None:
        super().__init__(Session(Role.ESME, channel.limits, channel.clock.seconds()), channel.clock)
        self.pauses = pauses
        self._channel = channel
        self._bind = bind
        self._bound: Deferred[None] | None = None
        self._sending: dict[int, Message] = {}
        self._segments: deque[tuple[Message, int]] = deque()
        self._rest_until = 0.0
        self._rest = FIRST_REST
        self._throttled = 0  # How many of the segments, the first ones, were refused by throttling.
        self._ticking = LoopingCall(lambda: self.tick(self.clock.seconds()))
        self._ticking.clock = channel.clock
        self._drained: Deferred[None] | None = None
        self._stopping = False

    @property
    def kind(self) -> str:
        """The bind's name, as the standard writes it."""
        return {BindTransmitter: "transmitter", BindReceiver: "receiver"}.get(self._bind, "transceiver")

    @property
    def sends(self) -> bool:
        """Whether messages go out here."""
        return self._bind is not BindReceiver

    def connectionMade(self) -> None:
        """Bind, and keep time from now on."""
        super().connectionMade()
        ticking = self._ticking.start(1.0, now=False)
        ticking.addErrback(lambda failure: self.log.failure("A link's time-outs ended", failure))
        binding = Deferred.fromCoroutine(self._channel.begin(self))
        binding.addErrback(lambda failure: self.log.failure("A link can't bind", failure))

    def bind(self) -> Deferred[None]:
        """Bind; fails with :class:`BindRefused` or :class:`ConnectionClosed`."""
        options = self._channel.options
        self.session.request(
            self._bind(
                system_id=options.system_id.encode("latin-1"),
                password=options.password.encode("latin-1"),
                system_type=options.system_type.encode("latin-1"),
            ),
            None,
            self.clock.seconds(),
        )
        self._bound = Deferred()
        self.flush()
        return self._bound

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Return what the operator has not answered for: it is sent again, and first."""
        self._stopping = True
        if self._ticking.running:
            self._ticking.stop()
        self._channel.lost(self)
        self.session.abandon()
        sending, self._sending = self._sending, {}
        self._segments.clear()
        for message in reversed(sending.values()):
            self._channel.outbox.put_back(message)
        if self._bound is not None:
            bound, self._bound = self._bound, None
            bound.errback(ConnectionClosed("the connection was lost before the bind was answered"))
        self._fire_drained()

    def fill(self) -> None:
        """Send as much as waits and fits in the window."""
        if self._stopping or self.session.state not in (State.BOUND_TX, State.BOUND_TRX):
            return
        now = self.clock.seconds()
        if now < self._rest_until:
            return
        self._throttled = 0
        session, outbox = self.session, self._channel.outbox
        window, tlvs = self._channel.options.window, self._channel.options.tlvs
        # What isn't on disk as sent is still in the window: after a crash no more than that is sent twice.
        while session.outstanding + outbox.unsettled < window or (self._segments and not session.outstanding):
            if not self._segments:
                message = outbox.take()
                if message is None:
                    break
                self._sending[message.id] = message
                if message.segments == 1:
                    self._segments.append((message, 0))
                else:
                    taken = message.taken or {}
                    self._segments.extend(
                        (message, number) for number in range(1, message.segments + 1) if number not in taken
                    )
                continue
            segment = self._segments.popleft()
            session.request(submit_pdu(*segment, now, tlvs), segment, now)
        self.flush_soon()

    def stop(self) -> Deferred[None]:
        """Send nothing more, wait for the answers to what is sent, and unbind; fires when that is done."""
        self._stopping = True
        drained: Deferred[None] = Deferred()
        self._drained = drained
        timer = self.clock.callLater(FAREWELL, self._give_up)
        if self.session.outstanding == 0:
            self.session.unbind(self.clock.seconds())
            self.flush()

        def done(result: None) -> None:
            if timer.active():
                timer.cancel()

        return drained.addBoth(done)

    def _give_up(self) -> None:
        self.close()
        self._fire_drained()

    def _fire_drained(self) -> None:
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def act(self, events: list[Event], now: float) -> None:
        """Deal with what the operator answers and reports, and send what fits the window now."""
        for event in events:
            match event:
                case Answer(context=None):
                    self._bind_answered(event)
                case Answer(context=(Message() as message, int(number)), response=response):
                    self._answered(message, number, response)
                case DeliverSm() | DataSm():
                    self._received(event)
                case Unanswered():
                    self.log.warn("Channel {name}: a response never came", name=self._channel.name)
                    self.close()
                case Broken(reason=reason):
                    self.log.warn("Channel {name}: {reason}", name=self._channel.name, reason=reason)
                    self.close()
                case Unbound():
                    self.close()
                case _:
                    pass  # alert_notification and outbind ask for nothing.
        self.fill()

    def _bind_answered(self, answer: Answer) -> None:
        assert self._bound is not None
        bound, self._bound = self._bound, None
        if answer.response.command_status == status.ESME_ROK:
            bound.callback(None)
        else:
            bound.errback(BindRefused(status.name(answer.response.command_status)))

    def _answered(self, message: Message, number: int, response: Pdu) -> None:
        """Take the operator's answer to a segment."""
        outbox = self._channel.outbox
        if isinstance(response, SubmitSmResp) and response.command_status == status.ESME_ROK:
            self._rest = FIRST_REST
            outbox.taken(message, number, response.message_id.decode("latin-1"))
            if number == 0 or len(message.taken or ()) == message.segments:
                self._sending.pop(message.id, None)
        elif response.command_status in THROTTLED and message.id in self._sending:
            self._segments.insert(self._throttled, (message, number))
            self._throttled += 1
            if self.clock.seconds() >= self._rest_until:  # A whole window may say it at once.
                self._rest_until = self.clock.seconds() + self._rest
                self.clock.callLater(self._rest, self.fill)
                self._rest = min(self._rest * 2, LAST_REST)
        elif self._sending.pop(message.id, None) is not None:
            self._segments = deque(one for one in self._segments if one[0] is not message)
            temporary, error = refusal(response.command_status)
            outbox.refused(message, temporary=temporary, error=error)
        if self._stopping and self.session.outstanding == 0:
            self.session.unbind(self.clock.seconds())

    def _received(self, pdu: DeliverSm | DataSm) -> None:
        """Take a receipt, or a message from a subscriber; it is acknowledged once it is on disk."""
        parsed = receipt.parse(pdu)
        if parsed is None:
            self._take(pdu)
        elif not parsed.final:
            self._channel.outbox.on_the_way(parsed.message_id, outcome(parsed).error)
            self._respond(pdu, status.ESME_ROK)
        else:
            self._channel.outbox.receipt(
                parsed.message_id, outcome(parsed), lambda: self._respond(pdu, status.ESME_ROK)
            )

    def _take(self, pdu: DeliverSm | DataSm) -> None:
        """Take a message from a subscriber, or let the operator keep it for the time being."""

        def answer(on_disk: bool) -> None:
            self._respond(pdu, status.ESME_ROK if on_disk else status.ESME_RX_T_APPN)

        try:
            self._channel.inbox.take(self._channel.outbox.channel_id, original(pdu), answer)
        except Unowned:
            self._respond(pdu, status.ESME_RX_R_APPN)
        except TooLong as error:
            self._respond(pdu, error.status)
        except (Overloaded, StoreUnavailable):
            self._respond(pdu, status.ESME_RX_T_APPN)

    def _respond(self, pdu: DeliverSm | DataSm, command_status: int) -> None:
        kind = DeliverSmResp if isinstance(pdu, DeliverSm) else DataSmResp
        self.session.respond(kind(pdu.sequence_number, command_status))
        self.flush_soon()


class SmppChannel(Service):
    """Keeps an operator's SMSC bound, and reconnects with growing pauses when it is lost."""

    log = Logger()

    def __init__(
        self,
        name: str,
        options: SmppOptions,
        outbox: Outbox,
        inbox: Inbox,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        limits: Limits,
    ) -> None:
        self.setName(name)
        self.options = options
        self.outbox = outbox
        self.inbox = inbox
        self.clock = clock
        self.limits = limits
        binds = (BindTransceiver,) if options.bind == "transceiver" else (BindTransmitter, BindReceiver)
        self._clients = [self._client(endpoint, bind) for bind in binds]
        self._links: set[Link] = set()

    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        for client in self._clients:
            client.startService()

    def stopService(self) -> Deferred[object]:
        """Let the operator answer for what it was sent, unbind and disconnect."""
        super().stopService()
        self.outbox.attach(None)
        return Deferred.fromCoroutine(self._stop())

    def lost(self, link: Link) -> None:
        """Count a link out; what waits, waits."""
        if link in self._links:
            self._links.discard(link)
            if link.sends:
                self.outbox.attach(None)
            if self.running:
                self.log.warn("Channel {name} has lost its {bind}", name=self.name, bind=link.kind)
            else:
                self.log.info("Channel {name} has ended its {bind}", name=self.name, bind=link.kind)

    async def _stop(self) -> None:
        await DeferredList([link.stop() for link in self._links])
        for client in self._clients:
            await client.stopService()

    def _client(self, endpoint: IStreamClientEndpoint, bind: type[Bind]) -> ClientService:
        pauses = Pauses()
        factory = Factory.forProtocol(lambda: Link(self, bind, pauses))
        factory.noisy = False
        return ClientService(_Dialling(self, endpoint), factory, retryPolicy=pauses, clock=self.clock)

    async def begin(self, link: Link) -> None:
        """Bind a new connection; a failure ends it, so that its client waits and connects again."""
        try:
            await link.bind()
        except (BindRefused, ConnectionClosed, ValueError) as error:
            self.log.warn("Channel {name} can't bind: {error}", name=self.name, error=error)
            link.close()
            return
        self.log.info("Channel {name} is bound by {bind}", name=self.name, bind=link.kind)
        link.pauses.attempts = 0
        self._links.add(link)
        if link.sends:
            self.outbox.attach(link.fill)


@implementer(IStreamClientEndpoint)
class _Dialling:
    """A channel's endpoint, which says by the channel's name why it can't connect."""

    def __init__(self, channel: SmppChannel, endpoint: IStreamClientEndpoint) -> None:
        self._channel = channel
        self._endpoint = endpoint

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._endpoint.connect(factory).addErrback(self._failed)

    def _failed(self, failure: Failure) -> Failure:
        channel = self._channel
        if channel.running:
            channel.log.warn(
                "Channel {name} can't connect: {error}", name=channel.name, error=failure.getErrorMessage()
            )
        return failure

"""One connection to an operator's SMSC: what goes out on it, and what the operator answers and brings."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.channels.dialect import Refusal
from smsd.channels.receiving import TooLong, original
from smsd.channels.translation import outcome, submit_pdu
from smsd.dialling import Pauses
from smsd.services.inbox import Unowned
from smsd.services.statuses import DELIVERED_TO_OPERATOR, NO_ERROR
from smsd.services.tracking import Outcome
from smsd.session_protocol import SessionProtocol
from smsd.smpp import receipt, status
from smsd.smpp.pdu import (
    Bind,
    BindReceiver,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSmResp,
)
from smsd.smpp.session import Answer, Broken, Event, Role, Session, State, Unanswered, Unbound
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Message

if TYPE_CHECKING:
    from smsd.channels.smpp import SmppChannel

THROTTLED = (status.ESME_RTHROTTLED, status.ESME_RMSGQFUL)
"""What an operator says when it is sent too much: the whole channel waits, in order, and tries again."""
FAREWELL = 5.0
"""Seconds that the operator has for what is in the window, and for our unbind, when the channel stops."""
AT_OPERATOR = Outcome(DELIVERED_TO_OPERATOR, NO_ERROR)
"""The end of a message that an operator has taken who gives no receipts."""
LATEST_REFERENCE = 0xFFFF
"""user_message_reference has two octets (5.3.2.17)."""


class BindRefused(Exception):
    """The operator does not let us bind."""


class Segment(NamedTuple):
    """A segment of a message (1 to n), or all of it (0), on its way."""

    message: Message
    number: int
    reference: int | None = None
    """Our own number for it, if receipts name it by that."""

    @property
    def own_name(self) -> str:
        """What stands for the operator's id while there is none."""
        if self.reference is not None:
            return f"#{self.reference}"
        return f"?{self.message.id:x}-{self.number}"


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
        self._flying: dict[int, int] = {}  # How many of a long message's segments have no answer yet.
        self._refusals: dict[int, tuple[Message, Refusal]] = {}  # Those that wait for these answers.
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

    @property
    def ready(self) -> bool:
        """Whether messages may go out here now."""
        return not self._stopping and self.session.state in (State.BOUND_TX, State.BOUND_TRX)

    @property
    def begun(self) -> bool:
        """Whether segments of a message wait here whose others have gone out."""
        return bool(self._segments)

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
        """Return what the operator has not answered for: it is sent again, and first, if it may be."""
        self._stopping = True
        if self._ticking.running:
            self._ticking.stop()
        self._channel.lost(self)
        for context in self.session.abandon():
            if isinstance(context, Segment):
                self._never_answered(context)
        refusals, self._refusals = self._refusals, {}
        for message, refusal in refusals.values():
            self._refuse(message, refusal._replace(elsewhere=False))
        sending, self._sending = self._sending, {}
        self._segments.clear()
        for message in reversed(sending.values()):
            self._channel.outbox.put_back(message)
        if self._bound is not None:
            bound, self._bound = self._bound, None
            bound.errback(ConnectionClosed("the connection was lost before the bind was answered"))
        self._fire_drained()

    def take(self, message: Message) -> None:
        """Take a message to send."""
        self._sending[message.id] = message
        if message.segments == 1 or self._channel.dialect.long == "payload":
            self._segments.append((message, 0))
        else:
            taken = message.taken or {}
            self._segments.extend(
                (message, number) for number in range(1, message.segments + 1) if number not in taken
            )

    def expire(self, now: float) -> bool:
        """End the message that is next, if its validity ended while the channel rested; tell whether so."""
        message, _ = self._segments[0]
        if message.expires_at > now:
            return False
        self._sending.pop(message.id, None)
        self._forget_segments(message)
        self._channel.outbox.expired(message)
        return True

    def submit(self, now: float) -> None:
        """Send the next segment of what was taken."""
        message, number = self._segments.popleft()
        segment = Segment(message, number, self._channel.next_reference())
        pdu = submit_pdu(message, number, now, self._channel.dialect, segment.reference)
        self.session.request(pdu, segment, now)
        if number:
            self._flying[message.id] = self._flying.get(message.id, 0) + 1
        self.flush_soon()

    def begin_anew(self) -> None:
        """Take note that the channel has rested: what is throttled from now on comes before all else."""
        self._throttled = 0

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
                case Answer(context=Segment() as segment, response=response):
                    self._answered(segment, response)
                case DeliverSm() | DataSm():
                    self._received(event)
                case Unanswered(context=context):
                    self._unanswered(context)
                case Broken(reason=reason):
                    self.log.warn("Channel {name}: {reason}", name=self._channel.name, reason=reason)
                    self.close()
                case Unbound():
                    self.close()
                case _:
                    pass  # alert_notification and outbind ask for nothing.
        self._channel.fill()
        self.flush_soon()

    def _bind_answered(self, answer: Answer) -> None:
        assert self._bound is not None
        bound, self._bound = self._bound, None
        if answer.response.command_status == status.ESME_ROK:
            bound.callback(None)
        else:
            bound.errback(BindRefused(status.name(answer.response.command_status)))

    def _answered(self, segment: Segment, response: Pdu) -> None:
        """Take the operator's answer to a segment."""
        channel, message = self._channel, segment.message
        if segment.number:
            self._landed(message)
        if isinstance(response, SubmitSmResp) and response.command_status == status.ESME_ROK:
            channel.taken_again()
            if segment.reference is not None:
                name = segment.own_name
            else:
                name = channel.ids.of_response(response.message_id.decode("latin-1"))
            self._taken(segment, name)
        elif response.command_status in THROTTLED and message.id in self._sending:
            self._segments.insert(self._throttled, (message, segment.number))
            self._throttled += 1
            channel.rest()
        elif self._sending.pop(message.id, None) is not None:
            self._forget_segments(message)
            refusal = channel.dialect.errors.refusal(response.command_status)
            if refusal.elsewhere and message.id in self._flying:
                self._refusals[message.id] = (message, refusal)  # A segment of it may still be taken.
            else:
                self._refuse(message, refusal)
        if self._refusals and message.id in self._refusals and message.id not in self._flying:
            self._refuse(*self._refusals.pop(message.id))
        if self._stopping and self.session.outstanding == 0:
            self.session.unbind(self.clock.seconds())

    def _landed(self, message: Message) -> None:
        """Count out a segment of a long message that is answered, or never will be."""
        left = self._flying.pop(message.id) - 1
        if left:
            self._flying[message.id] = left

    def _refuse(self, message: Message, refusal: Refusal) -> None:
        temporary, error, elsewhere = refusal
        self._channel.outbox.refused(message, temporary=temporary, error=error, elsewhere=elsewhere)

    def _taken(self, segment: Segment, name: str) -> None:
        message = segment.message
        self._channel.outbox.taken(message, segment.number, name)
        if segment.number == 0 or len(message.taken or ()) == message.segments:
            self._sending.pop(message.id, None)
            if not self._channel.dialect.receipts:
                self._channel.outbox.receipt((name,), AT_OPERATOR, _nobody_waits)

    def _unanswered(self, context: object) -> None:
        """Take note that a response never came; to send its message again, begin a new connection."""
        self.log.warn("Channel {name}: a response never came", name=self._channel.name)
        if isinstance(context, Segment) and self._channel.options.unanswered != "again":
            if context.number:
                self._landed(context.message)
            self._never_answered(context)
        else:
            self.close()

    def _never_answered(self, segment: Segment) -> None:
        """Let a message that must not be sent twice fail, or wait for its receipt."""
        message, policy = segment.message, self._channel.options.unanswered
        if message.id in self._refusals:
            message, refusal = self._refusals.pop(message.id)
            self._refuse(message, refusal._replace(elsewhere=False))
        if policy == "again" or message.id not in self._sending:
            return
        if policy == "wait":
            self._taken(segment, segment.own_name)
        else:
            del self._sending[message.id]
            self._forget_segments(message)
            self._channel.outbox.unanswered(message)

    def _forget_segments(self, message: Message) -> None:
        self._segments = deque(one for one in self._segments if one[0] is not message)

    def _received(self, pdu: DeliverSm | DataSm) -> None:
        """Take a receipt, or a message from a subscriber; it is acknowledged once it is on disk."""
        channel = self._channel
        parsed = receipt.parse(pdu)
        if parsed is None:
            self._take_received(pdu)
            return
        if channel.dialect.by_reference and parsed.user_message_reference is not None:
            names: tuple[str, ...] = (f"#{parsed.user_message_reference & LATEST_REFERENCE}",)
        else:
            names = channel.ids.of_receipt(parsed.message_id)
        found = outcome(parsed, channel.dialect.errors)
        if parsed.final:
            if channel.options.undelivered == "again":
                found = found._replace(again=True)
            channel.outbox.receipt(names, found, lambda: self._respond(pdu, status.ESME_ROK))
        else:
            channel.outbox.on_the_way(names, found.error)
            self._respond(pdu, status.ESME_ROK)

    def _take_received(self, pdu: DeliverSm | DataSm) -> None:
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


def _nobody_waits() -> None:
    """Take note that the end of a message is on disk, of which no operator has told."""

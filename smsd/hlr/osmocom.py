"""Osmocom's HLR, asked over its control interface."""

from __future__ import annotations

from twisted.application.internet import ClientService
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.internet.tcp import Connection
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.dialling import Dialling, Pauses
from smsd.hlr import untrusted
from smsd.hlr.ctrl import Answered, Broken, Complaint, Conversation, Event, Refused, Unanswered
from smsd.hlr.options import OsmocomOptions
from smsd.hlr.questions import Questions
from smsd.numbering.context import Context
from smsd.services.fields import Fields
from smsd.services.lookup import NoAnswer
from smsd.services.statuses import NO_ERROR, UNKNOWN_SUBSCRIBER

ABSENT_SUBSCRIBER = 27
CALL_BARRED = 13
UNKNOWN = Context(error=UNKNOWN_SUBSCRIBER)
NO_SUBSCRIBER = "No such subscriber."
"""How the HLR says that it doesn't have a number."""


def context_of(info: str) -> Context:
    """Return what a subscriber's record says: lines of a name, a tab and a value.

    It leaves out what has its default: no ``nam_cs`` means that calls and messages are allowed.
    """
    record = dict(line.split("\t", 1) for line in info.split("\n") if "\t" in line)
    vlr = untrusted.address(record.get("vlr_number"))
    served = vlr is not None and record.get("ms_purged_cs", "0") != "1"
    error = NO_ERROR if served else ABSENT_SUBSCRIBER
    if record.get("nam_cs", "1") == "0":
        error = CALL_BARRED
    return Context(
        error=error,
        correct=True,
        imsi=untrusted.digits(record.get("imsi")) or None,
        serving_msc=vlr if served else None,
    )


class OsmocomHlr(Service):
    """Keeps a connection to the HLR, and asks many questions on it at once.

    While there is no connection, questions fail at once, so that somebody else can be asked.
    """

    log = Logger()
    knows = frozenset({Fields.SUBSCRIPTION, Fields.PRESENCE})
    """What it can know of a number."""

    def __init__(
        self, name: str, options: OsmocomOptions, clock: IReactorTime, endpoint: IStreamClientEndpoint
    ) -> None:
        self.setName(name)
        self.clock = clock
        self.timeout = options.timeout
        self.reason = "It has not connected yet."
        """Why it can't be asked; empty if it can."""
        self._window = options.window
        self._questions = Questions(options.waiting)
        self._connection: _Connection | None = None
        factory = Factory.forProtocol(lambda: _Connection(self))
        factory.noisy = False
        self._pauses = Pauses()
        dialling = Dialling(f"back end {name}", endpoint, self._unreachable)
        self._client = ClientService(dialling, factory, retryPolicy=self._pauses, clock=clock)

    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        self._client.startService()

    def stopService(self) -> Deferred[None]:
        """Disconnect; whoever waits hears of it."""
        super().stopService()
        self.reason = "It has been stopped."
        self._questions.refuse_all(self.reason)
        stopped: Deferred[None] = self._client.stopService()
        return stopped

    async def ask(self, number: str) -> Context:
        """Return what the HLR has of a number."""
        if self._connection is None:
            raise NoAnswer(self.reason)
        waiting = self._questions.put(number)
        self.fill()
        return await waiting

    def connected(self, connection: _Connection) -> None:
        """Begin to ask on a new connection."""
        self.log.info("Back end {name} is connected", name=self.name)
        self._connection = connection
        self.reason = ""

    def lost(self, reason: str) -> None:
        """Take note that there is no connection; nobody knows whether what was asked will be heard of."""
        self._connection = None
        if self.running:
            self.log.warn("Back end {name} has lost its connection: {reason}", name=self.name, reason=reason)
            self.reason = f"The connection was lost: {reason}"
            self._questions.refuse_all(self.reason)

    def fill(self) -> None:
        """Ask as much as fits the window."""
        connection = self._connection
        if connection is None or not self._questions.unasked:
            return
        while connection.conversation.outstanding < self._window:
            number = self._questions.take()
            if number is None:
                break
            connection.get(number)

    def heard(self, number: str, event: Answered | Refused | Unanswered) -> None:
        """Pass on what became of a question."""
        if not isinstance(event, Unanswered):
            self._pauses.attempts = 0
        match event:
            case Answered(value=info):
                self._questions.answer(number, context_of(info))
            case Refused(reason=reason) if reason.strip() == NO_SUBSCRIBER:
                self._questions.answer(number, UNKNOWN)
            case Refused(reason=reason):
                self._questions.refuse(number, f"The HLR says: {reason[:200]}")
            case Unanswered():
                self._questions.refuse(number, f"There was no answer in {self.timeout:g} seconds.")

    def _unreachable(self, error: str) -> None:
        if self.running:
            self.log.warn("Back end {name} can't connect: {error}", name=self.name, error=error)
            self.reason = f"It can't connect: {error}"


class _Connection(Protocol):
    """Carries a conversation with the HLR."""

    log = Logger()
    transport: Connection

    def __init__(self, hlr: OsmocomHlr) -> None:
        self._hlr = hlr
        self._clock = hlr.clock
        self.conversation = Conversation(hlr.timeout)
        self._flushing = False
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = hlr.clock

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        ticking = self._ticking.start(1.0, now=False)
        ticking.addErrback(lambda failure: self.log.failure("An HLR's time-outs ended", failure))
        self._hlr.connected(self)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._ticking.running:
            self._ticking.stop()
        self.conversation.abandon()
        self._hlr.lost(reason.getErrorMessage() if reason is not None else "")

    def dataReceived(self, data: bytes) -> None:
        self._act(self.conversation.receive(data, self._clock.seconds()))

    def get(self, number: str) -> None:
        """Ask about a number; its keys are never asked for."""
        self.conversation.get(f"subscriber.by-msisdn-{number}.info", number, self._clock.seconds())
        if not self._flushing:
            self._flushing = True
            self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        """Write what has been asked in this turn of the reactor."""
        self._flushing = False
        if self.connected:
            self.transport.write(self.conversation.data_to_send())

    def _tick(self) -> None:
        self._act(self.conversation.tick(self._clock.seconds()))

    def _act(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Answered(context=number) | Refused(context=number) | Unanswered(context=number):
                    self._hlr.heard(number, event)
                case Complaint(reason=reason):
                    self.log.warn("Back end {name} complains: {reason}", name=self._hlr.name, reason=reason)
                case Broken():
                    self.transport.abortConnection()
        self._hlr.fill()

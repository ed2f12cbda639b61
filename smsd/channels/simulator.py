"""An operator that exists only here: it takes every message and delivers it after a moment.

A message to a number that an account has comes back as a received message.
"""

from __future__ import annotations

from itertools import count

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.channels.options import SimulatorOptions
from smsd.channels.receiving import original
from smsd.channels.translation import submit_pdu
from smsd.services.dispatch import Outbox
from smsd.services.inbox import Inbox, Unowned
from smsd.services.statuses import DELIVERED_TO_HANDSET, NO_ERROR
from smsd.services.tracking import Outcome
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Overloaded
from smsd.store.messages import Message


class SimulatorChannel(Service):
    """Answers for a message when it delivers it, so that a restart of the node simulates it anew."""

    log = Logger()

    def __init__(self, options: SimulatorOptions, outbox: Outbox, inbox: Inbox, clock: IReactorTime) -> None:
        self._options = options
        self._outbox = outbox
        self._inbox = inbox
        self._clock = clock
        self._under_way = 0
        self._numbers = count(1)

    def startService(self) -> None:
        """Begin to take messages."""
        super().startService()
        self._outbox.attach(self._fill)

    def stopService(self) -> None:
        """Take no more."""
        super().stopService()
        self._outbox.attach(None)

    def _fill(self) -> None:
        messages = []
        while self._under_way < self._options.window:
            message = self._outbox.take()
            if message is None:
                break
            self._under_way += 1
            messages.append(message)
        if messages:
            self._clock.callLater(self._options.delay, self._deliver, messages)

    def _deliver(self, messages: list[Message]) -> None:
        self._under_way -= len(messages)
        if not self.running:
            for message in reversed(messages):
                self._outbox.put_back(message)
            return
        for message in messages:
            received = self._inbox.has(message.destination)
            numbers = range(1, message.segments + 1) if message.segments > 1 else (0,)
            for number in numbers:
                operator_id = f"{message.id:x}-{next(self._numbers)}"
                self._outbox.taken(message, number, operator_id)
                self._outbox.receipt(operator_id, Outcome(DELIVERED_TO_HANDSET, NO_ERROR), _nobody_waits)
                if received:
                    self._receive(message, number)
        self._fill()

    def _receive(self, message: Message, number: int) -> None:
        """Bring a segment back, once: this operator keeps nothing."""
        pdu = submit_pdu(message, number, self._clock.seconds())
        try:
            self._inbox.take(self._outbox.channel_id, original(pdu), _nobody_waits)
        except (Unowned, Overloaded, StoreUnavailable) as error:
            self.log.warn("The simulator can't bring a message back: {error!r}", error=error)


def _nobody_waits(on_disk: bool = True) -> None:
    """Take note that what was brought is on disk, or is not."""

"""An operator that exists only here: it takes every message and delivers it after a moment."""

from __future__ import annotations

from itertools import count

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime

from smsd.channels.options import SimulatorOptions
from smsd.services.dispatch import Outbox
from smsd.services.statuses import DELIVERED_TO_HANDSET, NO_ERROR
from smsd.services.tracking import Outcome
from smsd.store.messages import Message


class SimulatorChannel(Service):
    """Answers for a message when it delivers it, so that a restart of the node simulates it anew."""

    def __init__(self, options: SimulatorOptions, outbox: Outbox, clock: IReactorTime) -> None:
        self._options = options
        self._outbox = outbox
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
            numbers = range(1, message.segments + 1) if message.segments > 1 else (0,)
            for number in numbers:
                operator_id = f"{message.id:x}-{next(self._numbers)}"
                self._outbox.taken(message, number, operator_id)
                self._outbox.receipt(operator_id, Outcome(DELIVERED_TO_HANDSET, NO_ERROR), _nobody_waits)
        self._fill()


def _nobody_waits() -> None:
    """Take note that a receipt is on disk."""

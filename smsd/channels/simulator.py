"""An operator that exists only here: it takes every message and delivers it after a moment.

Some destinations have it do something else: see :mod:`smsd.channels.simulated`. A message to a number that an
account has comes back as a received message.
"""

from __future__ import annotations

from itertools import count

from msgspec import structs
from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.channels.options import SimulatorOptions
from smsd.channels.receiving import original
from smsd.channels.simulated import DELIVERED, Behaviour, behaviour
from smsd.channels.translation import submit_pdu
from smsd.services.channel_states import ChannelStates
from smsd.services.dispatch import Outbox
from smsd.services.inbox import Inbox, Unowned
from smsd.services.statuses import DELIVERED_AS_RECEIVED, NO_ERROR
from smsd.services.tracking import Outcome
from smsd.smpp.pdu import SubmitSm
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Message

BROUGHT_BACK = Outcome(DELIVERED_AS_RECEIVED, NO_ERROR)
"""The end of a message to a number that an account has."""


class SimulatorChannel(Service):
    """Answers for a message when it delivers it, so that a restart of the node simulates it anew."""

    log = Logger()

    def __init__(
        self,
        options: SimulatorOptions,
        outbox: Outbox,
        inbox: Inbox,
        states: ChannelStates,
        clock: IReactorTime,
    ) -> None:
        self._options = options
        self._outbox = outbox
        self._inbox = inbox
        self._states = states
        self._clock = clock
        self._under_way = 0
        self._numbers = count(1)

    def startService(self) -> None:
        """Begin to take messages."""
        super().startService()
        self._outbox.attach(self._fill)
        self._states.say(self._outbox.channel_id, up=True, bound=1, wanted=1)

    def stopService(self) -> None:
        """Take no more."""
        super().stopService()
        self._outbox.attach(None)

    def _fill(self) -> None:
        by_delay: dict[float, list[Message]] = {}
        while self._under_way < self._options.window:
            message = self._outbox.take()
            if message is None:
                break
            self._under_way += 1
            delay = behaviour(message.destination).delay
            by_delay.setdefault(self._options.delay if delay is None else delay, []).append(message)
        for delay, messages in by_delay.items():
            self._clock.callLater(delay, self._deliver, messages)

    def _deliver(self, messages: list[Message]) -> None:
        self._under_way -= len(messages)
        if not self.running:
            for message in reversed(messages):
                self._outbox.put_back(message)
            return
        for message in messages:
            told = behaviour(message.destination)
            if message.attempts < told.refusals:
                self._outbox.refused(message, temporary=True, error=told.error)
            else:
                self._end(message, told)
        self._fill()

    def _end(self, message: Message, told: Behaviour) -> None:
        """Take a message, say how each of its segments ends, and bring back what is to come back."""
        numbers = range(1, message.segments + 1) if message.segments > 1 else (0,)
        comes_back = self._inbox.has(message.destination)
        for number in numbers:
            operator_id = f"{message.id:x}-{next(self._numbers)}"
            self._outbox.taken(message, number, operator_id)
            outcome = told.outcome
            if told.last_only and number < numbers[-1]:
                outcome = DELIVERED
            if outcome == DELIVERED and comes_back:
                outcome = BROUGHT_BACK
            if outcome is not None:
                outcome = outcome._replace(again=self._options.undelivered == "again")
                self._outbox.receipt((operator_id,), outcome, _nobody_waits)
        if comes_back:
            for number in numbers:
                self._receive(submit_pdu(message, number, self._clock.seconds()))
        for _ in range(told.replies):
            for number in numbers:
                self._receive(_reply(submit_pdu(message, number, self._clock.seconds())))

    def _receive(self, pdu: SubmitSm) -> None:
        """Bring a segment, once: this operator keeps nothing."""
        try:
            self._inbox.take(self._outbox.channel_id, original(pdu), _nobody_waits)
        except (Unowned, Overloaded, StoreUnavailable) as error:
            self.log.warn("The simulator can't bring a message back: {error!r}", error=error)


def _reply(pdu: SubmitSm) -> SubmitSm:
    """Return what a message's destination sends back to its sender: the same."""
    return structs.replace(
        pdu,
        source_addr=pdu.destination_addr,
        source_addr_ton=pdu.dest_addr_ton,
        source_addr_npi=pdu.dest_addr_npi,
        destination_addr=pdu.source_addr,
        dest_addr_ton=pdu.source_addr_ton,
        dest_addr_npi=pdu.source_addr_npi,
    )


def _nobody_waits(on_disk: bool = True) -> None:
    """Take note that what was brought is on disk, or is not."""

"""A channel to an operator's SMSC: smsd is the ESME here."""

from __future__ import annotations

from collections import deque

from twisted.application.internet import ClientService
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from smsd.channels.link import LATEST_REFERENCE, BindRefused, Link
from smsd.channels.operator_ids import OperatorIds
from smsd.channels.options import SmppOptions
from smsd.dialling import Dialling, Pauses
from smsd.services.channel_states import ChannelStates
from smsd.services.dispatch import Outbox
from smsd.services.inbox import Inbox
from smsd.smpp.pdu import Bind, BindReceiver, BindTransceiver, BindTransmitter
from smsd.smpp.session import Limits

FIRST_REST, LAST_REST = 0.5, 30.0
"""Seconds for which a throttled channel sends nothing: doubled while the operator goes on saying so."""
BURST = 0.1
"""Seconds' worth of a channel's rate that may go out at once after a pause."""


class SmppChannel(Service):
    """Keeps an operator's SMSC bound, and reconnects with growing pauses when it is lost.

    All binds share the channel's rate, and its rests when the operator throttles one of them.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        options: SmppOptions,
        outbox: Outbox,
        inbox: Inbox,
        states: ChannelStates,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        limits: Limits,
    ) -> None:
        self.setName(name)
        self.options = options
        self.dialect = options.dialect()
        self.ids = OperatorIds(options.ids)
        self.outbox = outbox
        self.inbox = inbox
        self._states = states
        self.clock = clock
        self.limits = limits
        kinds: tuple[type[Bind], ...]
        kinds = (BindTransceiver,) if options.bind == "transceiver" else (BindTransmitter, BindReceiver)
        self._clients = [self._client(endpoint, kind) for kind in kinds * options.sessions]
        self._links: set[Link] = set()
        self._senders: deque[Link] = deque()
        self._rest = FIRST_REST
        self._rest_until = 0.0
        self._rested = True
        self._free_at = 0.0
        self._again: IDelayedCall | None = None
        self._reference = int(clock.seconds() * 10) & LATEST_REFERENCE

    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        self._tell("It has not bound yet.")
        for client in self._clients:
            client.startService()

    def stopService(self) -> Deferred[object]:
        """Let the operator answer for what it was sent, unbind and disconnect."""
        super().stopService()
        self.outbox.attach(None)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await DeferredList([link.stop() for link in self._links])
        for client in self._clients:
            await client.stopService()
        if self._again is not None and self._again.active():
            self._again.cancel()

    async def begin(self, link: Link) -> None:
        """Bind a new connection; a failure ends it, so that its client waits and connects again."""
        try:
            await link.bind()
        except (BindRefused, ConnectionClosed, ValueError) as error:
            self.log.warn("Channel {name} can't bind: {error}", name=self.name, error=error)
            self._tell(f"It can't bind: {error}.")
            link.close()
            return
        self.log.info("Channel {name} is bound by {bind}", name=self.name, bind=link.kind)
        link.pauses.attempts = 0
        self._links.add(link)
        if link.sends:
            self._senders.append(link)
            self.outbox.attach(self.fill)
        self._tell("")

    def lost(self, link: Link) -> None:
        """Count a link out; what waits, waits."""
        if link not in self._links:
            return
        self._links.discard(link)
        if link.sends:
            self._senders.remove(link)
            if not self._senders:
                self.outbox.attach(None)
        self._tell(f"It has lost its {link.kind}.")
        if self.running:
            self.log.warn("Channel {name} has lost its {bind}", name=self.name, bind=link.kind)
        else:
            self.log.info("Channel {name} has ended its {bind}", name=self.name, bind=link.kind)

    def unreachable(self, error: str) -> None:
        """Take note that the operator can't be connected to."""
        if self.running:
            self.log.warn("Channel {name} can't connect: {error}", name=self.name, error=error)
            self._tell(f"It can't connect: {error}")

    def _tell(self, reason: str) -> None:
        """Let it be seen how many binds there are, and why there are no more."""
        self._states.say(
            self.outbox.channel_id,
            up=bool(self._senders),
            bound=len(self._links),
            wanted=len(self._clients),
            reason=reason,
            grace=self.options.failover,
        )

    def fill(self) -> None:
        """Send as much as waits and fits in the windows, on each bind in its turn."""
        now = self.clock.seconds()
        if now < self._rest_until:
            return
        outbox, window, rate = self.outbox, self.options.window, self.options.rate
        ready = deque(link for link in self._senders if link.ready)
        if not self._rested:
            self._rested = True
            for link in ready:
                link.begin_anew()
        # What isn't on disk as sent is still in the window: after a crash no more than that is sent twice.
        room = window * len(ready) - outbox.unsettled - sum(link.session.outstanding for link in ready)
        while ready:
            link = ready[0]
            outstanding = link.session.outstanding
            if outstanding >= window or (room <= 0 and (outstanding or not link.begun)):
                ready.popleft()
                continue
            if rate and self._free_at > now:
                self._fill_later(self._free_at - now)
                break
            if not link.begun:
                message = outbox.take()
                if message is None:
                    ready.popleft()  # Another one may still have segments to send.
                    continue
                link.take(message)
                continue
            if link.expire(now):
                continue
            link.submit(now)
            room -= 1
            if rate:
                self._free_at = max(self._free_at, now - BURST) + 1 / rate
            if not link.begun:
                ready.rotate(-1)
        if len(self._senders) > 1:
            self._senders.rotate(-1)

    def rest(self) -> None:
        """Send nothing for a while: the operator says that it is too much."""
        now = self.clock.seconds()
        if now >= self._rest_until:  # A whole window may say it at once.
            self._rest_until = now + self._rest
            self._rested = False
            self._fill_later(self._rest)
            self._rest = min(self._rest * 2, LAST_REST)

    def taken_again(self) -> None:
        """Take note that the operator takes messages: the next rest is a short one."""
        self._rest = FIRST_REST

    def next_reference(self) -> int | None:
        """Return our number for the next segment, if receipts name it by that."""
        if not self.dialect.by_reference:
            return None
        self._reference = (self._reference + 1) & LATEST_REFERENCE
        return self._reference

    def _fill_later(self, seconds: float) -> None:
        due_at = self.clock.seconds() + seconds
        if self._again is None or not self._again.active():
            self._again = self.clock.callLater(seconds, self.fill)
        elif self._again.getTime() > due_at:
            self._again.reset(seconds)

    def _client(self, endpoint: IStreamClientEndpoint, bind: type[Bind]) -> ClientService:
        pauses = Pauses()
        factory = Factory.forProtocol(lambda: Link(self, bind, pauses))
        factory.noisy = False
        dialling = Dialling(f"channel {self.name}", endpoint, self.unreachable)
        return ClientService(dialling, factory, retryPolicy=pauses, clock=self.clock)

"""The channels that run, kept in step with their rows."""

from __future__ import annotations

from typing import Any

from msgspec import structs
from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.logger import Logger

from smsd.channels.options import KINDS, SmppOptions
from smsd.channels.simulator import SimulatorChannel
from smsd.channels.smpp import SmppChannel
from smsd.services.channel_states import ChannelStates
from smsd.services.dispatch import Dispatch
from smsd.services.inbox import Inbox
from smsd.services.routing import SUSPENDED
from smsd.smpp.session import Limits
from smsd.store.settings import Channel, Rows


class Channels(MultiService):
    """Starts, replaces and stops channels as their rows say."""

    log = Logger()

    def __init__(
        self, dispatch: Dispatch, inbox: Inbox, states: ChannelStates, reactor: Any, limits: Limits
    ) -> None:
        super().__init__()
        self._dispatch = dispatch
        self._inbox = inbox
        self._states = states
        self._reactor = reactor
        self._limits = limits
        self._running: dict[int, tuple[Channel, IService]] = {}
        self._changing = False
        self._wanted: Rows | None = None
        self._names: dict[int, str] = {}
        self._away: frozenset[int] = frozenset()
        states.watch(self._log_away)

    def apply(self, rows: Rows) -> None:
        """Take over changed channels: one after another, an old one's end before its successor's start."""
        self._wanted = rows
        if not self._changing:
            self._changing = True
            changing = Deferred.fromCoroutine(self._change())
            changing.addErrback(lambda failure: self.log.failure("Channels can't be changed", failure))

    async def _change(self) -> None:
        try:
            while self._wanted is not None:
                rows, self._wanted = self._wanted, None
                await self._change_to(rows)
        finally:
            self._changing = False

    async def _change_to(self, rows: Rows) -> None:
        self._names = {channel.id: channel.name for channel in rows.channels}
        enabled = {channel.id: _lasting(channel) for channel in rows.channels if channel.enabled}
        for number, (channel, service) in list(self._running.items()):
            if enabled.get(number) != channel:
                del self._running[number]
                stopped = self.removeService(service)
                if stopped is not None:
                    await stopped
                self._states.forget(number)
        for channel in rows.channels:
            self._dispatch.outbox(channel.id).suspend(channel.mode == SUSPENDED)
        for number, channel in enabled.items():
            if number not in self._running:
                self._start(channel)

    def _start(self, channel: Channel) -> None:
        try:
            service = self._service(channel)
        except (ValueError, TypeError, OSError) as error:  # What endpoints raise, and options that are none.
            self.log.error("Channel {name} can't run: {error}", name=channel.name, error=error)
            self._states.say(channel.id, up=False, bound=0, wanted=0, reason=str(error))
            return
        self._running[channel.id] = (channel, service)
        self.addService(service)

    def _service(self, channel: Channel) -> IService:
        """Return what a row describes; raises one of several errors if it describes nothing that can run."""
        options = KINDS.read(channel.kind, channel.options)
        outbox = self._dispatch.outbox(channel.id)
        if isinstance(options, SmppOptions):
            endpoint = clientFromString(self._reactor, options.endpoint)
            return SmppChannel(
                channel.name,
                options,
                outbox,
                self._inbox,
                self._states,
                self._reactor,
                endpoint,
                self._limits,
            )
        return SimulatorChannel(options, outbox, self._inbox, self._states, self._reactor)

    def _log_away(self, away: frozenset[int]) -> None:
        for number in away - self._away:
            self.log.warn(
                "Channel {name} is away: its messages take other routes, where there are any",
                name=self._names.get(number, number),
            )
        for number in self._away - away:
            if number in self._running:  # Else it is disabled, or about to begin anew.
                self.log.info("Channel {name} is back", name=self._names.get(number, number))
        self._away = away


def _lasting(channel: Channel) -> Channel:
    """Return a channel without what changes while it runs."""
    return structs.replace(channel, mode="")

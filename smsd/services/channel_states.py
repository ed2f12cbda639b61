"""Keeps what channels say of themselves where it can be seen from outside the node."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from smsd.store.channel_states import ChannelState, ChannelStateRows
from smsd.store.engine import StoreUnavailable

INTERVAL = 5.0
"""Seconds after which a running node repeats how its channels are."""
STALE = 4 * INTERVAL
"""Seconds of silence after which the node is taken not to run."""
GRACE = 10.0
"""Seconds that a channel may be down before its messages go elsewhere, unless it says otherwise."""
REASON = 200
"""Characters of a reason that are kept."""


class ChannelStates(Service):
    """Takes note of how channels are, and writes it down: at once when it changes, and now and then."""

    log = Logger()

    def __init__(self, rows: ChannelStateRows, clock: IReactorTime) -> None:
        self._rows = rows
        self._clock = clock
        self._states: dict[int, ChannelState] = {}
        self._changed = False
        self._writing = False
        self.away: frozenset[int] = frozenset()
        """The channels that have been down for longer than they may, so that messages go elsewhere."""
        self._timers: dict[int, IDelayedCall] = {}
        self._watchers: list[Callable[[frozenset[int]], None]] = []
        self._repeating = LoopingCall(self._write_soon)
        self._repeating.clock = clock

    def startService(self) -> None:
        """Begin to repeat."""
        super().startService()
        self._repeating.start(INTERVAL).addErrback(
            lambda failure: self.log.failure("Saying how channels are ended", failure)
        )

    def stopService(self) -> None:
        """Repeat no more."""
        super().stopService()
        self._repeating.stop()

    def watch(self, watcher: Callable[[frozenset[int]], None]) -> None:
        """Tell which channels are away, whenever others are."""
        self._watchers.append(watcher)

    def say(
        self,
        channel_id: int,
        *,
        up: bool,
        bound: int,
        wanted: int,
        reason: str = "",
        grace: float = GRACE,
    ) -> None:
        """Take note of how a channel is; one that stays down for ``grace`` seconds is away then.

        With 0 it never is.
        """
        if up:
            self._is_back(channel_id)
        elif grace and channel_id not in self.away and channel_id not in self._timers:
            self._timers[channel_id] = self._clock.callLater(grace, self._is_away, channel_id)
        now = self._clock.seconds()
        before = self._states.get(channel_id)
        since = before.since if before is not None and bool(before.up) is up else now
        if up:
            reason = ""
        elif not reason and before is not None:
            reason = before.reason  # Why it went down stands until something else is said.
        away = int(channel_id in self.away)
        state = ChannelState(channel_id, int(up), bound, wanted, since, _plain(reason), now, away)
        self._states[channel_id] = state
        if before is None or replace(before, seen_at=now) != state:
            self._write_soon()

    def forget(self, channel_id: int) -> None:
        """Take note that a channel is no more."""
        self._states.pop(channel_id, None)
        self._is_back(channel_id)

    def _is_away(self, channel_id: int) -> None:
        del self._timers[channel_id]
        self._states[channel_id] = replace(self._states[channel_id], away=1)
        self._tell(self.away | {channel_id})
        self._write_soon()

    def _is_back(self, channel_id: int) -> None:
        timer = self._timers.pop(channel_id, None)
        if timer is not None:
            timer.cancel()
        if channel_id in self.away:
            self._tell(self.away - {channel_id})

    def _tell(self, away: frozenset[int]) -> None:
        self.away = away
        for watcher in self._watchers:
            watcher(away)

    def _write_soon(self) -> None:
        self._changed = True
        if not self._writing and self.running:
            self._writing = True
            writing = Deferred.fromCoroutine(self._write())
            writing.addErrback(lambda failure: self.log.failure("How channels are can't be told", failure))

    async def _write(self) -> None:
        try:
            while self._changed:
                self._changed = False
                now = self._clock.seconds()
                if self._states:
                    await self._rows.say([replace(state, seen_at=now) for state in self._states.values()])
        except StoreUnavailable:
            pass  # It is said again in a moment.
        finally:
            self._writing = False


def _plain(reason: str) -> str:
    return reason.replace("\0", "\ufffd")[:REASON]

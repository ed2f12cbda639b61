"""Sends reports and received messages to clients' URLs, and again until each has come or time is up."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from smsd.services.push_urls import has_placeholders
from smsd.services.window import AGAIN, Window
from smsd.store.engine import StoreUnavailable
from smsd.store.pushes import Form, Kind, Lane, Push, PushChanges, Pushes

RETRIES = 20
"""How often a push is tried again (section 1 of the specification)."""
MINUTE = 60.0
INTERVAL = 1.0
"""Seconds between two looks for what is due again."""
SIZE = 200
"""How many pushes of a lane are held in memory; more wait in the table."""
LANES, LANES_OF_HOST = 1_000, 100
"""How many lanes are served at a time, of all hosts and of one; others wait in the table."""
SHARE = 4
"""A URL takes one in so many of its host's connections, so that a slow one leaves the others theirs."""
BURST = 1.0
"""Seconds' worth of requests that a host may get at once after a pause."""
MANY = INTERVAL * 10
"""Seconds between two looks at all lanes, while some had to wait in the table."""
FAREWELL = 5.0
"""Seconds that requests under way get to end when the service stops; what they carried is sent again."""
REASON = 200
"""Characters of a failure's reason that are kept."""


def pause_before(retry: int) -> float:
    """Return the seconds from a try that was in vain to retry 0 to 19: 1, 2, 5, 10, 17, 26, 37 … minutes."""
    return MINUTE + MINUTE * retry * retry


class Reach(Enum):
    """What else would fail as a request has failed."""

    REQUEST = auto()
    """Perhaps nothing: the URL answers, and did not want this."""
    URL = auto()
    """Whatever is sent to the URL: it doesn't answer."""
    HOST = auto()
    """Whatever is sent to the host: there is no connection to it."""


class NotPushed(Exception):
    """A request has failed; the text says why."""

    def __init__(self, reason: str, reach: Reach) -> None:
        super().__init__(reason)
        self.reach = reach


class Sender(Protocol):
    """Who makes the requests."""

    def send(self, pushes: Sequence[Push]) -> Awaitable[None]:
        """Send pushes to the URL and in the form that all of them have, in one request.

        Raises:
            NotPushed: if the URL has not taken them.
        """


class Pace(msgspec.Struct, frozen=True):
    """How fast a host gets requests."""

    connections: int = 16
    """At once."""
    rate: float = 100.0
    """Requests a second."""
    batch: int = 100
    """Reports, or received messages, in a request."""


class _Host:
    """Where URLs lead: a scheme, a host and a port."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lanes: dict[int, _Lane] = {}
        self.turns: deque[_Lane] = deque()
        self.in_flight = 0
        self.free_at = 0.0
        """When its rate has room again."""
        self.timer: IDelayedCall | None = None


class _Lane:
    """Pushes of an account to a URL, whatever its query."""

    def __init__(self, lane: Lane, host: _Host, window: Window[Push]) -> None:
        self.lane = lane
        self.host = host
        self.window = window
        self.in_flight = 0
        self.in_turn = False


class Pushing(Service):
    """Sees pushes through to their URLs.

    What is due is sent at once, several to a request where there are several. After a try in vain it waits,
    longer each time, and may be fetched meanwhile; after the last one it is given up. A host has so many
    connections and requests a second, and a URL a share of them.
    """

    log = Logger()

    def __init__(self, pushes: Pushes, changes: PushChanges, clock: IReactorTime) -> None:
        self._pushes = pushes
        self._changes = changes
        self._clock = clock
        self._sender: Sender | None = None
        self._pace = Pace()
        self._hosts: dict[str, _Host] = {}
        self._lanes: dict[int, _Lane] = {}
        self._failing: set[int] = set()
        self._under_way: set[Deferred[None]] = set()
        self._all_since: float | None = 0.0
        """When the table may be searched for lanes that are not in memory; ``None``: there are none."""
        self._looked_at = 0.0
        self._looking = LoopingCall(lambda: Deferred.fromCoroutine(self._look_safely()))
        self._looking.clock = clock

    def use(self, sender: Sender, pace: Pace) -> None:
        """Send by this sender, so fast; say so before the service starts."""
        self._sender = sender
        self._pace = pace

    def apply(self, rows: object) -> None:
        """Look at the table again: something may be wanted once more."""
        self._all_since = self._clock.seconds()

    def startService(self) -> None:
        """Begin to send, first what the table has."""
        super().startService()
        self._all_since = self._clock.seconds()
        self._looking.start(INTERVAL).addErrback(lambda failure: self.log.failure("Looking ended", failure))

    def stopService(self) -> Deferred[None]:
        """Send no more, and wait a moment for what is under way."""
        super().stopService()
        self._looking.stop()
        for host in self._hosts.values():
            if host.timer is not None and host.timer.active():
                host.timer.cancel()
        return Deferred.fromCoroutine(self._farewell())

    def offer(self, push: Push) -> None:
        """Send what has just been stored."""
        if not self.running:
            return  # It is in the table.
        lane = self._lane(Lane(push.lane, push.account_id, push.url))
        if lane is not None and lane.window.offer(push):
            self._ready(lane)

    async def _farewell(self) -> None:
        under_way = list(self._under_way)
        timer = self._clock.callLater(FAREWELL, _cancel, under_way)
        await DeferredList(under_way)
        if timer.active():
            timer.cancel()

    async def _look_safely(self) -> None:
        """Look for what is due, and let no mistake end the looking."""
        try:
            await self._look()
        except StoreUnavailable as error:
            self.log.warn("Pushes that are due can't be looked for: {error}", error=error)
        except Exception:
            self.log.failure("Looking for pushes that are due failed")

    async def _look(self) -> None:
        now = self._clock.seconds()
        self._hosts = {name: host for name, host in self._hosts.items() if host.lanes or host.free_at > now}
        if self._all_since is not None and now >= self._all_since:
            self._all_since = None
            try:
                lanes = await self._pushes.lanes(now, LANES)
            except BaseException:
                self._all_since = now
                raise
            if len(lanes) == LANES:
                self._all_since = now + MANY
        else:
            lanes = await self._pushes.due_again(self._looked_at, now)
        self._looked_at = now
        for one in lanes:
            lane = self._lane(one)
            if lane is not None:
                lane.window.look()

    def _lane(self, one: Lane) -> _Lane | None:
        """Return a lane, ``None`` if so many are served that this one has to wait in the table."""
        lane = self._lanes.get(one.id)
        if lane is not None:
            return lane
        name = _host(one.url)
        host = self._hosts.get(name) or _Host(name)
        if len(self._lanes) >= LANES or len(host.lanes) >= LANES_OF_HOST:
            if self._all_since is None:
                self._all_since = self._clock.seconds() + MANY
            return None
        made = _Lane(
            one,
            host,
            Window(
                self._clock,
                SIZE,
                lambda limit: self._pushes.due(one.id, self._clock.seconds(), limit),
                lambda: self._ready(made),
            ),
        )
        self._hosts[name] = host
        host.lanes[one.id] = self._lanes[one.id] = made
        return made

    def _ready(self, lane: _Lane) -> None:
        """Give a lane its turn: something waits in it."""
        if not lane.in_turn:
            lane.in_turn = True
            lane.host.turns.append(lane)
            # At the end of this turn of the reactor, so that what comes with it shares a request.
            self._serve_soon(lane.host, 0)

    def _serve_soon(self, host: _Host, seconds: float) -> None:
        if self.running and (host.timer is None or not host.timer.active()):
            host.timer = self._clock.callLater(seconds, self._serve, host)

    def _serve(self, host: _Host) -> None:
        """Make as many requests to a host as it may have now, its lanes in their turns."""
        pace = self._pace
        share = max(1, pace.connections // SHARE)
        now = self._clock.seconds()
        while host.turns and host.in_flight < pace.connections and self.running:
            if host.free_at > now:
                self._serve_soon(host, host.free_at - now)
                return
            lane = host.turns.popleft()
            batch = self._batch(lane) if lane.in_flight < share else []
            if not batch:
                lane.in_turn = False  # It has another turn when something comes, or a request of its ends.
                self._forget_if_idle(lane)
                continue
            host.turns.append(lane)
            host.free_at = max(host.free_at, now - BURST) + 1 / pace.rate
            host.in_flight += 1
            lane.in_flight += 1
            sending = Deferred.fromCoroutine(self._send(lane, batch))
            self._under_way.add(sending)
            sending.addErrback(lambda failure: self.log.failure("A push failed", failure))
            sending.addCallback(self._sent, lane, sending)

    def _batch(self, lane: _Lane) -> list[Push]:
        """Take what one request is to carry."""
        batch: list[Push] = []
        limit = 1
        while len(batch) < limit and (push := lane.window.take()) is not None:
            if push.item is None or (push.kind == Kind.INTERMEDIATE and push.attempts and _over(push)):
                self._changes.dropped(push, self._settling(lane, push))
            elif not batch:
                limit = self._most(push)
                batch.append(push)
            elif _alike(push, batch[0]) and len(batch) < self._most(push):
                batch.append(push)
            else:
                lane.window.put_back(push)
                break
        return batch

    def _most(self, push: Push) -> int:
        """Return how many a request may carry: the fewer, the more often this one has been refused."""
        if push.form in (Form.GET, Form.POST) or (push.kind == Kind.RECEIVED and has_placeholders(push.url)):
            return 1
        return max(1, self._pace.batch >> 2 * push.attempts)

    async def _send(self, lane: _Lane, batch: list[Push]) -> None:
        assert self._sender is not None
        try:
            wanted = await self._wanted(lane, batch)
            if wanted:
                await self._sender.send(wanted)
        except StoreUnavailable:
            for push in reversed(batch):
                lane.window.put_back(push)
            await deferLater(self._clock, AGAIN)
        except CancelledError:
            pass  # The service stops.
        except NotPushed as failed:
            self._not_pushed(lane, wanted, str(failed), failed.reach)
        except Exception as error:
            self.log.failure("A push could not be made")
            self._not_pushed(lane, wanted, f"smsd failed: {error!r}", Reach.REQUEST)
        else:
            self._pushed(lane, wanted)

    async def _wanted(self, lane: _Lane, batch: list[Push]) -> list[Push]:
        """Return those of a batch that the client has not fetched while they waited."""
        if not any(push.attempts for push in batch):
            return batch
        claimed = await self._pushes.claim(batch)
        for push in batch:
            if push.id not in claimed:
                self._changes.dropped(push, self._settling(lane, push))
        return [push for push in batch if push.id in claimed]

    def _pushed(self, lane: _Lane, pushes: list[Push]) -> None:
        now = self._clock.seconds()
        for push in pushes:
            self._changes.pushed(push, now, self._settling(lane, push))
        if lane.lane.id in self._failing and pushes:
            self._failing.discard(lane.lane.id)
            self.log.info("Pushes to {url} are taken again", url=shown(lane.lane.url))

    def _not_pushed(self, lane: _Lane, pushes: list[Push], reason: str, reach: Reach) -> None:
        """Put off what was tried, and whatever would have failed with it."""
        if lane.lane.id not in self._failing and len(self._failing) < LANES:
            self._failing.add(lane.lane.id)
            self.log.warn(
                "Pushes to {url} fail and are tried again: {reason}", url=shown(lane.lane.url), reason=reason
            )
        for push in pushes:
            self._put_off(lane, push, reason)
        if reach is Reach.REQUEST:
            return
        for other in (lane,) if reach is Reach.URL else tuple(lane.host.lanes.values()):
            for push in other.window.take_all():
                self._put_off(other, push, reason)

    def _put_off(self, lane: _Lane, push: Push, reason: str) -> None:
        push.failure = reason[:REASON].replace("\0", "\ufffd")
        if push.attempts >= RETRIES:
            self._changes.given_up(push, self._settling(lane, push))
            return
        push.due_at = self._clock.seconds() + pause_before(push.attempts)
        push.attempts += 1
        self._changes.later(push, self._settling(lane, push))

    def _settling(self, lane: _Lane, push: Push) -> Callable[[], None]:
        def settled() -> None:
            lane.window.settle(push.id)
            self._forget_if_idle(lane)

        return settled

    def _sent(self, _: None, lane: _Lane, sending: Deferred[None]) -> None:
        self._under_way.discard(sending)
        lane.in_flight -= 1
        lane.host.in_flight -= 1
        self._ready(lane)
        self._serve_soon(lane.host, 0)

    def _forget_if_idle(self, lane: _Lane) -> None:
        if lane.window.idle and not lane.in_flight and not lane.in_turn:
            self._lanes.pop(lane.lane.id, None)
            lane.host.lanes.pop(lane.lane.id, None)


def _cancel(under_way: list[Deferred[None]]) -> None:
    for sending in under_way:
        sending.cancel()


def shown(url: str) -> str:
    """Return a URL as logs and lists may show it: without a password, and without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _alike(one: Push, other: Push) -> bool:
    """Tell whether two pushes can share a request."""
    reports = (Kind.REPORT, Kind.INTERMEDIATE)
    return (
        one.url == other.url
        and one.form == other.form
        and (one.kind == other.kind or (one.kind in reports and other.kind in reports))
    )


def _over(push: Push) -> bool:
    """Tell whether an intermediate report is of a message that has ended since."""
    return getattr(push.item, "done_at", None) is not None

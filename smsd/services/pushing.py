"""Sends reports and received messages to clients' URLs, and again until each has come or time is up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from smsd.services.looking import Looking
from smsd.services.push_requests import NotPushed, Pace, Reach, Sender, alike, host_of, is_stale, shown
from smsd.services.push_urls import has_placeholders
from smsd.services.shares import Shares
from smsd.services.window import AGAIN, Window
from smsd.store.engine import StoreUnavailable
from smsd.store.pushes import FIRST, Form, Kind, Lane, Push, PushChanges, Pushes

RETRIES = 20
"""How often a push is tried again (section 1 of the specification)."""
MINUTE = 60.0
SIZE = 200
"""How many pushes of a lane are held in memory; more wait in the table."""
LANES, LANES_OF_HOST = 1_000, 100
"""How many lanes are served at a time, of all hosts and of one; others wait in the table."""
LOOKED_AT = 5_000
"""How many lanes a look at the table takes, while it has some that are not served."""
REQUESTS = 500
"""How many requests are under way at once, to all hosts: each has a connection, and a file of the process."""
SHARE = 4
"""A URL takes one in so many of its host's connections, so that a slow one leaves the others theirs."""
BURST = 1.0
"""Seconds' worth of requests that a host may get at once after a pause."""
WOKEN = 2
"""How many hosts that had to wait are looked at when a request to another one ends."""
FAREWELL = 5.0
"""Seconds that requests under way get to end when the service stops; what they carried is sent again."""
REASON = 200
"""Characters of a failure's reason that are kept."""


def pause_before(retry: int) -> float:
    """Return the seconds from a try that was in vain to retry 0 to 19: 1, 2, 5, 10, 17, 26, 37 … minutes."""
    return MINUTE + MINUTE * retry * retry


LONGEST = pause_before(RETRIES - 1) + MINUTE
"""Seconds after which a URL that nothing has been sent to has nothing left to be sent again."""


class _Host:
    """Where URLs lead: a scheme, a host and a port."""

    def __init__(self, name: str, connections: int) -> None:
        self.name = name
        self.lanes: dict[int, _Lane] = {}
        self.lanes_shared = Shares(LANES_OF_HOST)
        self.turns: deque[_Lane] = deque()
        self.requests = Shares(connections)
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


class Pushing(Looking):
    """Sees pushes through to their URLs.

    What is due is sent at once, several to a request where there are several. After a try in vain it waits,
    longer each time, and may be fetched meanwhile; after the last one it is given up. A host has so many
    connections and requests a second, and a URL a share of them. What has no place in memory is found in the
    table, lane after lane, so that each has its turn.
    """

    log = Logger()
    what = "Pushes that are due"

    def __init__(self, pushes: Pushes, changes: PushChanges, clock: IReactorTime) -> None:
        super().__init__(clock)
        self._pushes = pushes
        self._changes = changes
        self._sender: Sender | None = None
        self._pace = Pace()
        self._hosts: dict[str, _Host] = {}
        self._lanes: dict[int, _Lane] = {}
        self._lanes_shared = Shares(LANES)
        self._requests = Shares(REQUESTS)
        self._crowded: dict[_Host, None] = {}
        """Hosts that have to wait until a request to another one ends."""
        self._failing: dict[int, float] = {}
        """When lanes whose URLs don't take what is sent to them have last failed, that of long ago first."""
        self._under_way: set[Deferred[None]] = set()
        self._place: int | None = None
        """The lane after which a search of the table for lanes goes on; ``None``: there is no search."""
        self._search_again = True
        """Whether something may wait in the table that the search under way does not find."""
        self._looked_at = 0.0

    @property
    def held(self) -> int:
        """How many pushes are in memory or under way."""
        return sum(lane.window.held for lane in self._lanes.values())

    def use(self, sender: Sender, pace: Pace) -> None:
        """Send by this sender, so fast; say so before the service starts."""
        self._sender = sender
        self._pace = pace

    def apply(self, rows: object) -> None:
        """Look at the table again: something may be wanted once more."""
        self._search_again = True
        for lane in self._lanes.values():
            lane.window.look()

    def startService(self) -> None:
        """Begin to send, first what the table has."""
        self._search_again = True
        self._looked_at = self._clock.seconds()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Send no more, and wait a moment for what is under way."""
        super().stopService()
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

    def in_doubt(self, push: Push) -> None:
        """Take note that a push may have been stored, though nobody can tell: the table says."""
        if self.running:
            self._look_at(Lane(push.lane, push.account_id, push.url))

    async def _farewell(self) -> None:
        under_way = list(self._under_way)
        timer = self._clock.callLater(FAREWELL, _cancel, under_way)
        await DeferredList(under_way)
        if timer.active():
            timer.cancel()
        if self._sender is not None:
            await self._sender.close()

    async def look(self) -> None:
        """Find lanes of which something is due."""
        now = self._clock.seconds()
        self._tidy(now)
        lanes = await self._pushes.due_again(self._looked_at, now, LANES)
        self._looked_at = now
        self._search_again |= len(lanes) == LANES
        for one in lanes:
            self._look_at(one)
        if self._place is None and self._search_again:
            self._place, self._search_again = FIRST, False
        if self._place is not None:
            lanes, self._place = await self._pushes.lanes(self._place, now, LOOKED_AT)
            for one in lanes:
                if one.id not in self._lanes:
                    self._look_at(one)

    def _tidy(self, now: float) -> None:
        """Forget lanes whose window has found nothing, hosts that are at rest, and failures of long ago."""
        for lane in list(self._lanes.values()):
            self._forget_if_idle(lane)
        self._hosts = {name: host for name, host in self._hosts.items() if host.lanes or host.free_at > now}
        for id, failed_at in list(self._failing.items()):
            if failed_at > now - LONGEST:
                break
            del self._failing[id]

    def _look_at(self, one: Lane) -> None:
        lane = self._lane(one)
        if lane is not None:
            lane.window.look()

    def _lane(self, one: Lane) -> _Lane | None:
        """Return a lane, ``None`` if so many are served that this one has to wait in the table."""
        lane = self._lanes.get(one.id)
        if lane is not None:
            return lane
        name = host_of(one.url)
        host = self._hosts.get(name) or _Host(name, self._pace.connections)
        if not self._lanes_shared.has_room(one.account_id) or not host.lanes_shared.has_room(one.account_id):
            self._search_again = True
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
        for shared in (self._lanes_shared, host.lanes_shared):
            shared.take(one.account_id)
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
        share = max(1, self._pace.connections // SHARE)
        now = self._clock.seconds()
        passed_over = 0
        while passed_over < len(host.turns) and self.running:
            if host.free_at > now:
                self._serve_soon(host, host.free_at - now)
                return
            lane = host.turns.popleft()
            if not self._may_send(lane):
                host.turns.append(lane)
                passed_over += 1
                continue
            batch = self._batch(lane) if lane.in_flight < share else []
            if not batch:
                lane.in_turn = False  # It has another turn when something comes, or a request of its ends.
                self._forget_if_idle(lane)
                continue
            host.turns.append(lane)
            passed_over = 0
            host.free_at = max(host.free_at, now - BURST) + 1 / self._pace.rate
            lane.in_flight += 1
            for shared in (host.requests, self._requests):
                shared.take(lane.lane.account_id)
            sending = Deferred.fromCoroutine(self._send(lane, batch))
            self._under_way.add(sending)
            sending.addErrback(lambda failure: self.log.failure("A push failed", failure))
            sending.addCallback(self._sent, lane, sending)

    def _may_send(self, lane: _Lane) -> bool:
        """Tell whether a lane's account may make another request now."""
        if not lane.host.requests.has_room(lane.lane.account_id):
            return False  # The end of one of the host's requests makes room.
        if not self._requests.has_room(lane.lane.account_id):
            self._crowded[lane.host] = None
            return False
        return True

    def _batch(self, lane: _Lane) -> list[Push]:
        """Take what one request is to carry."""
        batch: list[Push] = []
        limit = 1
        while len(batch) < limit and (push := lane.window.take()) is not None:
            if push.item is None or (push.attempts and is_stale(push)):
                self._changes.dropped(push, self._settling(lane, push))
            elif not batch:
                limit = self._most(push)
                batch.append(push)
            elif alike(push, batch[0]) and len(batch) < self._most(push):
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
        wanted = batch
        try:
            wanted = await self._wanted(lane, batch)
            if wanted:
                await self._sender.send(wanted)
        except StoreUnavailable:
            with suppress(CancelledError):  # The service stops: the table has them.
                await deferLater(self._clock, AGAIN)
            for push in reversed(batch):
                lane.window.put_back(push)
        except CancelledError:
            if self.running:
                self._not_pushed(lane, wanted, "The request was given up.", Reach.REQUEST)
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
        if pushes and self._failing.pop(lane.lane.id, None) is not None:
            self.log.info("Pushes to {url} are taken again", url=shown(lane.lane.url))

    def _not_pushed(self, lane: _Lane, pushes: list[Push], reason: str, reach: Reach) -> None:
        """Put off what was tried, and whatever would have failed with it."""
        known = self._failing.pop(lane.lane.id, None) is not None
        if known or len(self._failing) < LANES:  # So many lines say enough.
            self._failing[lane.lane.id] = self._clock.seconds()
            if not known:
                self.log.warn(
                    "Pushes to {url} fail and are tried again: {reason}",
                    url=shown(lane.lane.url),
                    reason=reason,
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
        settled = self._settling(lane, push)

        def put_off() -> None:
            settled()
            if push.due_at <= self._looked_at and self.running:
                self._look_at(lane.lane)  # It took so long to store that its time has passed already.

        self._changes.later(push, put_off)

    def _settling(self, lane: _Lane, push: Push) -> Callable[[], None]:
        def settled() -> None:
            lane.window.settle(push.id)
            self._forget_if_idle(lane)

        return settled

    def _sent(self, _: None, lane: _Lane, sending: Deferred[None]) -> None:
        self._under_way.discard(sending)
        lane.in_flight -= 1
        for shared in (lane.host.requests, self._requests):
            shared.leave(lane.lane.account_id)
        self._ready(lane)
        self._serve_soon(lane.host, 0)
        for host in list(self._crowded)[:WOKEN]:
            del self._crowded[host]
            self._serve_soon(host, 0)

    def _forget_if_idle(self, lane: _Lane) -> None:
        known = self._lanes.get(lane.lane.id) is lane
        if known and lane.window.idle and not lane.in_flight and not lane.in_turn:
            del self._lanes[lane.lane.id]
            del lane.host.lanes[lane.lane.id]
            for shared in (self._lanes_shared, lane.host.lanes_shared):
                shared.leave(lane.lane.account_id)


def _cancel(under_way: list[Deferred[None]]) -> None:
    for sending in under_way:
        sending.cancel()

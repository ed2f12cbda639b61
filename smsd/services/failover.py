"""Brings messages to another channel when theirs is down, or its operator refuses what another may have.

A message goes to the next route that fits it, in the order in which routes are asked for new messages, whose
channel is there. Its price stays as it was accepted; what it costs is the new route's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.channel_states import ChannelStates
from smsd.services.dispatch import Dispatch
from smsd.services.looking import Looking
from smsd.services.networks import Networks
from smsd.services.routing import Routing
from smsd.services.rules import Asked
from smsd.sms.coding import Encoded
from smsd.sms.segments import TooLong, count
from smsd.store.batch import MOVED, encode_content
from smsd.store.engine import Row
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, Queue

STEP = 500
"""How many messages a step takes: the others of the node, and other changes, have their turn between two."""
PAUSE = 10.0
"""Seconds after which what waits for a channel that is away is looked through again …"""
SHARE = 20
"""… at least, or so many times what the last time took: what can't be moved is not looked at all day."""


class _Pass(msgspec.Struct):
    """One look through all that waits for a channel."""

    began_at: float
    away: frozenset[int]
    """The channels that were away when it began."""
    left: int
    """How many queues are not looked through yet."""
    again_at: float = 0.0
    """When it is over: when the next one begins."""


class _Place(NamedTuple):
    """How far a queue has been looked through."""

    one: _Pass
    queue: Queue
    after: int = 0


class Failover(Looking):
    """Sees to it that a message that has another way takes it."""

    log = Logger()
    what = "What could go to another channel"

    def __init__(
        self,
        routing: Routing,
        networks: Networks,
        states: ChannelStates,
        journal: Journal,
        messages: Messages,
        dispatch: Dispatch,
        clock: IReactorTime,
    ) -> None:
        super().__init__(clock)
        self._routing = routing
        self._networks = networks
        self._states = states
        self._journal = journal
        self._messages = messages
        self._dispatch = dispatch
        self._moved: set[int] = set()
        self._passes: dict[int, _Pass] = {}
        self._turns: deque[_Place] = deque()
        journal.heard[MOVED] = self._on_disk

    def refused(self, message: Message, error: int) -> bool:
        """Let a message whose channel's operator refuses it go elsewhere; tell whether it does."""
        new = self._elsewhere(message)
        if new is None:
            return False
        new.error = error
        self._move(message, new)
        return True

    async def look(self) -> None:
        """Bring what waits for channels that are away to others, a step of each queue in its turn."""
        self._begin()
        while self._turns and self.running:
            place = self._turns.popleft()
            try:
                await self._step(place)
            except BaseException:
                self._turns.appendleft(place)
                raise
            self._begin()

    def _begin(self) -> None:
        """Begin with what waits for those channels that are away, and have not been seen to."""
        away = self._states.away
        for channel_id in [one for one in self._passes if one not in away]:
            del self._passes[channel_id]
        now = self._clock.seconds()
        for channel_id in away:
            last = self._passes.get(channel_id)
            if last is not None and (last.left or (now < last.again_at and not away < last.away)):
                continue
            queues = self._dispatch.outbox(channel_id).queues()
            if queues and self._routing.has_alternative(channel_id):
                one = self._passes[channel_id] = _Pass(now, away, len(queues))
                self._turns.extend(_Place(one, queue) for queue in queues)

    async def _step(self, place: _Place) -> None:
        """Move the next messages of a queue, if its channel still is away."""
        one, queue, after = place
        if self._passes.get(queue.channel_id) is not one:
            return
        found = await self._messages.queued_after(queue, after, STEP)
        if found:
            await self._move_all(queue, found)
            self._turns.append(_Place(one, queue, found[-1].id))
            return
        one.left -= 1
        now = self._clock.seconds()
        one.again_at = now + max(PAUSE, SHARE * (now - one.began_at))

    async def _move_all(self, queue: Queue, found: list[Message]) -> None:
        """Move those of a queue's messages that can go elsewhere, and wait until that is on disk."""
        ways = {message.id: new for message in found if (new := self._elsewhere(message)) is not None}
        claimed = self._dispatch.outbox(queue.channel_id).claim(
            queue, [message for message in found if message.id in ways]
        )
        left = len(claimed)
        if not left:
            return
        done: Deferred[None] = Deferred()

        def moved() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.callback(None)

        for message in claimed:
            self._move(message, ways[message.id], moved)
        await done

    def _elsewhere(self, message: Message) -> Message | None:
        """Return a message as it waits for the next channel that may have it; ``None`` if there is none."""
        route = self._routing.route(message.route_id) if message.route_id is not None else None
        if route is None or message.channel_id is None:
            return None  # Nobody knows any more which routes its session asked for.
        tried = [*map(int, message.tried.split()), message.channel_id]
        asked = Asked(
            message.account_id,
            message.destination,
            route.code,
            message.network,
            self._networks.of(message.destination).country,
            message.source,
            message.content.data_coding,
            self._clock.seconds(),
        )
        content = message.content
        for other in self._routing.others(asked, tried):
            assert other.channel_id is not None
            codings = self._routing.codings(other.channel_id)
            fit = codings.fit(Encoded(content.data_coding, content.body, content.udh))
            if _segments(fit) == message.segments:
                return replace(
                    message,
                    channel_id=other.channel_id,
                    route_id=other.id,
                    cost=other.cost,
                    tried=" ".join(map(str, tried)),
                    content=replace(content, data_coding=fit.data_coding, body=fit.body, udh=fit.udh),
                )
        return None

    def _move(self, message: Message, new: Message, after: Callable[[], None] | None = None) -> None:
        """Bring a message that nobody else has to another channel, in the table and then here."""
        assert message.channel_id is not None
        assert new.channel_id is not None
        here, there = self._dispatch.outbox(message.channel_id), self._dispatch.outbox(new.channel_id)
        content = None if new.content == message.content else encode_content(new)

        def on_disk(_: bool) -> None:
            here.gone(message)
            if message.id in self._moved:
                self._moved.discard(message.id)
                message.channel_id, message.route_id = new.channel_id, new.route_id
                message.cost, message.tried, message.error = new.cost, new.tried, new.error
                message.content = new.content
                there.offer(message)
            else:
                # It has ended meanwhile, or a commit whose answer was lost has moved it: perhaps here, too.
                here.look(message.account_id, message.priority)
                there.look(message.account_id, message.priority)
            if after is not None:
                after()

        self._journal.moved(message, new, content, on_disk)

    def _on_disk(self, rows: list[Row]) -> None:
        self._moved.update(message_id for (message_id,) in rows)


def _segments(message: Encoded) -> int:
    """Return how many segments a message takes, 0 if it can't be cut."""
    try:
        return count(message.body, message.data_coding, message.udh)
    except TooLong:
        return 0

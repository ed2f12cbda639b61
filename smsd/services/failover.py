"""Brings messages to another channel when theirs is down, or its operator refuses what another may have.

A message goes to the next route that fits it, in the order in which routes are asked for new messages, whose
channel is there. Its price stays as it was accepted; what it costs is the new route's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.channel_states import ChannelStates
from smsd.services.dispatch import Dispatch
from smsd.services.looking import Looking
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


class _Place(NamedTuple):
    """How far a queue has been looked through."""

    queue: Queue
    after: int


class _Pass(NamedTuple):
    """When what waits for a channel is looked through again, unless more channels are there by then."""

    due_at: float
    there: frozenset[int]


class Failover(Looking):
    """Sees to it that a message that has another way takes it."""

    log = Logger()
    what = "What could go to another channel"

    def __init__(
        self,
        routing: Routing,
        states: ChannelStates,
        journal: Journal,
        messages: Messages,
        dispatch: Dispatch,
        clock: IReactorTime,
    ) -> None:
        super().__init__(clock)
        self._routing = routing
        self._states = states
        self._journal = journal
        self._messages = messages
        self._dispatch = dispatch
        self._moved: set[int] = set()
        self._passes: dict[int, _Pass] = {}
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
        """Bring what waits for channels that are away to others: all of it that can go there."""
        away = self._states.away
        for channel_id in [one for one in self._passes if one not in away]:
            del self._passes[channel_id]
        for channel_id in away:
            last = self._passes.get(channel_id)
            now = self._clock.seconds()
            if (last is None or now >= last.due_at or away < last.there) and self._routing.has_alternative(
                channel_id
            ):
                await self._empty(channel_id)
                spent = self._clock.seconds() - now
                due_at = self._clock.seconds() + max(PAUSE, SHARE * spent)
                self._passes[channel_id] = _Pass(due_at, away)

    async def _empty(self, channel_id: int) -> None:
        """Look once through all that waits for a channel, its queues in turn, for as long as it is away."""
        turns = deque(_Place(queue, 0) for queue in self._dispatch.outbox(channel_id).queues())
        while turns and self.running and channel_id in self._states.away:
            queue, after = turns.popleft()
            found = await self._messages.queued_after(queue, after, STEP)
            if found:
                turns.append(_Place(queue, found[-1].id))
                await self._step(queue, found)

    async def _step(self, queue: Queue, found: list[Message]) -> None:
        """Move those of a queue's messages that can go elsewhere, and wait until that is on disk."""
        ways = {message.id: new for message in found if (new := self._elsewhere(message)) is not None}
        claimed = self._dispatch.outbox(queue.channel_id).claim(
            queue, [message for message in found if message.id in ways]
        )
        left = len(claimed)
        if not left:
            return
        done: Deferred[None] = Deferred()

        def one() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.callback(None)

        for message in claimed:
            self._move(message, ways[message.id], one)
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
                # It has ended meanwhile, or a commit whose answer was lost has moved it.
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

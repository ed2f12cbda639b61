"""What waits for each channel, and what becomes of it there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from smsd.services.backlog import Backlog
from smsd.services.reports import Reports
from smsd.services.retries import put_off
from smsd.services.sending_hours import SendingHours
from smsd.services.statuses import (
    EXPIRED_EXPIRED,
    NO_RESPONSE,
    UNDELIVERABLE_NOT_DELIVERED,
    UNDELIVERABLE_REJECTED_OPERATOR,
    VALIDITY_EXPIRED,
)
from smsd.services.stops import Stops, Verdict
from smsd.services.tracking import Outcome, Tracking
from smsd.services.window import Window
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, Queue, State


class Outbox:
    """The messages that wait for one channel: windows for each account, served in turn.

    An account has a window for each priority it uses, and the highest comes first; its priority gives it
    nothing before other accounts.

    The channel takes messages as its own window allows and says what became of each: :meth:`taken` for
    every segment, or :meth:`refused`, or :meth:`put_back`.
    """

    def __init__(
        self,
        channel_id: int,
        journal: Journal,
        messages: Messages,
        reports: Reports,
        tracking: Tracking,
        backlog: Backlog,
        stops: Stops,
        hours: SendingHours,
        clock: IReactorTime,
        size: int,
        elsewhere: Callable[[Message, int], bool],
    ) -> None:
        self.channel_id = channel_id
        self._journal = journal
        self._messages = messages
        self._reports = reports
        self._tracking = tracking
        self._backlog = backlog
        self._stops = stops
        self._hours = hours
        self._clock = clock
        self._size = size
        self._elsewhere = elsewhere
        self._windows: dict[
            int, dict[int, Window[Message]]
        ] = {}  # By account and priority, the highest first.
        self._turns: deque[int] = deque()
        self._in_turn: set[int] = set()
        self.unsettled = 0
        """How many messages the operator has taken without that being on disk; a crash sends them again."""
        self._wake: Callable[[], None] | None = None
        self._waking = False
        self._suspended = False

    @property
    def held(self) -> int:
        """How many messages are in memory or under way."""
        return sum(window.held for windows in self._windows.values() for window in windows.values())

    def attach(self, wake: Callable[[], None] | None) -> None:
        """Call ``wake`` whenever messages wait and none did; ``None`` lets them wait."""
        self._wake = wake
        if wake is not None:
            wake()

    def suspend(self, suspended: bool) -> None:
        """Give the channel nothing for the time being, or again what waits."""
        if suspended is not self._suspended:
            self._suspended = suspended
            if not suspended:
                self._wake_soon()

    def offer(self, message: Message) -> None:
        """Add a message that has just been stored."""
        if self._window(message.account_id, message.priority).offer(message):
            self._ready(message.account_id)

    def look(self, account_id: int, priority: int) -> None:
        """Take note that messages of an account may wait in the table."""
        self._window(account_id, priority).look()

    def take(self) -> Message | None:
        """Return the next message to send, each account's in its turn, or ``None``."""
        while self._turns and not self._suspended:
            account_id = self._turns[0]
            for window in self._windows[account_id].values():
                message = window.take()
                if message is not None:
                    break
            else:
                self._turns.popleft()
                self._in_turn.discard(account_id)
                continue
            self._turns.rotate(-1)
            if message.expires_at <= self._clock.seconds():
                self.expired(message)
            elif message.taken and len(message.taken) == message.segments:
                self._sent(message)  # All that a crash left undone of it.
            elif (message.bulk_id is None or not self._is_stopped(message)) and not (
                self._hours.of and self._is_early(message)
            ):
                return message
        return None

    def taken(self, message: Message, number: int, operator_id: str) -> None:
        """Take note that the operator has taken a segment: the only one (0), or one of several."""
        if number:
            message.taken = message.taken or {}
            # An operator that joins the segments has one id, and one receipt, for all of them.
            joined = operator_id in message.taken.values()
            message.taken[number] = operator_id
            whole = len(message.taken) == message.segments
            number = 0 if joined else number
        else:
            whole = True
        if whole:
            self._sent(message)  # Before its receipt is looked at, which may have come already.
        self._tracking.taken(self.channel_id, operator_id, message, number)

    def refused(self, message: Message, *, temporary: bool, error: int, elsewhere: bool = False) -> None:
        """Take note that the operator won't have a message: for good, or for the time being.

        If another operator may have it, ``elsewhere``, it goes to the next channel that it has not been to.
        What this one has a part of stays.
        """
        if elsewhere and not message.taken and self._elsewhere(message, error):
            return
        if not temporary:
            self._end(message, UNDELIVERABLE_REJECTED_OPERATOR, error)
            return
        put_off(message, error, self._clock.seconds())
        message.tried = ""  # Then all may be tried again.
        window = self._window_of(message)
        self._journal.postponed(message, lambda _: window.settle(message.id))
        self._reports.waiting(message, error)

    def put_back(self, message: Message) -> None:
        """Take back a message that could not be handed over: it is its account's next one."""
        self._window_of(message).put_back(message)
        self._ready(message.account_id)

    def queues(self) -> list[Queue]:
        """Return the queues that there have been here."""
        return [
            Queue(self.channel_id, account_id, priority)
            for account_id, windows in self._windows.items()
            for priority in windows
        ]

    def claim(self, queue: Queue, messages: Sequence[Message]) -> list[Message]:
        """Return those of a queue's messages that can go to another channel: the operator has none of them.

        They are not sent here any more, and :meth:`gone` or :meth:`put_back` follows for each.
        """
        window = self._window(queue.account_id, queue.priority)
        claimed = window.claim([message for message in messages if not message.taken])
        for message in reversed(claimed):
            if message.taken:  # Which is not on disk yet.
                window.put_back(message)
        return [message for message in claimed if not message.taken]

    def gone(self, message: Message) -> None:
        """Take note that a message that was taken or claimed waits for another channel, or is final."""
        self._window_of(message).settle(message.id)

    def receipt(self, operator_ids: Sequence[str], outcome: Outcome, acknowledge: Callable[[], None]) -> None:
        """Take the operator's word on the end of a segment: the first of these names that is known."""
        self._tracking.receipt(self.channel_id, operator_ids, outcome, acknowledge)

    def on_the_way(self, operator_ids: Sequence[str], error: int) -> None:
        """Take the operator's word that a segment is not delivered yet."""
        self._tracking.on_the_way(self.channel_id, operator_ids, error)

    def expired(self, message: Message) -> None:
        """Take note that a message's validity has ended before the operator took it."""
        self._end(message, EXPIRED_EXPIRED, VALIDITY_EXPIRED)

    def unanswered(self, message: Message) -> None:
        """Take note that the operator never said whether it has a message, which is not to be sent twice."""
        self._end(message, UNDELIVERABLE_NOT_DELIVERED, NO_RESPONSE)

    def _sent(self, message: Message) -> None:
        """Take note that the operator has taken all of a message."""
        now = self._clock.seconds()
        if message.state != State.FINAL:  # As it may be by the receipt of a segment that was taken before.
            message.state = State.SENT
            message.sent_at = now
            self._backlog.left(message.account_id)
        self.unsettled += 1
        self._journal.sent(message.id, now, lambda _: self._settled(message))

    def _settled(self, message: Message) -> None:
        self.unsettled -= 1
        self._window_of(message).settle(message.id)
        if self._turns:
            self._wake_soon()

    def _end(self, message: Message, status: int, error: int) -> None:
        window = self._window_of(message)
        self._reports.end(message, status, error, lambda: window.settle(message.id))

    def stop(self, account_id: int) -> None:
        """Deal with the messages of an account that wait here and are not to be sent.

        :meth:`take` does so too; but a channel that is not bound takes nothing.
        """
        for window in self._windows.get(account_id, {}).values():
            for message in window.withdraw(lambda message: self._stops.verdict(message) is not None):
                self._is_stopped(message)

    def _is_stopped(self, message: Message) -> bool:
        """Tell whether a message is not to be sent now, and see to what becomes of it then."""
        verdict = self._stops.verdict(message)
        if verdict is Verdict.WAIT:
            self._stops.wait(message, self.put_back)
        elif verdict is Verdict.HOLD:
            self._hold(message)
        elif verdict is Verdict.CANCEL:
            window = self._window_of(message)
            self._reports.cancel(message, lambda: window.settle(message.id))
        return verdict is not None

    def _is_early(self, message: Message) -> bool:
        """Tell whether a message has to wait for its account's hours, and let it wait in the table then."""
        now = self._clock.seconds()
        opens = self._hours.opens(message.account_id, now)
        stop = self._stops.of(message)
        # What is being brought to another time would be brought to it again and again.
        if opens <= now or (stop is not None and stop.moves(message)):
            return False
        window = self._window_of(message)
        self._journal.deferred(message.id, opens, lambda _: window.settle(message.id))
        return True

    def _hold(self, message: Message) -> None:
        window = self._window_of(message)

        def held(on_disk: bool) -> None:
            self._stops.on_disk(message)
            window.settle(message.id)

        self._stops.held(message)
        self._journal.held(message.id, held)

    def _window_of(self, message: Message) -> Window[Message]:
        return self._windows[message.account_id][message.priority]

    def _window(self, account_id: int, priority: int) -> Window[Message]:
        windows = self._windows.get(account_id, {})
        window = windows.get(priority)
        if window is None:
            queue = Queue(self.channel_id, account_id, priority)
            window = Window(
                self._clock,
                self._size,
                lambda limit: self._messages.queued(queue, limit),
                lambda: self._ready(account_id),
            )
            self._windows[account_id] = dict(sorted((windows | {priority: window}).items(), reverse=True))
        return window

    def _ready(self, account_id: int) -> None:
        if account_id not in self._in_turn:
            self._in_turn.add(account_id)
            self._turns.append(account_id)
        self._wake_soon()

    def _wake_soon(self) -> None:
        if self._wake is not None and not self._waking:
            # At the end of this turn of the reactor, with all that comes until then.
            self._waking = True
            self._clock.callLater(0, self._wake_up)

    def _wake_up(self) -> None:
        self._waking = False
        if self._wake is not None:
            self._wake()


class Dispatch:
    """The outboxes of all channels."""

    def __init__(
        self,
        journal: Journal,
        messages: Messages,
        reports: Reports,
        tracking: Tracking,
        backlog: Backlog,
        stops: Stops,
        hours: SendingHours,
        clock: IReactorTime,
        size: int,
    ) -> None:
        """Hold at most ``size`` messages of a queue in memory; more wait in the table."""
        self._journal = journal
        self._messages = messages
        self._reports = reports
        self._tracking = tracking
        self._backlog = backlog
        self._stops = stops
        self._hours = hours
        self._clock = clock
        self._size = size
        self._outboxes: dict[int, Outbox] = {}
        self.elsewhere: Callable[[Message, int], bool] = _nowhere
        """Sees to it that a message which an operator refuses, with an error, goes elsewhere if it can."""

    async def resume(self) -> None:
        """Take up whatever is queued in the table."""
        for queue in await self._messages.queues():
            self.look(queue)

    @property
    def held(self) -> int:
        """How many messages are in memory or under way, on all channels."""
        return sum(outbox.held for outbox in self._outboxes.values())

    def look(self, queue: Queue) -> None:
        """Take note that messages of a queue may wait in the table."""
        self.outbox(queue.channel_id).look(queue.account_id, queue.priority)

    def outbox(self, channel_id: int) -> Outbox:
        """Return what waits for a channel."""
        outbox = self._outboxes.get(channel_id)
        if outbox is None:
            outbox = self._outboxes[channel_id] = Outbox(
                channel_id,
                self._journal,
                self._messages,
                self._reports,
                self._tracking,
                self._backlog,
                self._stops,
                self._hours,
                self._clock,
                self._size,
                lambda message, error: self.elsewhere(message, error),
            )
        return outbox

    def forget(self, now: float) -> None:
        """Let go of what waits for receipts of messages whose validity has ended."""
        self._tracking.forget(now)

    def stop(self, account_id: int) -> None:
        """Deal with the messages of an account that wait here and are not to be sent."""
        for outbox in self._outboxes.values():
            outbox.stop(account_id)

    def offer(self, message: Message) -> None:
        """Queue a message that has just been stored for its channel."""
        if message.channel_id is not None and message.state == State.QUEUED:
            self.outbox(message.channel_id).offer(message)


def _nowhere(message: Message, error: int) -> bool:
    """Nobody knows of other channels."""
    return False

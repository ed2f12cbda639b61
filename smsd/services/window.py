"""A bounded window in memory onto messages that wait in the table."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.store.engine import StoreUnavailable

AGAIN = 1.0
"""Seconds until a database that could not be read is asked again."""


class Item(Protocol):
    """What waits: a message, or its receipt."""

    @property
    def id(self) -> int:
        """Its number in the table."""


T = TypeVar("T", bound=Item)


class Window(Generic[T]):
    """The first of the messages that wait for something, in order; the others stay in the table.

    A message is *held* from the moment it enters the window until :meth:`settle` says that the table no
    longer counts it as waiting, so that no reading of the table brings it in twice.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        size: int,
        read: Callable[[int], Awaitable[list[T]]],
        ready: Callable[[], None],
    ) -> None:
        """Hold at most ``size`` messages.

        Args:
            clock: the reactor's time.
            size: how many messages may be held.
            read: returns the first so many waiting rows of the table, in their order.
            ready: is called when messages have come in from the table.
        """
        self._clock = clock
        self._size = size
        self._read = read
        self._ready = ready
        self._held: set[int] = set()
        self._waiting: deque[T] = deque()
        self._beyond = False
        self._missed = False
        self._settled: set[int] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def held(self) -> int:
        """How many messages are in memory or under way."""
        return len(self._held)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or is under way, here or in the table."""
        return not self._held and not self._beyond and self._settled is None

    def offer(self, message: T) -> bool:
        """Let in a message that has just been stored; if there is no room it waits in the table."""
        if message.id in self._held:
            return False
        if self._beyond or len(self._held) >= self._size:
            self._beyond = self._missed = True
            self._refill()
            return False
        self._held.add(message.id)
        self._waiting.append(message)
        return True

    def look(self) -> None:
        """Take note that messages may wait in the table."""
        self._beyond = self._missed = True
        self._refill()

    def take(self) -> T | None:
        """Return the next message, if there is one; it stays held."""
        if self._beyond:
            self._refill()
        return self._waiting.popleft() if self._waiting else None

    def take_all(self) -> list[T]:
        """Return all that is in memory and not taken yet; it stays held."""
        taken, self._waiting = list(self._waiting), deque()
        return taken

    def put_back(self, message: T) -> None:
        """Return a message that was taken in vain: it is the next one again."""
        self._waiting.appendleft(message)

    def withdraw(self, wanted: Callable[[T], bool]) -> list[T]:
        """Return all that wait here and are wanted, in their order; they stay held."""
        withdrawn = [message for message in self._waiting if wanted(message)]
        if withdrawn:
            self._waiting = deque(message for message in self._waiting if not wanted(message))
        return withdrawn

    def claim(self, messages: Sequence[T]) -> list[T]:
        """Return those of these rows of the table that nobody has taken: they stay held, and are not taken.

        Of what waits here it is the object that was here.
        """
        wanted = {message.id for message in messages}
        here = {message.id: message for message in self.withdraw(lambda message: message.id in wanted)}
        claimed = [here.get(one.id, one) for one in messages if one.id in here or one.id not in self._held]
        self._held.update(message.id for message in claimed)
        return claimed

    def settle(self, message_id: int) -> None:
        """Take note that the table no longer counts a message as waiting."""
        self._held.discard(message_id)
        if self._settled is not None:
            self._settled.add(message_id)
        if self._beyond:
            self._refill()

    def clear(self) -> None:
        """Forget what nobody has taken: it is in the table."""
        if self._waiting:
            self._held.difference_update(message.id for message in self._waiting)
            self._waiting.clear()
            self._beyond = True

    def _refill(self) -> None:
        if self._settled is None and len(self._waiting) <= self._size // 4 and len(self._held) < self._size:
            self._settled = set()
            reading = Deferred.fromCoroutine(self._fill())
            reading.addErrback(self._not_read)

    async def _fill(self) -> None:
        limit = len(self._held) + self._size
        self._missed = False
        try:
            messages = await self._read(limit)
        except StoreUnavailable:
            self._read_again()
            return
        settled, self._settled = self._settled or set(), None
        self._beyond = self._missed or len(messages) == limit
        for message in messages:
            # What was settled while the table was being read is only in the answer, no longer in the table.
            if message.id not in self._held and message.id not in settled:
                if len(self._held) >= self._size:
                    self._beyond = True
                    break
                self._held.add(message.id)
                self._waiting.append(message)
        if self._beyond:
            self._refill()
        if self._waiting:
            self._ready()

    def _not_read(self, failure: Failure) -> None:
        self.log.failure("Waiting messages can't be read", failure)
        self._read_again()

    def _read_again(self) -> None:
        self._settled = None
        self._clock.callLater(AGAIN, self.look)

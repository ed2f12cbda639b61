"""Messages that come too often to one number, or again with the same text.

What was sent lately is kept in memory alone: each node counts what it takes itself, and begins anew when it
starts. Memory is bounded: beyond that the oldest is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from smsd.store.messages import Message
from smsd.store.settings import Rows

MOST = 500_000
"""How many messages each of the three counts remembers."""
MINUTE, HOUR = 60.0, 3600.0


class Limits(NamedTuple):
    """What an account is held to; 0 is no limit."""

    repeat_after: int
    """Seconds until a number may get the same text again."""
    minute: int
    """Messages to one number within a minute."""
    hour: int


class Counts:
    """How often each of many things came within the last so many seconds."""

    def __init__(self, span: float, most: int = MOST) -> None:
        self._span = span
        self._most = most
        self._times: deque[float] = deque()
        self._keys: deque[int] = deque()
        self._counts: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def count(self, key: int, now: float) -> int:
        """Return how often a thing came."""
        while self._times and self._times[0] <= now - self._span:
            self._forget()
        return self._counts.get(key, 0)

    def note(self, key: int, now: float) -> None:
        """Take note that it came once more."""
        if len(self._keys) >= self._most:
            self._forget()
        self._times.append(now)
        self._keys.append(key)
        self._counts[key] = self._counts.get(key, 0) + 1

    def take_back(self, key: int) -> None:
        """Take note that it has not come after all."""
        # Its place among the others is not looked for: what is counted out there later counts as nothing.
        self._decrease(key)

    def _forget(self) -> None:
        self._times.popleft()
        self._decrease(self._keys.popleft())

    def _decrease(self, key: int) -> None:
        count = self._counts.get(key, 0)
        if count > 1:
            self._counts[key] = count - 1
        elif count:
            del self._counts[key]


class Repeats:
    """When each of many things came last."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._last: dict[int, float] = {}  # The one that came last is the last.

    def __len__(self) -> int:
        return len(self._last)

    def since(self, key: int, now: float) -> float:
        """Return how many seconds ago a thing came last."""
        last = self._last.get(key)
        return now - last if last is not None else float("inf")

    def note(self, key: int, now: float) -> None:
        """Take note that it comes now."""
        self._last.pop(key, None)
        if len(self._last) >= self._most:
            del self._last[next(iter(self._last))]
        self._last[key] = now

    def take_back(self, key: int) -> None:
        """Take note that it has not come after all."""
        self._last.pop(key, None)


class Flood:
    """Holds accounts to their limits for one number."""

    def __init__(self, clock: IReactorTime, most: int = MOST) -> None:
        self._clock = clock
        self.limits: dict[int, Limits] = {}
        """By account, of those that have any."""
        self._minute = Counts(MINUTE, most)
        self._hour = Counts(HOUR, most)
        self._repeats = Repeats(most)

    def __len__(self) -> int:
        """Return how much is remembered."""
        return len(self._minute) + len(self._hour) + len(self._repeats)

    def apply(self, rows: Rows) -> None:
        """Take over changed limits."""
        limits = {
            account.id: Limits(account.repeat_after, account.minute_limit, account.hour_limit)
            for account in rows.accounts
        }
        self.limits = {account_id: one for account_id, one in limits.items() if any(one)}

    def take(self, message: Message) -> bool:
        """Tell whether a message keeps within its account's limits, and count it if it does."""
        limits = self.limits.get(message.account_id)
        if limits is None:
            return True
        now = self._clock.seconds()
        number, text = _keys(message)
        if limits.repeat_after and self._repeats.since(text, now) < limits.repeat_after:
            return False
        if limits.minute and self._minute.count(number, now) >= limits.minute:
            return False
        if limits.hour and self._hour.count(number, now) >= limits.hour:
            return False
        if limits.repeat_after:
            self._repeats.note(text, now)
        if limits.minute:
            self._minute.note(number, now)
        if limits.hour:
            self._hour.note(number, now)
        return True

    def take_back(self, message: Message) -> None:
        """Count a message out that is not taken after all."""
        if message.account_id in self.limits:
            number, text = _keys(message)
            self._repeats.take_back(text)
            self._minute.take_back(number)
            self._hour.take_back(number)


def _keys(message: Message) -> tuple[int, int]:
    """Return what stands for a message's number, and for its text to that number."""
    content = message.content
    number: Hashable = (message.account_id, message.destination)
    return hash(number), hash((number, content.data_coding, content.body, content.udh))

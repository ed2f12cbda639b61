"""The hours in which messages may be sent, by each account's own clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smsd.store.settings import Rows

_hours = re.compile(
    r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9]) ([A-Za-z0-9_+/-]{1,64})", re.ASCII
).fullmatch
MIDNIGHT = "24:00"


class InvalidHours(ValueError):
    """What is given names no hours; the text says why."""


class Window(NamedTuple):
    """From when to when on each day, by the clocks of a place; over midnight, if it ends before it begins."""

    begins: time
    ends: time
    zone: ZoneInfo

    def opens(self, at: float) -> float:
        """Return the first time from a time on that is within the hours."""
        now = self._clock(at)
        if self._has(now.time()):
            return at
        # Where clocks are put back, some times of a day come twice; where they are put forward, some never.
        days = [now.date() + timedelta(days) for days in (0, 1, 2)]
        clocks = [self.begins, self.begins.replace(fold=1)]
        begins = sorted(
            datetime.combine(day, clock, self.zone).timestamp() for day in days for clock in clocks
        )
        return next(one for one in begins if one > at and self._has(self._clock(one).time()))

    def _clock(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone)

    def _has(self, clock: time) -> bool:
        if self.begins < self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends


def window(given: str) -> Window | None:
    """Return the hours that an account's setting names, ``None`` if that is empty.

    Raises:
        InvalidHours: if it names none.
    """
    if not given:
        return None
    match = _hours(given)
    if match is None:
        raise InvalidHours("Hours are such as '08:00-21:00 Europe/Zagreb'")
    begin, end = given[:5], given[6:11]
    if end > MIDNIGHT or begin == end or (begin, end) == ("00:00", MIDNIGHT):
        raise InvalidHours("Hours begin and end at different times of the day, the last one is 24:00")
    try:
        zone = ZoneInfo(match[5])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidHours(f"There is no time zone {match[5]}") from None
    return Window(time.fromisoformat(begin), time(0) if end == MIDNIGHT else time.fromisoformat(end), zone)


class Hours:
    """Knows when messages of each account may be sent."""

    def __init__(self) -> None:
        self.windows: dict[int, Window] = {}
        """By account; of those that may be sent for at any time there is none."""

    def apply(self, rows: Rows) -> None:
        """Take over changed hours."""
        windows = {account.id: window(account.hours) for account in rows.accounts}
        self.windows = {account_id: one for account_id, one in windows.items() if one is not None}

    def opens(self, account_id: int, at: float) -> float:
        """Return the first time from a time on at which an account's messages may be sent."""
        found = self.windows.get(account_id)
        return at if found is None else found.opens(at)

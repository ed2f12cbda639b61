"""Times of the week, as routes and accounts have them: ``mon-fri 08:00-20:00 Europe/Zagreb``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES = 24 * 60
"""Of a day."""
WEEK = len(DAYS) * MINUTES
ALL_WEEK = (1 << WEEK) - 1
"""A bit for each minute of a week: many routes and accounts have hours, and these are quick and small."""
MINUTE = 60.0
"""In seconds."""

_days = re.compile(rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))?").fullmatch
_times = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])").fullmatch
_zone = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*").fullmatch


class Week:
    """The minutes of a week in which something holds, in a zone's own time."""

    def __init__(self, minutes: int, zone: tzinfo) -> None:
        """Take over the minutes: bits, counted from Monday's midnight."""
        self._minutes = minutes
        self._zone = zone
        self._minute = -1
        self._open = False
        self._closed = (0.0, 0.0)

    def __contains__(self, at: float) -> bool:
        """Tell whether a time, in seconds since 1970, is one of them."""
        minute = int(at // MINUTE)
        if minute != self._minute:  # A node asks thousands of times a minute.
            self._minute = minute
            self._open = self._has(minute)
        return self._open

    def opens(self, at: float) -> float:
        """Return the first time from a time on that is one of them."""
        if at in self:
            return at
        since, until = self._closed
        if not since <= at < until:
            # Minute by minute, since clocks are put forward and back.
            minute = int(at // MINUTE)
            since = minute * MINUTE
            while not self._has(minute):
                minute += 1
            until = minute * MINUTE
            self._closed = (since, until)
        return until

    def _has(self, minute: int) -> bool:
        local = datetime.fromtimestamp(minute * MINUTE, self._zone)
        return bool(self._minutes >> (local.weekday() * MINUTES + local.hour * 60 + local.minute) & 1)


@lru_cache(4096)
def hours_of(text: str) -> Week:
    """Return the hours that a text says.

    It has spans of days and times, with commas between them, and a time zone at its end, else UTC. A span
    without times is whole days, one without days every day; one that ends before it begins ends on the next
    day.

    Raises:
        ValueError: if it says none; the text says what was expected.
    """
    words = text.split()
    zone: tzinfo = UTC
    if words and not _is_span(words[-1]):
        zone = _zone_of(words.pop())
    minutes = 0
    for span in " ".join(words).split(","):
        minutes |= _span(span)
    return Week(minutes, zone)


def _is_span(word: str) -> bool:
    last = word.lower().rpartition(",")[2]
    return bool(_days(last) or _times(last))


@lru_cache(256)
def _zone_of(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        if _zone(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # What it raises for names of folders, say.
        pass
    raise ValueError(
        f"Expected times and a time zone such as 08:00-20:00 Europe/Zagreb, got {name!r}"
        if any(digit.isdigit() for digit in name)
        else f"Expected a time zone such as Europe/Zagreb, got {name!r}"
    )


def _span(text: str) -> int:
    """Return the minutes of one span, as bits; raises as :func:`hours_of`."""
    words = text.lower().split()
    days: range | list[int] = range(len(DAYS))
    if words and (found := _days(words[0])):
        words.pop(0)
        first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
        days = [(first + offset) % len(DAYS) for offset in range((last - first) % len(DAYS) + 1)]
        if not words:
            words = ["00:00-24:00"]
    found = _times(words[0]) if len(words) == 1 else None
    if found is None:
        raise ValueError(f"Expected days and times such as mon-fri 08:00-20:00, got {text.strip()!r}")
    begin, end = (int(found[one]) * 60 + int(found[one + 1]) for one in (1, 3))
    if begin >= MINUTES or end > MINUTES or begin == end:
        raise ValueError(f"Expected two times from 00:00 to 24:00, got {words[0]!r}")
    span = (1 << ((end - begin) % MINUTES or MINUTES)) - 1
    minutes = 0
    for day in days:
        minutes |= span << (day * MINUTES + begin)
    return minutes & ALL_WEEK | minutes >> WEEK  # What ends after Sunday's midnight is on Monday.

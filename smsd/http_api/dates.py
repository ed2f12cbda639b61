"""Dates as the API writes and reads them: ``2015-02-12T09:51:43.123+0100``."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_date = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?(?:(Z)|([+\- ])(\d\d):?(\d\d))?", re.ASCII
).fullmatch
YEAR_10000 = 253_402_300_800
"""What no date can be written for."""
EXPECTED = "Expected a date such as 2015-02-12T09:51:43.123+0100"


def write_date(seconds: float) -> str:
    """Return a time as the API writes it, in UTC: the offset has no colon, and there are three digits."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"


def read_date(text: str) -> float:
    """Return the time that a date stands for, in seconds since 1970.

    Its offset is ``+0100``, ``+01:00``, ``Z`` or absent, which is UTC; seconds and their fraction may be
    absent. The plus may have become a blank, as it does in a URL that does not quote it.

    Raises:
        ValueError: if it is no date.
    """
    match = _date(text.strip())
    if match is None:
        raise ValueError(EXPECTED)
    to_the_minute, whole, fraction, _, sign, hours, minutes = match.groups()
    try:
        seconds = datetime.strptime(
            f"{to_the_minute}:{whole or '00'}+0000", "%Y-%m-%dT%H:%M:%S%z"
        ).timestamp()
    except ValueError as error:
        raise ValueError(EXPECTED) from error
    if sign is not None:
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueError(EXPECTED)
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += offset if sign == "-" else -offset
    if seconds >= YEAR_10000:
        raise ValueError(EXPECTED)
    return seconds + float(f"0.{fraction or '0'}")

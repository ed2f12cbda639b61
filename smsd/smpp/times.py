"""Times as SMPP writes them: absolute, and relative to the moment the SMSC reads them (7.1.1)."""

import calendar
import math
import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_TIME: Final = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([-+R])")

_QUARTER: Final = timedelta(minutes=15)
_MOST_QUARTERS: Final = 48
_DAY: Final = 86_400


def parse(value: bytes, now: float) -> float | None:
    """Read schedule_delivery_time or validity_period as Unix time; an empty one is None (5.2.15, 5.2.16).

    A relative time counts years and months by the calendar, in UTC, from now: a month after January 31 is the
    last of February. Its tenths and quarters, which the standard wants to be 0, are not looked at.

    Raises:
        ValueError: it is neither; the text says what is wrong.
    """
    if not value:
        return None
    match = _TIME.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a time in the form YYMMDDhhmmsstnnp")
    *digits, sign = match.groups()
    year, month, day, hour, minute, second, tenth, quarters = map(int, digits)
    if sign == b"R":
        return _months_later(now, 12 * year + month) + day * _DAY + hour * 3600 + minute * 60 + second
    try:
        moment = datetime(2000 + year, month, day, hour, minute, second, tenth * 100_000, UTC)
    except ValueError:
        raise ValueError(f"{value!r} is not a time that exists") from None
    if quarters > _MOST_QUARTERS:
        raise ValueError(f"{value!r} is more than 12 hours away from UTC")
    ahead = quarters * _QUARTER
    return (moment - ahead if sign == b"+" else moment + ahead).timestamp()


def relative(seconds: float) -> bytes:
    """Write a time that lies this many seconds ahead of whoever reads it (7.1.1.2).

    Up to 31 days it is exact, to the second above. Beyond, whole months of 30 days and years of 365 stand in
    it, and the reader's calendar makes something close of them: write an `absolute` one where that matters.

    Raises:
        ValueError: it is more than 99 years.
    """
    days, rest = divmod(max(0, math.ceil(seconds)), _DAY)
    years = months = 0
    if days > 31:
        years, days = divmod(days, 365)
        months, days = divmod(days, 30)
    if years > 99:
        raise ValueError(f"{seconds} seconds are more than 99 years")
    hours, rest = divmod(rest, 3600)
    return b"%02d%02d%02d%02d%02d%02d000R" % (years, months, days, hours, rest // 60, rest % 60)


def absolute(unix: float) -> bytes:
    """Write a moment in UTC (7.1.1.1).

    Raises:
        ValueError: it is not within the years 2000 to 2099, which two digits can tell.
    """
    try:
        moment = datetime.fromtimestamp(unix, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{unix} is not a time that exists") from None
    if not 2000 <= moment.year <= 2099:
        raise ValueError(f"{moment:%Y-%m-%d} has a year that two digits cannot tell")
    return b"%b%d00+" % (moment.strftime("%y%m%d%H%M%S").encode(), moment.microsecond // 100_000)


def stamp(unix: float) -> bytes:
    """Write a moment in UTC as YYMMDDhhmm, as a receipt has it (Appendix B)."""
    return _minute(int(unix // 60))


@lru_cache(maxsize=4096)
def _minute(minute: int) -> bytes:
    """Receipts of one moment share a few minutes, so each is written once."""
    return time.strftime("%y%m%d%H%M", time.gmtime(minute * 60)).encode()


def _months_later(unix: float, months: int) -> float:
    if not months:
        return unix
    moment = datetime.fromtimestamp(unix, UTC)
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day).timestamp()

import calendar
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.smpp import times

NOW = datetime(2024, 1, 31, 12, 0, 0, tzinfo=UTC).timestamp()


def utc(*parts: int) -> float:
    return calendar.timegm((*parts, 0, 0, 0)) * 1.0


def test_no_time_is_none() -> None:
    assert times.parse(b"", NOW) is None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (b"070605040302100R", utc(2031, 7, 31, 12, 0, 0) + 5 * 86400 + 4 * 3600 + 3 * 60 + 2),
        (b"000000000030000R", NOW + 30),
        (b"000000480000000R", NOW + 48 * 3600),
        (b"000100000000000R", utc(2024, 2, 29, 12, 0, 0)),
        (b"001300000000000R", utc(2025, 2, 28, 12, 0, 0)),
        (b"010000000000000R", utc(2025, 1, 31, 12, 0, 0)),
        (b"001100000000000R", utc(2024, 12, 31, 12, 0, 0)),
        (b"000001000000000R", NOW + 86400),
        (b"000000000000000R", NOW),
    ],
)
def test_a_relative_time_counts_from_now_by_the_calendar(value: bytes, moment: float) -> None:
    assert times.parse(value, NOW) == moment


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (b"240229235959000+", utc(2024, 2, 29, 23, 59, 59)),
        (b"240101120000500+", utc(2024, 1, 1, 12, 0, 0) + 0.5),
        (b"240101120000008+", utc(2024, 1, 1, 10, 0, 0)),
        (b"240101120000008-", utc(2024, 1, 1, 14, 0, 0)),
        (b"240101120000048-", utc(2024, 1, 2, 0, 0, 0)),
        (b"990101000000023+", utc(2098, 12, 31, 18, 15, 0)),
    ],
)
def test_an_absolute_time_is_local_and_says_how_far_from_utc(value: bytes, moment: float) -> None:
    assert times.parse(value, NOW) == moment


@pytest.mark.parametrize(
    "value",
    [
        b"tomorrow",
        b"2401011200000+",
        b"240101120000000",
        b"240101120000000Z",
        b"240101120000000r",
        b"230229120000000+",
        b"241301120000000+",
        b"240101240000000+",
        b"240101126000000+",
        b"240101120000049+",
        b"240101120000000+\n",
        b"24010112000000\xb2+",
    ],
)
def test_what_is_no_time_is_refused_with_a_sentence(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"is not a time|hours away"):
        times.parse(value, NOW)


@given(st.binary(max_size=20) | st.from_regex(rb"\A\d{15}[-+R]\Z"))
def test_arbitrary_octets_raise_value_error_at_worst(value: bytes) -> None:
    with suppress(ValueError):
        times.parse(value, NOW)


@given(st.integers(0, 32 * 86400 - 1))
def test_a_relative_time_is_read_back(seconds: int) -> None:
    assert times.parse(times.relative(seconds), NOW) == NOW + seconds


@given(st.integers(0, 50 * 365 * 86400))
def test_a_long_relative_time_is_read_back_nearly(seconds: int) -> None:
    parsed = times.parse(times.relative(seconds), NOW)
    assert parsed is not None
    assert abs(parsed - NOW - seconds) <= seconds * 0.02 + 3 * 86400


def test_a_relative_time_is_never_too_short() -> None:
    assert times.relative(0.2) == b"000000000001000R"
    assert times.relative(-5) == b"000000000000000R"
    assert times.relative(31 * 86400) == b"000031000000000R"
    assert times.relative(32 * 86400) == b"000102000000000R"
    assert times.relative(90061) == b"000001010101000R"
    with pytest.raises(ValueError, match="99 years"):
        times.relative(101 * 365 * 86400)


@given(st.floats(utc(2000, 1, 1, 0, 0, 0), utc(2099, 12, 31, 23, 59, 58)))
def test_an_absolute_time_is_read_back_to_the_tenth(unix: float) -> None:
    value = times.absolute(unix)
    parsed = times.parse(value, NOW)
    assert parsed is not None
    assert unix - 0.11 <= parsed <= unix + 0.01


def test_an_absolute_time_is_in_utc() -> None:
    assert times.absolute(utc(2024, 2, 29, 23, 59, 58) + 0.75) == b"240229235958700+"


@pytest.mark.parametrize("unix", [-1.0, utc(2100, 1, 1, 0, 0, 0), 1e30, float("nan")])
def test_a_moment_that_two_digits_cannot_tell_is_refused(unix: float) -> None:
    with pytest.raises(ValueError, match=r"year|not a time"):
        times.absolute(unix)


def test_a_stamp_is_in_utc_to_the_minute() -> None:
    assert times.stamp(utc(2010, 7, 29, 10, 49, 59)) == b"1007291049"
    assert times.stamp(utc(2010, 7, 29, 10, 50, 0)) == b"1007291050"

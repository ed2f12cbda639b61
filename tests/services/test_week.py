"""Times of the week, as routes have them."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.services.week import hours_of

MONDAY_NOON = datetime(2027, 1, 4, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("mon-fri 08:00-20:00", ["Mon 08:00", "Fri 19:59"], ["Mon 07:59", "Mon 20:00", "Sat 12:00"]),
        ("08:00-20:00", ["Sun 08:00"], ["Sun 20:00"]),
        ("sat", ["Sat 00:00", "Sat 23:59"], ["Fri 23:59", "Sun 00:00"]),
        ("fri-mon", ["Fri 00:00", "Mon 23:59"], ["Tue 00:00", "Thu 23:59"]),
        ("fri 22:00-06:00", ["Fri 22:00", "Sat 05:59"], ["Fri 05:59", "Sat 06:00"]),
        ("sun 22:00-06:00", ["Mon 05:59"], ["Sun 05:00"]),
        ("18:00-24:00", ["Mon 23:59"], ["Tue 00:00"]),
        ("mon 08:00-12:00, tue 10:00-11:00", ["Mon 11:59", "Tue 10:00"], ["Mon 12:00", "Tue 09:59"]),
        ("Mon 08:00-09:00 Europe/Zagreb", ["Mon 07:00"], ["Mon 08:00"]),
        ("mon 08:00-09:00 UTC", ["Mon 08:00"], ["Mon 07:00"]),
        ("mon America/New_York", ["Mon 05:00", "Tue 04:59"], ["Mon 04:59", "Tue 05:00"]),
    ],
)
def test_hours_are_minutes_of_a_week(text: str, inside: list[str], outside: list[str]) -> None:
    hours = hours_of(text)

    def at(moment: str) -> float:
        day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].index(moment[:3])
        return datetime(2027, 1, 4 + day, int(moment[4:6]), int(moment[7:]), 59, tzinfo=UTC).timestamp()

    assert [one for one in inside if at(one) not in hours] == []
    assert [one for one in outside if at(one) in hours] == []


def test_hours_follow_the_zone_s_summer() -> None:
    hours = hours_of("08:00-09:00 Europe/Zagreb")
    assert datetime(2027, 7, 5, 6, 30, tzinfo=UTC).timestamp() in hours
    assert datetime(2027, 7, 5, 7, 30, tzinfo=UTC).timestamp() not in hours


@pytest.mark.parametrize(
    "text",
    [
        *("", "always", "mon-", "mon 8:00-9:00", "25:00-26:00", "24:30-25:00", "08:00-08:00", "mon,"),
        *("mon 08:00", "mon tue", "Europe/Zagreb", "mon Nowhere/Land", "mon ../etc", "24:00-01:00"),
        *("mon 08:00-24:01",),
    ],
)
def test_what_are_no_hours_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="Expected"):
        hours_of(text)


@given(st.text(alphabet="montuefri 0123456789:-,UTC/é", max_size=40))
def test_any_text_is_hours_or_is_refused_in_words(text: str) -> None:
    with suppress(ValueError):
        hours = hours_of(text)
        assert any(MONDAY_NOON + minute * 60 in hours for minute in range(7 * 24 * 60))


def test_hours_of_many_take_little_memory() -> None:
    texts = [f"mon-fri {hour:02}:{minute:02}-24:00" for hour in range(10) for minute in range(20)]
    tracemalloc.start()
    try:
        kept = [hours_of(text) for text in texts]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 10_000 * len(kept)

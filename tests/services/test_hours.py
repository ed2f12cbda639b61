from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.services.hours import Hours, InvalidHours, window
from smsd.store.settings import Rows
from tests.services.rig import account

ZONES = ("Europe/Zagreb", "America/St_Johns", "Australia/Lord_Howe", "UTC", "Pacific/Apia")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        ("08:00-21:00 Europe/Zagreb", "2026-01-02T07:00", "2026-01-02T07:00"),
        ("08:00-21:00 Europe/Zagreb", "2026-01-02T06:59:59", "2026-01-02T07:00"),
        ("08:00-21:00 Europe/Zagreb", "2026-01-02T19:59:59", "2026-01-02T19:59:59"),
        ("08:00-21:00 Europe/Zagreb", "2026-01-02T20:00", "2026-01-03T07:00"),
        ("08:00-21:00 Europe/Zagreb", "2026-03-28T22:00", "2026-03-29T06:00"),
        ("22:00-06:00 UTC", "2026-01-02T12:00", "2026-01-02T22:00"),
        ("22:00-06:00 UTC", "2026-01-02T05:59", "2026-01-02T05:59"),
        ("20:00-24:00 UTC", "2026-01-02T23:59:59", "2026-01-02T23:59:59"),
        ("20:00-24:00 UTC", "2026-01-03T00:00", "2026-01-03T20:00"),
        # In Zagreb 02:15 comes twice on that day, and 02:30 with it.
        ("02:30-04:00 Europe/Zagreb", "2026-10-25T01:15", "2026-10-25T01:30"),
    ],
)
def test_messages_may_go_from_the_hour_at_which_a_window_opens(hours: str, now: str, opens: str) -> None:
    found = window(hours)
    assert found is not None
    assert datetime.fromtimestamp(found.opens(at(now)), UTC) == datetime.fromtimestamp(at(opens), UTC)


@pytest.mark.parametrize(
    "hours",
    [
        "8-21",
        "08:00-21:00",
        "08:00-08:00 UTC",
        "00:00-24:00 UTC",
        "08:00-24:30 UTC",
        "08:60-21:00 UTC",
        "08:00-21:00 Europe/Nowhere",
        "08:00-21:00 ../../etc/passwd",
    ],
)
def test_what_names_no_hours_is_refused(hours: str) -> None:
    with pytest.raises(InvalidHours):
        window(hours)


clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@given(clock, clock, st.sampled_from(ZONES), st.floats(at("2026-01-01T00:00"), at("2028-01-01T00:00")))
def test_a_window_opens_within_three_days_and_is_open_then(
    begin: str, end: str, zone: str, now: float
) -> None:
    try:
        found = window(f"{begin}-{end} {zone}")
    except InvalidHours:
        assert begin == end or (begin, end) == ("00:00", "24:00")
        return
    assert found is not None
    opens = found.opens(now)
    assert now <= opens <= now + 3 * 86400
    assert found.opens(opens) == opens


@given(st.text(max_size=40))
def test_any_text_names_hours_or_is_refused(text: str) -> None:
    with suppress(InvalidHours):
        window(text)


def test_an_account_without_hours_may_send_at_any_time() -> None:
    hours = Hours()
    assert not hours.windows
    hours.apply(Rows((account(1, "a"), account(2, "b", hours="08:00-21:00 UTC"))))
    assert list(hours.windows) == [2]
    night = at("2026-01-02T02:00")
    assert (hours.opens(1, night), hours.opens(2, night)) == (night, at("2026-01-02T08:00"))

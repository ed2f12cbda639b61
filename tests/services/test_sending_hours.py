"""The hours in which an account's messages may be sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from smsd.services.logs import shown_status
from smsd.services.sending_hours import SendingHours
from smsd.services.statuses import (
    EXPIRED_EXPIRED,
    MESSAGE_ACCEPTED,
    PENDING_ACCEPTED,
    PENDING_TIME_VIOLATION,
    SYSTEM_FAILURE,
)
from smsd.services.submission import VALIDITY
from smsd.services.week import hours_of
from smsd.sms.udh import Concatenation
from smsd.store.bulks import Bulk
from smsd.store.messages import State
from smsd.store.settings import Rows
from tests.services.rig import SIZE, Node, account
from tests.stores import NOON, result

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
        ("mon-fri 08:00-21:00, sat 09:00-12:00", "2026-01-03T12:00", "2026-01-05T08:00"),
    ],
)
def test_messages_may_go_from_the_hour_at_which_a_window_opens(hours: str, now: str, opens: str) -> None:
    found = hours_of(hours)
    assert datetime.fromtimestamp(found.opens(at(now)), UTC) == datetime.fromtimestamp(at(opens), UTC)


@pytest.mark.parametrize(
    "hours",
    [
        "8-21",
        "08:00-08:00 UTC",
        "08:00-24:30 UTC",
        "08:60-21:00 UTC",
        "08:00-21:00 Europe/Nowhere",
        "08:00-21:00 ../../etc/passwd",
    ],
)
def test_what_names_no_hours_is_refused(hours: str) -> None:
    with pytest.raises(ValueError, match="Expected"):
        hours_of(hours)


clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@given(clock, clock, st.sampled_from(ZONES), st.floats(at("2026-01-01T00:00"), at("2028-01-01T00:00")))
def test_a_window_opens_within_three_days_and_is_open_then(
    begin: str, end: str, zone: str, now: float
) -> None:
    if begin == end:
        end = "24:00"
    found = hours_of(f"{begin}-{end} {zone}")
    opens = found.opens(now)
    assert now <= opens <= now + 3 * 86400
    assert found.opens(opens) == opens


@given(st.text(max_size=40))
def test_any_text_names_hours_or_is_refused(text: str) -> None:
    with suppress(ValueError):
        hours_of(text)


def test_an_account_without_hours_may_send_at_any_time() -> None:
    hours = SendingHours()
    assert not hours.of
    hours.apply(Rows((account(1, "a"), account(2, "b", hours="08:00-21:00 UTC"))))
    assert list(hours.of) == [2]
    night = at("2026-01-02T02:00")
    assert (hours.opens(1, night), hours.opens(2, night)) == (night, at("2026-01-02T08:00"))


# NOON is 08:00 UTC on a day in January, when Zagreb's clocks show 09:00.
FROM_TEN, UNTIL_NINE = "10:00-21:00 Europe/Zagreb", "06:00-09:05 Europe/Zagreb"


@pytest.fixture
def looking(node: Node) -> Iterator[Node]:
    node.deadlines.startService()
    node.core.bulk_changes.startService()
    yield node
    node.deadlines.stopService()
    node.core.bulk_changes.stopService()


def hold_to(node: Node, hours: str) -> None:
    node.core.hours.apply(Rows((account(hours=hours), account(2, "zoo"))))


def sent(node: Node) -> list[int]:
    """Send what is there to send, and return its ids."""
    messages = node.take_all()
    for message in messages:
        node.send(message, f"op {message.id}")
    node.turn()
    return [message.id for message in messages]


def test_a_message_outside_the_hours_waits_until_they_begin(looking: Node) -> None:
    node = looking
    hold_to(node, FROM_TEN)
    (message,) = node.submit()
    assert node.state(message) == (State.SCHEDULED, PENDING_TIME_VIOLATION)
    assert shown_status(message) == PENDING_TIME_VIOLATION
    assert (message.due_at, message.expires_at) == (NOON + 3600, NOON + 3600 + VALIDITY)
    (other,) = node.submit(account=account(2, "zoo"))
    assert sent(node) == [other.id]
    node.clock.pump([60.0] * 59)
    assert sent(node) == []
    node.clock.pump([60.0, 1.0, 1.0])
    assert sent(node) == [message.id]


def test_a_message_within_the_hours_does_not(node: Node) -> None:
    hold_to(node, UNTIL_NINE)
    (message,) = node.submit()
    assert message.status == MESSAGE_ACCEPTED
    assert sent(node) == [message.id]


def test_a_time_that_the_client_says_is_put_off_to_the_hours(node: Node) -> None:
    hold_to(node, FROM_TEN)
    (early,) = node.submit(due_at=NOON + 60)
    assert (early.due_at, early.status) == (NOON + 3600, PENDING_TIME_VIOLATION)
    assert early.expires_at == NOON + 3600 + VALIDITY
    (fitting,) = node.submit(due_at=NOON + 7200)
    assert (fitting.due_at, fitting.status) == (NOON + 7200, PENDING_ACCEPTED)


def test_a_message_without_a_validity_of_its_own_outlasts_a_weekend(looking: Node) -> None:
    node = looking
    hold_to(node, "mon-wed 08:00-09:00 UTC")
    node.clock.advance(at("2027-01-16T12:00") - NOON)
    (message,) = node.submit()
    assert message.due_at == at("2027-01-18T08:00")
    node.clock.advance(at("2027-01-20T12:00") - node.clock.seconds())
    (later,) = node.submit()
    assert later.due_at == at("2027-01-25T08:00")
    node.clock.advance(later.due_at - node.clock.seconds())
    node.clock.pump([1.0, 1.0])
    assert sent(node) == [later.id]


def test_a_message_that_expires_before_the_hours_begin_is_not_sent(looking: Node) -> None:
    node = looking
    hold_to(node, FROM_TEN)
    (message,) = node.submit(expires_at=NOON + 1800)
    node.clock.pump([60.0] * 31)
    assert node.state(message) == (State.FINAL, EXPIRED_EXPIRED)


def test_what_was_not_sent_within_the_hours_waits_for_the_next_ones_in_its_order(looking: Node) -> None:
    node = looking
    hold_to(node, UNTIL_NINE)
    messages = node.submit(3 * SIZE)
    ids = [message.id for message in messages]
    assert [message.id for message in [node.outbox.take()] if message] == ids[:1]
    node.clock.pump([60.0] * 5)
    for _ in range(5):
        assert sent(node) == []
    assert node.rows("SELECT DISTINCT state, status FROM message WHERE id > " + str(ids[0])) == [
        (State.SCHEDULED, PENDING_TIME_VIOLATION)
    ]
    node.clock.pump([600.0] * (6 * 21) + [1.0, 1.0])
    found: list[int] = []
    for _ in range(20):
        found += sent(node)
    assert found == ids[1:]


def test_another_attempt_waits_for_the_hours_too(looking: Node) -> None:
    node = looking
    hold_to(node, UNTIL_NINE)
    node.clock.advance(290)
    (message,) = node.submit()
    (taken,) = node.take_all()
    node.outbox.refused(taken, temporary=True, error=SYSTEM_FAILURE)
    node.turn()
    node.clock.pump([1.0] * 70)
    assert sent(node) == []
    assert node.state(message) == (State.SCHEDULED, PENDING_TIME_VIOLATION)


def test_a_bulk_is_moved_to_the_hours(looking: Node) -> None:
    node = looking
    hold_to(node, FROM_TEN)
    (message,) = node.submit(bulk_id="b", due_at=NOON + 86_400)
    moved_to = result(node.core.bulks.reschedule(Bulk(1, "b"), NOON + 60))
    assert moved_to == NOON + 3600
    node.clock.pump([60.0] * 61)
    assert sent(node) == [message.id]


def test_parts_wait_as_the_message_that_they_make(looking: Node) -> None:
    node = looking
    hold_to(node, FROM_TEN)
    for number in (1, 2):
        node.gathering.part(node.request(body=b"part"), Concatenation(7, 2, number), node.submitter)
        node.turn()
    assert node.rows("SELECT state, status FROM message") == [(State.SCHEDULED, PENDING_TIME_VIOLATION)]
    node.clock.pump([60.0] * 61)
    assert len(sent(node)) == 1


def test_another_attempt_waits_for_the_hours_though_its_bulk_is_being_moved(looking: Node) -> None:
    node = looking
    hold_to(node, UNTIL_NINE)
    node.clock.advance(230)
    (message,) = node.submit(bulk_id="b")
    (taken,) = node.take_all()
    node.outbox.refused(taken, temporary=True, error=SYSTEM_FAILURE)
    node.turn()
    node.clock.pump([1.0] * 55)
    result(node.core.bulks.reschedule(Bulk(1, "b"), node.clock.seconds()))
    node.outbox.attach(None)
    node.clock.pump([1.0] * 6)
    node.clock.advance(10)
    assert sent(node) == []
    assert node.state(message) == (State.SCHEDULED, PENDING_TIME_VIOLATION)


def test_hours_that_this_machine_does_not_know_harm_no_other_account() -> None:
    hours = SendingHours()
    with capturedLogs() as events:
        hours.apply(Rows((account(1, "a", hours="08:00-09:00 Mars/Base"), account(2, "b", hours="mon"))))
    assert list(hours.of) == [2]
    assert [event["account"] for event in events] == ["a"]

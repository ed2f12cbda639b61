"""Too much to one number: limits of an account, and what is remembered to hold it to them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.services.charging import MICROS
from smsd.services.flood import HOUR, MINUTE, Counts, Flood, Repeats
from smsd.services.statuses import REJECTED_FLOODING_FILTER, REJECTED_NOT_ENOUGH_CREDITS
from smsd.services.submission import Refused
from smsd.sms.udh import Concatenation
from smsd.store.credit import Credit
from smsd.store.messages import Message, State
from smsd.store.settings import Rows
from tests.services.rig import Node, account
from tests.stores import gone, result

NUMBER, OTHER = "385911234567", "385911234568"


def limit(node: Node, **limits: Any) -> None:
    node.core.flood.apply(Rows((account(**limits), account(2, "zoo"))))


def refused(node: Node, **fields: Any) -> int:
    with pytest.raises(Refused) as caught:
        node.submission.submit(node.request(**fields), node.submitter)
    return caught.value.status


def test_without_limits_anything_goes_and_nothing_is_remembered(node: Node) -> None:
    node.submit(100)
    assert len(node.core.flood) == 0


def test_the_same_text_to_the_same_number_has_to_wait(node: Node) -> None:
    limit(node, repeat_after=60)
    node.submit()
    assert refused(node) == REJECTED_FLOODING_FILTER
    node.submit(destination=OTHER)
    node.submit(body=b"another")
    node.submit(account=account(2, "zoo"))
    node.clock.advance(59)
    assert refused(node) == REJECTED_FLOODING_FILTER
    node.clock.advance(1)
    node.submit()


def test_what_was_refused_does_not_put_the_end_off(node: Node) -> None:
    limit(node, repeat_after=60)
    node.submit()
    for _ in range(59):
        node.clock.advance(1)
        refused(node)
    node.clock.advance(1)
    node.submit()


@pytest.mark.parametrize(("name", "span"), [("minute_limit", MINUTE), ("hour_limit", HOUR)])
def test_a_number_gets_so_many_messages_in_a_span_of_time(node: Node, name: str, span: float) -> None:
    limit(node, **{name: 3})
    node.submit()
    node.clock.advance(span / 2)
    for body in (b"a", b"b"):
        node.submit(body=body)
    assert refused(node, body=b"c") == REJECTED_FLOODING_FILTER
    node.submit(destination=OTHER)
    node.clock.advance(span / 2)
    node.submit(body=b"c")
    assert refused(node, body=b"d") == REJECTED_FLOODING_FILTER


def test_a_message_that_is_not_taken_does_not_count(node: Node) -> None:
    limit(node, repeat_after=60, minute_limit=1)
    node.engine.before = gone()
    node.submit()
    node.clock.advance(1)
    assert [word for word, _ in node.submitter.heard] == ["not stored"]
    node.submit()
    assert refused(node) == REJECTED_FLOODING_FILTER


def test_nor_does_one_that_its_account_can_not_pay(node: Node) -> None:
    limit(node, minute_limit=1)
    credit = Credit(node.engine)
    result(credit.add(1, MICROS // 1000))
    result(node.core.charging.resume())
    assert refused(node) == REJECTED_NOT_ENOUGH_CREDITS
    result(credit.add(1, MICROS))
    result(node.core.charging.resume())
    node.submit()


def part(node: Node, number: int, reference: int) -> Message:
    request = node.request(body=b"part %d" % number)
    message = node.gathering.part(request, Concatenation(reference, 2, number), node.submitter)
    node.turn()
    return message


def test_a_long_message_in_parts_counts_once_and_as_a_whole(node: Node) -> None:
    limit(node, repeat_after=60)
    part(node, 1, reference=1)
    part(node, 2, reference=1)
    first = part(node, 1, reference=2)
    with pytest.raises(Refused) as caught:
        part(node, 2, reference=2)
    assert caught.value.status == REJECTED_FLOODING_FILTER
    node.turn()
    assert node.state(first) == (State.FINAL, REJECTED_FLOODING_FILTER)


def test_a_long_message_that_could_not_be_stored_does_not_count(node: Node) -> None:
    limit(node, repeat_after=60)
    part(node, 1, reference=1)
    node.engine.before = gone()
    part(node, 2, reference=1)
    assert node.submitter.heard[-1][0] == "not stored"
    node.clock.advance(1)
    part(node, 2, reference=1)
    assert node.submitter.heard[-1][0] == "stored"


def test_memory_is_bounded_and_the_oldest_is_forgotten(node: Node) -> None:
    flood = Flood(node.clock, most=10)
    flood.apply(Rows((account(repeat_after=60, minute_limit=1, hour_limit=1),)))
    (message,) = node.submit()
    assert flood.take(message)
    assert not flood.take(message)
    for number in range(10):
        (other,) = node.submit(destination=f"38591{number:07d}")
        assert flood.take(other)
    assert len(flood) == 30
    assert flood.take(message)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=60),
    st.integers(1, 10),
)
def test_counts_are_those_of_the_last_seconds(came: list[tuple[int, int]], most: int) -> None:
    counts, now, past = Counts(60.0, most), 0, list[tuple[int, int]]()
    for key, later in came:
        now += later
        past = [one for one in past if one[0] > now - 60][-most:]
        assert counts.count(key, now) == Counter(one for _, one in past)[key]
        counts.note(key, now)
        past = [*past, (now, key)][-most:]
        assert len(counts) <= most


def test_what_is_taken_back_is_counted_out_once() -> None:
    counts = Counts(60.0)
    counts.note(1, 0.0)
    counts.note(1, 30.0)
    counts.take_back(1)
    assert counts.count(1, 30.0) == 1
    counts.take_back(2)
    assert (counts.count(1, 61.0), counts.count(2, 61.0)) == (0, 0)
    assert counts.count(1, 91.0) == 0


def test_of_what_came_again_the_last_time_counts() -> None:
    repeats = Repeats(2)
    assert repeats.since(1, 0.0) == float("inf")
    repeats.note(1, 0.0)
    repeats.note(2, 1.0)
    repeats.note(1, 2.0)
    repeats.note(3, 3.0)
    assert (repeats.since(1, 4.0), repeats.since(2, 4.0), len(repeats)) == (2.0, float("inf"), 2)
    repeats.take_back(1)
    assert repeats.since(1, 4.0) == float("inf")

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from smsd.services.ids import EPOCH, SEQUENCE_BITS, MessageIds
from tests.stores import NOON, clock_at_noon


def test_ids_only_grow_within_a_millisecond_and_beyond() -> None:
    clock = clock_at_noon()
    ids = MessageIds(clock)
    given = [ids.next() for _ in range(1000)]
    clock.advance(0.001)
    given += [ids.next() for _ in range(1000)]
    assert given == sorted(set(given))


def test_an_id_tells_when_it_was_given() -> None:
    assert (MessageIds(clock_at_noon()).next() >> SEQUENCE_BITS) / 1000 + EPOCH == NOON


def test_ids_begin_after_the_newest_of_the_database_even_if_the_clock_was_ahead() -> None:
    newest = MessageIds(clock_at_noon()).next() + 10**15
    assert MessageIds(clock_at_noon(), newest).next() == newest + 1


@given(st.lists(st.floats(-1e6, 1e6), max_size=50))
def test_a_clock_that_jumps_makes_no_id_twice(jumps: list[float]) -> None:
    clock = Clock()
    ids = MessageIds(clock)
    given = []
    for jump in jumps:
        clock.rightNow = NOON + jump
        given += [ids.next(), ids.next()]
    assert given == sorted(set(given))
    assert all(0 < id < 2**63 for id in given)


def test_ids_fit_in_63_bits_until_2089() -> None:
    clock = Clock()
    clock.rightNow = 3_755_000_000.0
    assert MessageIds(clock).next() < 2**63

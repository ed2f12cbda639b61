from random import Random

from hypothesis import given
from hypothesis import strategies as st

from smsd.sms.coding import Language, decode, encode
from smsd.sms.reassembly import Reassembly, Whole
from smsd.sms.segments import split
from smsd.sms.udh import Concatenation, concatenation, split_udh

from .strategies import languages, texts


def collect() -> Reassembly[str, bytes]:
    return Reassembly(patience=60.0, memory=30.0, limit=3)


def test_parts_in_any_order_make_a_message() -> None:
    reassembly = collect()
    assert reassembly.add("a", Concatenation(7, 3, 3), b"3", 0.0) == []
    assert reassembly.add("a", Concatenation(7, 3, 1), b"1", 1.0) == []
    [whole] = reassembly.add("a", Concatenation(7, 3, 2), b"2", 2.0)
    assert whole == Whole("a", (b"1", b"2", b"3"))
    assert whole.complete
    assert whole.missing == ()
    assert len(reassembly) == 0


def test_a_message_of_one_part_is_whole_at_once() -> None:
    assert collect().add("a", Concatenation(7, 1, 1), b"1", 0.0) == [Whole("a", (b"1",))]


def test_keys_references_totals_and_widths_are_kept_apart() -> None:
    reassembly: Reassembly[str, bytes] = Reassembly()
    for key, place in [
        ("a", Concatenation(7, 2, 1)),
        ("b", Concatenation(7, 2, 1)),
        ("a", Concatenation(8, 2, 1)),
        ("a", Concatenation(7, 3, 1)),
        ("a", Concatenation(7, 2, 1, True)),
    ]:
        assert reassembly.add(key, place, b"1", 0.0) == []
    assert len(reassembly) == 5


def test_a_repeated_part_is_ignored() -> None:
    reassembly = collect()
    reassembly.add("a", Concatenation(7, 2, 1), b"1", 0.0)
    assert reassembly.add("a", Concatenation(7, 2, 1), b"1", 1.0) == []
    assert reassembly.add("a", Concatenation(7, 2, 2), b"2", 2.0) == [Whole("a", (b"1", b"2"))]


def test_a_part_repeated_after_its_message_was_complete_is_ignored() -> None:
    reassembly = collect()
    reassembly.add("a", Concatenation(7, 2, 1), b"1", 0.0)
    reassembly.add("a", Concatenation(7, 2, 2), b"2", 1.0)
    assert reassembly.add("a", Concatenation(7, 2, 1), b"1", 30.9) == []
    assert len(reassembly) == 0


def test_a_message_that_uses_a_reference_again_is_a_new_one() -> None:
    reassembly = collect()
    reassembly.add("a", Concatenation(7, 2, 1), b"1", 0.0)
    reassembly.add("a", Concatenation(7, 2, 2), b"2", 1.0)
    assert reassembly.add("a", Concatenation(7, 2, 1), b"I", 2.0) == []
    assert reassembly.add("a", Concatenation(7, 2, 2), b"II", 3.0) == [Whole("a", (b"I", b"II"))]


def test_a_new_message_may_have_a_part_of_the_old_one() -> None:
    reassembly = collect()
    reassembly.add("a", Concatenation(7, 2, 1), b"1", 0.0)
    reassembly.add("a", Concatenation(7, 2, 2), b"2", 1.0)
    reassembly.add("a", Concatenation(7, 2, 1), b"I", 2.0)
    assert reassembly.add("a", Concatenation(7, 2, 2), b"2", 3.0) == [Whole("a", (b"I", b"2"))]


def test_the_same_message_again_after_a_while_is_a_new_one() -> None:
    reassembly = collect()
    for start in (0.0, 31.0, 62.0):
        reassembly.add("a", Concatenation(7, 2, 1), b"1", start)
        assert len(reassembly.add("a", Concatenation(7, 2, 2), b"2", start + 1.0)) == 1


def test_a_complete_message_is_forgotten_after_a_while() -> None:
    reassembly = collect()
    reassembly.add("a", Concatenation(7, 1, 1), b"1", 0.0)
    reassembly.add("a", Concatenation(8, 1, 1), b"1", 1.0)
    assert reassembly.add("a", Concatenation(8, 1, 1), b"1", 30.0) == []
    assert len(reassembly.add("a", Concatenation(7, 1, 1), b"1", 30.0)) == 1


def test_a_reference_used_again_before_the_old_message_was_complete_delivers_what_came() -> None:
    reassembly = collect()
    reassembly.add("a", Concatenation(7, 2, 1), b"1", 0.0)
    [old] = reassembly.add("a", Concatenation(7, 2, 1), b"I", 2.0)
    assert old == Whole("a", (b"1", None))
    assert reassembly.add("a", Concatenation(7, 2, 2), b"II", 3.0) == [Whole("a", (b"I", b"II"))]


def test_what_came_is_delivered_after_a_time_and_marked() -> None:
    reassembly = collect()
    reassembly.add("a", Concatenation(7, 3, 1), b"1", 0.0)
    reassembly.add("b", Concatenation(7, 2, 1), b"1", 10.0)
    reassembly.add("a", Concatenation(7, 3, 3), b"3", 50.0)
    assert reassembly.next_expiry == 60.0
    assert reassembly.expire(59.9) == []
    [late] = reassembly.expire(60.0)
    assert late == Whole("a", (b"1", None, b"3"))
    assert not late.complete
    assert late.missing == (2,)
    assert reassembly.next_expiry == 70.0
    assert len(reassembly.expire(100.0)) == 1
    assert reassembly.next_expiry is None


def test_an_expired_message_does_not_get_another_part() -> None:
    reassembly = collect()
    reassembly.add("a", Concatenation(7, 2, 1), b"1", 0.0)
    reassembly.expire(60.0)
    assert reassembly.add("a", Concatenation(7, 2, 2), b"2", 61.0) == []
    assert reassembly.expire(121.0) == [Whole("a", (None, b"2"))]


def test_the_oldest_gives_way_when_too_many_wait() -> None:
    reassembly = collect()
    for reference in range(3):
        assert reassembly.add("a", Concatenation(reference, 2, 1), b"1", reference) == []
    assert reassembly.add("a", Concatenation(3, 2, 1), b"1", 3.0) == [Whole("a", (b"1", None))]
    assert len(reassembly) == 3
    assert reassembly.next_expiry == 61.0


def test_what_is_remembered_of_complete_messages_is_bounded() -> None:
    reassembly = collect()
    for reference in range(4):
        reassembly.add("a", Concatenation(reference, 1, 1), b"1", 0.0)
    assert len(reassembly.add("a", Concatenation(0, 1, 1), b"1", 1.0)) == 1
    assert reassembly.add("a", Concatenation(3, 1, 1), b"1", 1.0) == []


@given(texts, languages, languages, st.booleans(), st.randoms(use_true_random=False))
def test_any_text_survives_the_journey(
    text: str, single: Language | None, locking: Language | None, wide: bool, random: Random
) -> None:
    encoded = encode(text, single_shift=single, locking_shift=locking)
    segments = split(encoded.body, encoded.data_coding, encoded.udh, 42, wide)
    if len(segments) == 1:
        udh, body = split_udh(segments[0]) if encoded.udh else (b"", segments[0])
        assert decode(body, encoded.data_coding, udh) == text
        return
    journey = segments + random.choices(segments, k=3)
    random.shuffle(journey)
    reassembly: Reassembly[str, tuple[bytes, bytes]] = Reassembly()
    over = []
    for now, segment in enumerate(journey):
        udh, body = split_udh(segment)
        place = concatenation(udh)
        assert place is not None
        over += reassembly.add("a", place, (udh, body), now)
    [whole] = over
    assert whole.complete
    assert "".join(decode(part[1], encoded.data_coding, part[0]) for part in whole.parts if part) == text


def test_a_part_that_has_come_is_known_until_its_message_is_forgotten() -> None:
    reassembly = collect()
    one, two = Concatenation(7, 2, 1), Concatenation(7, 2, 2)
    assert not reassembly.has("a", one, b"1", 0.0)
    reassembly.add("a", one, b"1", 0.0)
    assert reassembly.has("a", one, b"1", 0.0)
    assert not reassembly.has("a", one, b"2", 0.0)
    assert not reassembly.has("a", two, b"1", 0.0)
    assert not reassembly.has("b", one, b"1", 0.0)
    reassembly.add("a", two, b"2", 1.0)
    assert reassembly.has("a", one, b"1", 30.9)
    assert not reassembly.has("a", one, b"1", 31.0)


def test_a_message_that_became_complete_elsewhere_can_be_remembered() -> None:
    reassembly = collect()
    one, two = Concatenation(7, 2, 1), Concatenation(7, 2, 2)
    reassembly.remember("a", two, (b"1", b"2"), 0.0)
    assert reassembly.add("a", one, b"1", 29.0) == []
    assert len(reassembly) == 0
    assert reassembly.add("a", one, b"new", 29.0) == []
    assert len(reassembly) == 1


def test_no_more_complete_messages_are_remembered_than_may_wait() -> None:
    reassembly = collect()
    for reference in range(4):
        reassembly.remember("a", Concatenation(reference, 1, 1), (b"1",), 0.0)
    known = [reassembly.has("a", Concatenation(reference, 1, 1), b"1", 1.0) for reference in range(4)]
    assert known == [False, True, True, True]


def test_the_message_that_waits_longest_can_be_made_to_give_way() -> None:
    reassembly = collect()
    assert reassembly.give_way() == []
    for reference in (1, 2):
        reassembly.add("a", Concatenation(reference, 2, 2), b"%d" % reference, 0.0)
    assert reassembly.give_way() == [Whole("a", (None, b"1"))]
    assert len(reassembly) == 1

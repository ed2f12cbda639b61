"""Sets and maps of very many numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from sys import getsizeof
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering import packed
from smsd.numbering.packed import PackedNumberMap, PackedNumbers

numbers = st.integers(0, 30) | st.integers(1, 10**15 - 1)
values = st.integers(0, 0xFFFF)


@pytest.fixture(scope="module", autouse=True)
def folded_soon() -> Iterator[None]:
    """Let a handful of changes be many, so that they are folded in while a test goes on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "OVERLAY", 3)
        yield


@given(st.lists(numbers), st.lists(st.tuples(st.booleans(), numbers), max_size=30))
def test_packed_numbers_are_a_set(first: list[int], changes: list[tuple[bool, int]]) -> None:
    found, expected = PackedNumbers(first), set(first)
    for is_added, number in changes:
        if is_added:
            found.add(number)
            expected.add(number)
        else:
            found.discard(number)
            expected.discard(number)
        assert len(found) == len(expected)
        assert (number in found) is is_added
    assert {number for number in range(31) if number in found} == {n for n in expected if n < 31}
    assert list(found) == sorted(expected)
    assert all(number in found for number in expected)


@given(
    st.lists(st.tuples(numbers, values)),
    st.lists(st.tuples(numbers, values | st.none()), max_size=30),
)
def test_a_packed_map_is_a_map(first: list[tuple[int, int]], changes: list[tuple[int, int | None]]) -> None:
    found, expected = PackedNumberMap(first), dict(first)
    for number, value in changes:
        if value is None:
            found.discard(number)
            expected.pop(number, None)
        else:
            found[number] = value
            expected[number] = value
        assert len(found) == len(expected)
        assert found.get(number) == value
        assert (number in found) is (value is not None)
    assert [found.get(number) for number in range(31)] == [expected.get(number) for number in range(31)]
    assert all(found.get(number) == value for number, value in expected.items())
    assert list(found.items()) == sorted(expected.items())
    assert list(found) == sorted(expected)


@given(st.lists(st.tuples(numbers, values)))
def test_a_map_is_made_of_two_arrays(items: list[tuple[int, int]]) -> None:
    made = PackedNumberMap.of_arrays(array("Q", (n for n, _ in items)), array("H", (v for _, v in items)))
    assert dict(made.items()) == dict(items)


@pytest.mark.parametrize(
    "arrays",
    [
        (array("Q", [1]), array("H")),
        (array("L", [1]), array("H", [1])),
        (array("Q", [1]), array("I", [1])),
    ],
)
def test_arrays_that_are_no_map_are_refused(arrays: tuple[array[Any], array[Any]]) -> None:
    with pytest.raises(ValueError, match="as many numbers of 64 bits as values of 16"):
        PackedNumberMap.of_arrays(*arrays)


@pytest.mark.parametrize("number", [-1, 1 << 64])
def test_what_is_no_number_is_refused_at_once(number: int) -> None:
    with pytest.raises(OverflowError):
        PackedNumbers([1, number])
    found, mapped = PackedNumbers([1]), PackedNumberMap([(1, 2)])
    with pytest.raises(OverflowError):
        found.add(number)
    with pytest.raises(OverflowError):
        mapped[number] = 1
    with pytest.raises(OverflowError):
        mapped[1] = 1 << 16
    found.discard(number)
    mapped.discard(number)
    assert number not in found
    assert number not in mapped
    assert (list(found), list(mapped.items())) == ([1], [(1, 2)])


def test_a_number_takes_8_octets_and_10_with_its_value() -> None:
    count = 10_000
    some = range(41790000000, 41790000000 + count)
    held = PackedNumbers(some)._numbers
    assert getsizeof(held) < count * 9.2  # An array that grows takes up to an eighth more.
    mapped = PackedNumberMap((number, 7) for number in some)
    assert getsizeof(mapped._numbers) + getsizeof(mapped._values) < count * 11.5

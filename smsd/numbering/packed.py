"""Millions of numbers in few octets: a set of them, and a map from each to a small value.

A number is the integer of its E.164 digits: none begins with 0, so the integer says it all.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain, compress, islice
from operator import lt, ne
from typing import Final

OVERLAY: Final = 4096
"""How many changes are kept beside the array until they are folded in, which copies it once."""


class PackedNumbers:
    """A set of numbers, 8 octets each: a sorted array, and what changed since it was sorted."""

    __slots__ = ("_added", "_numbers", "_removed")

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        """Take the numbers, in any order; those in ascending order take the least time and memory.

        Raises:
            OverflowError: if one is negative or beyond 64 bits.
        """
        self._numbers = array("Q", numbers)
        if not _ascends(self._numbers):
            self._numbers = array("Q", sorted(self._numbers))
            if not _ascends(self._numbers):
                self._numbers = array("Q", compress(self._numbers, _lasts(self._numbers)))
        self._added: set[int] = set()
        self._removed: set[int] = set()

    def __contains__(self, number: int) -> bool:
        numbers = self._numbers
        position = bisect_left(numbers, number)
        if position < len(numbers) and numbers[position] == number:
            return number not in self._removed
        return number in self._added

    def __len__(self) -> int:
        return len(self._numbers) + len(self._added) - len(self._removed)

    def __iter__(self) -> Iterator[int]:
        """Go through the numbers in ascending order."""
        self._fold()
        return iter(self._numbers)

    def add(self, number: int) -> None:
        """Put a number in, if it is not there.

        Raises:
            OverflowError: if it is negative or beyond 64 bits.
        """
        if number in self._removed:
            self._removed.remove(number)
        elif number not in self:
            _check(number)
            self._added.add(number)
            self._settle()

    def discard(self, number: int) -> None:
        """Take a number out, if it is there."""
        if number in self._added:
            self._added.remove(number)
        elif number in self:
            self._removed.add(number)
            self._settle()

    def _settle(self) -> None:
        if len(self._added) + len(self._removed) > OVERLAY:
            self._fold()

    def _fold(self) -> None:
        """Make one array of everything; what lies between two changes is copied as a whole."""
        if not self._added and not self._removed:
            return
        old, new, start = self._numbers, array("Q"), 0
        for number in sorted(self._added | self._removed):
            position = bisect_left(old, number, start)
            new.extend(old[start:position])
            if number in self._added:
                new.append(number)
                start = position
            else:
                start = position + 1
        new.extend(old[start:])
        self._numbers, self._added, self._removed = new, set(), set()


class PackedNumberMap:
    """A map from numbers to values from 0 to 65,535, 10 octets each: two arrays, and what changed since."""

    __slots__ = ("_added", "_numbers", "_removed", "_values")

    def __init__(self, items: Iterable[tuple[int, int]] = ()) -> None:
        """Take numbers with their values, in any order; of two with one number the later stands.

        Raises:
            OverflowError: if a number is negative or beyond 64 bits, or a value beyond 16.
        """
        numbers, values = array("Q"), array("H")
        for number, value in items:
            numbers.append(number)
            values.append(value)
        self._take(numbers, values)

    @classmethod
    def of_arrays(cls, numbers: array[int], values: array[int]) -> PackedNumberMap:
        """Return a map of numbers, an array of ``Q``, and the values in the same places, an array of ``H``.

        The arrays are the map's own from then on.

        Raises:
            ValueError: if they are of other types, or not equally long.
        """
        if (numbers.typecode, values.typecode) != ("Q", "H") or len(numbers) != len(values):
            raise ValueError("A map takes as many numbers of 64 bits as values of 16.")
        made = cls()
        made._take(numbers, values)
        return made

    def get(self, number: int) -> int | None:
        """Return the value of a number, ``None`` if it has none."""
        numbers = self._numbers
        position = bisect_left(numbers, number)
        if position < len(numbers) and numbers[position] == number:
            if number in self._removed:
                return None
            return self._added[number] if number in self._added else self._values[position]
        return self._added.get(number)

    def __contains__(self, number: int) -> bool:
        return self.get(number) is not None

    def __len__(self) -> int:
        return (
            len(self._numbers)
            + sum(1 for number in self._added if not self._has(number))
            - len(self._removed)
        )

    def __iter__(self) -> Iterator[int]:
        """Go through the numbers in ascending order."""
        self._fold()
        return iter(self._numbers)

    def items(self) -> Iterator[tuple[int, int]]:
        """Go through the numbers, in ascending order, and their values."""
        self._fold()
        return zip(self._numbers, self._values, strict=True)

    def __setitem__(self, number: int, value: int) -> None:
        """Give a number a value.

        Raises:
            OverflowError: if the number is negative or beyond 64 bits, or the value beyond 16.
        """
        _check(number)
        array("H", (value,))
        self._removed.discard(number)
        self._added[number] = value
        self._settle()

    def discard(self, number: int) -> None:
        """Take a number out, if it is there."""
        self._added.pop(number, None)
        if self._has(number):
            self._removed.add(number)
            self._settle()

    def _has(self, number: int) -> bool:
        position = bisect_left(self._numbers, number)
        return position < len(self._numbers) and self._numbers[position] == number

    def _take(self, numbers: array[int], values: array[int]) -> None:
        if not _ascends(numbers):
            places = sorted(range(len(numbers)), key=numbers.__getitem__)  # Is stable: the later comes last.
            numbers = array("Q", map(numbers.__getitem__, places))
            values = array("H", map(values.__getitem__, places))
            if not _ascends(numbers):
                values = array("H", compress(values, _lasts(numbers)))
                numbers = array("Q", compress(numbers, _lasts(numbers)))
        self._numbers, self._values = numbers, values
        self._added: dict[int, int] = {}
        self._removed: set[int] = set()

    def _settle(self) -> None:
        if len(self._added) + len(self._removed) > OVERLAY:
            self._fold()

    def _fold(self) -> None:
        """Make one pair of arrays of everything; what lies between two changes is copied as a whole."""
        if not self._added and not self._removed:
            return
        numbers, values, start = array("Q"), array("H"), 0
        for number in sorted(self._removed.union(self._added)):
            position = bisect_left(self._numbers, number, start)
            numbers.extend(self._numbers[start:position])
            values.extend(self._values[start:position])
            start = position + self._has(number)
            if number in self._added:
                numbers.append(number)
                values.append(self._added[number])
        numbers.extend(self._numbers[start:])
        values.extend(self._values[start:])
        self._numbers, self._values, self._added, self._removed = numbers, values, {}, set()


def _check(number: int) -> None:
    """Raise ``OverflowError`` if an array can't hold a number."""
    array("Q", (number,))


def _ascends(numbers: array[int]) -> bool:
    """Tell whether each number is greater than the one before."""
    return all(map(lt, numbers, islice(numbers, 1, None)))


def _lasts(numbers: array[int]) -> Iterator[bool]:
    """Tell of each of sorted numbers whether it is the last of those that are equal to it."""
    return chain(map(ne, numbers, islice(numbers, 1, None)), (True,))

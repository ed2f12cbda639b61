"""Numbers that were ported to another network, by the million."""

from __future__ import annotations

import binascii
import sys
import zlib
from array import array
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from smsd.numbering.packed import PackedNumberMap

SIZE = 50_000
"""How many numbers are kept together: what a change of one of them writes, and each node reads, anew."""
HEAD = 4
"""Octets before the numbers of a packed chunk, which say how many there are."""


class Chunk(NamedTuple):
    """Numbers of which none lies in another chunk's range, and their networks."""

    networks: tuple[str, ...]
    """MCC and MNC; a number's value is the place of its network here."""
    numbers: PackedNumberMap

    def items(self) -> Iterator[tuple[int, str]]:
        """Go through the numbers, in ascending order, and their networks."""
        networks = self.networks
        return ((number, networks[value]) for number, value in self.numbers.items())


def chunk_of(items: Iterable[tuple[int, str]]) -> Chunk:
    """Return numbers, of which each comes once, as a chunk."""
    places: dict[str, int] = {}
    numbers = PackedNumberMap((number, places.setdefault(mccmnc, len(places))) for number, mccmnc in items)
    return Chunk(tuple(places), numbers)


def chunks_of(items: Iterable[tuple[int, str]], size: int) -> Iterator[Chunk]:
    """Return numbers in ascending order as chunks of at most so many."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield chunk_of(some)


def packed(chunk: Chunk) -> str:
    """Return a chunk's numbers as text: their octets and those of their values, compressed, in base64."""
    numbers, values = array("Q", chunk.numbers), array("H", (value for _, value in chunk.numbers.items()))
    if sys.byteorder == "big":
        numbers.byteswap()
        values.byteswap()
    head = len(numbers).to_bytes(HEAD, "little")
    return b64encode(zlib.compress(head + numbers.tobytes() + values.tobytes(), 6)).decode("ascii")


def unpacked(networks: Sequence[str], text: str) -> Chunk:
    """Return the chunk that :func:`packed` made a text of.

    Raises:
        ValueError: if it is no such text.
    """
    try:
        octets = zlib.decompress(b64decode(text, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"It is no packed chunk: {error}.") from error
    count = int.from_bytes(octets[:HEAD], "little")
    numbers, values = array("Q"), array("H")
    middle = HEAD + count * numbers.itemsize
    if len(octets) != middle + count * values.itemsize:
        raise ValueError("It is no packed chunk: its length is another one than it says.")
    numbers.frombytes(octets[HEAD:middle])
    values.frombytes(octets[middle:])
    if sys.byteorder == "big":
        numbers.byteswap()
        values.byteswap()
    if count and max(values) >= len(networks):
        raise ValueError("It is no packed chunk: a network is missing.")
    return Chunk(tuple(networks), PackedNumberMap.of_arrays(numbers, values))


class PortedNumbers:
    """Chunks of numbers with their networks, to look numbers up in."""

    def __init__(self, chunks: Iterable[tuple[int, Chunk]] = ()) -> None:
        """Take the chunks, each with the lowest number that can be in it, in ascending order of that."""
        self._chunks: list[Chunk] = []
        self._firsts = array("Q")
        for first, chunk in chunks:
            self._firsts.append(first)
            self._chunks.append(chunk)

    def network(self, number: int) -> str | None:
        """Return the MCC and MNC of the network that a number was ported to; ``None`` if it was to none."""
        place = bisect_right(self._firsts, number) - 1
        if place < 0:
            return None
        chunk = self._chunks[place]
        value = chunk.numbers.get(number)
        return None if value is None else chunk.networks[value]

    def __len__(self) -> int:
        return sum(len(chunk.numbers) for chunk in self._chunks)

    def items(self) -> Iterator[tuple[int, str]]:
        """Go through the numbers, in ascending order, and their networks."""
        for chunk in self._chunks:
            yield from chunk.items()

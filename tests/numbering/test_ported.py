"""Ported numbers, packed."""

from __future__ import annotations

import zlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering.ported import Chunk, PortedNumbers, chunk_of, chunks_of, packed, unpacked

numbers = st.integers(1, 40) | st.integers(1, 10**15 - 1)
networks = st.sampled_from(["21901", "21910", "310260"])


def of(chunks: list[Chunk]) -> PortedNumbers:
    return PortedNumbers((next(iter(chunk.numbers)), chunk) for chunk in chunks)


@given(st.dictionaries(numbers, networks), st.integers(1, 7))
def test_numbers_in_chunks_are_found_and_no_others(known: dict[int, str], size: int) -> None:
    chunks = list(chunks_of(sorted(known.items()), size))
    assert all(0 < len(chunk.numbers) <= size for chunk in chunks)
    found = of([unpacked(chunk.networks, packed(chunk)) for chunk in chunks])
    assert len(found) == len(known)
    assert list(found.items()) == sorted(known.items())
    for number in (*range(42), *known, 10**15):
        assert found.network(number) == known.get(number)


def test_without_chunks_nothing_is_found() -> None:
    assert PortedNumbers().network(385911234567) is None
    assert len(PortedNumbers()) == 0


def test_a_chunk_takes_few_octets() -> None:
    chunk = chunk_of((385910000000 + 7 * number, "21910") for number in range(10_000))
    assert len(packed(chunk)) < 40_000


@given(st.text() | st.binary().map(lambda octets: b64encode(zlib.compress(octets)).decode()))
def test_what_is_no_chunk_is_told_to_be_none(text: str) -> None:
    try:
        chunk = unpacked(["21901"], text)
    except ValueError:
        return
    assert set(chunk.networks) == {"21901"}
    assert all(mccmnc == "21901" for _, mccmnc in chunk.items())


def test_a_chunk_without_one_of_its_networks_is_none() -> None:
    text = packed(chunk_of([(1, "21901"), (2, "21910")]))
    with pytest.raises(ValueError, match="a network is missing"):
        unpacked(["21901"], text)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.sms.septets import fill_bits, pack, unpack

septet_strings = st.binary().map(lambda octets: bytes(octet & 0x7F for octet in octets))


def test_the_best_known_example() -> None:
    assert pack(b"hellohello").hex() == "e8329bfd4697d9ec37"
    assert unpack(bytes.fromhex("e8329bfd4697d9ec37"), 10) == b"hellohello"


def test_160_septets_are_140_octets() -> None:
    assert len(pack(b"a" * 160)) == 140
    assert len(pack(b"a" * 153, fill_bits(6))) + 6 == 140
    assert len(pack(b"a" * 152, fill_bits(7))) + 7 == 140


@pytest.mark.parametrize(("header", "fill"), [(0, 0), (4, 3), (6, 1), (7, 0), (8, 6), (12, 2)])
def test_the_text_begins_at_a_septet(header: int, fill: int) -> None:
    assert fill_bits(header) == fill
    assert (8 * header + fill) % 7 == 0


def test_fill_bits_stand_before_the_first_septet() -> None:
    assert pack(b"A", 1) == bytes((0x41 << 1,))
    assert unpack(bytes((0x41 << 1,)), 1, 1) == b"A"


def test_the_count_tells_a_last_at_sign_from_spare_bits() -> None:
    packed = pack(b"1234567")
    assert unpack(packed, 7) == b"1234567"
    assert unpack(packed, 8) == b"1234567\0"
    assert unpack(packed, 99) == b"1234567\0"
    assert unpack(b"", 5) == b""


@given(septet_strings, st.integers(0, 6))
def test_septets_come_back(septets: bytes, fill: int) -> None:
    packed = pack(septets, fill)
    assert len(packed) == (-(-(7 * len(septets) + fill) // 8) if septets else 0)
    assert unpack(packed, len(septets), fill) == septets


@given(st.binary(), st.integers(0, 300), st.integers(0, 6))
def test_any_octets_unpack(octets: bytes, count: int, fill: int) -> None:
    septets = unpack(octets, count, fill)
    assert len(septets) <= count
    assert septets.isascii()

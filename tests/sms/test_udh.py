import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.sms.udh import (
    Concatenation,
    InvalidUdh,
    concatenation,
    elements,
    join,
    split_udh,
    with_length,
    without_concatenation,
)


def test_elements() -> None:
    assert elements(b"") == ()
    assert elements(b"\x00\x03\x2a\x02\x01\x24\x01\x01\x70\x00") == (
        (0x00, b"\x2a\x02\x01"),
        (0x24, b"\x01"),
        (0x70, b""),
    )


@pytest.mark.parametrize("octets", [b"\x00", b"\x00\x03\x2a\x02", b"\x70\x00\x05"])
def test_an_element_that_is_cut_short_is_refused(octets: bytes) -> None:
    with pytest.raises(InvalidUdh):
        elements(octets)


@given(st.binary())
def test_any_octets_are_elements_or_refused(octets: bytes) -> None:
    try:
        found = elements(octets)
    except InvalidUdh:
        return
    assert join(found) == octets


def test_the_header_of_a_body() -> None:
    assert split_udh(b"\x03\x24\x01\x01text") == (b"\x24\x01\x01", b"text")
    assert split_udh(b"\x00text") == (b"", b"text")
    assert split_udh(b"\x01\x24") == (b"\x24", b"")


@pytest.mark.parametrize("body", [b"", b"\x01", b"\x05\x00\x03\x01\x01"])
def test_a_body_shorter_than_its_header_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidUdh):
        split_udh(body)


@given(st.binary(max_size=255), st.binary())
def test_a_header_comes_off_again(ies: bytes, rest: bytes) -> None:
    assert split_udh((with_length(ies) or b"\x00") + rest) == (ies, rest)


def test_concatenation_of_both_widths() -> None:
    assert concatenation(b"\x00\x03\xfe\x03\x02") == Concatenation(0xFE, 3, 2)
    assert concatenation(b"\x08\x04\x01\xfe\x03\x02") == Concatenation(0x1FE, 3, 2, True)
    assert concatenation(b"\x24\x01\x01") is None


@pytest.mark.parametrize(
    "ies", [b"\x00\x03\x01\x00\x01", b"\x00\x03\x01\x02\x00", b"\x00\x03\x01\x02\x03", b"\x00\x02\x01\x01"]
)
def test_a_concatenation_without_sense_is_ignored(ies: bytes) -> None:
    assert concatenation(ies) is None


def test_the_last_of_several_concatenations_counts() -> None:
    assert concatenation(b"\x00\x03\x01\x02\x01\x00\x03\x07\x02\x02") == Concatenation(7, 2, 2)


def test_what_is_left_without_the_concatenation() -> None:
    port = b"\x05\x04\x0b\x84\x00\x00"
    assert without_concatenation(b"\x00\x03\x01\x02\x01" + port + b"\x08\x04\x01\x02\x03\x01") == port


@given(st.integers(0, 0xFFFF), st.integers(1, 255), st.data(), st.booleans())
def test_a_concatenation_comes_back(reference: int, total: int, data: st.DataObject, wide: bool) -> None:
    number = data.draw(st.integers(1, total))
    element = Concatenation(reference, total, number, wide).element()
    expected = Concatenation(reference if wide else reference & 0xFF, total, number, wide)
    assert concatenation(element) == expected

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.sms.coding import Alphabet, Language, alphabet, decode, encode
from smsd.sms.segments import TooLong, count, parts, room, split
from smsd.sms.septets import fill_bits, pack
from smsd.sms.udh import concatenation, split_udh, without_concatenation

from .strategies import languages, texts, udhs

LANGUAGE = b"\x24\x01\x01"


@pytest.mark.parametrize(
    ("data_coding", "unit", "one", "several", "several_wide"),
    [(0, 1, 160, 153, 152), (3, 1, 140, 134, 133), (4, 1, 140, 134, 133), (8, 2, 70, 67, 66)],
)
def test_the_limits(data_coding: int, unit: int, one: int, several: int, several_wide: int) -> None:
    body = b"aa" * 1000
    assert count(body[: one * unit], data_coding) == 1
    assert count(body[: (one + 1) * unit], data_coding) == 2
    assert count(body[: 2 * several * unit], data_coding) == 2
    assert count(body[: (2 * several + 1) * unit], data_coding) == 3
    assert count(body[: 2 * several_wide * unit], data_coding, wide=True) == 2
    assert count(body[: (2 * several_wide + 1) * unit], data_coding, wide=True) == 3


@pytest.mark.parametrize(
    ("udh", "one", "several"),
    [(LANGUAGE, 155, 149), (LANGUAGE * 2, 152, 146), (b"\x05\x04\x0b\x84\x00\x00", 152, 146)],
)
def test_the_limits_of_gsm_text_with_a_header(udh: bytes, one: int, several: int) -> None:
    assert count(b"a" * one, 0, udh) == 1
    assert count(b"a" * (one + 1), 0, udh) == 2
    assert count(b"a" * 2 * several, 0, udh) == 2
    assert count(b"a" * (2 * several + 1), 0, udh) == 3


def test_an_empty_message_is_one_segment() -> None:
    assert split(b"", 0) == [b""]
    assert count(b"", 8) == 1


def test_a_single_segment_is_the_bare_body() -> None:
    assert split(b"a" * 160, 0) == [b"a" * 160]


def test_a_single_segment_with_a_header() -> None:
    assert split(b"a", 0, LANGUAGE) == [b"\x03" + LANGUAGE + b"a"]


def test_several_segments_are_numbered() -> None:
    first, second = split(b"a" * 153 + b"b" * 8, 0, reference=0x1FE)
    assert first == b"\x05\x00\x03\xfe\x02\x01" + b"a" * 153
    assert second == b"\x05\x00\x03\xfe\x02\x02" + b"b" * 8


def test_a_wide_reference_and_other_elements() -> None:
    first, second = split(b"a" * 145 + b"b" * 8, 0, LANGUAGE * 2, reference=0x1FE, wide=True)
    assert first == b"\x0c\x08\x04\x01\xfe\x02\x01" + LANGUAGE * 2 + b"a" * 145
    assert second == b"\x0c\x08\x04\x01\xfe\x02\x02" + LANGUAGE * 2 + b"b" * 8


def test_an_escape_sequence_is_not_split() -> None:
    assert parts(b"a" * 152 + b"\x1be" + b"b" * 20, 0) == [b"a" * 152, b"\x1be" + b"b" * 20]
    assert parts(b"a" * 151 + b"\x1be" + b"b" * 20, 0) == [b"a" * 151 + b"\x1be", b"b" * 20]


def test_an_escaped_escape_is_a_sequence_of_its_own() -> None:
    assert [len(part) for part in parts(b"\x1b" * 161, 0)] == [152, 9]
    assert [len(part) for part in parts(b"a" + b"\x1b" * 161, 0)] == [153, 9]


def test_a_surrogate_pair_is_not_split() -> None:
    body = ("a" * 66 + "😀" + "b" * 10).encode("utf-16-be")
    assert [part.decode("utf-16-be") for part in parts(body, 8)] == ["a" * 66, "😀" + "b" * 10]


def test_a_high_surrogate_without_a_low_one_may_end_a_segment() -> None:
    body = b"\0a" * 66 + b"\xd8\x3d" + b"\0b" * 10
    assert [len(part) for part in parts(body, 8)] == [134, 20]


def test_255_segments_and_no_more() -> None:
    assert len(split(b"a" * 153 * 255, 0)) == 255
    assert count(b"a" * (153 * 255 + 1), 0) == 256
    for cut in (split, parts):
        with pytest.raises(TooLong):
            cut(b"a" * (153 * 255 + 1), 0)


def test_a_header_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(TooLong):
        split(b"a" * 20, 4, b"\x70\x82" + b"x" * 130)


def test_a_part_that_fits_keeps_its_header_and_one_that_does_not_is_refused() -> None:
    part = b"\x00\x03\x01\x02\x01"
    assert split(b"a" * 153, 0, part) == [b"\x05" + part + b"a" * 153]
    with pytest.raises(TooLong):
        split(b"a" * 154, 0, part)


@given(texts, languages, languages, st.integers(0, 0xFFFF), st.booleans())
def test_no_segment_has_more_than_140_octets_on_the_air(
    text: str, single: Language | None, locking: Language | None, reference: int, wide: bool
) -> None:
    encoded = encode(text, single_shift=single, locking_shift=locking)
    for segment in split(encoded.body, encoded.data_coding, encoded.udh, reference, wide):
        check_size(segment, encoded.data_coding, bool(encoded.udh) or segment != encoded.body)


@given(st.binary(max_size=3000), st.integers(0, 255), udhs, st.integers(0, 0xFFFF), st.booleans())
def test_any_body_is_split_and_nothing_is_lost(
    body: bytes, data_coding: int, udh: bytes, reference: int, wide: bool
) -> None:
    segments = split(body, data_coding, udh, reference, wide)
    pieces = parts(body, data_coding, udh, wide)
    assert b"".join(pieces) == body
    assert len(segments) == len(pieces) == count(body, data_coding, udh, wide)
    if len(segments) == 1 and not udh:
        assert segments == [body]
        return
    for number, (segment, piece) in enumerate(zip(segments, pieces, strict=True), 1):
        ies, rest = split_udh(segment)
        assert rest == piece
        assert without_concatenation(ies) == udh
        place = concatenation(ies)
        if len(segments) > 1:
            assert place is not None
            assert (place.number, place.total, place.wide) == (number, len(segments), wide)
            assert place.reference == reference & (0xFFFF if wide else 0xFF)
        check_size(segment, data_coding, True)


@given(texts)
def test_every_segment_is_text_by_itself(text: str) -> None:
    encoded = encode(text)
    pieces = parts(encoded.body, encoded.data_coding)
    assert "".join(decode(piece, encoded.data_coding) for piece in pieces) == text


@given(texts)
def test_no_segment_could_have_held_more(text: str) -> None:
    encoded = encode(text)
    pieces = parts(encoded.body, encoded.data_coding)
    limit = room(alphabet(encoded.data_coding), 5)
    unit = 2 if encoded.data_coding == 8 else 1
    assert all(limit - len(piece) in (0, unit) for piece in pieces[:-1])


def check_size(segment: bytes, data_coding: int, has_header: bool) -> None:
    header, rest = segment[: 1 + segment[0]] if has_header else b"", segment
    rest = segment[len(header) :]
    if alphabet(data_coding) is Alphabet.GSM7:
        rest = pack(rest, fill_bits(len(header)))
    assert len(header) + len(rest) <= 140

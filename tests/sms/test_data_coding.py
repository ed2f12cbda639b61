import pytest

from smsd.sms.data_coding import Alphabet, alphabet, message_class, with_class

GSM7, LATIN1, UCS2, BINARY = Alphabet.GSM7, Alphabet.LATIN1, Alphabet.UCS2, Alphabet.BINARY


@pytest.mark.parametrize(
    ("codings", "kind", "display"),
    [
        ([0x00, 0x01], GSM7, None),
        ([0x03], LATIN1, None),
        ([0x08], UCS2, None),
        ([0x02, 0x04, 0x05, 0x06, 0x07, *range(0x09, 0x10)], BINARY, None),
        ([0x10], GSM7, 0),
        ([0x13], GSM7, 3),
        ([0x15], BINARY, 1),
        ([0x18], UCS2, 0),
        ([0x1B], UCS2, 3),
        ([0x1E], GSM7, 2),  # A reserved alphabet.
        ([0x20, 0x2F, 0x60], BINARY, None),  # Compressed.
        ([0x31], BINARY, 1),
        ([0x40], GSM7, None),  # For automatic deletion.
        ([0x48], UCS2, None),
        ([0x5A], UCS2, 2),
        (range(0x80, 0xE0), GSM7, None),
        (range(0xE0, 0xF0), UCS2, None),
        ([0xF0, 0xF8], GSM7, 0),
        ([0xF2], GSM7, 2),
        ([0xF4], BINARY, 0),
        ([0xF7, 0xFF], BINARY, 3),
    ],
)
def test_what_each_octet_says(codings: list[int], kind: Alphabet, display: int | None) -> None:
    for coding in codings:
        assert alphabet(coding) is kind
        assert message_class(coding) == display


@pytest.mark.parametrize("display", range(4))
def test_a_class_keeps_the_alphabet(display: int) -> None:
    for coding in {*range(0x100)} - {3, 5, 6, 7, *range(9, 16)}:
        classed = with_class(coding, display)
        assert message_class(classed) == display
        assert alphabet(classed) is alphabet(coding)


def test_flash() -> None:
    assert [with_class(coding, 0) for coding in (0, 1, 4, 8, 0xF1)] == [0xF0, 0xF0, 0xF4, 0x18, 0xF0]


@pytest.mark.parametrize("coding", [3, 5, 6, 7, 9, 10, 13, 14, 15])
def test_a_character_set_without_a_class_is_refused(coding: int) -> None:
    with pytest.raises(ValueError, match="message class"):
        with_class(coding, 0)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.sms.coding import Alphabet, Encoded, Language, alphabet, decode, encode, recode
from smsd.sms.segments import count

from .strategies import languages, texts


def test_gsm_text_is_one_octet_a_septet() -> None:
    assert encode("Hi @ €5") == Encoded(0, b"Hi \x00 \x1be5")


def test_one_character_beyond_the_alphabet_makes_it_ucs2() -> None:
    assert encode("ça") == Encoded(8, b"\x00\xe7\x00a")


def test_an_emoji_is_a_surrogate_pair() -> None:
    assert encode("😀").body == b"\xd8\x3d\xde\x00"


def test_surrogates_that_come_one_by_one_make_a_pair_again() -> None:
    assert encode("\ud83d\ude00").body == b"\xd8\x3d\xde\x00"
    assert decode(encode("a\ud83d").body, 8) == "a\ufffd"


def test_national_tables_are_used_only_when_they_are_named() -> None:
    assert encode("şa").data_coding == 8
    assert encode("şa", single_shift=Language.TR) == Encoded(0, b"\x1b\x73a", b"\x24\x01\x01")
    assert encode("şa", locking_shift=Language.TR) == Encoded(0, b"\x1da", b"\x25\x01\x01")


def test_national_tables_are_not_used_when_they_are_not_needed() -> None:
    assert encode("Merhaba €", single_shift=Language.TR, locking_shift=Language.TR).udh == b""


def test_the_shorter_header_wins_among_equals() -> None:
    both = encode("ş", single_shift=Language.TR, locking_shift=Language.TR)
    assert both == Encoded(0, b"\x1d", b"\x25\x01\x01")


def test_both_tables_are_used_when_only_both_carry_the_text() -> None:
    encoded = encode("नमस्ते A", single_shift=Language.HI, locking_shift=Language.HI)
    assert (encoded.data_coding, encoded.udh) == (0, b"\x24\x01\x06\x25\x01\x06")
    assert decode(encoded.body, 0, encoded.udh) == "नमस्ते A"


def test_a_table_that_saves_a_segment_is_used_though_the_default_would_do() -> None:
    text = "€" * 100
    assert encode(text).udh == b""
    assert encode(text, locking_shift=Language.TR).udh == b"\x25\x01\x01"


def test_spanish_has_no_locking_shift_to_use() -> None:
    assert encode("Á", locking_shift=Language.ES).data_coding == 8
    assert encode("Á", single_shift=Language.ES).body == b"\x1bA"


def test_a_language_that_does_not_help_leaves_ucs2() -> None:
    assert encode("Ж", single_shift=Language.PT, locking_shift=Language.PT) == Encoded(8, b"\x04\x16")


@pytest.mark.parametrize(
    ("body", "data_coding", "udh", "text"),
    [
        (b"\x00\x1be", 0, b"", "@€"),
        (b"\x00\x1be", 1, b"", "@€"),
        (b"\x00", 0xF0, b"", "@"),
        (b"\x00", 0x11, b"", "@"),
        (b"\xe9\x80", 3, b"", "é\x80"),
        (b"\x04\x16", 8, b"", "Ж"),
        (b"\x04\x16", 0x18, b"", "Ж"),
        (b"\x04", 8, b"", "\ufffd"),
        (b"\xab\x01", 2, b"", "AB01"),
        (b"\xab\x01", 4, b"", "AB01"),
        (b"\xab\x01", 0xF5, b"", "AB01"),
        (b"\xab\x01", 9, b"", "AB01"),
        (b"\xb6", 6, b"", "Ж"),
        (b"\xe0", 7, b"", "א"),
        (b"\x1bs", 0, b"\x24\x01\x01", "ş"),
        (b"\x1d", 0, b"\x25\x01\x01", "ş"),
        (b"\x1d", 0, b"\x25\x01\x02", "æ"),  # No locking shift for Spanish.
        (b"\x1bs", 0, b"\x24\x01\x63", "s"),  # A reserved identifier.
        (b"\x1bs", 0, b"\x24\x00", "s"),
        (b"\x1bs", 0, b"\x24\x02\x01\x05", "s"),
        (b"\x1bs", 0, b"\x24\x07\x01", "s"),  # A header that cannot be read.
    ],
)
def test_decode(body: bytes, data_coding: int, udh: bytes, text: str) -> None:
    assert decode(body, data_coding, udh) == text


@given(st.binary(), st.integers(0, 255), st.binary())
def test_any_octets_of_any_data_coding_decode(body: bytes, data_coding: int, udh: bytes) -> None:
    decode(body, data_coding, udh).encode("utf-8")


@given(texts, languages, languages)
def test_any_text_comes_back(text: str, single: Language | None, locking: Language | None) -> None:
    encoded = encode(text, single_shift=single, locking_shift=locking)
    assert decode(encoded.body, encoded.data_coding, encoded.udh) == text


@given(texts, languages, languages)
def test_no_coding_is_cheaper(text: str, single: Language | None, locking: Language | None) -> None:
    encoded = encode(text, single_shift=single, locking_shift=locking)
    segments = count(encoded.body, encoded.data_coding, encoded.udh)
    assert segments <= count(text.encode("utf-16-be"), 8)
    for one in (single, None):
        for other in (locking, None):
            rival = encode(text, single_shift=one, locking_shift=other)
            assert segments <= count(rival.body, rival.data_coding, rival.udh)


def test_a_supported_message_is_not_touched() -> None:
    for message in (Encoded(1, b"\x80"), Encoded(0x18, b"\0"), Encoded(0, b"\x1bs", b"\x24\x01\x01")):
        assert recode(message, {Alphabet.GSM7, Alphabet.UCS2}) is message


def test_binary_is_never_touched() -> None:
    for data_coding in (2, 4, 0xF5, 0x14):
        assert recode(Encoded(data_coding, b"\xff"), set()) == Encoded(data_coding, b"\xff")


def test_latin_1_for_an_operator_without_it() -> None:
    gsm_and_ucs2 = {Alphabet.GSM7, Alphabet.UCS2}
    assert recode(Encoded(3, b"\xe9"), gsm_and_ucs2) == Encoded(0, b"\x05")
    assert recode(Encoded(3, b"\xe7"), gsm_and_ucs2) == Encoded(8, b"\x00\xe7")


def test_gsm_for_an_operator_without_it() -> None:
    assert recode(Encoded(0, b"\x05"), {Alphabet.LATIN1}) == Encoded(3, b"\xe9")
    assert recode(Encoded(0, b"\x10"), {Alphabet.LATIN1}) == Encoded(8, b"\x03\x94")
    assert recode(Encoded(0, b"\x05"), set()) == Encoded(8, b"\x00\xe9")


def test_national_tables_leave_the_header_and_the_rest_of_it_stays() -> None:
    port = b"\x05\x04\x0b\x84\x00\x00"
    message = Encoded(0, b"\x1bs", b"\x24\x01\x01" + port)
    assert recode(message, {Alphabet.UCS2}) == Encoded(8, b"\x01\x5f", port)
    assert recode(Encoded(3, b"a", b"\x24\x09"), {Alphabet.GSM7}).udh == b"\x24\x09"


def test_the_message_class_stays() -> None:
    assert recode(Encoded(0xF0, b"\x05"), {Alphabet.UCS2}) == Encoded(0x18, b"\x00\xe9")
    assert recode(Encoded(0x1A, b"\x00\xe9"), {Alphabet.GSM7, Alphabet.LATIN1}) == Encoded(0xF2, b"\x05")
    assert recode(Encoded(0x1A, b"\x00\xe7"), {Alphabet.LATIN1}) == Encoded(0x1A, b"\x00\xe7")


def test_a_character_set_of_smpp_alone_is_always_recoded() -> None:
    assert recode(Encoded(6, b"\xb6"), set(Alphabet)) == Encoded(8, b"\x04\x16")


@given(texts)
def test_recoding_loses_nothing(text: str) -> None:
    for supported in ({Alphabet.GSM7}, {Alphabet.LATIN1}, {Alphabet.UCS2}, set[Alphabet]()):
        recoded = recode(encode(text), supported)
        assert decode(recoded.body, recoded.data_coding, recoded.udh) == text
        assert alphabet(recoded.data_coding) in supported | {Alphabet.UCS2}

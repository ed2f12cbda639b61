import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.sms.alphabet import DEFAULT, EXTENSION, GSM, septet_codec
from smsd.sms.national import LOCKING_SHIFT, SINGLE_SHIFT, Language

from .strategies import languages


def test_the_default_alphabet_encodes_each_symbol_at_its_place() -> None:
    for code, symbol in enumerate(DEFAULT):
        if symbol != "␛":
            assert GSM.encode(symbol) == bytes((code,))
            assert GSM.decode(bytes((code,))) == symbol


def test_the_extension_takes_an_escape_and_a_septet() -> None:
    assert GSM.encode("a€b[") == b"a\x1b\x65b\x1b\x3c"
    assert GSM.decode(b"a\x1b\x65b\x1b\x3c") == "a€b["


def test_the_letter_at_zero_and_the_escape_do_not_mix() -> None:
    assert GSM.encode("@[@@]") == b"\x00\x1b\x3c\x00\x00\x1b\x3e"
    turkish = septet_codec(Language.TR, Language.TR)
    assert turkish.encode("@Ş") == b"\x00\x1c"
    assert septet_codec(Language.KN, None).encode("@") is None


@pytest.mark.parametrize("text", list("\0\x1b·␛ç`Ж😀\ufffe\ufffd\ud800"))
def test_what_the_tables_lack_is_refused(text: str) -> None:
    assert GSM.encode("a" + text) is None


def test_an_escape_to_an_empty_cell_shows_the_first_table() -> None:
    assert GSM.decode(b"\x1b\x61\x1b\x0d") == "a\r"
    assert septet_codec(Language.PT, None).decode(b"\x1b\x00\x1b\x0b") == "@Ô"


def test_an_escape_that_leads_nowhere_shows_a_space() -> None:
    assert GSM.decode(b"a\x1b") == "a "
    assert GSM.decode(b"\x1b\x1b\x65") == " e"
    assert GSM.decode(b"\x1b\x1b\x1b\x65") == " €"


def test_an_octet_that_is_no_septet_and_an_empty_cell_show_the_replacement() -> None:
    assert GSM.decode(b"a\x80\xff") == "a\ufffd\ufffd"
    assert GSM.decode(b"\x1b\x80b") == "\ufffdb"
    assert septet_codec(Language.KN, None).decode(b"\x00") == "\ufffd"
    assert septet_codec(Language.KN, None).decode(b"\x1b\x00") == "\ufffd"


def test_spanish_has_no_locking_shift() -> None:
    assert septet_codec(Language.ES, None) is GSM
    assert septet_codec(Language.ES, Language.ES).encode("Á") == b"\x1b\x41"


@pytest.mark.parametrize(("locking", "single"), list(itertools.product([None, *Language], repeat=2)))
def test_every_symbol_of_every_pair_of_tables_comes_back(
    locking: Language | None, single: Language | None
) -> None:
    table = LOCKING_SHIFT.get(locking, DEFAULT) if locking else DEFAULT
    extension = SINGLE_SHIFT[single] if single else EXTENSION
    codec = septet_codec(locking, single)
    for symbol in (set(table) | set(extension)) - {"·", "␛"}:
        septets = codec.encode(symbol)
        assert septets is not None
        assert len(septets) == (1 if symbol in table else 2)
        assert codec.decode(septets) == symbol


@given(st.binary(), languages, languages)
def test_any_octets_decode(octets: bytes, locking: Language | None, single: Language | None) -> None:
    text = septet_codec(locking, single).decode(octets)
    assert len(text) <= len(octets)
    assert "·" not in text
    assert "␛" not in text
    assert "\x1b" not in text


@given(st.text(), languages, languages)
def test_a_text_is_encoded_whole_or_not_at_all(
    text: str, locking: Language | None, single: Language | None
) -> None:
    codec = septet_codec(locking, single)
    septets = codec.encode(text)
    assert (septets is None) == (not codec.characters.issuperset(text))
    assert septets is None or (septets.isascii() and codec.decode(septets) == text)

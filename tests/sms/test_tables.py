"""The tables, held against the standard's own print of them and against what Unicode says of letters."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from smsd.sms.alphabet import DEFAULT, EXTENSION
from smsd.sms.national import LOCKING_SHIFT, SINGLE_SHIFT, Language

SCRIPTS = {
    Language.BN: "BENGALI",
    Language.GU: "GUJARATI",
    Language.HI: "DEVANAGARI",
    Language.KN: "KANNADA",
    Language.ML: "MALAYALAM",
    Language.OR: "ORIYA",
    Language.PA: "GURMUKHI",
    Language.TA: "TAMIL",
    Language.TE: "TELUGU",
    Language.UR: "ARABIC",
}
PRINTED = {"-": "·", "1)": "␛", "3)": "\f", "4)": "·"}

Table = tuple[str, str, int]


def annex() -> dict[Table, list[str]]:
    """Read the printed tables: rows across the page are the low four bits, columns the high three."""
    text = (Path(__file__).parent / "annex_a.txt").read_text()
    tables = {}
    for block in text.split("\n\n")[1:]:
        heading, *rows = block.strip().splitlines()
        clause, kind, identifier = heading.split()
        cells = [row.split() for row in rows]
        tables[clause, kind, int(identifier)] = [cells[low][high] for high in range(8) for low in range(16)]
    return tables


ANNEX = annex()


def ours(kind: str, identifier: int) -> str:
    if identifier == 0:
        return DEFAULT if kind == "locking" else EXTENSION
    tables = LOCKING_SHIFT if kind == "locking" else SINGLE_SHIFT
    return tables[Language(identifier)]


@pytest.mark.parametrize("table", ANNEX, ids=lambda table: f"{table[0]} {table[1]}")
def test_every_cell_is_what_the_standard_prints(table: Table) -> None:
    _, kind, identifier = table
    printed = [PRINTED[cell] if cell in PRINTED else chr(int(cell, 16)) for cell in ANNEX[table]]
    assert len(printed) == 128
    assert list(ours(kind, identifier)) == printed


def test_there_are_the_tables_that_the_standard_has() -> None:
    assert len(ANNEX) == 27
    assert set(SINGLE_SHIFT) == set(Language)
    assert set(LOCKING_SHIFT) == set(Language) - {Language.ES}
    assert [language.value for language in Language] == list(range(1, 14))


@pytest.mark.parametrize("table", ANNEX, ids=lambda table: f"{table[0]} {table[1]}")
def test_the_escape_is_at_0x1b_and_nowhere_else(table: Table) -> None:
    cells = ours(table[1], table[2])
    assert [at for at, cell in enumerate(cells) if cell == "␛"] == [0x1B]


@pytest.mark.parametrize("table", ANNEX, ids=lambda table: f"{table[0]} {table[1]}")
def test_no_character_is_there_twice_but_two_that_the_indian_tables_repeat(table: Table) -> None:
    _, kind, identifier = table
    twice = {cell for cell, times in Counter(ours(kind, identifier)).items() if times > 1 and cell != "·"}
    assert twice == ({"¡", "*"} if kind == "single" and identifier >= Language.BN else set())


@pytest.mark.parametrize("language", SCRIPTS, ids=lambda language: language.name)
def test_the_letters_of_a_table_are_of_its_script(language: Language) -> None:
    for tables in (LOCKING_SHIFT, SINGLE_SHIFT):
        for cell in tables[language]:
            if ord(cell) >= 0x0300 and cell not in "␛€":
                name = unicodedata.name(cell)
                assert SCRIPTS[language] in name or "DEVANAGARI DANDA" in name or "DOUBLE DANDA" in name


@pytest.mark.parametrize("language", SCRIPTS, ids=lambda language: language.name)
def test_the_digits_of_a_script_are_in_their_order(language: Language) -> None:
    digits = [c for c in SINGLE_SHIFT[language] if unicodedata.decimal(c, None) is not None]
    assert [unicodedata.decimal(digit) for digit in digits] == list(range(10))


@pytest.mark.parametrize("language", LOCKING_SHIFT, ids=lambda language: language.name)
def test_what_every_locking_shift_keeps(language: Language) -> None:
    table = LOCKING_SHIFT[language]
    assert table[0x61:0x7B] == "abcdefghijklmnopqrstuvwxyz"
    assert table[0x30:0x3A] == "0123456789"
    assert (table[0x0A], table[0x0D], table[0x20], table[0x21]) == ("\n", "\r", " ", "!")
    assert (table[0x2C], table[0x2E], table[0x3F]) == (",", ".", "?")


@pytest.mark.parametrize("language", SINGLE_SHIFT, ids=lambda language: language.name)
def test_what_every_single_shift_keeps(language: Language) -> None:
    table = SINGLE_SHIFT[language]
    assert table[0x0A] == "\f"
    assert table[0x14] == "^"
    assert table[0x28] + table[0x29] + table[0x2F] + table[0x3C:0x3F] + table[0x40] == "{}\\[~]|"
    assert table[0x65] == ("·" if language is Language.TE else "€")


def test_the_letters_that_the_three_european_languages_needed() -> None:
    assert {c for c in SINGLE_SHIFT[Language.TR] if c.isalpha()} == set("ĞİŞğışç")
    assert {c for c in SINGLE_SHIFT[Language.ES] if c.isalpha()} == set("ÁÍÓÚáíóúç")
    assert {c for c in LOCKING_SHIFT[Language.TR]} - set(DEFAULT) == set("€ıĞğŞşİç")
    assert set(DEFAULT) - set(LOCKING_SHIFT[Language.TR]) == set("èìØøÆæ¡¿")


def test_the_default_alphabet_has_127_symbols_and_its_extension_ten() -> None:
    assert len(DEFAULT) == len(EXTENSION) == 128
    assert len(set(DEFAULT) - {"␛"}) == 127
    assert set(EXTENSION) - {"·", "␛"} == set("^{}\\[~]|€\f")
    assert [DEFAULT.index(c) for c in "@_ A¡Z¿zà"] == [0x00, 0x11, 0x20, 0x41, 0x40, 0x5A, 0x60, 0x7A, 0x7F]

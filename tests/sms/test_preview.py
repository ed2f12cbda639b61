from hypothesis import given

from smsd.sms.coding import Alphabet, Language, encode
from smsd.sms.preview import preview
from smsd.sms.segments import count
from smsd.sms.transliteration import Transliteration

from .strategies import languages, texts


def test_a_short_text() -> None:
    shown = preview("Hello €")
    assert shown.text == "Hello €"
    assert (shown.data_coding, shown.alphabet) == (0, Alphabet.GSM7)
    assert shown.segments == ("Hello €",)
    assert shown.remaining == 152
    assert shown.unicode == ()


def test_an_empty_text_leaves_everything() -> None:
    assert preview("").remaining == 160


def test_what_forced_ucs2_is_told_once_and_in_order() -> None:
    shown = preview("Жçaçж€")
    assert shown.alphabet is Alphabet.UCS2
    assert shown.unicode == ("Ж", "ç", "ж")
    assert shown.remaining == 64


def test_an_emoji_takes_two() -> None:
    assert preview("😀").remaining == 68


def test_a_long_text() -> None:
    shown = preview("a" * 152 + "€" + "b" * 10)
    assert shown.segments == ("a" * 152, "€" + "b" * 10)
    assert shown.remaining == 153 - 12
    assert preview("a" * 161, wide=True).remaining == 152 - 9


def test_languages_count() -> None:
    shown = preview("ş" * 160, locking_shift=Language.TR)
    assert shown.alphabet is Alphabet.GSM7
    assert shown.segments == ("ş" * 149, "ş" * 11)
    assert shown.remaining == 149 - 11


def test_the_tables_that_come_nearest_tell_what_is_lacking() -> None:
    assert preview("şЖ", single_shift=Language.TR).unicode == ("Ж",)
    assert preview("Aक€Ж", single_shift=Language.HI, locking_shift=Language.HI).unicode == ("Ж",)


def test_transliteration_comes_first() -> None:
    shown = preview("Привет", transliteration=Transliteration.CYRILLIC)
    assert shown.text == "Privet"
    assert shown.alphabet is Alphabet.GSM7
    assert len(preview("Щ" * 70).segments) == 1
    assert len(preview("Щ" * 70, transliteration=Transliteration.CYRILLIC).segments) == 2


@given(texts, languages, languages)
def test_a_preview_is_what_will_be_sent(text: str, single: Language | None, locking: Language | None) -> None:
    shown = preview(text, single_shift=single, locking_shift=locking)
    encoded = encode(text, single_shift=single, locking_shift=locking)
    assert "".join(shown.segments) == text
    assert len(shown.segments) == count(encoded.body, encoded.data_coding, encoded.udh)
    assert bool(shown.unicode) == (shown.alphabet is Alphabet.UCS2)
    assert shown.remaining >= 0


@given(texts)
def test_what_remains_fits_and_no_more(text: str) -> None:
    shown = preview(text)
    filler = "Ж" if shown.alphabet is Alphabet.UCS2 else "a"
    full = preview(text + filler * shown.remaining)
    assert len(full.segments) == len(shown.segments)
    assert full.remaining == 0
    assert len(preview(text + filler * (shown.remaining + 1)).segments) == len(shown.segments) + 1

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.sms.alphabet import GSM
from smsd.sms.coding import encode
from smsd.sms.segments import count
from smsd.sms.transliteration import (
    CENTRAL_EUROPEAN,
    CYRILLIC,
    GREEK,
    PUNCTUATION,
    TURKISH,
    Transliteration,
    transliterate,
)

from .strategies import gsm_text

SCRIPTS = list(Transliteration)


SAMPLES = """
TURKISH | Şişli'de ığdır ağacı, İçel, kâğıt, Öküz, Çay, 5₺ | Sisli'de igdir agaci, Icel, kagit, Öküz, Çay, 5TL
GREEK | Καλημέρα Ελλάδα! Ωμέγα, ξύλο, ψωμί, ϊΰς | KAΛHMEPA EΛΛAΔA! ΩMEΓA, ΞYΛO, ΨΩMI, IYΣ
CYRILLIC | Щука, ёж, объезд, мать, Юля, цех | Shchuka, yozh, obezd, mat, Yulya, tsekh
CYRILLIC | Київ, Єва, ґанок, Мінск ў, Љубљана Ђурђев Ќ | Kiyiv, Yeva, ganok, Minsk u, Ljubljana Djurdjev Kj
CYRILLIC | Өзбек, Үй | Özbek, Üy
CENTRAL_EUROPEAN | Příliš žluťoučký kůň úpěl ďábelské ódy | Prilis zlutoucky kun upel dabelské ody
CENTRAL_EUROPEAN | Zażółć gęślą jaźń ŁÓDŹ | Zazolc gesla jazn LODZ
CENTRAL_EUROPEAN | Árvíztűrő tükörfúrógép | Arviztürö tükörfurogép
CENTRAL_EUROPEAN | Șase țări, ăâî; Đurđa; Čačak | Sase tari, aai; Durda; Cacak
NON_UNICODE | Щ α ş č ê ﬁ ½ Ｈ ① | Shch A s c e fi 1/2 H 1
NON_UNICODE | علي ـ ʿ | 'ly  '
NON_UNICODE | 北京 नमस्ते 😀 | BeiJing nmste :grinning:
NON_UNICODE | “Don’t” – `a` … №1™ ´ ¨ | "Don't" - 'a' ... No1(TM) ' "
"""


@pytest.mark.parametrize(
    ("script", "text", "written"), [line.split(" | ") for line in SAMPLES.strip().splitlines()]
)
def test_samples(script: str, text: str, written: str) -> None:
    assert transliterate(text, Transliteration(script)) == written


def test_what_cannot_be_seen() -> None:
    assert transliterate("a\u200bb\u2060c\ufe0f", Transliteration.NON_UNICODE) == "abc"
    assert transliterate("a\u00a0b\tc", Transliteration.TURKISH) == "a b c"
    assert transliterate("\u037e", Transliteration.GREEK) == ";"


def test_an_accent_of_its_own_counts_as_part_of_its_letter() -> None:
    for script in SCRIPTS:
        assert transliterate("e\u0301", script) == "é"
    assert transliterate("c\u030c", Transliteration.CENTRAL_EUROPEAN) == "c"
    assert transliterate("q\u030c", Transliteration.NON_UNICODE) == "q"


def test_letters_of_other_scripts_stay() -> None:
    assert transliterate("şЖ北", Transliteration.TURKISH) == "sЖ北"
    assert transliterate("şЖ北", Transliteration.CYRILLIC) == "şZh北"


def test_what_nobody_can_read_stays() -> None:
    assert transliterate("Ж\ue000\x01", Transliteration.NON_UNICODE) == "Zh\ue000\x01"


@pytest.mark.parametrize("table", [PUNCTUATION, TURKISH, GREEK, CYRILLIC, CENTRAL_EUROPEAN])
def test_the_tables_map_only_what_gsm_lacks_and_only_to_what_it_has(table: dict[int, str]) -> None:
    for code, written in table.items():
        assert chr(code) not in GSM.characters
        assert GSM.encode(written) is not None


@pytest.mark.parametrize(("script", "first", "last"), [("GREEK", "Ά", "ώ"), ("CYRILLIC", "Ѐ", "џ")])
def test_no_letter_of_a_script_is_forgotten(script: str, first: str, last: str) -> None:
    for code in range(ord(first), ord(last) + 1):
        if unicodedata.name(chr(code), "").startswith(script):
            assert GSM.encode(transliterate(chr(code), Transliteration(script))) is not None


def test_case_is_kept_where_there_is_case() -> None:
    for table in (TURKISH, CYRILLIC, CENTRAL_EUROPEAN):
        for code, written in table.items():
            assert written[:1].isupper() == (chr(code).isupper() and bool(written))


def test_a_cyrillic_text_takes_fewer_segments() -> None:
    text = "Ваш заказ готов и ждёт вас в пункте выдачи до конца недели, приходите."
    before, after = encode(text), encode(transliterate(text, Transliteration.CYRILLIC))
    assert (before.data_coding, after.data_coding) == (8, 0)
    assert count(text.encode("utf-16-be") * 2, 8) > count(after.body * 2, 0)


@given(gsm_text, st.sampled_from(SCRIPTS))
def test_a_text_that_needs_nothing_comes_back(text: str, script: Transliteration) -> None:
    assert transliterate(text, script) == text


@given(st.text(), st.sampled_from(SCRIPTS))
def test_twice_is_once(text: str, script: Transliteration) -> None:
    once = transliterate(text, script)
    assert transliterate(once, script) == once


@given(st.text())
def test_non_unicode_leaves_only_what_nobody_can_read(text: str) -> None:
    for character in set(transliterate(text, Transliteration.NON_UNICODE)) - GSM.characters:
        assert unicodedata.category(character) in {"Cc", "Cn", "Co", "Lo", "Sk", "So"}

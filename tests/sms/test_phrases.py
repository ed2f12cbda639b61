from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.sms.phrases import LONGEST, InvalidPhrase, Phrases, phrase, words


def found(given: str, text: str) -> bool:
    return Phrases([phrase(given)]).found(words(text))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("casino", "Visit the CASINO!"),
        ("free money", "Get free,  money now"),
        ("Straße", "die STRASSE"),
        ("casino", "Ｃａｓｉｎｏ"),
        ("casino", "ca\u00adsi\u200bno"),
        ("c@sino", "the c@sino"),
        ("win*", "winning"),
        ("win*", "win"),
        ("*coin", "a bitcoin"),
        ("*coin*", "bitcoins"),
        ("b*n", "bitcoin"),
        ("b*n", "bn"),
        ("a*b*bc", "abbc"),
        ("easy * money", "easy, quick money"),
        ("ea*y mon*", "easy money"),
        ("call *", "call me"),
        ("* now", "call now"),
        ("казино", "Новое КАЗИНО рядом"),
        ("नमस्ते", "नमस्ते जी"),
    ],
)
def test_a_phrase_is_found_whatever_its_case_and_what_stands_between_words(given: str, text: str) -> None:
    assert found(given, text)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("casino", "casinos"),
        ("casino", "ca sino"),
        ("free money", "money free"),
        ("free money", "free my money"),
        ("win*", "darwin"),
        ("*coin", "coins"),
        ("b*n", "bitcoins"),
        ("b*n", "b n"),
        ("a*b*bc", "abc"),
        ("easy * money", "easy money"),
        ("call *", "I call"),
        ("* now", "now"),
        ("नम", "नमस्ते"),
        ("casino", ""),
    ],
)
def test_only_whole_words_count(given: str, text: str) -> None:
    assert not found(given, text)


@pytest.mark.parametrize("given", ["", "*", " * * ", "!?", "x" * (LONGEST + 1), "a*" * 9])
def test_what_is_no_phrase_is_refused(given: str) -> None:
    with pytest.raises(InvalidPhrase):
        phrase(given)


def test_one_of_many_is_found() -> None:
    phrases = Phrases(phrase(one) for one in ("lottery", "free money", "win*", "b*n"))
    assert [phrases.found(words(text)) for text in ("a lottery", "free money", "winner", "bn", "hello")] == [
        True,
        True,
        True,
        True,
        False,
    ]


def plainly(given: str, text: str) -> bool:
    """Find a phrase word by word."""
    wanted, there = given.split(), words(text).split()
    return any(
        all(fnmatchcase(word, pattern) for word, pattern in zip(there[start:], wanted, strict=False))
        for start in range(len(there) - len(wanted) + 1)
    )


few = st.text("ab*", min_size=1, max_size=6)


@given(st.lists(few, min_size=1, max_size=3), st.lists(st.text("ab", min_size=1, max_size=6), max_size=6))
def test_stars_mean_what_a_word_by_word_comparison_says(wanted: list[str], text: list[str]) -> None:
    try:
        kept = phrase(" ".join(wanted))
    except InvalidPhrase:
        return
    assert Phrases([kept]).found(words(" ".join(text))) == plainly(kept, " ".join(text))


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_phrase_and_any_text_will_do(given: str, text: str) -> None:
    try:
        kept = phrase(given)
    except InvalidPhrase:
        return
    assert phrase(kept) == kept
    assert Phrases([kept]).found(words(text)) in (True, False)
    if "*" not in kept:
        assert Phrases([kept]).found(words(f"{text} {given} {text}"))


def test_a_hostile_text_takes_no_more_steps_than_it_has_letters() -> None:
    hostile = [phrase("a*a*a*a*a*a*a*b"), phrase("*a*a*a*a*a*ab"), phrase("a* * a*b")]
    for text in ("a" * 39_000, "a " * 19_000, "ab" * 19_000 + "a"):
        assert not Phrases(hostile).found(words(text))


def test_the_words_of_a_text_have_one_blank_around_each() -> None:
    assert words(" Hello,  World! ") == " hello world "

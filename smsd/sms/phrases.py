"""Finds words and phrases in texts.

A phrase is made of words, and so is a text: letters and digits. What stands between them doesn't matter, nor
does the case, nor another form of the same letter. A ``*`` in a word of a phrase stands for any letters and
digits, also for none.

Nothing here goes back in a text, whatever somebody writes into it: a phrase is looked for as a plain string
where it has no star, or only at its ends, and otherwise by an expression that takes the first place that fits
and never another one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

LONGEST = 100
"""How many characters a phrase may have."""
MOST_STARS = 8
"""How many stars."""


class InvalidPhrase(ValueError):
    """What is given is no phrase; the text says why."""


def phrase(given: str) -> str:
    """Return a phrase as it is kept: its words, with one blank between two.

    Raises:
        InvalidPhrase: if it is none, or too long.
    """
    words = [re.sub(r"\*+", "*", word) for word in _characters().starred_words(_folded(given))]
    kept = " ".join(words)
    if not kept.strip("* "):
        raise InvalidPhrase("A phrase has at least one letter or digit")
    if len(kept) > LONGEST or kept.count("*") > MOST_STARS:
        raise InvalidPhrase(f"A phrase has up to {LONGEST} characters, and {MOST_STARS} stars")
    return kept


def words(text: str) -> str:
    """Return the words of a text, as :meth:`Phrases.found` takes them."""
    return f" {' '.join(_characters().words(_folded(text)))} "


class Phrases:
    """Phrases that are looked for together."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """Take phrases that :func:`phrase` has returned."""
        self._plain: dict[str, list[str]] = {}  # By their first word.
        self._open: list[str] = []
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for one in phrases:
            if "*" in one.strip("*") or "*" in one.split(" "):  # A star alone is a word, which must be there.
                self._patterns.append((max(re.split(r"[* ]", one), key=len), _pattern(one)))
            elif "*" in one:
                begins = "" if one.startswith("*") else " "
                ends = "" if one.endswith("*") else " "
                self._open.append(f"{begins}{one.strip('*')}{ends}")
            else:
                self._plain.setdefault(one.partition(" ")[0], []).append(f" {one} ")

    def found(self, words: str) -> bool:
        """Tell whether one of the phrases is among the words of a text."""
        plain = self._plain
        if plain:
            for first in set(words.split()) & plain.keys():
                if any(one in words for one in plain[first]):
                    return True
        if any(one in words for one in self._open):
            return True
        return any(part in words and pattern.search(words) for part, pattern in self._patterns)


def _folded(text: str) -> str:
    """Return a text in which letters differ neither by case nor by form alone, and none is invisible."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded if folded.isascii() else folded.translate(_characters().invisible)


class _Characters(NamedTuple):
    """What Unicode says of the characters that a message can have."""

    words: Callable[[str], list[str]]
    starred_words: Callable[[str], list[str]]
    invisible: dict[int, None]


@cache
def _characters() -> _Characters:
    """Go through UCS-2's characters once: expressions have no name for marks, which are parts of words."""
    marks: list[str] = []
    invisible: dict[int, None] = {}
    for code in range(0x10000):
        category = unicodedata.category(chr(code))
        if category[0] == "M":
            marks.append(chr(code))
        elif category == "Cf":
            invisible[code] = None
    letter = rf"[^\W_]|[{''.join(marks)}]"
    return _Characters(
        re.compile(f"(?:{letter})+").findall, re.compile(rf"(?:{letter}|\*)+").findall, invisible
    )


def _pattern(phrase: str) -> re.Pattern[str]:
    """Return the expression of a phrase with stars inside.

    What follows a star is taken at the first place of the word that fits; its end has but one place.
    """
    made = []
    for word in phrase.split(" "):
        first, *others = word.split("*")
        expression = re.escape(first)
        for part in others[:-1]:
            expression += f"(?>[^ ]*?{re.escape(part)})"
        if others:
            expression += f"(?>[^ ]*?{re.escape(others[-1])}(?= ))"
        made.append(expression)
    return re.compile(f" {' '.join(made)} ")

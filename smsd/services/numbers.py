"""Whose the numbers are to which subscribers write."""

from __future__ import annotations

from smsd.store.settings import Number, Rows

SMPP, INBOX, PUSH = "smpp", "inbox", "push"
DELIVERIES = (SMPP, INBOX, PUSH)
"""How an account gets what is sent to its number: by its SMPP sessions, fetched over HTTP, or at its URL."""


class Numbers:
    """Finds the owner of a received message: by its number, and by the first word of its text."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, Number]] = {}

    def apply(self, rows: Rows) -> None:
        """Take over changed numbers."""
        numbers: dict[str, dict[str, Number]] = {}
        for row in rows.numbers:
            numbers.setdefault(row.number, {})[row.keyword] = row
        self._numbers = numbers

    def has(self, number: str) -> bool:
        """Tell whether anybody has a number, for whatever texts."""
        return number in self._numbers

    def owner(self, number: str, text: str) -> Number | None:
        """Return the number, and the keyword, that a text was sent to; ``None`` if that is nobody's."""
        keywords = self._numbers.get(number)
        if keywords is None:
            return None
        for word in text.split(None, 1)[:1]:
            if (keyword := keyword_of(word)) in keywords:
                return keywords[keyword]
        return keywords.get("")


def keyword_of(word: str) -> str:
    """Return a word as keywords are stored and compared: in capitals."""
    return word.upper()

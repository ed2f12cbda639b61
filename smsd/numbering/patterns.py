"""What the leading digits of a number tell of the pattern that the whole number matches.

The patterns are those of phonenumbers' metadata: regular expressions of digits. Here one is followed digit by
digit, which the module ``re`` can't do, to know after a few of them that a number can't match any more.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

ANY = frozenset("0123456789")


class Item(NamedTuple):
    """Digits, or alternatives, and how often they come."""

    what: frozenset[str] | tuple[tuple[Item, ...], ...]
    least: int = 1
    most: int = 1


Sequence = tuple[Item, ...]
"""Items that follow each other: what a number may go on with."""
Rest = frozenset[Sequence]
"""Sequences of which a number may go on with any; none: it can't match any more."""

_token = re.compile(r"\\d|\[([0-9-]+)\]|([0-9])|(\(\?:|\()|(\))|(\|)|\{(\d+)(?:,(\d+))?\}|(\?)")


def parsed(pattern: str) -> Rest:
    """Return what a number that matches a pattern begins with.

    Raises:
        ValueError: if the pattern has what phonenumbers' patterns don't have.
    """
    pattern = "".join(pattern.split())
    alternatives, end = _alternatives(pattern, 0)
    if end != len(pattern):
        raise ValueError(f"Not a pattern of digits: {pattern}")
    return frozenset(alternatives)


def after(rest: Rest, digit: str) -> Rest:
    """Return what a number may go on with after a digit."""
    return frozenset().union(*(_after(sequence, digit) for sequence in rest))


def takes_all(rest: Rest) -> bool:
    """Tell whether a number matches whatever digits it goes on with, if only they are as many as needed."""
    return any(all(item.what == ANY for item in sequence) for sequence in rest)


def _alternatives(pattern: str, start: int) -> tuple[tuple[Sequence, ...], int]:
    """Return the alternatives that begin somewhere in a pattern, and where they end."""
    found: list[Sequence] = []
    items: list[Item] = []
    while start < len(pattern):
        match = _token.match(pattern, start)
        if match is None:
            raise ValueError(f"Not a pattern of digits: {pattern}")
        digits, digit, opens, closes, bar, least, most, maybe = match.groups()
        if closes:
            break
        start = match.end()
        if opens:
            inner, start = _alternatives(pattern, start)
            if pattern[start : start + 1] != ")":
                raise ValueError(f"A bracket is open: {pattern}")
            start += 1
            items.append(Item(inner))
        elif bar:
            found.append(tuple(items))
            items = []
        elif least or maybe:
            if not items:
                raise ValueError(f"Nothing to repeat: {pattern}")
            items[-1] = Item(items[-1].what, int(least or 0), int(most or least or 1))
        else:
            items.append(Item(_digits(digits) if digits else frozenset(digit) if digit else ANY))
    return (*found, tuple(items)), start


def _digits(text: str) -> frozenset[str]:
    """Return the digits of a class, such as ``02-59``."""
    found: set[str] = set()
    for first, last in re.findall(r"(\d)(?:-(\d))?", text):
        found.update(map(str, range(int(first), int(last or first) + 1)))
    return frozenset(found)


@lru_cache(None)
def _after(sequence: Sequence, digit: str) -> Rest:
    """Return what may be left of a sequence after a digit (its partial derivatives, after Antimirov)."""
    if not sequence:
        return frozenset()
    (what, least, most), rest = sequence[0], sequence[1:]
    found: set[Sequence] = set()
    if most:
        again = (Item(what, max(least - 1, 0), most - 1), *rest) if most > 1 else rest
        if isinstance(what, frozenset):
            if digit in what:
                found.add(again)
        else:
            for alternative in what:
                found.update((*left, *again) for left in _after(alternative, digit))
    if least == 0 or (not isinstance(what, frozenset) and any(_may_end(one) for one in what)):
        found |= _after(rest, digit)
    return frozenset(found)


def _may_end(sequence: Sequence) -> bool:
    """Tell whether a number may end before a sequence."""
    return all(
        least == 0 or (not isinstance(what, frozenset) and any(map(_may_end, what)))
        for what, least, _ in sequence
    )


def may_end(rest: Rest) -> bool:
    """Tell whether a number may end here."""
    return any(map(_may_end, rest))

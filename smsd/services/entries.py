"""What may stand on a list, and how a node has it in memory: numbers, senders and phrases.

A number or a sender with a ``*`` at its end stands for all that begin so.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar

from smsd.numbering.addresses import destination, sender
from smsd.numbering.packed import PackedNumbers
from smsd.sms.phrases import InvalidPhrase, Phrases, phrase

STAR = "*"

_number_prefix = re.compile(r"(?:\+|00)?([1-9][0-9]{0,14})\*", re.ASCII).fullmatch
_sender_prefix = re.compile(r"[A-Za-z0-9 !#$%&'()*+,\-./:;<=>?@_]{1,14}\*", re.ASCII).fullmatch


class InvalidEntry(ValueError):
    """What is given can't stand on a list; the text says why."""


class Entries(Protocol):
    """What is on one list of one account, or of everybody."""

    def __len__(self) -> int:
        """Return how much that is."""

    def change(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Put values on the list and take others off it."""

    def gather(self, values: Iterable[str]) -> None:
        """Put values on a list at which nobody looks until it is packed."""

    def pack(self) -> None:
        """Have ready what was gathered."""


E = TypeVar("E", bound=Entries)


class _Prefixes:
    """Values that stand for all that begin so."""

    def __init__(self) -> None:
        self._prefixes: set[str] = set()
        self._lengths: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self._prefixes)

    def __contains__(self, value: str) -> bool:
        return any(value[:length] in self._prefixes for length in self._lengths)

    def change(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Put prefixes in and take others out; each has its star."""
        self._prefixes.update(one.removesuffix(STAR) for one in added)
        self._prefixes.difference_update(one.removesuffix(STAR) for one in removed)
        self._lengths = tuple(sorted({len(prefix) for prefix in self._prefixes}))


class Numbers:
    """International numbers: millions take 8 octets each."""

    def __init__(self) -> None:
        self._numbers = PackedNumbers()
        self._prefixes = _Prefixes()
        self._gathered = array("Q")

    def __len__(self) -> int:
        return len(self._numbers) + len(self._prefixes)

    def __contains__(self, number: str) -> bool:
        return int(number) in self._numbers or (len(self._prefixes) > 0 and number in self._prefixes)

    def change(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Put numbers on the list and take others off it."""
        in_full, begun = _sorted_out(added)
        no_more, begun_no_more = _sorted_out(removed)
        for number in in_full:
            self._numbers.add(int(number))
        for number in no_more:
            self._numbers.discard(int(number))
        if begun or begun_no_more:
            self._prefixes.change(begun, begun_no_more)

    def gather(self, values: Iterable[str]) -> None:
        """Put numbers on a list at which nobody looks until it is packed: sorting once is quicker."""
        in_full, begun = _sorted_out(values)
        self._gathered.extend(map(int, in_full))
        self._prefixes.change(begun, ())

    def pack(self) -> None:
        """Have ready what was gathered."""
        self._numbers, self._gathered = PackedNumbers(self._gathered), array("Q")


class Senders:
    """Senders, whose case doesn't matter."""

    def __init__(self) -> None:
        self._senders: set[str] = set()
        self._prefixes = _Prefixes()

    def __len__(self) -> int:
        return len(self._senders) + len(self._prefixes)

    def __contains__(self, source: str) -> bool:
        folded = source.casefold()
        return folded in self._senders or folded in self._prefixes

    def change(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Put senders on the list and take others off it."""
        in_full, begun = _sorted_out(added)
        no_more, begun_no_more = _sorted_out(removed)
        self._senders.update(in_full)
        self._senders.difference_update(no_more)
        self._prefixes.change(begun, begun_no_more)

    def gather(self, values: Iterable[str]) -> None:
        """Put senders on a list."""
        self.change(values, ())

    def pack(self) -> None:
        """Do nothing: they are ready."""


class Texts:
    """Phrases that are looked for in texts."""

    def __init__(self) -> None:
        self._phrases: set[str] = set()
        self._made: Phrases | None = None

    def __len__(self) -> int:
        return len(self._phrases)

    def found(self, words: str) -> bool:
        """Tell whether one of the phrases is among the words of a text."""
        if self._made is None:
            self._made = Phrases(sorted(self._phrases))
        return self._made.found(words)

    def change(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Put phrases on the list and take others off it."""
        self._phrases.update(added)
        self._phrases.difference_update(removed)
        self._made = None

    def gather(self, values: Iterable[str]) -> None:
        """Put phrases on a list."""
        self.change(values, ())

    def pack(self) -> None:
        """Do nothing: they are made ready when the first text comes."""


def number_value(given: str) -> str:
    """Return a number, or the beginning of some, as it stands on a list.

    Raises:
        InvalidEntry: if it is neither.
    """
    begun = _number_prefix(given)
    value = f"{begun[1]}{STAR}" if begun else destination(given)
    if value is None:
        raise InvalidEntry(
            f"A number has 5 to 15 digits in international form, a beginning of numbers a {STAR} at its end:"
            f" not {given!r}."
        )
    return value


def sender_value(given: str) -> str:
    """Return a sender, or the beginning of some, as it stands on a list; raises as :func:`number_value`."""
    if given.endswith(STAR) and _sender_prefix(given):
        number = given[1:-1]
        value: str | None = given[1:] if given[0] == "+" and number.isdecimal() else given
    else:
        value = sender(given)
    if not value:
        raise InvalidEntry(
            f"A sender has 3 to 14 digits, or 3 to 11 characters, a beginning of senders a {STAR} at its end:"
            f" not {given!r}."
        )
    return value.casefold()


def text_value(given: str) -> str:
    """Return a phrase as it stands on a list; raises as :func:`number_value`."""
    try:
        return phrase(given)
    except InvalidPhrase as problem:
        raise InvalidEntry(f"{problem}: not {given!r}.") from None


class Kind(NamedTuple, Generic[E]):
    """What a list is made of."""

    value: Callable[[str], str]
    """Returns what somebody gives as it stands on the list."""
    entries: Callable[[], E]
    most: int
    """How much may stand on it."""
    most_starred: int
    """How much of that may have a star."""


NUMBERS = Kind(number_value, Numbers, 20_000_000, 10_000)
SENDERS = Kind(sender_value, Senders, 100_000, 10_000)
TEXTS = Kind(text_value, Texts, 10_000, 1_000)


def _sorted_out(values: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the values that stand for themselves, and those that stand for all that begin so."""
    in_full: list[str] = []
    begun: list[str] = []
    for value in values:
        (begun if value.endswith(STAR) else in_full).append(value)
    return in_full, begun

"""The URLs in a text, and the short links that take their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from hyperlink import URL
from idna import IDNAError

LENGTH = 25
"""How many characters a short link has at most."""
LEAST, MOST = 8, 10
"""How many of them are its token: 8 of 62 characters are 47 bits, 10 are 59, which nobody guesses."""
LONGEST = 2048
"""How many characters a URL may have that is made short: what every browser and proxy takes."""
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""What tokens are made of: each takes one septet, and none ends what a phone takes for a link."""

# A URL ends at a blank, at what RFC 3986 has no place for, and at what closes a quotation or a sentence in
# scripts that put no blank there.
_candidate = re.compile(
    r"(?<![A-Za-z0-9+.\-])https?://[^\s\x00-\x20\x7f-\xa0\"<>\\^`{|}"
    r"«»‘’“”„‹›…、。〈-】〔-〛！（），：；？［］｛｝～｡-､\ufffe\uffff\ud800-\udfff]+",
    re.IGNORECASE,
)
_authority = re.compile(
    r"https?://(?:[^/?#@\[\]]*@)?(?:[^\W_](?:[\w\-]*[^\W_])?(?:\.[^\W_](?:[\w\-]*[^\W_])?)*\.?"
    r"|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?=[/?#]|$)",
    re.IGNORECASE,
)
_base = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/").fullmatch
_TRAILING = ".,:;!?'*~_"
"""What ends the sentence around a URL rather than the URL."""
_PAIRS = {")": "(", "]": "["}
"""What ends a URL only if it has begun in it, as in /wiki/Link_(unit)."""


class Cut(NamedTuple):
    """A text cut at its URLs."""

    around: tuple[str, ...]
    """What stands before, between and after them."""
    urls: tuple[str, ...]
    """The URLs, in the letters that HTTP takes."""

    def filled(self, links: Sequence[str]) -> str:
        """Return the text with other URLs in place of its own."""
        pieces = [self.around[0]]
        for link, after in zip(links, self.around[1:], strict=True):
            pieces += (link, after)
        return "".join(pieces)


def cut(text: str) -> Cut:
    """Cut a text at its URLs of HTTP and HTTPS; what only looks like one stays part of the text."""
    around, urls, end = [], [], 0
    for match in _candidate.finditer(text):
        found = _trimmed(match[0])
        url = _uri(found)
        if url is not None:
            around.append(text[end : match.start()])
            urls.append(url)
            end = match.start() + len(found)
    return Cut((*around, text[end:]), tuple(urls))


def token_length(base: str) -> int:
    """Return how many characters tokens have behind the domain of short links, such as ``https://s.test/``.

    Raises:
        ValueError: if it is no such domain, or leaves too little room.
    """
    if not _base(base):
        raise ValueError(f"Expected a domain such as https://s.test/, with nothing behind it, not {base!r}")
    room = LENGTH - len(base)
    if room < LEAST:
        raise ValueError(
            f"Expected at most {LENGTH - LEAST} characters, since short links have {LENGTH} and {LEAST} of"
            f" them must be hard to guess; {base} has {len(base)}"
        )
    return min(room, MOST)


def token(number: int, length: int) -> str:
    """Return a number's last digits, so many of them, as a token."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(digits)


def _trimmed(candidate: str) -> str:
    """Return a candidate without what belongs to the sentence around it."""
    end = len(candidate)
    unopened = {
        closing: candidate.count(closing) - candidate.count(opening) for closing, opening in _PAIRS.items()
    }
    while end:
        last = candidate[end - 1]
        if last in unopened:
            if unopened[last] <= 0:
                break
            unopened[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return candidate[:end]


def _uri(iri: str) -> str | None:
    """Return a URL in the letters that HTTP takes (RFC 3987, 3.1); ``None`` if it is none."""
    match = _authority.match(iri)
    if match is None or (match[1] is not None and not 0 < int(match[1]) < 65536):
        return None
    if iri.isascii():
        return iri
    try:
        uri = str(URL.from_text(iri).to_uri().to_text())
    except (ValueError, IDNAError):
        return None
    return uri if uri.isascii() and _authority.match(uri) else None

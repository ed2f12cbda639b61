"""gzip, in which the bodies of requests may come and those of answers may go (RFC 9110, 8.4.1.3)."""

from __future__ import annotations

import zlib
from functools import lru_cache

from smsd.http_api.negotiation import weights

NAMES = frozenset({"gzip", "x-gzip"})
"""What clients call it."""
WORTH = 1024
"""Octets from which on an answer is worth it: shorter ones fit in one packet as they are."""
LEVEL = 1
"""Reports of 350 KB become 16 KB in 2 ms; level 6 takes three times as long to save a quarter of that."""
MEMBERS = 16
"""How many streams a body may have one after another; each costs its setting up, however short it is."""

_GZIP = 16 + zlib.MAX_WBITS


class Damaged(ValueError):
    """A body is no gzip."""


class TooLong(ValueError):
    """A body unpacks to more than it may."""


class Unpacking:
    """A body that comes packed: unpacked as it comes, and never beyond its bound."""

    def __init__(self, most: int) -> None:
        """Unpack up to so many octets."""
        self._room = most
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1
        self._begun = False

    def unpack(self, data: bytes) -> bytes:
        """Return what the next octets of the body are.

        Raises:
            Damaged: if they are no gzip.
            TooLong: if they are more than there is room for.
        """
        pieces = []
        while data:
            self._begun = True
            if self._member.eof:
                if self._members == MEMBERS:
                    raise Damaged(f"It has more than {MEMBERS} gzip streams.")
                self._member = zlib.decompressobj(_GZIP)
                self._members += 1
            try:
                piece = self._member.decompress(data, self._room + 1)
            except zlib.error:
                raise Damaged("It is no gzip.") from None
            if len(piece) > self._room:
                raise TooLong
            self._room -= len(piece)
            pieces.append(piece)
            data = self._member.unused_data
        return b"".join(pieces)

    def end(self) -> None:
        """Take note that all of the body has come.

        Raises:
            Damaged: if its end is missing.
        """
        if self._begun and not self._member.eof:
            raise Damaged("Its gzip is cut short.")


def pack(body: bytes) -> bytes:
    """Return a body as it goes."""
    return zlib.compress(body, LEVEL, _GZIP)


@lru_cache(256)
def wanted(accept_encoding: str | None) -> bool:
    """Return whether a client wants gzip, by its Accept-Encoding, at least as much as none (12.5.3)."""
    if accept_encoding is None:
        return False
    asked = weights(accept_encoding)
    others = asked.get("*", 0.0)
    weight = max(asked.get(name, others) for name in NAMES)
    return weight > 0 and weight >= asked.get("identity", 0.0)

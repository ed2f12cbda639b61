"""The heads of answers, as octets.

twisted.web's own way, a dictionary of lists of values that are encoded one by one, takes longer than reading
the request. Most of a head is the same in all answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus

from twisted.web.http import datetimeToString

CONSTANT = b"".join(
    b"%b: %b\r\n" % field
    for field in (
        (b"Server", b"smsd"),
        (b"Vary", b"Accept, Accept-Encoding"),
        # Pages of any origin may call the API; they have no credentials of a browser's to misuse.
        (b"Access-Control-Allow-Origin", b"*"),
        (b"Access-Control-Allow-Methods", b"DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        (
            b"Access-Control-Allow-Headers",
            b"Authorization, Content-Encoding, Content-Type, Idempotency-Key, X-Enrollment-Token",
        ),
        (b"Access-Control-Expose-Headers", b"Allow, Idempotent-Replayed, Retry-After"),
    )
)


def head(code: int, now: float, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the head of an answer with these fields, besides those that all answers have."""
    lines = b"".join([b"%b: %b\r\n" % field for field in fields])
    return b"%b%b%b%b\r\n" % (_status_line(code), _date(int(now)), CONSTANT, lines)


@lru_cache(100)
def _status_line(code: int) -> bytes:
    return f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\n".encode()


@lru_cache(1)
def _date(seconds: int) -> bytes:
    return b"Date: %b\r\n" % datetimeToString(seconds)

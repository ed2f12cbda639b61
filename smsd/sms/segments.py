"""A message cut to the size of one SMS (3GPP TS 23.040, 9.2.3.24.1).

An SMS holds 140 octets: 160 septets, 70 UCS-2 characters. A concatenation element takes 6 of them (7 with
a 16-bit reference), which leaves 153 septets, 67 characters or 134 octets; other elements take theirs.
"""

from collections.abc import Callable

from smsd.sms.alphabet import ESCAPE_SEPTET
from smsd.sms.data_coding import Alphabet, alphabet
from smsd.sms.udh import Concatenation, concatenation, with_length

SMS_OCTETS = 140
MOST_SEGMENTS = 255  # The number of a part is one octet.

_ESCAPE_OCTET = bytes((ESCAPE_SEPTET,))
_GSM7 = Alphabet.GSM7  # By a name of their own: an enumeration's members are slow to look up.
_UCS2 = Alphabet.UCS2
_OCTET = tuple(bytes((number,)) for number in range(MOST_SEGMENTS + 1))
_CONCATENATION_OCTETS = 5
_WIDE_CONCATENATION_OCTETS = 6
_SMALLEST_ROOM = 4  # A surrogate pair; an escape sequence is shorter.


class TooLong(ValueError):
    """A message that no 255 segments can carry."""


def room(kind: Alphabet, elements: int = 0) -> int:
    """Return how many octets of a body, as SMPP carries it, fit beside so many octets of elements."""
    free = SMS_OCTETS - (1 + elements if elements else 0)
    if kind is _GSM7:
        return free * 8 // 7
    return free & ~1 if kind is _UCS2 else free


def count(body: bytes, data_coding: int, udh: bytes = b"", wide: bool = False) -> int:
    """Return how many segments a message takes, however many. Raises `TooLong` if the header is too long."""
    limit = _limit(body, data_coding, udh, wide)
    return len(_cut(body, data_coding, limit)) if limit else 1


def parts(body: bytes, data_coding: int, udh: bytes = b"", wide: bool = False) -> list[bytes]:
    """Return the piece of the body that each segment carries, for SAR TLVs (SMPP 3.4, 5.3.2.22 to 24).

    There is room left for the concatenation that the operator will add. Raises `TooLong`.
    """
    limit = _limit(body, data_coding, udh, wide)
    if not limit:
        return [body]
    pieces = _cut(body, data_coding, limit)
    if len(pieces) > MOST_SEGMENTS:
        raise TooLong(f"{len(pieces)} segments, {MOST_SEGMENTS} at most")
    return pieces


def split(
    body: bytes, data_coding: int, udh: bytes = b"", reference: int = 0, wide: bool = False
) -> list[bytes]:
    """Return the user data of each segment as a short_message carries it (SMPP 3.4, 5.2.12).

    Every segment begins with the given elements; when there is more than one, with a concatenation too,
    of an 8-bit or a wide, 16-bit reference. Raises `TooLong`, also for a body that says it is a part
    already and does not fit, and `InvalidUdh`.
    """
    pieces = parts(body, data_coding, udh, wide)
    if len(pieces) == 1:
        return [with_length(udh) + body] if udh else pieces
    if udh and concatenation(udh) is not None:
        raise TooLong("a part of a message does not fit a segment")
    element = Concatenation(reference, len(pieces), 1, wide).element()
    start = bytes((len(element) + len(udh),)) + element[:-1]  # All but the number, which ends the element.
    return [start + _OCTET[number] + udh + piece for number, piece in enumerate(pieces, 1)]


def _limit(body: bytes, data_coding: int, udh: bytes, wide: bool) -> int:
    """Return how much of the body one of several segments holds, or 0 if a single one holds it all."""
    kind = alphabet(data_coding)
    if len(body) <= room(kind, len(udh)):
        return 0
    limit = room(kind, len(udh) + (_WIDE_CONCATENATION_OCTETS if wide else _CONCATENATION_OCTETS))
    if limit < _SMALLEST_ROOM:
        raise TooLong("the header leaves no room for text")
    return limit


def _cut(body: bytes, data_coding: int, limit: int) -> list[bytes]:
    """Cut a body into pieces of that size, or one unit less where the cut would split a character."""
    kind = alphabet(data_coding)
    if kind is _UCS2:
        return _cut_around(body, limit, 2, _splits_pair)
    if kind is _GSM7 and ESCAPE_SEPTET in body:
        return _cut_around(body, limit, 1, _splits_escape)
    return [body[start : start + limit] for start in range(0, len(body), limit)]


def _cut_around(body: bytes, limit: int, unit: int, splits: Callable[[bytes, int, int], bool]) -> list[bytes]:
    pieces = []
    start = 0
    while len(body) - start > limit:
        end = start + limit
        if splits(body, start, end):
            end -= unit
        pieces.append(body[start:end])
        start = end
    pieces.append(body[start:])
    return pieces


def _splits_pair(body: bytes, start: int, end: int) -> bool:
    """Tell whether a cut comes between the two halves of a UTF-16 surrogate pair."""
    return body[end - 2] & 0xFC == 0xD8 and body[end] & 0xFC == 0xDC


def _splits_escape(body: bytes, start: int, end: int) -> bool:
    """Tell whether a cut comes between an escape and its septet, which may be an escape too."""
    if body[end - 1] != ESCAPE_SEPTET:
        return False
    return (end - start - len(body[start:end].rstrip(_ESCAPE_OCTET))) % 2 == 1

"""What received messages say: the text of one, and the text that segments are put together to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from msgspec.structs import replace

from smsd.sms.coding import decode
from smsd.sms.udh import InvalidUdh, split_udh, with_length, without_concatenation
from smsd.store.received import Original

UDHI = 0x40
"""The bit of esm_class that says a user data header begins the message (SMPP 3.4, 5.2.12)."""
MISSING = "[…]"
"""What stands in a text for the segments that never came."""


def octets(original: Original) -> tuple[bytes, bytes]:
    """Return the information elements of a message's header, but for those that number it, and its text."""
    body = original.short_message or original.payload or b""
    if not original.esm_class & UDHI:
        return b"", body
    try:
        udh, body = split_udh(body)
        return without_concatenation(udh), body
    except InvalidUdh:
        return b"", body


def text(original: Original) -> str:
    """Return what a message says."""
    return whole_text((original,))


def whole_text(segments: Sequence[Original | None]) -> str:
    """Return what segments say together, in their order; ``None`` is one that never came.

    Segments of one coding are decoded as one, since not every sender cuts between characters.
    """
    pieces = []
    for coding, run in groupby(segments, _coding):
        if coding is None:
            pieces.append(MISSING)
        else:
            body = b"".join(octets(one)[1] for one in run if one is not None)
            pieces.append(decode(body, *coding))
    # PostgreSQL has no text with this character.
    return "".join(pieces).replace("\0", "\ufffd")


def joined(segments: Sequence[Original]) -> Original:
    """Return segments, in their order, as the one message that they were before they were cut."""
    first = segments[0]
    udh, _ = octets(first)
    return replace(
        first,
        esm_class=first.esm_class if udh else first.esm_class & ~UDHI,
        short_message=with_length(udh) + b"".join(octets(one)[1] for one in segments),
        payload=None,
        tlvs=(),
        place=None,
    )


def _coding(segment: Original | None) -> tuple[int, bytes] | None:
    """Return what decides how a segment's octets are read."""
    return (segment.data_coding, octets(segment)[0]) if segment is not None else None

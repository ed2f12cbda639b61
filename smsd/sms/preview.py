"""What a text will cost and look like, before it is sent."""

import msgspec

from smsd.sms.coding import Alphabet, Language, alphabet, codecs_allowed, decode, encode
from smsd.sms.segments import parts, room
from smsd.sms.transliteration import Transliteration, transliterate
from smsd.sms.udh import Concatenation


class Preview(msgspec.Struct, frozen=True):
    """How a text goes out."""

    text: str
    """The text that is sent: transliterated, if that was asked for."""
    data_coding: int
    alphabet: Alphabet
    segments: tuple[str, ...]
    """The text of each segment; their number is the message's count."""
    remaining: int
    """How much more the last segment holds: septets, or UTF-16 units in UCS-2, where an emoji takes two."""
    unicode: tuple[str, ...]
    """The characters, in their order, that made UCS-2 necessary."""


def preview(
    text: str,
    *,
    single_shift: Language | None = None,
    locking_shift: Language | None = None,
    transliteration: Transliteration | None = None,
    wide: bool = False,
) -> Preview:
    """Tell how a text will be sent with these options.

    Raises `smsd.sms.segments.TooLong`.
    """
    if transliteration is not None:
        text = transliterate(text, transliteration)
    encoded = encode(text, single_shift=single_shift, locking_shift=locking_shift)
    kind = alphabet(encoded.data_coding)
    pieces = parts(encoded.body, encoded.data_coding, encoded.udh, wide)
    header = len(encoded.udh)
    if len(pieces) > 1:
        header += len(Concatenation(0, 1, 1, wide).element())
    unit = 2 if kind is Alphabet.UCS2 else 1
    lacking = _lacking(text, single_shift, locking_shift) if kind is Alphabet.UCS2 else ()
    return Preview(
        text=text,
        data_coding=encoded.data_coding,
        alphabet=kind,
        segments=tuple(decode(piece, encoded.data_coding, encoded.udh) for piece in pieces),
        remaining=(room(kind, header) - len(pieces[-1])) // unit,
        unicode=lacking,
    )


def _lacking(text: str, single_shift: Language | None, locking_shift: Language | None) -> tuple[str, ...]:
    """Return what the tables that come nearest to carrying a text lack."""
    used = tuple(dict.fromkeys(text))
    return min(
        (
            tuple(character for character in used if character not in codec.characters)
            for _, codec in codecs_allowed(single_shift, locking_shift)
        ),
        key=len,
    )

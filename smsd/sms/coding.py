"""Text to the octets of a message and back (3GPP TS 23.038; SMPP 3.4, 5.2.19 and 5.2.22)."""

from collections.abc import Container

import msgspec

from smsd.sms.alphabet import GSM, SeptetCodec, septet_codec
from smsd.sms.data_coding import GSM_DEFAULT, LATIN_1, UCS_2
from smsd.sms.data_coding import Alphabet as Alphabet
from smsd.sms.data_coding import alphabet as alphabet
from smsd.sms.data_coding import message_class as message_class
from smsd.sms.data_coding import with_class as with_class
from smsd.sms.national import LOCKING_SHIFT, SINGLE_SHIFT
from smsd.sms.national import Language as Language
from smsd.sms.segments import count
from smsd.sms.udh import LOCKING_SHIFT as LOCKING_SHIFT_ELEMENT
from smsd.sms.udh import SINGLE_SHIFT as SINGLE_SHIFT_ELEMENT
from smsd.sms.udh import InvalidUdh, elements

# The other character sets of SMPP 3.4, 5.2.19 that Python has under one name only.
_CHARACTER_SETS = {0x06: "iso8859_5", 0x07: "iso8859_8", 0x0A: "iso2022_jp", 0x0E: "euc_kr"}


class Encoded(msgspec.Struct, frozen=True):
    """A text as SMPP carries it, whole: not yet cut into segments."""

    data_coding: int
    body: bytes
    """One octet a septet for GSM 7-bit, UTF-16 in network order for UCS-2."""
    udh: bytes = b""
    """The information elements that every segment must carry, without their length octet."""


def encode(
    text: str, *, single_shift: Language | None = None, locking_shift: Language | None = None
) -> Encoded:
    """Encode a text in the cheapest coding that loses nothing: GSM 7-bit, else UCS-2.

    The national tables that are named may be used, and are if the text takes fewer segments with them, or
    would need UCS-2 without.
    """
    septets = GSM.encode(text)
    if single_shift is None and locking_shift is None:
        if septets is not None:
            return Encoded(GSM_DEFAULT, septets)
        return Encoded(UCS_2, text.encode("utf-16-be", "surrogatepass"))
    candidates = [
        Encoded(GSM_DEFAULT, septets, udh)
        for udh, codec in codecs_allowed(single_shift, locking_shift)
        if (septets := codec.encode(text)) is not None
    ]
    if candidates:
        return min(candidates, key=_cost)
    return Encoded(UCS_2, text.encode("utf-16-be", "surrogatepass"))


def codecs_allowed(
    single_shift: Language | None, locking_shift: Language | None
) -> list[tuple[bytes, SeptetCodec]]:
    """Return the ways to use the named tables, the plainest first, each with its information elements."""
    singles = [None, single_shift] if single_shift in SINGLE_SHIFT else [None]
    lockings = [None, locking_shift] if locking_shift in LOCKING_SHIFT else [None]
    return [
        (_elements(single, locking), septet_codec(locking, single))
        for locking in lockings
        for single in singles
    ]


def decode(body: bytes, data_coding: int, udh: bytes = b"") -> str:
    """Return the text of a message, for people to read: any octets give one, and nothing is raised.

    What is no character becomes U+FFFD. Binary, and what nobody can tell, is given as hexadecimal digits.
    """
    match alphabet(data_coding):
        case Alphabet.GSM7:
            return (_codec(udh) if udh else GSM).decode(body)
        case Alphabet.UCS2:
            return body.decode("utf-16-be", "replace")
        case Alphabet.LATIN1:
            return body.decode("latin-1")
        case Alphabet.BINARY:
            charset = _CHARACTER_SETS.get(data_coding)
            return body.decode(charset, "replace") if charset else body.hex().upper()


def is_text(data_coding: int) -> bool:
    """Tell whether :func:`decode` returns text, rather than hexadecimal digits."""
    return alphabet(data_coding) is not Alphabet.BINARY or data_coding in _CHARACTER_SETS


def recode(message: Encoded, supported: Container[Alphabet]) -> Encoded:
    """Return a message in a coding of these alphabets, for an operator who does not take them all.

    Text is encoded again, as GSM 7-bit if it can be, else as Latin-1 if it can be, else as UCS-2, whether
    supported or not: there is nothing else. Its message class stays. Octets that are no text stay as
    they are.
    """
    kind = alphabet(message.data_coding)
    if message.data_coding not in _CHARACTER_SETS and (kind in supported or kind is Alphabet.BINARY):
        return message
    text = decode(message.body, message.data_coding, message.udh)
    other = _without_languages(message.udh)
    if Alphabet.GSM7 in supported and (septets := GSM.encode(text)) is not None:
        fresh = Encoded(GSM_DEFAULT, septets, other)
    elif Alphabet.LATIN1 in supported and _is_latin_1(text) and message_class(message.data_coding) is None:
        fresh = Encoded(LATIN_1, text.encode("latin-1"), other)
    else:
        fresh = Encoded(UCS_2, text.encode("utf-16-be", "surrogatepass"), other)
    display = message_class(message.data_coding)
    if display is None:
        return fresh
    return msgspec.structs.replace(fresh, data_coding=with_class(fresh.data_coding, display))


def _cost(encoded: Encoded) -> tuple[int, int]:
    return count(encoded.body, encoded.data_coding, encoded.udh), len(encoded.udh) + len(encoded.body)


def _elements(single: Language | None, locking: Language | None) -> bytes:
    """Return the elements that name the tables of a message (TS 23.040, 9.2.3.24.15 and 9.2.3.24.16)."""
    header = b""
    if single:
        header += bytes((SINGLE_SHIFT_ELEMENT, 1, single))
    if locking:
        header += bytes((LOCKING_SHIFT_ELEMENT, 1, locking))
    return header


def _codec(udh: bytes) -> SeptetCodec:
    """Return the codec that a header asks for; an identifier that is reserved asks for nothing."""
    try:
        named = {identifier: data[0] for identifier, data in elements(udh) if len(data) == 1}
    except InvalidUdh:
        return GSM
    single, locking = named.get(SINGLE_SHIFT_ELEMENT), named.get(LOCKING_SHIFT_ELEMENT)
    return septet_codec(
        Language(locking) if locking in LOCKING_SHIFT else None,
        Language(single) if single in SINGLE_SHIFT else None,
    )


def _without_languages(udh: bytes) -> bytes:
    """Return the elements of a header that name no table; a header that cannot be read stays."""
    try:
        found = elements(udh)
    except InvalidUdh:
        return udh
    languages = {SINGLE_SHIFT_ELEMENT, LOCKING_SHIFT_ELEMENT}
    return b"".join(bytes((name, len(data))) + data for name, data in found if name not in languages)


def _is_latin_1(text: str) -> bool:
    return all(character <= "\xff" for character in text)

"""What the data_coding octet says (SMPP 3.4, 5.2.19; its upper half is 3GPP TS 23.038, clause 4)."""

from enum import Enum

GSM_DEFAULT = 0x00
LATIN_1 = 0x03
OCTETS = 0x04
UCS_2 = 0x08


class Alphabet(Enum):
    """What the octets of a message are, and so how many of them fit a segment."""

    GSM7 = "GSM 7-bit"
    LATIN1 = "Latin-1"
    UCS2 = "UCS-2"
    BINARY = "binary"


# SMPP's own values. What it leaves open and the Asian sets count as octets that must not be touched.
_SMPP = {0x00: Alphabet.GSM7, 0x01: Alphabet.GSM7, 0x03: Alphabet.LATIN1, 0x08: Alphabet.UCS2}
_GSM_BITS = (Alphabet.GSM7, Alphabet.BINARY, Alphabet.UCS2, Alphabet.GSM7)
_COMPRESSED = 0x20


def _alphabet(data_coding: int) -> Alphabet:
    group = data_coding >> 4
    if group == 0x0:
        return _SMPP.get(data_coding, Alphabet.BINARY)
    if group <= 0x7:  # General, and marked for automatic deletion.
        return Alphabet.BINARY if data_coding & _COMPRESSED else _GSM_BITS[data_coding >> 2 & 3]
    if group == 0xE:  # Message waiting, in UCS-2.
        return Alphabet.UCS2
    if group == 0xF:
        return Alphabet.BINARY if data_coding & 0x04 else Alphabet.GSM7
    return Alphabet.GSM7  # Message waiting, and what is reserved: "assumed to be the default alphabet".


_ALPHABETS = tuple(map(_alphabet, range(0x100)))


def alphabet(data_coding: int) -> Alphabet:
    """Return the alphabet of a data_coding octet."""
    return _ALPHABETS[data_coding]


def message_class(data_coding: int) -> int | None:
    """Return the message class 0 (flash) to 3, or None if the octet says none."""
    has_class = data_coding >= 0xF0 or data_coding & 0x90 == 0x10
    return data_coding & 0x03 if has_class else None


def with_class(data_coding: int, message_class: int) -> int:
    """Return the data_coding of the same alphabet with a message class; class 0 is a flash message.

    Raises `ValueError` for Latin-1 and the other character sets that only SMPP knows: no octet says them
    with a class, so `smsd.sms.coding.recode` the message first.
    """
    kind = _ALPHABETS[data_coding]
    if kind is Alphabet.LATIN1 or data_coding in range(0x05, 0x08) or data_coding in range(0x09, 0x10):
        raise ValueError(f"data_coding {data_coding} cannot carry a message class")
    base = {Alphabet.GSM7: 0xF0, Alphabet.BINARY: 0xF4, Alphabet.UCS2: 0x18}[kind]
    return base | message_class & 0x03

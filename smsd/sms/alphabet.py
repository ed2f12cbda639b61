"""The GSM 7-bit default alphabet and the tables that shift it (3GPP TS 23.038, 6.2.1).

A septet stands in an octet of its own here, as SMPP carries it.
"""

import codecs
import re
from functools import cache

from smsd.sms.national import ESCAPE, LOCKING_SHIFT, NOTHING, SINGLE_SHIFT, Language

# The GSM 7-bit default alphabet (TS 23.038, 6.2.1), laid out as the tables of `smsd.sms.national`.
DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ␛ÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

# Its extension table (TS 23.038, 6.2.1.1). The form feed is the table's page break.
EXTENSION = (
    "··········\f·····"
    "····^······␛····"
    "········{}·····\\"
    "············[~]·"
    "|···············"
    "················"
    "·····€··········"
    "················"
)

# The septet that announces a septet of the extension table (TS 23.038, 6.2.1, note 1).
ESCAPE_SEPTET = 0x1B

_ESCAPE_OCTET = b"\x1b"
_SEPTETS = bytes(range(0x80))
_PIECES = re.compile(rb"\x1b(.?)|[^\x1b]+", re.DOTALL)
_UNDEFINED = "\ufffe"  # What Python's character maps take for "nothing here".


class SeptetCodec:
    """Text to septets and back by a table and by what the escape leads to from it.

    Encoding is one pass of Python's own character map: octets up to 0x7F stand for the first table,
    those from 0x80 for the second one, and are spread to the escape and their septet afterwards. Python
    makes such a map fast only if its octet 0 is U+0000, so the letter at 0x00 takes the place of the
    escape, which is no letter, until then.
    """

    def __init__(self, table: str = DEFAULT, extension: str = EXTENSION) -> None:
        """Index a pair of tables."""
        marks = {NOTHING, ESCAPE}
        first: dict[str, int] = {}
        for code, character in enumerate(table + extension):
            if character not in marks:
                first.setdefault(character, code)
        encoding = ["\0"] + [_UNDEFINED] * 255
        for character, code in first.items():
            encoding[code or ESCAPE_SEPTET] = character
        self._encoding = codecs.charmap_build("".join(encoding))
        self._spread = {
            code: (bytes((code,)), bytes((ESCAPE_SEPTET, code - 0x80))) for code in range(0x80, 0x100)
        }
        self._table = "".join(" " if c == ESCAPE else "\ufffd" if c == NOTHING else c for c in table)
        self._decoding = self._table + "\ufffd" * 0x80
        self._extension = "".join(
            shown if c in marks else c for c, shown in zip(extension, self._table, strict=True)
        )
        self.characters = frozenset(first)

    def encode(self, text: str) -> bytes | None:
        """Return the septets of a text, or None if the tables lack one of its characters."""
        try:
            octets: bytes = codecs.charmap_encode(text, "strict", self._encoding)[0]
        except UnicodeEncodeError:
            return None
        if 0 in octets:  # U+0000, which no table has.
            return None
        septets = octets.replace(_ESCAPE_OCTET, b"\0")
        if not septets.isascii():
            for octet in set(septets.translate(None, _SEPTETS)):
                septets = septets.replace(*self._spread[octet])
        return septets

    def decode(self, septets: bytes) -> str:
        """Return the text of septets as a handset shows it (TS 23.038, 6.2.1.1 and 6.2.1.2).

        An escape to a septet that the extension lacks shows that septet's symbol of the first table; an
        escape that leads nowhere shows a space. An octet above 0x7F is no septet and gives U+FFFD.
        """
        if ESCAPE_SEPTET not in septets:
            return codecs.charmap_decode(septets, "strict", self._decoding)[0]
        return "".join(map(self._piece, _PIECES.finditer(septets)))

    def _piece(self, piece: re.Match[bytes]) -> str:
        escaped = piece[1]
        if escaped is None:
            return codecs.charmap_decode(piece[0], "strict", self._decoding)[0]
        if not escaped:
            return " "
        return self._extension[escaped[0]] if escaped[0] < 0x80 else "\ufffd"


# The default alphabet with its own extension.
GSM = SeptetCodec()


@cache
def septet_codec(locking_shift: Language | None, single_shift: Language | None) -> SeptetCodec:
    """Return the codec of a message whose header names these tables (TS 23.038, 6.2.1.2.1).

    A language without the table in question leaves the default one in place: Spanish has no locking shift.
    """
    table = LOCKING_SHIFT.get(locking_shift, DEFAULT) if locking_shift else DEFAULT
    extension = SINGLE_SHIFT[single_shift] if single_shift else EXTENSION
    return GSM if (table, extension) == (DEFAULT, EXTENSION) else SeptetCodec(table, extension)

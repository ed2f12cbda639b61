"""What the identity of a subscriber says of the network that he belongs to (ITU-T E.212)."""

from __future__ import annotations

from collections.abc import Mapping

# Countries whose networks have codes of three digits, by ITU's assignments; all others have two.
_THREE_DIGITS = frozenset(
    (302, *range(310, 317), 330, 332, 334, 338, *range(342, 362, 2), 364, 365, 366, 376, 708, 722, 732, 750)
)
# Countries that have both: which codes of three digits there are.
_MIXED: Mapping[int, tuple[range, ...]] = {
    374: (range(130, 150),),
    405: (range(25, 48), range(750, 757), range(799, 933)),
    502: (range(142, 160),),
}


def home_network(imsi: str) -> str:
    """Return the MCC and MNC that an IMSI begins with; empty if it is none.

    How many digits the MNC has is said by the country, not by the IMSI (E.212, annex B).
    """
    if not 6 <= len(imsi) <= 15 or not imsi.isdecimal() or not imsi.isascii():
        return ""
    country, code = int(imsi[:3]), int(imsi[3:6])
    three = country in _THREE_DIGITS or any(code in codes for codes in _MIXED.get(country, ()))
    return imsi[:6] if three else imsi[:5]

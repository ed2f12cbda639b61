"""Septets packed into octets, as they go over the air (3GPP TS 23.038, 6.1.2.1).

SMPP carries a septet in an octet of its own; these functions are for what lies beyond it.
"""

_BITS = tuple(f"{septet & 0x7F:07b}" for septet in range(0x100))
_SEPTETS = {bits: septet for septet, bits in enumerate(_BITS[:0x80])}


def fill_bits(header: int) -> int:
    """Return how many bits bring a header of so many octets to a septet boundary (TS 23.040, 9.2.3.24)."""
    return -8 * header % 7


def pack(septets: bytes, fill: int = 0) -> bytes:
    """Pack septets, the first one in the lowest bits, after so many fill bits of zero.

    Of an octet above 0x7F the highest bit is lost.
    """
    if not septets:
        return b""
    bits = int("".join(map(_BITS.__getitem__, reversed(septets))), 2) << fill
    return bits.to_bytes((7 * len(septets) + fill + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill: int = 0) -> bytes:
    """Unpack so many septets that follow so many fill bits; fewer if the octets hold fewer.

    The count is needed: after seven of them a last septet of zero and seven spare bits look the same.
    """
    count = min(count, (8 * len(octets) - fill) // 7)
    if count <= 0:
        return b""
    bits = format(int.from_bytes(octets, "little") >> fill, f"0{7 * count}b")
    end = len(bits)
    return bytes([_SEPTETS[bits[at - 7 : at]] for at in range(end, end - 7 * count, -7)])

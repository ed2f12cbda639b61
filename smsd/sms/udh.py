"""The user data header: information elements before the text (3GPP TS 23.040, 9.2.3.24)."""

import msgspec

CONCATENATION_8BIT = 0x00
CONCATENATION_16BIT = 0x08
SINGLE_SHIFT = 0x24
LOCKING_SHIFT = 0x25

_CONCATENATIONS = {(CONCATENATION_8BIT, 3), (CONCATENATION_16BIT, 4)}


class InvalidUdh(ValueError):
    """A user data header whose lengths do not fit its octets."""


class Concatenation(msgspec.Struct, frozen=True):
    """Which part of which message a segment is (TS 23.040, 9.2.3.24.1 and 9.2.3.24.8)."""

    reference: int
    total: int
    number: int
    wide: bool = False
    """Whether the reference has 16 bits; references of the two widths are never the same."""

    def element(self) -> bytes:
        """Return the information element."""
        if self.wide:
            reference = self.reference & 0xFFFF
            return bytes((CONCATENATION_16BIT, 4, reference >> 8, reference & 0xFF, self.total, self.number))
        return bytes((CONCATENATION_8BIT, 3, self.reference & 0xFF, self.total, self.number))


def elements(octets: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return the identifier and the data of each information element.

    Raises `InvalidUdh` if an element reaches over the end.
    """
    found = []
    at = 0
    while at < len(octets):
        data = octets[at + 2 : at + 2 + octets[at + 1]] if at + 1 < len(octets) else b""
        if at + 1 >= len(octets) or len(data) < octets[at + 1]:
            raise InvalidUdh(f"information element at octet {at} is cut short")
        found.append((octets[at], data))
        at += 2 + len(data)
    return tuple(found)


def join(ies: tuple[tuple[int, bytes], ...]) -> bytes:
    """Return the octets of information elements, the inverse of `elements`."""
    return b"".join(bytes((identifier, len(data))) + data for identifier, data in ies)


def split_udh(body: bytes) -> tuple[bytes, bytes]:
    """Return the information elements, without their length octet, and what follows them.

    The body is a short_message whose esm_class says that a header begins it (SMPP 3.4, 5.2.12). Raises
    `InvalidUdh` if it does not hold the whole header; the elements themselves are not looked at.
    """
    if not body or len(body) <= body[0]:
        raise InvalidUdh("no room for the header that the body says it has")
    end = 1 + body[0]
    return body[1:end], body[end:]


def with_length(ies: bytes) -> bytes:
    """Return the header that begins a body: the length octet and the information elements, if any."""
    return bytes((len(ies),)) + ies if ies else b""


def concatenation(ies: bytes) -> Concatenation | None:
    """Return the concatenation among information elements, the last one if it is repeated.

    One that makes no sense (no parts, or a number beyond their total) is ignored, as the standard wants.
    Raises `InvalidUdh`.
    """
    for identifier, data in reversed(elements(ies)):
        if (identifier, len(data)) in _CONCATENATIONS:
            *reference, total, number = data
            if 0 < number <= total:
                return Concatenation(
                    int.from_bytes(bytes(reference), "big"), total, number, identifier == CONCATENATION_16BIT
                )
    return None


def without_concatenation(ies: bytes) -> bytes:
    """Return the information elements that are no concatenation. Raises `InvalidUdh`."""
    identifiers = {CONCATENATION_8BIT, CONCATENATION_16BIT}
    return join(tuple(element for element in elements(ies) if element[0] not in identifiers))

"""The classes of what can be known of a number, and which of them each package has."""

from __future__ import annotations

from enum import IntEnum
from operator import attrgetter

from smsd.numbering.context import Context


class Fields(IntEnum):
    """Fields that are known, and grow old, together."""

    ORIGINAL = 1
    PORTABILITY = 2
    SUBSCRIPTION = 3
    PRESENCE = 4


NAMES: dict[Fields, tuple[str, ...]] = {
    Fields.ORIGINAL: ("correct", "original"),
    Fields.PORTABILITY: ("ported", "ported_network"),
    Fields.SUBSCRIPTION: ("imsi", "serving_hlr"),
    Fields.PRESENCE: ("error", "serving_msc", "roaming", "roaming_network"),
}
"""The fields of a :class:`Context` in each class."""
EVERYTHING = frozenset(Fields)

CLEANING, PORTABILITY, ROAMING = "cleaning", "portability", "roaming"
PACKAGES = {
    CLEANING: frozenset({Fields.PRESENCE}),
    PORTABILITY: frozenset({Fields.PRESENCE, Fields.PORTABILITY}),
    ROAMING: frozenset({Fields.PRESENCE, Fields.PORTABILITY, Fields.SUBSCRIPTION}),
}
"""What is looked for in each package; the original network is known without asking."""

HOME = frozenset({Fields.PORTABILITY, Fields.SUBSCRIPTION})
"""What says which network has a number: that it was ported or not, or its IMSI."""


_READERS = tuple((fields, attrgetter(*names)) for fields, names in NAMES.items())


def told(context: Context) -> frozenset[Fields]:
    """Return the classes of which something is said."""
    return frozenset([fields for fields, read in _READERS if any(map(_is_known, read(context)))])


def _is_known(value: object) -> bool:
    return value is not None

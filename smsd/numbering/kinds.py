"""What kind of number it is, and whether it can be one, as its country's number plan says."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberDesc

LONGEST_CODE = 3
"""Digits of a calling code (E.164, 6.2.1)."""

Matches = Callable[[str], object]
_NOTHING: Matches = re.compile(r"(?!)").fullmatch


class Kind(NamedTuple):
    """What the number plan of its country says of a number."""

    country: str = ""
    """ISO 3166-1, two letters; empty if it belongs to none."""
    calling_code: str = ""
    type: str = ""
    """MOBILE, FIXED_LINE, FIXED_LINE_OR_MOBILE, or what else it is for; empty if it is no number."""

    @property
    def correct(self) -> bool:
        """Whether it can be a number."""
        return bool(self.type)


class _Region(NamedTuple):
    """A country, or what else has numbers of a calling code."""

    name: str
    leads: Matches | None
    """Tells by its first digits that a number is of this region, where several share a calling code."""
    general: Matches
    special: Matches
    """Tells whether it may be of one of the first types, which are rare."""
    specials: tuple[tuple[str, Matches], ...]
    types: tuple[tuple[str, Matches], ...]


def kind(number: str) -> Kind:
    """Return the kind of E.164 digits."""
    for length in range(1, LONGEST_CODE + 1):
        code = number[:length]
        regions = _regions(code)
        if regions:
            return _kind(code, regions, number[length:])
    return Kind()


def _kind(code: str, regions: tuple[_Region, ...], national: str) -> Kind:
    for region in regions:
        if region.leads is not None:
            if region.leads(national):
                return Kind(region.name, code, _type(region, national))
        elif type := _type(region, national):
            return Kind(region.name, code, type)
    return Kind(regions[0].name, code)


def _type(region: _Region, national: str) -> str:
    if not region.general(national):
        return ""
    if region.special(national):
        for type, matches in region.specials:
            if matches(national):
                return type
    for type, matches in region.types:
        if matches(national):
            return type
    return ""


@cache
def _regions(code: str) -> tuple[_Region, ...]:
    """Return the regions of a calling code, the main one first; none if it is no calling code."""
    if not code.isascii() or not code.isdigit():
        return ()
    names = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    if code.startswith("0"):
        return ()
    found = []
    for name in names:
        if name == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
            metadata = PhoneMetadata.metadata_for_nongeo_region(int(code), None)
        else:
            metadata = PhoneMetadata.metadata_for_region(name, None)
        if metadata is not None:
            found.append(_region("" if name == "001" else name, metadata))
    return tuple(found)


def _region(name: str, metadata: PhoneMetadata) -> _Region:
    types = [
        ("PREMIUM_RATE", metadata.premium_rate),
        ("TOLL_FREE", metadata.toll_free),
        ("SHARED_COST", metadata.shared_cost),
        ("VOIP", metadata.voip),
        ("PERSONAL_NUMBER", metadata.personal_number),
        ("PAGER", metadata.pager),
        ("UAN", metadata.uan),
        ("VOICEMAIL", metadata.voicemail),
    ]
    fixed, mobile = _matcher(metadata.fixed_line), _matcher(metadata.mobile)
    specials = [(type, matches) for type, described in types if (matches := _matcher(described)) is not None]
    patterns = [pattern for _, described in types if (pattern := _pattern(described))]
    found: list[tuple[str, Matches]] = []
    if fixed is not None and mobile is not None:
        found.append(("FIXED_LINE_OR_MOBILE", lambda digits: mobile(digits) and fixed(digits)))
    found += [(type, one) for type, one in (("MOBILE", mobile), ("FIXED_LINE", fixed)) if one is not None]
    leading = metadata.leading_digits
    general = _matcher(metadata.general_desc)
    return _Region(
        name,
        re.compile(leading).match if leading else None,
        general if general is not None else _NOTHING,
        re.compile("|".join(f"(?:{one})" for one in patterns)).fullmatch if patterns else _NOTHING,
        tuple(specials),
        tuple(found),
    )


def _matcher(described: PhoneNumberDesc | None) -> Matches | None:
    """Return what matches the numbers of a description, ``None`` if there are none."""
    pattern = _pattern(described)
    return re.compile(pattern).fullmatch if pattern else None


def _pattern(described: PhoneNumberDesc | None) -> str:
    if described is None or described.possible_length == (-1,):
        return ""
    return described.national_number_pattern or ""

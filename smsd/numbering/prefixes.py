"""The prefixes of international numbers: of their country, and of their network there."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import phonenumbers


class Prefixes(NamedTuple):
    """What a number begins with."""

    country: str = ""
    """The calling code, such as 41; empty if it is none."""
    network: str = ""
    """The national destination code, such as 79; empty if the number has none."""


@lru_cache(4096)
def prefixes(number: str) -> Prefixes:
    """Return the prefixes of a number's digits, as its country's number plan has them (E.164, 6.2)."""
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return Prefixes()
    length = phonenumbers.length_of_national_destination_code(parsed)
    national = phonenumbers.national_significant_number(parsed)
    return Prefixes(str(parsed.country_code), national[:length])


@lru_cache(4096)
def country(number: str) -> str:
    """Return the country of a number's digits in ISO 3166's two letters; empty if it has none."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(f"+{number}"))
    except phonenumbers.NumberParseException:
        return ""
    return region if region is not None and region.isalpha() else ""

"""The forms that destinations and senders may have."""

from __future__ import annotations

import re
from functools import lru_cache

ALPHANUMERIC = 11
"""How many characters GSM allows an alphanumeric sender (3GPP TS 23.040, 9.1.2.5)."""

_destination = re.compile(r"\+?([1-9][0-9]{4,14})").fullmatch
_numeric = re.compile(r"\+?[0-9]{3,15}").fullmatch
_alphanumeric = re.compile(rf"[A-Za-z0-9 !#$%&'()*+,\-./:;<=>?@_&]{{1,{ALPHANUMERIC}}}").fullmatch


def destination(address: str) -> str | None:
    """Return a number's E.164 digits, without the leading plus; ``None`` if it is no number (E.164, 6.1)."""
    match = _destination(address)
    return match[1] if match else None


@lru_cache(4096)
def is_sender(address: str) -> bool:
    """Tell whether an address can be a sender: empty, up to 15 digits, or up to 11 characters of text."""
    return not address or _numeric(address) is not None or _alphanumeric(address) is not None


def is_numeric(address: str) -> bool:
    """Tell whether an address is a number rather than a text."""
    return _numeric(address) is not None

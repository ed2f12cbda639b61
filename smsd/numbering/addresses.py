"""The forms that destinations and senders may have."""

from __future__ import annotations

import re
from functools import lru_cache

# The most that GSM allows an alphanumeric sender is 11 characters (3GPP TS 23.040, 9.1.2.5).

_destination = re.compile(r"(?:\+|00)?([1-9][0-9]{4,14})").fullmatch
_number = re.compile(r"(?:\+|00)?([0-9]{3,15})").fullmatch
_numeric = re.compile(r"\+?([0-9]{3,14})").fullmatch
_alphanumeric = re.compile(r"[A-Za-z0-9 !#$%&'()*+,\-./:;<=>?@_]{3,11}").fullmatch


def destination(address: str) -> str | None:
    """Return the E.164 digits of an international number; ``None`` if it is none (E.164, 6.1).

    A plus, or the 00 that most countries dial in its place, may lead it.
    """
    match = _destination(address)
    return match[1] if match else None


def number(address: str) -> str | None:
    """Return the digits of a number or short code, as they are without a plus or the 00 in its place.

    ``None`` means that it is neither.
    """
    match = _number(address)
    return match[1] if match else None


def national(address: str, country: str) -> str:
    """Return a national number in the international form: without its trunk 0, behind its country's code."""
    return country + address.removeprefix("0")


@lru_cache(4096)
def sender(address: str) -> str | None:
    """Return a sender as it is sent: nothing, 3 to 14 digits without a plus, or 3 to 11 characters of text.

    ``None`` means that it can't be a sender.
    """
    match = _numeric(address)
    if match:
        return match[1]
    return address if not address or _alphanumeric(address) else None


def is_numeric(address: str) -> bool:
    """Tell whether an address is a number rather than a text."""
    return _numeric(address) is not None

"""What others say of a number, as far as it can be taken at its word."""

from __future__ import annotations

import re

from smsd.numbering.context import Network
from smsd.services.statuses import GSM_ERRORS, NO_ERROR, UNKNOWN_ERROR

LONGEST_NAME = 100
"""Characters of a name; networks and countries have shorter ones."""

NO_ANSWER_ITSELF = "The peer has no answer itself."
"""What GSM error 502 means of a question: nothing is known, rather than that a number can't be reached."""

_address = re.compile(r"\+?([0-9A-Za-z._-]{3,40})", re.ASCII).fullmatch
_mccmnc = re.compile(r"[0-9]{5,6}", re.ASCII).fullmatch
_digits = re.compile(r"[0-9]{5,15}", re.ASCII).fullmatch
_prefix = re.compile(r"\+?([0-9]{1,15})", re.ASCII).fullmatch
_country = re.compile(r"[A-Za-z]{2}", re.ASCII).fullmatch


def name(text: str | None) -> str:
    """Return a name as it can be shown; nothing of what is none."""
    stripped = (text or "").strip()
    return stripped if stripped.isprintable() and len(stripped) <= LONGEST_NAME else ""


def digits(text: str | None) -> str:
    """Return 5 to 15 digits, such as an IMSI or a number; nothing of any other text."""
    return text if text and _digits(text) else ""


def address(text: str | None) -> str | None:
    """Return an exchange's address: digits, or a name if it has no number; ``None`` if it is neither."""
    match = _address(text.strip()) if text else None
    return match[1] if match else None


def mccmnc(text: str | None) -> str:
    """Return an MCC and MNC; nothing of any other text."""
    return text if text and _mccmnc(text) else ""


def error(number: int) -> int:
    """Return what a failure's GSM error is here: the same if there is such an error, else the unknown one."""
    return number if number != NO_ERROR and number in GSM_ERRORS else UNKNOWN_ERROR


def network(
    title: str | None = None,
    prefix: str | None = None,
    country_name: str | None = None,
    country_prefix: str | None = None,
    country_code: str | None = None,
    code: str | None = None,
) -> Network | None:
    """Return a network of what is said of it; ``None`` if that is nothing."""
    found = Network(
        name(title),
        _matched(prefix),
        name(country_name),
        _matched(country_prefix),
        country_code.upper() if country_code and _country(country_code) else "",
        mccmnc(code),
    )
    return found if found != Network() else None


def _matched(prefix: str | None) -> str:
    match = _prefix(prefix.strip()) if prefix else None
    return match[1] if match else ""

"""What the columns of settings may hold: each is checked, and made what is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network

from smsd.numbering.addresses import number as digits
from smsd.services.accounts import hash_password
from smsd.services.charging import MICROS, REFUNDS
from smsd.services.currencies import CURRENCIES
from smsd.services.fields import PACKAGES, ROAMING
from smsd.services.numbers import DELIVERIES, keyword_of
from smsd.services.push_urls import METHODS, checked
from smsd.services.routing import ALPHABETS, MODES
from smsd.store.settings import Value

BINDS = ("transmitter", "receiver", "transceiver")
"""The kinds of bind that an account may be allowed."""
NO_LOOKUPS = "none"
"""Stands for no package of lookups."""
NEW_ACCOUNT: dict[str, Value] = {
    "enabled": 1,
    "sessions": 4,
    "binds": " ".join(BINDS),
    "addresses": "",
    "tls": 0,
    "certificate": "",
    "throughput": 0,
    "unanswered": 0,
    "queue": 0,
    "standard_receipts": 0,
    "receipts_to_submitter": 0,
    "country": "",
    "currency": "EUR",
    "lookups": ROAMING,
    "lookup_price": "0",
    "package_until": 0,
    "refund": "unsent",
}
"""What a new account has that is not said otherwise."""
NUMBERS = {"sessions": 1000, "throughput": 1_000_000, "unanswered": 100_000, "queue": 1_000_000_000}
"""The numbers among an account's columns, each from 0 to this."""


class SettingError(ValueError):
    """A setting is not what it should be; the text says which, and what was expected."""


def account_columns(columns: dict[str, Value]) -> dict[str, Value]:
    """Return an account's columns as they are stored.

    Raises:
        SettingError: if one won't do.
    """
    row = dict(columns)
    if "system_id" in row and not re.fullmatch(r"[\x21-\x7e]{1,15}", str(row["system_id"])):
        raise SettingError(f"A system_id has 1 to 15 visible ASCII characters: not {row['system_id']!r}.")
    if ":" in str(row.get("system_id", "")):
        raise SettingError("A system_id has no colon: HTTP's authorization ends the name there.")
    if "password" in row:
        password = str(row["password"])
        if not re.fullmatch(r"[\x20-\x7e]{1,64}", password):
            raise SettingError("A password has 1 to 64 ASCII characters; for SMPP at most 8.")
        row["password"] = hash_password(password)
    for name, most in NUMBERS.items():
        if name in row and not 0 <= int(row[name] or 0) <= most:
            raise SettingError(f"{name} is a number from 0 to {most}: not {row[name]}.")
    if "binds" in row:
        row["binds"] = _words("A kind of bind", str(row["binds"]), BINDS)
    if "addresses" in row:
        row["addresses"] = " ".join(
            _network(one) for one in re.split(r"[\s,]+", str(row["addresses"])) if one
        )
    if "certificate" in row and not re.fullmatch(r"[^\0]{0,64}", str(row["certificate"])):
        raise SettingError(f"A common name has up to 64 characters: not {row['certificate']!r}.")
    if "country" in row and not re.fullmatch(r"([1-9][0-9]{0,2})?", str(row["country"])):
        raise SettingError(f"A country is a calling code of 1 to 3 digits: not {row['country']!r}.")
    if "currency" in row and row["currency"] not in CURRENCIES:
        raise SettingError(f"A currency is a code of ISO 4217, such as EUR: not {row['currency']!r}.")
    if row.get("lookups") == NO_LOOKUPS:
        row["lookups"] = ""
    if row.get("lookups") and row["lookups"] not in PACKAGES:
        words = ", ".join((*PACKAGES, NO_LOOKUPS))
        raise SettingError(f"A package of lookups is one of {words}: not {row['lookups']!r}.")
    if "lookup_price" in row:
        row["lookup_price"] = _price(str(row["lookup_price"]))
    if "refund" in row and row["refund"] not in REFUNDS:
        raise SettingError(f"What is given back is one of {', '.join(REFUNDS)}: not {row['refund']!r}.")
    if "package_until" in row:
        row["package_until"] = _end_of_package(row["package_until"])
    return row


def _end_of_package(given: Value) -> int:
    """Return the time that a date or a date with a time means; raises as :func:`account_columns`."""
    text = str(given or "none").strip()
    if isinstance(given, int) or text == "none":
        return int(given or 0) if text != "none" else 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingError(
            "The end of a package is a date such as 2027-01-31, which belongs to it, a time such as"
            f" 2027-01-31T12:00:00+01:00, or none: not {text!r}."
        ) from None
    if re.fullmatch(r"[0-9-]+", text):
        moment += timedelta(days=1)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def micros_of(amount: str) -> int:
    """Return an amount of money in the units of credit; raises as :func:`account_columns`."""
    try:
        micros = Decimal(amount) * MICROS
    except InvalidOperation:
        micros = Decimal("NaN")
    if not micros.is_finite() or micros != round(micros) or abs(micros) > 10**16:
        raise SettingError(f"An amount is a decimal with up to 6 places: not {amount!r}.")
    return int(micros)


def amount_of(micros: int) -> str:
    """Return an amount that is counted in the units of credit."""
    whole = Decimal(micros) / MICROS
    return f"{whole:f}"


def _words(what: str, given: str, known: Iterable[str]) -> str:
    """Return words, separated by commas or blanks, as they are stored; raises as :func:`account_columns`."""
    words = [word for word in re.split(r"[\s,]+", given) if word]
    for word in words:
        if word not in known:
            raise SettingError(f"{what} is one of {', '.join(known)}: not {word!r}.")
    if not words:
        raise SettingError(f"{what} is missing: name at least one of {', '.join(known)}.")
    return " ".join(one for one in known if one in words)


def _network(given: str) -> str:
    try:
        return str(ip_network(given))
    except ValueError as error:
        raise SettingError(
            f"An address is one like 192.0.2.7 or a network like 192.0.2.0/24: {error}."
        ) from error


def channel_columns(columns: dict[str, Value]) -> dict[str, Value]:
    """Return a channel's columns as they are stored; raises as :func:`account_columns`."""
    row = dict(columns)
    if "alphabets" in row:
        row["alphabets"] = _words("An alphabet", str(row["alphabets"]), ALPHABETS)
    if "mode" in row and row["mode"] not in MODES:
        raise SettingError(f"A mode is one of {', '.join(MODES)}: not {row['mode']!r}.")
    return row


def number_columns(columns: dict[str, Value]) -> dict[str, Value]:
    """Return a number's columns as they are stored; raises as :func:`account_columns`."""
    row = dict(columns)
    if "number" in row:
        number = digits(str(row["number"]))
        if number is None:
            raise SettingError(f"A number has 3 to 15 digits: not {row['number']!r}.")
        row["number"] = number
    if "keyword" in row:
        if not re.fullmatch(r"[^\s\0]{0,64}", str(row["keyword"])):
            raise SettingError(f"A keyword is one word of up to 64 characters: not {row['keyword']!r}.")
        row["keyword"] = keyword_of(str(row["keyword"]))
    if "delivery" in row and row["delivery"] not in DELIVERIES:
        raise SettingError(f"A delivery is one of {', '.join(DELIVERIES)}: not {row['delivery']!r}.")
    if "method" in row and row["method"] not in METHODS:
        raise SettingError(f"A method is one of {', '.join(METHODS)}: not {row['method']!r}.")
    if row.get("url"):
        try:
            row["url"] = checked(str(row["url"]))
        except ValueError as error:
            raise SettingError(f"{error}: not {row['url']!r}.") from None
    return row


def network_columns(columns: dict[str, Value]) -> dict[str, Value]:
    """Return a network's columns as they are stored; raises as :func:`account_columns`."""
    row = dict(columns)
    if "prefix" in row:
        row["prefix"] = str(row["prefix"]).removeprefix("+")
        if not re.fullmatch(r"[1-9][0-9]{0,14}", str(row["prefix"])):
            raise SettingError(
                f"A network's prefix has 1 to 15 digits, the first not 0: not {row['prefix']!r}."
            )
    if "mccmnc" in row and not re.fullmatch(r"[0-9]{5,6}", str(row["mccmnc"])):
        raise SettingError(
            f"An MCC has three digits, the MNC behind it two or three, such as 21910: not {row['mccmnc']!r}."
        )
    if "name" in row and not re.fullmatch(r"[^\x00-\x1f\x7f]{0,64}", str(row["name"])):
        raise SettingError(f"A network's name has up to 64 characters: not {row['name']!r}.")
    return row


def named(number: Value, keyword: Value) -> str:
    """Return what a number with its keyword is called in sentences."""
    return f"{number} with keyword {keyword}" if keyword else f"{number} without a keyword"


def route_columns(columns: dict[str, Value]) -> dict[str, Value]:
    """Return a route's columns as they are stored; raises as :func:`account_columns`."""
    if "code" in columns and not re.fullmatch(r"[A-Za-z0-9_.-]{0,10}", str(columns["code"])):
        raise SettingError(
            f"A route code has up to 10 letters, digits, or any of . _ -: not {columns['code']!r}."
        )
    if "prefix" in columns and not re.fullmatch(r"[0-9]{0,15}", str(columns["prefix"])):
        raise SettingError(f"A prefix has up to 15 digits: not {columns['prefix']!r}.")
    if "price" in columns:
        _price(str(columns["price"]))
    return dict(columns)


def _price(given: str) -> str:
    """Return a price as it was given; raises as :func:`account_columns`."""
    try:
        price = Decimal(given)
    except InvalidOperation:
        price = Decimal(-1)
    if not (price.is_finite() and 0 <= price < 10**6 and price == round(price, 6)):
        raise SettingError(f"A price is a decimal from 0, with up to 6 places: not {given!r}.")
    return given

"""What the columns of settings may hold: each is checked, and made what is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network

from smsd.numbering.addresses import number as digits
from smsd.numbering.plan import countries
from smsd.services.accounts import hash_password
from smsd.services.charging import MICROS, REFUNDS
from smsd.services.checks import ANY, WHICH, approval
from smsd.services.currencies import CURRENCIES
from smsd.services.fields import PACKAGES, ROAMING
from smsd.services.numbers import DELIVERIES, PUSH, keyword_of
from smsd.services.push_urls import METHODS, carries_text, checked
from smsd.services.routing import ALPHABETS, MODES
from smsd.services.rules import ACTIONS, SEND, TYPES
from smsd.services.week import hours_of
from smsd.store.settings import Route, Value

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
    "lookup_first": 0,
    "package_until": 0,
    "refund": "unsent",
    "senders": ANY,
    "destinations": ANY,
    "repeat_after": 0,
    "minute_limit": 0,
    "hour_limit": 0,
    "hours": "",
    "approval": "",
}
"""What a new account has that is not said otherwise."""
NUMBERS = {
    "sessions": 1000,
    "throughput": 1_000_000,
    "unanswered": 100_000,
    "queue": 1_000_000_000,
    "repeat_after": 86_400,
    "minute_limit": 100_000,
    "hour_limit": 100_000,
}
"""The numbers among an account's columns, each from 0 to this."""
ROUTES = {
    "code": (r"[A-Za-z0-9_.-]{0,10}", "A route code has up to 10 letters, digits, or any of . _ -"),
    "prefix": (r"[0-9]{0,15}", "A prefix has up to 15 digits"),
    "country": (r"([A-Z]{2})?", "A country is a code of ISO 3166, such as HR"),
    "network": (r"([0-9]{3}|[0-9]{5,6})?", "A network is an MCC, or an MCC and an MNC, such as 219 or 21910"),
    "sender": (
        r"([^\x00-\x1f\x7f*]{1,15}\*?)?",
        "A sender has up to 15 characters, or is the beginning of some, and ends in * then",
    ),
    "type": (rf"({'|'.join(TYPES)})?", f"A type is one of {', '.join(TYPES)}"),
    "hours": (r"[^\x00-\x1f\x7f]{0,200}", "Hours have up to 200 characters"),
    "action": ("|".join(ACTIONS), f"An action is one of {', '.join(ACTIONS)}"),
}
"""What the words among a route's columns look like, and how people are told so."""
ROUTE_NUMBERS = {"priority": (-1000, 1000), "weight": (1, 1000), "lookup": (0, 1)}
"""The numbers among them, and from what to what they go."""
IDENTITY = (
    "account_id",
    "code",
    "prefix",
    "country",
    "network",
    "sender",
    "type",
    "hours",
    "priority",
    "action",
    "channel_id",
)
"""What makes a route another one than the others: all but its weight, price and cost, and its lookups."""


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
        _check_price("price", row["lookup_price"])
    if "refund" in row and row["refund"] not in REFUNDS:
        raise SettingError(f"What is given back is one of {', '.join(REFUNDS)}: not {row['refund']!r}.")
    if "package_until" in row:
        row["package_until"] = _end_of_package(row["package_until"])
    return row | _checks_columns(row)


def _checks_columns(row: dict[str, Value]) -> dict[str, Value]:
    """Return those of an account's columns that say what its messages are held to."""
    for name in ("senders", "destinations"):
        if name in row and row[name] not in WHICH:
            raise SettingError(f"{name} is one of {', '.join(WHICH)}: not {row[name]!r}.")
    checked: dict[str, Value] = {}
    try:
        if "hours" in row:
            checked["hours"] = " ".join(str(row["hours"]).split())
            if checked["hours"]:
                hours_of(str(checked["hours"]))
        if "approval" in row:
            checked["approval"] = " ".join(re.split(r"[\s,]+", str(row["approval"]).strip(", \t")))
            approval(str(checked["approval"]))
    except ValueError as problem:
        raise SettingError(f"{problem}.") from None
    return checked


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


def check_push(number: Mapping[str, Value]) -> None:
    """See to it that a number whose messages are pushed says where to, so that they get there.

    Raises:
        SettingError: if it doesn't.
    """
    if number["delivery"] != PUSH:
        return
    url, method = str(number["url"]), str(number["method"])
    if not url:
        raise SettingError("A number whose delivery is push needs a URL.")
    if not carries_text(method, url):
        wanted = "%text% or %bin%" + ("" if method == "GET" else ", or output=json or output=xml")
        raise SettingError(
            f"With {method} a URL needs {wanted}: else nothing of what subscribers write is sent to {url!r}."
        )


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
    row = dict(columns)
    for name in ("country", "type", "action", "hours"):
        if name in row:
            row[name] = " ".join(str(row[name]).split())
    if "country" in row:
        row["country"] = str(row["country"]).upper()
    if "sender" in row:
        row["sender"] = str(row["sender"]).removeprefix("+")
    for name, (pattern, words) in ROUTES.items():
        if name in row and not re.fullmatch(pattern, str(row[name])):
            raise SettingError(f"{words}: not {row[name]!r}.")
    check_country(str(row.get("country", "")))
    if row.get("hours"):
        try:
            hours_of(str(row["hours"]))
        except ValueError as error:
            raise SettingError(f"Hours: {error}.") from None
    for name, (least, most) in ROUTE_NUMBERS.items():
        if name in row:
            if not re.fullmatch(r"-?[0-9]{1,6}", str(row[name])) or not least <= int(row[name] or 0) <= most:
                raise SettingError(f"A {name} is a number from {least} to {most}: not {row[name]!r}.")
            row[name] = int(row[name] or 0)
    for name in ("price", "cost"):
        if name in row:
            _check_price(name, row[name])
    return row


def check_country(country: str) -> None:
    """See to it that numbers may be in a country, if one is named; raises as :func:`account_columns`."""
    if country and country not in countries():
        raise SettingError(f"No number is in a country {country}: its code is one of ISO 3166, such as GB.")


def _check_price(name: str, given: Value) -> None:
    try:
        price = Decimal(str(given))
    except InvalidOperation:
        price = Decimal(-1)
    if not (price.is_finite() and 0 <= price < 10**6 and price == round(price, 6)):
        raise SettingError(f"A {name} is a decimal from 0, with up to 6 places: not {given!r}.")


def check_route(route: Route) -> None:
    """See to it that a route leads to a channel, or refuses; raises as :func:`account_columns`."""
    if (route.action == SEND) != (route.channel_id is not None):
        if route.action == SEND:
            raise SettingError("A route whose action is send needs a channel.")
        raise SettingError(f"A route whose action is {route.action} has no channel.")


def identity(route: Route) -> tuple[Value, ...]:
    """Return the values of a route that :data:`IDENTITY` names."""
    return tuple(getattr(route, name) for name in IDENTITY)

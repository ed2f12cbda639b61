"""What ENUM says of a number's portability (RFC 6116, RFC 4769, RFC 4694), read without I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from smsd.numbering.context import Context, Network

_SERVICE: Final = "pstn:tel"
_NUMBER: Final = re.compile(r"\+[0-9]{1,15}", re.ASCII).fullmatch
_SEPARATORS: Final = str.maketrans("", "", "-.()")
"""What may stand between the digits of a tel URI for the eye (RFC 3966, 3)."""
_ROUTING: Final = re.compile(r"\+?([0-9A-F]{1,24})", re.ASCII).fullmatch

# Of the expressions that a record may hold (RFC 3402, 3.2) only plain ones are followed: characters and
# classes, a few of them repeated, and groups that are not. So whatever a record holds takes next to no time.
_PLAIN: Final = re.compile(
    r"\^?(?:(?:\\[+.]|[0-9+.]|\[[0-9-]+\])(?:[*+?]|\{[0-9]{1,2}\})?|[()])*\$?", re.ASCII
)
_REPEATED: Final = re.compile(r"(?<!\\)[*+?]", re.ASCII)
_MOST_REPEATED: Final = 4


class Naptr(NamedTuple):
    """A record of a name, as far as ENUM uses it (RFC 3403, 4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str


class Portability(NamedTuple):
    """What a tel URI says of its number (RFC 4694)."""

    asked: bool
    """Whether its portability was looked up: ``npdi`` …"""
    routing: str
    """… and its routing number, hexadecimal digits: the number was ported; empty if it was not."""


def domain(number: str, suffix: str) -> str:
    """Return the name of a number's digits below a suffix (RFC 6116, 3.2)."""
    return ".".join((*reversed(number), suffix.strip(".")))


def portability(number: str, records: Iterable[Naptr]) -> Portability | None:
    """Return what the records of a number say of its portability: the first one that says something."""
    for record in sorted(records):
        services = record.service.lower().split("+")
        if record.flags.lower() != "u" or services[0] != "e2u" or _SERVICE not in services[1:]:
            continue
        uri = _substitute(record.regexp, f"+{number}")
        found = _read(uri) if uri is not None else None
        if found is not None:
            return found
    return None


def context(found: Portability | None, networks: Mapping[str, str]) -> Context:
    """Return what is known of a number; whose a routing number is, is said by what it begins with."""
    if found is None or not (found.asked or found.routing):
        return Context()
    if not found.routing:
        return Context(ported=False)
    mccmnc = next(
        (
            networks[found.routing[:end]]
            for end in range(len(found.routing), 0, -1)
            if found.routing[:end] in networks
        ),
        "",
    )
    return Context(ported=True, ported_network=Network(mccmnc=mccmnc) if mccmnc else None)


def _substitute(regexp: str, number: str) -> str | None:
    """Apply a record's expression to a number (RFC 3402, 3.2); ``None`` if it doesn't fit or isn't plain."""
    if not regexp:
        return None
    parts = regexp.split(regexp[0])
    if len(parts) != 4 or parts[3].lower() not in ("", "i"):
        return None
    _, pattern, replacement, _ = parts
    if not _PLAIN.fullmatch(pattern) or len(_REPEATED.findall(pattern)) > _MOST_REPEATED:
        return None
    try:
        match = re.search(pattern, number)
    except re.error:
        return None
    if match is None:
        return None
    try:
        return re.sub(r"\\([1-9])", lambda group: match[int(group[1])] or "", replacement)
    except IndexError:
        return None


def _read(uri: str) -> Portability | None:
    """Read a tel URI; ``None`` if it is none."""
    scheme, _, rest = uri.partition(":")
    subscriber, *parameters = rest.split(";")
    if scheme.lower() != "tel" or not _NUMBER(subscriber.translate(_SEPARATORS)):
        return None
    found: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        found.setdefault(name.strip().lower(), value.strip())
    match = _ROUTING(found.get("rn", "").translate(_SEPARATORS).upper())
    return Portability("npdi" in found, match[1] if match else "")

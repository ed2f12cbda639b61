"""The settings of each kind of back end, as they stand in its row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from twisted.internet.abstract import isIPAddress, isIPv6Address

from smsd.options import Kinds, Options, check_endpoint

Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=600)]
Waiting = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]

DNS_PORT = 53

_network = re.compile(r"\+?([0-9A-Fa-f]{1,24})=([0-9]{5,6})", re.ASCII).fullmatch


class OsmocomOptions(Options, frozen=True, forbid_unknown_fields=True):
    """How an osmo-hlr is reached."""

    endpoint: str = "tcp:127.0.0.1:4259"
    """A Twisted client endpoint of its control interface."""
    window: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    """How many questions may be unanswered on the connection."""
    timeout: Seconds = 5.0
    """Seconds that an answer may take."""
    waiting: Waiting = 20_000
    """How many may wait for answers; questions beyond that fail at once."""

    def check(self) -> None:
        """Raise ``ValueError`` if something that its type allows can't be used."""
        check_endpoint(self.endpoint)


class HttpOptions(Options, frozen=True, forbid_unknown_fields=True):
    """How another platform with the same HTTP API is reached."""

    url: str
    """Where it is: ``https://sms.example`` or with a path before ``/number/1/query``."""
    username: str
    password: str = ""
    numbers: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000
    """How many numbers go into a request at most."""
    requests: Annotated[int, msgspec.Meta(ge=1, le=100)] = 4
    """How many requests may be unanswered."""
    timeout: Seconds = 10.0
    """Seconds that an answer may take."""
    waiting: Waiting = 20_000
    """How many may wait for answers; questions beyond that fail at once."""

    def __repr__(self) -> str:
        return f"<HTTP {self.username} at {self.url}>"

    def check(self) -> None:
        """Raise ``ValueError`` if something that its type allows can't be used."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"url: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("url: it begins with http:// or https:// and a host, and has no query")
        if parts.username is not None:
            raise ValueError("url: the name and the password are options of their own")
        if port == 0:
            raise ValueError("url: 0 is no port")
        if ":" in self.username:
            raise ValueError("username: it can't have a colon")


class SmppOptions(Options, frozen=True, forbid_unknown_fields=True):
    """How another platform that answers about numbers over SMPP is reached."""

    endpoint: str
    """A Twisted client endpoint: ``tcp:smsc.example:8888`` or, with a verified certificate, ``tls:…``."""
    system_id: Annotated[str, msgspec.Meta(max_length=15)]
    password: Annotated[str, msgspec.Meta(max_length=8)] = ""
    system_type: Annotated[str, msgspec.Meta(max_length=12)] = "HLR"
    window: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    """How many submit_sm may be unanswered."""
    timeout: Seconds = 30.0
    """Seconds that a receipt may take."""
    waiting: Waiting = 20_000
    """How many may wait for receipts; questions beyond that fail at once."""

    def __repr__(self) -> str:
        return f"<SMPP {self.system_id} at {self.endpoint}>"

    def check(self) -> None:
        """Raise ``ValueError`` if something that its type allows can't be used."""
        for name in ("system_id", "password", "system_type"):
            if not getattr(self, name).isascii():
                raise ValueError(f"{name}: it has characters that are not ASCII")
        check_endpoint(self.endpoint)


class EnumOptions(Options, frozen=True, forbid_unknown_fields=True):
    """How numbers are found in the domain name system (RFC 6116)."""

    suffix: str = "e164.arpa"
    """The domain below which numbers are, digit by digit."""
    servers: str = ""
    """Addresses of name servers, with a port if it isn't 53; empty: those of the system."""
    networks: str = ""
    """Whose routing numbers begin how: ``D012=21910 38598=21902``."""
    missing: Literal["unknown", "not_ported"] = "unknown"
    """What it means that a number isn't there: nothing, or that it was never ported."""
    window: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    """How many queries may be unanswered."""
    timeout: Seconds = 5.0
    """Seconds that an answer may take, with all repetitions."""
    waiting: Waiting = 20_000
    """How many may wait for answers; questions beyond that fail at once."""

    def check(self) -> None:
        """Raise ``ValueError`` if something that its type allows can't be used."""
        labels = self.suffix.strip(".").split(".")
        if not all(re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})", label) for label in labels):
            raise ValueError(f"suffix: {self.suffix!r} is no domain")
        if len(self.suffix) > 220:  # A name has 255 octets, and 15 digits take 30 of them.
            raise ValueError("suffix: it is longer than 220 characters")
        self.addresses()
        self.mccmncs()

    def addresses(self) -> list[tuple[str, int]]:
        """Return the name servers and their ports."""
        found = []
        for text in self.servers.split():
            host, port = _address(text)
            if not (isIPAddress(host) or isIPv6Address(host)) or not 0 < port <= 0xFFFF:
                raise ValueError(
                    f"servers: {text!r} is no address such as 192.0.2.1, 192.0.2.1:5353 or [::1]:53"
                )
            found.append((host, port))
        return found

    def mccmncs(self) -> Mapping[str, str]:
        """Return the networks' MCC and MNC by the beginnings of their routing numbers."""
        found = {}
        for text in self.networks.split():
            match = _network(text)
            if match is None:
                raise ValueError(f"networks: {text!r} is not like D012=21910")
            found[match[1].upper()] = match[2]
        return found


class SimulatorOptions(Options, frozen=True, forbid_unknown_fields=True):
    """How the simulated back end behaves."""

    delay: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    """Seconds until it answers."""
    waiting: Waiting = 20_000
    """How many may wait for answers; questions beyond that fail at once."""


KINDS: Kinds[OsmocomOptions | HttpOptions | SmppOptions | EnumOptions | SimulatorOptions] = Kinds(
    "back end",
    {
        "osmocom": OsmocomOptions,
        "http": HttpOptions,
        "smpp": SmppOptions,
        "enum": EnumOptions,
        "simulator": SimulatorOptions,
    },
)


def _address(text: str) -> tuple[str, int]:
    """Return the host and the port of an address; an IPv6 one with a port stands in brackets."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    if port and not (port.isdecimal() and port.isascii()):
        return "", 0
    return host, int(port or DNS_PORT)

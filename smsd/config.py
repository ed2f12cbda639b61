"""The configuration file: what a node needs to start. All else is rows of the database."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from smsd.sms.urls import token_length

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Hours = Annotated[float, msgspec.Meta(gt=0, le=87_600)]

PLACES = (Path("etc/smsd.toml"), Path("/etc/smsd/smsd.toml"))
"""Where the file is looked for when neither an option nor SMSD_CONFIG names it."""


class ConfigError(ValueError):
    """The configuration can't be used; the text names the file, the key and what was expected."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file, in which every key is one that smsd knows."""


class SmppLimits(_Section, frozen=True):
    """What an SMPP listener puts up with."""

    connections: Positive = 5000
    unbound: Positive = 500
    unanswered: Positive = 1000
    receipts: Positive = 100
    bind: Seconds = 30.0
    enquire: Seconds = 30.0
    response: Seconds = 30.0
    pdu: Annotated[int, msgspec.Meta(ge=512, le=1 << 20)] = 69_632


class Smpp(_Section, frozen=True):
    """The SMPP listeners."""

    listen: tuple[str, ...] = ()
    system_id: Annotated[str, msgspec.Meta(min_length=1, max_length=15, pattern="^[ -~]*$")] = "smsd"
    limits: SmppLimits = SmppLimits()
    client_ca: str = ""
    """The authorities of clients' certificates, as a PEM file; with it TLS listeners require one."""


class HttpLimits(_Section, frozen=True):
    """What an HTTP listener puts up with."""

    connections: Positive = 5000
    address: Positive = 1000
    bodies: Positive = 256 << 20
    idle: Seconds = 60.0
    head: Seconds = 15.0
    request: Seconds = 60.0
    answer: Seconds = 60.0


class Http(_Section, frozen=True):
    """The HTTP listeners."""

    listen: tuple[str, ...] = ()
    body: Positive = 1 << 20
    limits: HttpLimits = HttpLimits()
    client_ca: str = ""
    """The authorities of clients' certificates, as a PEM file; with it TLS listeners require one."""

    def __post_init__(self) -> None:
        if self.limits.bodies < self.body:
            raise ValueError("Expected limits.bodies, for all requests, of at least body, for one")


class Links(_Section, frozen=True):
    """The short links of messages whose clicks are counted."""

    url: str = ""
    """What they begin with, such as https://s.test/; with none, URLs are not made short."""
    listen: tuple[str, ...] = ()
    keep: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    """How many days they lead on, and what is counted is kept."""

    def __post_init__(self) -> None:
        if self.url:
            token_length(self.url)


class Push(_Section, frozen=True):
    """Requests to clients' URLs."""

    private: bool = False
    """Whether they may lead to loopback, link-local and private addresses."""
    timeout: Seconds = 20.0
    connections: Positive = 16
    rate: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 100.0
    batch: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Tls(_Section, frozen=True):
    """The certificate of listeners that don't name their own, as PEM files."""

    certificate: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("Expected both a certificate and a key, or neither")


class Queue(_Section, frozen=True):
    """How much is held in memory."""

    unstored: Positive = 10_000
    messages: Annotated[int, msgspec.Meta(ge=10)] = 2_000
    receipts: Annotated[int, msgspec.Meta(ge=10)] = 2_000


class Retention(_Section, frozen=True):
    """How many hours things are kept."""

    logs: Hours = 48.0
    reports: Hours = 720.0


class FirstAccount(_Section, frozen=True):
    """An account of a new database."""

    system_id: str
    password: str


class FirstChannel(_Section, frozen=True):
    """A channel of a new database."""

    name: str
    kind: str
    options: dict[str, Any] = {}


class FirstRoute(_Section, frozen=True):
    """A route of a new database."""

    channel: str
    prefix: str = ""
    account: str | None = None
    price: str = "0"


class FirstStart(_Section, frozen=True):
    """The rows that a new, empty database begins with."""

    accounts: tuple[FirstAccount, ...] = ()
    channels: tuple[FirstChannel, ...] = ()
    routes: tuple[FirstRoute, ...] = ()


class Config(_Section, frozen=True):
    """A whole file."""

    state: str = "."
    database: str = "sqlite:smsd.db"
    smpp: Smpp = Smpp()
    http: Http = Http()
    links: Links = Links()
    push: Push = Push()
    tls: Tls = Tls()
    queue: Queue = Queue()
    retention: Retention = Retention()
    first_start: FirstStart = FirstStart()

    def state_folder(self, file: Path) -> Path:
        """Return the folder of the node's own files; a relative one begins at the configuration file."""
        return (file.parent / self.state).resolve()


def find(option: str | None) -> Path:
    """Return the configuration file: the option's, SMSD_CONFIG's or that of the usual places.

    Raises:
        ConfigError: if there is none.
    """
    named = option or os.environ.get("SMSD_CONFIG")
    if named:
        return Path(named).absolute()
    for place in PLACES:
        if place.exists():
            return place.absolute()
    places = " or ".join(str(place) for place in PLACES)
    raise ConfigError(f"No configuration: name one with --config or SMSD_CONFIG, or put it in {places}.")


def load(file: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: if it can't be read, is no TOML, or has a key or value that smsd doesn't take.
    """
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: it can't be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: it is no TOML: {error}.") from error
    try:
        return msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        key = place.strip("`.") or "top level"
        raise ConfigError(f"{file}: {key}: {reason}.") from error

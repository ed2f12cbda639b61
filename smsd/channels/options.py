"""The settings of each kind of channel, as they stand in its row."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from twisted.internet.endpoints import clientFromString

SystemId = Annotated[str, msgspec.Meta(max_length=15)]
Password = Annotated[str, msgspec.Meta(max_length=8)]
SystemType = Annotated[str, msgspec.Meta(max_length=12)]


class SmppOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an operator's SMSC is reached over SMPP."""

    endpoint: str
    """A Twisted client endpoint: ``tcp:smsc.example:2775`` or, with a verified certificate, ``tls:…``."""
    system_id: SystemId
    password: Password = ""
    system_type: SystemType = ""
    bind: Literal["transceiver", "pair"] = "transceiver"
    """One bind for both directions, or a transmitter and a receiver."""
    window: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10
    """How many submit_sm may be unanswered."""
    tlvs: Literal["all", "standard", "none"] = "all"
    """Which of the optional parameters that clients give go along: vendors' too, SMPP 3.4's own, or none."""

    def __repr__(self) -> str:
        return f"<SMPP {self.system_id} at {self.endpoint}>"


class SimulatorOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the simulated operator behaves."""

    delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    """Seconds until a message is delivered."""
    window: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    """How many messages it has under way."""


Options = SmppOptions | SimulatorOptions

KINDS: dict[str, type[SmppOptions] | type[SimulatorOptions]] = {
    "smpp": SmppOptions,
    "simulator": SimulatorOptions,
}


class InvalidOptions(ValueError):
    """A channel's options aren't what its kind needs."""


def read_options(kind: str, options: bytes | str) -> Options:
    """Return a channel's options from their JSON.

    Raises:
        InvalidOptions: naming the option, and what was expected.
    """
    if kind not in KINDS:
        raise InvalidOptions(f"A channel's kind is one of {', '.join(KINDS)}: not {kind!r}.")
    try:
        read = msgspec.json.decode(options, type=KINDS[kind])
        if isinstance(read, SmppOptions):
            clientFromString(None, read.endpoint)
    except msgspec.DecodeError as error:
        raise invalid_options(kind, error) from error
    except (ValueError, TypeError, OSError) as error:  # What endpoints raise.
        raise InvalidOptions(f"The endpoint of a channel can't be used: {error}.") from error
    return read


def invalid_options(kind: str, error: msgspec.DecodeError) -> InvalidOptions:
    """Return the error for options that a kind of channel doesn't have, or not so."""
    names = ", ".join(KINDS[kind].__struct_fields__)
    return InvalidOptions(f"The options of a channel of kind {kind}: {error}. It has {names}.")

"""The settings of each kind of channel, as they stand in its row."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec
import msgspec.inspect
from twisted.internet.endpoints import clientFromString

from smsd.channels.dialect import Dialect, Long, Passed, Validity, codings_of, errors_of, kind_of
from smsd.channels.operator_ids import Notation
from smsd.services.channel_states import GRACE

T = TypeVar("T")

SystemId = Annotated[str, msgspec.Meta(max_length=15)]
Password = Annotated[str, msgspec.Meta(max_length=8)]
SystemType = Annotated[str, msgspec.Meta(max_length=12)]

Undelivered = Literal["final", "again"]
"""It ends, since the operator has tried long enough; or is tried again, since the operator tries once."""


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
    """How many submit_sm of a bind may be unanswered."""
    sessions: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    """How many binds of each kind."""
    rate: Annotated[float, msgspec.Meta(ge=0, le=100_000)] = 0.0
    """How many submit_sm go out a second, on all binds together; 0: as many as the windows let."""
    unanswered: Literal["again", "fail", "wait"] = "again"
    """What becomes of a message whose submit_sm is never answered: the operator may have it, or not."""
    undelivered: Undelivered = "final"
    """What becomes of a message whose receipt says that it failed for a reason that may pass."""
    tlvs: Passed = "all"
    """Which of the optional parameters that clients give go along: vendors' too, SMPP 3.4's own, or none."""
    long: Long = "udh"
    """How segments are numbered, or that a long message goes out whole."""
    validity: Validity = "relative"
    """How the end of a message's validity is told."""
    numeric: str = ""
    """TON/NPI of numeric senders."""
    alphanumeric: str = ""
    """TON/NPI of senders in letters."""
    destination: str = ""
    """TON/NPI of destinations."""
    codings: str = ""
    """Other data_coding octets for alphabets: ``gsm7=1 ucs2=24``."""
    errors: str = ""
    """What the operator's error codes mean: ``0x45=34:again 0x400=27:elsewhere 0AB=27``."""
    ids: Notation = "learn"
    """How receipts write the ids of responses."""
    failover: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = GRACE
    """Seconds that the channel may be down before its messages go elsewhere, if they can; 0: never."""
    receipts: Literal["wanted", "none"] = "wanted"
    """Whether the operator gives any: if not, what it has taken has come to its end."""
    match: Literal["id", "reference"] = "id"
    """Whether receipts name their message by the operator's id, or by our user_message_reference."""

    def dialect(self) -> Dialect:
        """Return how this operator is spoken to.

        Raises:
            ValueError: if an option can't be understood; the text says which.
        """
        return Dialect(
            self.tlvs,
            self.long,
            self.validity,
            _read("numeric", kind_of, self.numeric),
            _read("alphanumeric", kind_of, self.alphanumeric),
            _read("destination", kind_of, self.destination),
            _read("codings", codings_of, self.codings),
            _read("errors", errors_of, self.errors),
            self.match == "reference",
            self.receipts == "wanted",
        )

    def __repr__(self) -> str:
        return f"<SMPP {self.system_id} at {self.endpoint}>"


def _read(name: str, reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


class SimulatorOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the simulated operator behaves."""

    delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    """Seconds until a message is delivered."""
    window: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    """How many messages it has under way."""
    undelivered: Undelivered = "final"
    """What becomes of a message that it can't deliver for a reason that may pass."""


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
    except msgspec.DecodeError as error:
        raise invalid_options(kind, error) from error
    if isinstance(read, SmppOptions):
        try:
            read.dialect()
        except ValueError as error:
            raise InvalidOptions(f"The option {error}.") from error
        try:
            clientFromString(None, read.endpoint)
        except (ValueError, TypeError, OSError) as error:  # What endpoints raise.
            # What they say of a missing port, or of a folder that isn't there, is not for people.
            reason = str(error) if isinstance(error, OSError) and str(error) else ""
            raise InvalidOptions(
                "An endpoint is one such as tcp:HOST:PORT, tls:HOST:PORT or tls:HOST:PORT:trustRoots=FOLDER:"
                f" not {read.endpoint!r}{reason and f' ({reason})'}."
            ) from error
    return read


def invalid_options(kind: str, error: msgspec.DecodeError) -> InvalidOptions:
    """Return the error for options that a kind of channel doesn't have, or not so."""
    if missing := _missing(str(error)):
        return InvalidOptions(f"A channel of kind {kind} needs the option {missing[1]}.")
    if unknown := _unknown(str(error)):
        names = ", ".join(KINDS[kind].__struct_fields__)
        return InvalidOptions(f"A channel of kind {kind} has no option {unknown[1]}: it has {names}.")
    reason, _, place = str(error).partition(" - at `$.")
    name = place.strip("`")
    if not name:
        return InvalidOptions(f"The options of a channel of kind {kind}: {reason}.")
    if name in (words := _words(kind)):
        reason = f"Expected one of {', '.join(words[name])}"
    return InvalidOptions(f"The option {name}: {reason}.")


_missing = re.compile(r"Object missing required field `(\w+)`").fullmatch
_unknown = re.compile(r"Object contains unknown field `(.+)`").fullmatch


def _words(kind: str) -> dict[str, list[str]]:
    """Return the words among which a kind's options choose."""
    told = msgspec.inspect.type_info(KINDS[kind])
    assert isinstance(told, msgspec.inspect.StructType)
    return {
        one.encode_name: list(map(str, one.type.values))
        for one in told.fields
        if isinstance(one.type, msgspec.inspect.LiteralType)
    }

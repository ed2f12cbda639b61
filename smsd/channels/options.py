"""The settings of each kind of channel, as they stand in its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec

from smsd.channels.dialect import Dialect, Long, Passed, Validity, codings_of, errors_of, kind_of
from smsd.channels.operator_ids import Notation
from smsd.options import Kinds, Options, check_endpoint
from smsd.services.channel_states import GRACE

T = TypeVar("T")

SystemId = Annotated[str, msgspec.Meta(max_length=15)]
Password = Annotated[str, msgspec.Meta(max_length=8)]
SystemType = Annotated[str, msgspec.Meta(max_length=12)]

Undelivered = Literal["final", "again"]
"""It ends, since the operator has tried long enough; or is tried again, since the operator tries once."""


class SmppOptions(Options, frozen=True, forbid_unknown_fields=True):
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

    def check(self) -> None:
        """Raise ``ValueError`` if something that its type allows can't be used."""
        self.dialect()
        check_endpoint(self.endpoint)

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


class SimulatorOptions(Options, frozen=True, forbid_unknown_fields=True):
    """How the simulated operator behaves."""

    delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    """Seconds until a message is delivered."""
    window: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    """How many messages it has under way."""
    undelivered: Undelivered = "final"
    """What becomes of a message that it can't deliver for a reason that may pass."""


KINDS: Kinds[SmppOptions | SimulatorOptions] = Kinds(
    "channel", {"smpp": SmppOptions, "simulator": SimulatorOptions}
)

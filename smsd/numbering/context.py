"""What is known of a number: whether it can be reached, and on which networks it is."""

from __future__ import annotations

import msgspec


class Network(msgspec.Struct, frozen=True):
    """A network as people name it; what is not known of it is empty."""

    name: str = ""
    prefix: str = ""
    """The national destination code of its numbers, such as 91."""
    country_name: str = ""
    country_prefix: str = ""
    """The calling code of its country, such as 385."""
    country_code: str = ""
    """Its country in ISO 3166-1, such as HR."""
    mccmnc: str = ""


class Context(msgspec.Struct, frozen=True):
    """What somebody knows of a number; ``None`` stands for what he doesn't know."""

    error: int | None = None
    """A GSM error: 0 if the phone can be reached, 1 if there is no such subscriber, 27 if he is absent …;
    ``None`` if nobody was asked who would know."""
    correct: bool | None = None
    """Whether it can be a number at all."""
    imsi: str | None = None
    serving_msc: str | None = None
    serving_hlr: str | None = None
    original: Network | None = None
    """The network that the number was given out by."""
    ported: bool | None = None
    ported_network: Network | None = None
    """The network that has it now, if it was ported."""
    roaming: bool | None = None
    roaming_network: Network | None = None
    """The network on which its phone is now."""

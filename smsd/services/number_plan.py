"""What is known of a number without asking anybody: its country, its networks, and whether it can be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from smsd.numbering.context import Context, Network
from smsd.numbering.kinds import kind
from smsd.numbering.plan import Home
from smsd.services.fields import Fields
from smsd.services.networks import Networks

NEVER_PORTED = Context(ported=False)


class Planned(NamedTuple):
    """What number plans say of a number."""

    context: Context
    type: str
    """What kind of number it is, such as MOBILE; empty if it can't be one."""
    country: str
    """ISO 3166-1, two letters; empty if it has none."""


class NumberPlan:
    """Tells what number plans, and the table of ported numbers, say of numbers."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    def of(self, number: str) -> Planned:
        """Return what is known of a number, E.164 digits."""
        found = kind(number)
        home, now = self._networks.original(number), self._networks.of(number)
        ported = has_it = None
        if now is not home:
            ported = now.mccmnc != home.mccmnc
            has_it = network_of(now) if ported else None
        original = network_of(home) if home.calling_code or home.mccmnc else None
        context = Context(correct=found.correct, original=original, ported=ported, ported_network=has_it)
        return Planned(context, found.type, home.country)

    def place(self, number: str) -> Network | None:
        """Return the network by whose prefix a number begins, whatever it is; ``None`` if nobody has it."""
        home = self._networks.original(number)
        return network_of(home) if home.calling_code else None

    def complete(self, network: Network) -> Network:
        """Return a network with what is known here of the one with its code, where it says nothing itself."""
        if not network.mccmnc or (network.name and network.country_code):
            return network
        known = network_of(self._networks.plan.of_network(network.mccmnc))
        return Network(
            *(getattr(network, name) or getattr(known, name) for name in Network.__struct_fields__)
        )


class Unlisted:
    """A back end of lookups that knows of a number which is not among the ported ones that it never was."""

    knows = frozenset({Fields.PORTABILITY})

    async def ask(self, number: str) -> Context:
        """Say so: whoever is asked about a number that is among them has not looked there."""
        return NEVER_PORTED

    async def ask_all(self, numbers: Sequence[str]) -> Mapping[str, Context]:
        """Say so of many."""
        return dict.fromkeys(numbers, NEVER_PORTED)


@lru_cache(16_384)
def network_of(home: Home) -> Network:
    """Return the network that numbers are at home in."""
    return Network(home.network, home.prefix, home.country_name, home.calling_code, home.country, home.mccmnc)

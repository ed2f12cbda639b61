"""What is known of a number without asking anybody: its country, its network, and whether it can be one."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from phonenumbers.geodata.locale import LOCALE_DATA

from smsd.numbering.context import Context, Network
from smsd.numbering.kinds import kind
from smsd.numbering.prefixes import prefixes
from smsd.services.networks import Networks
from smsd.store.settings import Rows

NOTHING = Network()
SHARED = 8
"""Digits that numbers of one length have in common with whose network prefix theirs is the same."""


class Planned(NamedTuple):
    """What number plans say of a number."""

    context: Context
    type: str
    """What kind of number it is, such as MOBILE; empty if it can't be one."""
    country: str
    """ISO 3166-1, two letters; empty if it has none."""


class NumberPlan:
    """Tells what number plans say of numbers."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._names: dict[str, str] = {}

    def apply(self, rows: Rows) -> None:
        """Take over changed networks."""
        self._names = {row.mccmnc: row.name for row in rows.networks}

    def of(self, number: str) -> Planned:
        """Return what is known of a number, E.164 digits."""
        found = kind(number)
        original = None
        if found.calling_code:
            mccmnc = self._networks.of(number)
            name = self._names.get(mccmnc, "")
            prefix = _network_prefix(number[:SHARED], len(number))
            original = _network(name, prefix, found.country, found.calling_code, mccmnc)
        return Planned(Context(correct=found.correct, original=original), found.type, found.country)

    def complete(self, network: Network) -> Network:
        """Return a network with the name that it has here, if it comes without one."""
        if network.name or not network.mccmnc:
            return network
        name = self._names.get(network.mccmnc, "")
        return Network(
            name,
            network.prefix,
            network.country_name or _country_name(network.country_code),
            network.country_prefix,
            network.country_code,
            network.mccmnc,
        )


@lru_cache(16_384)
def _network_prefix(beginning: str, length: int) -> str:
    return prefixes(beginning.ljust(length, "0")).network


@lru_cache(16_384)
def _network(name: str, prefix: str, country: str, calling_code: str, mccmnc: str) -> Network:
    return Network(name, prefix, _country_name(country), calling_code, country, mccmnc)


@lru_cache(512)
def _country_name(country: str) -> str:
    names = LOCALE_DATA.get(country, {})
    name = names.get("en", "")
    # An asterisk stands before the language whose name is the same.
    return names.get(name[1:], "") if name.startswith("*") else name

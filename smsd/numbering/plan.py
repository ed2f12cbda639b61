"""Where a number is at home: its country and its network, by the longest prefix."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

import msgspec

COLUMNS = (
    "calling_code",
    "country",
    "country_name",
    "mobile",
    "mccmnc",
    "network",
    "destination_code",
    "prefixes",
)
"""The columns of the table that smsd brings along; a line is for all prefixes of which the same is known."""


class Home(msgspec.Struct, frozen=True, gc=False):
    """What is known of the numbers with a prefix. What is not known is empty."""

    country: str = ""
    """ISO 3166, two letters."""
    mccmnc: str = ""
    network: str = ""
    """What people call it."""
    prefix: str = ""
    """The network's own digits behind the calling code: the national destination code, such as 79."""
    calling_code: str = ""
    country_name: str = ""
    mobile: bool = False
    """Whether such a number may be a mobile phone's."""


SHARES = tuple(10.0**-length for length in range(16))
"""Which part of all numbers has a prefix, by its length."""
HEAD = 3
"""How many digits tell which lengths of prefixes there may be."""
UNKNOWN = Home()
"""The home of a number whose prefix is nobody's."""


class Plan:
    """Homes by prefixes of E.164 digits."""

    def __init__(self, homes: Mapping[str, Home], networks: Mapping[str, Home] | None = None) -> None:
        """Take over the homes, and which of them, or what else, is a network's by its MCC and MNC."""
        self._homes = dict(homes)
        lengths: dict[str, set[int]] = {}
        for prefix in self._homes:
            lengths.setdefault(prefix[:HEAD], set()).add(len(prefix))
        short = {len(prefix) for prefix in lengths if len(prefix) < HEAD}
        self._short = sorted(short, reverse=True)
        self._lengths = {head: sorted(found | short, reverse=True) for head, found in lengths.items()}
        self._networks = dict(networks or {})

    def find(self, number: str) -> Home:
        """Return the home of a number, E.164 digits; :data:`UNKNOWN` if no prefix fits."""
        homes = self._homes
        for length in self._lengths.get(number[:HEAD], self._short):  # Every message comes by here.
            home = homes.get(number[:length])
            if home is not None:
                return home
        return UNKNOWN

    def of_network(self, mccmnc: str) -> Home:
        """Return where a network is at home; without a name and a country if its code is not known."""
        return self._networks.get(mccmnc) or Home(mccmnc=mccmnc)

    def countries(self) -> frozenset[str]:
        """Return the countries that numbers may be in, in ISO 3166's two letters."""
        return frozenset(home.country for home in self._homes.values() if home.country)

    def with_own(self, own: Mapping[str, tuple[str, str]]) -> Plan:
        """Return this plan with an operator's own prefixes, each with its network's code and name.

        All numbers with an own prefix are of its network, whatever this plan says of longer prefixes: these
        go on to tell the country.
        """
        if not own:
            return self
        lengths = sorted({len(prefix) for prefix in own}, reverse=True)
        homes = dict(self._homes)
        for prefix in {*homes, *own}:
            for length in lengths:
                by = prefix[:length]
                if by in own:
                    homes[prefix] = self._owned(by, *own[by], self.find(prefix))
                    break
        owned = {prefix: homes[prefix] for prefix in own}
        return Plan(homes, {**self._networks, **_by_code(owned)})

    def _owned(self, prefix: str, mccmnc: str, name: str, home: Home) -> Home:
        network = self.of_network(mccmnc)
        if home is UNKNOWN:
            home = msgspec.structs.replace(network, calling_code="")
        return Home(
            home.country,
            mccmnc,
            name or network.network,
            prefix.removeprefix(home.calling_code),
            home.calling_code,
            home.country_name,
            True,
        )


def _by_code(homes: Mapping[str, Home]) -> dict[str, Home]:
    """Return, by MCC and MNC, the home that most of a network's numbers have."""
    shares: dict[str, dict[Home, float]] = {}
    for prefix, home in homes.items():
        if home.mccmnc:
            of_network = shares.setdefault(home.mccmnc, {})
            of_network[home] = of_network.get(home, 0.0) + SHARES[len(prefix)]
    return {mccmnc: max(of_network, key=of_network.__getitem__) for mccmnc, of_network in shares.items()}


def plan_of(lines: Iterable[str], networks: Iterable[str]) -> Plan:
    """Return the plan of a table with :data:`COLUMNS` and of one of mobile network codes, both CSV."""
    homes: dict[str, Home] = {}
    countries: dict[str, Home] = {}
    for code, country, country_name, mobile, mccmnc, network, length, prefixes in _rows(lines):
        countries.setdefault(country, Home(country, calling_code=code, country_name=country_name))
        shared: dict[str, Home] = {}
        start = len(code)
        end = start + int(length) if length else None
        for prefix in prefixes.split():
            shown = prefix[start:end] if network else ""
            home = shared.get(shown)
            if home is None:
                home = Home(country, mccmnc, network, shown, code, country_name, bool(mobile))
                shared[shown] = home
            homes[prefix] = home
    codes = {}
    for mcc, mnc, country, name in _rows(networks):
        home = countries.get(country, UNKNOWN)
        codes[mcc + mnc] = Home(country, mcc + mnc, name, "", home.calling_code, home.country_name, True)
    return Plan(homes, {**codes, **_by_code(homes)})


def _rows(lines: Iterable[str]) -> Iterable[list[str]]:
    rows = csv.reader(lines)
    next(rows)
    return rows


@cache
def built_in() -> Plan:
    """Return the plan that smsd brings along."""
    data = files("smsd.numbering").joinpath("data")
    plan, networks = (
        data.joinpath(name).read_text("utf-8").splitlines() for name in ("plan.csv", "networks.csv")
    )
    return plan_of(plan, networks)


@cache
def countries() -> frozenset[str]:
    """Return the countries of the plan that smsd brings along, in ISO 3166's two letters."""
    return built_in().countries()

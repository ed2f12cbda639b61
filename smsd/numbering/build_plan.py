"""Compiles the number plan that smsd brings along: ``python -m smsd.numbering.build_plan``.

It joins what phonenumbers knows of prefixes (the countries that share a calling code, which numbers may be
mobile, the names of carriers) to the table of mobile network codes beside this module, and writes one table
that is read at the start. It is run when phonenumbers or one of the tables has changed, never by a node.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import reduce
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import NamedTuple, TypeVar

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    REGION_CODE_FOR_NON_GEO_ENTITY,
    PhoneMetadata,
    PhoneNumber,
    length_of_national_destination_code,
)
from phonenumbers.carrierdata import CARRIER_DATA
from phonenumbers.geodata.locale import LOCALE_DATA

from smsd.numbering.patterns import ANY, Item, Rest, after, parsed, takes_all
from smsd.numbering.plan import COLUMNS

T = TypeVar("T")

DATA = files("smsd.numbering").joinpath("data")
TYPES = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
"""The kinds of numbers of which phonenumbers has patterns."""
DEPTH = 7
"""After so many digits behind the calling code it has to be known which country a number belongs to."""
MOBILE_DEPTH = 4
"""After so many digits it has to be known whether a number may be mobile: then what may be still is."""
NAMES = {
    "AC": "Ascension Island",
    "TA": "Tristan da Cunha",
    "XK": "Kosovo",
}
"""Names of countries that phonenumbers does not have."""
SERVICES = {
    "800": "International Freephone",
    "808": "International Shared Cost",
    "870": "Inmarsat",
    "878": "Universal Personal Telecommunications",
    "881": "Global Mobile Satellite System",
    "882": "International Networks",
    "883": "International Networks",
    "888": "Disaster Relief",
    "979": "International Premium Rate",
}
"""What has a calling code and is no country (ITU-T E.164 annex D)."""
SHARED = {
    "AX": "FI",
    "BL": "GP",
    "BQ": "CW",
    "CC": "AU",
    "CX": "AU",
    "EH": "MA",
    "GF": "GP",
    "GG": "GB",
    "IM": "GB",
    "JE": "GB",
    "MF": "GP",
    "MQ": "GP",
    "SJ": "NO",
    "VA": "IT",
    "YT": "RE",
}
"""Countries whose networks have the codes of another one."""
COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a ab ag and as bv co communication communications company corp corporation de del e gmbh group gsm inc
        la le limited llc ltd mobile mobiles movil network networks o of operator oy oyj plc private pty pvt
        s sa service services sp spa srl sro t telecom telecommunication telecommunications the wireless z
        """,
    )
)
"""Words that don't tell networks apart."""


class Network(NamedTuple):
    """A row of the table of mobile network codes."""

    mccmnc: str
    country: str
    name: str


class Label(NamedTuple):
    """What is known of the numbers with a prefix."""

    calling_code: str
    country: str
    mobile: bool = False
    mccmnc: str = ""
    network: str = ""
    destination_code: int = 0
    """How many digits behind the calling code are the national destination code."""


Prefixes = dict[str, Label]

ANYTHING: Rest = frozenset({(Item(ANY, 0, 15),)})
"""What the numbers of a country go on with once it is known that they are its."""


class Codes:
    """Finds the MCC and MNC of a carrier by its country and name."""

    def __init__(self, networks: Iterable[Network], aliases: Mapping[tuple[str, str], str]) -> None:
        self._aliases = aliases
        self._by_country: dict[str, list[tuple[frozenset[str], str]]] = defaultdict(list)
        for network in networks:
            self._by_country[network.country].append((_words(network), network.mccmnc))
        for rows in self._by_country.values():
            rows.sort(key=lambda row: row[1])

    def of(self, country: str, carrier: str) -> str:
        """Return the MCC and MNC, the lowest if it has several; empty if the name tells none."""
        alias = self._aliases.get((country, carrier))
        if alias is not None:
            return alias
        wanted = _words(Network("", country, carrier))
        rows = self._by_country[country]
        if country in SHARED:
            rows = rows + self._by_country[SHARED[country]]
        same = [mccmnc for words, mccmnc in rows if words == wanted]
        longer = [mccmnc for words, mccmnc in rows if wanted and wanted < words]
        return (same or longer or [""])[0]


def _words(network: Network) -> frozenset[str]:
    """Return the words of a network's name that tell it from others in its country."""
    plain = unicodedata.normalize("NFKD", network.name)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
    country = set(re.findall(r"\w+", country_name(network.country, "").casefold()))
    words = set(re.findall(r"\w+", plain.replace("&", "")))
    return frozenset((words - COMMON_WORDS - country) or (words - COMMON_WORDS) or words)


def country_name(country: str, calling_code: str) -> str:
    """Return a country's English name, or that of the service that has a calling code."""
    names = LOCALE_DATA.get(country)
    if names is None:
        return NAMES.get(country) or SERVICES.get(calling_code, "")
    name = names["en"]
    while name.startswith("*"):  # It is the same as in another language.
        name = names[name[1:]]
    return name


def regions(calling_code: int) -> Prefixes:
    """Return which country the numbers of a calling code belong to, and which of them may be mobile."""
    found: Prefixes = {}
    candidates: list[tuple[str, Rest]] = []
    mobile: Rest = frozenset()
    for region in COUNTRY_CODE_TO_REGION_CODE[calling_code]:
        if region == REGION_CODE_FOR_NON_GEO_ENTITY:
            metadata = PhoneMetadata.metadata_for_nongeo_region(calling_code, None)
            country = ""
        else:
            metadata = PhoneMetadata.metadata_for_region(region, None)
            country = region
        assert metadata is not None
        patterns = {kind: getattr(metadata, kind) for kind in TYPES}
        shapes = {
            kind: parsed(one.national_number_pattern)
            for kind, one in patterns.items()
            if one is not None and one.national_number_pattern
        }
        mobile |= shapes.get("mobile", frozenset())
        if metadata.leading_digits:
            leading = parsed(metadata.leading_digits)
            candidates.append((country, frozenset((*one, Item(ANY, 0, 15)) for one in leading)))
        else:
            candidates.append((country, frozenset().union(*shapes.values())))
    main = candidates[0][0]

    def cover(national: str, candidates: list[tuple[str, Rest]], mobile: Rest) -> None:
        alive = [one for one in candidates if one[1]] or [(main, ANYTHING)]
        if len(alive) == 1 or takes_all(alive[0][1]) or len(national) >= DEPTH:
            alive = [(alive[0][0], ANYTHING)]
        if alive[0][1] is ANYTHING and (not mobile or takes_all(mobile) or len(national) >= MOBILE_DEPTH):
            found[f"{calling_code}{national}"] = Label(str(calling_code), alive[0][0], bool(mobile))
            return
        for digit in "0123456789":
            nexts = [(name, rest if rest is ANYTHING else after(rest, digit)) for name, rest in alive]
            cover(national + digit, nexts, after(mobile, digit))

    cover("", candidates, mobile)
    return found


def compiled(carriers: Mapping[str, str], codes: Codes) -> Prefixes:
    """Return what is known of each prefix that tells more than the one before it."""
    homes = reduce(lambda all_, code: all_ | regions(code), COUNTRY_CODE_TO_REGION_CODE, Prefixes())
    labels: Prefixes = {}
    for prefix in {**homes, **carriers}:
        home = _longest(homes, prefix)
        carrier = _longest(carriers, prefix)
        if home is None:
            continue
        if carrier is not None:
            home = home._replace(
                mobile=True,
                mccmnc=codes.of(home.country, carrier),
                network=carrier,
                destination_code=destination_code(int(home.calling_code), prefix),
            )
        labels[prefix] = home
    return smallest(labels)


def destination_code(calling_code: int, prefix: str) -> int:
    """Return how long mobile numbers' national destination code is; 0 if they have none."""
    for region in COUNTRY_CODE_TO_REGION_CODE[calling_code]:
        metadata = PhoneMetadata.metadata_for_region(region, None)
        if metadata is not None and metadata.mobile is not None and metadata.mobile.possible_length:
            national = prefix[len(str(calling_code)) :].ljust(max(metadata.mobile.possible_length), "0")
            number = PhoneNumber(country_code=calling_code, national_number=int(national))
            return length_of_national_destination_code(number)
    return 0


def smallest(labels: Prefixes) -> Prefixes:
    """Return fewer prefixes that say the same of whole numbers.

    Where each further digit is told of, what most of them tell goes to the prefix before it; and none says
    again what a shorter one says.
    """
    labels = dict(labels)
    for length in range(max(map(len, labels), default=0), 1, -1):
        for parent in {prefix[:-1] for prefix in labels if len(prefix) == length}:
            children = [labels.get(parent + digit) for digit in "0123456789"]
            if None not in children:
                ((most, _),) = Counter(children).most_common(1)
                assert most is not None
                labels[parent] = most
    return {
        prefix: label
        for prefix, label in labels.items()
        if len(prefix) == 1 or _longest(labels, prefix[:-1]) != label
    }


def _longest(table: Mapping[str, T], number: str) -> T | None:
    return next((table[number[:end]] for end in range(len(number), 0, -1) if number[:end] in table), None)


def known_networks() -> list[Network]:
    """Return the table of mobile network codes."""
    return [Network(row["mcc"] + row["mnc"], row["country"], row["name"]) for row in _table("networks.csv")]


def known_aliases() -> dict[tuple[str, str], str]:
    """Return the MCC and MNC of the carriers whose names don't tell them, or tell a wrong one."""
    return {(row["country"], row["carrier"]): row["mccmnc"] for row in _table("carriers.csv")}


def _table(name: str) -> Iterable[dict[str, str]]:
    return csv.DictReader(DATA.joinpath(name).read_text("utf-8").splitlines())


def known_carriers() -> dict[str, str]:
    """Return the names of the carriers of phonenumbers, by prefix."""
    return {prefix: names.get("en") or next(iter(names.values())) for prefix, names in CARRIER_DATA.items()}


def rows(labels: Prefixes) -> list[tuple[str, ...]]:
    """Return the lines of the table: one for all prefixes of which the same is known."""
    groups: dict[Label, list[str]] = defaultdict(list)
    for prefix, label in labels.items():
        groups[label].append(prefix)
    return sorted(
        (
            label.calling_code,
            label.country,
            country_name(label.country, label.calling_code),
            "1" if label.mobile else "",
            label.mccmnc,
            label.network,
            str(label.destination_code or ""),
            " ".join(sorted(prefixes)),
        )
        for label, prefixes in groups.items()
    )


def text(labels: Prefixes) -> str:
    """Return the table."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(labels))
    return file.getvalue()


def main() -> None:
    """Write the table and say what it knows."""
    carriers = known_carriers()
    labels = compiled(carriers, Codes(known_networks(), known_aliases()))
    Path(str(DATA.joinpath("plan.csv"))).write_text(text(labels), "utf-8")
    named = [label for label in (_longest(labels, prefix) for prefix in carriers) if label is not None]
    coded = sum(1 for label in named if label.mccmnc)
    countries = {label.country for label in labels.values() if label.country}
    whole = {label.country for label in named if label.mccmnc and label.country}
    print(
        f"{len(labels)} prefixes of {len(countries)} countries."
        f" Of {len(named)} mobile prefixes with a carrier, {coded}"
        f" ({coded / len(named):.0%}) have an MCC and MNC, in {len(whole)} countries."
    )


if __name__ == "__main__":
    main()

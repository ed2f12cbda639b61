"""The program that compiles the number plan."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering import build_plan
from smsd.numbering.build_plan import Codes, Label, Network, compiled, country_name, smallest
from smsd.numbering.plan import Home, plan_of

NETWORKS = (
    Network("20404", "NL", "Vodafone Libertel B.V."),
    Network("20408", "NL", "KPN Mobile The Netherlands B.V."),
    Network("20410", "NL", "KPN B.V."),
    Network("23410", "GB", "Telefónica UK Limited"),
    Network("23415", "GB", "Vodafone Ltd"),
    Network("90112", "", "Telenor Maritime AS"),
)


@pytest.mark.parametrize(
    ("country", "carrier", "mccmnc"),
    [
        ("NL", "Vodafone", "20404"),
        ("NL", "KPN", "20408"),
        ("NL", "kpn mobile", "20408"),
        ("NL", "Nobody", ""),
        ("NL", "Mobile", ""),
        ("GB", "TELEFONICA", "23410"),
        ("JE", "Vodafone", "23415"),
        ("NL", "T-Mobile", "20416"),
        ("GB", "Telenor", ""),
        ("XX", "Vodafone", ""),
    ],
)
def test_a_carrier_is_known_by_the_words_of_its_name_or_by_an_alias(
    country: str, carrier: str, mccmnc: str
) -> None:
    assert Codes(NETWORKS, {("NL", "T-Mobile"): "20416"}).of(country, carrier) == mccmnc


def test_carriers_of_shared_calling_codes_are_those_of_their_country() -> None:
    labels = compiled({"447797": "Vodafone", "447400": "Vodafone", "316123": "Mystery"}, Codes(NETWORKS, {}))
    plan = plan_of(["", *lines(labels)], ["mcc,mnc,country,name"])
    assert plan.find("447797123456") == Home("JE", "23415", "Vodafone", "7797", "44", "Jersey", True)
    assert plan.find("447400123456").country == "GB"
    assert plan.find("31612345678").network == "Mystery"
    assert plan.find("31612345678").mccmnc == ""
    assert plan.find("31622345678").network == ""


def lines(labels: dict[str, Label]) -> list[str]:
    return [",".join(row) for row in build_plan.rows(labels) if "," not in "".join(row)]


@given(
    st.dictionaries(
        st.text("0123456789", max_size=3).map("1".__add__), st.sampled_from(["x", "y"]), max_size=40
    ),
    st.text("0123456789", min_size=3, max_size=5).map("1".__add__),
)
def test_fewer_prefixes_say_the_same(known: dict[str, str], number: str) -> None:
    labels = {prefix: Label("1", country) for prefix, country in known.items()}
    for digit in "0123456789":
        labels["13" + digit] = Label("1", "z")
    fewer = smallest(labels)

    def longest(table: dict[str, Label]) -> Label | None:
        fitting = [prefix for prefix in table if number.startswith(prefix)]
        return table[max(fitting, key=len)] if fitting else None

    assert len(fewer) <= len(labels)
    assert longest(fewer) == longest(labels)
    assert not any(len(prefix) == 3 and prefix.startswith("13") for prefix in fewer)


def test_countries_and_services_have_names() -> None:
    assert country_name("CH", "41") == "Switzerland"
    assert country_name("XK", "383") == "Kosovo"
    assert country_name("", "881") == "Global Mobile Satellite System"


def test_each_alias_is_a_network_that_is_known() -> None:
    known = {network.mccmnc for network in build_plan.known_networks()}
    assert len(known) == len(build_plan.known_networks())
    assert {mccmnc for mccmnc in build_plan.known_aliases().values() if mccmnc not in known} == set()
    carriers = set(build_plan.known_carriers().values())
    assert {carrier for _, carrier in build_plan.known_aliases() if carrier not in carriers} == set()


def test_the_table_is_what_the_program_makes_of_its_sources() -> None:
    codes = Codes(build_plan.known_networks(), build_plan.known_aliases())
    written = build_plan.text(compiled(build_plan.known_carriers(), codes))
    committed = files("smsd.numbering").joinpath("data/plan.csv").read_text("utf-8")
    assert written == committed, "Run python -m smsd.numbering.build_plan, and commit what it writes."

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering.prefixes import prefixes


@pytest.mark.parametrize(
    ("number", "country", "network"),
    [
        ("41793026727", "41", "79"),
        ("385911234567", "385", "91"),
        ("12025550123", "1", "202"),
        ("4915112345678", "49", "1511"),
        ("390612345678", "39", "06"),
        ("6581234567", "65", "8123"),  # Without area codes, what a mobile number is written to begin with.
        ("88213123456", "882", "13"),
        ("99912345", "", ""),  # No country has this code.
        ("12345", "1", ""),
    ],
)
def test_a_number_begins_with_its_country_s_prefix_and_its_network_s(
    number: str, country: str, network: str
) -> None:
    assert prefixes(number) == (country, network)


@given(st.from_regex(r"[1-9][0-9]{4,14}", fullmatch=True))
def test_any_number_begins_with_its_prefixes(number: str) -> None:
    found = prefixes(number)
    assert not found.network or found.country
    assert number.startswith(found.country)
    assert found.network in number

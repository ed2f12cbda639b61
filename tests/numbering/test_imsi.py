from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering.imsi import home_network


@pytest.mark.parametrize(
    ("imsi", "network"),
    [
        ("219101100935850", "21910"),
        ("228012120181810", "22801"),
        ("310260123456789", "310260"),
        ("334020123456789", "334020"),
        ("405801123456789", "405801"),
        ("405541123456789", "40554"),
        ("502153123456789", "502153"),
        ("502191234567890", "50219"),
        ("901700", "90170"),
    ],
)
def test_the_country_says_how_long_a_networks_code_is(imsi: str, network: str) -> None:
    assert home_network(imsi) == network


@pytest.mark.parametrize("text", ["", "21910", "2191011009358500", "21910110093585x", "٢١٩١٠١١٠٠٩٣٥٨٥٠"])
def test_what_is_no_imsi_has_no_network(text: str) -> None:
    assert home_network(text) == ""


@given(st.text())
def test_any_text_gives_five_or_six_of_its_digits_or_nothing(text: str) -> None:
    network = home_network(text)
    assert not network or (len(network) in (5, 6) and text.startswith(network))

"""Price lists: the narrowest price counts, and a file of them is read as a whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.services.columns import SettingError
from smsd.services.price_administration import HEADS, prices_of
from smsd.services.prices import PriceList
from smsd.store.prices import PriceRow, PriceRows, Scope
from tests.services.rig import Node, account
from tests.stores import result

ACCOUNTS = (account(1, "acme"), account(2, "other", currency="CHF"))

COUNTRIES = st.sampled_from(["", "HR", "CH"])
NETWORKS = st.sampled_from(["", "219", "21910", "228", "22801"])
SCOPES = st.one_of(
    st.builds(Scope, st.sampled_from([1, 2]), st.just(""), COUNTRIES, NETWORKS),
    st.builds(Scope, st.none(), st.sampled_from(["", "EUR", "CHF"]), COUNTRIES, NETWORKS),
)


def fits(scope: Scope, account_id: int, currency: str, country: str, network: str) -> bool:
    return (
        scope.account_id in (None, account_id)
        and (scope.account_id is not None or scope.currency in ("", currency))
        and scope.country in ("", country)
        and scope.network in ("", network[:3], network)
    )


def narrowness(scope: Scope) -> tuple[bool, bool, int, bool]:
    return scope.account_id is not None, bool(scope.currency), len(scope.network), bool(scope.country)


@given(
    st.sets(SCOPES),
    st.sampled_from([1, 2, 3]),
    st.sampled_from(["EUR", "CHF", "USD"]),
    st.sampled_from(["", "HR", "CH", "AT"]),
    st.sampled_from(["", "21910", "22801", "23201"]),
)
def test_the_narrowest_price_that_fits_counts(
    scopes: set[Scope], account_id: int, currency: str, country: str, network: str
) -> None:
    rows = [PriceRow(scope, str(number)) for number, scope in enumerate(scopes)]
    fitting = [row for row in rows if fits(row.scope, account_id, currency, country, network)]
    expected = max(fitting, key=lambda row: narrowness(row.scope), default=None)
    found = PriceList(rows).find(account_id, currency, country, network)
    assert (found.row if found is not None else None) == expected


PRICES = st.decimals(0, 999999, allow_nan=False, places=6).map(str)


@given(st.dictionaries(SCOPES, PRICES))
def test_a_file_of_prices_is_read_as_it_was_written(prices: dict[Scope, str]) -> None:
    names = {None: "", 1: "acme", 2: "other"}
    file = StringIO()
    writer = csv.writer(file)
    writer.writerow(HEADS)
    writer.writerows([names[scope.account_id], *scope[1:], price] for scope, price in prices.items())
    lines = file.getvalue().splitlines(keepends=True)
    assert prices_of(lines, ACCOUNTS) == [PriceRow(*one) for one in prices.items()]


@given(st.text(), st.text())
def test_any_file_is_read_or_refused_in_a_sentence(text: str, more: str) -> None:
    for lines in (text, f"price,{text}\n{more}", f"{','.join(HEADS)}\n{text}\n{more}"):
        try:
            rows = prices_of(lines.splitlines(keepends=True), ACCOUNTS)
        except SettingError:
            continue
        assert all(row.price for row in rows)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("account,network\nacme,21910\n", "price is missing"),
        ("price,prefix\n1,385\n", "There is no column prefix"),
        ("price\n0.1\n-1\n", "Line 3: A price is a decimal from 0"),
        ("account,price\nnobody,1\n", "Line 2: There is no account nobody."),
        ("account,currency,price\nacme,EUR,1\n", "An account's own price is in its currency"),
        ("currency,price\nXYZ,1\n", "A currency is a code of ISO 4217, such as EUR: not 'XYZ'."),
        ("country,price\n385,1\n", "A country is a code of ISO 3166, such as HR: not '385'."),
        ("country,price\nUK,1\n", "Line 2: No number is in a country UK"),
        ("network,price\n2191,1\n", "A network is an MCC, or an MCC and an MNC, such as 219"),
    ],
)
def test_what_is_no_price_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(SettingError) as refused:
        prices_of(text.splitlines(keepends=True), ACCOUNTS)
    assert sentence in str(refused.value)


def test_blanks_and_small_letters_are_taken() -> None:
    lines = ["Price, Currency, Country\n", "0.010, chf, hr\n", "0.02, chf, HR\n"]
    assert prices_of(lines, ACCOUNTS) == [PriceRow(Scope(None, "CHF", "HR"), "0.02")]


def test_prices_that_change_while_they_are_read_page_by_page_are_read_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsd.store.prices.PAGE", 2)
    rows = PriceRows(node.engine)
    countries = ("HR", "CH", "AT", "DE", "IT")
    result(rows.put([PriceRow(Scope(country=one), "1") for one in countries]))
    prices, pages = node.core.charging.prices, PriceRows.pages

    async def changing(self: PriceRows) -> AsyncIterator[list[PriceRow]]:
        monkeypatch.setattr(PriceRows, "pages", pages)
        async for page in pages(self):
            yield page
            await rows.put([PriceRow(Scope(country="HR"), "2")])

    monkeypatch.setattr(PriceRows, "pages", changing)
    result(prices.resume())
    assert [prices.of(ACCOUNTS[0], one, "", "0") for one in countries] == ["2", "1", "1", "1", "1"]

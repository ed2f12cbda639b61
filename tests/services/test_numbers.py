"""Whose a number is, and how that is changed."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.services.numbers import Numbers
from smsd.store.settings import Number, Rows
from tests.stores import at_once, clock_at_noon, result


@pytest.fixture
def administration(tmp_path: Path) -> Iterator[Administration]:
    engine = at_once(tmp_path / "smsd.db", clock_at_noon())
    administration = Administration(engine)
    for name in ("acme", "zoo"):
        result(administration.add_account(name, "secret"))
    yield administration
    result(engine.close())


def numbers(administration: Administration) -> list[tuple[Any, ...]]:
    rows = result(administration.rows()).numbers
    return sorted((one.number, one.keyword, one.account_id, one.delivery) for one in rows)


def refused(work: Coroutine[Any, Any, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        result(work)


def test_a_number_is_stored_as_its_digits_and_a_keyword_in_capitals(administration: Administration) -> None:
    result(administration.add_number("+385911234567", "acme"))
    result(administration.add_number("00385911234567", "zoo", "Stop", "smpp"))
    result(administration.add_number("13377", "zoo", "kreuzstraße"))
    assert numbers(administration) == [
        ("13377", "KREUZSTRASSE", 2, "inbox"),
        ("385911234567", "", 1, "inbox"),
        ("385911234567", "STOP", 2, "smpp"),
    ]


def test_two_accounts_can_not_have_the_same(administration: Administration) -> None:
    result(administration.add_number("385911234567", "acme", "stop"))
    refused(
        administration.add_number("+385911234567", "zoo", "STOP"), "a number 385911234567 with keyword STOP"
    )
    result(administration.add_number("385911234567", "zoo"))
    refused(administration.add_number("385911234567", "acme"), "a number 385911234567 without a keyword")


def test_a_number_is_changed_and_removed_by_its_keyword(administration: Administration) -> None:
    result(administration.add_number("385911234567", "acme"))
    result(administration.add_number("385911234567", "acme", "stop"))
    result(administration.change_number("+385911234567", "Stop", account="zoo", delivery="smpp"))
    assert numbers(administration) == [
        ("385911234567", "", 1, "inbox"),
        ("385911234567", "STOP", 2, "smpp"),
    ]
    result(administration.remove_number("385911234567"))
    assert numbers(administration) == [("385911234567", "STOP", 2, "smpp")]
    refused(administration.remove_number("385911234567"), "no number 385911234567 without a keyword")
    refused(administration.change_number("1234", delivery="smpp"), "no number 1234 without")


@pytest.mark.parametrize(
    ("number", "keyword", "delivery", "words"),
    [
        ("12", "", "inbox", "3 to 15 digits"),
        ("1" * 16, "", "inbox", "3 to 15 digits"),
        ("InfoSMS", "", "inbox", "3 to 15 digits"),
        ("1337", "two words", "inbox", "one word"),
        ("1337", "x" * 65, "inbox", "one word"),
        ("1337", "", "pigeon", "smpp, inbox"),
    ],
)
def test_what_is_no_number_keyword_or_delivery_is_refused(
    administration: Administration, number: str, keyword: str, delivery: str, words: str
) -> None:
    refused(administration.add_number(number, "acme", keyword, delivery), words)


def test_a_number_is_an_account_s(administration: Administration) -> None:
    refused(administration.add_number("1337", "nobody"), "no account nobody")
    result(administration.add_number("1337", "acme"))
    refused(administration.remove_account("acme"), "or numbers: remove them first")


def test_the_owner_is_found_by_number_and_first_word() -> None:
    rest, stop = Number(1, "1337", "", 1, "smpp"), Number(2, "1337", "STOP", 2, "smpp")
    numbers = Numbers()
    assert not numbers.has("1337")
    assert numbers.owner("1337", "stop") is None
    numbers.apply(Rows(numbers=(rest, stop)))
    assert numbers.has("1337")
    assert numbers.owner("1337", "stop now") is stop
    assert numbers.owner("1337", "now stop") is rest
    assert numbers.owner("1337", " \n") is rest
    numbers.apply(Rows(numbers=(stop,)))
    assert numbers.owner("1337", "") is None

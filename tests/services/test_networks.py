"""The networks of destinations, and the files they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering.plan import UNKNOWN
from smsd.services import networks
from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.services.networks import Networks, networks_of
from smsd.store.settings import Network, Rows
from tests.stores import at_once, clock_at_noon, result


@pytest.fixture
def administration(tmp_path: Path) -> Iterator[Administration]:
    engine = at_once(tmp_path / "smsd.db", clock_at_noon())
    yield Administration(engine)
    result(engine.close())


def known(administration: Administration) -> list[tuple[str, str, str]]:
    rows = result(administration.rows()).networks
    return sorted((one.prefix, one.mccmnc, one.name) for one in rows)


def test_a_destination_is_at_home_where_the_rows_in_force_say_else_as_the_built_in_plan_does() -> None:
    found = Networks()
    assert found.of("385911234567").network == "A1 Telekom"
    found.apply(Rows(networks=(Network(1, "3859", "21942", "Ours"),)))
    ours = found.of("385911234567")
    assert (ours.mccmnc, ours.network, ours.country, ours.prefix) == ("21942", "Ours", "HR", "9")
    assert found.of("41793026727").network == "Swisscom"
    found.apply(Rows())
    assert found.of("385911234567").mccmnc == "21910"
    assert found.of("999911234567") is UNKNOWN


def test_a_network_is_added_and_removed(administration: Administration) -> None:
    result(administration.add_network("+38591", "21910", "VipNet"))
    result(administration.add_network("41", "22801"))
    assert known(administration) == [("38591", "21910", "VipNet"), ("41", "22801", "")]
    result(administration.remove_network("+38591"))
    assert known(administration) == [("41", "22801", "")]


@pytest.mark.parametrize(
    ("prefix", "mccmnc", "name", "words"),
    [
        ("", "21910", "", "prefix has 1 to 15 digits"),
        ("0385", "21910", "", "the first not 0"),
        ("1" * 16, "21910", "", "prefix has 1 to 15 digits"),
        ("385", "2191", "", "An MCC has three digits"),
        ("385", "2191012", "", "An MCC has three digits"),
        ("385", "21910", "a\n", "name has up to 64 characters"),
        ("385", "21910", "a" * 65, "name has up to 64 characters"),
        ("41", "21910", "", "There is a network with the prefix 41 already"),
    ],
)
def test_a_network_that_cannot_be_is_refused(
    administration: Administration, prefix: str, mccmnc: str, name: str, words: str
) -> None:
    result(administration.add_network("41", "22801"))
    with pytest.raises(SettingError, match=words):
        result(administration.add_network(prefix, mccmnc, name))
    assert known(administration) == [("41", "22801", "")]


def test_a_prefix_that_is_not_there_cannot_be_removed(administration: Administration) -> None:
    with pytest.raises(SettingError, match="There is no network with the prefix 385"):
        result(administration.remove_network("385"))


def test_a_file_adds_and_changes_and_may_replace(administration: Administration) -> None:
    result(administration.add_network("41", "22801", "old"))
    result(administration.add_network("43", "23201"))
    rows = networks_of(["prefix,mccmnc,name\n", "41,22802,new\n", "+38591, 21910, VipNet\n"])
    result(administration.import_networks(rows))
    assert known(administration) == [
        ("38591", "21910", "VipNet"),
        ("41", "22802", "new"),
        ("43", "23201", ""),
    ]
    result(administration.import_networks(rows[:1], replace=True))
    assert known(administration) == [("41", "22802", "new")]
    result(administration.import_networks([], replace=True))
    assert known(administration) == []


def test_there_is_room_for_so_many(administration: Administration, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("networks.MOST", "administration.MOST_NETWORKS"):
        monkeypatch.setattr(f"smsd.services.{module}", 2)
    rows = networks_of(["prefix,mccmnc\n", "41,22801\n", "43,23201\n"])
    with pytest.raises(SettingError, match="2 prefixes at most"):
        networks_of(["prefix,mccmnc\n", "41,22801\n", "43,23201\n", "44,23401\n"])
    result(administration.import_networks(rows))
    with pytest.raises(SettingError, match="2 prefixes at most"):
        result(administration.add_network("44", "23401"))
    with pytest.raises(SettingError, match="2 prefixes at most"):
        result(administration.import_networks([{"prefix": "44", "mccmnc": "23401", "name": ""}]))
    result(administration.import_networks(rows))
    assert len(known(administration)) == networks.MOST


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "mccmnc, name: prefix is missing"),
        ("prefix;mccmnc\n41;22801\n", "prefix is missing"),
        ("name,prefix\nx,41\n", "mccmnc is missing"),
        ("prefix,mccmnc\n41,22801\n43,x\n", "Line 3: An MCC has three digits"),
        ("prefix,mccmnc\n41\n", "Line 2: An MCC has three digits"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(text: str, words: str) -> None:
    with pytest.raises(SettingError, match=re.escape(words)):
        networks_of(text.splitlines(keepends=True))


def test_of_two_lines_with_one_prefix_the_later_stands_and_others_columns_do_not_matter() -> None:
    rows = networks_of(["Country,MCCMNC,Prefix\n", "CH,22801,41\n", "CH,22802,41,more\n"])
    assert rows == [{"prefix": "41", "mccmnc": "22802", "name": ""}]


@given(st.text())
def test_any_text_is_a_file_or_is_told_not_to_be(text: str) -> None:
    for lines in (text, f"prefix,mccmnc\n{text}"):
        try:
            rows = networks_of(lines.splitlines(keepends=True))
        except SettingError:
            continue
        assert all(re.fullmatch("[1-9][0-9]{0,14}", str(row["prefix"])) for row in rows)

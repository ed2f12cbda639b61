"""Ported numbers: files of them, what the operator does with them, and how a node follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from smsd.numbering.plan import UNKNOWN
from smsd.services import ported_administration
from smsd.services.columns import SettingError
from smsd.services.networks import Networks
from smsd.services.ported import AGAIN, Ported
from smsd.services.ported_administration import PortedAdministration, PortedFile, ported_file
from smsd.store.engine import StoreUnavailable
from smsd.store.ported import ChangedMeanwhile, Packed, PortedRows, Range
from smsd.store.settings import Network, Rows, SettingsTables
from tests.stores import Wayward, at_once, clock_at_noon, result

T_MOBILE, A1, LAB = "21901", "21910", "90142"


@pytest.fixture
def clock() -> Clock:
    return clock_at_noon()


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Iterator[Wayward]:
    engine = Wayward(at_once(tmp_path / "smsd.db", clock))
    yield engine
    result(engine.close())


@pytest.fixture
def administration(engine: Wayward) -> PortedAdministration:
    return PortedAdministration(engine)


class Node:
    """What of a node knows of ported numbers."""

    def __init__(self, engine: Wayward, clock: Clock) -> None:
        self.networks = Networks()
        self.settings = SettingsTables(engine)
        self.ported = Ported(PortedRows(engine), clock, self.networks.use_ported)

    def follow(self) -> None:
        self.ported.apply(result(self.settings.read()))

    def of(self, number: str) -> str:
        return self.networks.of(number).mccmnc


@pytest.fixture
def node(engine: Wayward, clock: Clock) -> Node:
    return Node(engine, clock)


def file_of(*rows: tuple[str, str]) -> PortedFile:
    return ported_file(["number,mccmnc\n", *(f"{number},{mccmnc}\n" for number, mccmnc in rows)])


def test_a_ported_number_has_its_new_network_and_its_neighbours_keep_theirs(
    administration: PortedAdministration, node: Node
) -> None:
    assert node.of("385911234567") == A1
    result(administration.add(file_of(("+385911234567", T_MOBILE))))
    node.follow()
    ported = node.networks.of("385911234567")
    assert (ported.mccmnc, ported.network, ported.prefix) == (T_MOBILE, "Hrvatski Telekom", "98")
    assert (ported.country, ported.calling_code, ported.country_name) == ("HR", "385", "Croatia")
    assert node.networks.of("385911234567") is ported
    assert [node.of(number) for number in ("385911234566", "385911234568", "38591123456")] == [A1] * 3
    assert node.networks.original("385911234567").mccmnc == A1
    assert result(administration.remove(["385911234567", "385911234567", "385911234568"])) == 1
    node.follow()
    assert node.of("385911234567") == A1


def test_it_comes_before_every_own_prefix_and_is_known_without_one(
    administration: PortedAdministration, node: Node
) -> None:
    result(administration.add(file_of(("385911234567", T_MOBILE), ("999911234567", LAB))))
    node.networks.apply(Rows(networks=(Network(1, "385911234567", "21942", "Ours"),)))
    assert node.of("385911234567") == "21942"
    node.follow()
    assert node.of("385911234567") == T_MOBILE
    assert node.of("999911234567") == LAB
    assert node.networks.of("999911234568") is UNKNOWN
    assert node.networks.of("385911234567").network == "Hrvatski Telekom"
    node.networks.apply(Rows(networks=(Network(1, "38599", T_MOBILE, "Telekom"),)))
    assert node.networks.of("385911234567").network == "Telekom"
    node.networks.apply(Rows())
    assert node.networks.of("385911234567").network == "Hrvatski Telekom"


def test_a_node_has_them_before_it_begins(
    administration: PortedAdministration, node: Node, engine: Wayward
) -> None:
    result(administration.add(file_of(("385911234567", T_MOBILE))))
    result(node.ported.load())
    assert node.of("385911234567") == T_MOBILE
    engine.reading = [StoreUnavailable("It is told to be away.")]
    with pytest.raises(StoreUnavailable):
        result(node.ported.load())


def test_a_file_adds_and_changes_and_may_replace(administration: PortedAdministration, node: Node) -> None:
    result(administration.add(file_of(("385911234567", T_MOBILE), ("385911234568", T_MOBILE))))
    result(administration.add(file_of(("385911234568", "21902"), ("41791234567", "22802"))))
    assert result(administration.listed("", 10)) == [
        (41791234567, "22802"),
        (385911234567, T_MOBILE),
        (385911234568, "21902"),
    ]
    assert result(administration.counted()) == {"22802": 1, T_MOBILE: 1, "21902": 1}
    result(administration.put(file_of(("41791234567", "22803"))))
    node.follow()
    assert (node.of("41791234567"), node.of("385911234567")) == ("22803", A1)
    assert result(administration.remove_all()) == 1
    node.follow()
    assert node.of("41791234567") == "22801"
    assert result(administration.counted()) == {}


def test_one_is_looked_up(administration: PortedAdministration) -> None:
    assert result(administration.network("385911234567")) is None
    result(administration.add(file_of(("385911234567", T_MOBILE))))
    assert result(administration.network("+385911234567")) == T_MOBILE
    assert result(administration.network("385911234568")) is None
    assert result(administration.network("1211234567")) is None


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few numbers make many rows."""
    monkeypatch.setattr(ported_administration, "SIZE", 4)


@pytest.mark.usefixtures("small")
def test_only_what_a_change_touches_is_written_and_read_anew(
    administration: PortedAdministration, node: Node, engine: Wayward
) -> None:
    result(administration.put(file_of(*((f"3859112345{number:02}", T_MOBILE) for number in range(40)))))
    before = result(PortedRows(engine).ranges())
    assert len(before) == 10
    node.follow()
    result(administration.add(file_of(("385911234500", LAB))))
    result(administration.remove(["385911234539"]))
    after = result(PortedRows(engine).ranges())
    assert after[1:-1] == before[1:-1]
    assert {after[0], after[-1]}.isdisjoint(before)
    read: list[Range] = []
    rows = node.ported._rows
    read_one = rows.read

    async def noted(one: Range) -> Packed | None:
        read.append(one)
        return await read_one(one)

    rows.read = noted  # type: ignore[method-assign]
    node.follow()
    assert read == [after[0], after[-1]]
    assert (node.of("385911234500"), node.of("385911234501"), node.of("385911234539")) == (LAB, T_MOBILE, A1)


@pytest.mark.usefixtures("small")
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "put", "remove"]),
            st.dictionaries(st.integers(41790000, 41790040), st.sampled_from(["22801", "22802", "22803"])),
        ),
        max_size=6,
    )
)
def test_whatever_is_done_a_node_knows_all_and_no_more(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, dict[int, str]]]
) -> None:
    clock = clock_at_noon()
    engine = Wayward(at_once(tmp_path_factory.mktemp("ported") / "smsd.db", clock))
    administration, node = PortedAdministration(engine), Node(engine, clock)
    known: dict[int, str] = {}
    for step, items in steps:
        file = file_of(*((str(number), mccmnc) for number, mccmnc in items.items()))
        if step == "add":
            result(administration.add(file))
            known |= items
        elif step == "put":
            result(administration.put(file))
            known = items
        else:
            there = [number for number in items if number in known]
            assert result(administration.remove(map(str, items))) == len(there)
            known = {number: mccmnc for number, mccmnc in known.items() if number not in items}
        node.follow()
        assert list(node.networks._ported.items()) == sorted(known.items())
        assert [node.networks._ported.network(number) for number in range(41789999, 41790042)] == [
            known.get(number) for number in range(41789999, 41790042)
        ]
        assert result(administration.listed("4179", 100)) == sorted(known.items())
    result(engine.close())


@pytest.mark.usefixtures("small")
def test_those_with_a_prefix_are_listed_so_many_at_most(administration: PortedAdministration) -> None:
    rows = [(f"4179{number:03}0000", "22802") for number in range(30)] + [("491701234567", "26202")]
    result(administration.put(file_of(*rows)))
    assert len(result(administration.listed("", 100))) == 31
    assert [number for number, _ in result(administration.listed("41790071", 100))] == []
    assert [number for number, _ in result(administration.listed("4179007", 100))] == [41790070000]
    assert [number for number, _ in result(administration.listed("4179", 2))] == [41790000000, 41790010000]
    assert result(administration.listed("49", 5)) == [(491701234567, "26202")]
    assert result(administration.listed("385", 5)) == []
    with pytest.raises(SettingError, match="A prefix has 1 to 15 digits"):
        result(administration.listed("x", 5))


def test_two_who_change_them_at_the_same_time_do_not_undo_each_other(
    administration: PortedAdministration, engine: Wayward
) -> None:
    rows = PortedRows(engine)
    edition = result(rows.edition())
    result(administration.add(file_of(("385911234567", T_MOBILE))))
    with pytest.raises(ChangedMeanwhile):
        result(rows.replace(edition, None, []))
    assert result(administration.counted()) == {T_MOBILE: 1}


def test_somebody_who_was_overtaken_is_told_so(
    administration: PortedAdministration, engine: Wayward, monkeypatch: pytest.MonkeyPatch
) -> None:
    result(administration.add(file_of(("385911234567", T_MOBILE))))
    edition = result(PortedRows(engine).edition())

    async def stale(self: PortedRows) -> int:
        return edition - 1

    monkeypatch.setattr(PortedRows, "edition", stale)
    for work in (
        administration.add(file_of(("385911234568", A1))),
        administration.put(file_of(("385911234568", A1))),
        administration.remove(["385911234567"]),
        administration.remove_all(),
    ):
        with pytest.raises(SettingError, match="changed by somebody else at the same time: try again"):
            result(work)
    assert result(administration.counted()) == {T_MOBILE: 1}


def test_a_node_tries_again_when_the_database_was_away(
    administration: PortedAdministration, node: Node, engine: Wayward, clock: Clock
) -> None:
    result(administration.add(file_of(("385911234567", T_MOBILE))))
    rows = result(node.settings.read())
    engine.reading = [StoreUnavailable("It is told to be away.")] * 2
    node.ported.apply(rows)
    clock.advance(AGAIN)
    assert node.of("385911234567") == A1
    clock.advance(AGAIN)
    assert node.of("385911234567") == T_MOBILE
    assert clock.getDelayedCalls() == []


def test_a_change_while_a_node_reads_is_read_too(
    administration: PortedAdministration, node: Node, engine: Wayward
) -> None:
    result(administration.put(file_of(("385911234567", T_MOBILE))))
    first = result(node.settings.read())
    engine.holding = True
    node.ported.apply(first)  # It waits for what rows there are,
    engine.release()  # and for the one there is,
    engine.holding = False
    result(administration.put(file_of(("385911234568", T_MOBILE))))
    second = result(node.settings.read())
    engine.release()  # which has been replaced.
    assert (node.of("385911234567"), node.of("385911234568")) == (A1, T_MOBILE)
    node.ported.apply(second)
    assert (node.of("385911234567"), node.of("385911234568")) == (A1, T_MOBILE)


def test_there_is_room_for_so_many(
    administration: PortedAdministration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ported_administration, "MOST", 2)
    three = file_of(("4179000001", "22801"), ("4179000002", "22801"), ("4179000003", "22801"))
    result(administration.add(file_of(("4179000001", "22801"), ("4179000002", "22801"))))
    result(administration.add(file_of(("4179000001", "22802"))))
    for work in (administration.put(three), administration.add(file_of(("4179000003", "22801")))):
        with pytest.raises(SettingError, match="There may be 2 ported numbers at most"):
            result(work)
    monkeypatch.setattr(ported_administration, "MOST_NETWORKS", 1)
    with pytest.raises(SettingError, match="Line 3: there may be 1 networks at most"):
        file_of(("4179000001", "22801"), ("4179000002", "22802"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The first line names the columns number, mccmnc: number is missing"),
        ("number;mccmnc\n41791234567;22801\n", "number is missing"),
        ("number,prefix\n41791234567,22801\n", "mccmnc is missing"),
        (
            "number,mccmnc\n41791234567,22801\nx,22801\n",
            "Line 3: A number is international, such as 385911234567: not 'x'",
        ),
        ("number,mccmnc\n0791234567,22801\n", "Line 2: A number is international"),
        ("number,mccmnc\n41791234567,1\n", "Line 2: An MCC has three digits"),
        ("number,mccmnc\n41791234567\n", "Line 2: a value is missing"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(text: str, words: str) -> None:
    with pytest.raises(SettingError, match=re.escape(words)):
        ported_file(text.splitlines(keepends=True))


def test_of_two_lines_with_one_number_the_later_stands_and_others_columns_do_not_matter() -> None:
    lines = ["Date,MCCMNC,Number\n", "x,22801,+41791234567\n", "\n", "x,22802,0041791234567,more\n"]
    assert list(ported_file(lines).items()) == [(41791234567, "22802")]


@given(st.text())
def test_any_text_is_a_file_or_is_told_not_to_be(text: str) -> None:
    for lines in (text, f"number,mccmnc\n{text}"):
        try:
            file = ported_file(lines.splitlines(keepends=True))
        except SettingError:
            continue
        assert len(list(file.items())) == len(file)


@pytest.mark.parametrize("number", ["x", "0791234567", "1", "9" * 16])
def test_what_is_no_number_cannot_be_removed_or_looked_up(
    administration: PortedAdministration, number: str
) -> None:
    for work in (administration.remove([number]), administration.network(number)):
        with pytest.raises(SettingError, match="A number is international"):
            result(work)

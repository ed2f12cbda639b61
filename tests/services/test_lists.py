"""Lists: what the operator puts on one is known to a node at once, from either database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.services.entries import InvalidEntry, Numbers, Senders, number_value, sender_value, text_value
from smsd.services.list_administration import ListAdministration
from smsd.services.lists import (
    ALLOWED_SENDERS,
    BLOCKED_SENDERS,
    BLOCKED_TEXTS,
    DND,
    KEPT,
    LISTS,
    Listed,
    Lists,
)
from smsd.services.settings import Settings
from smsd.sms.phrases import words
from smsd.store.engine import Engine
from smsd.store.lists import ListRows
from tests.stores import NOON, Database


class Desk:
    """The operator, and a node that follows."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        self.rows = ListRows(engine)
        self.administration = ListAdministration(engine, clock)
        self.node = self.started()

    def started(self) -> Lists:
        """Return a node's lists that know nothing yet."""
        return Lists(self.rows, self.clock)

    async def add(self, name: str, *values: str, account: str | None = None) -> int:
        return await self.administration.add(name, account, values)

    async def follow(self) -> None:
        """Let the node read what has changed, as it does when that is announced."""
        await self.node.resume()

    def dnd(self, number: str, account_id: int = 1) -> bool:
        return any(number in one for one in self.node.of(DND, account_id))


@pytest_twisted.async_yield_fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    engine = database.engine()
    engine.prepare(NOON, exclusive=True)
    await engine.open()
    administration = Administration(engine)
    for name in ("acme", "zoo"):
        await administration.add_account(name, "secret")
    clock = Clock()
    clock.advance(NOON)
    yield Desk(engine, clock)
    await engine.close()


async def test_a_number_is_on_a_list_from_the_next_look_on_and_off_it_again(desk: Desk) -> None:
    assert not desk.dnd("385911234567")
    assert await desk.add("dnd", "+385911234567", "00385911234568", "385911234567") == 2
    await desk.follow()
    numbers = ("385911234567", "385911234568", "385911234569")
    assert [desk.dnd(number) for number in numbers] == [True, True, False]
    assert await desk.add("dnd", "385911234567") == 0
    assert await desk.administration.remove("dnd", None, ["385911234567", "385911234569"]) == 1
    await desk.follow()
    assert not desk.dnd("385911234567")
    assert desk.dnd("385911234568")
    assert await desk.add("dnd", "385911234567") == 1
    await desk.follow()
    assert desk.dnd("385911234567")


async def test_an_account_s_list_is_its_own(desk: Desk) -> None:
    await desk.add("dnd", "385911234567", account="zoo")
    await desk.follow()
    assert (desk.dnd("385911234567", 1), desk.dnd("385911234567", 2)) == (False, True)
    assert await desk.administration.counts() == [("dnd", "zoo", 1)]
    with pytest.raises(SettingError, match="no account nobody"):
        await desk.add("dnd", "385911234567", account="nobody")


async def test_the_operator_finds_whatever_holds_a_node_s_messages_up(desk: Desk) -> None:
    await desk.add("dnd", "38591*", "41793026727")
    await desk.add("dnd", "385911234567", account="zoo")
    await desk.administration.remove("dnd", None, ["41793026727"])
    await desk.follow()
    for number in ("385911234567", "385921234567", "41793026727"):
        for account_id, account in enumerate(("acme", "zoo"), 1):
            found = await desk.administration.find(number, account)
            assert bool(found) == desk.dnd(number, account_id)
    assert [tuple(one) for one in await desk.administration.find("385911234567", "zoo")] == [
        ("dnd", "", "38591*"),
        ("dnd", "zoo", "385911234567"),
    ]


async def test_a_node_that_starts_knows_what_is_on_lists_and_not_what_was(desk: Desk) -> None:
    await desk.add("dnd", "385911234567", "41*")
    await desk.add("blocked-senders", "Casino")
    await desk.add("blocked-texts", "free money")
    await desk.administration.remove("dnd", None, ["385911234567"])
    desk.node = desk.started()
    await desk.node.resume()
    assert not desk.dnd("385911234567")
    assert desk.dnd("41793026727")
    (senders,) = desk.node.of(BLOCKED_SENDERS, 1)
    (texts,) = desk.node.of(BLOCKED_TEXTS, 1)
    assert "CASINO" in senders
    assert texts.found(words("Get FREE money!"))
    assert desk.node.of(ALLOWED_SENDERS, 1) == ()


async def test_a_file_of_many_numbers_is_imported_and_replaced_by_what_differs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsd.store.lists.STEP", 500)
    monkeypatch.setattr("smsd.store.lists.PAGE", 300)
    lines = ["# Numbers that nobody may write to\n", "\n", *(f"+38591{n:07d}\n" for n in range(3000))]
    imported = await desk.administration.import_lines("dnd", None, lines, replace=False)
    assert tuple(imported) == (3000, 0)
    await desk.follow()
    assert all(desk.dnd(f"38591{n:07d}") for n in (0, 1499, 2999))
    lines = [*lines[100:], "41793026727"]
    imported = await desk.administration.import_lines("dnd", None, lines, replace=True)
    assert tuple(imported) == (1, 98)
    await desk.follow()
    assert [desk.dnd(f"38591{n:07d}") for n in (0, 97, 98, 2999)] == [False, False, True, True]
    assert desk.dnd("41793026727")
    values = [value async for value in desk.administration.values("dnd", None)]
    assert (len(values), values[-1]) == (2903, "41793026727")
    desk.node = desk.started()
    await desk.node.resume()
    assert [desk.dnd(f"38591{n:07d}") for n in (97, 98)] == [False, True]


async def test_a_file_with_a_line_that_will_not_do_changes_nothing(desk: Desk) -> None:
    with pytest.raises(SettingError, match="Line 2: A number has 5 to 15 digits"):
        await desk.administration.import_lines("dnd", None, ["41793026727", "number"], replace=True)
    assert await desk.administration.counts() == []


async def test_what_was_removed_is_forgotten_later_and_a_node_that_slept_through_it_reads_all(
    desk: Desk,
) -> None:
    await desk.add("dnd", "385911234567", "385911234568")
    await desk.follow()
    await desk.administration.remove("dnd", None, ["385911234567"])
    assert await desk.rows.forget_before(NOON, 100) == 0
    desk.clock.advance(KEPT + 1)
    assert await desk.rows.forget_before(NOON + 1, 100) == 1
    await desk.follow()
    assert not desk.dnd("385911234567")
    assert desk.dnd("385911234568")


async def test_a_list_has_a_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    small: Any = DND.kind._replace(most=3, most_starred=1)
    monkeypatch.setitem(LISTS, "dnd", Listed("dnd", small))
    await desk.add("dnd", "385911234567", "385911234568", "41*")
    assert await desk.add("dnd", "385911234567") == 0
    with pytest.raises(SettingError, match="3 entries on a list of dnd at most"):
        await desk.add("dnd", "385911234569")
    await desk.administration.remove("dnd", None, ["385911234567"])
    with pytest.raises(SettingError, match=r"1 entries with a \* on a list of dnd at most"):
        await desk.add("dnd", "42*")
    replaced = await desk.administration.import_lines(
        "dnd", None, ["42*", "1234567", "1234568"], replace=True
    )
    assert tuple(replaced) == (3, 2)


async def test_the_lists_of_an_account_go_with_it(desk: Desk) -> None:
    await desk.add("dnd", "385911234567", account="zoo")
    await desk.add("dnd", "385911234567", account="acme")
    await Administration(desk.engine).remove_account("zoo")
    assert await desk.administration.counts() == [("dnd", "acme", 1)]


async def test_a_running_node_hears_of_a_change(desk: Desk) -> None:
    settings = Settings(desk.engine, reactor)
    settings.use(desk.node.apply)
    heard: Deferred[None] = Deferred()
    await settings.load()

    def changed() -> None:
        if desk.dnd("385911234567") and not heard.called:
            heard.callback(None)

    desk.node.changed = changed
    await desk.add("dnd", "385911234567")
    await heard.addTimeout(20, reactor)


digits = st.from_regex(r"[1-9][0-9]{4,14}", fullmatch=True)
prefixes = st.from_regex(r"[1-9][0-9]{0,3}\*", fullmatch=True)


@given(st.lists(st.tuples(digits | prefixes, st.booleans()), max_size=30), st.lists(digits, max_size=20))
def test_a_list_of_numbers_has_what_was_put_on_it_last(
    changes: list[tuple[str, bool]], asked: list[str]
) -> None:
    numbers, plain = Numbers(), set[str]()
    for value, added in changes:
        numbers.change([value] if added else [], [] if added else [value])
        (plain.add if added else plain.discard)(value)
    assert len(numbers) == len(plain)
    for number in [*asked, *(value for value, _ in changes if not value.endswith("*"))]:
        expected = number in plain or any(one[-1] == "*" and number.startswith(one[:-1]) for one in plain)
        assert (number in numbers) == expected


@given(st.text(max_size=20))
def test_any_text_is_a_value_or_is_refused(text: str) -> None:
    for value in (number_value, sender_value, text_value):
        try:
            kept = value(text)
        except InvalidEntry:
            continue
        assert value(kept) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [("+385911234567", "385911234567"), ("00385*", "385*"), ("+1*", "1*"), ("12345", "12345")],
)
def test_numbers_are_kept_as_their_digits(given: str, kept: str) -> None:
    assert number_value(given) == kept


@pytest.mark.parametrize("given", ["", "*", "0911234567", "1234", "385x*", "3859112345678901", "38*5"])
def test_what_is_no_number_is_refused(given: str) -> None:
    with pytest.raises(InvalidEntry):
        number_value(given)


def test_senders_are_compared_without_their_case_and_by_their_beginning() -> None:
    senders = Senders()
    senders.change([sender_value("Casino"), sender_value("WIN*"), sender_value("+38591*")], [])
    assert all(one in senders for one in ("casino", "CASINO", "Winner", "win"))
    assert not any(one in senders for one in ("casinos", "wi", ""))
    senders.change([], [sender_value("win*")])
    assert "winner" not in senders


@pytest.mark.parametrize("given", ["", "*", "ab", "twelve chars", "čaj", "a\tb*"])
def test_what_is_no_sender_is_refused(given: str) -> None:
    with pytest.raises(InvalidEntry):
        sender_value(given)

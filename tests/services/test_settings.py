from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred

from smsd.services.accounts import Accounts
from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.services.settings import Settings
from smsd.store.engine import Call, Row, StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.settings import Rows
from tests.stores import Submitter, Wayward, at_once, clock_at_noon, message, result


@pytest.fixture
def engine(tmp_path: Path) -> Wayward:
    return Wayward(at_once(tmp_path / "smsd.db", clock_at_noon()))


@pytest.fixture
def administration(engine: Wayward) -> Administration:
    return Administration(engine)


def refused(work: Coroutine[Any, Any, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        result(work)


def test_an_account_is_added_changed_and_removed(administration: Administration) -> None:
    number = result(administration.add_account("demo", "secret"))
    (account,) = result(administration.rows()).accounts
    assert (account.id, account.system_id, account.enabled, account.sessions) == (number, "demo", 1, 4)
    assert account.password.startswith("$argon2id$")
    result(administration.change_account("demo", sessions=9, enabled=0))
    account = result(administration.account("demo"))
    assert (account.id, account.sessions, account.enabled) == (number, 9, 0)
    result(administration.remove_account("demo"))
    assert result(administration.rows()).accounts == ()
    refused(administration.account("demo"), "There is no account demo")


def test_a_changed_password_is_hashed(administration: Administration) -> None:
    result(administration.add_account("demo", "secret"))
    result(administration.change_account("demo", password="other"))
    accounts = Accounts(maybeDeferred)
    accounts.apply(result(administration.rows()))
    assert result(accounts.authenticate("demo", "other")).system_id == "demo"


def test_a_change_of_nothing_changes_nothing(administration: Administration) -> None:
    result(administration.add_account("demo", "secret"))
    result(administration.add_channel("a", "smpp", "{}"))
    route = result(administration.add_route("a"))
    before = result(administration.rows())
    result(administration.change_account("demo"))
    result(administration.change_channel("a"))
    result(administration.change_route(route))
    assert result(administration.rows()) == before


@pytest.mark.parametrize("name", ["", "a" * 16, "sp ace", "čevap", "a:b", "a\0"])
def test_a_system_id_that_smpp_or_http_cannot_carry_is_refused(
    administration: Administration, name: str
) -> None:
    refused(administration.add_account(name, "secret"), "system_id")


@pytest.mark.parametrize("password", ["", "a" * 65, "š", "a\n"])
def test_a_password_that_smpp_or_http_cannot_carry_is_refused(
    administration: Administration, password: str
) -> None:
    refused(administration.add_account("demo", password), "password")


@pytest.mark.parametrize(("column", "value"), [("sessions", -1), ("sessions", 1001), ("currency", "euro")])
def test_an_accounts_value_that_will_not_do_is_refused(
    administration: Administration, column: str, value: object
) -> None:
    refused(administration.add_account("demo", "secret", **{column: value}), column)  # type: ignore[arg-type]
    result(administration.add_account("demo", "secret"))
    refused(administration.change_account("demo", **{column: value}), column)  # type: ignore[arg-type]


def test_two_accounts_or_channels_of_one_name_are_refused(administration: Administration) -> None:
    result(administration.add_account("demo", "secret"))
    refused(administration.add_account("demo", "other"), "account demo already")
    result(administration.add_channel("a", "smpp", "{}"))
    refused(administration.add_channel("a", "simulator", "{}"), "channel a already")


def test_a_channel_is_added_changed_and_removed(administration: Administration) -> None:
    number = result(administration.add_channel("operator-1.at", "smpp", '{"a": 1}'))
    result(administration.change_channel("operator-1.at", enabled=False, options="{}"))
    channel = result(administration.channel("operator-1.at"))
    assert (channel.id, channel.kind, channel.enabled, channel.options) == (number, "smpp", 0, "{}")
    result(administration.remove_channel("operator-1.at"))
    refused(administration.channel("operator-1.at"), "There is no channel")


@pytest.mark.parametrize("name", ["", "a b", "a" * 65, "a/b", "a\n"])
def test_a_channels_name_has_letters_digits_and_few_others(administration: Administration, name: str) -> None:
    refused(administration.add_channel(name, "smpp", "{}"), "A channel's name")


def test_a_route_is_added_changed_and_removed(administration: Administration) -> None:
    result(administration.add_account("demo", "secret"))
    here, there = (result(administration.add_channel(name, "smpp", "{}")) for name in ("here", "there"))
    everybodys = result(administration.add_route("here"))
    own = result(administration.add_route("here", "385", "demo", "0.05"))
    result(administration.change_route(own, channel="there", prefix="38591", price="0.015"))
    rows = {route.id: route for route in result(administration.rows()).routes}
    assert (rows[own].channel_id, rows[own].prefix, rows[own].price) == (there, "38591", "0.015")
    assert (rows[everybodys].account_id, rows[everybodys].channel_id) == (None, here)
    result(administration.remove_route(own))
    refused(administration.remove_route(own), f"There is no route {own}")
    refused(administration.change_route(own, prefix="1"), f"There is no route {own}")


def test_two_routes_of_one_prefix_for_one_account_are_refused(administration: Administration) -> None:
    result(administration.add_account("demo", "secret"))
    result(administration.add_channel("a", "smpp", "{}"))
    result(administration.add_route("a", "385"))
    result(administration.add_route("a", "385", "demo"))
    other = result(administration.add_route("a", "49"))
    refused(administration.add_route("a", "385"), "is for these messages, and leads there, already")
    refused(administration.add_route("a", "385", "demo"), "is for these messages, and leads there, already")
    refused(
        administration.change_route(other, prefix="385"), "is for these messages, and leads there, already"
    )
    result(administration.change_route(other, prefix="49", price="1"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prefix": "+385"}, "prefix"),
        ({"prefix": "1" * 16}, "prefix"),
        ({"price": "-1"}, "price"),
        ({"price": "free"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "Infinity"}, "price"),
        ({"price": "0.0000001"}, "price"),
        ({"price": "1000000"}, "price"),
        ({"account": "nobody"}, "no account nobody"),
    ],
)
def test_a_routes_value_that_will_not_do_is_refused(
    administration: Administration, fields: dict[str, str], words: str
) -> None:
    result(administration.add_channel("a", "smpp", "{}"))
    refused(administration.add_route("a", **fields), words)
    refused(administration.add_route("b"), "no channel b")


def test_what_others_refer_to_is_not_removed(engine: Wayward, administration: Administration) -> None:
    result(administration.add_account("demo", "secret"))
    channel = result(administration.add_channel("a", "smpp", "{}"))
    route = result(administration.add_route("a", account="demo"))
    refused(administration.remove_account("demo"), "routes of its own")
    refused(administration.remove_channel("a"), "Routes lead to channel a")
    result(administration.remove_route(route))
    clock = clock_at_noon()
    Journal(engine, clock, 10).accept(message(1, channel_id=channel), Submitter())
    clock.advance(0)
    refused(administration.remove_channel("a"), "1 messages wait for channel a")
    result(administration.remove_account("demo"))


class Node:
    """A process that uses the settings."""

    def __init__(self, path: Path) -> None:
        self.clock = clock_at_noon()
        self.engine = Wayward(at_once(path, self.clock))
        self.settings = Settings(self.engine, self.clock)
        self.rows: list[Rows] = []
        self.settings.use(self.rows.append)

    def names(self) -> list[str]:
        return [account.system_id for account in self.rows[-1].accounts]


def test_a_change_by_any_process_is_in_force_in_a_moment(
    tmp_path: Path, administration: Administration
) -> None:
    node = Node(tmp_path / "smsd.db")
    result(node.settings.load())
    assert node.rows == [Rows()]
    result(administration.add_account("demo", "secret"))
    node.clock.pump([0.1] * 5)
    assert node.names() == ["demo"]
    result(administration.remove_account("demo"))
    node.clock.pump([0.1] * 5)
    assert node.names() == []
    assert len(node.rows) == 3


def test_every_user_of_the_settings_gets_them(tmp_path: Path) -> None:
    node = Node(tmp_path / "smsd.db")
    others: list[Rows] = []
    node.settings.use(others.append)
    result(node.settings.load())
    assert others == node.rows == [Rows()]


def test_a_change_while_settings_are_first_read_is_not_missed(
    tmp_path: Path, administration: Administration
) -> None:
    node = Node(tmp_path / "smsd.db")
    read = node.engine.read

    async def then_changed(call: Call) -> list[Row]:
        rows = await read(call)
        if "FROM route" in call.query.sql and not node.rows:
            await administration.add_account("demo", "secret")
        return rows

    node.engine.read = then_changed  # type: ignore[method-assign]
    result(node.settings.load())
    node.clock.pump([0.1] * 5)
    assert node.names() == ["demo"]


def test_a_change_that_is_noticed_while_settings_are_first_read_is_read_too(
    tmp_path: Path, administration: Administration
) -> None:
    node = Node(tmp_path / "smsd.db")
    node.engine.holding = True
    loading = Deferred.fromCoroutine(node.settings.load())
    node.engine.release()  # Accounts have been read.
    result(administration.add_account("demo", "secret"))
    node.clock.pump([0.1] * 5)
    node.engine.holding = False
    node.engine.release()
    result(loading)
    assert node.names() == ["demo"]


def test_settings_that_cannot_be_read_at_first_say_so(tmp_path: Path) -> None:
    node = Node(tmp_path / "smsd.db")
    node.engine.reading = [StoreUnavailable("It is told to be away.")] * 2
    with pytest.raises(StoreUnavailable):
        result(node.settings.load())


def test_changed_settings_that_cannot_be_read_are_read_again(
    tmp_path: Path, administration: Administration
) -> None:
    node = Node(tmp_path / "smsd.db")
    result(node.settings.load())
    result(administration.add_account("demo", "secret"))
    node.engine.reading = [StoreUnavailable("It is told to be away.")] * 3
    node.clock.pump([0.1] * 5)
    assert node.names() == []
    node.clock.pump([1.0] * 5)
    assert node.names() == ["demo"]


def test_changes_that_come_while_others_are_read_are_read_once_more(
    tmp_path: Path, administration: Administration
) -> None:
    node = Node(tmp_path / "smsd.db")
    result(node.settings.load())
    result(administration.add_account("one", "secret"))
    node.engine.holding = True
    node.clock.pump([0.1] * 3)
    result(administration.add_account("two", "secret"))
    result(administration.add_account("three", "secret"))
    node.clock.pump([0.1] * 3)
    node.engine.holding = False
    while node.engine._held:
        node.engine.release()
    node.clock.pump([0.1] * 3)
    assert node.names() == ["one", "two", "three"]
    assert len(node.rows) <= 3

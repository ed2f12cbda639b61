from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred

from smsd.services.accounts import Accounts, UnknownAccount, WrongPassword, hash_password
from smsd.store.settings import Rows
from tests.services.rig import account
from tests.stores import result

SECRET = hash_password("secret")


class Checking:
    """Where slow calls run: at once, or, once ``held``, when they are released."""

    def __init__(self) -> None:
        self.count = 0
        self.held: list[tuple[Deferred[None], Callable[[], Deferred[Any]]]] | None = None

    def __call__(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.count += 1
        if self.held is None:
            return maybeDeferred(work, *args)
        turn: Deferred[None] = Deferred()
        self.held.append((turn, lambda: maybeDeferred(work, *args)))
        return turn.addCallback(lambda _: maybeDeferred(work, *args))


@pytest.fixture
def checking() -> Checking:
    return Checking()


@pytest.fixture
def accounts(checking: Checking) -> Accounts:
    accounts = Accounts(checking)
    accounts.apply(Rows((account(1, "demo", password=SECRET), account(2, "off", password=SECRET, enabled=0))))
    return accounts


def test_an_account_is_known_by_its_name_and_password(accounts: Accounts) -> None:
    assert result(accounts.authenticate("demo", "secret")).id == 1


@pytest.mark.parametrize("password", ["", "Secret", "secret ", "x" * 1000, "sécret", SECRET])
def test_another_password_is_wrong(accounts: Accounts, password: str) -> None:
    with pytest.raises(WrongPassword):
        result(accounts.authenticate("demo", password))
    assert result(accounts.authenticate("demo", "secret")).id == 1


@pytest.mark.parametrize("name", ["", "nobody", "DEMO", "off"])
def test_who_has_no_account_or_a_disabled_one_is_unknown(accounts: Accounts, name: str) -> None:
    with pytest.raises(UnknownAccount):
        result(accounts.authenticate(name, "secret"))


def test_an_unknown_name_takes_as_long_as_a_wrong_password(accounts: Accounts, checking: Checking) -> None:
    for name, error in (("nobody", UnknownAccount), ("off", UnknownAccount), ("demo", WrongPassword)):
        for _ in range(2):  # And is never recognised.
            before = checking.count
            with pytest.raises(error):
                result(accounts.authenticate(name, "wrong"))
            assert checking.count == before + 1


def test_a_password_that_was_right_is_recognised_without_another_check(
    accounts: Accounts, checking: Checking
) -> None:
    for _ in range(3):
        result(accounts.authenticate("demo", "secret"))
    assert checking.count == 1
    with pytest.raises(WrongPassword):
        result(accounts.authenticate("demo", "secrets"))
    assert checking.count == 2


def test_a_changed_password_counts_at_once(accounts: Accounts) -> None:
    result(accounts.authenticate("demo", "secret"))
    accounts.apply(Rows((account(1, "demo", password=hash_password("other")),)))
    with pytest.raises(WrongPassword):
        result(accounts.authenticate("demo", "secret"))
    assert result(accounts.authenticate("demo", "other")).id == 1


def test_an_account_that_is_disabled_or_removed_is_unknown_at_once(accounts: Accounts) -> None:
    result(accounts.authenticate("demo", "secret"))
    for rows in (Rows((account(1, "demo", password=SECRET, enabled=0),)), Rows()):
        accounts.apply(rows)
        with pytest.raises(UnknownAccount):
            result(accounts.authenticate("demo", "secret"))


def test_a_row_whose_hash_is_none_matches_no_password(accounts: Accounts) -> None:
    accounts.apply(Rows((account(1, "demo", password="plain"),)))
    with pytest.raises(WrongPassword):
        result(accounts.authenticate("demo", "plain"))


def test_before_accounts_are_read_everybody_waits(checking: Checking) -> None:
    accounts = Accounts(checking)
    right = Deferred.fromCoroutine(accounts.authenticate("demo", "secret"))
    wrong = Deferred.fromCoroutine(accounts.authenticate("nobody", "secret"))
    assert not right.called
    assert not wrong.called
    accounts.apply(Rows((account(1, "demo", password=SECRET),)))
    assert result(right).id == 1
    with pytest.raises(UnknownAccount):
        result(wrong)


def test_many_binds_at_once_check_few_passwords_at_a_time_and_a_right_one_once(
    accounts: Accounts, checking: Checking
) -> None:
    checking.held = []
    binds = [Deferred.fromCoroutine(accounts.authenticate("demo", "secret")) for _ in range(20)]
    assert len(checking.held) <= 2
    while checking.held:
        turn, _ = checking.held.pop(0)
        turn.callback(None)
    assert {one.id for one in result(gatherResults(binds))} == {1}
    assert checking.count <= 2


def test_accounts_are_found_by_their_ids(accounts: Accounts) -> None:
    found = accounts.get(1)
    assert found is not None
    assert found.system_id == "demo"
    assert accounts.get(3) is None


def test_a_password_is_hashed_with_argon2id_and_a_salt() -> None:
    first, second = hash_password("secret"), hash_password("secret")
    assert first != second
    assert first.startswith("$argon2id$")
    assert "secret" not in first


def test_what_is_shown_of_an_account_has_no_password() -> None:
    assert SECRET not in repr(account(1, "demo", password=SECRET))

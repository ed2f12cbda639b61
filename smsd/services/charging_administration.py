"""What the operator may do with what accounts have left, and the ledger of it."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from smsd.services.administration import Administration
from smsd.services.columns import SettingError, account_columns, micros_of
from smsd.store.credit import Balance, Credit, Line
from smsd.store.engine import Engine
from smsd.store.settings import Account

LONGEST_NOTE = 200


class Doubt(NamedTuple):
    """An account whose ledger does not add up to its balance; amounts are millionths."""

    account: str
    balance: int
    ledger: int


class ChargingAdministration:
    """Shows and changes balances beside the node, which follows at once."""

    def __init__(self, engine: Engine, clock: IReactorTime) -> None:
        self._administration = Administration(engine)
        self._credit = Credit(engine)
        self._clock = clock

    async def balance(self, system_id: str) -> tuple[Account, Balance]:
        """Return an account, and what it has.

        Raises:
            SettingError: if there is no such account.
        """
        account = await self._administration.account(system_id)
        return account, await self._credit.balance(account.id)

    async def add(self, system_id: str, amount: str, note: str = "", until: str | None = None) -> None:
        """Let an account pay in advance and give it so much, or take some back.

        With ``until``, its package then ends at another time.

        Raises:
            SettingError: if there is no such account, or a value won't do.
        """
        account = await self._administration.account(system_id)
        micros = micros_of(amount)
        if until is not None:
            account_columns({"package_until": until})
        await self._credit.add(account.id, micros, self._clock.seconds(), _checked(note))
        if until is not None:
            await self._administration.change_account(system_id, package_until=until)

    async def pay(self, system_id: str, amount: str, note: str = "") -> None:
        """Take note that an account has paid some of what it owes; raises as :meth:`add`."""
        account = await self._administration.account(system_id)
        await self._credit.pay(account.id, micros_of(amount), self._clock.seconds(), _checked(note))

    async def limit(self, system_id: str, limit: str | None, note: str = "") -> None:
        """Say how far below 0 messages may take an account, ``None`` for any; raises as :meth:`add`."""
        account, before = await self.balance(system_id)
        micros = None if limit is None else micros_of(limit)
        if micros is not None and micros < 0:
            raise SettingError(
                f"A limit says how far below 0 an account may go, as an amount from 0: not {limit}."
            )
        words = "it pays later" if limit is None else f"the limit is {limit}"
        text = f"{note}: {words}" if note else words
        if micros != before.limit:
            await self._credit.limit(account.id, micros, self._clock.seconds(), _checked(text))

    async def ledger(self, system_id: str, since: float, until: float) -> tuple[Account, list[Line]]:
        """Return what has changed an account's balance in a span of time; raises as :meth:`balance`."""
        account = await self._administration.account(system_id)
        return account, await self._credit.ledger(account.id, since, until)

    async def doubts(self) -> tuple[int, list[Doubt]]:
        """Return how many ledgers there are, and those that do not add up."""
        names = {one.id: one.system_id for one in (await self._administration.rows()).accounts}
        sums = await self._credit.sums()
        return len(sums), [
            Doubt(names.get(one.account_id, f"that was number {one.account_id}"), one.balance, one.ledger)
            for one in sums
            if one.balance != one.ledger
        ]


def _checked(note: str) -> str:
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise SettingError(f"A note has up to {LONGEST_NOTE} printable characters: not {note!r}.")
    return note

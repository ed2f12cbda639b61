"""What the operator may do with lists."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple

from twisted.internet.interfaces import IReactorTime

from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.services.entries import NUMBERS, SENDERS, STAR, InvalidEntry, Kind
from smsd.services.lists import LISTS
from smsd.store.engine import Engine
from smsd.store.lists import EVERYBODY, ListRows

COMMENT = "#"
"""What begins a line of a file that is nobody's value."""


class Imported(NamedTuple):
    """What an import has changed."""

    added: int
    removed: int


class Found(NamedTuple):
    """An entry of a list that is or stands for what was looked for."""

    name: str
    account: str
    """Whose list it is; empty: everybody's."""
    entry: str


class ListAdministration:
    """Shows and changes lists; a running node follows at once.

    ``account`` is the name of the account whose list is meant, ``None`` stands for everybody's.
    """

    def __init__(self, engine: Engine, clock: IReactorTime) -> None:
        self._administration = Administration(engine)
        self._rows = ListRows(engine)
        self._clock = clock

    async def add(self, name: str, account: str | None, given: Sequence[str]) -> int:
        """Put values on a list; return how many were not on it.

        Raises:
            SettingError: if there is no such account, a value won't do, or there would be too many.
        """
        return await self._add(name, await self._account(account), _values(name, given))

    async def remove(self, name: str, account: str | None, given: Sequence[str]) -> int:
        """Take values off a list; return how many were on it. Raises as :meth:`add`."""
        account_id = await self._account(account)
        return await self._rows.remove(name, account_id, _values(name, given), self._clock.seconds())

    async def import_lines(
        self, name: str, account: str | None, lines: Iterable[str], replace: bool
    ) -> Imported:
        """Put the values of a file's lines on a list, or have the list hold those and no others.

        What is on both sides is not touched, and never off the list meanwhile. Raises as :meth:`add`; nothing
        is changed then.
        """
        account_id = await self._account(account)
        values = _values_of_lines(name, lines)
        removed = 0
        if replace:
            wanted, others = set(values), list[str]()
            async for found in self._rows.values(name, account_id):
                others += [value for value in found if value not in wanted]
            added = await self._add(name, account_id, values, others)
            removed = await self._rows.remove(name, account_id, others, self._clock.seconds())
        else:
            added = await self._add(name, account_id, values)
        return Imported(added, removed)

    async def values(self, name: str, account: str | None) -> AsyncIterator[str]:
        """Go through what is on a list; raises as :meth:`add`."""
        account_id = await self._account(account)
        async for values in self._rows.values(name, account_id):
            for value in values:
                yield value

    async def find(self, given: str, account: str | None) -> list[Found]:
        """Return on which lists a number or a sender is, of everybody's and of an account's.

        Raises:
            SettingError: if there is no such account, or it is neither a number nor a sender.
        """
        accounts = [None] if account is None else [None, account]
        ids = [await self._account(one) for one in accounts]
        kinds = {kind: _full(kind, given) for kind in (NUMBERS, SENDERS)}
        if not any(kinds.values()):
            raise SettingError(f"It is no number and no sender that could be on a list: {given!r}.")
        found = []
        for listed in LISTS.values():
            value = kinds.get(listed.kind, "")
            entries = [value, *(f"{value[:length]}{STAR}" for length in range(len(value), 0, -1))]
            for owner, account_id in zip(accounts, ids, strict=True):
                for entry in entries:
                    if value and await self._rows.has(listed.name, account_id, entry):
                        found.append(Found(listed.name, owner or "", entry))
        return found

    async def counts(self) -> list[tuple[str, str, int]]:
        """Return how much is on each list, with its account's name, which is empty for everybody's."""
        names = {one.id: one.system_id for one in (await self._administration.rows()).accounts}
        names[EVERYBODY] = ""
        counts = await self._rows.counts()
        return sorted(
            (name, names.get(account_id, str(account_id)), count)
            for (name, account_id), count in counts.items()
        )

    async def _account(self, account: str | None) -> int:
        return EVERYBODY if account is None else (await self._administration.account(account)).id

    async def _add(
        self, name: str, account_id: int, values: Sequence[str], instead_of: Sequence[str] = ()
    ) -> int:
        """Put values on a list, if there is room for them when others have left it."""
        kind = LISTS[name].kind
        there = (await self._rows.counts()).get((name, account_id), 0) - len(instead_of)
        if there + len(values) > kind.most:
            given = set(values)
            async for found in self._rows.values(name, account_id):
                there -= len(given.intersection(found))
        if there + len(values) > kind.most:
            raise SettingError(f"There may be {kind.most} entries on a list of {name} at most.")
        if any(STAR in value for value in values):
            starred = {value for value in values if STAR in value}
            async for found in self._rows.values(name, account_id):
                starred.update(value for value in found if STAR in value)
            starred.difference_update(instead_of)
            if len(starred) > kind.most_starred:
                raise SettingError(
                    f"There may be {kind.most_starred} entries with a {STAR} on a list of {name} at most."
                )
        return await self._rows.put(name, account_id, values, self._clock.seconds())


def _full(kind: Kind[Any], given: str) -> str:
    """Return a whole number or sender as it stands on lists; nothing if it is none."""
    try:
        return "" if STAR in given else kind.value(given.strip())
    except InvalidEntry:
        return ""


def _values(name: str, given: Iterable[str]) -> list[str]:
    """Return values as they stand on a list.

    Raises:
        SettingError: if one won't do.
    """
    try:
        return [LISTS[name].kind.value(one.strip()) for one in given]
    except InvalidEntry as problem:
        raise SettingError(str(problem)) from None


def _values_of_lines(name: str, lines: Iterable[str]) -> list[str]:
    """Return the values of a file, one a line; the text of the error says which line won't do."""
    value = LISTS[name].kind.value
    values: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        given = line.strip()
        if given and not given.startswith(COMMENT):
            try:
                values[value(given)] = None
            except InvalidEntry as problem:
                raise SettingError(f"Line {number}: {problem}") from None
    return list(values)

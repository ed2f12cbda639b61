"""What the operator may do with number lookup: back ends, rules, tables of subscribers, what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from twisted.internet.interfaces import IReactorTime

from smsd.numbering.addresses import destination
from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.services.fields import PACKAGES
from smsd.services.subscribers import AT_ONCE
from smsd.store.engine import Engine, StoreRefused
from smsd.store.lookup_known import LookupKnown
from smsd.store.lookups import Lookup, Lookups
from smsd.store.settings import LookupBackEnd, SettingsTables, Value
from smsd.store.subscribers import Line, SubscriberTables, Table

NEW_BACK_END: dict[str, Value] = {"enabled": 1, "timeout": 5000, "rate": 0, "at_once": 100}
"""What a new back end has that is not said otherwise."""
NUMBERS = {"timeout": (10, 120_000), "rate": (0, 1_000_000), "at_once": (1, 100_000)}
"""The numbers among a back end's columns, each with its bounds."""
FIRST_PLACE, STEP, LAST_PLACE = 10, 10, 1_000_000

_name = re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch


class LookupAdministration:
    """Lists and changes what number lookup goes by; a running node follows at once."""

    def __init__(self, engine: Engine, clock: IReactorTime) -> None:
        self._administration = Administration(engine)
        self._settings = SettingsTables(engine)
        self._tables = SubscriberTables(engine)
        self._known = LookupKnown(engine)
        self._lookups = Lookups(engine)
        self._clock = clock

    async def back_end(self, name: str) -> LookupBackEnd:
        """Return a back end by its name.

        Raises:
            SettingError: if there is none.
        """
        for one in (await self._settings.read()).lookup_back_ends:
            if one.name == name:
                return one
        raise SettingError(f"There is no back end {name}.")

    async def add_back_end(self, name: str, kind: str, options: str, **columns: Value) -> None:
        """Add a back end with its kind's options as JSON.

        Raises:
            SettingError: if a value won't do, or there is such a back end.
        """
        if not _name(name):
            raise SettingError(
                f"A back end's name has letters, digits, dots and hyphens, up to 64: not {name!r}."
            )
        row: dict[str, Value] = {"name": name, "kind": kind, "options": options}
        try:
            await self._settings.insert("lookup_back_end", _checked(NEW_BACK_END | row | columns))
        except StoreRefused:
            raise SettingError(f"There is a back end {name} already.") from None

    async def change_back_end(self, name: str, **columns: Value) -> None:
        """Change a back end; raises as :meth:`add_back_end`."""
        back_end = await self.back_end(name)
        await self._settings.update("lookup_back_end", back_end.id, _checked(columns))

    async def remove_back_end(self, name: str) -> None:
        """Remove a back end.

        Raises:
            SettingError: if there is none, or a rule names it.
        """
        back_end = await self.back_end(name)
        for rule in (await self._settings.read()).lookup_rules:
            if name in rule.back_ends.split():
                raise SettingError(f"Rule {rule.id} asks back end {name}: remove the rule first.")
        await self._settings.delete("lookup_back_end", back_end.id)

    async def add_rule(
        self,
        back_ends: Iterable[str],
        *,
        account: str | None = None,
        package: str = "",
        prefix: str = "",
        country: str = "",
        place: int | None = None,
    ) -> int:
        """Say which back ends are asked about which numbers, behind all other rules unless it has a place.

        Raises:
            SettingError: if a value won't do, or there is no such back end or account.
        """
        rows = await self._settings.read()
        names = list(dict.fromkeys(back_ends))
        known = {one.name for one in rows.lookup_back_ends}
        for name in names:
            if name not in known:
                raise SettingError(f"There is no back end {name}.")
        if package and package not in PACKAGES:
            raise SettingError(f"A package is one of {', '.join(PACKAGES)}: not {package!r}.")
        if not re.fullmatch(r"([1-9][0-9]{0,14})?", prefix):
            raise SettingError(f"A prefix has up to 15 digits, the first not 0: not {prefix!r}.")
        if not re.fullmatch(r"([A-Za-z]{2})?", country):
            raise SettingError(f"A country is two letters of ISO 3166-1, such as HR: not {country!r}.")
        if place is None:
            place = max((one.place for one in rows.lookup_rules), default=FIRST_PLACE - STEP) + STEP
        if not 0 <= place <= LAST_PLACE:
            raise SettingError(f"A place is a number from 0 to {LAST_PLACE}: not {place}.")
        return await self._settings.insert(
            "lookup_rule",
            {
                "place": place,
                "account_id": (await self._administration.account(account)).id if account else None,
                "package": package,
                "prefix": prefix,
                "country": country.upper(),
                "back_ends": " ".join(names),
            },
        )

    async def remove_rule(self, number: int) -> None:
        """Remove a rule.

        Raises:
            SettingError: if there is none.
        """
        if number not in {one.id for one in (await self._settings.read()).lookup_rules}:
            raise SettingError(f"There is no rule {number}.")
        await self._settings.delete("lookup_rule", number)

    async def tables(self) -> list[Table]:
        """Return the tables of subscribers that are in use."""
        return await self._tables.tables()

    async def import_table(self, name: str, lines: Iterable[Line]) -> int:
        """Replace a table of subscribers, or make it; return how many it has then.

        The old one is read until the new one is complete.

        Raises:
            SettingError: if a line won't do: the table stays what it was then.
        """
        if not _name(name):
            raise SettingError(
                f"A table's name has letters, digits, dots and hyphens, up to 64: not {name!r}."
            )
        id, version = await self._tables.begin(name)
        coming = iter(lines)
        while some := list(islice(coming, AT_ONCE)):
            await self._tables.add(id, version, some)
        count = await self._tables.take(id, version, self._clock.seconds())
        if count is None:
            raise SettingError(f"Table {name} was replaced by another import meanwhile.")
        return count

    async def drop_table(self, name: str) -> None:
        """Remove a table of subscribers.

        Raises:
            SettingError: if there is none.
        """
        if not await self._tables.drop(name):
            raise SettingError(f"There is no table {name}.")

    async def forget(self, number: str | None) -> int:
        """Forget what back ends have said of a number, or of all; return how much that was.

        Raises:
            SettingError: if it is no number.
        """
        return await self._known.forget(_number(number) if number is not None else None)

    async def lookups(self, number: str, limit: int) -> list[Lookup]:
        """Return what was last asked about a number, of whomever, the newest first.

        Raises:
            SettingError: if it is no number.
        """
        return await self._lookups.about(_number(number), limit)

    async def set_aside(self, limit: int) -> list[Lookup]:
        """Return lookups whose answers their accounts' sessions could not take, the oldest first."""
        return await self._lookups.set_aside(limit)

    async def retry(self, id: int | None = None) -> int:
        """Send an answer that was set aside again, or all of them; return how many."""
        return await self._lookups.retry(id)


def _number(given: str) -> str:
    number = destination(given)
    if number is None:
        raise SettingError(f"A number has 5 to 15 digits, the first not 0: not {given!r}.")
    return number


def _checked(columns: dict[str, Value]) -> dict[str, Value]:
    for name, (least, most) in NUMBERS.items():
        if name in columns and not least <= int(columns[name] or 0) <= most:
            raise SettingError(f"{name} is a number from {least} to {most}: not {columns[name]}.")
    return columns

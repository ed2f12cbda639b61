"""Which back ends are asked about a number: the first rule that fits says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smsd.store.settings import LookupRule

NOBODY: tuple[str, ...] = ()


class _Rule(NamedTuple):
    prefix: str
    country: str
    back_ends: tuple[str, ...]


class LookupRules:
    """The rules in their order."""

    def __init__(self, rows: Sequence[LookupRule] = ()) -> None:
        self._rows = sorted(rows, key=lambda row: (row.place, row.id))
        self._of: dict[tuple[int, str], tuple[_Rule, ...]] = {}

    def back_ends(self, account_id: int, package: str, number: str, country: str) -> tuple[str, ...]:
        """Return the names of those who are asked about a number of a country, in their order."""
        rules = self._of.get((account_id, package))
        if rules is None:
            rules = self._of[account_id, package] = tuple(
                _Rule(row.prefix, row.country, tuple(row.back_ends.split()))
                for row in self._rows
                if row.account_id in (None, account_id) and row.package in ("", package)
            )
        for rule in rules:
            if number.startswith(rule.prefix) and rule.country in ("", country):
                return rule.back_ends
        return NOBODY

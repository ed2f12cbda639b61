"""Ported numbers as rows: many numbers in each, and which edition of them is in force."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from smsd.store.engine import Call, Engine, Query, StoreRefused

EDITION = Query("SELECT coalesce(max(edition), 0) FROM ported_edition")
RANGES = Query("SELECT first, edition, amount FROM ported ORDER BY first")
READ = Query("SELECT networks, numbers FROM ported WHERE first = ? AND edition = ?")
BEFORE = Query("SELECT networks, numbers FROM ported WHERE first <= ? ORDER BY first DESC LIMIT 1")
REMOVE = Query("DELETE FROM ported WHERE first = ?")
REMOVE_ALL = Query("DELETE FROM ported")
ADD = Query("INSERT INTO ported (first, edition, amount, networks, numbers) VALUES (?, ?, ?, ?, ?)")
NEXT_EDITION = Query("INSERT INTO ported_edition (edition) VALUES (?)")
NO_OTHER_EDITION = Query("DELETE FROM ported_edition WHERE edition < ?")


class Range(msgspec.Struct, frozen=True):
    """A row without its numbers."""

    first: int
    edition: int
    amount: int


class Packed(msgspec.Struct, frozen=True):
    """What a row holds of a chunk."""

    networks: str
    numbers: str


class NewRow(msgspec.Struct, frozen=True):
    """A row to be."""

    first: int
    amount: int
    packed: Packed


class ChangedMeanwhile(Exception):
    """Somebody else has changed the ported numbers since they were read."""


class PortedRows:
    """Reads and writes them; each change is announced to every node in its own transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def edition(self) -> int:
        """Return how often they were changed."""
        ((edition,),) = await self._engine.read(Call(EDITION))
        return int(edition)

    async def ranges(self) -> list[Range]:
        """Return all rows without their numbers, by their lowest numbers."""
        return [Range(*row) for row in await self._engine.read(Call(RANGES))]

    async def read(self, one: Range) -> Packed | None:
        """Return a row's numbers; ``None`` if it has been replaced."""
        for row in await self._engine.read(Call(READ, (one.first, one.edition))):
            return Packed(*row)
        return None

    async def around(self, number: int) -> Packed | None:
        """Return the row that has a number, if any has it."""
        for row in await self._engine.read(Call(BEFORE, (number,))):
            return Packed(*row)
        return None

    async def replace(self, edition: int, gone: Sequence[Range] | None, added: Sequence[NewRow]) -> None:
        """Remove rows, or (``None``) all of them, and add others, in one transaction.

        Raises:
            ChangedMeanwhile: if ``edition`` is not the one in force any more.
        """
        removals = [Call(REMOVE_ALL)] if gone is None else [Call(REMOVE, (row.first,)) for row in gone]
        additions = [
            Call(ADD, (row.first, edition + 1, row.amount, row.packed.networks, row.packed.numbers))
            for row in added
        ]
        try:
            await self._engine.write(
                Call(NEXT_EDITION, (edition + 1,)),
                Call(NO_OTHER_EDITION, (edition + 1,)),
                *removals,
                *additions,
                announce=True,
            )
        except StoreRefused as error:
            raise ChangedMeanwhile from error

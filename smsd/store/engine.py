"""What the rest of smsd sees of a database: statements go in, rows come out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import msgspec

Row = tuple[Any, ...]


class StoreUnavailable(Exception):
    """The database can't be reached or can't write now; the same call may succeed later."""


class StoreRefused(Exception):
    """The database refuses these very rows, and will refuse them again.

    ``constraint`` is the name of the constraint that they break, if it has one.
    """

    def __init__(self, text: str = "", constraint: str = "") -> None:
        super().__init__(text)
        self.constraint = constraint


class SchemaTooNew(Exception):
    """The database was upgraded by a newer smsd than this one."""


class NodeAlreadyRunning(Exception):
    """Another node works on this database."""


class Query(msgspec.Struct, frozen=True, eq=False):
    """One SQL statement in the subset that both engines share.

    ``?`` stands for a value. ``{rows}`` stands for a whole batch of rows as a table expression whose
    columns are those that ``columns`` names with their types (``"id bigint, text text"``); it needs an
    alias after it: ``FROM {rows} AS r``. A query has values or rows, never both. A query is itself, not
    its text: two are never equal.
    """

    sql: str
    columns: str = ""

    def column_list(self) -> list[tuple[str, str]]:
        """Return the batch's columns as (name, type) pairs."""
        pairs = [column.split(None, 1) for column in self.columns.split(",")]
        return [(name, kind.strip()) for name, kind in pairs]


Change = tuple[Query, Hashable, Row]
"""A query over rows, one row for it, and what that row is about."""


class Call(msgspec.Struct, frozen=True):
    """A query and what it is called with: its values, or the rows of its batch."""

    query: Query
    values: Sequence[Any] = ()


class Engine(Protocol):
    """A database.

    Values are ``int``, ``float``, ``str`` and ``None``: what both engines and JSON carry unchanged.
    """

    def prepare(self, now: float, *, exclusive: bool) -> None:
        """Create the schema or bring it up to date, blocking; for use before the reactor runs.

        An exclusive user, a node, is the only one of its kind.

        Raises:
            SchemaTooNew: if a newer smsd has upgraded it.
            NodeAlreadyRunning: if another exclusive user has the database.
            StoreUnavailable: if the database can't be reached or written.
        """

    async def open(self) -> None:
        """Connect.

        Raises:
            StoreUnavailable: if the database can't be reached.
            NodeAlreadyRunning: if another exclusive user has taken the database meanwhile.
        """

    def guard(self, taken: Callable[[], None]) -> None:
        """Call ``taken`` if another exclusive user has the database now, since this one lost its connection.

        What this one has in memory may be out of date then.
        """

    async def close(self) -> None:
        """Finish what is under way and disconnect."""

    async def read(self, call: Call) -> list[Row]:
        """Run one query that changes nothing.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """

    async def write(self, *calls: Call, announce: bool = False) -> list[list[Row]]:
        """Run the calls in one transaction and return their rows once it is on disk.

        With ``announce``, every watcher of this database is told that settings have changed.

        Raises:
            StoreUnavailable: if nothing was written, or nobody can tell whether it was.
            StoreRefused: if a row is one that the database can't take; nothing was written.
        """

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` soon after any process announces a change of settings."""

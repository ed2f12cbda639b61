"""The schema's versions: one SQL file each, and the code that applies them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from smsd.store.engine import SchemaTooNew


def versions() -> dict[int, str]:
    """Return the SQL of each schema version that this smsd knows, in order."""
    scripts = sorted(file.name for file in files(__package__).iterdir() if file.name.endswith(".sql"))
    return {int(name[:4]): files(__package__).joinpath(name).read_text("utf-8") for name in scripts}


def upgrade(cursor: Any, mark: str, phrases: dict[str, str], now: float) -> None:
    """Bring a database to the newest version within the caller's transaction.

    Args:
        cursor: a DB-API cursor in a transaction that keeps every other upgrade out.
        mark: how this driver marks a value, ``?`` or ``%s``.
        phrases: the engine's words for ``{key}`` and the other phrases of the scripts.
        now: seconds since 1970, kept beside each version applied.

    Raises:
        SchemaTooNew: if the database has a version that this smsd doesn't know.
    """
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS schema_version"
        " (number INTEGER PRIMARY KEY, applied_at DOUBLE PRECISION NOT NULL)"
    )
    cursor.execute("SELECT coalesce(max(number), 0) FROM schema_version")
    (current,) = cursor.fetchone()
    known = versions()
    if current > max(known):
        raise SchemaTooNew(
            f"The database has schema version {current}, but this smsd knows versions up to {max(known)}:"
            " start a newer smsd, or restore a backup made before the upgrade."
        )
    for number in (number for number in known if number > current):
        for statement in _statements(known[number]):
            cursor.execute(statement.format_map(phrases))
        cursor.execute(f"INSERT INTO schema_version VALUES ({mark}, {mark})", (number, now))


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one; a semicolon in a comment or string ends none."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

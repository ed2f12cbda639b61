"""Which engine a database's URL means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smsd.store.engine import Engine
from smsd.store.postgres import PostgresEngine
from smsd.store.sqlite import SqliteEngine, Thread


class UnknownDatabase(ValueError):
    """A database's URL is of no kind that smsd knows."""


def engine(url: str, folder: Path, reactor: Any) -> Engine:
    """Return the engine of a URL: ``sqlite:FILE``, relative to ``folder``, or ``postgresql://…``.

    Raises:
        UnknownDatabase: if it is neither.
    """
    kind, _, rest = url.partition(":")
    if kind == "sqlite" and rest:
        return SqliteEngine(str(folder / rest), reactor, lambda: Thread(reactor))
    if kind in ("postgresql", "postgres"):
        return PostgresEngine(url, reactor)
    raise UnknownDatabase(f"Expected sqlite:FILE or postgresql://USER:PASSWORD@HOST/NAME, got {kind}:…")

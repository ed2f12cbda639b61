"""Which channel a message takes."""

from __future__ import annotations

from smsd.store.settings import Route, Rows


class Routing:
    """Finds the route of a destination: the longest prefix, an account's own route before everybody's."""

    def __init__(self) -> None:
        self._tables: dict[int | None, dict[str, Route]] = {None: {}}
        self._lengths: dict[int | None, tuple[int, ...]] = {None: ()}

    def apply(self, rows: Rows) -> None:
        """Take over changed routes; those of disabled channels stay, and their messages wait."""
        tables: dict[int | None, dict[str, Route]] = {None: {}}
        for route in rows.routes:
            tables.setdefault(route.account_id, {})[route.prefix] = route
        self._tables = tables
        self._lengths = {
            account_id: tuple(sorted({len(prefix) for prefix in table}, reverse=True))
            for account_id, table in tables.items()
        }

    def find(self, account_id: int, destination: str) -> Route | None:
        """Return the route that a destination, E.164 digits, takes for an account."""
        own = self._longest(account_id, destination) if account_id in self._tables else None
        return own or self._longest(None, destination)

    def _longest(self, account_id: int | None, destination: str) -> Route | None:
        table = self._tables[account_id]
        for length in self._lengths[account_id]:
            route = table.get(destination[:length])
            if route is not None:
                return route
        return None

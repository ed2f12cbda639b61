"""Which channel a message takes, and what that channel's operator can take."""

from __future__ import annotations

from typing import NamedTuple

from smsd.sms.coding import Alphabet, Encoded, recode
from smsd.store.settings import Route, Rows

ALPHABETS = {"gsm7": Alphabet.GSM7, "latin1": Alphabet.LATIN1, "ucs2": Alphabet.UCS2}
"""The alphabets that a channel may have, by the names that its row has for them."""

NORMAL, SUSPENDED, DRAINING = "normal", "suspended", "draining"
MODES = (NORMAL, SUSPENDED, DRAINING)
"""What a channel may do: all; only keep what it is given; or only send what it has."""

Table = tuple[int | None, str]
"""An account, or ``None`` for all, and a route code, or nothing."""


class Codings(NamedTuple):
    """What an operator can take."""

    alphabets: frozenset[Alphabet]
    unchanged: frozenset[int]
    """The data_coding octets of messages that go out as they came."""

    def fit(self, message: Encoded) -> Encoded:
        """Return a message in a coding that the operator takes, itself if it is in one."""
        return message if message.data_coding in self.unchanged else recode(message, self.alphabets)


def codings(alphabets: str) -> Codings:
    """Return the codings of a channel's alphabets; raises ``KeyError`` for one that doesn't exist."""
    taken = frozenset(ALPHABETS[name] for name in alphabets.split())
    probes = (Encoded(data_coding, b"") for data_coding in range(0x100))
    return Codings(taken, frozenset(one.data_coding for one in probes if recode(one, taken) is one))


class Routing:
    """Finds the route of a destination: the longest prefix, an account's own route before everybody's.

    A session that asked for a route code has the routes with that code, and no others.
    """

    def __init__(self) -> None:
        self._tables: dict[Table, dict[str, Route]] = {}
        self._lengths: dict[Table, tuple[int, ...]] = {}
        self._codings: dict[int, Codings] = {}
        self._enabled: frozenset[int] = frozenset()

    def apply(self, rows: Rows) -> None:
        """Take over changed routes and channels."""
        tables: dict[Table, dict[str, Route]] = {}
        for route in rows.routes:
            tables.setdefault((route.account_id, route.code), {})[route.prefix] = route
        self._tables = tables
        self._lengths = {
            key: tuple(sorted({len(prefix) for prefix in table}, reverse=True))
            for key, table in tables.items()
        }
        self._codings = {channel.id: codings(channel.alphabets) for channel in rows.channels}
        self._enabled = frozenset(
            channel.id for channel in rows.channels if channel.enabled and channel.mode != DRAINING
        )

    def find(self, account_id: int, destination: str, code: str = "") -> Route | None:
        """Return the route that a destination, E.164 digits, takes for an account and a route code."""
        return self._longest((account_id, code), destination) or self._longest((None, code), destination)

    def has_code(self, account_id: int, code: str) -> bool:
        """Tell whether an account may ask for a route code."""
        return (account_id, code) in self._tables or (None, code) in self._tables

    def enabled(self, channel_id: int) -> bool:
        """Tell whether a channel takes new messages: a disabled or draining one does not, and keeps none."""
        return channel_id in self._enabled

    def codings(self, channel_id: int) -> Codings:
        """Return what a channel's operator can take."""
        return self._codings[channel_id]

    def _longest(self, key: Table, destination: str) -> Route | None:
        table = self._tables.get(key)
        if table is None:
            return None
        for length in self._lengths[key]:
            route = table.get(destination[:length])
            if route is not None:
                return route
        return None

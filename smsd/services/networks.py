"""The networks that destinations belong to, as the operator has set them."""

from __future__ import annotations

import csv
from collections.abc import Iterable

from smsd.numbering.plan import Plan
from smsd.services.columns import SettingError, network_columns
from smsd.store.settings import Rows, Value

MOST = 100_000
"""How many prefixes there may be: each node holds them all in memory."""
HEADS = ("prefix", "mccmnc", "name")
"""The columns of a file of networks; the last one may be missing."""


class Networks:
    """Tells the network of a destination."""

    def __init__(self) -> None:
        self._plan = Plan({})
        self._rows: object = ()
        self.of = self._plan.network
        """Returns the MCC and MNC of E.164 digits, nothing if they are not known."""

    def apply(self, rows: Rows) -> None:
        """Take over changed prefixes."""
        if rows.networks != self._rows:
            self._rows = rows.networks
            self.of = Plan({row.prefix: row.mccmnc for row in rows.networks}).network


def networks_of(lines: Iterable[str]) -> list[dict[str, Value]]:
    """Return the columns of the networks in a CSV file, whose first line names them.

    Raises:
        SettingError: if it is none, or a value won't do; the text says in which line.
    """
    found: dict[str, dict[str, Value]] = {}
    reader = csv.DictReader(lines, skipinitialspace=True)
    try:
        heads = [head.strip().lower() for head in reader.fieldnames or ()]
        missing = [head for head in HEADS[:2] if head not in heads]
        if missing:
            raise SettingError(
                f"The first line names the columns {', '.join(HEADS)}: {missing[0]} is missing."
            )
        reader.fieldnames = heads
        for line in reader:
            try:
                given = {head: (line.get(head) or "").strip() for head in HEADS}
                row = network_columns(dict(given))
            except SettingError as error:
                raise SettingError(f"Line {reader.line_num}: {error}") from error
            found[str(row["prefix"])] = row  # Of two lines with one prefix the later stands.
            if len(found) > MOST:
                raise SettingError(f"There may be {MOST} prefixes at most.")
    except csv.Error as error:
        raise SettingError(f"Line {reader.line_num}: it is no CSV: {error}.") from error
    return list(found.values())

"""The networks that destinations belong to, as the operator has set them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable

from smsd.numbering.plan import UNKNOWN, Home, Plan, built_in
from smsd.numbering.ported import PortedNumbers
from smsd.services.columns import SettingError, network_columns
from smsd.store.settings import Network, Rows, Value

MOST = 100_000
"""How many prefixes there may be: each node holds them all in memory."""
MOST_MOVED = 10_000
"""How many homes of ported numbers are kept, one for each network and country."""
HEADS = ("prefix", "mccmnc", "name")
"""The columns of a file of networks; the last one may be missing."""


class Networks:
    """Tells where a destination is at home.

    That is the network that it was ported to, else the one that the operator's own prefixes name, else what
    the built-in plan knows.
    """

    def __init__(self) -> None:
        self._rows: object = ()
        self._ported = PortedNumbers()
        self._moved: dict[tuple[str, str, str], Home] = {}
        self.plan = built_in()
        self.of: Callable[[str], Home] = self.plan.find
        """Returns the home of E.164 digits, :data:`smsd.numbering.plan.UNKNOWN` if they are nobody's."""

    def apply(self, rows: Rows) -> None:
        """Take over changed prefixes."""
        if rows.networks != self._rows:
            self._rows = rows.networks
            self.plan = own_plan(rows.networks)
            self._choose()

    def use_ported(self, ported: PortedNumbers) -> None:
        """Take over changed ported numbers."""
        self._ported = ported
        self._choose()

    def original(self, number: str) -> Home:
        """Return the home of a number by its prefix, wherever it was ported to."""
        return self.plan.find(number)

    def _choose(self) -> None:
        # Where nothing was ported, there is nothing to look up.
        self._moved = {}
        self.of = self._of if len(self._ported) else self.plan.find

    def _of(self, number: str) -> Home:
        mccmnc = self._ported.network(int(number))
        return self.plan.find(number) if mccmnc is None else self._ported_to(mccmnc, number)

    def within(self, mccmnc: str, number: str) -> Home:
        """Return the home of a number of which somebody has said which network has it."""
        home = self.of(number)
        return home if home.mccmnc == mccmnc else self._ported_to(mccmnc, number)

    def _ported_to(self, mccmnc: str, number: str) -> Home:
        home = self.plan.find(number)
        key = (mccmnc, home.country, home.calling_code)
        moved = self._moved.get(key)
        if moved is None:
            if len(self._moved) >= MOST_MOVED:
                self._moved.clear()
            moved = self._moved[key] = ported_home(self.plan, mccmnc, home)
        return moved


def ported_home(plan: Plan, mccmnc: str, home: Home) -> Home:
    """Return the home of a number that was ported to a network, in the country where it was before."""
    network = plan.of_network(mccmnc)
    if home is UNKNOWN:
        return network
    return Home(
        home.country,
        mccmnc,
        network.network,
        network.prefix if network.calling_code == home.calling_code else "",
        home.calling_code,
        home.country_name,
        True,
    )


def own_plan(networks: Iterable[Network]) -> Plan:
    """Return the built-in plan with an operator's own prefixes."""
    return built_in().with_own({row.prefix: (row.mccmnc, row.name) for row in networks})


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

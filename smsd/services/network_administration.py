"""What the operator may know of the network of a number."""

from __future__ import annotations

from typing import NamedTuple

from smsd.numbering.addresses import destination
from smsd.numbering.plan import UNKNOWN, Home, built_in
from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.services.networks import own_plan, ported_home
from smsd.services.ported_administration import PortedAdministration
from smsd.store.engine import Engine

PORTED, OWN, BUILT_IN = "ported", "own", "built in"
"""Where what is known of a number may come from: what comes first counts."""


class Known(NamedTuple):
    """What is known of a number."""

    source: str
    home: Home


class NetworkAdministration:
    """Looks numbers up as a node does, and says what else is known of them."""

    def __init__(self, engine: Engine) -> None:
        self._administration = Administration(engine)
        self._ported = PortedAdministration(engine)

    async def home(self, number: str) -> Home:
        """Return where a number is at home, :data:`UNKNOWN` if nowhere; raises as :meth:`find`."""
        found = await self.find(number)
        return found[0].home if found else UNKNOWN

    async def find(self, number: str) -> list[Known]:
        """Return what is known of a number: what counts comes first, and nothing if its prefix is nobody's.

        Raises:
            SettingError: if it is no number.
        """
        digits = destination(number)
        if digits is None:
            raise SettingError(f"A number is international, such as 385911234567: not {number!r}.")
        found = []
        networks = (await self._administration.rows()).networks
        by_prefix = own_plan(networks).find(digits)
        mccmnc = await self._ported.network(digits)
        if mccmnc is not None:
            found.append(Known(PORTED, ported_home(own_plan(networks), mccmnc, by_prefix)))
        if any(digits.startswith(one.prefix) for one in networks):
            found.append(Known(OWN, by_prefix))
        built = built_in().find(digits)
        if built is not UNKNOWN:
            found.append(Known(BUILT_IN, built))
        return found

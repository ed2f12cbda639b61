"""The numbers that were ported to other networks, as a node has them in memory."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.numbering.ported import Chunk, PortedNumbers, unpacked
from smsd.store.engine import StoreUnavailable
from smsd.store.ported import PortedRows, Range
from smsd.store.settings import Rows

AGAIN = 1.0
"""Seconds until ported numbers that could not be read are read again."""


class Ported:
    """Reads them, and again what of them was changed; ``changed`` gets all of them each time."""

    log = Logger()

    def __init__(
        self, rows: PortedRows, clock: IReactorTime, changed: Callable[[PortedNumbers], None]
    ) -> None:
        self._rows = rows
        self._clock = clock
        self._changed = changed
        self._chunks: dict[Range, Chunk] = {}
        self._edition = 0
        self._wanted = 0
        self._reading = False

    async def load(self) -> None:
        """Read them before the node begins its work.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """
        self._wanted = await self._rows.edition()
        await self._read()

    def apply(self, rows: Rows) -> None:
        """Read what was changed, if anything was."""
        self._wanted = rows.ported_edition
        self._reread()

    def _reread(self) -> None:
        if self._wanted != self._edition and not self._reading:
            reading = Deferred.fromCoroutine(self._reading_again())
            reading.addErrback(lambda failure: self.log.failure("Ported numbers can't be used", failure))

    async def _reading_again(self) -> None:
        try:
            await self._read()
        except StoreUnavailable:
            self._clock.callLater(AGAIN, self._reread)

    async def _read(self) -> None:
        self._reading = True
        try:
            while self._wanted != self._edition:
                edition = self._wanted
                ranges = await self._rows.ranges()
                if await self._get(ranges):
                    self._edition = edition
                    self._chunks = {one: self._chunks[one] for one in ranges}
                    self._changed(PortedNumbers((one.first, chunk) for one, chunk in self._chunks.items()))
        finally:
            self._reading = False

    async def _get(self, ranges: list[Range]) -> bool:
        """Get the chunks that are not here yet; tell whether all are here: some may be replaced meanwhile."""
        for one in ranges:
            if one not in self._chunks:
                packed = await self._rows.read(one)
                if packed is None:
                    return False
                self._chunks[one] = unpacked(packed.networks.split(), packed.numbers)
        return True

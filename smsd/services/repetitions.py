"""Requests that are repeated since their answer was lost: each key of a client's stands for one request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smsd.services.ids import MessageIds
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.repetitions import CORRECTED, KEPT
from smsd.store.repetitions import Repetitions as Table


class OtherRequest(Exception):
    """The key was used for another request."""


class Claim:
    """A key that stands for a request from now on; or did before, and then this has the ``answer``."""

    def __init__(
        self, repetitions: Repetitions, account_id: int, key: str, fingerprint: str, answer: str | None
    ) -> None:
        self._repetitions = repetitions
        self._account_id = account_id
        self._key = key
        self._fingerprint = fingerprint
        self.answer = answer
        self._held = answer is None
        self._after: Callable[[bool], None] | None = None
        self._number = 0
        self._correction = ""

    def keep(self, answer: str, after: Callable[[bool], None]) -> None:
        """Store the answer with the messages that were submitted last, in this turn of the reactor.

        ``after`` is told whether it is on disk. Whoever asked may go away meanwhile: the key stays claimed
        until the disk has answered.
        """
        self._after = after
        kept = (self._key, self._fingerprint, answer)
        self._number = self._repetitions.keep(self, self._account_id, kept)

    def correct(self, answer: str) -> None:
        """Store another answer once the one that is being kept is on disk: it is no longer right."""
        if self._held:
            self._correction = answer
        else:
            self._repetitions.correct(self._number, answer)

    def abandon(self) -> None:
        """Give the key back, unless an answer is on its way to disk: nothing came of the request."""
        if self._after is None:
            self._release()

    def stored(self, item: Any) -> None:
        """Take note that the answer is on disk: whoever repeats the request gets it."""
        if self._correction:
            self._repetitions.correct(self._number, self._correction, self._answered)
        else:
            self._answered(True)

    def not_stored(self, item: Any) -> None:
        """Take note that neither the answer nor the messages are there: the request may be made again."""
        self._answered(False)

    def _answered(self, on_disk: bool) -> None:
        self._release()
        if self._after is not None:
            self._after(on_disk)

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._repetitions.release(self._account_id, self._key)


class Repetitions:
    """Tells which keys an account has used before, and what was answered then.

    As with :class:`smsd.services.client_ids.ClientIds`, a key whose answer is on its way to disk is claimed,
    and who asks for it meanwhile waits.
    """

    def __init__(self, table: Table, journal: Journal, ids: MessageIds, clock: IReactorTime) -> None:
        self._table = table
        self._journal = journal
        self._ids = ids
        self._clock = clock
        self._claimed: dict[tuple[int, str], list[Deferred[None]]] = {}
        """Who waits to hear what becomes of each key."""

    async def claim(self, account_id: int, key: str, fingerprint: str) -> Claim:
        """Claim a key, or find what was answered to the request that it stands for.

        Raises:
            OtherRequest: if it stands for another.
            StoreUnavailable: if the database doesn't answer, or can't be written just now.
        """
        while (account_id, key) in self._claimed:
            waiting: Deferred[None] = Deferred()
            self._claimed[account_id, key].append(waiting)
            await waiting
        if not self._journal.available:
            # What was refused when it went away may be in the table until it is back.
            raise StoreUnavailable("The database can't be written just now.")
        self._claimed[account_id, key] = []
        try:
            kept = await self._table.find(account_id, key)
        except BaseException:
            self.release(account_id, key)
            raise
        if kept is None:
            return Claim(self, account_id, key, fingerprint, None)
        self.release(account_id, key)
        if kept.fingerprint != fingerprint:
            raise OtherRequest(key)
        return Claim(self, account_id, key, fingerprint, kept.answer)

    def keep(self, claim: Claim, account_id: int, kept: tuple[str, str, str]) -> int:
        """Store a key, a fingerprint and an answer with the messages that were submitted last.

        The number that is returned stands for them.
        """
        number = self._ids.next()
        row = (number, account_id, *kept, self._clock.seconds())
        self._journal.store_along(KEPT, number, row, None, claim, share=account_id)
        return number

    def correct(self, number: int, answer: str, after: Callable[[bool], None] | None = None) -> None:
        """Store another answer for what was kept under a number, then call ``after``."""
        self._journal.change(CORRECTED, number, (number, answer), after)

    def release(self, account_id: int, key: str) -> None:
        """Let go of a key: its answer is on disk now, or will never be."""
        for waiting in self._claimed.pop((account_id, key)):
            waiting.callback(None)

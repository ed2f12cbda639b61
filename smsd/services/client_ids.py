"""The ids that clients give their messages themselves: each stands for one message of its account."""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.defer import Deferred

from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.messages import Messages


class ClientIds:
    """Tells which ids an account has used before.

    The table knows the ids of messages on disk. An id whose message is on its way there is *claimed*: who
    asks for it meanwhile waits, and hears that it is taken only once it is, since a message that can't be
    stored gives its id back. An index of the table sees to it that no mistake here makes an id stand for two.
    """

    def __init__(self, messages: Messages, journal: Journal) -> None:
        self._messages = messages
        self._journal = journal
        self._claimed: dict[tuple[int, str], list[Deferred[None]]] = {}
        """Who waits to hear what becomes of each id."""

    async def claim(self, account_id: int, ids: Collection[str]) -> set[str]:
        """Claim those of these ids that are free, and return those that are taken.

        Raises:
            StoreUnavailable: if the database doesn't answer, or can't be written just now.
        """
        keys = [(account_id, one) for one in ids]
        # All or none: who held some while waiting for others could wait for ever.
        while (claimed := next((key for key in keys if key in self._claimed), None)) is not None:
            waiting: Deferred[None] = Deferred()
            self._claimed[claimed].append(waiting)
            await waiting
        if not self._journal.available:
            # What was refused when it went away may be in the table until it is back.
            raise StoreUnavailable("The database can't be written just now.")
        for key in keys:
            self._claimed[key] = []
        try:
            taken = set(await self._messages.client_ids(account_id, list(ids)))
        except BaseException:
            self.release(account_id, ids)
            raise
        self.release(account_id, taken)
        return taken

    def release(self, account_id: int, ids: Collection[str]) -> None:
        """Let go of ids: their messages are on disk now, or will never be."""
        for one in ids:
            for waiting in self._claimed.pop((account_id, one), ()):
                waiting.callback(None)

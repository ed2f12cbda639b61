"""What the operator may do with the bulks of accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime

from smsd.services.administration import Administration
from smsd.services.bulks import (
    MOST_OPEN,
    Bulks,
    BulkStatus,
    Described,
    TooManyOpen,
    Unchangeable,
    UnknownBulk,
)
from smsd.services.columns import SettingError
from smsd.services.ids import MessageIds
from smsd.services.sending_hours import SendingHours
from smsd.services.stops import Stops
from smsd.store.bulks import Bulk
from smsd.store.bulks import Bulks as BulkRows
from smsd.store.engine import Engine
from smsd.store.messages import Messages


class BulkAdministration:
    """Lists and changes bulks beside the node, which follows at once."""

    def __init__(self, engine: Engine, clock: IReactorTime) -> None:
        self._administration = Administration(engine)
        self._messages = Messages(engine)
        self._ids = MessageIds(clock)
        self._rows = BulkRows(engine)
        self._bulks = Bulks(self._rows, Stops(), self._ids, SendingHours(), clock)

    async def unfinished(self, system_id: str, limit: int) -> list[Described]:
        """Return an account's bulks that are not finished: so many at most.

        Raises:
            SettingError: if there is no such account.
        """
        return await self._bulks.unfinished((await self._administration.account(system_id)).id, limit)

    async def pause(self, system_id: str, bulk_id: str) -> BulkStatus:
        """Let nothing of a bulk be sent until it is resumed.

        Raises:
            SettingError: if there is no such account or bulk, or nothing of it waits to be sent.
        """
        return await self._change(self._bulks.pause, system_id, bulk_id)

    async def resume(self, system_id: str, bulk_id: str) -> BulkStatus:
        """Let a bulk that is paused go on; raises as :meth:`pause`."""
        return await self._change(self._bulks.resume, system_id, bulk_id)

    async def cancel(self, system_id: str, bulk_id: str) -> BulkStatus:
        """Let nothing more of a bulk be sent; raises as :meth:`pause`."""
        return await self._change(self._bulks.cancel, system_id, bulk_id)

    async def _change(
        self, change: Callable[[Bulk], Awaitable[BulkStatus]], system_id: str, bulk_id: str
    ) -> BulkStatus:
        account = await self._administration.account(system_id)
        self._ids.newest = max(await self._messages.newest_id(), await self._rows.newest_id())
        try:
            return await change(Bulk(account.id, bulk_id))
        except UnknownBulk:
            raise SettingError(f"Account {system_id} has no bulk {bulk_id}.") from None
        except Unchangeable as problem:
            raise SettingError(str(problem)) from problem
        except TooManyOpen as problem:
            raise SettingError(
                f"{MOST_OPEN} bulks of account {system_id} are paused or being changed, and no more may be."
            ) from problem

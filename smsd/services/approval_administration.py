"""What the operator may do with messages that wait for approval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.sms.coding import decode
from smsd.store.approvals import APPROVED, REJECTED, ApprovalRows, Which
from smsd.store.engine import Engine


class Waiting(NamedTuple):
    """A message that waits."""

    id: int
    account: str
    bulk_id: str | None
    source: str
    destination: str
    text: str
    accepted_at: float
    expires_at: float


class ApprovalAdministration:
    """Shows the messages that wait, and decides on them; a running node does what follows within a second."""

    def __init__(self, engine: Engine) -> None:
        self._administration = Administration(engine)
        self._rows = ApprovalRows(engine)

    async def waiting(self, account: str | None, bulk_id: str | None, limit: int) -> list[Waiting]:
        """Return messages that wait, of all accounts or one, or of its bulk; the oldest first.

        Raises:
            SettingError: if there is no such account.
        """
        names = {one.id: one.system_id for one in (await self._administration.rows()).accounts}
        return [
            Waiting(
                one.id,
                names.get(one.account_id, str(one.account_id)),
                one.bulk_id,
                one.source,
                one.destination,
                decode(one.content.body, one.content.data_coding, one.content.udh),
                one.accepted_at,
                one.expires_at,
            )
            for one in await self._rows.waiting(await self._which(account, bulk_id), limit)
        ]

    async def count(self, account: str | None, bulk_id: str | None) -> int:
        """Return how many wait; raises as :meth:`waiting`."""
        return await self._rows.count(await self._which(account, bulk_id))

    async def decide(self, ids: Sequence[int], *, approved: bool) -> int:
        """Approve messages or reject them; return how many of them have waited for that."""
        return await self._rows.decide(ids, APPROVED if approved else REJECTED)

    async def decide_all(self, account: str | None, bulk_id: str | None, *, approved: bool) -> int:
        """Approve all messages that wait, or those of an account or its bulk, or reject them.

        Raises as :meth:`waiting`.
        """
        return await self._rows.decide_all(
            await self._which(account, bulk_id), APPROVED if approved else REJECTED
        )

    async def _which(self, account: str | None, bulk_id: str | None) -> Which:
        if account is None:
            if bulk_id is not None:
                raise SettingError("A bulk is one of an account: name it, too.")
            return Which()
        return Which((await self._administration.account(account)).id, bulk_id)

"""What the operator may have sent to clients' URLs once more."""

from __future__ import annotations

from collections.abc import Sequence

from smsd.services.administration import AT_ONCE, Administration
from smsd.store.engine import Engine
from smsd.store.messages import Messages, own_ids
from smsd.store.received import ReceivedMessages


class PushAdministration:
    """Sends what an account knows by its own names once more; a running node follows at once."""

    def __init__(self, engine: Engine) -> None:
        self._administration = Administration(engine)
        self._messages = Messages(engine)
        self._received = ReceivedMessages(engine)

    async def again(self, system_id: str, ids: Sequence[str]) -> int:
        """Push reports of an account's messages, or messages that it received, once more; return how many.

        The ids are the account's own or smsd's.

        Raises:
            SettingError: if there is no such account.
        """
        account = await self._administration.account(system_id)
        count = 0
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            sent = await self._messages.final_named(account.id, some)
            received = await self._received.by_ids(own_ids(some))
            came = [one.id for one in received if one.account_id == account.id]
            count += await self._administration.push_again([*sent, *came])
        return count

    async def again_of_bulk(self, system_id: str, bulk_id: str) -> int:
        """Push the reports of an account's bulk once more; return how many. Raises as :meth:`again`."""
        account = await self._administration.account(system_id)
        ids = await self._messages.final_of_bulk(account.id, bulk_id)
        count = 0
        for start in range(0, len(ids), AT_ONCE):
            count += await self._administration.push_again(ids[start : start + AT_ONCE])
        return count

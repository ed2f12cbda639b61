"""Ends the messages that the operator has not approved; those that he has are due as any others."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.looking import Looking
from smsd.services.reports import Reports
from smsd.store.approvals import ApprovalRows

STEP = 500
"""How many messages a step takes: others have their turn between two."""


class Approvals(Looking):
    """Looks regularly for messages that were not approved."""

    log = Logger()
    what = "What was not approved"

    def __init__(self, rows: ApprovalRows, reports: Reports, clock: IReactorTime) -> None:
        super().__init__(clock)
        self._rows = rows
        self._reports = reports

    async def look(self) -> None:
        """End them, and give back what they cost."""
        while self.running and (messages := await self._rows.rejected(STEP)):
            await self._reports.cancel_all(messages)

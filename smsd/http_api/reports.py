"""The requests that ask what became of messages."""

from __future__ import annotations

from smsd.http_api.answers import Reports, report_of
from smsd.http_api.queries import Query
from smsd.services.core import Core
from smsd.store.settings import Account


class Reporting:
    """Gives reports."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def reports(self, account: Account, query: Query, body: None) -> Reports:
        """Give the final reports that were not fetched yet, each once."""
        found = await self._core.reports.fetch(
            account.id, query.texts("bulkId"), query.texts("messageId"), query.limit()
        )
        return Reports([report_of(message, account.currency) for message in found])

    async def no_reports(self, account: Account, query: Query, body: None) -> Reports:
        """Give none away: nobody would see them."""
        return Reports([])

"""The requests that ask what became of messages, and what has come."""

from __future__ import annotations

from smsd.http_api.answers import Inbox, Reports
from smsd.http_api.endpoints import BULK_IDS, LIMIT, MESSAGE_IDS, Paths, gives
from smsd.http_api.queries import Query
from smsd.http_api.translation import inbox_message_of, report_of
from smsd.services.core import Core
from smsd.store.settings import Account


class Reporting:
    """Gives reports, and received messages."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def paths(self) -> Paths:
        """Return what is served here."""
        return {
            "/sms/1/reports": gives(
                "Gives the final reports that were not fetched yet, each once.",
                self.reports,
                Reports,
                BULK_IDS,
                MESSAGE_IDS,
                LIMIT,
                head=self.no_reports,
            ),
            "/sms/1/inbox/reports": gives(
                "Gives the received messages that were not fetched yet, each once.",
                self.inbox,
                Inbox,
                LIMIT,
                head=self.no_inbox,
            ),
        }

    async def reports(self, account: Account, query: Query, body: None) -> Reports:
        """Give the final reports that were not fetched yet, each once."""
        found = await self._core.reports.fetch(
            account.id, query.texts("bulkId"), query.texts("messageId"), query.limit()
        )
        return Reports([report_of(message, account.currency) for message in found])

    async def no_reports(self, account: Account, query: Query, body: None) -> Reports:
        """Give none away: nobody would see them."""
        return Reports([])

    async def inbox(self, account: Account, query: Query, body: None) -> Inbox:
        """Give the received messages that were not fetched yet, each once."""
        found = await self._core.inbox.fetch(account.id, query.limit())
        return Inbox([inbox_message_of(received) for received in found])

    async def no_inbox(self, account: Account, query: Query, body: None) -> Inbox:
        """Give none away: nobody would see them."""
        return Inbox([])

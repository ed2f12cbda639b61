"""When messages of each account may be sent."""

from __future__ import annotations

from twisted.logger import Logger

from smsd.services.week import Week, hours_of
from smsd.store.settings import Rows


class SendingHours:
    """Knows the hours of each account."""

    log = Logger()

    def __init__(self) -> None:
        self.of: dict[int, Week] = {}
        """By account; of those that may be sent for at any time there is none."""

    def apply(self, rows: Rows) -> None:
        """Take over changed hours."""
        self.of = {}
        for account in rows.accounts:
            if account.hours:
                try:
                    self.of[account.id] = hours_of(account.hours)
                except ValueError as error:  # A time zone, say, that another machine knows.
                    self.log.error(
                        "Account {account} has no hours here: {error}", account=account.system_id, error=error
                    )

    def opens(self, account_id: int, at: float) -> float:
        """Return the first time from a time on at which an account's messages may be sent."""
        found = self.of.get(account_id)
        return at if found is None else found.opens(at)

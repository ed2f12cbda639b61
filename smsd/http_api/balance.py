"""The request that asks what an account has left."""

from __future__ import annotations

from decimal import Decimal

from smsd.http_api.answers import AccountBalance
from smsd.http_api.endpoints import Paths, gives
from smsd.http_api.queries import Query
from smsd.services.charging import MICROS
from smsd.services.core import Core
from smsd.store.settings import Account


class Balance:
    """Tells accounts what they have left."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def paths(self) -> Paths:
        """Return what is served here."""
        return {
            "/account/1/balance": gives(
                "Tells what the account has left, if it pays in advance.", self.balance, AccountBalance
            )
        }

    async def balance(self, account: Account, query: Query, body: None) -> AccountBalance:
        """Tell what is left of what an account has paid in advance."""
        left = self._core.charging.left(account.id) or 0
        return AccountBalance(Decimal(left) / MICROS, account.currency)

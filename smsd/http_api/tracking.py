"""The requests about what came of tracked messages: clicks, conversions, and how many there are of each."""

from __future__ import annotations

from msgspec import UNSET

from smsd.http_api.answers import Clicks, Conversion, Rates
from smsd.http_api.endpoints import BULK_IDS, LIMIT, MESSAGE_IDS, Endpoint, Parameter, Path, Paths, gives
from smsd.http_api.errors import bad_request, unknown
from smsd.http_api.queries import Query
from smsd.http_api.translation import click_of, rate_of
from smsd.services.core import Core
from smsd.services.links import UnknownMessage
from smsd.store.links import MOST_COUNTED, TooManyMessages, Which
from smsd.store.settings import Account

PROCESS_KEYS = Parameter("processKey", "texts", "Only of messages with these process keys.")
TYPES = Parameter("type", "texts", "Only of messages of these types.")


class Counts:
    """Gives clicks and their rates, and takes conversions."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def paths(self) -> Paths:
        """Return what is served here."""
        conversion = Endpoint(
            "Tells that a tracked message has led to what it was sent for.", self.convert, Conversion
        )
        return {
            "/ct/1/log/end/<messageId>": Path({b"POST": conversion, b"PUT": conversion}),
            "/ct/1/clicks": gives(
                "Gives the clicks on short links, the newest first, any number of times.",
                self.clicks,
                Clicks,
                BULK_IDS,
                MESSAGE_IDS,
                PROCESS_KEYS,
                TYPES,
                Parameter("clickedSince", "date", "Only clicks from this time on."),
                Parameter("clickedUntil", "date", "Only clicks before this time."),
                LIMIT,
            ),
            "/ct/1/rates": gives(
                "Tells how many tracked messages were delivered, clicked and converted, for each bulk, type"
                " and process key.",
                self.rates,
                Rates,
                BULK_IDS,
                MESSAGE_IDS,
                PROCESS_KEYS,
                TYPES,
                Parameter("sentSince", "date", "Only messages that were due from this time on."),
                Parameter("sentUntil", "date", "Only messages that were due before this time."),
                LIMIT,
            ),
        }

    async def convert(self, account: Account, query: Query, body: None) -> Conversion:
        """Take note that a message has led to what it was sent for."""
        try:
            process_key = await self._core.links.convert(account.id, query.in_path["messageId"])
        except UnknownMessage:
            raise unknown("tracked message with this id") from None
        return Conversion(process_key or UNSET)

    async def clicks(self, account: Account, query: Query, body: None) -> Clicks:
        """Give the clicks on short links, the newest first."""
        which = _which(query, "clicked")
        found = await self._core.links.clicks(account.id, which, query.limit())
        return Clicks([click_of(click) for click in found])

    async def rates(self, account: Account, query: Query, body: None) -> Rates:
        """Tell how messages fare, those of the newest bulk first."""
        try:
            found = await self._core.links.rates(account.id, _which(query, "sent"), query.limit())
        except TooManyMessages:
            raise bad_request(
                f"[sentSince : More than {MOST_COUNTED} messages match: name a bulk, or a shorter period.]"
            ) from None
        return Rates([rate_of(rate) for rate in found])


def _which(query: Query, period: str) -> Which:
    """Return which messages a query asks about; the dates of its period have this name."""
    return Which(
        query.texts("bulkId"),
        query.texts("messageId"),
        query.texts("processKey"),
        query.texts("type"),
        query.date(f"{period}Since"),
        query.date(f"{period}Until"),
    )

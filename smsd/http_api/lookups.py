"""The requests that ask about numbers: whether they can be reached, and on which networks they are."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from smsd.http_api.answers import AskedNumber, AskedNumbers, LoggedContexts, NumberContexts
from smsd.http_api.endpoints import BULK_IDS, LIMIT, MESSAGE_IDS, Parameter, Paths, gives, sends
from smsd.http_api.errors import bad_request
from smsd.http_api.logs import digits, group, several
from smsd.http_api.queries import Query
from smsd.http_api.requests import NumberNotify, NumberQuery
from smsd.http_api.translation import (
    STATUS_ANSWERS,
    logged_context_of,
    number_context_of,
    refused_context_of,
)
from smsd.numbering.addresses import destination
from smsd.services.core import Core
from smsd.services.enquiries import Answer
from smsd.services.ids import first_of
from smsd.services.logs import GROUPS
from smsd.services.statuses import STATUSES
from smsd.store.lookups import Search
from smsd.store.messages import own_ids
from smsd.store.settings import Account

NUMBERS = 1000
"""How many numbers a request may have."""
MILLISECOND = 0.001
LAST = 2**63 - 1
"""An id after all others."""
REFRESH = Parameter(
    "refresh", "text", "`true`: ask anew, also where the answer to an earlier question is still good."
)


class NumberLookup:
    """Answers questions about numbers."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def paths(self) -> Paths:
        """Return what is served here."""
        return {
            "/number/1/query": sends(
                "Tells what is known of one or several numbers.",
                self.query,
                NumberQuery,
                NumberContexts,
                REFRESH,
            ),
            "/number/1/notify": sends(
                "Finds out about one or several numbers, and sends what is known to a URL.",
                self.notify,
                NumberNotify,
                AskedNumbers,
            ),
            "/number/1/logs": gives(
                "Gives lookups of the last days, the newest first, any number of times.",
                self.logs,
                LoggedContexts,
                Parameter("to", "text", "Only of this number."),
                BULK_IDS,
                MESSAGE_IDS,
                Parameter("generalStatus", "text", f"Only with a status of this group: {', '.join(GROUPS)}."),
                Parameter("sentSince", "date", "Only those whose sentAt is not before this."),
                Parameter("sentUntil", "date", "Only those whose sentAt is not after this."),
                LIMIT,
                Parameter("mcc", "text", "Only of networks of the country with this MCC."),
                Parameter("mnc", "text", "Only of networks with this MNC."),
            ),
        }

    async def query(self, account: Account, query: Query, body: NumberQuery) -> NumberContexts:
        """Tell what is known of numbers, in the order of the request."""
        numbers = _numbers(body)
        bulk_id = self._bulk_id(numbers)
        answers = await self._core.enquiries.query(account, numbers, bulk_id, _flag(query, "refresh"))
        return NumberContexts(
            bulk_id or UNSET,
            [
                number_context_of(one.lookup)
                if one.lookup is not None
                else refused_context_of(one.to, one.status)
                for one in answers
            ],
        )

    async def notify(self, account: Account, query: Query, body: NumberNotify) -> AskedNumbers:
        """Find out about numbers, and send what is known to a URL."""
        numbers = _numbers(body)
        bulk_id = self._bulk_id(numbers)
        xml = body.notifyContentType == "application/xml"
        answers = await self._core.enquiries.notify(account, numbers, bulk_id, body.notifyUrl.text, xml)
        return AskedNumbers(bulk_id or UNSET, [_asked(one) for one in answers])

    async def logs(self, account: Account, query: Query, body: None) -> LoggedContexts:
        """Give the newest lookups that the query finds."""
        since, until = query.date("sentSince"), query.date("sentUntil")
        logs = self._core.logs
        to, wanted = query.text("to").strip(), group(query.text("generalStatus"))
        named = several(query, "messageId")
        search = Search(
            account.id,
            first_of(max(since or 0.0, logs.begins)),
            first_of(until + MILLISECOND) - 1 if until is not None else LAST,
            query.limit(),
            destination(to) or to if to else None,
            several(query, "bulkId"),
            tuple(own_ids(named)) if named else None,
            None if wanted is None else tuple(one.id for one in STATUSES.values() if one.group_id == wanted),
            digits(query, "mcc", "[0-9]{3}", "three digits"),
            digits(query, "mnc", "[0-9]{2,3}", "two or three digits"),
        )
        return LoggedContexts(
            [logged_context_of(one, account.currency) for one in await logs.lookups(search)]
        )

    def _bulk_id(self, numbers: Sequence[str]) -> str | None:
        return str(self._core.ids.next()) if len(numbers) > 1 else None


def _numbers(body: NumberQuery) -> list[str]:
    """Return the numbers of a request.

    Raises:
        ApiError: if they are too many.
    """
    numbers = body.numbers()
    if len(numbers) > NUMBERS:
        raise bad_request(f"[to : Number of destinations is limited to {NUMBERS}.]")
    return numbers


def _asked(answer: Answer) -> AskedNumber:
    message_id = str(answer.lookup.id) if answer.lookup is not None else UNSET
    return AskedNumber(answer.to, STATUS_ANSWERS[answer.status], message_id)


def _flag(query: Query, name: str) -> bool:
    value = query.text(name).strip().lower()
    if value not in ("", "true", "false"):
        raise bad_request(f"[{name} : Expected true or false.]")
    return value == "true"

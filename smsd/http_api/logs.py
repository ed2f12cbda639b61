"""The requests that look into the logs, any number of times."""

from __future__ import annotations

import re

from smsd.http_api.answers import LogEntries, ReceivedEntries
from smsd.http_api.endpoints import BULK_IDS, LIMIT, MESSAGE_IDS, Parameter, Paths, gives
from smsd.http_api.errors import bad_request
from smsd.http_api.queries import VALUES, Query
from smsd.http_api.translation import log_entry_of, received_entry_of
from smsd.numbering.addresses import destination, number, sender
from smsd.services.core import Core
from smsd.services.logs import GROUPS
from smsd.services.numbers import keyword_of
from smsd.store.logs import LATEST, Search, milliseconds
from smsd.store.received_logs import ReceivedSearch
from smsd.store.settings import Account

MILLISECOND = 0.001
NO_KEYWORD = "NO_KEYWORD"
"""Stands for the received messages that have none."""


class LogPages:
    """Gives pages of the logs."""

    def __init__(self, core: Core) -> None:
        self._logs = core.logs

    def paths(self) -> Paths:
        """Return what is served here."""
        return {
            "/sms/1/logs": gives(
                "Gives messages of the last days, the newest first, any number of times.",
                self.messages,
                LogEntries,
                Parameter("from", "text", "Only from this sender."),
                Parameter("to", "text", "Only to this destination."),
                BULK_IDS,
                MESSAGE_IDS,
                Parameter("generalStatus", "text", f"Only with a status of this group: {', '.join(GROUPS)}."),
                Parameter("sentSince", "date", "Only those whose sentAt is not before this."),
                Parameter("sentUntil", "date", "Only those whose sentAt is not after this."),
                LIMIT,
                Parameter("mcc", "text", "Only to networks of the country with this MCC."),
                Parameter("mnc", "text", "Only to networks with this MNC."),
            ),
            "/sms/1/inbox/logs": gives(
                "Gives received messages of the last days, the newest first, any number of times.",
                self.received,
                ReceivedEntries,
                Parameter("to", "text", "Only to this number."),
                Parameter("keyword", "text", f"Only with this keyword; {NO_KEYWORD}: only without one."),
                Parameter("receivedSince", "date", "Only those whose receivedAt is not before this."),
                Parameter("receivedUntil", "date", "Only those whose receivedAt is not after this."),
                LIMIT,
            ),
        }

    async def messages(self, account: Account, query: Query, body: None) -> LogEntries:
        """Give the newest messages that the query finds."""
        since, until = query.date("sentSince"), query.date("sentUntil")
        bulk_ids, ids = several(query, "bulkId"), several(query, "messageId")
        if until is not None:
            end = milliseconds(until)
        else:
            # What is scheduled for later is none of the past, unless it is asked for by its name.
            end = LATEST if bulk_ids or ids else milliseconds(self._logs.now)
        source, to = query.text("from").strip(), query.text("to").strip()
        search = Search(
            account.id,
            milliseconds(max(since or 0.0, self._logs.begins)),
            end,
            query.limit(),
            sender(source) or source if source else None,
            destination(to) or to if to else None,
            bulk_ids,
            ids,
            group(query.text("generalStatus")),
            digits(query, "mcc", "[0-9]{3}", "three digits"),
            digits(query, "mnc", "[0-9]{2,3}", "two or three digits"),
        )
        found = await self._logs.messages(search)
        return LogEntries([log_entry_of(logged, account.currency) for logged in found])

    async def received(self, account: Account, query: Query, body: None) -> ReceivedEntries:
        """Give the newest received messages that the query finds."""
        since, until = query.date("receivedSince"), query.date("receivedUntil")
        to, keyword = query.text("to").strip(), query.text("keyword").strip()
        search = ReceivedSearch(
            account.id,
            max(since or 0.0, self._logs.begins),
            # Dates are shown in whole milliseconds: one that was shown has to find its message.
            (until if until is not None else self._logs.now) + MILLISECOND,
            query.limit(),
            number(to) or to if to else None,
            _keyword(keyword),
        )
        return ReceivedEntries([received_entry_of(one) for one in await self._logs.received(search)])


def several(query: Query, name: str) -> tuple[str, ...]:
    """Return the values of a parameter, which some clients give the name of a list."""
    return tuple((query.texts(name) + query.texts(f"{name}[]"))[:VALUES])


def group(name: str) -> int | None:
    """Return the group of statuses with a name, ``None`` if none is given.

    Raises:
        ApiError: if there is no such group.
    """
    wanted = name.strip().upper()
    if not wanted:
        return None
    if wanted not in GROUPS:
        raise bad_request(f"[generalStatus : Expected one of {', '.join(GROUPS)}.]")
    return GROUPS[wanted]


def digits(query: Query, name: str, pattern: str, expected: str) -> str:
    """Return a parameter of digits, nothing if it is absent.

    Raises:
        ApiError: if it is none.
    """
    value = query.text(name).strip()
    if value and not re.fullmatch(pattern, value):
        raise bad_request(f"[{name} : Expected {expected}.]")
    return value


def _keyword(keyword: str) -> str | None:
    if not keyword:
        return None
    return "" if keyword == NO_KEYWORD else keyword_of(keyword)

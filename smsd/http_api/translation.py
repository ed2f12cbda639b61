"""What is stored, as the API gives it."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from smsd.http_api.answers import (
    Click,
    Error,
    InboxMessage,
    LogEntry,
    LoggedContext,
    LookupPrice,
    NumberContext,
    NumberNetwork,
    Price,
    PushedContext,
    Rate,
    ReceivedEntry,
    Report,
    Status,
)
from smsd.http_api.dates import write_date
from smsd.numbering.context import Context, Network
from smsd.services.charging import charged_price
from smsd.services.logs import shown_status
from smsd.services.originals import text as said
from smsd.services.statuses import GSM_ERRORS, NO_ERROR, PENDING_WAITING_DELIVERY, STATUSES
from smsd.sms.coding import decode
from smsd.store.links import Click as StoredClick
from smsd.store.links import Rate as StoredRate
from smsd.store.logs import Logged
from smsd.store.lookups import Lookup
from smsd.store.messages import Message
from smsd.store.received import Received

STATUS_ANSWERS = {
    status.id: Status(
        status.group_id, status.group_name, status.id, status.name, status.description, status.action or UNSET
    )
    for status in STATUSES.values()
}
ERROR_ANSWERS = {
    error.id: Error(
        error.group_id, error.group_name, error.id, error.name, error.description, error.permanent
    )
    for error in GSM_ERRORS.values()
}


def report_of(message: Message, currency: str) -> Report:
    """Return the report of a final message."""
    sent_at = message.sent_at or message.accepted_at
    return Report(
        message.bulk_id or UNSET,
        shown_id(message),
        message.destination,
        write_date(sent_at),
        write_date(message.done_at or sent_at),
        message.segments,
        Price(charged_price(message), currency),
        message.content.callback_data or UNSET,
        STATUS_ANSWERS[message.status],
        ERROR_ANSWERS[message.error],
    )


def intermediate_report_of(message: Message, error: int, at: float, currency: str) -> Report:
    """Return the report of an error that did not end a message."""
    return msgspec.structs.replace(
        report_of(message, currency),
        doneAt=write_date(at),
        status=STATUS_ANSWERS[PENDING_WAITING_DELIVERY],
        error=ERROR_ANSWERS[error],
    )


def inbox_message_of(received: Received) -> InboxMessage:
    """Return a received message as the inbox gives it."""
    return InboxMessage(
        str(received.id),
        received.source,
        received.destination,
        received.text,
        received.clean_text,
        received.keyword,
        write_date(received.received_at),
        received.segments,
    )


def log_entry_of(logged: Logged, currency: str) -> LogEntry:
    """Return a message as the log gives it; until it has an end, it is done when it was sent."""
    message = logged.message
    content = message.content
    sent_at = logged.log_at / 1000
    return LogEntry(
        message.bulk_id or UNSET,
        shown_id(message),
        message.destination,
        message.source,
        decode(content.body, content.data_coding, content.udh),
        write_date(sent_at),
        write_date(max(message.done_at or sent_at, sent_at)),
        message.segments,
        message.network,
        Price(charged_price(message), currency),
        content.callback_data or UNSET,
        STATUS_ANSWERS[shown_status(message)],
        ERROR_ANSWERS[message.error],
    )


def received_entry_of(received: Received) -> ReceivedEntry:
    """Return a received message as the log gives it; SMPP sessions got a long one in segments."""
    segment = received.original.place is not None and not received.text
    text = said(received.original) if segment else received.text
    return ReceivedEntry(
        str(received.id),
        received.source,
        received.destination,
        text,
        text if segment else received.clean_text,
        received.keyword or UNSET,
        write_date(received.received_at),
        1 if segment else received.segments,
    )


def click_of(click: StoredClick) -> Click:
    """Return a click as the API gives it."""
    visit = "MACHINE" if click.machine else "FIRST" if click.first else "REPEATED"
    return Click(
        click.bulk_id or UNSET,
        click.client_id or str(click.message_id),
        click.destination,
        click.country_prefix or UNSET,
        click.network_prefix or UNSET,
        click.os,
        visit,
        click.url,
        click.process_key or UNSET,
        click.type or UNSET,
        write_date(click.clicked_at),
    )


def rate_of(rate: StoredRate) -> Rate:
    """Return how messages fare as the API gives it."""
    return Rate(
        rate.bulk_id or UNSET,
        rate.track,
        rate.process_key or UNSET,
        rate.type or UNSET,
        rate.messages,
        rate.delivered,
        rate.clicked,
        rate.clicks,
        round(rate.clicked / rate.messages, 4),
        rate.converted,
        round(rate.converted / rate.messages, 4),
    )


def shown_id(message: Message) -> str:
    """Return the id by which its owner knows a message: one of its own, or smsd's."""
    return message.client_id or str(message.id)


def number_context_of(lookup: Lookup) -> NumberContext:
    """Return what was found of a number as the API gives it."""
    return NumberContext(**_context_fields(lookup))


def pushed_context_of(lookup: Lookup) -> PushedContext:
    """Return what was found of a number as it is pushed."""
    return PushedContext(**_context_fields(lookup), messageId=str(lookup.id))


def logged_context_of(lookup: Lookup, currency: str) -> LoggedContext:
    """Return a lookup as the log gives it."""
    return LoggedContext(
        **_context_fields(lookup),
        messageId=str(lookup.id),
        bulkId=lookup.bulk_id or UNSET,
        sentAt=write_date(lookup.asked_at),
        doneAt=write_date(lookup.done_at or lookup.asked_at),
        price=LookupPrice(Decimal(lookup.price), currency),
    )


def refused_context_of(to: str, status: int) -> NumberContext:
    """Return the answer about what was not looked up."""
    absent: dict[str, Any] = dict.fromkeys(NumberContext.__struct_fields__, UNSET)
    known = {"to": to, "status": STATUS_ANSWERS[status], "error": ERROR_ANSWERS[NO_ERROR]}
    return NumberContext(**(absent | known))


def _context_fields(lookup: Lookup) -> dict[str, Any]:
    found = lookup.found
    context = found.context if found is not None else Context()
    return {
        "to": lookup.number,
        "mccMnc": lookup.network or UNSET,
        "imsi": context.imsi or UNSET,
        "originalNetwork": _number_network(context.original),
        "ported": UNSET if context.ported is None else context.ported,
        "portedNetwork": _number_network(context.ported_network),
        "roaming": UNSET if context.roaming is None else context.roaming,
        "roamingNetwork": _number_network(context.roaming_network),
        "servingMSC": context.serving_msc or UNSET,
        "numberType": (found.type if found is not None else "") or UNSET,
        "status": STATUS_ANSWERS[lookup.status],
        "error": ERROR_ANSWERS[lookup.error],
    }


@lru_cache(4096)
def _number_network(network: Network | None) -> NumberNetwork | UnsetType:
    if network is None:
        return UNSET
    return NumberNetwork(
        network.name or UNSET,
        network.prefix or UNSET,
        network.country_name or UNSET,
        network.country_prefix or UNSET,
    )

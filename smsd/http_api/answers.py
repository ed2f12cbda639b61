"""The answers of the API, each as one structure whose field names are the API's own."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

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


class Status(msgspec.Struct, frozen=True):
    """What became of a message, in words."""

    groupId: int
    groupName: str
    id: int
    name: str
    description: str
    action: str | UnsetType = UNSET


class Error(msgspec.Struct, frozen=True):
    """The GSM error of a message, in words."""

    groupId: int
    groupName: str
    id: int
    name: str
    description: str
    permanent: bool


class SentMessage(msgspec.Struct, frozen=True):
    """What became of one destination of a request."""

    to: str
    status: Status
    smsCount: int | UnsetType = UNSET
    messageId: str | UnsetType = UNSET


class Sent(msgspec.Struct, frozen=True):
    """The answer to a request that sends one message to one or several destinations."""

    bulkId: str | UnsetType
    messages: list[SentMessage]


class SentMessages(Sent, frozen=True):
    """The answer to a request that sends several messages."""


class Price(msgspec.Struct, frozen=True):
    """What a segment of a message costs."""

    pricePerMessage: Decimal
    currency: str


class Report(msgspec.Struct, frozen=True):
    """The end of a message."""

    bulkId: str | UnsetType
    messageId: str
    to: str
    sentAt: str
    doneAt: str
    smsCount: int
    price: Price
    callbackData: str | UnsetType
    status: Status
    error: Error


class Reports(msgspec.Struct, frozen=True):
    """The answer to ``GET /sms/1/reports``."""

    results: list[Report]


class PushedReports(Reports, frozen=True):
    """What is sent to a message's ``notifyUrl``."""


class InboxMessage(msgspec.Struct, frozen=True):
    """A received message."""

    messageId: str
    sender: str = msgspec.field(name="from")
    to: str
    text: str
    cleanText: str
    keyword: str
    receivedAt: str
    smsCount: int


class Inbox(msgspec.Struct, frozen=True):
    """The answer to ``GET /sms/1/inbox/reports``."""

    results: list[InboxMessage]


class LogEntry(msgspec.Struct, frozen=True):
    """A message in the log."""

    bulkId: str | UnsetType
    messageId: str
    to: str
    sender: str = msgspec.field(name="from")
    text: str
    sentAt: str
    doneAt: str
    smsCount: int
    mccmnc: str
    """Empty if the destination's network is not known."""
    price: Price
    callbackData: str | UnsetType
    status: Status
    error: Error


class LogEntries(msgspec.Struct, frozen=True):
    """The answer to ``GET /sms/1/logs``."""

    results: list[LogEntry]


class ReceivedEntry(msgspec.Struct, frozen=True):
    """A received message in the log."""

    messageId: str
    sender: str = msgspec.field(name="from")
    to: str
    text: str
    cleanText: str
    keyword: str | UnsetType
    receivedAt: str
    smsCount: int


class ReceivedEntries(msgspec.Struct, frozen=True):
    """The answer to ``GET /sms/1/inbox/logs``."""

    results: list[ReceivedEntry]


class Click(msgspec.Struct, frozen=True):
    """That a short link was opened."""

    bulkId: str | UnsetType
    messageId: str
    to: str
    countryPrefix: str | UnsetType
    networkPrefix: str | UnsetType
    osType: str
    """ANDROID, IOS, WINDOWS_PHONE, WINDOWS, LINUX or UNKNOWN."""
    visit: str
    """FIRST: a person opens a link of the message for the first time; REPEATED: again; MACHINE: a program."""
    url: str
    processKey: str | UnsetType
    type: str | UnsetType
    clickedAt: str


class Clicks(msgspec.Struct, frozen=True):
    """The answer to ``GET /ct/1/clicks``, and what is pushed of clicks."""

    results: list[Click]


class Rate(msgspec.Struct, frozen=True):
    """How the messages of one bulk, type and process key fare."""

    bulkId: str | UnsetType
    track: str
    processKey: str | UnsetType
    type: str | UnsetType
    messages: int
    delivered: int
    clicked: int
    """Messages of which a person has opened a link."""
    clicks: int
    """All that persons have opened."""
    clickRate: float
    """The part of the messages that were clicked, 0 to 1."""
    converted: int
    """Messages whose conversion the client has told."""
    conversionRate: float
    """The part of the messages that were converted, 0 to 1."""


class Rates(msgspec.Struct, frozen=True):
    """The answer to ``GET /ct/1/rates``."""

    results: list[Rate]


class Conversion(msgspec.Struct, frozen=True):
    """The answer to ``POST /ct/1/log/end/{messageId}``."""

    processKey: str | UnsetType


class ConfiguredLanguage(msgspec.Struct, frozen=True):
    """The national tables that a preview was made with, as a request to send names them."""

    languageCode: str
    singleShift: bool
    lockingShift: bool


class Configuration(msgspec.Struct, frozen=True):
    """What a preview was made with."""

    language: ConfiguredLanguage | UnsetType
    transliteration: str | UnsetType


class Preview(msgspec.Struct, frozen=True):
    """How a text goes out."""

    textPreview: str
    messageCount: int
    charactersRemaining: int
    configuration: Configuration


class Previews(msgspec.Struct, frozen=True):
    """The answer to ``POST /sms/1/preview``."""

    originalText: str
    previews: list[Preview]


class Bulk(msgspec.Struct, frozen=True):
    """When what waits of a bulk is sent."""

    bulkId: str
    sendAt: str


class BulkStatus(msgspec.Struct, frozen=True):
    """Where a bulk is: PENDING, PAUSED, PROCESSING, CANCELED or FINISHED."""

    bulkId: str
    status: str


class ListedBulk(msgspec.Struct, frozen=True):
    """A bulk in a list."""

    bulkId: str
    sendAt: str
    status: str


class ListedBulks(msgspec.Struct, frozen=True):
    """The answer to ``GET /sms/1/bulks`` that names none."""

    bulks: list[ListedBulk]


class AccountBalance(msgspec.Struct, frozen=True):
    """What an account that pays in advance has left; 0 for one that pays later."""

    balance: Decimal
    currency: str


class NumberNetwork(msgspec.Struct, frozen=True):
    """A network, as far as it is known."""

    networkName: str | UnsetType
    networkPrefix: str | UnsetType
    countryName: str | UnsetType
    countryPrefix: str | UnsetType


class NumberContext(msgspec.Struct, frozen=True):
    """What was found of a number: what is not known, or not in the account's package, is absent."""

    to: str
    mccMnc: str | UnsetType
    imsi: str | UnsetType
    originalNetwork: NumberNetwork | UnsetType
    ported: bool | UnsetType
    portedNetwork: NumberNetwork | UnsetType
    roaming: bool | UnsetType
    roamingNetwork: NumberNetwork | UnsetType
    servingMSC: str | UnsetType
    numberType: str | UnsetType
    status: Status
    error: Error


class NumberContexts(msgspec.Struct, frozen=True):
    """The answer to ``POST /number/1/query``."""

    bulkId: str | UnsetType
    results: list[NumberContext]


class PushedContext(NumberContext, frozen=True):
    """What was found of a number, with the id that the request was answered with."""

    messageId: str


class PushedContexts(msgspec.Struct, frozen=True):
    """What is sent to the ``notifyUrl`` of a lookup."""

    bulkId: str | UnsetType
    results: list[PushedContext]


class AskedNumber(msgspec.Struct, frozen=True):
    """That a number is being looked up."""

    to: str
    status: Status
    messageId: str | UnsetType = UNSET


class AskedNumbers(msgspec.Struct, frozen=True):
    """The answer to ``POST /number/1/notify``."""

    bulkId: str | UnsetType
    results: list[AskedNumber]


class LookupPrice(msgspec.Struct, frozen=True):
    """What a lookup costs."""

    pricePerLookup: Decimal
    currency: str


class LoggedContext(PushedContext, frozen=True, kw_only=True):
    """A lookup in the log."""

    bulkId: str | UnsetType
    sentAt: str
    doneAt: str
    price: LookupPrice


class LoggedContexts(msgspec.Struct, frozen=True):
    """The answer to ``GET /number/1/logs``."""

    results: list[LoggedContext]


class ServiceException(msgspec.Struct, frozen=True):
    """What is wrong with a request."""

    messageId: str
    text: str


class RequestError(msgspec.Struct, frozen=True):
    """What every error has around its exception."""

    serviceException: ServiceException


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The answer to a request that can't be served."""

    requestError: RequestError


XML_ROOTS: dict[type[msgspec.Struct], str] = {
    Sent: "SMSResponse",
    SentMessages: "SendSMSResponse",
    Reports: "SMSReportResponse",
    PushedReports: "reportResponse",
    LogEntries: "SMSLogsResponse",
    ReceivedEntries: "MOLogsResponse",
    Inbox: "MOReportResponse",
    Previews: "PreviewResponse",
    Clicks: "ClickResponse",
    Rates: "RateResponse",
    Conversion: "ConversionResponse",
    Bulk: "BulkResponse",
    BulkStatus: "BulkStatusResponse",
    ListedBulks: "BulksResponse",
    AccountBalance: "AccountBalance",
    NumberContexts: "NCResponse",
    PushedContexts: "NCResponse",
    AskedNumbers: "NCResponseAsync",
    LoggedContexts: "NCLogsResponse",
    ErrorAnswer: "response",
}
"""The element around each answer in XML."""

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

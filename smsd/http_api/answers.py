"""The answers of the API, each as one structure whose field names are the API's own."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from smsd.http_api.dates import write_date
from smsd.services.charging import charged_price
from smsd.services.logs import shown_status
from smsd.services.originals import text as said
from smsd.services.statuses import GSM_ERRORS, PENDING_WAITING_DELIVERY, STATUSES
from smsd.sms.coding import decode
from smsd.store.links import Click as StoredClick
from smsd.store.links import Rate as StoredRate
from smsd.store.logs import Logged
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

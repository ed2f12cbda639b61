"""The answers of the API, each as one structure whose field names are the API's own."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from smsd.http_api.dates import write_date
from smsd.services.statuses import GSM_ERRORS, STATUSES
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
    Inbox: "MOReportResponse",
    Previews: "PreviewResponse",
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
        Price(Decimal(message.price), currency),
        message.content.callback_data or UNSET,
        STATUS_ANSWERS[message.status],
        ERROR_ANSWERS[message.error],
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


def shown_id(message: Message) -> str:
    """Return the id by which its owner knows a message: one of its own, or smsd's."""
    return message.client_id or str(message.id)

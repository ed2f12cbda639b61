"""The requests and answers of the API, each as one structure whose field names are the API's own."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from smsd.services.statuses import GSM_ERRORS, STATUSES
from smsd.store.messages import Message


class TextRequest(msgspec.Struct, frozen=True):
    """The body of ``POST /sms/1/text/single``; what is absent, null or empty was not given."""

    to: str | list[str] | None = None
    text: str | None = None
    sender: str | None = msgspec.field(name="from", default=None)

    def destinations(self) -> list[str]:
        """Return the destinations; a request without any has one that is empty."""
        to = [self.to] if isinstance(self.to, str) else self.to
        return to or [""]


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


class SendAnswer(msgspec.Struct, frozen=True):
    """The answer to a sending request."""

    bulkId: str | UnsetType
    messages: list[SentMessage]


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
    status: Status
    error: Error


class Reports(msgspec.Struct, frozen=True):
    """The answer to ``GET /sms/1/reports``."""

    results: list[Report]


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
        str(message.id),
        message.destination,
        date(sent_at),
        date(message.done_at or sent_at),
        message.segments,
        Price(Decimal(message.price), currency),
        STATUS_ANSWERS[message.status],
        ERROR_ANSWERS[message.error],
    )


def date(seconds: float) -> str:
    """Return a time as the API writes it: ``2015-02-12T09:51:43.123+0000``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"

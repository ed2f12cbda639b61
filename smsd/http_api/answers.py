"""The answers of the API, each as one structure whose field names are the API's own."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType


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

"""The bodies of requests, each as one structure whose field names are the API's own.

A field that is ``None`` was absent, null or empty; what a structure does not name is ignored.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from smsd.http_api.dates import read_date
from smsd.services.push_urls import checked
from smsd.store.messages import Notify

_ID = r"^[^\x00-\x1f,]*$"
Id = Annotated[str, Meta(max_length=100, pattern=_ID)]
"""An id that a client gives: queries separate several by commas."""
Octet = Annotated[int, Meta(ge=0, le=255)]
LANGUAGES = "TR|ES|PT"
CONTENT_TYPES = "application/json|application/xml"
TRANSLITERATIONS = "TURKISH|GREEK|CYRILLIC|CENTRAL_EUROPEAN|NON_UNICODE"

_words = re.compile(r"\^\(([\w/]+(?:\|[\w/]+)*)\)\$").fullmatch
"""Matches a pattern that only names words."""


def words_of(pattern: str) -> list[str]:
    """Return the words of a pattern that only names words; none of any other one."""
    found = _words(pattern)
    return found[1].split("|") if found is not None else []


def expected(pattern: str) -> str:
    """Return what a pattern of a field lets a text be, as a client is told."""
    if pattern == _ID:
        return "Expected a text without commas and control characters."
    return f"Expected one of {', '.join(words_of(pattern))}."


class Moment:
    """A date that a client gives."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Octets:
    """Octets that a client gives as hexadecimal digits."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes) -> None:
        self.octets = octets


class Url:
    """Where a client wants to be told something."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def read_value(kind: type, value: Any) -> Any:
    """Return the value of a type that JSON and XML don't have.

    Raises:
        ValueError: if it is none; the text says what was expected.
    """
    if kind is Moment:
        return Moment(read_date(value if isinstance(value, str) else ""))
    if kind is Octets:
        digits = re.sub(r"\s+", "", value) if isinstance(value, str) else "x"
        if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", digits):
            raise ValueError("Expected pairs of hexadecimal digits")
        return Octets(bytes.fromhex(digits))
    if kind is Url:
        return Url(checked(value if isinstance(value, str) else ""))
    raise TypeError(f"{kind} can't be read")


class Binary(msgspec.Struct, frozen=True):
    """Octets to send, and what SMPP needs to know of them."""

    hex: Octets
    dataCoding: Octet = 0
    esmClass: Octet = 0


class Language(msgspec.Struct, frozen=True):
    """A national language, and which of its tables a text may use."""

    languageCode: Annotated[str, Meta(pattern=f"^({LANGUAGES})$")]
    singleShift: bool = False
    lockingShift: bool = False


class Destination(msgspec.Struct, frozen=True):
    """A destination, and the client's own id for its message."""

    to: str = ""
    messageId: Id | None = None


class Tracking(msgspec.Struct, frozen=True):
    """What is to be counted of the messages of a request.

    ``URL`` makes their URLs short and counts who opens them; with ``SMS`` the client tells their conversions.
    """

    track: Annotated[str, Meta(pattern="^(SMS|URL)$")] | None = None
    processKey: Id = ""
    type: Id = ""


class Options(NamedTuple):
    """What a message may have besides its sender, its destinations and what it says."""

    flash: bool = False
    transliteration: str | None = None
    language: Language | None = None
    callbackData: str = ""
    validityPeriod: int = 0
    sendAt: float | None = None
    notify: Notify | None = None


PLAIN = Options()


class _ToList(msgspec.Struct, frozen=True, kw_only=True):
    """A message whose destinations are a number or a list of them."""

    sender: str = msgspec.field(name="from", default="")
    to: str | list[str] = ""

    def destinations(self) -> list[Destination]:
        """Return the destinations; a message without any has one that is empty."""
        to = [self.to] if isinstance(self.to, str) else self.to
        return [Destination(one) for one in to or ("",)]

    def options(self) -> Options:
        """Return what else is asked for: nothing."""
        return PLAIN


class Text(_ToList, frozen=True, kw_only=True):
    """The body of ``POST /sms/1/text/single``."""

    text: str = ""


class Data(_ToList, frozen=True, kw_only=True):
    """The body of ``POST /sms/1/binary/single``."""

    binary: Binary


class _Full(msgspec.Struct, frozen=True, kw_only=True):
    """A message with everything that a client may say of it."""

    sender: str = msgspec.field(name="from", default="")
    destinations_: list[Destination] = msgspec.field(name="destinations", default=[])
    flash: bool = False
    callbackData: Annotated[str, Meta(max_length=4000)] = ""
    validityPeriod: Annotated[int, Meta(ge=0)] = 0
    sendAt: Moment | None = None
    notifyUrl: Url | None = None
    notifyContentType: Annotated[str, Meta(pattern=f"^({CONTENT_TYPES})$")] = "application/json"
    intermediateReport: bool = False

    def destinations(self) -> list[Destination]:
        """Return the destinations; a message without any has one that is empty."""
        return self.destinations_ or [Destination()]

    def options(self) -> Options:
        """Return what else is asked for."""
        sent_at = self.sendAt.seconds if self.sendAt is not None else None
        notify = None
        if self.notifyUrl is not None:
            xml = self.notifyContentType == "application/xml"
            notify = Notify(self.notifyUrl.text, xml, self.intermediateReport)
        return Options(
            flash=self.flash,
            callbackData=self.callbackData,
            validityPeriod=self.validityPeriod,
            sendAt=sent_at,
            notify=notify,
        )


class FullText(_Full, frozen=True, kw_only=True):
    """A message of ``POST /sms/1/text/advanced``."""

    text: str = ""
    transliteration: Annotated[str, Meta(pattern=f"^({TRANSLITERATIONS})$")] | None = None
    language: Language | None = None

    def options(self) -> Options:
        """Return what else is asked for."""
        return super().options()._replace(transliteration=self.transliteration, language=self.language)


class FullData(_Full, frozen=True, kw_only=True):
    """A message of ``POST /sms/1/binary/advanced``."""

    binary: Binary


class Texts(msgspec.Struct, frozen=True):
    """The body of ``POST /sms/1/text/multi``."""

    messages: Annotated[list[Text], Meta(min_length=1)]


class Datas(msgspec.Struct, frozen=True):
    """The body of ``POST /sms/1/binary/multi``."""

    messages: Annotated[list[Data], Meta(min_length=1)]


class FullTexts(msgspec.Struct, frozen=True):
    """The body of ``POST /sms/1/text/advanced``."""

    messages: Annotated[list[FullText], Meta(min_length=1)]
    bulkId: Id | None = None
    tracking: Tracking | None = None


class FullDatas(msgspec.Struct, frozen=True):
    """The body of ``POST /sms/1/binary/advanced``."""

    messages: Annotated[list[FullData], Meta(min_length=1)]
    bulkId: Id | None = None
    tracking: Tracking | None = None
    """Octets have no URLs: only ``SMS`` is tracked."""


class BulkTime(msgspec.Struct, frozen=True):
    """The body of ``PUT /sms/1/bulks``."""

    sendAt: Moment


class BulkChange(msgspec.Struct, frozen=True):
    """The body of ``PUT /sms/1/bulks/status``: PENDING lets a bulk that is paused go on."""

    status: Annotated[str, Meta(pattern="^(PENDING|PAUSED|CANCELED)$")]


class PreviewRequest(msgspec.Struct, frozen=True):
    """The body of ``POST /sms/1/preview``."""

    text: str
    languageCode: Annotated[str, Meta(pattern=f"^({LANGUAGES})$")] | None = None
    transliteration: Annotated[str, Meta(pattern=f"^({TRANSLITERATIONS})$")] | None = None
    tracking: Tracking | None = None
    """With ``URL``, the text has short links."""


class NumberQuery(msgspec.Struct, frozen=True):
    """The body of ``POST /number/1/query``."""

    to: str | list[str] = ""

    def numbers(self) -> list[str]:
        """Return the numbers; a request without any has one that is empty."""
        return [self.to] if isinstance(self.to, str) else self.to or [""]


class NumberNotify(NumberQuery, frozen=True, kw_only=True):
    """The body of ``POST /number/1/notify``."""

    notifyUrl: Url
    notifyContentType: Annotated[str, Meta(pattern=f"^({CONTENT_TYPES})$")] = "application/json"

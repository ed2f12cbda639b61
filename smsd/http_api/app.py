"""The API's routes: each reads a request, calls a service and answers with a structure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from smsd.http_api.errors import ApiError, bad_request, invalid, too_many, unauthorized, unavailable
from smsd.http_api.models import (
    STATUS_ANSWERS,
    Reports,
    SendAnswer,
    SentMessage,
    TextRequest,
    report_of,
)
from smsd.numbering.addresses import is_numeric
from smsd.services.accounts import UnknownAccount, WrongPassword
from smsd.services.backlog import OverRate, QueueFull
from smsd.services.core import Core
from smsd.services.statuses import MISSING_TO, REJECTED_DESTINATION
from smsd.services.submission import Refused, Request
from smsd.sms.coding import encode
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Overloaded
from smsd.store.messages import Content, Message, Report
from smsd.store.settings import Account

T = TypeVar("T")

DESTINATIONS = 1000
"""How many destinations a request may have."""
REPORTS, MOST_REPORTS = 50, 1000
"""How many reports an answer has by default, and at most."""
QUEUE_RETRY_AFTER = 10
"""Seconds after which an account whose queue was full may try again."""
RETRY_AFTER = 1
"""Seconds after which a request that found smsd busy may be repeated."""
INTERNATIONAL, ALPHANUMERIC, ISDN = 1, 5, 1
"""Types of number and the numbering plan of E.164 (SMPP 3.4, 5.2.5 and 5.2.6)."""
RECEIPT = 1
JSON = "application/json"


class _Storing:
    """Waits until all messages of a request are on disk."""

    def __init__(self) -> None:
        self.waiting = 0
        self.done: Deferred[None] = Deferred()
        self._failed = False

    def stored(self, message: Message) -> None:
        """Wait for one message less."""
        self.waiting -= 1
        if not self.waiting:
            if self._failed:
                self.done.errback(unavailable(RETRY_AFTER))
            else:
                self.done.callback(None)

    def not_stored(self, message: Message) -> None:
        """Wait for one message less, and refuse the request."""
        self._failed = True
        self.stored(message)


class HttpApi:
    """The clients' HTTP API."""

    log = Logger()
    app = Klein()

    def __init__(self, core: Core) -> None:
        self._core = core

    @app.route("/sms/1/text/single", methods=["POST", "PUT"])
    async def text_single(self, request: IRequest) -> bytes:
        """Send one text to one or several destinations."""
        account = await self._account(request)
        body = _body(request, TextRequest)
        destinations = body.destinations()
        if len(destinations) > DESTINATIONS:
            raise bad_request(f"[to : Number of destinations is limited to {DESTINATIONS}.]")
        bulk_id = str(self._core.ids.next()) if len(destinations) > 1 else None
        sender = body.sender or ""
        encoded = encode(body.text or "")
        numeric = is_numeric(sender)
        content = Content(
            INTERNATIONAL if numeric else ALPHANUMERIC if sender else 0,
            ISDN if numeric else 0,
            INTERNATIONAL,
            ISDN,
            "",
            0,
            0,
            encoded.data_coding,
            RECEIPT,
            encoded.body,
            encoded.udh,
        )
        requests = [
            Request(account, sender, to, content, Report.FETCH, bulk_id=bulk_id) for to in destinations
        ]
        return _answer(request, SendAnswer(bulk_id or msgspec.UNSET, await self._send(requests)))

    @app.route("/sms/1/reports", methods=["GET", "HEAD"])
    async def reports(self, request: IRequest) -> bytes:
        """Give the final reports that were not fetched yet, each once."""
        account = await self._account(request)
        if request.method == b"HEAD":  # Nobody would see the reports, and each is given once.
            return _answer(request, Reports([]))
        found = await self._core.reports.fetch(
            account.id,
            _values(request, b"bulkId"),
            [_message_id(one) for one in _values(request, b"messageId")],
            _limit(request),
        )
        return _answer(request, Reports([report_of(message, account.currency) for message in found]))

    @app.handle_errors(Exception)
    def error(self, request: IRequest, failure: Failure) -> bytes:
        """Answer a request that can't be served."""
        problem = failure.value
        if not isinstance(problem, ApiError):
            problem = _known(problem)
        if problem is None:
            self.log.failure("A request failed", failure)
            problem = ApiError(500, "GENERAL_ERROR", "Something went wrong; the operator has been told.")
        request.setResponseCode(problem.code)
        for name, value in problem.headers.items():
            request.setHeader(name, value)
        return _answer(request, problem.answer())

    async def _account(self, request: IRequest) -> Account:
        """Return the account that the request is authorized for."""
        name, password = request.getUser(), request.getPassword()
        try:
            return await self._core.accounts.authenticate(name.decode(), password.decode())
        except (UnknownAccount, WrongPassword, UnicodeDecodeError):
            raise unauthorized() from None

    async def _send(self, requests: Sequence[Request]) -> list[SentMessage]:
        """Hand the messages in, and return what became of each once all are on disk."""
        storing = _Storing()
        self._core.submission.admit(requests[0].account, len(requests))
        answers = [self._submit(request, storing) for request in requests]
        if storing.waiting:
            await storing.done
        return answers

    def _submit(self, request: Request, storing: _Storing) -> SentMessage:
        if not request.destination:
            return SentMessage("", STATUS_ANSWERS[MISSING_TO])
        try:
            message = self._core.submission.submit(request, storing)
        except Refused as refused:
            if refused.status == REJECTED_DESTINATION:
                return SentMessage(request.destination, STATUS_ANSWERS[refused.status])
            message = refused.message
            self._core.submission.refuse(message, storing)
        storing.waiting += 1
        return SentMessage(
            message.destination, STATUS_ANSWERS[message.status], message.segments, str(message.id)
        )


def _known(problem: BaseException | None) -> ApiError | None:
    """Return the API's error for an exception that is nobody's mistake in smsd."""
    if isinstance(problem, StoreUnavailable | Overloaded):
        return unavailable(RETRY_AFTER)
    if isinstance(problem, OverRate):
        return too_many(math.ceil(problem.seconds))
    if isinstance(problem, QueueFull):
        return too_many(QUEUE_RETRY_AFTER)
    if isinstance(problem, MethodNotAllowed):
        allowed = ", ".join(sorted(problem.valid_methods or ()))
        return ApiError(405, "METHOD_NOT_ALLOWED", f"Allowed here: {allowed}.", {"Allow": allowed})
    if isinstance(problem, NotFound):
        return ApiError(404, "NOT_FOUND", "There is nothing at this path.")
    if isinstance(problem, HTTPException):
        word = problem.name.upper().replace(" ", "_")
        return ApiError(problem.code or 500, word, problem.description or problem.name)
    return None


_encode = msgspec.json.Encoder(decimal_format="number").encode


def _answer(request: IRequest, answer: msgspec.Struct) -> bytes:
    body = _encode(answer)
    request.setHeader("Content-Type", "application/json;charset=UTF-8")
    request.setHeader("Content-Length", str(len(body)))  # Else it would go out in chunks.
    return body


def _body(request: IRequest, kind: type[T]) -> T:
    """Return a request's body as a structure of this kind.

    Raises:
        ApiError: if it is none.
    """
    content_type = (request.getHeader("Content-Type") or "").partition(";")[0].strip().lower()
    if not content_type:
        raise bad_request(f"[Content-Type : A body needs a Content-Type, such as {JSON}.]")
    if content_type != JSON:
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"A body is {JSON} here, not {content_type[:100]}.")
    try:
        return msgspec.json.decode(request.content.read(), type=kind)
    except msgspec.DecodeError as error:
        raise invalid(error) from error
    except UnicodeDecodeError as error:
        raise bad_request("[body : It is no UTF-8.]") from error
    except RecursionError as error:
        raise bad_request("[body : It is nested too deeply.]") from error


def _values(request: IRequest, name: bytes) -> list[str]:
    """Return a query parameter's values: repeated, comma-separated, or both."""
    given = ",".join(value.decode("utf-8", "replace") for value in request.args.get(name, ()))
    return [value.strip() for value in given.split(",") if value.strip()][:DESTINATIONS]


def _message_id(text: str) -> int:
    """Return the id that a text stands for, or 0, which no message has."""
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,17}|[1-8][0-9]{18}", text) else 0


def _limit(request: IRequest) -> int:
    """Return how many reports are wanted.

    Raises:
        ApiError: if that is no number.
    """
    values = _values(request, b"limit")
    if not values:
        return REPORTS
    if not re.fullmatch(r"[0-9]{1,9}", values[-1]) or not int(values[-1]):
        raise bad_request(f"[limit : Expected a number from 1 to {MOST_REPORTS}.]")
    return min(int(values[-1]), MOST_REPORTS)

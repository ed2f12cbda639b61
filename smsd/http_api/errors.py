"""What can be wrong with a request, and how the API says so."""

from __future__ import annotations

import math
import re
from ast import literal_eval

import msgspec

from smsd.http_api.answers import ErrorAnswer, RequestError, ServiceException
from smsd.http_api.requests import expected
from smsd.services.backlog import OverRate, QueueFull
from smsd.services.enquiries import NotOffered
from smsd.services.repetitions import OtherRequest
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable

QUEUE_RETRY_AFTER = 10
"""Seconds after which an account whose queue was full may try again."""
RETRY_AFTER = 1
"""Seconds after which a request that found smsd busy may be repeated."""


class ApiError(Exception):
    """A request can't be served: an HTTP status, the API's word for it, and a sentence."""

    def __init__(self, code: int, word: str, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.word = word
        self.headers = headers or {}

    def answer(self) -> ErrorAnswer:
        """Return the answer's body."""
        return ErrorAnswer(RequestError(ServiceException(self.word, str(self))))


def bad_request(text: str) -> ApiError:
    """Return the error for a request that is not understood."""
    return ApiError(400, "BAD_REQUEST", text)


def unauthorized() -> ApiError:
    """Return the error for a wrong or missing authorization: word for word what clients know."""
    headers = {"WWW-Authenticate": 'Basic realm="smsd", charset="UTF-8"'}
    return ApiError(401, "UNAUTHORIZED", "Invalid login details", headers)


def banned(seconds: float) -> ApiError:
    """Return the error for an address that has tried too many wrong passwords."""
    headers = {"Retry-After": str(math.ceil(seconds))}
    return ApiError(429, "TOO_MANY_REQUESTS", "Too many wrong passwords came from this address.", headers)


def forbidden(reason: str) -> ApiError:
    """Return the error for an account that may not be used like this; the reason goes on from its name."""
    return ApiError(403, "FORBIDDEN", f"The account {reason}.")


def not_found() -> ApiError:
    """Return the error for a path that leads nowhere."""
    return ApiError(404, "NOT_FOUND", "There is nothing at this path.")


def unknown(what: str) -> ApiError:
    """Return the error for something that a request names and that doesn't exist."""
    return ApiError(404, "NOT_FOUND", f"There is no {what}.")


def conflict(text: str) -> ApiError:
    """Return the error for a change that can't be made, or can't be made any more."""
    return ApiError(409, "CONFLICT", text)


def not_allowed(methods: str) -> ApiError:
    """Return the error for a method that a path does not serve; ``methods`` are those that it does."""
    return ApiError(405, "METHOD_NOT_ALLOWED", f"Allowed here: {methods}.", {"Allow": methods})


def not_acceptable(media_types: str) -> ApiError:
    """Return the error for a client that takes none of the formats there are."""
    return ApiError(406, "NOT_ACCEPTABLE", f"An answer is {media_types} here.")


def too_large(octets: int) -> ApiError:
    """Return the error for a body of more than so many octets."""
    return ApiError(413, "REQUEST_ENTITY_TOO_LARGE", f"A body has at most {octets} octets.")


def unsupported_type(media_types: str, given: str) -> ApiError:
    """Return the error for a body of another type than those there are."""
    return ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"A body is {media_types} here, not {given}.")


def unsupported_encoding(given: str) -> ApiError:
    """Return the error for a body that is encoded in a way that is not unpacked here."""
    text = f"A body comes as it is or with Content-Encoding: gzip, not {given}."
    return ApiError(415, "UNSUPPORTED_MEDIA_TYPE", text, {"Accept-Encoding": "gzip, identity"})


def bad_head() -> ApiError:
    """Return the error for what is no HTTP."""
    return bad_request("[head : It is no head of an HTTP/1.1 request, which has one Host.]")


def target_too_long(octets: int) -> ApiError:
    """Return the error for a URL with which the head becomes too long."""
    return ApiError(414, "URI_TOO_LONG", f"A request's head has at most {octets} octets, its URL included.")


def head_too_large(octets: int, fields: int) -> ApiError:
    """Return the error for a head that is too long."""
    text = f"A request's head has at most {octets} octets and {fields} fields."
    return ApiError(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", text)


def too_slow(seconds: float) -> ApiError:
    """Return the error for a head, or a whole request, that did not come within so many seconds."""
    return ApiError(408, "REQUEST_TIMEOUT", f"The request was not complete within {seconds:g} seconds.")


def too_many_connections(whose: str) -> ApiError:
    """Return the error for a connection too many; ``whose`` they are."""
    headers = {"Retry-After": str(RETRY_AFTER)}
    return ApiError(503, "SERVICE_UNAVAILABLE", f"Too many connections are open {whose}.", headers)


def unavailable() -> ApiError:
    """Return the error for a request that can be repeated in a moment."""
    headers = {"Retry-After": str(RETRY_AFTER)}
    return ApiError(503, "SERVICE_UNAVAILABLE", "The service is busy: repeat the request.", headers)


def too_many(seconds: int) -> ApiError:
    """Return the error for an account that sends more than it may."""
    headers = {"Retry-After": str(seconds)}
    return ApiError(429, "TOO_MANY_REQUESTS", "The account sends too much: repeat it later.", headers)


def used_before() -> ApiError:
    """Return the error for a request whose key was another's."""
    text = "[Idempotency-Key : It was used for another request.]"
    return ApiError(422, "UNPROCESSABLE_CONTENT", text)


def general() -> ApiError:
    """Return the error for a mistake of ours."""
    return ApiError(500, "GENERAL_ERROR", "Something went wrong; the operator has been told.")


def known(problem: Exception) -> ApiError | None:
    """Return the error for an exception that is nobody's mistake in smsd."""
    if isinstance(problem, StoreUnavailable | Overloaded):
        return unavailable()
    if isinstance(problem, NotOffered):
        return forbidden("has no package of number lookups")
    if isinstance(problem, OverRate):
        return too_many(math.ceil(problem.seconds))
    if isinstance(problem, QueueFull):
        return too_many(QUEUE_RETRY_AFTER)
    if isinstance(problem, OtherRequest):
        return used_before()
    return None


def invalid(error: msgspec.DecodeError) -> ApiError:
    """Return the error for a body that is not of its kind: ``[field.path : what was expected]``."""
    reason, _, place = str(error).partition(" - at `$")
    place = place.strip("`.")
    missing = re.fullmatch(r"Object missing required field `(\w+)`", reason)
    if missing:
        place, reason = f"{place}.{missing[1]}".lstrip("."), "This field is required."
    pattern = re.fullmatch(r"Expected `str` matching regex (.+)", reason)
    if pattern:
        reason = expected(literal_eval(pattern[1]))
    return bad_request(f"[{place or 'body'} : {reason}]")

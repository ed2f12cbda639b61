"""What can be wrong with a request, and how the API says so."""

from __future__ import annotations

import re

import msgspec

from smsd.http_api.models import ErrorAnswer, RequestError, ServiceException


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


def unavailable(seconds: int) -> ApiError:
    """Return the error for a request that can be repeated in a moment."""
    headers = {"Retry-After": str(seconds)}
    return ApiError(503, "SERVICE_UNAVAILABLE", "The service is busy: repeat the request.", headers)


def too_many(seconds: int) -> ApiError:
    """Return the error for an account that sends more than it may."""
    headers = {"Retry-After": str(seconds)}
    return ApiError(429, "TOO_MANY_REQUESTS", "The account sends too much: repeat it later.", headers)


def invalid(error: msgspec.DecodeError) -> ApiError:
    """Return the error for a body that is no JSON, or has a field of a wrong type: ``[field : message]``."""
    match = re.fullmatch(r"(.*) - at `\$\.?(.*)`", str(error))
    if match is None or not match[2]:
        return bad_request(f"[body : {match[1] if match else error}]")
    return bad_request(f"[{match[2]} : {match[1]}]")

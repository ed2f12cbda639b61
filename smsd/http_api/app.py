"""The API's paths: which path and method lead to what, and what all requests have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from klein import Klein
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException

from smsd.http_api.authorization import authorized
from smsd.http_api.balance import Balance
from smsd.http_api.bulks import BulkRequests
from smsd.http_api.endpoints import Path, Paths
from smsd.http_api.errors import ApiError, general, known, not_acceptable, not_allowed, not_found
from smsd.http_api.formats import FORMATS, JSON, Format, of_request
from smsd.http_api.incoming import Incoming
from smsd.http_api.logs import LogPages
from smsd.http_api.lookups import NumberLookup
from smsd.http_api.pages import ALLOWED, METHODS, Page, pages
from smsd.http_api.previewing import Previewing
from smsd.http_api.queries import Query
from smsd.http_api.repetitions import REPLAYED, fingerprint, key_of
from smsd.http_api.reports import Reporting
from smsd.http_api.sending import Sending
from smsd.http_api.tracking import Counts
from smsd.services.core import Core

PREFLIGHT = "86400"
"""Seconds for which a browser need not ask again what a path takes."""


class HttpApi:
    """The clients' HTTP API."""

    log = Logger()

    def __init__(self, core: Core) -> None:
        self._core = core
        self.app = Klein()
        self.paths: Paths = {
            **Sending(core).paths(),
            **Reporting(core).paths(),
            **LogPages(core).paths(),
            **Previewing(core).paths(),
            **Counts(core).paths(),
            **BulkRequests(core).paths(),
            **Balance(core).paths(),
            **NumberLookup(core).paths(),
        }
        for path, served in self.paths.items():
            self.app.route(path, endpoint=path)(self._serving(served))
        self._pages = pages(self.paths)
        for path, page in self._pages.items():
            self.app.route(path, endpoint=path)(self._showing(page))
        self.app.handle_errors(HTTPException)(self._nowhere)

    def describe(self) -> None:
        """Make the pages that describe the API now; else whoever asks first would have everybody wait."""
        for page in self._pages.values():
            page.body()

    def _serving(self, path: Path) -> Callable[..., Awaitable[bytes]]:
        async def serve(request: Incoming, **in_path: str) -> bytes:
            return await self._serve(request, path, in_path)

        return serve

    def _showing(self, page: Page) -> Callable[..., bytes]:
        def show(request: Incoming) -> bytes:
            if request.method in METHODS:
                return page.show(request)
            answer = None
            if request.method == b"OPTIONS":
                request.setHeader("Allow", ALLOWED)
            else:
                answer = self._refusal(request, not_allowed(ALLOWED))
            return _written(request, request.accepted or JSON, answer)

        return show

    async def _nowhere(self, request: Any, failure: Failure) -> bytes:
        return await self._serve(request, None, {})

    async def _serve(self, request: Incoming, path: Path | None, in_path: Mapping[str, str]) -> bytes:
        """Return the answer to a request: what it asks for, or why it can't have it."""
        accepted = request.accepted
        answer: msgspec.Struct | None
        try:
            answer = await self._answer(request, path, in_path, accepted)
        except ApiError as error:
            answer = self._refusal(request, error)
        except CancelledError:
            raise  # The client has gone.
        except Exception as problem:
            answer = self._refusal(request, self._error(problem))
        return _written(request, accepted or JSON, answer)

    async def _answer(
        self, request: Incoming, path: Path | None, in_path: Mapping[str, str], accepted: Format | None
    ) -> msgspec.Struct | None:
        """Return the answer to a request, ``None`` if it is empty.

        Raises:
            ApiError: if it can't be served.
        """
        if path is None:
            raise not_found()
        if request.method == b"OPTIONS":
            request.setHeader("Allow", path.allowed)
            request.setHeader("Access-Control-Max-Age", PREFLIGHT)
            return None
        endpoint = path.endpoints.get(request.method)
        if endpoint is None:
            raise not_allowed(path.allowed)
        if accepted is None:
            raise not_acceptable(" or ".join(FORMATS))
        account = await authorized(self._core.admission, request, endpoint.password_in_query)
        octets, body = b"", None
        if endpoint.body is not None:
            form = of_request(request.getHeader("Content-Type"))
            octets = request.body()
            body = form.read(octets, endpoint.body)
        query = Query(request.args, in_path)
        if endpoint.repeated is None or (key := key_of(request)) is None:
            return await endpoint.serve(account, query, body)
        claim = await self._core.repetitions.claim(account.id, key, fingerprint(request, octets))
        if claim.answer is not None:
            request.setHeader(REPLAYED, "true")
            return endpoint.repeated(claim.answer)
        query.claim = claim
        try:
            return await endpoint.serve(account, query, body)
        finally:
            claim.abandon()

    def _error(self, problem: Exception) -> ApiError:
        error = known(problem)
        if error is None:
            self.log.failure("A request failed", Failure(problem))
            error = general()
        return error

    def _refusal(self, request: Incoming, error: ApiError) -> msgspec.Struct:
        """Return the body of an error, and say in the head what it is."""
        request.setResponseCode(error.code)
        for name, value in error.headers.items():
            request.setHeader(name, value)
        return error.answer()


def _written(request: Incoming, form: Format, answer: msgspec.Struct | None) -> bytes:
    """Return an answer as it is sent, and say in the head what it is."""
    body = b""
    if answer is not None:
        body = form.write(answer)
        request.setHeader("Content-Type", form.content_type)
    return request.packed(body)

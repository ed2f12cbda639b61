"""The site of the short links: it leads on to what they stand for, and has nothing else."""

from __future__ import annotations

import re

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from smsd.http_api.errors import RETRY_AFTER
from smsd.http_api.site import ApiSite, Limits
from smsd.http_api.visitors import visitor
from smsd.services.links import Links
from smsd.sms.urls import ALPHABET, LENGTH
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable

BODY = 1024
"""How many octets a body may have, though none is of any use here."""

_token = re.compile(rb"/([%b]{1,%d})" % (ALPHABET.encode(), LENGTH)).fullmatch


class Redirects(Resource):
    """Answers ``GET /TOKEN`` with the way to the URL behind it.

    302, which every phone's browser knows, and never to be kept: another visit is another click, and a link
    is not to outlive its message's tracking in anybody's cache. Only what was stored with a message is ever
    led to, so nobody can make a link of this domain lead elsewhere.
    """

    log = Logger()
    isLeaf = True

    def __init__(self, links: Links) -> None:
        super().__init__()
        self._links = links

    def render(self, request: Request) -> int:
        """Answer a request."""
        answering = Deferred.fromCoroutine(self._answer(request))
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addErrback(self._failed, request)
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> None:
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("Allow", "GET, HEAD")
            _finish(request, 405)
            return
        match = _token(request.path)
        try:
            link = await self._links.find(match[1].decode()) if match is not None else None
        except (StoreUnavailable, Overloaded):
            request.setHeader("Retry-After", str(RETRY_AFTER))
            _finish(request, 503)
            return
        if link is None:
            _finish(request, 404)
            return
        request.setHeader("Location", link.url)
        _finish(request, 302)
        self._links.opened(link, *visitor(request))

    def _failed(self, failure: Failure, request: Request) -> None:
        if failure.check(CancelledError):
            return  # The visitor has gone.
        self.log.failure("A short link could not be opened", failure)
        if not request.finished:
            _finish(request, 500)


def _finish(request: Request, code: int) -> None:
    """Send an answer without a body."""
    request.setResponseCode(code)
    request.setHeader("Cache-Control", "no-store")
    request.setHeader("Content-Length", "0")
    request.finish()


def site(links: Links, limits: Limits, clock: IReactorTime) -> ApiSite:
    """Return the site that serves short links; it puts up with what the API does, but for bodies."""
    return ApiSite(Redirects(links), replace(limits, body=BODY), clock, "Short links")

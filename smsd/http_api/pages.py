"""What the API publishes of itself, to anybody: its description, for programs and for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

import msgspec
from twisted.web.http import NOT_MODIFIED

from smsd.http_api.endpoints import Paths
from smsd.http_api.formats import JSON
from smsd.http_api.incoming import Incoming
from smsd.http_api.openapi import described
from smsd.http_api.push_bodies import PUSHED
from smsd.http_api.reference import POLICY, reference

DESCRIPTION, REFERENCE = "/openapi.json", "/docs"
METHODS = (b"GET", b"HEAD")
ALLOWED = "GET, HEAD, OPTIONS"


class Page:
    """A document of the node's own. It is made once, at the latest when it is asked for."""

    def __init__(
        self, content_type: str, write: Callable[[], bytes], headers: Mapping[str, str] | None = None
    ) -> None:
        self.body = cache(write)
        self._headers = {
            "Content-Type": content_type,
            "Cache-Control": "no-cache",  # Which lets it be kept, but asks each time whether it still holds.
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        }

    @cached_property
    def etag(self) -> str:
        """What tells this document, packed or not, from any other (RFC 9110, 8.8.3)."""
        return f'W/"{sha256(self.body()).hexdigest()[:32]}"'

    def show(self, request: Incoming) -> bytes:
        """Return the document, or nothing if the client has it."""
        for name, value in self._headers.items():
            request.setHeader(name, value)
        request.setHeader("ETag", self.etag)
        if _names(request.getHeader("If-None-Match"), self.etag):
            request.setResponseCode(NOT_MODIFIED)
            return b""
        return request.packed(self.body())


def pages(paths: Paths) -> Mapping[str, Page]:
    """Return the pages that describe what some paths serve."""

    @cache
    def document() -> dict[str, Any]:
        return described(paths, PUSHED)

    return {
        DESCRIPTION: Page(JSON.content_type, lambda: msgspec.json.encode(document())),
        REFERENCE: Page(
            "text/html;charset=UTF-8",
            lambda: reference(document()).encode(),
            {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"},
        ),
    }


def _names(if_none_match: str | None, etag: str) -> bool:
    """Tell whether a client has the document with this ETag (RFC 9110, 13.1.2)."""
    given = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    return etag.removeprefix("W/") in given or given == ["*"]

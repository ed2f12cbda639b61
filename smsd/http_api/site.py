"""The web server around the API: bounds on what a client may send before anything looks at it."""

from __future__ import annotations

import re
from typing import Any

from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from smsd.http_api.app import HttpApi
from smsd.http_api.errors import too_large
from smsd.http_api.formats import JSON, of_answer

IDLE = 60
"""Seconds of silence after which a connection is closed."""


class BoundedRequest(Request):
    """A request whose body is refused as soon as it is too large, announced or not."""

    channel: Any  # An HTTPChannel, whose site twisted.web sets without declaring it.
    _refused = False

    def gotLength(self, length: int | None) -> None:
        """Look at the announced length."""
        super().gotLength(length)
        if length is not None and length > self.channel.site.body:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """Count what comes unannounced."""
        if self._refused:
            return
        if self.content is not None and self.content.tell() + len(data) > self.channel.site.body:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Serve the request, unless it was refused and what had come of it already is to be forgotten."""
        if not self._refused:
            super().requestReceived(command, _origin_form(path), version)

    def _refuse(self) -> None:
        """Answer at once, and hang up: the rest of the body is not worth reading."""
        self._refused = True
        form = of_answer(self.getHeader("Accept")) or JSON
        body = form.write(too_large(self.channel.site.body).answer())
        self.channel.transport.write(
            b"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\n"
            b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (form.content_type.encode(), len(body), body)
        )
        self.channel.loseConnection()


def _origin_form(target: bytes) -> bytes:
    """Return a target without the scheme and host that some clients put before its path (RFC 9112, 3.2.2)."""
    match = re.match(rb"https?://[^/?]*", target, re.IGNORECASE)
    if match is None:
        return target
    rest = target[match.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest


class BoundedSite(Site):
    """A web site whose requests have a bound on their bodies."""

    displayTracebacks = False
    noisy = False

    def __init__(self, resource: IResource, body: int) -> None:
        """Serve ``resource``; a body may have so many octets, and a form is a body like any other."""
        super().__init__(resource, requestFactory=BoundedRequest, timeout=IDLE, parsePOSTFormSubmission=False)
        self.body = body

    def log(self, request: Any) -> None:
        """Log no line a request: what happened to messages is in the database."""


def site(api: HttpApi, body: int) -> BoundedSite:
    """Return the site that serves the API."""
    return BoundedSite(api.app.resource(), body)

"""A request on its way in: its body within bounds, its target in one form; and its answer on its way out."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES
from twisted.web.server import Request

from smsd.http_api.compression import NAMES, WORTH, Damaged, TooLong, Unpacking, pack, wanted
from smsd.http_api.errors import (
    ApiError,
    bad_request,
    general,
    too_large,
    unavailable,
    unsupported_encoding,
)
from smsd.http_api.formats import JSON, Format, of_answer
from smsd.http_api.heads import head

if TYPE_CHECKING:
    from smsd.http_api.connection import Connection


class Incoming(Request):
    """A request. Its body is refused as soon as it is too large: announced, come or unpacked."""

    channel: Connection
    content: BytesIO
    defaultContentType = None

    def __init__(self, channel: Connection, queued: int) -> None:
        super().__init__(channel, queued)
        self._fault: ApiError | None = None
        self._came = self._held = 0
        self._unpacking: Unpacking | None = None

    def field(self, name: bytes) -> str | None:
        """Return a header; one that comes several times is one list (RFC 9110, 5.3)."""
        values = self.requestHeaders.getRawHeaders(name)
        return None if values is None else b", ".join(values).decode("latin-1")

    @property
    def accepted(self) -> Format | None:
        """The format that the answer is wanted in, ``None`` if in none that there is."""
        return of_answer(self.field(b"accept"))

    def body(self) -> bytes:
        """Return the body.

        Raises:
            ApiError: if it could not be unpacked.
        """
        if self._unpacking is not None and self._fault is None:
            try:
                self._unpacking.end()
            except Damaged as damaged:
                self._fault = bad_request(f"[body : {damaged}]")
        if self._fault is not None:
            raise self._fault
        return self.content.getvalue()

    def packed(self, body: bytes) -> bytes:
        """Return the body of an answer as it goes out: as gzip, if that is wanted and worth it."""
        if len(body) >= WORTH and wanted(self.field(b"accept-encoding")):
            body = pack(body)
            self.setHeader("Content-Encoding", "gzip")
        self.setHeader("Content-Length", str(len(body)))  # Else it would go out in chunks.
        return body

    def parseCookies(self) -> None:
        """Leave cookies alone: nothing here has any."""

    def gotLength(self, length: int | None) -> None:
        """Look at what is announced of the body."""
        self.content = BytesIO()
        site = self.channel.site
        if length is not None and length > site.limits.body:
            self.channel.refuse(too_large(site.limits.body))
            return
        encoding = (self.field(b"content-encoding") or "identity").strip().lower()
        if encoding in NAMES:
            self._unpacking = Unpacking(site.limits.body)
        elif encoding != "identity":
            self._fault = unsupported_encoding(encoding[:100])

    def handleContentChunk(self, data: bytes) -> None:
        """Take some of the body, unless it is not wanted any more."""
        if self.channel.refused:
            return
        site = self.channel.site
        # Of packed octets, too, there may be no more: they need not become anything.
        self._came += len(data)
        if self._came > site.limits.body:
            self.channel.refuse(too_large(site.limits.body))
            return
        if self._fault is not None:
            return
        try:
            if self._unpacking is not None:
                data = self._unpacking.unpack(data)
        except Damaged as damaged:
            self._fault = bad_request(f"[body : {damaged}]")
        except TooLong:
            self.channel.refuse(too_large(site.limits.body))
        else:
            if site.hold(len(data)):
                self._held += len(data)
                self.content.write(data)
            else:
                self.channel.refuse(unavailable())

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Serve the request, unless it was refused and what had come of it already is to be forgotten."""
        if not self.channel.refused:
            super().requestReceived(command, _origin_form(path), version)

    def process(self) -> None:
        """Hand the request to the API, whatever its target is: what can't be decoded leads nowhere."""
        self.site = self.channel.site
        if self.path == b"*" and self.method == b"OPTIONS":
            self._handleStar()
            return
        path = unquote_to_bytes(self.path).decode("utf-8", "replace")
        self.prepath, self.postpath = [], path.encode().split(b"/")[1:]
        try:
            self.render(self.site.resource)
        except Exception:
            self.processingFailed(Failure())

    def getRequestHostname(self) -> bytes:
        """Return one name for all: nothing depends on it, and what a client gives may be no name."""
        return b"smsd"

    def isSecure(self) -> bool:
        """Return whether the connection is TLS."""
        return self.channel.peer.secure

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer that a mistake of ours kept the request from being served."""
        self._log.failure("A request failed", reason)
        if not self.startedWriting:
            self._refuse(general())
        return reason

    def _refuse(self, error: ApiError) -> None:
        """Answer with an error, and finish."""
        form = self.accepted or JSON
        body = form.write(error.answer())
        self.setResponseCode(error.code)
        for name, value in error.headers.items():
            self.setHeader(name, value)
        self.setHeader("Content-Type", form.content_type)
        self.setHeader("Content-Length", str(len(body)))
        self.write(body)
        self.finish()

    def write(self, data: bytes) -> None:
        """Send the answer, whose body this is, in one piece with its head."""
        if self.startedWriting or self._disconnected:
            return
        self.startedWriting = 1
        self.sentLength = len(data)
        fields = (
            (name, value) for name, values in self.responseHeaders.getAllRawHeaders() for value in values
        )
        octets = head(self.code, self.channel.site.clock.seconds(), fields)
        if self.method != b"HEAD" and self.code not in NO_BODY_CODES:
            octets += data
        self.channel.write(octets)

    def finish(self) -> None:
        """Finish the request."""
        self.forget()
        super().finish()

    def connectionLost(self, reason: Failure) -> None:
        """Take note that nobody waits for an answer any more."""
        self.forget()
        super().connectionLost(reason)

    def forget(self) -> None:
        """Let go of the body."""
        if self._held:
            self.channel.site.let_go(self._held)
            self._held = 0
            self.content = BytesIO()


def _origin_form(target: bytes) -> bytes:
    """Return a target without the scheme and host that some clients put before its path (RFC 9112, 3.2.2)."""
    match = re.match(rb"https?://[^/?]*", target, re.IGNORECASE)
    if match is None:
        return target
    rest = target[match.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest

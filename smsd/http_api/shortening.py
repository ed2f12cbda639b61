"""How tracked messages are made: each text with short links of its own in place of its URLs."""

from __future__ import annotations

from msgspec.structs import replace

from smsd.http_api.content import text_content
from smsd.http_api.errors import bad_request
from smsd.http_api.requests import Options, Tracking
from smsd.services.links import Links
from smsd.sms.urls import LONGEST, Cut, cut
from smsd.store.links import Tracked
from smsd.store.messages import Content

URL, SMS = "URL", "SMS"
"""What may be tracked: who opens links, and the conversions that clients tell."""
MOST_URLS = 10
"""How many URLs a text may have that are made short."""


class TrackedText:
    """Makes what is sent of a text to each of its destinations, and what is to be counted of it."""

    def __init__(self, sender: str, text: str, options: Options, tracking: Tracking, links: Links) -> None:
        self._sender = sender
        self._options = options
        self._tracked = Tracked(tracking.track or SMS, tracking.processKey, tracking.type)
        self._links = links
        self._cut = cut(text) if tracking.track == URL else Cut((text,), ())
        self._same = self._content(text) if not self._cut.urls else None

    def next(self) -> tuple[Content, Tracked]:
        """Return both for another destination.

        The text is taken apart once. To put it together and to encode it takes a few microseconds.
        """
        if self._same is not None:
            return self._same, self._tracked
        shown, stored = self._links.shorten(self._cut.urls)
        return self._content(self._cut.filled(shown)), replace(self._tracked, links=stored)

    def _content(self, text: str) -> Content:
        content = text_content(self._sender, text, self._options)
        content.tracked = True
        return content


class TrackedOctets:
    """The same for octets, which are sent as they are."""

    def __init__(self, content: Content, tracking: Tracking) -> None:
        """Raise an ``ApiError`` if links are to be made short: nobody knows where octets have any."""
        if tracking.track == URL:
            raise bad_request("[tracking.track : Octets have no URLs to be made short: only SMS is tracked.]")
        content.tracked = True
        self._content = content
        self._tracked = Tracked(SMS, tracking.processKey, tracking.type)

    def next(self) -> tuple[Content, Tracked]:
        """Return what another destination gets."""
        return self._content, self._tracked


def check(text: str, tracking: Tracking, links: Links, field: str) -> None:
    """See to it that a text can be tracked; ``field`` is the one that it is in.

    Raises:
        ApiError: if it can't.
    """
    if tracking.track != URL:
        return
    if not links.can_shorten:
        raise bad_request(
            "[tracking.track : There is no domain for short links here: only SMS can be tracked.]"
        )
    urls = cut(text).urls
    if len(urls) > MOST_URLS:
        raise bad_request(f"[{field} : A text whose URLs are tracked has at most {MOST_URLS} of them.]")
    if any(len(url) > LONGEST for url in urls):
        raise bad_request(f"[{field} : A URL that is tracked has at most {LONGEST} characters.]")


def sample(text: str, links: Links) -> str:
    """Return a text with links in it that look like short ones, for a preview."""
    found = cut(text)
    return found.filled([links.sample()] * len(found.urls))

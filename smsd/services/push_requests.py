"""The requests that pushes are made by: who makes them, how fast, and what a failure means."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from enum import Enum, auto
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from twisted.internet.defer import Deferred

from smsd.store.lookups import Lookup
from smsd.store.pushes import Kind, Push


class Reach(Enum):
    """What else would fail as a request has failed."""

    REQUEST = auto()
    """Perhaps nothing: the URL answers, and did not want this."""
    URL = auto()
    """Whatever is sent to the URL: it doesn't answer."""
    HOST = auto()
    """Whatever is sent to the host: there is no connection to it."""


class NotPushed(Exception):
    """A request has failed; the text says why."""

    def __init__(self, reason: str, reach: Reach) -> None:
        super().__init__(reason)
        self.reach = reach


class Sender(Protocol):
    """Who makes the requests."""

    def send(self, pushes: Sequence[Push]) -> Awaitable[None]:
        """Send pushes to the URL and in the form that all of them have, in one request.

        Raises:
            NotPushed: if the URL has not taken them.
        """

    def close(self) -> Deferred[None]:
        """Let go of what is kept for the next request."""


class Pace(msgspec.Struct, frozen=True):
    """How fast a host gets requests."""

    connections: int = 16
    """At once; an account takes half of those that the others leave, and a URL at most a quarter of all."""
    rate: float = 100.0
    """Requests a second."""
    batch: int = 100
    """Reports, or received messages, in a request."""


def shown(url: str) -> str:
    """Return a URL as logs and lists may show it: without a password, and without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def host_of(url: str) -> str:
    """Return where a URL leads: its scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def alike(one: Push, other: Push) -> bool:
    """Tell whether two pushes can share a request."""
    reports = (Kind.REPORT, Kind.INTERMEDIATE)
    return (
        one.url == other.url
        and one.form == other.form
        and (one.kind == other.kind or (one.kind in reports and other.kind in reports))
        and _bulk(one) == _bulk(other)
    )


def _bulk(push: Push) -> str | None:
    """Return the bulk that all answers of one request to lookups have."""
    return push.item.bulk_id if isinstance(push.item, Lookup) else None


def is_stale(push: Push) -> bool:
    """Tell whether an intermediate report is of a message that has ended since."""
    return push.kind == Kind.INTERMEDIATE and getattr(push.item, "done_at", None) is not None

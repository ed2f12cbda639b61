"""What a request of a push that failed has failed of: in words, and what else would fail like it."""

from __future__ import annotations

from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, DNSLookupError

from smsd.services.push_requests import NotPushed, Reach
from smsd.web_client.failures import cause, reason_of


def not_pushed(error: Exception) -> NotPushed:
    """Return what an error of a request means."""
    return NotPushed(reason_of(error), _reach(error))


def _reach(error: Exception) -> Reach:
    """Return what else would fail."""
    if isinstance(error, ConnectError | DNSLookupError):
        return Reach.HOST
    # It may break on just this request.
    return Reach.REQUEST if isinstance(cause(error), ConnectionLost | ConnectionDone) else Reach.URL

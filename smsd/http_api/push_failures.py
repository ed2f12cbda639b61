"""What a request of a push that failed has failed of: in words, and what else would fail like it."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    DNSLookupError,
)

from smsd.http_api.push_connections import CONNECT
from smsd.services.push_requests import NotPushed, Reach


def not_pushed(error: Exception) -> NotPushed:
    """Return what an error of a request means."""
    return NotPushed(reason_of(error), _reach(error))


def cause(error: Exception) -> Exception:
    """Return what twisted.web has wrapped, as it does with all that happens once there is a connection."""
    reasons = getattr(error, "reasons", None)
    inner = reasons[0].value if reasons else error
    return inner if isinstance(inner, Exception) else error


def _reach(error: Exception) -> Reach:
    """Return what else would fail."""
    if isinstance(error, ConnectError | DNSLookupError):
        return Reach.HOST
    # It may break on just this request.
    return Reach.REQUEST if isinstance(cause(error), ConnectionLost | ConnectionDone) else Reach.URL


def reason_of(error: Exception) -> str:
    """Return what went wrong in words."""
    inner = cause(error)
    if inner is not error:
        return reason_of(inner)
    if isinstance(error, ConnectionLost | ConnectionDone):
        return "The connection broke before there was an answer."
    if isinstance(error, ConnectingCancelledError):
        return f"There was no connection in {CONNECT:g} seconds."
    if isinstance(error, VerificationError):
        return "Its certificate is another host's."
    if isinstance(error, SSL.Error):
        return f"TLS failed: {', '.join(_words(error)) or 'the connection was cut'}."
    return str(error) or type(error).__name__


def _words(error: SSL.Error) -> list[str]:
    """Return what OpenSSL says, without where in OpenSSL that is."""
    return [one[2] for one in error.args[0]] if error.args and isinstance(error.args[0], list) else []

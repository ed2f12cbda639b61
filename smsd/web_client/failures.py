"""What a request that failed has failed of, in words."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectingCancelledError, ConnectionDone, ConnectionLost

from smsd.web_client.connections import CONNECT


def cause(error: Exception) -> Exception:
    """Return what twisted.web has wrapped, as it does with all that happens once there is a connection."""
    reasons = getattr(error, "reasons", None)
    inner = reasons[0].value if reasons else error
    return inner if isinstance(inner, Exception) else error


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

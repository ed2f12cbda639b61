"""What all connections that smsd keeps to others have in common: when to try again, and why one fails."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.internet import backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds until the first and between later attempts to connect."""


class Pauses:
    """The pauses between attempts to connect, which grow until a connection is of use.

    ClientService itself would begin anew with every connection, even with one that its peer closes at once.
    """

    def __init__(self) -> None:
        self.attempts = 0
        """How many there have been since a connection was of use."""
        self._policy = backoffPolicy(FIRST_PAUSE, LAST_PAUSE)

    def __call__(self, attempts: int) -> float:
        """Return the seconds to wait before another attempt."""
        self.attempts += 1
        return self._policy(self.attempts)


@implementer(IStreamClientEndpoint)
class Dialling:
    """An endpoint that tells why it can't connect, which ClientService keeps to itself."""

    def __init__(self, name: str, endpoint: IStreamClientEndpoint, failed: Callable[[str], None]) -> None:
        """Call it by a name in the log, and tell ``failed`` the reasons."""
        self._name = name
        self._endpoint = endpoint
        self._failed = failed

    def __repr__(self) -> str:
        return self._name

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        return self._endpoint.connect(factory).addErrback(self._tell)

    def _tell(self, failure: Failure) -> Failure:
        self._failed(failure.getErrorMessage())
        return failure

"""What all SMPP listeners of a node share: the bound sessions and their limits."""

from __future__ import annotations

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from smsd.services.core import Core
from smsd.smpp import session
from smsd.smpp_server.connection import Connection
from smsd.store.settings import Rows

FAREWELL = 2.0
"""Seconds that clients have to answer our unbind when the node stops."""


class Limits(msgspec.Struct, frozen=True):
    """What a listener puts up with."""

    session: session.Limits = session.Limits()
    unanswered: int = 1000
    """How many submit_sm of one session may wait for the disk; more get ESME_RTHROTTLED."""
    receipts: int = 100
    """How many receipts may be unacknowledged on one session."""
    connections: int = 5000
    """How many connections may be open."""
    unbound: int = 500
    """How many of them may not have bound yet."""


class Listener(Factory):
    """Makes a connection of whatever dials in; all ports of a node share one."""

    log = Logger()
    noisy = False

    def __init__(self, core: Core, system_id: str, limits: Limits) -> None:
        self.core = core
        self.clock = core.clock
        self.system_id = system_id.encode("latin-1")
        self.limits = limits
        self._connections: set[Connection] = set()
        self._unbound: dict[Connection, None] = {}  # The oldest first.
        self._emptied: Deferred[None] | None = None
        self._bound: dict[int, set[Connection]] = {}

    def logPrefix(self) -> str:
        """Return what the log calls its ports."""
        return "SMPP"

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        """Take a connection, unless there are too many; of too many unbound ones the oldest has to go."""
        if len(self._connections) >= self.limits.connections:
            return None
        if len(self._unbound) >= self.limits.unbound:
            oldest = next(iter(self._unbound))
            del self._unbound[oldest]
            oldest.cut()
        connection = Connection(self)
        self._connections.add(connection)
        self._unbound[connection] = None
        return connection

    def sessions(self, account_id: int) -> int:
        """Return how many sessions of an account are bound."""
        return len(self._bound.get(account_id, ()))

    def bound(self, connection: Connection) -> None:
        """Count a session that has bound."""
        if connection.account is not None:
            self._unbound.pop(connection, None)
            self._bound.setdefault(connection.account.id, set()).add(connection)

    def gone(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        self._unbound.pop(connection, None)
        if self._emptied is not None and not self._connections:
            self._emptied.callback(None)
            self._emptied = None
        if connection.account is not None:
            sessions = self._bound.get(connection.account.id, set())
            sessions.discard(connection)
            if not sessions:
                self._bound.pop(connection.account.id, None)

    def apply(self, rows: Rows) -> None:
        """Let bound sessions have their accounts' changes; end those of disabled or removed accounts."""
        accounts = {account.id: account for account in rows.accounts if account.enabled}
        for account_id, connections in list(self._bound.items()):
            for connection in list(connections):
                if account_id in accounts:
                    connection.account = accounts[account_id]
                else:
                    connection.end()

    def tick(self) -> None:
        """Let the time-outs of all connections take their course."""
        now = self.clock.seconds()
        for connection in list(self._connections):
            try:
                connection.tick(now)
            except Exception:  # One connection's trouble must not end the time-outs of all others.
                self.log.failure("A time-out of a connection failed")

    def end(self) -> Deferred[None]:
        """Ask all clients to end their sessions; fires when all are gone, or have had time enough."""
        emptied: Deferred[None] = Deferred()
        if not self._connections:
            emptied.callback(None)
            return emptied
        self._emptied = emptied
        for connection in list(self._connections):
            connection.end()
        return emptied.addTimeout(FAREWELL, self.clock, onTimeoutCancel=lambda result, seconds: None)


class Sessions(Service):
    """Keeps the time of a listener's connections, and ends them when the node stops."""

    log = Logger()

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._ticking = LoopingCall(listener.tick)
        self._ticking.clock = listener.clock

    def startService(self) -> None:
        """Begin to tick."""
        super().startService()
        self._ticking.start(1.0).addErrback(lambda failure: self.log.failure("Time-outs ended", failure))

    def stopService(self) -> Deferred[None]:
        """Unbind all sessions, and give them a moment to answer."""
        super().stopService()
        self._ticking.stop()
        return self._listener.end()

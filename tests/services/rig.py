"""All services of a node over a database, without its edges; the operator and the clients are the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smsd.services.deadlines import Deadlines
from smsd.services.dispatch import Dispatch, Outbox
from smsd.services.gathering import Gathering
from smsd.services.ids import MessageIds
from smsd.services.reports import Reports
from smsd.services.routing import Routing
from smsd.services.statuses import DELIVERED_TO_HANDSET
from smsd.services.submission import Request, Submission
from smsd.services.tracking import Outcome, Tracking
from smsd.store.engine import Call, Query, Row
from smsd.store.journal import Journal
from smsd.store.messages import Content, Message, Messages, Report
from smsd.store.settings import Account, Channel, Route, Rows
from tests.stores import Submitter, Wayward, at_once, clock_at_noon, content, result

SIZE = 8
"""How many messages an account and channel have in memory here."""
DELIVERED = Outcome(DELIVERED_TO_HANDSET, 0)
UNDELIVERED = Outcome(9, 1)


def account(id: int = 1, system_id: str = "demo", **fields: Any) -> Account:
    values: dict[str, Any] = {
        "password": "",
        "enabled": 1,
        "sessions": 4,
        "standard_receipts": 0,
        "currency": "EUR",
    }
    return Account(id, system_id, **(values | fields))


def channel(id: int = 1, name: str = "operator") -> Channel:
    return Channel(id, name, "smpp", 1, "{}")


class Receiver:
    """A client's session that takes receipts."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.receipts: list[Message] = []

    def deliver(self, message: Message) -> None:
        self.room -= 1
        self.receipts.append(message)

    @property
    def ids(self) -> list[int]:
        return [message.id for message in self.receipts]


class Node:
    """What a node is made of, as ``smsd.node`` puts it together."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self.path = path
        self.clock = clock or clock_at_noon()
        self._at_once = at_once(path, self.clock)
        self.engine = Wayward(self._at_once)
        self.messages = Messages(self.engine)
        self.journal = Journal(self.engine, self.clock, 10_000)
        self.ids = MessageIds(self.clock)
        self.routing = Routing()
        self.routing.apply(
            Rows((account(),), (channel(),), (Route(1, None, "", 1, "0.01"), Route(2, None, "4", 2, "0.02")))
        )
        self.reports = Reports(self.journal, self.messages, self.clock, SIZE)
        self.tracking = Tracking(self.journal, self.messages, self.reports, self.clock)
        self.dispatch = Dispatch(self.journal, self.messages, self.reports, self.tracking, self.clock, SIZE)
        self.submission = Submission(self.routing, self.ids, self.journal, self.dispatch, self.clock)
        self.gathering = Gathering(self.submission, self.journal, self.dispatch, self.reports, self.clock)
        self.deadlines = Deadlines(self.messages, self.dispatch, self.reports, self.clock)
        self.submitter = Submitter()
        self.acknowledged: list[str] = []
        self.ids.newest = result(self.messages.newest_id())
        result(self.gathering.resume(self.messages))
        result(self.dispatch.resume())

    def killed_and_started(self) -> Node:
        """Return a node that starts on the same database; nothing in memory is left of this one."""
        self.close()
        return Node(self.path, self.clock)

    def close(self) -> None:
        for call in self.clock.getDelayedCalls():
            call.cancel()
        result(self._at_once.close())

    def turn(self) -> None:
        """Let turns of the reactor end until nothing more follows."""
        for _ in range(10):
            self.clock.advance(0)

    def request(self, destination: str = "385911234567", body: bytes = b"hello", **fields: Any) -> Request:
        values: dict[str, Any] = {"source": "smsd", "report": int(Report.RECEIPT)}
        made: Content = fields.pop("content", None) or content(body)
        return Request(
            fields.pop("account", None) or account(),
            destination=destination,
            content=made,
            **(values | fields),
        )

    def submit(self, count: int = 1, **fields: Any) -> list[Message]:
        """Submit messages and let them be stored."""
        made = [self.submission.submit(self.request(**fields), self.submitter) for _ in range(count)]
        self.turn()
        return made

    @property
    def outbox(self) -> Outbox:
        return self.dispatch.outbox(1)

    def take_all(self, outbox: Outbox | None = None) -> list[Message]:
        """Take what there is, as a channel with a wide window does."""
        taken: list[Message] = []
        while (message := (outbox or self.outbox).take()) is not None:
            taken.append(message)
            assert len(taken) < 10_000
        return taken

    def send(self, message: Message, *operator_ids: str) -> None:
        """Say that the operator has taken a message, each segment by an id."""
        for number, operator_id in enumerate(operator_ids, 1):
            self.outbox.taken(message, number if message.segments > 1 else 0, operator_id)

    def receipt(self, operator_id: str, outcome: Outcome = DELIVERED) -> None:
        self.outbox.receipt(operator_id, outcome, lambda: self.acknowledged.append(operator_id))

    def deliver(self, count: int = 1, **fields: Any) -> list[Message]:
        """Bring messages all the way to a receipt from the operator."""
        made = self.submit(count, **fields)
        for message in self.take_all():
            self.send(message, f"op {message.id}")
            self.receipt(f"op {message.id}")
        self.turn()
        return made

    def rows(self, sql: str) -> list[Row]:
        return result(self._at_once.read(Call(Query(sql))))

    def state(self, message: Message) -> tuple[int, int]:
        """Return a message's state and status on disk."""
        ((state, status),) = self.rows(f"SELECT state, status FROM message WHERE id = {message.id}")
        return state, status


def waiting(work: Any) -> Deferred[Any]:
    """Start a coroutine that will have to wait."""
    return Deferred.fromCoroutine(work)

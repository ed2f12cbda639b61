"""All services of a node over a database, without its edges; the operator and the clients are the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smsd.services.columns import NEW_ACCOUNT
from smsd.services.core import Bounds, Core
from smsd.services.dispatch import Outbox
from smsd.services.links import ShortLinks
from smsd.services.statuses import DELIVERED_TO_HANDSET
from smsd.services.submission import Request
from smsd.services.tracking import Outcome
from smsd.store.engine import Call, Query, Row
from smsd.store.messages import Content, Message, Report
from smsd.store.settings import Account, Channel, Route, Rows
from tests.stores import Submitter, Wayward, at_once, clock_at_noon, content, result

SIZE = 8
"""How many messages an account and channel have in memory here."""
BASE = "https://s.test/"
"""What short links begin with."""
DELIVERED = Outcome(DELIVERED_TO_HANDSET, 0)
UNDELIVERED = Outcome(9, 1)


def account(id: int = 1, system_id: str = "demo", **fields: Any) -> Account:
    row = NEW_ACCOUNT | {"password": ""} | fields
    return Account(id=id, system_id=system_id, **row)


def channel(id: int = 1, name: str = "operator", **fields: Any) -> Channel:
    values: dict[str, Any] = {"enabled": 1, "alphabets": "gsm7 latin1 ucs2", "options": "{}"}
    return Channel(id, name, "smpp", **(values | fields))


class Receiver:
    """A client's session that takes receipts."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.outstanding = 0
        self.receipts: list[Any] = []

    def deliver(self, item: Any) -> None:
        self.room -= 1
        self.outstanding += 1
        self.receipts.append(item)

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
        self.core = Core(
            self.engine,
            self.clock,
            lambda *_: Deferred(),
            Bounds(10_000, SIZE, SIZE),
            short_links=ShortLinks(BASE),
        )
        rows = Rows(
            (account(),),
            (channel(), channel(2, "other")),
            (Route(1, None, "", "", 1, "0.01"), Route(2, None, "", "4", 2, "0.02")),
        )
        for user in (self.core.accounts, self.core.routing):
            user.apply(rows)
        self.messages = self.core.messages
        self.journal = self.core.journal
        self.ids = self.core.ids
        self.routing = self.core.routing
        self.deliveries = self.core.deliveries
        self.reports = self.core.reports
        self.tracking = self.core.tracking
        self.dispatch = self.core.dispatch
        self.submission = self.core.submission
        self.gathering = self.core.gathering
        self.deadlines = self.core.deadlines
        self.submitter = Submitter()
        self.acknowledged: list[str] = []
        result(self.core.resume())

    def killed_and_started(self) -> Node:
        """Return a node that starts on the same database; nothing in memory is left of this one."""
        self.close()
        return Node(self.path, self.clock)

    def close(self) -> None:
        for call in list(self.clock.getDelayedCalls()):
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
        self.outbox.receipt((operator_id,), outcome, lambda: self.acknowledged.append(operator_id))

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

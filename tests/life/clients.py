"""Clients that submit, and take what is reported to them, or do not."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import msgspec
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from smsd.services.statuses import PENDING_WAITING_DELIVERY
from smsd.smpp import status
from smsd.smpp.pdu import (
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)
from tests.http_api.client import Answer, basic, octets
from tests.http_api.receiver import Receiver
from tests.life.diary import Diary
from tests.peers import PASSWORD, FakeEsme, Network

_receipt = re.compile(rb"id:(\d+) .* stat:([A-Z ]+) err:(\d+)").match
INTERMEDIATE = 0x20


class Heard(msgspec.Struct):
    """A report of a message that has come."""

    at: float
    stat: str
    acked: bool
    safe: bool | None = False
    """Whether smsd has had time to write down that it was taken; ``None``: it never had."""


class Order(msgspec.Struct):
    """What a client wants to be sent, and what it knows of that. Each has a destination of its own."""

    account: str
    destination: str
    by: str
    """How its end is reported: by ``receipt``, ``fetch`` or ``push``; or ``none``."""
    parts: int = 1
    """How many submit_sm bring it."""
    failures_only: bool = False
    bulk_id: str = ""
    not_before: float = 0.0
    """When it may be sent at the earliest."""
    ids: set[str] = set()
    answered: int = 0
    """How many of its parts were taken."""
    refused: bool = False
    refusal_safe: bool = False
    """Whether smsd has had time to see to it that what was refused is not there."""
    lost: bool = False
    """Whether a part of it had no answer, and nobody knows what became of it."""
    status: int | None = None
    """The status with which it was taken or refused, over HTTP."""
    heard: list[Heard] = []

    def hear(self, diary: Diary, at: float, stat: str, *, acked: bool) -> None:
        """Take a final report."""
        diary.note(f"is reported: {stat}{', acknowledged' if acked else ''}", self.destination)
        assert not any(one.safe for one in self.heard), f"{self.destination} is reported again"
        self.heard.append(Heard(at, stat, acked))


class Book:
    """All orders."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.orders: list[Order] = []
        self.by_destination: dict[str, Order] = {}

    def new(self, account: str, destination: str, by: str, **fields: Any) -> Order:
        order = self.by_destination[destination] = Order(account, destination, by, **fields)
        self.orders.append(order)
        return order

    def mark_safe(self) -> None:
        """Take note that whatever smsd has been told is on its disk."""
        for order in self.orders:
            order.refusal_safe = order.refused
            for heard in order.heard:
                if heard.acked and heard.safe is not None:
                    heard.safe = True

    def doubt(self) -> None:
        """Take note that smsd was killed: what it was writing down may be lost."""
        for order in self.orders:
            order.lost = order.lost or (order.refused and not order.refusal_safe)
            for heard in order.heard:
                heard.safe = heard.safe or None


class Esme(FakeEsme):
    """A session that may have had enough at any time."""

    def __init__(self, network: Network, random: Random, book: Book, account: str) -> None:
        super().__init__(network)
        self._random = random
        self._book = book
        self.account = account
        self.kind: Any = BindTransceiver
        self.bound = False
        self.calm = False
        self.waiting: dict[int, Order] = {}

    @property
    def submits(self) -> bool:
        return self.connected_now and self.bound and not self.transport.disconnecting

    @property
    def receives(self) -> bool:
        return self.submits and self.kind is not BindTransmitter

    def begin(self) -> None:
        """Bind."""
        self.send(self.kind(system_id=self.account.encode(), password=PASSWORD.encode()))

    def order(self, order: Order, *pdus: SubmitSm) -> None:
        """Submit a message, in as many parts as there are."""
        for pdu in pdus:
            self.waiting[self.send(pdu)] = order

    def take(self, pdu: Pdu) -> None:
        self.received.clear()
        if self.transport.disconnecting:
            return  # It has hung up: nobody reads this.
        if isinstance(pdu, DeliverSm):
            self._deliver(pdu)
        elif isinstance(pdu, SubmitSmResp):
            order = self.waiting.pop(pdu.sequence_number)
            if pdu.command_status == status.ESME_ROK:
                order.ids.add(pdu.message_id.decode())
                order.answered += 1
            else:
                order.refused = True
            self._book.diary.note(
                f"was submitted: {pdu.command_status}, {pdu.message_id!r}", order.destination
            )
        elif type(pdu).__name__.startswith("Bind"):
            self.bound = pdu.command_status == status.ESME_ROK
            if not self.bound:
                self.transport.loseConnection()
        else:
            super().take(pdu)

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        for order in self.waiting.values():
            order.lost = True
        self.waiting.clear()

    def _deliver(self, pdu: DeliverSm) -> None:
        found = _receipt(pdu.short_message)
        assert found, pdu
        order = self._book.by_destination[pdu.source_addr.decode()]
        what = "ack"
        if not self.calm:
            what = self._random.choices(
                ("ack", "not now", "never", "silence", "cut", "ack and cut"), (80, 5, 3, 5, 4, 3)
            )[0]
        acked = what in ("ack", "ack and cut")
        if pdu.esm_class & INTERMEDIATE == 0:
            assert order.by == "receipt", f"{order} has a receipt"
            order.hear(self._book.diary, self._network.seconds(), found[2].decode(), acked=acked)
        if acked:
            self.send(DeliverSmResp(pdu.sequence_number, status.ESME_ROK))
        elif what in ("not now", "never"):
            refusal = status.ESME_RX_T_APPN if what == "not now" else status.ESME_RINVMSGLEN
            self.send(DeliverSmResp(pdu.sequence_number, refusal))
        if "cut" in what:
            self.transport.loseConnection()


class Wire(Protocol):
    """An HTTP request, and what is said of it."""

    def __init__(self, sent: bytes, kind: str, orders: list[Order], account: str) -> None:
        self._sent = sent
        self.kind = kind
        self.orders = orders
        self.account = account
        self.said = b""
        self.open = True

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._sent)

    def dataReceived(self, data: bytes) -> None:
        self.said += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.open = False

    def answer(self) -> Answer | None:
        """Return the answer, once it is there."""
        head, end, body = self.said.partition(b"\r\n\r\n")
        if not end:
            return None
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if length is None or len(body) < int(length[1]):
            return None
        return Answer(self.said)


def request(account: str, method: str, path: str, body: Any = None, key: str = "") -> bytes:
    """Return a request as it is sent."""
    headers: dict[str, str | None] = {"Authorization": basic(account, PASSWORD), "Connection": "close"}
    if key:
        headers["Idempotency-Key"] = key
    return octets(method, path, json.dumps(body).encode() if body is not None else b"", headers)


class Web(Receiver):
    """A web server to which reports are pushed; it is not always there."""

    def __init__(self, network: Network, random: Random, book: Book) -> None:
        super().__init__(network)
        self._random = random
        self._book = book
        self.calm = False
        self.mood = "take"
        """Whether it takes what comes; or fails, hangs up, is silent, or whatever it feels like."""

    def render(self, request: Request) -> Any:
        mood = "take" if self.calm else self.mood
        if mood == "any":
            mood = self._random.choice(("take", "take", "fail", "hang up", "silence"))
        assert request.content is not None
        body = request.content.read()
        for report in json.loads(body)["results"]:
            order = self._book.by_destination[report["to"]]
            if report["status"]["id"] != PENDING_WAITING_DELIVERY:
                assert order.by == "push", f"{order} is pushed"
                order.hear(
                    self._book.diary, self._network.seconds(), report["status"]["name"], acked=mood == "take"
                )
        if mood == "hang up":
            assert request.channel is not None
            request.channel.loseConnection()
            return NOT_DONE_YET
        if mood == "silence":
            return NOT_DONE_YET
        request.setResponseCode(200 if mood == "take" else 503)
        return b""

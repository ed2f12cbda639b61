"""A message's whole life on every database, in real time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smsd.services.administration import Administration
from smsd.services.core import Bounds, Core
from smsd.services.statuses import DELIVERED_TO_HANDSET
from smsd.services.submission import Request
from smsd.sms.udh import Concatenation
from smsd.store.engine import Engine
from smsd.store.messages import Message, Report, State
from smsd.store.settings import Rows
from tests.services.rig import DELIVERED
from tests.stores import NOON, Database, content


class Life:
    """Clients, a node's services and an operator that delivers everything; a client waits for it all."""

    def __init__(self, engine: Engine, size: int = 20) -> None:
        clock: IReactorTime = reactor
        self.engine = engine
        self.core = Core(engine, clock, lambda *_: Deferred(), Bounds(10_000, size, size))
        self.core.settings.use(self._use)
        self.messages = self.core.messages
        self.journal = self.core.journal
        self.submission = self.core.submission
        self.gathering = self.core.gathering
        self.dispatch = self.core.dispatch
        self.deliveries = self.core.deliveries
        self.rows = Rows()
        self.stored_ids: list[int] = []
        self.delivered: list[Message] = []
        self.acknowledged = 0
        self._conditions: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def _use(self, rows: Rows) -> None:
        self.rows = rows
        self._happened()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something has happened that makes it true."""
        if not condition():
            waiting: Deferred[None] = Deferred()
            self._conditions.append((condition, waiting))
            await waiting.addTimeout(20, reactor)

    def _happened(self) -> None:
        for entry in [entry for entry in self._conditions if entry[0]()]:
            self._conditions.remove(entry)
            entry[1].callback(None)

    # The client.

    room = 1000
    outstanding = 0

    def submit(self, **fields: Any) -> int:
        values: dict[str, Any] = {"report": int(Report.RECEIPT), "content": content()}
        request = Request(self.rows.accounts[0], "smsd", "385911234567", **(values | fields))
        return int(self.submission.submit(request, self).id)

    def stored(self, message: Message) -> None:
        self.stored_ids.append(message.id)
        self._happened()

    def not_stored(self, message: Message) -> None:
        raise AssertionError("The database is there.")

    def refused(self, message: Message) -> None:
        raise AssertionError("The account pays later.")

    def deliver(self, message: Any) -> None:
        self.delivered.append(message)
        self.deliveries.taken(1, message)
        self._happened()

    # The operator.

    def operate(self, *, receipts: bool = True) -> None:
        outbox = self.dispatch.outbox(self.rows.channels[0].id)

        def send() -> None:
            while (message := outbox.take()) is not None:
                numbers = range(1, message.segments + 1) if message.segments > 1 else (0,)
                for number in numbers:
                    outbox.taken(message, number, f"{message.id}-{number}")
                if receipts:
                    for number in numbers:
                        outbox.receipt((f"{message.id}-{number}",), DELIVERED, self._acknowledge)

        outbox.attach(send)

    def _acknowledge(self) -> None:
        self.acknowledged += 1
        self._happened()

    async def drain(self) -> None:
        for _ in range(3):
            await self.journal.drain()


@pytest_twisted.async_yield_fixture
async def life(database: Database) -> AsyncIterator[Life]:
    engine = database.engine()
    engine.prepare(NOON, exclusive=True)
    await engine.open()
    administration = Administration(engine)
    await administration.add_account("demo", "secret")
    await administration.add_channel("operator", "smpp", "{}")
    await administration.add_route("operator")
    life = Life(engine)
    await life.core.settings.load()
    yield life
    life.dispatch.outbox(life.rows.channels[0].id).attach(None)
    await life.drain()
    await engine.close()


async def test_every_message_is_sent_delivered_and_reported_once(life: Life) -> None:
    life.operate()
    life.deliveries.bound(life.rows.accounts[0].id, life)
    ids = [life.submit() for _ in range(100)]
    ids += [life.submit(content=content(b"x" * 400)) for _ in range(20)]
    await life.until(lambda: len(life.delivered) == 120 and life.acknowledged == 100 + 60)
    await life.drain()
    assert life.stored_ids == ids
    assert sorted(message.id for message in life.delivered) == ids
    assert {message.status for message in life.delivered} == {DELIVERED_TO_HANDSET}
    assert await life.messages.owed(life.rows.accounts[0].id, 10) == []
    assert await life.messages.queues() == []


async def test_a_node_that_was_killed_goes_on_where_the_table_is(life: Life) -> None:
    life.operate(receipts=False)
    first = [life.submit(content=content(b"x" * 400)) for _ in range(30)]
    await life.until(lambda: len(life.stored_ids) == 30)
    life.dispatch.outbox(life.rows.channels[0].id).attach(None)
    second = [life.submit() for _ in range(30)]
    await life.until(lambda: len(life.stored_ids) == 60)
    await life.drain()
    again = Life(life.engine)
    await again.core.resume()
    await again.core.settings.load()
    again.operate()
    again.deliveries.bound(again.rows.accounts[0].id, again)
    for id in first:
        for number in (1, 2, 3):
            again.core.tracking.receipt(1, (f"{id}-{number}",), DELIVERED, again._acknowledge)
    await again.until(lambda: len(again.delivered) >= 60)
    await again.drain()
    assert sorted({message.id for message in again.delivered}) == sorted(first + second)
    assert {message.status for message in again.delivered} == {DELIVERED_TO_HANDSET}


async def test_parts_are_gathered_and_reports_fetched_once(life: Life) -> None:
    life.operate()
    account = life.rows.accounts[0]
    for number in (3, 1, 2):
        request = Request(
            account, "smsd", "385911234567", content(b"%d" % number * 100), int(Report.FETCH), bulk_id="bulk"
        )
        life.gathering.part(request, Concatenation(5, 3, number), life)
    await life.until(lambda: len(life.stored_ids) == 3 and life.acknowledged == 2)
    await life.drain()
    (report,) = await life.core.reports.fetch(account.id, ["bulk"], [str(life.stored_ids[0])], 10)
    assert report.content.body == b"1" * 100 + b"2" * 100 + b"3" * 100
    assert report.state == State.FINAL
    assert await life.core.reports.fetch(account.id, [], [], 10) == []


async def test_a_changed_setting_is_in_force_at_once(life: Life) -> None:
    for sessions in (9, 7):
        await Administration(life.engine).change_account("demo", sessions=sessions)
        await life.until(lambda sessions=sessions: life.rows.accounts[0].sessions == sessions)  # type: ignore[misc]

"""Several nodes take from one credit at the same instant: never more than there is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smsd.services.administration import Administration
from smsd.services.core import Bounds, Core
from smsd.services.statuses import REJECTED_NOT_ENOUGH_CREDITS
from smsd.services.submission import Refused, Request
from smsd.sms.udh import Concatenation
from smsd.store.credit import Credit, Entry
from smsd.store.engine import Call, Engine, Query
from smsd.store.messages import Message, State
from smsd.store.settings import Account, Rows
from tests.stores import NOON, Database, content

CENT = 10_000


class Client:
    """Submits to a node, and hears what becomes of it."""

    def __init__(self, engine: Engine, number: int) -> None:
        clock: IReactorTime = reactor
        self.engine = engine
        self.core = Core(engine, clock, lambda *_: Deferred(), Bounds(10_000, 1000, 1000))
        self.core.settings.use(self._use)
        self.core.ids.newest = number << 60
        self.rows = Rows()
        self.stored_ids: list[int] = []
        self.refusals: list[int] = []
        self.waiting = 0
        self._done_waiting: list[Deferred[None]] = []

    def _use(self, rows: Rows) -> None:
        self.rows = rows

    @property
    def account(self) -> Account:
        return self.rows.accounts[0]

    def submit(self, count: int, *, parts: bool = False, body: bytes = b"hello") -> None:
        for reference in range(count):
            for number in (1, 2) if parts else (0,):
                request = Request(self.account, "smsd", "385911234567", content(body))
                self.waiting += 1
                try:
                    if parts:
                        place = Concatenation(reference, 2, number)
                        self.core.gathering.part(request, place, self)
                    else:
                        self.core.submission.submit(request, self)
                except Refused as refused:
                    self._done(refused.status)

    def stored(self, message: Message) -> None:
        if message.state != State.GATHERING:
            self.stored_ids.append(message.id)
        self._done()

    def not_stored(self, message: Message) -> None:
        raise AssertionError("The database is there.")

    def refused(self, message: Message) -> None:
        assert message.charged == 0
        self._done(message.status)

    def _done(self, refusal: int | None = None) -> None:
        if refusal is not None:
            self.refusals.append(refusal)
        self.waiting -= 1
        if not self.waiting:
            waiting, self._done_waiting = self._done_waiting, []
            for one in waiting:
                one.callback(None)

    async def done(self) -> None:
        """Wait for all that was submitted."""
        if self.waiting:
            waiting: Deferred[None] = Deferred()
            self._done_waiting.append(waiting)
            await waiting.addTimeout(60, reactor)
        await self.core.journal.drain()


@pytest_twisted.async_yield_fixture
async def clients(database: Database) -> AsyncIterator[tuple[Client, Client]]:
    engines = [database.engine() for _ in range(2)]
    for engine in engines:
        engine.prepare(NOON, exclusive=False)
        await engine.open()
    administration = Administration(engines[0])
    await administration.add_account("demo", "secret")
    await administration.add_channel("operator", "smpp", "{}")
    await administration.add_route("operator", price="0.01")
    made = Client(engines[0], 1), Client(engines[1], 2)
    for client in made:
        await client.core.settings.load()
    yield made
    for client in made:
        await client.core.journal.drain()
        await client.engine.close()


async def has(clients: tuple[Client, Client], messages: int, limit: int = 0) -> Credit:
    """Give the account credit for so many messages, a part of it as a limit, and let both nodes know."""
    credit = Credit(clients[0].engine)
    await credit.add(clients[0].account.id, (messages - limit) * CENT)
    await credit.limit(clients[0].account.id, limit * CENT, NOON, "")
    for client in clients:
        await client.core.charging.resume()
    return credit


async def done(clients: tuple[Client, Client]) -> None:
    for client in clients:
        await client.done()


@pytest.mark.parametrize(("messages", "limit"), [(100, 0), (150, 120), (1, 0), (0, 0)])
async def test_what_is_not_covered_is_refused_whoever_comes_first(
    clients: tuple[Client, Client], messages: int, limit: int
) -> None:
    credit = await has(clients, messages, limit)
    for client in clients:
        client.submit(100)
    await done(clients)
    stored = [id for client in clients for id in client.stored_ids]
    refused = [status for client in clients for status in client.refusals]
    assert (len(stored), len(refused)) == (messages, 200 - messages)
    assert set(refused) <= {REJECTED_NOT_ENOUGH_CREDITS}
    account_id = clients[0].account.id
    assert await credit.balance(account_id) == (-limit * CENT, limit * CENT)
    rows = await clients[0].engine.read(Call(Query("SELECT id FROM message ORDER BY id")))
    assert [id for (id,) in rows] == sorted(stored)
    (sums,) = await credit.sums()
    assert sums.balance == sums.ledger
    lines = await credit.ledger(account_id, 0, 2**53)
    assert sum(line.messages for line in lines if line.kind == Entry.MESSAGES) == messages
    for client in clients:  # Each knows what is left now, and keeps nothing set aside.
        await client.core.charging.resume()
        assert client.core.charging.left(account_id) == 0


async def test_so_is_a_message_in_parts_with_its_last_one(clients: tuple[Client, Client]) -> None:
    credit = await has(clients, 21)
    for client in clients:
        client.submit(10, parts=True, body=b"x" * 153)
    await done(clients)
    assert sum(len(client.stored_ids) for client in clients) == 10
    assert {status for client in clients for status in client.refusals} == {REJECTED_NOT_ENOUGH_CREDITS}
    assert await credit.balance(clients[0].account.id) == (CENT, 0)


async def test_one_that_costs_less_is_taken_although_one_before_it_is_not(
    clients: tuple[Client, Client],
) -> None:
    credit = await has(clients, 3)
    await credit.add(clients[0].account.id, -2 * CENT)  # Only the first one hears of that now.
    clients[1].core.charging.debited([(clients[1].account.id, 3 * CENT)])
    clients[1].submit(1, body=b"x" * 161)
    clients[1].submit(1)
    await done(clients)
    assert len(clients[1].stored_ids) == 1
    assert clients[1].refusals == [REJECTED_NOT_ENOUGH_CREDITS]
    assert await credit.balance(clients[0].account.id) == (0, 0)

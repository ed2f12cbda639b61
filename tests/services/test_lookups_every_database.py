"""Lookups on every database, in real time."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smsd.numbering.context import Context
from smsd.services.administration import Administration
from smsd.services.charging_administration import ChargingAdministration
from smsd.services.core import Bounds, Core
from smsd.services.lookup import NoAnswer
from smsd.services.lookup_administration import LookupAdministration
from smsd.services.route_administration import RouteAdministration
from smsd.services.submission import Request
from smsd.store.credit import Credit
from smsd.store.engine import Call, Query
from smsd.store.lookups import Lookup, Search
from tests.stores import NOON, Database, Submitter, content

KNOWN, UNANSWERED = "385915369421", "385915369422"


class BackEnd:
    async def ask(self, number: str) -> Context:
        if number == UNANSWERED:
            raise NoAnswer("It is out of order")
        return Context(27, imsi="219100000000001")


class Client:
    """Asks, and is a session that takes answers."""

    room = 1000
    outstanding = 0

    def __init__(self, core: Core, count: int) -> None:
        self._core = core
        self._count = count
        self.stored_ids: list[int] = []
        self.answers: list[Any] = []
        self.done: Deferred[None] = Deferred()

    def stored(self, lookup: Lookup) -> None:
        self.stored_ids.append(lookup.id)

    def not_stored(self, lookup: Lookup) -> None:
        raise AssertionError("The database is there.")

    def refused(self, lookup: Lookup) -> None:
        raise AssertionError("The credit covers it.")

    def deliver(self, item: Any) -> None:
        self.answers.append(item)
        self._core.lookup_deliveries.taken(item.account_id, item)
        if len(self.answers) == self._count:
            self.done.callback(None)


async def test_lookups_are_charged_answered_taken_remembered_and_logged(database: Database) -> None:
    clock: IReactorTime = reactor
    engine = database.engine()
    engine.prepare(NOON, exclusive=False)
    await engine.open()
    core = Core(engine, clock, lambda *_: Deferred(), Bounds(10_000, 20, 20))
    await Administration(engine).add_account("acme", "pw", lookup_price="0.1")
    await ChargingAdministration(engine, clock).add("acme", "1")
    administration = LookupAdministration(engine, clock)
    await administration.add_back_end("hlr", "test", "{}")
    await administration.import_table("own", [(385915369423, "219100000000002", "38591016", 0)])
    await administration.add_back_end("own", "subscribers", '{"table":"own"}')
    await administration.add_rule(["hlr"], prefix="38591536942")
    await administration.add_rule(["own"], prefix="385915369423", place=0)
    await core.resume()
    await core.settings.load()
    core.back_ends.put(await administration.back_end("hlr"), BackEnd())
    (account,) = (await Administration(engine).rows()).accounts
    client = Client(core, 3)
    core.lookup_deliveries.bound(account.id, client)
    numbers = [KNOWN, UNANSWERED, "385915369423"]
    for number in numbers:
        core.enquiries.submit(account, number, client)
    await client.done.addTimeout(20, reactor)
    assert {one.number: (one.error, one.price) for one in client.answers} == {
        KNOWN: (27, "0.1"),
        UNANSWERED: (502, "0"),
        "385915369423": (0, "0.1"),
    }
    answers = await core.enquiries.query(account, [*numbers, "nonsense"], "bulk")
    assert [one.status for one in answers] == [9, 9, 5, 52]
    await core.journal.drain()
    page = await core.lookup_rows.page(Search(account.id, 0, 2**63 - 1, 50, bulk_ids=("bulk",)))
    assert [one.number for one in page] == numbers[::-1]
    assert await core.lookup_rows.owed(account.id, 9) == []
    assert sorted(client.stored_ids) == client.stored_ids
    (sums,) = await Credit(engine).sums()
    assert sums.balance == sums.ledger == 600_000
    assert core.charging.left(account.id) == 600_000
    await engine.close()


async def test_messages_are_routed_by_what_was_found_and_remembered(database: Database) -> None:
    engine = database.engine()
    engine.prepare(NOON, exclusive=False)
    await engine.open()
    core = Core(engine, reactor, lambda *_: Deferred(), Bounds(10_000, 20, 20))
    administration = Administration(engine)
    await administration.add_account("acme", "pw", lookup_first=1, lookup_price="0.1")
    await ChargingAdministration(engine, reactor).add("acme", "1")
    await administration.add_network("38591", "21902")
    for name in ("first", "second"):
        await administration.add_channel(name, "smpp", "{}")
    routes = RouteAdministration(engine, reactor)
    lines = ["network,channel,price,lookup\n", ",first,0.05,1\n", "21910,second,0.02,0\n"]
    assert await routes.put(lines) == (2, 0, 0)
    assert await routes.put([lines[0], ",first,0.05,0\n"]) == (0, 1, 0)
    assert [line["lookup"] for line in await routes.lines()] == [0, 0]
    lookups = LookupAdministration(engine, reactor)
    await lookups.add_back_end("hlr", "test", "{}")
    await lookups.add_rule(["hlr"])
    await core.resume()
    await core.settings.load()
    core.back_ends.put(await lookups.back_end("hlr"), BackEnd())
    (account,) = (await administration.rows()).accounts
    submitter = Submitter()
    for _ in range(2):  # The second time from memory.
        requests = [Request(account, "smsd", number, content()) for number in (KNOWN, UNANSWERED)]
        homes = core.homes.find(account, requests)
        if isinstance(homes, Deferred):
            homes = await homes
        assert {to: home.mccmnc for to, home in homes.items()} == {KNOWN: "21910"}
        for request in requests:
            core.submission.submit(request._replace(home=homes.get(request.destination)), submitter)
        await core.journal.drain()
        core.lookup_memory.apply(None)
    rows = await engine.read(Call(Query("SELECT destination, network, price FROM message ORDER BY id")))
    assert [tuple(row) for row in rows] == [(KNOWN, "21910", "0.02"), (UNANSWERED, "21902", "0.05")] * 2
    page = await core.lookup_rows.page(Search(account.id, 0, 2**63 - 1, 50))
    assert sorted((one.number, one.network, one.package, one.price) for one in page) == [
        (KNOWN, "21910", "portability", "0.1"),
        *[(UNANSWERED, "21902", "portability", "0")] * 2,
    ]
    (sums,) = await Credit(engine).sums()
    assert sums.balance == sums.ledger == core.charging.left(account.id) == 760_000
    await engine.close()

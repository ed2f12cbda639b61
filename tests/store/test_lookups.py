"""Lookups, what is known of numbers, and tables of subscribers, on every database."""

from __future__ import annotations

from typing import Any

from smsd.numbering.context import Context, Network
from smsd.store import lookups
from smsd.store.engine import Call, Engine
from smsd.store.lookup_known import KNOWN, Known, LookupKnown, row_of
from smsd.store.lookups import ANSWERED, ASKED, Found, Lookup, Lookups, Search
from smsd.store.subscribers import Subscriber, SubscriberTables
from tests.stores import NOON

FOUND = Found(
    Context(0, True, "219100000000001", original=Network("VipNet", mccmnc="21910"), ported=False),
    "MOBILE",
    5,
    {"presence": "hlr"},
)


def lookup(id: int, **fields: Any) -> Lookup:
    values: dict[str, Any] = {
        "account_id": 1,
        "state": 1,
        "way": 1,
        "report": 1,
        "bulk_id": None,
        "number": "385915369421",
        "package": "roaming",
        "asked_at": NOON,
        "done_at": NOON + 1,
        "status": 5,
        "error": 0,
        "network": "21910",
        "price": "0.01",
        "found": FOUND,
    }
    return Lookup(id, **(values | fields))


async def ask(engine: Engine, *asked: Lookup) -> None:
    await engine.write(Call(ASKED, [lookups._asked_row(one) for one in asked]))


async def test_a_lookup_comes_back_as_it_was(engine: Engine) -> None:
    pending = {"found": None, "state": 0, "done_at": None, "report": 0, "notify_url": "http://x"}
    asked = [lookup(1), lookup(2, bulk_id="b", **pending)]
    await ask(engine, *asked)
    await ask(engine, *asked)
    rows = Lookups(engine)
    assert await rows.by_ids([1, 2, 3]) == asked
    assert await rows.newest_id() == 2
    assert await rows.owed(1, 9) == asked[:1]
    assert await rows.owed(2, 9) == []
    assert await rows.pending(0, 9, 9) == asked[1:]
    assert await rows.pending(0, 1, 9) == []


async def test_the_first_answer_stands(engine: Engine) -> None:
    await ask(engine, lookup(1, found=None, state=0, report=0))
    for found in (FOUND, Found(Context(27), "", 9)):
        answered = lookup(1, found=found, error=found.error)
        await engine.write(Call(ANSWERED, [lookups._answered_row(answered)]))
    (one,) = await Lookups(engine).by_ids([1])
    assert (one.found, one.error, one.report, one.state) == (FOUND, 0, 1, 1)


async def test_pages_of_the_log(engine: Engine) -> None:
    await ask(
        engine,
        lookup(1, bulk_id="b"),
        lookup(2, number="41790000001", network="22801"),
        lookup(3, status=9, error=27, network=""),
        lookup(4, account_id=2),
    )
    everything = Search(1, 0, 2**63 - 1, 9)

    async def ids(**fields: Any) -> list[int]:
        values = {name: getattr(everything, name) for name in Search.__struct_fields__}
        return [one.id for one in await Lookups(engine).page(Search(**(values | fields)))]

    assert await ids() == [3, 2, 1]
    assert await ids(limit=2) == [3, 2]
    assert await ids(since=2) == [3, 2]
    assert await ids(until=2) == [2, 1]
    assert await ids(number="41790000001") == [2]
    assert await ids(bulk_ids=("a", "b")) == [1]
    assert await ids(ids=(1, 4)) == [1]
    assert await ids(ids=()) == []
    assert await ids(statuses=(9, 4)) == [3]
    assert await ids(statuses=()) == []
    assert await ids(mcc="228") == [2]
    assert await ids(mcc="219", mnc="10") == [1]
    assert await ids(mnc="01") == [2]


async def test_what_is_done_with_is_removed_and_what_nobody_takes_is_given_up(engine: Engine) -> None:
    await ask(engine, lookup(1), lookup(2, report=0), lookup(3, state=0, report=0), lookup(4, report=0))
    rows = Lookups(engine)
    assert await rows.remove_before(4, 9) == 1
    assert await rows.give_up(4, 9) == 1
    assert await rows.remove_before(9, 1) == 1
    assert await rows.remove_before(9, 9) == 1
    assert [one.id for one in await rows.pending(0, 9, 9)] == [3]


async def test_what_is_set_aside_is_owed_again_one_by_one_or_all(engine: Engine) -> None:
    await ask(engine, *(lookup(id, report=3) for id in (1, 2, 3)), lookup(4))
    rows = Lookups(engine)
    assert [one.id for one in await rows.set_aside(2)] == [1, 2]
    assert await rows.retry(2) == 1
    assert await rows.retry(4) == 0
    assert await rows.retry(None) == 2
    assert len(await rows.owed(1, 9)) == 4


async def test_what_is_known_of_a_number(engine: Engine) -> None:
    known = LookupKnown(engine)
    first = Known("hlr", NOON, Context(0, serving_msc="38591016"))
    later = Known("peer", NOON + 9, Context(27))
    empty = Known("peer", NOON + 5, Context())
    for at, one in ((4, first), (2, empty), (4, later)):
        await engine.write(Call(KNOWN, [row_of("385915369421", at, one)]))
    await engine.write(Call(KNOWN, [row_of("41790000001", 4, first)]))
    assert await known.find(["385915369421", "41790000001", "1"]) == {
        "385915369421": {4: later, 2: empty},
        "41790000001": {4: first},
    }
    assert await known.remove(NOON - 1, 9, 9) == 0
    assert await known.remove(NOON, 9, 9) == 1
    assert await known.remove(NOON, 1, 9) == 1  # The oldest beyond one.
    assert await known.find(["385915369421"]) == {"385915369421": {4: later}}
    assert await known.forget("385915369421") == 1
    assert await known.forget(None) == 0


async def test_a_table_of_subscribers_is_replaced_without_a_gap(engine: Engine) -> None:
    tables = SubscriberTables(engine)
    id, version = await tables.begin("own")
    await tables.add(id, version, [(385911, "2191", "38591016", 0), (385911, "2192", "", 27)])
    assert await tables.find("own", ["385911"]) == {}
    assert await tables.take(id, version, NOON) == 1
    assert await tables.find("own", ["385911", "385912"]) == {"385911": Subscriber("2192", "", 27)}
    again = await tables.begin("own")
    assert again == (id, version + 1)
    await tables.add(*again, [(385912, "", "", 0), (385913, "", "", 0)])
    assert list(await tables.find("own", ["385911", "385912"])) == ["385911"]
    assert await tables.remove_old(9) == 0
    assert await tables.take(*again, NOON) == 2
    assert list(await tables.find("own", ["385911", "385912"])) == ["385912"]
    assert await tables.take(id, version, NOON) is None
    assert [(one.name, one.count) for one in await tables.tables()] == [("own", 2)]
    assert await tables.remove_old(9) == 1
    assert await tables.remove_old(9) == 0
    assert list(await tables.find("own", ["385911", "385912"])) == ["385912"]
    assert await tables.find("other", ["385912"]) == {}
    assert await tables.drop("own")
    assert not await tables.drop("own")
    assert await tables.find("own", ["385912"]) == {}
    assert await tables.remove_old(1) == 1
    assert await tables.remove_old(9) == 1
    assert await tables.tables() == []

"""Tracked messages, links and clicks in their tables, on both databases."""

from __future__ import annotations

from typing import Any

from smsd.store.engine import Call, Engine, Query
from smsd.store.journal import Journal
from smsd.store.links import Click, LinkChanges, LinkRows, Rate, Tracked, Which, changes_of
from tests.stores import NOON, Submitter, clock_at_noon, message

URL = "http://a.example/"


class Table:
    """The tables, written as a node does."""

    def __init__(self, engine: Engine) -> None:
        self.clock = clock_at_noon()
        self.journal = Journal(engine, self.clock, 10_000)
        self.changes = LinkChanges(self.journal)
        self.links = LinkRows(engine)
        self.submitter = Submitter()
        self.clicked: list[Click] = []
        self._engine = engine

    def accept(
        self, id: int, *tokens: str, type: str = "", client_id: str | None = None, **fields: Any
    ) -> None:
        new = message(id, **fields)
        new.client_id = client_id
        tracked = Tracked("URL", "", type, tuple((token, URL + token) for token in tokens))
        self.journal.accept(new, self.submitter, 0, *changes_of(new, tracked))

    def click(self, id: int, message_id: int, *, machine: bool = False, token: str | None = None) -> None:
        click = Click(
            *(id, message_id, 1, token or f"t{message_id}", NOON + id, "385", "91", "IOS", machine),
            *("", None, None, "", "", ""),
        )
        self.changes.clicked(click, (), self.clicked.append)

    async def commit(self) -> None:
        self.clock.advance(0)
        await self.journal.drain()

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return await self._engine.read(Call(Query(sql)))

    async def counts(self) -> list[tuple[Any, ...]]:
        return await self.rows(
            "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM tracked),"
            " (SELECT count(*) FROM link), (SELECT count(*) FROM click)"
        )


async def test_a_link_is_found_with_its_message_as_soon_as_that_is_stored(engine: Engine) -> None:
    table = Table(engine)
    table.accept(1, "one", "two", type="A", client_id="mine", bulk_id="b")
    await table.commit()
    assert table.submitter.heard == [("stored", 1)]
    assert sorted(link.token for link in await table.links.find(["one", "two", "three"])) == ["one", "two"]
    (found,) = await table.links.find(["two"])
    assert (found.message_id, found.url, found.account_id, found.client_id) == (1, URL + "two", 1, "mine")
    assert (found.bulk_id, found.destination, found.process_key, found.type) == ("b", "385911234567", "", "A")
    assert (found.persons, found.machines) == (0, 0)
    assert await table.links.find([]) == []


async def test_a_message_whose_token_is_another_s_is_refused_with_its_links(
    engine: Engine,
) -> None:
    table = Table(engine)
    table.accept(1, "one")
    await table.commit()
    for id, token in ((2, "two"), (3, "one"), (4, "four")):
        table.accept(id, token, f"other{id}")
    await table.commit()
    assert sorted(table.submitter.heard) == [("not stored", 3), ("stored", 1), ("stored", 2), ("stored", 4)]
    assert await table.counts() == [(3, 3, 5, 0)]
    assert [(link.token, link.message_id) for link in await table.links.find(["one"])] == [("one", 1)]


async def test_the_first_click_of_a_person_is_told_and_all_are_counted(engine: Engine) -> None:
    table = Table(engine)
    table.accept(1, "t1")
    table.accept(2, "t2")
    await table.commit()
    table.click(11, 1, machine=True)
    for id, message_id in ((12, 1), (13, 1), (14, 2)):
        table.click(id, message_id)
    await table.commit()
    table.click(15, 1)
    await table.commit()
    assert {click.id: click.first for click in table.clicked} == {
        **{11: False, 12: True, 13: False, 14: True, 15: False}
    }
    assert table.changes.unstored == 0
    assert await table.rows("SELECT message_id, click_id, clicks FROM tracked ORDER BY 1") == [
        (1, 12, 3),
        (2, 14, 1),
    ]
    (found,) = await table.links.find(["t1"])
    assert (found.persons, found.machines) == (3, 1)
    told = await table.links.clicks(1, Which(), 10)
    assert [(click.id, click.first, click.machine) for click in told] == [
        *((15, False, False), (14, True, False), (13, False, False), (12, True, False), (11, False, True))
    ]
    assert await table.links.newest_id() == 15


async def test_a_click_that_is_stored_twice_counts_once(engine: Engine) -> None:
    table = Table(engine)
    table.accept(1, "t1")
    await table.commit()
    for _ in range(2):  # As after a commit whose answer was lost.
        table.click(11, 1)
        await table.commit()
    assert [click.first for click in table.clicked] == [True, True]
    assert await table.rows("SELECT click_id, clicks FROM tracked") == [(11, 1)]
    assert len(await table.links.clicks(1, Which(), 10)) == 1


async def test_a_delivery_counts_if_it_was_the_message_s_end(engine: Engine) -> None:
    table = Table(engine)
    for id in (1, 2, 3):
        table.accept(id)
    await table.commit()
    for id, first, second in ((1, 5, 15), (2, 15, 5)):
        for status in (first, second):
            table.journal.final(id, status, 0, NOON + status, 0, lambda _: None)
            if status == 5:
                table.changes.delivered(id, status, NOON + status)
            await table.commit()
    assert await table.rows("SELECT message_id, delivered_at FROM tracked ORDER BY 1") == [
        (1, NOON + 5),
        (2, None),
        (3, None),
    ]


async def test_a_conversion_is_stored_once(engine: Engine) -> None:
    table = Table(engine)
    table.accept(1, client_id="mine")
    await table.commit()
    assert await table.links.convert(1, "mine", NOON + 1) == ""
    assert await table.links.convert(1, "1", NOON + 2) == ""
    assert await table.links.convert(2, "mine", NOON + 3) is None
    assert await table.links.convert(1, "other", NOON + 3) is None
    assert await table.rows("SELECT converted_at FROM tracked") == [(NOON + 1,)]


async def test_rates_are_those_of_the_messages_asked_for(engine: Engine) -> None:
    table = Table(engine)
    table.accept(1, "t1", bulk_id="a", type="A")
    table.accept(2, "t2", bulk_id="a", type="A", due_at=NOON + 100)
    table.accept(3, "t3", bulk_id="b", type="B", due_at=NOON + 200, client_id="mine")
    table.accept(4, "t4", bulk_id="a", account_id=2)
    await table.commit()
    table.click(11, 1)
    table.click(12, 3)
    table.click(13, 3)
    table.click(14, 4)
    await table.commit()
    a, b = Rate("a", "URL", "", "A", 2, 0, 1, 1, 0), Rate("b", "URL", "", "B", 1, 0, 1, 2, 0)
    for which, expected in (
        (Which(), [b, a]),
        (Which(bulk_ids=["a"]), [a]),
        (Which(types=["B"], process_keys=[""]), [b]),
        (Which(message_ids=["mine", "17"]), [b]),
        (Which(message_ids=["3"]), [b]),
        (Which(since=NOON + 200), [b]),
        (Which(since=NOON + 200, until=NOON + 200), []),
        (Which(bulk_ids=["a"], since=NOON + 50), [a._replace(messages=1, clicked=0, clicks=0)]),
    ):
        assert await table.links.rates(1, which, 10) == expected, which
    assert await table.links.rates(1, Which(), 1) == [b]
    for which, clicks in (
        (Which(bulk_ids=["a", "b"]), [13, 12, 11]),
        (Which(message_ids=["mine"]), [13, 12]),
        (Which(since=NOON + 12, until=NOON + 13), [12]),
        (Which(bulk_ids=["b"], since=NOON + 13), [13]),
    ):
        assert [click.id for click in await table.links.clicks(1, which, 10)] == clicks, which


async def test_what_is_old_is_removed_in_steps_the_oldest_first(engine: Engine) -> None:
    table = Table(engine)
    for id in (1, 2, 3, 4):
        table.accept(id, f"t{id}", f"u{id}", due_at=NOON + id)
    await table.commit()
    for id in (1, 4):
        table.click(10 + id, id)
    await table.commit()
    assert await table.links.remove_before(NOON + 4, 2) == 2
    assert [link.token for link in await table.links.find(["t1", "t2", "t3", "t4"])] == ["t3", "t4"]
    assert await table.links.remove_before(NOON + 4, 2) == 1
    assert await table.links.remove_before(NOON + 4, 2) == 0
    assert await table.counts() == [(4, 1, 2, 1)]
    table.click(19, 1)  # Its link is still in somebody's memory.
    await table.commit()
    assert [click.id for click in table.clicked] == [11, 14, 19]
    assert await table.counts() == [(4, 1, 2, 1)]

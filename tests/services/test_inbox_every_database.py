"""What subscribers send, on every database, in real time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_twisted

from smsd.services.administration import Administration
from tests.services.received import NUMBER, original, segments
from tests.services.test_every_database import Life
from tests.stores import NOON, Database


class Place(Life):
    """A life with an operator that brings messages and waits for each answer."""

    taken = 0

    def answer(self, on_disk: bool) -> None:
        assert on_disk, "The database is there."
        self.taken += 1
        self._happened()


@pytest_twisted.async_yield_fixture
async def place(database: Database) -> AsyncIterator[Place]:
    engine = database.engine()
    engine.prepare(NOON, exclusive=True)
    await engine.open()
    administration = Administration(engine)
    await administration.add_account("demo", "secret")
    await administration.add_number(NUMBER, "demo")
    await administration.add_number(NUMBER, "demo", "smpp", "smpp")
    place = Place(engine)
    await place.core.resume()
    await place.core.settings.load()
    yield place
    await place.drain()
    await engine.close()


async def test_messages_are_fetched_or_delivered_once(place: Place) -> None:
    account_id = place.rows.accounts[0].id
    place.deliveries.bound(account_id, place)
    for number in range(50):
        place.core.inbox.take(1, original(f"{number}"), place.answer)
        place.core.inbox.take(1, original(f"smpp {number}"), place.answer)
    await place.until(lambda: place.taken == 100 and len(place.delivered) == 50)
    await place.drain()
    fetched = await place.core.inbox.fetch(account_id, 30) + await place.core.inbox.fetch(account_id, 30)
    assert [one.text for one in fetched] == [f"{number}" for number in range(50)]
    assert [one.text for one in place.delivered] == [f"smpp {number}" for number in range(50)]  # type: ignore[attr-defined]
    assert await place.core.received.owed(account_id, 10) == []


async def test_a_node_that_was_killed_puts_segments_together_where_the_table_is(place: Place) -> None:
    account_id = place.rows.accounts[0].id
    parts = segments("smp", "p one ", "two")
    others = segments("another ", "one", reference=8)
    for one in (parts[2], others[1], parts[0]):
        place.core.inbox.take(1, one, place.answer)
    await place.until(lambda: place.taken == 3)
    again = Place(place.engine)
    await again.core.resume()
    await again.core.settings.load()
    again.deliveries.bound(account_id, again)
    for one in (others[0], parts[1], parts[1]):
        again.core.inbox.take(1, one, again.answer)
    await again.until(lambda: again.taken == 3 and len(again.delivered) == 3)
    await again.drain()
    # A session may have them in the order in which they came, from the table, or in that of the text.
    delivered = [one.original for one in again.delivered]  # type: ignore[attr-defined]
    assert sorted(delivered, key=parts.index) == parts
    (whole,) = await again.core.inbox.fetch(account_id, 10)
    assert (whole.text, whole.segments) == ("another one", 2)
    assert await again.core.received.segments() == []

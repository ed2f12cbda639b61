"""Failover on every database, in real time, with two operators of which one refuses or is down."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from smsd.services.administration import Administration
from smsd.services.dispatch import Outbox
from smsd.services.route_administration import RouteAdministration
from smsd.services.statuses import DELIVERED_TO_HANDSET
from smsd.store.messages import Message, State
from tests.services.rig import DELIVERED
from tests.services.test_every_database import Life
from tests.services.test_every_database import life as life  # The fixture.
from tests.stores import content


class Failing:
    """A node with a second operator, who takes what the first one does not."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.taken: list[int] = []
        first, second = (channel.id for channel in life.rows.channels)
        self.first, self.second = life.dispatch.outbox(first), life.dispatch.outbox(second)

    def refuse(self) -> None:
        """Let the first operator refuse all that it gets."""

        def send() -> None:
            while (message := self.first.take()) is not None:
                self.first.refused(message, temporary=False, error=255, elsewhere=True)

        self.first.attach(send)

    def take(self) -> None:
        """Let the second operator take and deliver all that it gets."""

        def send() -> None:
            while (message := self.second.take()) is not None:
                self.taken.append(message.id)
                self._deliver(self.second, message)

        self.second.attach(send)

    def _deliver(self, outbox: Outbox, message: Message) -> None:
        numbers = range(1, message.segments + 1) if message.segments > 1 else (0,)
        for number in numbers:
            outbox.taken(message, number, f"{message.id}-{number}")
            outbox.receipt((f"{message.id}-{number}",), DELIVERED, self.life._acknowledge)

    async def until_delivered(self, count: int) -> None:
        life = self.life
        life.deliveries.bound(life.rows.accounts[0].id, life)
        await life.until(lambda: len(life.delivered) == count)
        await life.drain()

    def stop(self) -> None:
        for outbox in (self.first, self.second):
            outbox.attach(None)


@pytest_twisted.async_yield_fixture
async def failing(life: Life) -> AsyncIterator[Failing]:
    administration = Administration(life.engine)
    await administration.add_channel("backup", "smpp", "{}")
    await administration.add_route("backup", priority=-1, cost="0.02")
    await life.until(lambda: len(life.rows.routes) == 2)
    life.core.failover.startService()
    failing = Failing(life)
    yield failing
    failing.stop()
    life.core.failover.stopService()


async def test_what_one_operator_refuses_the_next_delivers_once(failing: Failing) -> None:
    failing.refuse()
    failing.take()
    ids = [failing.life.submit() for _ in range(50)]
    ids += [failing.life.submit(content=content(b"x" * 400)) for _ in range(10)]
    await failing.until_delivered(60)
    assert sorted(failing.taken) == ids
    messages = await failing.life.messages.by_ids(ids)
    assert {(one.state, one.status, one.cost, one.channel_id) for one in messages} == {
        (State.FINAL, DELIVERED_TO_HANDSET, "0.02", failing.second.channel_id)
    }
    assert {one.tried for one in messages} == {str(failing.first.channel_id)}


async def test_what_waits_for_a_channel_that_is_down_is_delivered_by_another_once(failing: Failing) -> None:
    ids = [failing.life.submit() for _ in range(100)]  # More than memory holds here.
    await failing.life.until(lambda: len(failing.life.stored_ids) == 100)
    first = failing.first.take()
    assert first is not None
    failing.take()
    say = failing.life.core.channel_states.say
    say(failing.first.channel_id, up=False, bound=0, wanted=1, grace=0.1)
    await failing.until_delivered(99)
    assert sorted([first.id, *failing.taken]) == ids
    say(failing.first.channel_id, up=True, bound=1, wanted=1)
    failing.first.taken(first, 0, "its own")
    back = failing.life.submit()
    await failing.life.until(lambda: back in failing.life.stored_ids)
    await failing.life.drain()
    (message,) = await failing.life.messages.by_ids([back])
    assert message.channel_id == failing.first.channel_id


async def test_a_node_that_was_killed_while_messages_moved_goes_on(failing: Failing) -> None:
    ids = [failing.life.submit() for _ in range(60)]
    await failing.life.until(lambda: len(failing.life.stored_ids) == 60)
    failing.refuse()
    failing.stop()
    await failing.life.drain()
    again = Life(failing.life.engine)
    await again.core.resume()
    await again.core.settings.load()
    restarted = Failing(again)
    restarted.refuse()
    restarted.take()
    await restarted.until_delivered(60)
    assert sorted(restarted.taken) == ids
    restarted.stop()
    await deferLater(reactor, 0)


async def test_a_file_of_routes(failing: Failing) -> None:
    routes = RouteAdministration(failing.life.engine, reactor)
    lines = ["prefix,channel,price,cost\n", "385,backup,0.05,0.01\n", "49,operator,0.05,0.01\n"]
    assert await routes.put(lines) == (2, 0, 0)
    lines[1] = "385,backup,0.06,0.01\n"
    assert await routes.put(lines[:2], replace_all=True) == (0, 1, 3)
    assert [(line["prefix"], line["price"]) for line in await routes.lines()] == [("385", "0.06")]

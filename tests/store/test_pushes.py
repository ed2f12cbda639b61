"""Pushes in the table, on both databases."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from smsd.store.engine import Call, Engine, Query
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, Notify, Report, State
from smsd.store.pushes import (
    FIRST,
    Form,
    Kind,
    Lane,
    Push,
    PushChanges,
    Pushes,
    Waiting,
    intermediate_push,
    lane_of,
    received_push,
    report_push,
)
from smsd.store.received import Received, ReceivedChanges, ReceivedMessages
from smsd.store.received import State as ReceivedState
from tests.store.test_received import received
from tests.stores import NOON, Submitter, clock_at_noon, content, message

URL = "https://client.example/reports?key=1"
OTHER = "https://other.example/"


def final(id: int, url: str = URL, xml: bool = False, **fields: Any) -> Message:
    """Return a message that has ended, and whose client wants its report pushed."""
    made = message(id, state=State.FINAL, report=Report.PUSH, **fields)
    made.content = replace(content(), notify=Notify(url, xml, True))
    made.done_at, made.status = NOON, 5
    return made


def coming(id: int, **fields: Any) -> Received:
    return received(id, state=int(ReceivedState.PUSH), **fields)


class Table:
    """The tables, written as a node does."""

    def __init__(self, engine: Engine) -> None:
        self.clock = clock_at_noon()
        self.journal = Journal(engine, self.clock, 10_000)
        self.changes = PushChanges(self.journal)
        self.pushes = Pushes(engine)
        self.messages = Messages(engine)
        self.inbox = ReceivedMessages(engine)
        self._arrivals = ReceivedChanges(self.journal)
        self.submitter = Submitter()
        self.told = 0
        self._engine = engine

    def tell(self) -> None:
        self.told += 1

    async def store(self, *items: Message | Received | Push) -> None:
        for item in items:
            if isinstance(item, Message):
                self.journal.accept(item, self.submitter)
            elif isinstance(item, Received):
                self._arrivals.arrived(item, _Bringer())
            else:
                self.changes.push(item, self.tell)
        await self.commit()

    async def commit(self) -> None:
        self.clock.advance(0)
        await self.journal.drain()

    async def ids(self) -> list[int]:
        return [id for (id,) in await self._engine.read(Call(Query("SELECT id FROM push ORDER BY id")))]

    async def owed(self) -> dict[int, int]:
        """Return what each message still owes, and what state each received one is in."""
        query = Query("SELECT id, report FROM message UNION ALL SELECT id, state FROM received ORDER BY 1")
        return dict(await self._engine.read(Call(query)))

    async def due(self, url: str = URL, now: float = NOON, limit: int = 100) -> list[Push]:
        return await self.pushes.due(lane_of(1, url), now, limit)


class _Bringer:
    def stored(self, received: Received) -> None:
        pass

    def not_stored(self, received: Received) -> None:
        raise AssertionError("The database is there.")


async def test_what_is_due_comes_as_it_was_stored_with_what_it_is_about(engine: Engine) -> None:
    table = Table(engine)
    first, second, waiting = final(2**62 + 1), final(2**62 + 2, xml=True), message(9, state=State.QUEUED)
    waiting.content = replace(content(), notify=Notify(URL))
    came = coming(4)
    pushes = [
        report_push(second, NOON - 1),
        report_push(first, NOON),
        intermediate_push(5, waiting, 107, NOON),
        received_push(came, URL, Form.POST, NOON),
    ]
    await table.store(first, second, waiting, came, *pushes, report_push(final(3, OTHER), NOON))
    assert table.told == 5
    found = await table.due()
    assert [one.id for one in found] == [2**62 + 2, 4, 5, 2**62 + 1]
    assert [one.item for one in found] == [second, came, waiting, first]
    by_id = {one.id: one for one in pushes}
    for one in found:
        assert one == by_id[one.id]
    assert [(one.form, one.kind, one.error) for one in found] == [
        (Form.XML, Kind.REPORT, 0),
        (Form.POST, Kind.RECEIVED, 0),
        (Form.JSON, Kind.INTERMEDIATE, 107),
        (Form.JSON, Kind.REPORT, 0),
    ]
    assert [one.id for one in await table.due(limit=2)] == [2**62 + 2, 4]
    assert [one.id for one in await table.due(now=NOON - 1)] == [2**62 + 2]
    assert await table.due(OTHER) == []


async def test_what_is_no_longer_there_comes_without_it(engine: Engine) -> None:
    table = Table(engine)
    one, came = final(1), coming(2)
    await table.store(one, came, report_push(one, NOON), received_push(came, URL, Form.GET, NOON))
    await engine.write(Call(Query("DELETE FROM message")), Call(Query("DELETE FROM received")))
    assert [(push.id, push.item) for push in await table.due()] == [(1, None), (2, None)]


async def test_only_what_wants_to_be_pushed_is_stored(engine: Engine) -> None:
    table = Table(engine)
    unwanted: list[Message | Received] = [
        message(1, state=State.FINAL, report=Report.FETCH),
        message(2, state=State.QUEUED, report=Report.PUSH),
        message(3, state=State.FINAL, report=Report.NONE),
        received(4),
    ]
    await table.store(*unwanted)
    await table.store(
        *(report_push(final(id), NOON) for id in (1, 2, 3, 99)),
        received_push(coming(4), URL, Form.GET, NOON),
        intermediate_push(6, final(2), 1, NOON),
    )
    assert await table.ids() == [6]


async def test_a_push_that_is_stored_twice_stays_as_it_was(engine: Engine) -> None:
    table = Table(engine)
    one = final(1)
    push = report_push(one, NOON)
    await table.store(one, push)
    push.attempts, push.due_at, push.failure = 3, NOON + 600, "It rains."
    table.changes.later(push, table.tell)
    await table.commit()
    await table.store(replace(push, attempts=0, due_at=NOON, failure=""))
    assert (await table.due()) == []
    (found,) = await table.due(now=NOON + 600)
    assert (found.attempts, found.failure) == (3, "It rains.")


async def test_what_was_pushed_is_gone_and_not_fetched(engine: Engine) -> None:
    table = Table(engine)
    one, came = final(1), coming(2)
    pushes = [report_push(one, NOON), received_push(came, URL, Form.GET, NOON)]
    await table.store(one, came, *pushes)
    assert await table.messages.fetch(1, [], [], 10, NOON) == []
    assert await table.inbox.fetch(1, 10, NOON) == []
    for push in pushes:
        table.changes.pushed(push, NOON + 1, table.tell)
    await table.commit()
    assert await table.ids() == []
    assert await table.owed() == {1: Report.NONE, 2: ReceivedState.DONE}
    times = Query("SELECT reported_at FROM message UNION ALL SELECT done_at FROM received")
    assert await engine.read(Call(times)) == [(NOON + 1,), (NOON + 1,)]
    assert table.told == 4


async def test_what_waits_may_be_fetched_unless_it_is_claimed_first(engine: Engine) -> None:
    table = Table(engine)
    messages, came = [final(id) for id in (1, 2, 3)], [coming(id) for id in (4, 5, 6)]
    pushes = [report_push(one, NOON) for one in messages]
    pushes += [received_push(one, URL, Form.GET, NOON) for one in came]
    pushes.append(intermediate_push(7, messages[0], 1, NOON))
    await table.store(*messages, *came, *pushes)
    for push in pushes:
        push.attempts, push.due_at, push.failure = 1, NOON + 60, "No."
        table.changes.later(push, table.tell)
    await table.commit()
    assert set((await table.owed()).values()) == {Report.FETCH}  # Also the number of a received message's.
    assert int(ReceivedState.INBOX) == int(Report.FETCH)
    assert await table.pushes.claim([pushes[1], pushes[4]]) == {2, 5}
    assert [one.id for one in await table.messages.fetch(1, [], ["1", "2"], 10, NOON)] == [1]
    assert [one.id for one in await table.inbox.fetch(1, 1, NOON)] == [4]
    assert await table.pushes.claim(pushes) == {2, 3, 5, 6, 7}
    assert await table.messages.fetch(1, [], [], 10, NOON) == []
    assert await table.inbox.fetch(1, 10, NOON) == []
    assert await table.pushes.claim([]) == set()


async def test_what_is_given_up_is_in_the_logs_or_in_the_inbox(engine: Engine) -> None:
    table = Table(engine)
    one, came = final(1), coming(2)
    pushes = [report_push(one, NOON), received_push(came, URL, Form.GET, NOON)]
    await table.store(one, came, *pushes)
    for push in pushes:
        table.changes.given_up(push, table.tell)
    await table.commit()
    assert await table.ids() == []
    assert await table.owed() == {1: Report.NONE, 2: ReceivedState.INBOX}


async def test_what_has_been_fetched_is_not_owed_again_by_a_push_that_fails(engine: Engine) -> None:
    table = Table(engine)
    one, came = final(1), coming(2)
    pushes = [report_push(one, NOON), received_push(came, URL, Form.GET, NOON)]
    await table.store(one, came, *pushes)
    for _ in range(2):  # The second time as after an answer that was lost.
        for push in pushes:
            table.changes.later(push, table.tell)
        await table.commit()
        await table.messages.fetch(1, [], [], 10, NOON)
        await table.inbox.fetch(1, 10, NOON)
        assert await table.owed() == {1: Report.NONE, 2: ReceivedState.DONE}


async def test_once_more(engine: Engine) -> None:
    table = Table(engine)
    done, waiting, unfinished = final(1), final(2), message(3, state=State.QUEUED)
    came, sessions = coming(4), received(5, state=int(ReceivedState.WAITING))
    pushes = [report_push(done, NOON), report_push(waiting, NOON), received_push(came, URL, Form.GET, NOON)]
    await table.store(done, waiting, unfinished, came, sessions, *pushes)
    for push in (pushes[0], pushes[2]):
        table.changes.pushed(push, NOON, table.tell)
    pushes[1].attempts, pushes[1].due_at, pushes[1].failure = 7, NOON + 999, "No."
    table.changes.later(pushes[1], table.tell)
    await table.commit()
    again = [
        report_push(done, NOON - 5),
        report_push(waiting, NOON - 5),
        report_push(final(3), NOON - 5),
        received_push(came, OTHER, Form.JSON, NOON - 5),
        received_push(sessions, URL, Form.GET, NOON - 5),
    ]
    assert await table.pushes.once_more(again) == 3
    assert await table.owed() == {1: 4, 2: 4, 3: Report.RECEIPT, 4: 7, 5: 1}
    assert [(one.id, one.attempts, one.due_at, one.failure) for one in await table.due()] == [
        (1, 0, NOON - 5, ""),
        (2, 0, NOON - 5, ""),
    ]
    (moved,) = await table.due(OTHER)
    assert (moved.id, moved.form) == (4, Form.JSON)
    assert await table.pushes.once_more([]) == 0


async def test_lanes_are_found_one_after_another(engine: Engine) -> None:
    table = Table(engine)
    urls = [f"https://client.example/{number}?x={number}" for number in range(7)]
    messages = [final(10 * number + n, url) for number, url in enumerate(urls) for n in (1, 2, 3)]
    pushes = [report_push(one, NOON) for one in messages]
    for push in pushes[:3]:
        push.due_at = NOON + 1
    await table.store(*messages, *pushes)
    expected = sorted(
        (Lane(lane_of(1, url), 1, url.partition("?")[0]) for url in urls), key=lambda one: one.id
    )
    later = lane_of(1, urls[0])
    found, place = [], FIRST
    for _ in range(4):
        lanes, more = await table.pushes.lanes(place, NOON, 2)
        found += lanes
        if more is None:
            break
        place = more
    assert found == [one for one in expected if one.id != later]
    assert more is None
    assert await table.pushes.lanes(FIRST, NOON + 1, 7) == (expected, expected[-1].id)
    assert await table.pushes.lanes(expected[-1].id, NOON + 1, 7) == ([], None)
    assert await table.pushes.lanes(FIRST, NOON + 1, 100) == (expected, None)


async def test_a_lane_is_found_again_when_something_of_it_is_due_again(engine: Engine) -> None:
    table = Table(engine)
    messages = [final(1), final(2), final(3, URL + "&x=2"), final(4, OTHER), final(5, OTHER)]
    pushes = [report_push(one, NOON) for one in messages]
    await table.store(*messages, *pushes)
    assert await table.pushes.due_again(0, NOON + 999, 10) == []
    for push in pushes[:4]:
        push.attempts, push.due_at = 1, NOON + 60 + push.id
        table.changes.later(push, table.tell)
    await table.commit()
    here, there = Lane(lane_of(1, URL), 1, URL.partition("?")[0]), Lane(lane_of(1, OTHER), 1, OTHER)
    assert await table.pushes.due_again(NOON, NOON + 60, 10) == []
    assert await table.pushes.due_again(NOON + 60, NOON + 63, 10) == [here]
    assert await table.pushes.due_again(NOON + 63, NOON + 64, 10) == [there]
    assert await table.pushes.due_again(NOON + 64, NOON + 999, 10) == []
    assert len(await table.pushes.due_again(NOON, NOON + 999, 1)) == 1


async def test_what_waits_is_listed_by_url_the_most_first(engine: Engine) -> None:
    table = Table(engine)
    messages = [final(1, OTHER), final(2), final(3, URL + "&x=2"), final(4, account_id=2)]
    pushes = [report_push(one, NOON + one.id) for one in messages]
    await table.store(*messages, *pushes)
    pushes[2].attempts, pushes[2].due_at, pushes[2].failure = 4, NOON + 99, "No."
    table.changes.later(pushes[2], table.tell)
    await table.commit()
    first, *others = await table.pushes.waiting(10)
    assert first == Waiting(1, URL + "&x=2", 2, NOON + 2, 4, NOON + 2, "No.")
    assert sorted((one.account_id, one.url, one.count) for one in others) == [(1, OTHER, 1), (2, URL, 1)]
    assert await table.pushes.waiting(1) == [first]


def test_a_lane_is_an_account_and_a_url_without_its_query() -> None:
    assert lane_of(1, URL) == lane_of(1, URL + "&x=2") == lane_of(1, "https://client.example/reports")
    assert len({lane_of(1, URL), lane_of(2, URL), lane_of(1, URL.replace("reports", "report"))}) == 3
    assert lane_of(1, URL) == 5119152452859687642

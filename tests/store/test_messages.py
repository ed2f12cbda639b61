"""The queries about messages, on both databases."""

from __future__ import annotations

from collections.abc import Iterable

from smsd.store.engine import Engine
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, Queue, Report, State
from tests.stores import NOON, Submitter, clock_at_noon, message


async def store(engine: Engine, messages: Iterable[Message]) -> Journal:
    clock = clock_at_noon()
    journal = Journal(engine, clock, 10_000)
    for one in messages:
        journal.accept(one, Submitter())
    clock.advance(0)
    await journal.drain()
    return journal


def ended(id: int, done_at: float = NOON, **fields: object) -> Message:
    one = message(id, state=State.FINAL, **fields)  # type: ignore[arg-type]
    one.done_at = done_at
    return one


async def test_the_newest_id_is_found_among_any_or_none(engine: Engine) -> None:
    messages = Messages(engine)
    assert await messages.newest_id() == 0
    await store(engine, [message(2**62 + 5), message(3)])
    assert await messages.newest_id() == 2**62 + 5


async def test_the_oldest_queued_messages_of_an_account_on_a_channel_are_read(engine: Engine) -> None:
    rows = [message(id) for id in (5, 3, 9, 7)]
    await store(
        engine,
        [
            *rows,
            message(1, account_id=2),
            message(2, channel_id=2),
            message(4, state=State.SCHEDULED),
            message(6, state=State.SENT),
        ],
    )
    messages = Messages(engine)
    assert await messages.queued(Queue(1, 1, 0), 3) == sorted(rows, key=lambda one: one.id)[:3]
    assert sorted(await messages.queues()) == [Queue(1, 1, 0), Queue(1, 2, 0), Queue(2, 1, 0)]
    assert await messages.waiting(1) == 6
    assert await messages.waiting(3) == 0


async def test_receipts_owed_are_read_in_the_order_in_which_messages_ended(engine: Engine) -> None:
    rows = [ended(1, NOON + 2), ended(2, NOON + 1), ended(3, NOON + 3)]
    await store(
        engine,
        [
            *rows,
            ended(4, account_id=2),
            ended(5, report=Report.FETCH),
            ended(6, report=Report.NONE),
            message(7),
        ],
    )
    messages = Messages(engine)
    assert [one.id for one in await messages.owed(1, 10)] == [2, 1, 3]
    assert [one.id for one in await messages.owed(1, 2)] == [2, 1]


async def test_a_report_is_fetched_once(engine: Engine) -> None:
    await store(engine, [ended(id, NOON + 10 - id, report=Report.FETCH) for id in range(1, 6)])
    messages = Messages(engine)
    assert [one.id for one in await messages.fetch(1, [], [], 2, NOON + 20)] == [5, 4]
    assert [one.id for one in await messages.fetch(1, [], [], 10, NOON + 21)] == [3, 2, 1]
    assert await messages.fetch(1, [], [], 10, NOON + 22) == []


async def test_reports_are_fetched_by_bulk_by_id_or_by_both(engine: Engine) -> None:
    rows = [
        ended(id, report=Report.FETCH, bulk_id="a" if id < 4 else "b", account_id=2 if id == 6 else 1)
        for id in range(1, 7)
    ]
    await store(engine, rows)
    messages = Messages(engine)
    assert [one.id for one in await messages.fetch(1, ["a"], ["2", "5"], 10, NOON)] == [2]
    assert [one.id for one in await messages.fetch(1, [], ["5", "6"], 10, NOON)] == [5]
    assert [one.id for one in await messages.fetch(1, ["b", "c"], [], 10, NOON)] == [4]
    assert [one.id for one in await messages.fetch(1, [], [], 10, NOON)] == [1, 3]


async def test_messages_become_queued_when_they_are_due_the_first_due_first(engine: Engine) -> None:
    await store(engine, [message(id, state=State.SCHEDULED, due_at=NOON + id) for id in range(1, 6)])
    messages = Messages(engine)
    assert await messages.due(NOON, 10) == []
    assert await messages.due(NOON + 3, 2) == [Queue(1, 1, 0), Queue(1, 1, 0)]
    assert [one.id for one in await messages.queued(Queue(1, 1, 0), 10)] == [1, 2]
    assert await messages.due(NOON + 3, 10) == [Queue(1, 1, 0)]
    assert [one.id for one in await messages.queued(Queue(1, 1, 0), 10)] == [1, 2, 3]


async def test_messages_whose_validity_has_ended_are_read_unless_they_are_final(engine: Engine) -> None:
    rows = [message(id, state=State(id), expires_at=NOON + 9 - id) for id in range(4)]
    await store(engine, [*rows, ended(4, expires_at=NOON), message(5, expires_at=NOON + 10)])
    messages = Messages(engine)
    assert [one.id for one in await messages.expired(NOON + 9, 10)] == [3, 2, 1, 0]
    assert [one.id for one in await messages.expired(NOON + 9, 2)] == [3, 2]


async def test_segments_are_found_by_what_operators_call_them(engine: Engine) -> None:
    one, several = message(1, state=State.SENT), message(2, segments=3, state=State.SENT, channel_id=2)
    journal = await store(engine, [one, several])
    journal.taken(1, "a", 1, 0)
    for number in (1, 2, 3):
        journal.taken(2, f"b{number}", 2, number)
    journal.ended(2, "b1", 5, 0, lambda _: None)
    journal._clock.advance(0)  # type: ignore[attr-defined]
    await journal.drain()
    messages = Messages(engine)
    found = await messages.taken([(1, "a"), (2, "b2"), (2, "b3"), (2, "a"), (1, "?")])
    assert sorted(found) == [(1, "a"), (2, "b2"), (2, "b3")]
    assert (found[1, "a"].message, found[1, "a"].number) == (one, 0)
    assert found[2, "b2"].number == 2
    assert found[2, "b2"].message.ended == {1: (5, 0)}
    assert found[2, "b2"].message is found[2, "b3"].message
    assert await messages.taken([]) == {}


async def test_final_messages_are_found_by_either_kind_of_id_and_by_bulk(engine: Engine) -> None:
    clock = clock_at_noon()
    journal = Journal(engine, clock, 10_000)
    for id, account_id, state, client_id, bulk_id in (
        (11, 1, State.FINAL, "mine", "b"),
        (12, 1, State.FINAL, None, "b"),
        (13, 1, State.QUEUED, "open", "b"),
        (14, 2, State.FINAL, "mine", "b"),
        (15, 1, State.FINAL, "11", None),
    ):
        stored = message(id, account_id=account_id, state=state, bulk_id=bulk_id)
        stored.client_id = client_id
        journal.accept(stored, Submitter())
    clock.advance(0)
    await journal.drain()
    messages = Messages(engine)
    assert await messages.final_named(1, ["mine", "open", "13", "14", "no one's"]) == [11]
    assert sorted(await messages.final_named(1, ["12", "11"])) == [11, 12, 15]
    assert await messages.final_of_bulk(1, "b") == [11, 12]
    assert await messages.final_of_bulk(1, "c") == []

"""The credit of accounts, on both databases."""

from __future__ import annotations

from typing import Any

from smsd.store.batch import ACCEPT, DEBIT, GATHERED, REFUND, VOID, Batch, accepted_row
from smsd.store.credit import Balance, Credit
from smsd.store.engine import Call, Engine, Query
from smsd.store.journal import Journal
from tests.stores import NOON, Submitter, clock_at_noon, message

STORED = Query("SELECT id FROM message ORDER BY id")


async def test_credit_is_added_taken_back_and_ended(engine: Engine) -> None:
    credit = Credit(engine)
    assert await credit.left() == {}
    assert await credit.add(1, 500) == 500
    assert await credit.add(1, -700) == -200
    await credit.add(2, 2**53 + 1)
    assert await credit.left() == {1: -200, 2: 2**53 + 1}
    await credit.limit(1, None, NOON, "")
    assert await credit.left() == {2: 2**53 + 1}
    assert await credit.balance(1) == Balance(-200, None)
    assert await credit.balance(3) == Balance(0, None)


async def test_a_batch_takes_each_account_s_costs_at_once_and_tells_what_is_left(engine: Engine) -> None:
    credit = Credit(engine)
    for account_id in (1, 2):
        await credit.add(account_id, 10_000)
    clock = clock_at_noon()
    journal = Journal(engine, clock, 10_000)
    told: list[tuple[Any, ...]] = []
    journal.debited = told.extend
    for id in range(1, 31):
        # The third account pays later.
        journal.accept(message(id, account_id=id % 3 + 1), Submitter(), cost=id)
    clock.advance(0)
    await journal.drain()
    left = {1: 10_000 - sum(range(3, 31, 3)), 2: 10_000 - sum(range(1, 31, 3))}
    assert await credit.left() == left
    assert dict(told) == left | {3: None}
    assert await credit.balance(3) == Balance(-sum(range(2, 31, 3)), None)


async def test_what_is_void_is_refunded_once_and_only_if_it_was_stored(engine: Engine) -> None:
    credit = Credit(engine)
    await credit.add(1, 100)
    batch = Batch()
    batch.changes[ACCEPT][1] = accepted_row(message(1))
    batch.changes[DEBIT][1] = (1, 10_000)
    await credit.add(1, 10_000)
    await engine.write(*batch.calls(NOON))
    assert await credit.left() == {1: 100}
    void = Batch()
    for id in (1, 2):
        void.changes[REFUND][id] = (id, 1)
        void.changes[VOID][id] = (id,)
    for _ in range(2):
        await engine.write(*void.calls(NOON))
        assert await credit.left() == {1: 10_100}
        assert await engine.read(Call(STORED)) == []


def test_a_cost_stays_with_its_message_when_a_batch_is_divided() -> None:
    batch = Batch()
    for id in range(1, 5):
        batch.changes[ACCEPT if id % 2 else GATHERED][id] = (id,)
        batch.changes[DEBIT][id] = (1, id)
    parts = [batch]
    while any(len(part) > 1 for part in parts):
        parts = [half for part in parts for half in (part.halves() if len(part) > 1 else (part,))]
    assert len(parts) == 4
    for part in parts:
        (only,) = (*part.changes[ACCEPT], *part.changes[GATHERED])
        assert list(part.changes[DEBIT]) == [only]


def test_what_is_void_is_given_back_in_the_same_half_of_a_batch_that_is_divided() -> None:
    batch = Batch()
    for id in range(1, 5):
        batch.changes[VOID][id] = (id,)
        batch.changes[REFUND][id] = (id, 1)
    for half in batch.halves():
        assert len(half) == 2
        assert list(half.changes[VOID]) == list(half.changes[REFUND])

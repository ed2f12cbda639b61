"""Bulks and repetitions on every database, in real time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from smsd.services.bulk_changes import SETTLED
from smsd.services.bulks import BulkStatus, Described, UnknownBulk
from smsd.services.statuses import REJECTED_NOT_SENT
from smsd.store.bulks import Bulk, BulkRow, BulkState
from smsd.store.messages import Report
from tests.services.test_every_database import Life
from tests.services.test_every_database import life as life  # The fixture.

LATER = 1000.0


class Bulked:
    """A bulk of 30 messages, of which some are due in a moment."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.account_id = life.rows.accounts[0].id
        self.bulk = Bulk(self.account_id, "spring")
        self.core = life.core

    async def submit(self, count: int, seconds: float) -> list[int]:
        before = len(self.life.stored_ids)
        due_at = reactor.seconds() + seconds
        ids = [
            self.life.submit(bulk_id="spring", due_at=due_at, report=int(Report.FETCH)) for _ in range(count)
        ]
        await self.life.until(lambda: len(self.life.stored_ids) == before + count)
        return ids

    async def described(self) -> Described:
        return await self.core.bulks.describe(self.bulk)

    async def until_final(self, count: int) -> list[int]:
        """Wait for reports, and return their statuses."""
        found: list[int] = []
        for _ in range(200):
            reports = await self.core.reports.fetch(self.account_id, ["spring"], [], 100)
            found += [message.status for message in reports]
            if len(found) >= count:
                return found
            await deferLater(reactor, 0.05)
        raise AssertionError(f"{len(found)} of {count} reports")


@pytest_twisted.async_yield_fixture
async def bulked(life: Life) -> AsyncIterator[Bulked]:
    life.core.deadlines.startService()
    life.core.bulk_changes.startService()
    yield Bulked(life)
    life.core.deadlines.stopService()
    life.core.bulk_changes.stopService()


async def test_a_bulk_is_paused_moved_and_resumed(bulked: Bulked) -> None:
    bulks = bulked.core.bulks
    with pytest.raises(UnknownBulk):
        await bulked.described()
    await bulked.submit(20, LATER)
    await bulked.submit(10, 0.0)  # They wait in memory: nobody takes them.
    assert (await bulked.described()).status is BulkStatus.PROCESSING
    await bulks.pause(bulked.bulk)
    bulked.life.operate()
    assert (await bulked.described()).status is BulkStatus.PAUSED
    moved_to = await bulks.reschedule(bulked.bulk, reactor.seconds() - 1)
    assert await bulked.described() == Described("spring", moved_to, BulkStatus.PAUSED)
    await deferLater(reactor, 2.5)
    assert bulked.life.acknowledged == 0
    assert [one.status for one in await bulks.unfinished(bulked.account_id, 5)] == [BulkStatus.PAUSED]
    await bulks.resume(bulked.bulk)
    assert set(await bulked.until_final(30)) == {5}
    assert (await bulked.described()).status is BulkStatus.FINISHED
    assert await bulks.unfinished(bulked.account_id, 5) == []


async def test_a_bulk_is_canceled_wherever_its_messages_are(bulked: Bulked) -> None:
    bulked.life.operate()
    await bulked.core.bulks.unfinished(bulked.account_id, 5)
    await bulked.submit(20, LATER)
    bulked.life.dispatch.outbox(bulked.life.rows.channels[0].id).attach(None)
    await bulked.submit(50, 0.0)  # More than memory holds here.
    assert await bulked.core.bulks.cancel(bulked.bulk) is BulkStatus.CANCELED
    bulked.life.operate()
    assert await bulked.until_final(70) == [REJECTED_NOT_SENT] * 70
    assert bulked.life.acknowledged == 0
    assert (await bulked.described()).status is BulkStatus.CANCELED


async def test_rows_of_bulks(bulked: Bulked) -> None:
    rows = bulked.core.bulk_rows
    row = BulkRow(1, "a", int(BulkState.PAUSED), 1.25, 1, 5, 6, 1, 10.0)
    await rows.put(row)
    assert await rows.open() == [row]
    await rows.done(BulkRow(1, "a", 0, 0.0, 0, 0, 99, 1, 0.0), open=False)
    assert await rows.open_of(1) == 1
    await rows.put(BulkRow(1, "a", 0, 0.0, 0, 0, 7, 1, 20.0))
    await rows.done(row, open=False)
    assert await rows.newest_id() == 7
    assert await rows.open_of(1) == 1
    assert await rows.remove_before(30.0, 10) == 0
    await rows.put(BulkRow(1, "a", 0, 0.0, 0, 0, 8, 0, 20.0))
    await rows.put(BulkRow(1, "b", 0, 0.0, 0, 0, 9, 0, 20.0))
    assert await rows.remove_before(20.0, 10) == 0
    assert await rows.remove_before(30.0, 1) == 1
    assert await rows.remove_before(30.0, 10) == 1
    assert SETTLED > 0


async def test_a_request_is_kept_with_its_messages(life: Life) -> None:
    account_id = life.rows.accounts[0].id
    claim = await life.core.repetitions.claim(account_id, "key ä", "print")
    on_disk: Deferred[bool] = Deferred()
    life.submit()
    claim.keep('["\\u0000 ä"]', on_disk.callback)
    assert await on_disk
    assert len(life.stored_ids) == 1
    again = await life.core.repetitions.claim(account_id, "key ä", "print")
    assert again.answer == '["\\u0000 ä"]'
    assert await life.core.repetition_rows.newest_id() > life.stored_ids[0]
    assert await life.core.repetition_rows.remove_before(reactor.seconds() + 1, 5) == 1
    assert (await life.core.repetitions.claim(account_id, "key ä", "print")).answer is None

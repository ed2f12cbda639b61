"""Messages that wait for the operator's approval, on every database, in real time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from smsd.services.administration import Administration
from smsd.services.approval_administration import ApprovalAdministration
from smsd.services.charging_administration import ChargingAdministration
from smsd.services.columns import SettingError
from smsd.services.logs import shown_status
from smsd.services.statuses import (
    DELIVERED_TO_HANDSET,
    EXPIRED_EXPIRED,
    MESSAGE_CANCELED,
    PENDING_APPROVAL,
    REJECTED_NOT_SENT,
    VALIDITY_EXPIRED,
)
from smsd.sms.udh import Concatenation
from smsd.store.bulks import Bulk
from smsd.store.logs import Search
from smsd.store.messages import Message, Report, State
from tests.services.test_every_database import Life
from tests.services.test_every_database import life as life  # The fixture.

LOOK = 0.05
"""Seconds between two looks at the table."""


class Waiting:
    """An account whose messages all wait for approval, and the operator who decides."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.core = life.core
        self.account_id = life.rows.accounts[0].id
        self.approvals = ApprovalAdministration(life.engine)

    async def submit(
        self, count: int = 1, bulk_id: str | None = None, seconds: float | None = None
    ) -> list[int]:
        expires_at = None if seconds is None else reactor.seconds() + seconds
        before = len(self.life.stored_ids)
        ids = [
            self.life.submit(bulk_id=bulk_id, report=int(Report.FETCH), expires_at=expires_at)
            for _ in range(count)
        ]
        await self.life.until(lambda: len(self.life.stored_ids) == before + count)
        return ids

    async def logged(self) -> list[Message]:
        """Return all messages as the log has them, the newest first."""
        search = Search(self.account_id, 0, 2**53, 1000)
        return [one.message for one in await self.core.logs.messages(search)]

    async def final(self, count: int) -> list[Message]:
        """Wait for reports."""
        found: list[Message] = []
        for _ in range(200):
            found += await self.core.reports.fetch(self.account_id, [], [], 1000)
            if len(found) >= count:
                return found
            await deferLater(reactor, 0.05)
        raise AssertionError(f"{len(found)} of {count} reports")


@pytest_twisted.async_yield_fixture
async def waiting(life: Life) -> AsyncIterator[Waiting]:
    await Administration(life.engine).change_account("demo", approval="everything")
    await life.until(lambda: life.rows.accounts[0].approval == "everything")
    services = (life.core.deadlines, life.core.bulk_changes, life.core.approvals)
    for service in services:
        service.interval = LOOK
        service.startService()
    life.operate()
    yield Waiting(life)
    for service in services:
        service.stopService()


async def test_a_message_waits_until_it_is_approved_and_is_then_sent(waiting: Waiting) -> None:
    ids = await waiting.submit(30)
    await deferLater(reactor, 5 * LOOK)
    assert waiting.life.acknowledged == 0
    logged = await waiting.logged()
    assert {(one.state, one.status, shown_status(one)) for one in logged} == {
        (State.SCHEDULED, PENDING_APPROVAL, PENDING_APPROVAL)
    }
    assert [one.id for one in await waiting.approvals.waiting(None, None, 5)] == ids[:5]
    assert await waiting.approvals.count("demo", None) == 30
    assert await waiting.approvals.decide([*ids[:2], 1], approved=True) == 2
    assert await waiting.approvals.decide(ids[:2], approved=False) == 0
    assert {one.status for one in await waiting.final(2)} == {DELIVERED_TO_HANDSET}
    assert await waiting.approvals.decide_all("demo", None, approved=True) == 28
    assert [one.id for one in await waiting.final(28)] == ids[2:]
    assert await waiting.approvals.count(None, None) == 0


async def test_a_message_that_is_rejected_ends_unsent_and_gives_back_what_it_cost(waiting: Waiting) -> None:
    administration = Administration(waiting.life.engine)
    (route,) = (await administration.rows()).routes
    await administration.change_route(route.id, price="0.5")
    charging = ChargingAdministration(waiting.life.engine, reactor)
    await charging.add("demo", "10")
    await waiting.life.until(lambda: waiting.life.rows.routes[0].price == "0.5")
    await waiting.core.charging.resume()
    ids = await waiting.submit(3)
    assert (await charging.balance("demo"))[1].micros == 8_500_000
    assert await waiting.approvals.decide(ids[:2], approved=False) == 2
    reports = await waiting.final(2)
    assert [(one.id, one.status, one.error) for one in reports] == [
        (one, REJECTED_NOT_SENT, MESSAGE_CANCELED) for one in ids[:2]
    ]
    assert (await charging.balance("demo"))[1].micros == 9_500_000
    assert waiting.life.acknowledged == 0


async def test_a_message_on_which_nobody_decides_expires(waiting: Waiting) -> None:
    await waiting.submit(seconds=0.5)
    (report,) = await waiting.final(1)
    assert (report.status, report.error) == (EXPIRED_EXPIRED, VALIDITY_EXPIRED)


async def test_a_bulk_is_decided_on_as_a_whole_and_may_be_paused_meanwhile(waiting: Waiting) -> None:
    spring, autumn = await waiting.submit(5, "spring"), await waiting.submit(5, "autumn")
    bulk = Bulk(waiting.account_id, "spring")
    await waiting.core.bulks.pause(bulk)
    assert await waiting.approvals.decide_all("demo", "autumn", approved=False) == 5
    assert {one.id for one in await waiting.final(5)} == set(autumn)
    assert await waiting.approvals.decide_all("demo", "spring", approved=True) == 5
    await deferLater(reactor, 5 * LOOK)
    assert waiting.life.acknowledged == 0
    await waiting.core.bulks.resume(bulk)
    assert {one.id for one in await waiting.final(5)} == set(spring)
    assert waiting.life.acknowledged == 5


async def test_a_bulk_that_is_moved_or_resumed_waits_for_approval_all_the_same(waiting: Waiting) -> None:
    await waiting.submit(3, "spring")
    bulk = Bulk(waiting.account_id, "spring")
    await waiting.core.bulks.pause(bulk)
    await waiting.core.bulks.reschedule(bulk, reactor.seconds())
    await waiting.core.bulks.resume(bulk)
    await deferLater(reactor, 5 * LOOK)
    assert waiting.life.acknowledged == 0
    assert await waiting.approvals.count("demo", "spring") == 3
    await waiting.core.bulks.cancel(bulk)
    assert {one.status for one in await waiting.final(3)} == {REJECTED_NOT_SENT}
    assert await waiting.approvals.count("demo", "spring") == 0


async def test_a_long_message_in_parts_waits_once_it_is_whole(waiting: Waiting) -> None:
    life = waiting.life
    for number in (1, 2):
        request = life.request(report=int(Report.FETCH))
        life.gathering.part(request, Concatenation(7, 2, number), life)
        await life.until(lambda: len(life.stored_ids) == number)  # noqa: B023
    (one,) = await waiting.approvals.waiting(None, None, 5)
    assert one.text == "hellohello"
    assert await waiting.approvals.decide([one.id], approved=True) == 1
    (report,) = await waiting.final(1)
    assert report.status == DELIVERED_TO_HANDSET


async def test_a_node_that_starts_again_counts_what_waits(waiting: Waiting) -> None:
    await waiting.submit(4)
    messages = waiting.core.messages
    assert await messages.backlog() == [(waiting.account_id, 4)]


async def test_a_bulk_is_named_with_its_account(waiting: Waiting) -> None:
    with pytest.raises(SettingError, match="name it, too"):
        await waiting.approvals.count(None, "spring")

"""Whatever becomes of messages, between faults and restarts, every ledger adds up, on both databases."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smsd.services.core import Bounds, Core
from smsd.services.statuses import (
    DELIVERED_GROUP,
    REJECTED_NOT_ENOUGH_CREDITS,
    UNDELIVERABLE_NOT_DELIVERED,
    UNDELIVERABLE_NOT_SENT,
)
from smsd.services.submission import VALIDITY, Refused, Request
from smsd.services.tracking import Outcome
from smsd.sms.udh import Concatenation
from smsd.store.credit import Credit, Entry
from smsd.store.engine import Call, Engine, Query, Row, StoreUnavailable
from smsd.store.messages import Message, Report
from smsd.store.prices import PriceRow, PriceRows, Scope
from smsd.store.settings import Account, Route, Rows
from tests.services.rig import DELIVERED, account, channel
from tests.stores import NOON, Database, Wayward, clock_at_noon, content, gone

HOUR = 3600.0
CENT = 10_000
FAILED = (Outcome(9, 1), Outcome(4, 1), Outcome(22, 1))
REFUNDS = {1: "unsent", 2: "undelivered", 3: "nothing", 4: "undelivered", 5: "unsent"}
"""What each account gets back; the last two pay later."""
IN_ADVANCE = (1, 2, 3)
LIMITS = {1: 0, 2: 5 * CENT, 3: 0}


class Attended(Wayward):
    """An engine that tells when nothing is under way."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.busy = 0
        self._idle: list[Deferred[None]] = []

    async def idle(self) -> None:
        if self.busy:
            self._idle.append(Deferred())
            await self._idle[-1].addTimeout(30, reactor)

    async def read(self, call: Call) -> list[Row]:
        self.busy += 1
        try:
            return await super().read(call)
        finally:
            self._less()

    async def write(self, *calls: Call, announce: bool = False) -> list[list[Row]]:
        self.busy += 1
        try:
            return await super().write(*calls, announce=announce)
        finally:
            self._less()

    def _less(self) -> None:
        self.busy -= 1
        if not self.busy:
            waiting, self._idle = self._idle, []
            for one in waiting:
                reactor.callLater(0, one.callback, None)


class Story:
    """Accounts of all kinds, their messages, and an operator who treats them at random."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock: Clock = clock_at_noon()
        self.engine = Attended(engine)
        self.credit = Credit(self.engine)
        self.added = dict.fromkeys(REFUNDS, 0)
        self.in_hand: list[Message] = []
        self.sent: list[str] = []
        self.stored_ids: set[int] = set()
        self.refusals: list[int] = []
        self.reference = 0
        self.numbers = 0
        self.accounts: dict[int, Account] = {
            id: account(id, f"account {id}", refund=refund) for id, refund in REFUNDS.items()
        }
        self.rows = Rows(
            tuple(self.accounts.values()),
            (channel(),),
            (Route(1, None, "", "", 1, "0.01"), Route(2, None, "", "49", 1, "0")),
        )

    async def begin(self) -> None:
        await self.engine.write(
            *[
                Call(
                    Query(
                        "INSERT INTO account (id, system_id, password, enabled, sessions, binds, addresses,"
                        " tls, certificate, throughput, unanswered, queue, standard_receipts,"
                        " receipts_to_submitter, country, currency)"
                        " VALUES (?, ?, '', 1, 1, '', '', 0, '', 0, 0, 0, 0, 0, '', 'EUR')"
                    ),
                    (id, one.system_id),
                )
                for id, one in self.accounts.items()
            ]
        )
        prices = [PriceRow(Scope(country="CH"), "0.000001"), PriceRow(Scope(2, country="CH"), "0.0375")]
        await PriceRows(self.engine).put(prices)
        for id in IN_ADVANCE:
            await self.top_up(id, 8 * CENT)
            await self.credit.limit(id, LIMITS[id], self.clock.seconds(), "")
        await self.start()

    async def start(self) -> None:
        self.core = Core(self.engine, self.clock, lambda *_: Deferred(), Bounds(10_000, 50, 50))
        for user in (self.core.accounts, self.core.routing):
            user.apply(self.rows)
        await self.core.resume()
        self.core.charging.apply(self.rows)
        await self.settle()

    async def settle(self, seconds: float = 0.0) -> None:
        """Let everything happen that happens now, and in so many seconds."""
        for step in [0.0] * 4 + [1.0] * int(seconds) + [0.0] * 2:
            self.clock.advance(step)
            await self.engine.idle()

    async def top_up(self, id: int, micros: int) -> None:
        await self.credit.add(id, micros, self.clock.seconds(), "test")
        self.added[id] += micros

    # The clients.

    def stored(self, message: Message) -> None:
        self.stored_ids.add(message.id)

    def not_stored(self, message: Message) -> None:
        pass

    def refused(self, message: Message) -> None:
        self.refusals.append(message.status)

    def request(self) -> Request:
        source = self.accounts[self.random.choice(list(REFUNDS))]
        number = self.random.choice(("385911234567", "41791234567", "491701234567"))
        body = b"x" * self.random.choice((1, 100, 161, 400))
        due_at = self.random.choice((None, None, self.clock.seconds() + HOUR))
        return Request(source, "smsd", number, content(body), int(Report.FETCH), due_at)

    def attempt(self, submit: Callable[[], Any]) -> None:
        try:
            submit()
        except Refused as refused:
            self.refusals.append(refused.status)
        except StoreUnavailable:
            pass

    async def submit(self) -> None:
        for _ in range(self.random.randrange(1, 16)):
            request = self.request()
            self.attempt(lambda request=request: self.core.submission.submit(request, self))  # type: ignore[misc]

    async def parts(self) -> None:
        self.reference += 1
        request = self.request()._replace(content=content(b"x" * 153))
        for number in range(1, self.random.choice((3, 4))):
            place = Concatenation(self.reference % 256, 3, number)
            self.attempt(lambda place=place: self.core.gathering.part(request, place, self))  # type: ignore[misc]
            if self.random.random() < 0.3:
                await self.settle()

    # The operator.

    async def take(self) -> None:
        outbox = self.core.dispatch.outbox(1)
        for _ in range(self.random.randrange(1, 10)):
            message = outbox.take()
            if message is not None:
                self.in_hand.append(message)

    async def answer(self) -> None:
        outbox = self.core.dispatch.outbox(1)
        while self.in_hand and self.random.random() < 0.9:
            message = self.in_hand.pop(0)
            what = self.random.choice(("take", "take", "take", "a part", "refuse", "later", "never"))
            several = message.segments > 1
            if what in ("take", "a part"):
                for number in range(1, message.segments + (what == "take" or not several)):
                    self.numbers += 1
                    outbox.taken(message, number if several else 0, f"op {self.numbers}")
                    self.sent.append(f"op {self.numbers}")
                if what == "a part" and several:
                    outbox.refused(message, temporary=self.random.random() < 0.5, error=1)
            elif what == "refuse":
                outbox.refused(message, temporary=False, error=1)
            elif what == "later":
                outbox.refused(message, temporary=True, error=1)
            else:
                outbox.unanswered(message)

    async def receive(self) -> None:
        outbox = self.core.dispatch.outbox(1)
        for _ in range(self.random.randrange(1, 10)):
            if self.sent:
                operator_id = self.random.choice(self.sent)
                outcome = self.random.choice((DELIVERED, *FAILED))
                outbox.receipt((operator_id,), outcome, lambda: None)

    # smsd's operator, time and chance.

    async def cancel(self) -> None:
        rows = await self.engine.read(Call(Query("SELECT id FROM message WHERE state IN (1, 2)")))
        ids = [id for (id,) in rows if id not in {message.id for message in self.in_hand}]
        chosen = self.random.sample(ids, min(len(ids), 3))
        for message in await self.core.messages.by_ids(chosen):
            self.core.reports.cancel(message)

    async def pay(self) -> None:
        await self.settle()
        self.engine.before, self.engine.after = [], []  # Here it is known what was paid.
        id = self.random.choice(list(REFUNDS))
        amount = self.random.randrange(1, 4 * CENT)
        if id in IN_ADVANCE:
            await self.top_up(id, amount)
        else:
            await self.credit.pay(id, amount, self.clock.seconds(), "test")
            self.added[id] += amount
        self.core.charging.apply(self.rows)

    async def hours(self) -> None:
        await self.settle()
        self.clock.advance(self.random.choice((HOUR, HOUR, VALIDITY)))
        with suppress(StoreUnavailable):
            await self.core.deadlines.look()

    async def lose(self) -> None:
        await self.settle()
        self.engine.before = gone()

    async def lose_the_answer(self) -> None:
        await self.settle()
        self.engine.after = gone()

    async def kill(self) -> None:
        await self.engine.idle()
        self.engine.before, self.engine.after = [], []
        for call in self.clock.getDelayedCalls():
            call.cancel()
        self.in_hand.clear()
        await self.start()

    async def step(self) -> None:
        steps = (self.submit, self.submit, self.submit, self.parts, self.take, self.take, self.answer)
        more = (self.answer, self.receive, self.receive, self.cancel, self.pay, self.hours)
        faults = (self.lose, self.lose_the_answer, self.kill)
        what = self.random.choice((*steps, *steps, *more, *more, *faults))
        with suppress(StoreUnavailable):
            await what()
        if self.random.random() < 0.7:
            await self.settle(self.random.randrange(3))

    # What must hold.

    async def check(self) -> None:
        self.engine.before, self.engine.after = [], []
        await self.settle(10)
        assert [one for one in await self.credit.sums() if one.balance != one.ledger] == []
        charged: dict[int, int] = dict(
            await self.engine.read(
                Call(
                    Query("SELECT account_id, CAST(sum(charged) AS BIGINT) FROM message GROUP BY account_id")
                )
            )
        )
        counts: dict[int, int] = dict(
            await self.engine.read(
                Call(
                    Query("SELECT account_id, count(*) FROM message WHERE charged > 0 GROUP BY account_id"),
                )
            )
        )
        for id, added in self.added.items():
            balance = await self.credit.balance(id)
            assert balance.micros == added - charged.get(id, 0), f"account {id}"
            left = self.core.charging.left(id)
            if id in IN_ADVANCE:
                assert balance.limit == LIMITS[id]
                assert left == balance.micros + LIMITS[id] >= 0, "overdrawn, or still set aside"
            else:
                assert (balance.limit, left) == (None, None)
            lines = await self.credit.ledger(id, 0, 2**53)
            assert sum(line.micros for line in lines) == balance.micros
            messages = sum(line.messages * (1 if line.kind == Entry.MESSAGES else -1) for line in lines)
            assert messages == counts.get(id, 0)
            hours = [(line.at, line.kind) for line in lines if line.kind < Entry.CREDIT]
            assert len(hours) == len(set(hours)), "two rows for an hour"

    async def check_ends(self) -> None:
        """Let everything end, and see that each account got back what its setting says."""
        self.clock.advance(2 * VALIDITY)
        await self.core.deadlines.look()
        await self.check()
        rows = await self.engine.read(
            Call(
                Query(
                    "SELECT account_id, status_group, charged, (SELECT count(*) FROM segment"
                    " WHERE message_id = message.id), status, sent_at FROM message WHERE price <> '0'"
                )
            )
        )
        for id, group, charged, segments, status, sent_at in rows:
            # What a channel had in hand as it ended may have been taken all the same.
            unsent = not segments and sent_at is None and status != UNDELIVERABLE_NOT_DELIVERED
            failed = group in (2, 4) and REFUNDS[id] == "undelivered"
            if status == UNDELIVERABLE_NOT_SENT or (REFUNDS[id] != "nothing" and (unsent or failed)):
                assert charged == 0, "not given back, or charged before it was whole"
            elif REFUNDS[id] == "nothing" or group == DELIVERED_GROUP:
                assert charged > 0, "given back"


@pytest_twisted.async_yield_fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    engine = database.engine()
    engine.prepare(NOON, exclusive=False)
    await engine.open()
    yield engine
    await engine.close()


@pytest.mark.parametrize("seed", range(6))
async def test_every_ledger_adds_up(engine: Engine, seed: int) -> None:
    story = Story(engine, seed)
    await story.begin()
    for number in range(120):
        await story.step()
        if number % 20 == 0:
            await story.check()
    await story.check()
    await story.check_ends()
    assert story.stored_ids
    assert set(story.refusals) <= {REJECTED_NOT_ENOUGH_CREDITS}

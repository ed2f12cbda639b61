"""What must be true when everything has ended."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from smsd.services.charging import MICROS
from smsd.services.gathering import PATIENCE
from smsd.services.statuses import (
    DELIVERED_GROUP,
    DELIVERED_TO_HANDSET,
    EXPIRED_EXPIRED,
    EXPIRED_GROUP,
    EXPIRED_UNKNOWN,
    NO_RESPONSE,
    REJECTED_GROUP,
    REJECTED_NOT_SENT,
    STATUSES,
    UNDELIVERABLE_GROUP,
    UNDELIVERABLE_NOT_DELIVERED,
    UNDELIVERABLE_NOT_SENT,
    UNDELIVERABLE_REJECTED_OPERATOR,
)
from smsd.services.week import hours_of
from smsd.store.credit import Credit
from tests.life.clients import Order
from tests.life.operators import FOR_GOOD, TOO_MUCH, Attempt, Operator, Told, key
from tests.life.world import ACCOUNTS, CREDIT, World
from tests.stores import result

WORDS = {
    b"DELIVRD": DELIVERED_TO_HANDSET,
    b"UNDELIV": UNDELIVERABLE_NOT_DELIVERED,
    b"DELETED": UNDELIVERABLE_NOT_DELIVERED,
    b"EXPIRED": EXPIRED_EXPIRED,
    b"REJECTD": UNDELIVERABLE_REJECTED_OPERATOR,
    b"UNKNOWN": EXPIRED_UNKNOWN,
}
"""What the operators' words mean."""
LAG = 120.0
"""Seconds for which what a channel was given may wait there, or what is brought to another time."""
DRIFT = 2
"""By how many messages the count of a backlog may be off after faults, until it is counted anew."""
COLUMNS = (
    "id, account_id, channel_id, state, status, error, report, bulk_id, destination, segments, price,"
    " charged, accepted_at, due_at, expires_at, sent_at, done_at"
)


class Row(msgspec.Struct):
    """A message as it is on disk."""

    id: int
    account_id: int
    channel_id: int | None
    state: int
    status: int
    error: int
    report: int
    bulk_id: str | None
    destination: str
    segments: int
    price: str
    charged: int
    accepted_at: float
    due_at: float
    expires_at: float
    sent_at: float | None
    done_at: float | None

    @property
    def group(self) -> int:
        return STATUSES[self.status].group_id


class Ending:
    """How everything has ended."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rows = [Row(*row) for row in world.rows(f"SELECT {COLUMNS} FROM message ORDER BY id")]
        self.segments: dict[str, int] = dict(world.rows("SELECT operator_id, message_id FROM segment"))
        self.operators: dict[int | None, Operator] = {one.channel_id: one for one in world.operators}

    def check(self) -> None:
        """See whether all is as it should be."""
        self.every_message_has_one_end()
        for row in self.rows:
            order = self.world.book.by_destination[row.destination]
            self.its_end_fits(row, order)
            self.its_owner_has_heard(row, order)
        self.operators_have_been_heard()
        self.credit_adds_up()
        self.nothing_is_left_on_disk()

    def every_message_has_one_end(self) -> None:
        by_destination: dict[str, Row] = {}
        for row in self.rows:
            assert row.state == 4, f"no end: {row}"
            assert row.destination not in by_destination, f"twice: {row}"
            by_destination[row.destination] = row
        for order in self.world.book.orders:
            row_or_none = by_destination.get(order.destination)
            if order.answered:
                assert row_or_none is not None, f"lost: {order}"
                assert order.ids == {str(row_or_none.id)}, f"{order} is {row_or_none.id}"
            elif row_or_none is not None and order.by in ("receipt", "none") and order.parts == 1:
                assert order.lost, f"stored, though refused: {order}"

    def attempts(self, row: Row) -> list[Attempt]:
        """Return what operators were given of a message."""
        return [
            one for operator in self.operators.values() for one in operator.attempts.get(row.destination, [])
        ]

    def known(self, attempt: Attempt, row: Row) -> bool:
        """Tell whether smsd knew the operator's id of an attempt."""
        return attempt.taken and self.segments.get(key(attempt.operator_id)) == row.id

    def heard(self, row: Row, before: float) -> dict[int, set[int]]:
        """Return the statuses that each segment has by its operator's word, said and acknowledged in time.

        The first word counts; more than one is first if they were said at once.
        """
        told: dict[int, list[tuple[Told, bool]]] = {}
        for attempt in self.attempts(row):
            if self.known(attempt, row):
                for one in attempt.receipts:
                    if one.final and one.acked_at and one.acked_at < before:
                        # One that came before the answer may have been given up at that very moment.
                        early = one.sent_at < attempt.answered_at
                        certain = not early or one.acked_at > attempt.answered_at
                        if one.acked_at >= attempt.answered_at:
                            told.setdefault(attempt.number, []).append((one, certain))
        words = {}
        for number, receipts in told.items():
            first = min((one.acked_at for one, certain in receipts if certain), default=None)
            if first is not None:
                words[number] = {WORDS[one.stat] for one, _ in receipts if one.sent_at <= first}
        return words

    def its_end_fits(self, row: Row, order: Order) -> None:
        attempts = self.attempts(row)
        told = [one for attempt in attempts for one in attempt.receipts if one.final and one.sent_at]
        saying = {WORDS[one.stat] for one in told}
        expired = row.done_at is not None and row.done_at >= row.expires_at
        throttled = False
        for attempt in attempts:
            assert attempt.at <= row.expires_at, f"sent after its validity: {row}"
            assert attempt.at > order.not_before - 1, f"sent too early: {row}"
            # The channel goes on with a message that it has begun to send.
            begun = attempt.number > 1 or throttled
            assert begun or self.may_be_sent(order, attempt.at), f"sent outside its account's hours: {row}"
            throttled = attempt.fate.status in TOO_MUCH
        approved, decided_at = self.world.decided.get(row.destination, (False, 0.0))
        account = self.world.accounts[order.account]
        if attempts and account["approval"] == "everything":
            assert approved, f"sent without approval: {row}"
            assert attempts[0].at >= decided_at, f"sent before its approval: {row}"
        fails = [one for one in self.world.options if one["unanswered"] == "fail"]
        match row.status:
            case 5:
                numbers = {attempt.number for attempt in attempts if attempt.channel_id == row.channel_id}
                delivered = {
                    attempt.number for attempt in attempts if any(one.delivered for one in attempt.receipts)
                }
                assert numbers, f"delivered by nobody: {row}"
                assert numbers == delivered, f"delivered in part: {row} {attempts}"
            case 29:
                assert expired, f"too early: {row}"
                assert row.sent_at is not None
            case 31:
                assert order.parts > 1, f"no part is missing: {row}"
                assert row.done_at is not None
                assert row.done_at >= row.accepted_at + PATIENCE or expired
                assert not attempts
            case 28:
                rejected = decided_at and not approved
                assert rejected or row.bulk_id in self.world.canceled, f"nobody canceled it: {row}"
                assert row.error == 4100
            case 15:
                assert expired or EXPIRED_EXPIRED in saying, f"not expired: {row}"
            case 4:
                refused = any(one.answered_at and one.fate.status in FOR_GOOD for one in attempts)
                assert refused or row.status in saying, f"not refused: {row} {attempts}"
            case 9:
                unanswered = fails and row.error == NO_RESPONSE
                assert unanswered or row.status in saying, f"not undelivered: {row} {attempts}"
            case 22:
                assert row.status in saying, f"nobody said so: {row} {attempts}"
            case _:
                assert row.group == REJECTED_GROUP, row
                assert not attempts, f"sent, though rejected: {row}"
        self.receipts_counted(row, attempts)

    def may_be_sent(self, order: Order, at: float) -> bool:
        """Tell whether a message may be sent at a time; a moment after its hours what is under way may be."""
        hours = self.world.accounts[order.account]["hours"]
        return not hours or any(hours_of(hours).opens(time) == time for time in (at, at - LAG))

    def receipts_counted(self, row: Row, attempts: list[Attempt]) -> None:
        """See to it that what the operator has said, and smsd has acknowledged, is what counts."""
        words = self.heard(row, row.expires_at)
        if row.sent_at is None or not words:
            return
        whole = row.segments == 1 or 0 in words
        numbers = {0} if whole else set(range(1, row.segments + 1))
        failures = set().union(*words.values()) - {DELIVERED_TO_HANDSET}
        if any(operator.again for operator in self.operators.values()) and not whole:
            # Some segments that failed for now may wait in vain to hear how the others end.
            words = {number: said - {UNDELIVERABLE_NOT_DELIVERED} for number, said in words.items()}
            words = {number: said for number, said in words.items() if said}
        certain = any(DELIVERED_TO_HANDSET not in said for said in words.values())
        delivered = all(DELIVERED_TO_HANDSET in words.get(number, ()) for number in numbers)
        if delivered:
            failures.add(DELIVERED_TO_HANDSET)
        failures |= {
            WORDS[one.stat] for attempt in attempts for one in attempt.receipts if _early(attempt, one)
        }
        if certain or delivered:
            assert row.status in failures, f"not as the operator said: {row} {attempts}"

    def its_owner_has_heard(self, row: Row, order: Order) -> None:
        heard = order.heard
        acked = [one for one in heard if one.acked]
        wanted = order.by != "none" and not (order.failures_only and row.group == DELIVERED_GROUP)
        assert row.report == 0, f"nobody has heard of it: {row}"
        if not wanted:
            assert not heard, f"nobody asked: {order}"
        elif not acked:
            assert order.by in ("fetch", "push"), f"no report: {order} {row}"
            assert self.world.fetches_lost, f"no report: {order} {row}"
        words = {one.stat for one in heard}
        assert len(words) <= 1, f"several ends: {order}"
        if order.by in ("fetch", "push") and words:
            assert words == {STATUSES[row.status].name}

    def operators_have_been_heard(self) -> None:
        for operator in self.world.operators:
            assert not operator.waiting, "receipts are not acknowledged"

    def credit_adds_up(self) -> None:
        taken = {id for (id,) in self.world.rows("SELECT DISTINCT message_id FROM segment")}
        for row in self.rows:
            cost = int(Decimal(row.price) * MICROS) * row.segments
            refund = self.world.accounts[ACCOUNTS[row.account_id - 1]]["refund"]
            refused = row.group == REJECTED_GROUP and row.status != REJECTED_NOT_SENT
            refused |= row.status == UNDELIVERABLE_NOT_SENT  # Not all of it has come.
            kept = row.id in taken or row.group == DELIVERED_GROUP
            failed = row.group in (UNDELIVERABLE_GROUP, EXPIRED_GROUP)
            if refund == "nothing":
                kept = not refused
            expected = cost if kept and not (refund == "undelivered" and failed) else 0
            # What is never answered may have been taken; what is, when its validity ends, may not count.
            late = row.id in taken and (row.sent_at is None or row.sent_at == row.done_at)
            doubtful = row.error == NO_RESPONSE or (late and row.status == EXPIRED_EXPIRED)
            # What fails may be tried again, and then end by a second receipt of what had failed.
            doubtful |= row.done_at is not None and row.due_at > row.done_at
            # Of several segments one may be taken after another was refused.
            doubtful |= row.segments > 1 and row.status == UNDELIVERABLE_REJECTED_OPERATOR
            right = row.charged == expected or (doubtful and row.charged in (0, cost))
            assert right, f"charged amiss, of {cost}: {row}"
        charged = sum(row.charged for row in self.rows if row.account_id == 2)
        assert self.world.node.core.charging.left(2) == CREDIT - charged
        for account_id, balance, ledger in result(Credit(self.world.node.engine).sums()):
            charged = sum(row.charged for row in self.rows if row.account_id == account_id)
            given = CREDIT if account_id == 2 else 0
            assert balance == ledger == given - charged, f"account {account_id} does not add up"

    def nothing_is_left_on_disk(self) -> None:
        for table, column in (("fragment", "message_id"), ("push", "subject")):
            left = {id for (id,) in self.world.rows(f"SELECT {column} FROM {table}")}
            messages = [row for row in self.rows if row.id in left]
            assert not left, f"{left} are left in {table}: {messages}"


def _early(attempt: Attempt, told: Told) -> bool:
    """Tell whether a receipt came before the answer that names its message, and may have counted or not."""
    return told.final and 0 < told.sent_at < attempt.answered_at


def nothing_is_left_in_memory(world: World) -> None:
    """See whether the services have forgotten everything, once all clients have hung up."""
    world.leave()
    held = {name: count for name, count in world.node.core.in_memory().items() if count}
    if held.get("messages that wait to be sent", 0) <= DRIFT:
        held.pop("messages that wait to be sent", None)
    assert not held, f"left in memory: {held}"

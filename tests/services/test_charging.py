"""Accounts that pay in advance: what they have left is taken with the message, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsd.services.charging import AGAIN, MICROS
from smsd.services.gathering import PATIENCE
from smsd.services.statuses import (
    EXPIRED_DLR_UNKNOWN,
    EXPIRED_EXPIRED,
    REJECTED_NOT_ENOUGH_CREDITS,
    REJECTED_PREPAID_PACKAGE_EXPIRED,
    UNDELIVERABLE_NOT_SENT,
)
from smsd.services.submission import Refused
from smsd.sms.udh import Concatenation
from smsd.store.credit import Credit, Line
from smsd.store.engine import Call, Query
from smsd.store.messages import Message
from smsd.store.prices import PriceRow, PriceRows, Scope
from smsd.store.settings import Rows
from tests.services.rig import DELIVERED, UNDELIVERED, Node, account
from tests.stores import NOON, gone, result

HOUR = 3600.0
CENT = MICROS // 100
"""What a segment to anywhere costs here."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "smsd.db")
    yield node
    node.close()


def give(node: Node, micros: int, account_id: int = 1) -> None:
    result(Credit(node.engine).add(account_id, micros))
    node.core.charging.apply(Rows())
    node.turn()


def left(node: Node) -> int:
    ((micros,),) = node.rows("SELECT micros FROM credit WHERE account_id = 1")
    return int(micros)


def refusal(node: Node, body: bytes = b"hello") -> int:
    with pytest.raises(Refused) as refused:
        node.submission.submit(node.request(body=body), node.submitter)
    return refused.value.status


def test_an_account_without_credit_pays_later(node: Node) -> None:
    node.submit(3)
    assert [word for word, _ in node.submitter.heard] == ["stored"] * 3
    assert left(node) == -3 * CENT


def test_each_segment_costs_its_route_s_price(node: Node) -> None:
    give(node, 10 * CENT)
    node.submit(2)
    assert left(node) == 8 * CENT
    node.submit(body=b"x" * 161)
    assert left(node) == 6 * CENT
    node.submit(destination="431234567")
    assert left(node) == 4 * CENT


def test_what_the_rest_does_not_cover_is_refused_and_costs_nothing(node: Node) -> None:
    give(node, 3 * CENT)
    assert refusal(node, b"x" * 500) == REJECTED_NOT_ENOUGH_CREDITS
    node.submit(3)
    assert refusal(node) == REJECTED_NOT_ENOUGH_CREDITS
    assert left(node) == 0
    node.submit(account=account(2))


def test_messages_on_their_way_to_disk_count(node: Node) -> None:
    give(node, 2 * CENT)
    for _ in range(2):
        node.submission.submit(node.request(), node.submitter)
    assert refusal(node) == REJECTED_NOT_ENOUGH_CREDITS
    node.turn()
    assert left(node) == 0


def test_more_credit_is_there_at_once(node: Node) -> None:
    give(node, CENT)
    node.submit()
    give(node, CENT)
    node.submit()
    assert refusal(node) == REJECTED_NOT_ENOUGH_CREDITS


def test_a_message_that_is_not_stored_costs_nothing(node: Node) -> None:
    give(node, 2 * CENT)
    node.engine.before = gone()
    node.submission.submit(node.request(), node.submitter)
    node.turn()
    node.clock.pump([0.1] * 10)
    assert left(node) == 2 * CENT
    node.submit(2)
    assert left(node) == 0


def test_a_commit_whose_answer_is_lost_costs_nothing_in_the_end(node: Node) -> None:
    give(node, 2 * CENT)
    node.engine.after = gone()
    node.submission.submit(node.request(), node.submitter)
    node.turn()
    assert left(node) == CENT
    node.clock.pump([0.1] * 10)
    assert node.rows("SELECT id FROM message") == []
    assert left(node) == 2 * CENT
    node.submit(2)
    assert refusal(node) == REJECTED_NOT_ENOUGH_CREDITS


def test_a_message_in_parts_costs_when_it_is_whole(node: Node) -> None:
    give(node, 2 * CENT)
    for number in (1, 2):
        assert left(node) == 2 * CENT
        place = Concatenation(7, 2, number)
        node.gathering.part(node.request(body=b"x" * 153), place, node.submitter)
        node.turn()
    assert left(node) == 0


def test_the_last_part_of_what_credit_does_not_cover_is_refused(node: Node) -> None:
    give(node, CENT)
    node.gathering.part(node.request(body=b"x" * 153), Concatenation(7, 2, 1), node.submitter)
    node.turn()
    with pytest.raises(Refused) as refused:
        node.gathering.part(node.request(body=b"x" * 153), Concatenation(7, 2, 2), node.submitter)
    assert refused.value.status == REJECTED_NOT_ENOUGH_CREDITS
    assert left(node) == CENT


def test_what_is_left_outlives_a_crash(node: Node) -> None:
    give(node, 3 * CENT)
    node.submit(2)
    again = node.killed_and_started()
    again.submit()
    assert refusal(again) == REJECTED_NOT_ENOUGH_CREDITS
    again.close()


# Limits and packages.


def test_a_limit_says_how_far_below_zero_messages_may_go(node: Node) -> None:
    give(node, CENT)
    result(Credit(node.engine).limit(1, 2 * CENT, NOON, ""))
    node.core.charging.apply(Rows())
    node.turn()
    assert node.core.charging.left(1) == 3 * CENT
    node.submit(3)
    assert refusal(node) == REJECTED_NOT_ENOUGH_CREDITS
    assert left(node) == -2 * CENT
    assert node.killed_and_started().core.charging.left(1) == 0


def test_without_a_limit_again_it_pays_later(node: Node) -> None:
    give(node, 0)
    assert refusal(node) == REJECTED_NOT_ENOUGH_CREDITS
    result(Credit(node.engine).limit(1, None, NOON, ""))
    node.core.charging.apply(Rows())
    node.submit(2)
    assert left(node) == -2 * CENT
    assert node.core.charging.left(1) is None


def test_credit_taken_back_may_leave_less_than_nothing_and_refunds_come_all_the_same(node: Node) -> None:
    give(node, 3 * CENT)
    (message,) = node.submit()
    give(node, -10 * CENT)
    node.reports.cancel(message)
    node.turn()
    assert left(node) == -7 * CENT
    assert refusal(node) == REJECTED_NOT_ENOUGH_CREDITS


def test_what_another_node_gave_back_is_known_soon_after_a_refusal(node: Node) -> None:
    give(node, 0)
    result(node.engine.write(Call(Query("UPDATE credit SET micros = 10000"))))
    assert refusal(node) == REJECTED_NOT_ENOUGH_CREDITS
    node.clock.advance(AGAIN)
    node.submit()
    assert left(node) == 0


@pytest.mark.parametrize("micros", [None, CENT])
def test_an_account_whose_package_has_ended_is_refused(node: Node, micros: int | None) -> None:
    if micros is not None:
        give(node, micros)
    ends = account(package_until=int(NOON) + 60)
    node.core.charging.apply(Rows((ends, account(2))))
    node.turn()
    node.submit(account=ends)
    node.clock.advance(60)
    with pytest.raises(Refused) as refused:
        node.submission.submit(node.request(account=ends), node.submitter)
    assert refused.value.status == REJECTED_PREPAID_PACKAGE_EXPIRED
    assert refused.value.message.charged == 0
    node.submit(account=account(2))
    longer = account(package_until=int(NOON) + 120)
    node.core.charging.apply(Rows((longer,)))
    give(node, 5 * CENT)
    node.core.charging.apply(Rows((longer,)))
    node.submit(account=longer)


# Refunds.


def sent(node: Node, message: Message, *numbers: int) -> None:
    for number in numbers:
        node.outbox.taken(message, number, f"op {number}")
    node.turn()


def end(node: Node, message: Message, how: str) -> None:
    """End a message of two segments, which its channel has in hand."""
    if how == "canceled":
        node.reports.cancel(message)
    elif how == "refused":
        node.outbox.refused(message, temporary=False, error=1)
    elif how == "expired":
        node.outbox.expired(message)
    elif how == "unanswered":
        node.outbox.unanswered(message)
    elif how == "sent in part":
        sent(node, message, 1)
        node.outbox.refused(message, temporary=False, error=1)
    else:
        sent(node, message, 1, 2)
        if how == "no receipt":
            node.reports.end(message, EXPIRED_DLR_UNKNOWN, 0)
        for number in (1, 2) if how == "delivered" else (1,):
            node.receipt(f"op {number}", DELIVERED if how == "delivered" else UNDELIVERED)
    node.turn()


UNSENT = ("canceled", "refused", "expired")
FAILED = ("unanswered", "sent in part", "undelivered", "no receipt")


@pytest.mark.parametrize(
    ("refund", "given_back"), [("unsent", UNSENT), ("undelivered", (*UNSENT, *FAILED)), ("nothing", ())]
)
@pytest.mark.parametrize("how", [*UNSENT, *FAILED, "delivered"])
def test_what_is_given_back_is_for_the_account_s_setting_to_say(
    node: Node, refund: str, given_back: tuple[str, ...], how: str
) -> None:
    give(node, 10 * CENT)
    node.core.charging.apply(Rows((account(refund=refund),)))
    (message,) = node.submit(body=b"x" * 161)
    assert (left(node), message.charged) == (8 * CENT, 2 * CENT)
    assert node.take_all() == [message]
    end(node, message, how)
    cost = 0 if how in given_back else 2 * CENT
    assert left(node) == 10 * CENT - cost
    assert node.core.charging.left(1) == 10 * CENT - cost
    assert node.rows("SELECT charged, state FROM message") == [(cost, 4)]
    assert message.charged == cost
    end(node, message, "canceled")  # What has ended has ended.
    assert left(node) == 10 * CENT - cost


@pytest.mark.parametrize("how", [*UNSENT, *FAILED])
def test_what_accounts_that_pay_later_owe_is_less_then(node: Node, how: str) -> None:
    node.core.charging.apply(Rows((account(refund="undelivered"),)))
    (message,) = node.submit(body=b"x" * 161)
    node.take_all()
    assert left(node) == -2 * CENT
    end(node, message, how)
    assert left(node) == 0


def test_what_never_became_whole_has_cost_nothing(node: Node) -> None:
    give(node, 5 * CENT)
    node.gathering.part(node.request(body=b"x" * 153), Concatenation(7, 2, 1), node.submitter)
    node.turn()
    node.clock.advance(PATIENCE)
    node.turn()
    assert node.rows("SELECT status, charged FROM message") == [(UNDELIVERABLE_NOT_SENT, 0)]
    assert left(node) == 5 * CENT


def test_a_message_that_is_void_and_canceled_at_once_is_given_back_once(node: Node) -> None:
    give(node, 3 * CENT)
    node.engine.after = gone()
    message = node.submission.submit(node.request(), node.submitter)
    node.turn()
    node.reports.cancel(message)  # The table has it, though its client heard that it is not stored.
    node.clock.pump([0.1] * 10)
    assert node.rows("SELECT id FROM message") == []
    assert left(node) == 3 * CENT


def test_what_was_taken_in_part_is_known_by_the_table_too(node: Node) -> None:
    give(node, 5 * CENT)
    (message,) = node.submit(body=b"x" * 161)
    node.take_all()
    sent(node, message, 1)
    (read,) = result(node.messages.by_ids([message.id]))
    node.reports.end(read, EXPIRED_EXPIRED, 0)
    node.turn()
    assert left(node) == 3 * CENT


def test_what_came_back_although_the_answer_was_lost_is_known_soon(node: Node) -> None:
    give(node, CENT)
    (message,) = node.submit()
    node.reports.cancel(message)
    node.engine.after = gone()
    node.clock.pump([0.1] * 10)
    assert node.journal.available
    node.clock.advance(AGAIN)
    assert node.core.charging.left(1) == CENT


def test_a_last_part_that_comes_again_since_its_answer_was_lost_costs_once(node: Node) -> None:
    give(node, 9 * CENT)
    for number, after in ((1, []), (2, gone()), (2, [])):
        node.engine.after = after
        place = Concatenation(7, 2, number)
        node.gathering.part(node.request(body=b"x" * 153), place, node.submitter)
        node.turn()
        node.clock.pump([0.1] * 10)
    assert [word for word, _ in node.submitter.heard] == ["stored", "not stored", "stored"]
    assert left(node) == 7 * CENT
    assert result(Credit(node.engine).sums()) == [(1, 7 * CENT, 7 * CENT)]


# The ledger.


def test_the_ledger_has_messages_and_refunds_by_the_hour_and_all_else_by_itself(node: Node) -> None:
    credit = Credit(node.engine)
    result(credit.add(1, 10 * CENT, NOON + 1, "boss: hello"))
    result(credit.limit(1, CENT, NOON + 2, "boss: the limit is 0.01"))
    node.core.charging.apply(Rows())
    for _ in range(2):
        for message in node.submit(2, body=b"x" * 161):
            node.reports.cancel(message)
        node.turn()
        node.clock.advance(HOUR)
    node.submit()
    result(credit.pay(1, CENT, node.clock.seconds(), ""))
    hour = NOON // HOUR * HOUR
    assert result(credit.ledger(1, 0, 2**53)) == [
        Line(hour, 1, -4 * CENT, 2, "", None),
        Line(hour, 2, 4 * CENT, 2, "", None),
        Line(NOON + 1, 3, 10 * CENT, 0, "boss: hello", 10 * CENT),
        Line(NOON + 2, 4, 0, 0, "boss: the limit is 0.01", 10 * CENT),
        Line(hour + HOUR, 1, -4 * CENT, 2, "", None),
        Line(hour + HOUR, 2, 4 * CENT, 2, "", None),
        Line(hour + 2 * HOUR, 1, -CENT, 1, "", None),
        Line(NOON + 2 * HOUR, 3, CENT, 0, "", 10 * CENT),
    ]
    assert result(credit.ledger(1, NOON + 1, NOON + 2)) == [
        Line(NOON + 1, 3, 10 * CENT, 0, "boss: hello", 10 * CENT)
    ]
    assert result(credit.sums()) == [(1, 10 * CENT, 10 * CENT)]


# Prices.


def test_prices_come_before_the_route_s_and_are_kept_with_the_message(node: Node) -> None:
    rows = PriceRows(node.engine)
    result(rows.put([PriceRow(Scope(country="HR"), "0.03")]))
    node.core.charging.apply(Rows())
    node.turn()
    give(node, 10 * CENT)
    node.submit()
    assert left(node) == 7 * CENT
    result(rows.put([PriceRow(Scope(country="HR"), "0.05")]))
    node.core.charging.apply(Rows())
    (message,) = node.submit()
    assert left(node) == 2 * CENT
    assert message.price == "0.05"
    node.submit(destination="431234567")
    assert left(node) == 0  # The route's.
    assert node.rows("SELECT price, charged FROM message") == [
        ("0.03", 3 * CENT),
        ("0.05", 5 * CENT),
        ("0.02", 2 * CENT),
    ]

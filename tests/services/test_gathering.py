from __future__ import annotations

import itertools
from typing import Any

import pytest

from smsd.services.charging import MICROS
from smsd.services.gathering import PATIENCE
from smsd.services.statuses import (
    NOT_SUBMITTED,
    PENDING_APPROVAL,
    REJECTED_PREFIX_MISSING,
    UNDELIVERABLE_NOT_SENT,
)
from smsd.services.submission import Refused
from smsd.sms.udh import Concatenation
from smsd.store.commits import Overloaded
from smsd.store.credit import Credit
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Message, Report, State
from smsd.store.settings import Rows
from tests.services.rig import Node, Receiver, account
from tests.stores import content, gone, result

PARTS = {1: b"one " * 38, 2: b"two " * 38, 3: b"three"}


def part(node: Node, number: int, total: int = 3, reference: int = 7, **fields: Any) -> Message:
    body = fields.pop("body", PARTS.get(number, b"x"))
    request = node.request(body=body, **fields)
    return node.gathering.part(request, Concatenation(reference, total, number), node.submitter)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
@pytest.mark.parametrize("turns", [False, True])
def test_parts_in_any_order_make_one_message(node: Node, order: tuple[int, ...], turns: bool) -> None:
    ids = set()
    for number in order:
        assert node.take_all() == []
        ids.add(part(node, number).id)
        if turns:
            node.turn()
    node.turn()
    (message,) = node.take_all()
    assert ids == {message.id}
    assert message.content.body == PARTS[1] + PARTS[2] + PARTS[3]
    assert message.segments == 3
    assert node.submitter.heard == [("stored", message.id)] * 3
    assert node.rows("SELECT state, segments FROM message") == [(State.QUEUED, 3)]
    assert node.rows("SELECT * FROM fragment") == []
    assert node.clock.getDelayedCalls() == []


def test_each_part_is_answered_when_it_is_on_disk(node: Node) -> None:
    node.engine.holding = True
    part(node, 1)
    node.turn()
    assert node.submitter.heard == []
    node.engine.release()
    assert len(node.submitter.heard) == 1


def test_a_part_to_a_prefix_that_nobody_has_is_refused(node: Node) -> None:
    with pytest.raises(Refused) as refused:
        part(node, 1, destination="999911234567")
    assert refused.value.status == REJECTED_PREFIX_MISSING
    node.turn()
    assert node.rows("SELECT * FROM message") == []


def test_a_part_that_comes_twice_counts_once(node: Node) -> None:
    for number in (1, 1, 2, 2, 1, 3):
        part(node, number)
        node.turn()
    (message,) = node.take_all()
    assert message.content.body == b"".join(PARTS.values())
    assert node.submitter.heard == [("stored", message.id)] * 6


def test_parts_of_different_messages_are_kept_apart(node: Node) -> None:
    one = part(node, 1)
    others = [
        part(node, 2, reference=8),
        part(node, 2, total=2),
        part(node, 2, destination="385911234568"),
        part(node, 2, source="other"),
        part(node, 2, account=account(2)),
    ]
    node.turn()
    assert len({message.id for message in (one, *others)}) == 6
    assert node.take_all() == []
    part(node, 2)
    part(node, 3)
    node.turn()
    assert [message.id for message in node.take_all()] == [one.id]


def test_a_reference_may_be_used_again_once_its_message_is_whole(node: Node) -> None:
    for _ in range(2):
        for number in (1, 2, 3):
            part(node, number)
        node.turn()
    first, second = node.take_all()
    assert first.id != second.id
    assert first.content.body == second.content.body


def test_a_message_of_one_part_is_whole_at_once(node: Node) -> None:
    made = part(node, 1, total=1)
    node.turn()
    assert [message.id for message in node.take_all()] == [made.id]


def test_a_message_whose_parts_do_not_all_come_ends_unsent(node: Node) -> None:
    receiver = Receiver()
    node.deliveries.bound(1, receiver)
    message = part(node, 1)
    part(node, 3)
    node.turn()
    node.clock.advance(PATIENCE - 1)
    assert node.state(message)[0] == State.GATHERING
    node.clock.advance(1)
    node.turn()
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_NOT_SENT)
    assert [(one.id, one.error) for one in receiver.receipts] == [(message.id, NOT_SUBMITTED)]
    # What comes later begins another message.
    assert part(node, 2).id != message.id
    node.turn()
    assert node.take_all() == []


def test_a_restart_in_the_middle_takes_up_the_parts_on_disk(node: Node) -> None:
    message = part(node, 3)
    part(node, 1)
    node.turn()
    node.clock.advance(100)
    node = node.killed_and_started()
    assert part(node, 2).id == message.id
    node.turn()
    (whole,) = node.take_all()
    assert (whole.id, whole.content.body) == (message.id, b"".join(PARTS.values()))
    node.close()


def test_a_restart_after_the_last_part_gathers_nothing(node: Node) -> None:
    for number in (1, 2, 3):
        part(node, number)
    node.turn()
    node = node.killed_and_started()
    (message,) = node.take_all()
    assert message.content.body == b"".join(PARTS.values())
    node.clock.advance(PATIENCE)
    assert node.state(message)[0] == State.QUEUED
    node.close()


@pytest.mark.parametrize("away", [0, 2 * PATIENCE])
def test_patience_does_not_begin_anew_with_a_restart(node: Node, away: float) -> None:
    message = part(node, 1)
    node.turn()
    node.clock.advance(PATIENCE - 10)
    node = node.killed_and_started()
    node.clock.advance(away or 10)
    node.turn()
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_NOT_SENT)
    node.close()


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_part_that_was_not_stored_can_come_again(node: Node, lost: str, number: int) -> None:
    for one in (1, 2, 3):
        if one == number:
            setattr(node.engine, lost, gone())
            part(node, one)
            node.turn()
            assert node.submitter.heard[-1][0] == "not stored"
            with pytest.raises(StoreUnavailable):
                part(node, one)
            node.clock.pump([0.1, 0])
        part(node, one)
        node.turn()
    (message,) = node.take_all()
    assert message.content.body == b"".join(PARTS.values())
    assert node.rows("SELECT count(*) FROM message") == [(1,)]


def test_a_receipt_is_owed_if_any_part_asks_for_one(node: Node) -> None:
    for number in (1, 2, 3):
        wanted = number == 3
        part(
            node,
            number,
            content=content(PARTS[number], registered_delivery=int(wanted)),
            report=int(Report.RECEIPT if wanted else Report.NONE),
        )
    node.turn()
    (message,) = node.take_all()
    assert message.report == Report.RECEIPT
    assert message.content.registered_delivery == 1
    assert node.rows("SELECT report FROM message") == [(Report.RECEIPT,)]


@pytest.mark.parametrize(("number", "total"), [(0, 3), (4, 3), (1, 0)])
def test_a_part_that_is_none_of_its_message_is_refused(node: Node, number: int, total: int) -> None:
    with pytest.raises(Refused):
        part(node, number, total)
    node.turn()
    assert node.rows("SELECT * FROM message") == []


def test_a_part_is_checked_as_a_message_is(node: Node) -> None:
    with pytest.raises(Refused):
        part(node, 1, destination="nobody")


def test_no_more_than_so_many_messages_wait_for_parts(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsd.services.gathering.INCOMPLETE", 5)
    for reference in range(5):
        part(node, 1, reference=reference)
    with pytest.raises(Overloaded):
        part(node, 1, reference=5)
    part(node, 2, reference=4)
    part(node, 3, reference=4)
    node.turn()
    part(node, 1, reference=5)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_last_part_that_was_refused_can_come_again(node: Node, lost: str) -> None:
    message = part(node, 1)
    part(node, 2)
    node.turn()
    setattr(node.engine, lost, gone())
    part(node, 3)
    node.turn()
    assert node.submitter.heard[-1] == ("not stored", message.id)
    assert node.take_all() == []
    node.clock.advance(0.1)
    node.turn()
    assert part(node, 3).id == message.id
    node.turn()
    (whole,) = node.take_all()
    assert (whole.id, whole.content.body) == (message.id, b"".join(PARTS.values()))
    assert node.rows("SELECT * FROM fragment") == []


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_last_part_that_was_refused_and_never_comes_again_costs_nothing(node: Node, lost: str) -> None:
    result(Credit(node.engine).add(1, MICROS))
    result(node.core.charging.resume())
    message = part(node, 1)
    part(node, 2)
    node.turn()
    setattr(node.engine, lost, gone())
    part(node, 3)
    node.turn()
    node.clock.advance(PATIENCE)
    node.turn()
    node.clock.advance(1)
    node.turn()
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_NOT_SENT)
    assert node.rows("SELECT micros FROM credit") == [(MICROS,)]
    assert node.core.charging.left(1) == MICROS
    assert node.rows("SELECT * FROM fragment") == []


def test_parts_that_a_crash_left_behind_are_removed(node: Node) -> None:
    for number in (1, 2, 3):
        part(node, number)
    node.engine.before = [None, *gone()]
    node.turn()
    assert node.rows("SELECT count(*) FROM fragment") == [(2,)]
    node = node.killed_and_started()
    node.turn()
    assert node.rows("SELECT * FROM fragment") == []
    assert len(node.take_all()) == 1
    node.close()


def test_a_last_part_that_credit_did_not_cover_may_come_again_though_texts_must_not(node: Node) -> None:
    credit = Credit(node.engine)
    result(credit.add(1, MICROS))
    result(node.core.charging.resume())
    node.core.flood.apply(Rows((account(repeat_after=60),)))
    for number in (1, 2):
        part(node, number)
    node.turn()
    result(credit.add(1, -MICROS))  # By another node.
    message = part(node, 3)
    node.turn()
    assert node.submitter.heard[-1] == ("refused", message.id)
    result(credit.add(1, MICROS))
    result(node.core.charging.resume())
    assert part(node, 3).id == message.id
    node.turn()
    assert [one.id for one in node.take_all()] == [message.id]


def test_a_message_for_approval_whose_last_part_was_refused_waits_for_it_after_a_restart(node: Node) -> None:
    settings = Rows((account(approval="everything"),))
    node.core.checks.apply(settings)
    message = part(node, 1)
    part(node, 2)
    node.turn()
    node.engine.after = gone()
    part(node, 3)
    node.turn()
    node.clock.advance(0.1)
    node.turn()
    node = node.killed_and_started()
    node.core.checks.apply(settings)
    assert part(node, 3).id == message.id
    node.turn()
    assert node.state(message) == (State.SCHEDULED, PENDING_APPROVAL)
    node.close()

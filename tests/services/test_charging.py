"""Accounts that pay in advance: what they have left is taken with the message, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsd.services.charging import MICROS
from smsd.services.statuses import REJECTED_NOT_ENOUGH_CREDITS
from smsd.services.submission import Refused
from smsd.sms.udh import Concatenation
from smsd.store.credit import Credit
from smsd.store.settings import Rows
from tests.services.rig import Node, account
from tests.stores import gone, result

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

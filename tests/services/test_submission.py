from __future__ import annotations

from typing import Any

import pytest

from smsd.services.statuses import (
    MESSAGE_ACCEPTED,
    PENDING_ACCEPTED,
    REJECTED_DESTINATION,
    REJECTED_INVALID_UDH,
    REJECTED_MESSAGE_TOO_LONG,
    REJECTED_PREFIX_MISSING,
    REJECTED_ROUTE_NOT_AVAILABLE,
    REJECTED_SOURCE,
)
from smsd.services.submission import VALIDITY, Refused
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Content, Report, State
from smsd.store.settings import Network, Rows
from tests.services.rig import Node, account
from tests.stores import NOON, content, gone


def refusal(node: Node, **fields: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        node.submission.submit(node.request(**fields), node.submitter)
    return caught.value


def test_a_message_is_on_disk_before_its_submitter_hears_of_it(node: Node) -> None:
    node.engine.holding = True
    message = node.submission.submit(node.request(bulk_id="b"), node.submitter)
    node.turn()
    assert node.submitter.heard == []
    node.engine.release()
    assert node.submitter.heard == [("stored", message.id)]
    assert node.rows("SELECT id, bulk_id, state, status, price FROM message") == [
        (message.id, "b", State.QUEUED, MESSAGE_ACCEPTED, "0.01")
    ]


def test_a_message_takes_the_channel_and_the_price_of_its_route(node: Node) -> None:
    (message,) = node.submit(destination="+4366412345")
    assert (message.channel_id, message.price, message.destination) == (2, "0.02", "4366412345")


def test_segments_are_counted(node: Node) -> None:
    assert [node.submit(body=b"x" * length)[0].segments for length in (0, 160, 161, 306, 307)] == [
        1,
        1,
        2,
        2,
        3,
    ]


def test_a_message_is_valid_for_two_days_unless_it_says_less(node: Node) -> None:
    assert node.submit()[0].expires_at == NOON + VALIDITY
    assert node.submit(expires_at=NOON + 60)[0].expires_at == NOON + 60
    assert node.submit(expires_at=NOON + 10 * VALIDITY)[0].expires_at == NOON + VALIDITY


def test_a_message_for_later_is_scheduled_and_valid_from_then(node: Node) -> None:
    (message,) = node.submit(due_at=NOON + 3600)
    assert (message.state, message.status) == (State.SCHEDULED, PENDING_ACCEPTED)
    assert message.expires_at == NOON + 3600 + VALIDITY
    assert node.take_all() == []


def test_a_due_time_that_has_passed_is_now(node: Node) -> None:
    (message,) = node.submit(due_at=NOON - 3600)
    assert (message.state, message.due_at) == (State.QUEUED, NOON)


BAD: list[tuple[int, dict[str, Any]]] = [
    (REJECTED_DESTINATION, {"destination": "nobody"}),
    (REJECTED_DESTINATION, {"destination": ""}),
    (REJECTED_DESTINATION, {"destination": "0911234567"}),
    (REJECTED_SOURCE, {"source": "a sender too long"}),
    (REJECTED_INVALID_UDH, {"content": Content(1, 1, 1, 1, "", 0, 0, 0, 1, b"x" * 50, b"y" * 139)}),
    (REJECTED_MESSAGE_TOO_LONG, {"body": b"x" * (153 * 255 + 1)}),
    (REJECTED_PREFIX_MISSING, {"destination": "999911234567"}),
    (REJECTED_ROUTE_NOT_AVAILABLE, {"account": account(7)}),
]


@pytest.mark.parametrize(("status", "fields"), BAD)
def test_what_is_wrong_with_a_message_names_its_status(
    node: Node, status: int, fields: dict[str, Any]
) -> None:
    if status == REJECTED_ROUTE_NOT_AVAILABLE:
        node.routing.apply(Rows())
    refused = refusal(node, **fields)
    assert (refused.status, refused.message.status, refused.message.state) == (status, status, State.FINAL)
    assert refused.message.done_at == NOON
    node.turn()
    assert node.rows("SELECT * FROM message") == []
    assert node.submitter.heard == []


def test_the_first_check_that_fails_names_the_status(node: Node) -> None:
    node.routing.apply(Rows())
    wrong: dict[str, Any] = {"destination": "nobody", "source": "a sender too long", "body": b"x" * 100_000}
    assert refusal(node, **wrong).status == REJECTED_DESTINATION
    assert refusal(node, **wrong | {"destination": "385911234567"}).status == REJECTED_SOURCE
    unknown = "999911234567"
    assert refusal(node, destination=unknown, body=b"x" * 100_000).status == REJECTED_MESSAGE_TOO_LONG
    assert refusal(node, destination=unknown).status == REJECTED_PREFIX_MISSING
    assert refusal(node).status == REJECTED_ROUTE_NOT_AVAILABLE


def test_an_own_prefix_makes_its_destinations_known(node: Node) -> None:
    assert refusal(node, destination="999911234567").status == REJECTED_PREFIX_MISSING
    node.core.networks.apply(Rows(networks=(Network(1, "9999", "90142", "Lab"),)))
    (message,) = node.submit(destination="999911234567")
    assert message.network == "90142"
    assert refusal(node, destination="999811234567").status == REJECTED_PREFIX_MISSING


def test_a_refused_message_can_be_stored_for_its_report(node: Node) -> None:
    refused = refusal(node, destination="nobody", report=int(Report.FETCH)).message
    node.submission.refuse(refused, node.submitter)
    node.turn()
    assert node.submitter.heard == [("stored", refused.id)]
    assert node.rows("SELECT destination, channel_id, state, status, done_at FROM message") == [
        ("nobody", None, State.FINAL, REJECTED_DESTINATION, NOON)
    ]
    assert node.take_all() == []


def test_a_message_that_could_not_be_stored_is_not_sent(node: Node) -> None:
    node.engine.before = gone()
    (message,) = node.submit()
    assert node.submitter.heard == [("not stored", message.id)]
    assert node.take_all() == []
    with pytest.raises(StoreUnavailable):
        node.submit()
    with pytest.raises(StoreUnavailable):
        node.submission.admit(account(), 1)
    node.clock.advance(1)
    node.submit()


def test_a_message_whose_answer_was_lost_is_not_sent_and_not_there_later(node: Node) -> None:
    node.engine.after = gone()
    (message,) = node.submit()
    assert node.submitter.heard == [("not stored", message.id)]
    assert node.take_all() == []
    node.clock.advance(1)
    node = node.killed_and_started()
    assert node.take_all() == []
    node.close()


def test_many_messages_are_admitted_together_or_not_at_all(node: Node) -> None:
    node.submission.admit(account(), 5_000)
    with pytest.raises(Overloaded):
        node.submission.admit(account(), 5_001)
    node.engine.holding = True
    node.submission.submit(node.request(), node.submitter)
    with pytest.raises(Overloaded):
        node.submission.admit(account(), 5_000)


def test_the_octets_of_a_message_come_through_unchanged(node: Node) -> None:
    made = content(bytes(range(140)))
    made.data_coding, made.udh, made.tlvs = 4, b"", ((0x1401, b"\x00\xff"), (0x1402, b""))
    node.submit(content=made)
    node = node.killed_and_started()
    (message,) = node.take_all()
    assert message.content == made
    node.close()

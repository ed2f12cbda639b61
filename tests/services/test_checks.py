"""What messages are held against before a route is sought for them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.services.checks import Approval, InvalidApproval, approval
from smsd.services.lists import LISTS
from smsd.services.statuses import (
    DESTINATION_BLACKLISTED,
    MESSAGE_ACCEPTED,
    NO_ERROR,
    PENDING_APPROVAL,
    REJECTED_BY_DESTINATION,
    REJECTED_DESTINATION_NOT_REGISTERED,
    REJECTED_DND,
    REJECTED_INVALID_UDH,
    REJECTED_NOT_SENT,
    REJECTED_ROUTE_NOT_AVAILABLE,
    REJECTED_SENDER,
    REJECTED_SOURCE,
    TEXT_BLACKLISTED,
)
from smsd.services.submission import Refused
from smsd.sms.udh import Concatenation
from smsd.store.lists import EVERYBODY, ListRows
from smsd.store.messages import Content, Report, State
from smsd.store.settings import Rows
from tests.services.rig import Node, account
from tests.stores import NOON, content, result

NUMBER = "385911234567"


def put(node: Node, name: str, *values: str, account_id: int = EVERYBODY) -> None:
    kept = [LISTS[name].kind.value(value) for value in values]
    result(ListRows(node.engine).put(name, account_id, kept, NOON))
    result(node.core.lists.resume())


def take_off(node: Node, name: str, value: str) -> None:
    result(ListRows(node.engine).remove(name, EVERYBODY, [LISTS[name].kind.value(value)], NOON))
    result(node.core.lists.resume())


def set_account(node: Node, **settings: Any) -> None:
    node.core.checks.apply(Rows((account(**settings), account(2, "zoo"))))


def found(node: Node, **fields: Any) -> tuple[int, int]:
    """Return the status and the GSM error that a message gets."""
    try:
        message = node.submission.submit(node.request(**fields), node.submitter)
    except Refused as refused:
        return refused.status, refused.message.error
    node.turn()
    return message.status, message.error


TAKEN = (MESSAGE_ACCEPTED, NO_ERROR)
DND = (REJECTED_DND, DESTINATION_BLACKLISTED)


def test_nobody_writes_to_a_number_that_is_on_everybody_s_dnd_list(node: Node) -> None:
    assert found(node) == TAKEN
    put(node, "dnd", NUMBER)
    assert found(node) == DND
    assert found(node, destination="+385911234567") == DND
    assert found(node, account=account(2, "zoo")) == DND
    assert found(node, destination="385911234568") == TAKEN
    take_off(node, "dnd", NUMBER)
    assert found(node) == TAKEN


def test_only_the_account_itself_is_held_to_its_own_list(node: Node) -> None:
    put(node, "dnd", NUMBER, account_id=1)
    assert found(node) == DND
    assert found(node, account=account(2, "zoo")) == TAKEN


@pytest.mark.parametrize(
    ("listed", "source"), [("Casino", "CASINO"), ("cas*", "Casino"), ("+38591*", "385915")]
)
def test_a_sender_on_the_black_list_is_refused(node: Node, listed: str, source: str) -> None:
    put(node, "blocked-senders", listed)
    assert found(node, source=source) == (REJECTED_SENDER, NO_ERROR)
    assert found(node, source="smsd") == TAKEN


@pytest.mark.parametrize("listed", [NUMBER, "38591*", "3*"])
def test_a_destination_on_the_black_list_is_refused(node: Node, listed: str) -> None:
    put(node, "blocked-destinations", listed)
    assert found(node) == (REJECTED_BY_DESTINATION, NO_ERROR)
    assert found(node, destination="41793026727") == TAKEN


def test_an_account_that_may_use_listed_senders_may_use_no_other(node: Node) -> None:
    set_account(node, senders="listed")
    assert found(node) == (REJECTED_SOURCE, NO_ERROR)
    put(node, "allowed-senders", "smsd", account_id=1)
    put(node, "allowed-senders", "Bank*")
    assert found(node, source="SMSD") == TAKEN
    assert found(node, source="Bank 24") == TAKEN
    assert found(node, source="Casino") == (REJECTED_SOURCE, NO_ERROR)
    assert found(node, source="") == (REJECTED_SOURCE, NO_ERROR)
    assert found(node, source="Casino", account=account(2, "zoo")) == TAKEN


def test_an_account_that_may_write_to_registered_destinations_may_write_to_no_other(node: Node) -> None:
    set_account(node, destinations="listed")
    assert found(node) == (REJECTED_DESTINATION_NOT_REGISTERED, NO_ERROR)
    put(node, "registered-destinations", NUMBER, account_id=1)
    assert found(node) == TAKEN
    assert found(node, destination="385911234568") == (REJECTED_DESTINATION_NOT_REGISTERED, NO_ERROR)
    set_account(node, destinations="any")
    assert found(node, destination="385911234568") == TAKEN


def test_a_text_on_the_black_list_is_refused_with_its_error(node: Node) -> None:
    put(node, "blocked-texts", "free money", "casin*")
    assert found(node, body=b"Get FREE  money!") == (REJECTED_NOT_SENT, TEXT_BLACKLISTED)
    assert found(node, body=b"our casinos") == (REJECTED_NOT_SENT, TEXT_BLACKLISTED)
    assert found(node, body=b"our money is free") == TAKEN


def test_a_text_is_looked_at_in_whatever_alphabet_it_comes(node: Node) -> None:
    put(node, "blocked-texts", "казино", "café")
    cyrillic = content("Новое КАЗИНО".encode("utf-16-be"))
    cyrillic.data_coding = 8
    assert found(node, content=cyrillic)[1] == TEXT_BLACKLISTED
    latin = content("Un café".encode("latin-1"))
    latin.data_coding = 3
    assert found(node, content=latin)[1] == TEXT_BLACKLISTED
    assert found(node, body=b"Un caf\x05")[1] == TEXT_BLACKLISTED


def test_octets_are_no_text(node: Node) -> None:
    put(node, "blocked-texts", "cafe*")
    octets = content(b"\xca\xfe\xba\xbe")
    octets.data_coding = 4
    assert found(node, content=octets) == TAKEN


def test_a_long_text_in_parts_is_looked_at_as_a_whole(node: Node) -> None:
    put(node, "blocked-texts", "free money")
    request = node.request(body=b"Get free mo")
    first = node.gathering.part(request, Concatenation(7, 2, 1), node.submitter)
    node.turn()
    with pytest.raises(Refused) as caught:
        node.gathering.part(node.request(body=b"ney now"), Concatenation(7, 2, 2), node.submitter)
    assert (caught.value.status, caught.value.message.error) == (REJECTED_NOT_SENT, TEXT_BLACKLISTED)
    node.turn()
    # Its first part has been taken, so that its sender is owed a receipt.
    assert node.rows("SELECT id, state, status, error, report FROM message") == [
        (first.id, State.FINAL, REJECTED_NOT_SENT, TEXT_BLACKLISTED, Report.RECEIPT)
    ]
    assert node.rows("SELECT * FROM fragment") == []
    assert node.clock.getDelayedCalls() == []


def test_parts_to_a_number_on_a_list_are_refused_each(node: Node) -> None:
    put(node, "dnd", NUMBER)
    with pytest.raises(Refused) as caught:
        node.gathering.part(node.request(), Concatenation(7, 2, 1), node.submitter)
    assert caught.value.status == REJECTED_DND
    node.turn()
    assert node.rows("SELECT * FROM message") == []


def test_the_first_check_that_fails_names_the_status(node: Node) -> None:
    node.routing.apply(Rows())
    set_account(node, senders="listed", destinations="listed")
    assert found(node, content=Content(1, 1, 1, 1, "", 0, 0, 0, 1, b"x" * 50, b"y" * 139))[0] == (
        REJECTED_INVALID_UDH
    )
    for name, value in (
        ("blocked-texts", "hello"),
        ("blocked-destinations", NUMBER),
        ("blocked-senders", "smsd"),
        ("dnd", NUMBER),
    ):
        put(node, name, value)
    statuses = [found(node)[0]]
    take_off(node, "dnd", NUMBER)
    statuses.append(found(node)[0])
    take_off(node, "blocked-senders", "smsd")
    statuses.append(found(node)[0])
    put(node, "allowed-senders", "smsd")
    statuses.append(found(node)[0])
    take_off(node, "blocked-destinations", NUMBER)
    statuses.append(found(node)[0])
    put(node, "registered-destinations", NUMBER)
    statuses.append(found(node)[0])
    take_off(node, "blocked-texts", "hello")
    statuses.append(found(node)[0])
    assert statuses == [
        REJECTED_DND,
        REJECTED_SENDER,
        REJECTED_SOURCE,
        REJECTED_BY_DESTINATION,
        REJECTED_DESTINATION_NOT_REGISTERED,
        REJECTED_NOT_SENT,
        REJECTED_ROUTE_NOT_AVAILABLE,
    ]


def test_the_error_of_a_refused_message_is_stored_with_it(node: Node) -> None:
    put(node, "blocked-texts", "hello")
    with pytest.raises(Refused) as caught:
        node.submission.submit(node.request(report=int(Report.FETCH)), node.submitter)
    node.submission.refuse(caught.value.message, node.submitter)
    node.turn()
    (report,) = result(node.reports.fetch(1, [], [], 10))
    assert (report.status, report.error) == (REJECTED_NOT_SENT, TEXT_BLACKLISTED)


@pytest.mark.parametrize(
    ("setting", "together", "waits"),
    [
        ("", 1000, False),
        ("everything", 1, True),
        ("texts", 1, True),
        ("bulks:10", 10, False),
        ("bulks:10", 11, True),
        ("texts bulks:10", 1, True),
    ],
)
def test_an_account_says_what_of_its_messages_waits_for_approval(
    node: Node, setting: str, together: int, waits: bool
) -> None:
    put(node, "approval-texts", "hello")
    set_account(node, approval=setting)
    assert found(node, together=together)[0] == (PENDING_APPROVAL if waits else MESSAGE_ACCEPTED)
    assert found(node, together=together, account=account(2, "zoo")) == TAKEN


def test_a_text_without_a_listed_phrase_needs_no_approval(node: Node) -> None:
    put(node, "approval-texts", "lottery")
    set_account(node, approval="texts")
    assert found(node) == TAKEN


@pytest.mark.parametrize("setting", ["some", "bulks", "bulks:0", "bulks:x", "texts,everything"])
def test_what_says_nothing_of_approval_is_refused(setting: str) -> None:
    with pytest.raises(InvalidApproval):
        approval(setting)


@given(st.booleans(), st.booleans(), st.integers(0, 1_000_000))
def test_what_waits_for_approval_is_read_as_it_is_written(everything: bool, texts: bool, bulk: int) -> None:
    written = ["everything"] * everything + ["texts"] * texts + [f"bulks:{bulk}"] * (bulk > 0)
    assert approval(" ".join(written)) == Approval(everything, texts, bulk)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from smsd.services.administration import Administration
from smsd.services.deliveries import CULPRIT, Outcome
from smsd.services.inbox import MEMORY, PATIENCE, QUIET, Unowned
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.received import ARRIVED, CLAIMED, State
from smsd.store.settings import Rows
from tests.services.received import NUMBER, Operator, fetched, original, own, segments
from tests.services.rig import Node, Receiver, account
from tests.stores import gone, result

TEXTS = ("one ", "two ", "three")
WHOLE = "one two three"
INBOX = (NUMBER, "", 1, "inbox")
SMPP = (NUMBER, "", 1, "smpp")
OWNER = Rows((account(),))


@pytest.fixture
def operator(node: Node) -> Operator:
    own(node, INBOX)
    return Operator(node)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """A node, the last of those that ran on its database; the test may add others."""
    nodes = [Node(tmp_path / "more.db")]
    yield nodes
    nodes[-1].close()


def states(node: Node) -> list[int]:
    return [state for (state,) in node.rows("SELECT state FROM received ORDER BY id")]


# What an account fetches.


def test_a_message_is_fetched_once(node: Node, operator: Operator) -> None:
    operator.bring(original("Hello there", source_ton=1))
    assert operator.answers == [True]
    (one,) = result(node.core.inbox.fetch(1, 10))
    assert (one.source, one.destination, one.text) == ("41793026727", NUMBER, "Hello there")
    assert (one.keyword, one.clean_text, one.segments) == ("", "Hello there", 1)
    assert one.received_at == node.clock.seconds()
    assert fetched(node) == []
    assert node.rows("SELECT state, done_at - received_at FROM received") == [(State.DONE, 0)]


def test_the_oldest_are_fetched_first_up_to_the_limit(node: Node, operator: Operator) -> None:
    operator.bring(*(original(str(number)) for number in range(5)))
    assert fetched(node, limit=2) == ["0", "1"]
    assert fetched(node, limit=9) == ["2", "3", "4"]


def test_nobody_fetches_what_is_another_account_s(node: Node) -> None:
    own(node, INBOX, ("7777", "", 2, "inbox"))
    Operator(node).bring(original("mine"), original("its", destination="7777"))
    assert fetched(node, 2) == ["its"]
    assert fetched(node, 1) == ["mine"]


def test_what_was_not_fetched_survives_a_crash_and_ids_go_on(node: Node, operator: Operator) -> None:
    operator.bring(original("kept"))
    ((id,),) = node.rows("SELECT id FROM received")
    node.clock.rightNow -= 3600  # The clock steps back.
    node = node.killed_and_started()
    assert node.ids.next() > id
    assert fetched(node) == ["kept"]
    node.close()


# Whose it is.


@pytest.mark.parametrize("address", [NUMBER, f"+{NUMBER}", f"00{NUMBER}"])
def test_a_number_is_known_in_each_form_that_operators_give_it(
    node: Node, operator: Operator, address: str
) -> None:
    operator.bring(original(destination=address))
    assert node.rows("SELECT destination FROM received") == [(NUMBER,)]


@pytest.mark.parametrize("address", ["385911234568", "", "InfoSMS", f"0{NUMBER}"])
def test_a_number_that_nobody_has_is_refused(node: Node, operator: Operator, address: str) -> None:
    with pytest.raises(Unowned):
        operator.bring(original(destination=address))
    assert node.rows("SELECT * FROM received") == []


@pytest.mark.parametrize(
    ("text", "account_id", "keyword", "clean"),
    [
        ("STOP", 2, "STOP", ""),
        ("stop it now", 2, "STOP", "it now"),
        ("  Stop\n\nthis", 2, "STOP", "this"),
        ("stopping", 1, "", "stopping"),
        ("please stop", 1, "", "please stop"),
        ("", 1, "", ""),
        ("ПОМОЩЬ сейчас", 3, "ПОМОЩЬ", "сейчас"),
        ("помощь", 3, "ПОМОЩЬ", ""),
    ],
)
def test_the_first_word_decides_whose_a_text_is(
    node: Node, text: str, account_id: int, keyword: str, clean: str
) -> None:
    own(node, INBOX, (NUMBER, "STOP", 2, "inbox"), (NUMBER, "ПОМОЩЬ", 3, "inbox"))
    Operator(node).bring(original(text))
    (one,) = result(node.core.inbox.fetch(account_id, 10))
    assert (one.text, one.keyword, one.clean_text) == (text, keyword, clean)


def test_a_text_that_no_keyword_claims_is_refused_if_nobody_has_the_rest(node: Node) -> None:
    own(node, (NUMBER, "STOP", 1, "inbox"))
    with pytest.raises(Unowned):
        Operator(node).bring(original("hello"))


def test_a_changed_number_counts_from_the_next_message_on(node: Node, operator: Operator) -> None:
    operator.bring(original("first"))
    own(node, (NUMBER, "", 2, "inbox"))
    operator.bring(original("second"))
    assert (fetched(node, 1), fetched(node, 2)) == (["first"], ["second"])


def test_a_flood_to_numbers_of_nobody_makes_few_log_lines(node: Node, operator: Operator) -> None:
    with capturedLogs() as events:
        for _ in range(1000):
            with pytest.raises(Unowned):
                operator.bring(original(destination="0000"))
        node.clock.advance(QUIET)
        with pytest.raises(Unowned):
            operator.bring(original(destination="999999"))
    counted = [(event["count"], event["address"]) for event in events if "count" in event]
    assert counted == [(1, "0000"), (1000, "999999")]


# Storing.


def test_nothing_is_acknowledged_before_it_is_on_disk(node: Node, operator: Operator) -> None:
    node.engine.holding = True
    operator.bring(original())
    assert operator.answers == []
    node.engine.release()
    assert operator.answers == [True]


def test_what_comes_together_shares_a_transaction(node: Node, operator: Operator) -> None:
    before = len(node.engine.writes)
    operator.bring(*(original(str(number)) for number in range(20)))
    assert len(node.engine.writes) == before + 1
    assert operator.answers == [True] * 20


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("long", [False, True])
def test_what_was_not_stored_is_refused_and_not_kept(
    node: Node, operator: Operator, lost: str, long: bool
) -> None:
    one = segments("a", "b")[0] if long else original("again")
    setattr(node.engine, lost, gone())
    operator.bring(one)
    assert operator.answers == [False]
    with pytest.raises(StoreUnavailable):
        operator.bring(one)
    node.clock.pump([0.1, 0])
    assert node.rows("SELECT * FROM received") == []
    operator.bring(one)
    assert operator.answers == [False, True]
    assert len(node.rows("SELECT * FROM received")) == 1


def test_a_channel_s_flood_leaves_room_for_others(node: Node, operator: Operator) -> None:
    node.engine.holding = True
    node.journal._limit = 10
    for _ in range(5):
        node.core.inbox.take(1, original(), operator.answers.append)
    with pytest.raises(Overloaded):
        node.core.inbox.take(1, original(), operator.answers.append)
    node.core.inbox.take(2, original(), operator.answers.append)
    node.submission.submit(node.request(), node.submitter)
    node.turn()
    node.engine.release()
    node.turn()
    assert operator.answers == [True] * 6
    assert len(node.submitter.heard) == 1
    node.engine.holding = False


# Long messages.


def test_segments_make_one_message_when_all_are_there(node: Node, operator: Operator) -> None:
    one, two, three = segments(*TEXTS)
    operator.bring(three, one)
    assert operator.answers == [True, True]
    assert fetched(node) == []
    node.clock.advance(5)
    operator.bring(two)
    (whole,) = result(node.core.inbox.fetch(1, 10))
    assert (whole.text, whole.clean_text, whole.segments) == (WHOLE, WHOLE, 3)
    assert whole.received_at == node.clock.seconds()
    assert (whole.original.short_message, whole.original.esm_class) == (WHOLE.encode(), 0)
    assert states(node) == [State.JOINED] * 3 + [State.DONE]


def test_the_keyword_is_that_of_the_whole_text(node: Node) -> None:
    own(node, INBOX, (NUMBER, "TWO", 2, "inbox"), (NUMBER, "ONE", 3, "inbox"))
    Operator(node).bring(*reversed(segments(*TEXTS)))
    (whole,) = result(node.core.inbox.fetch(3, 10))
    assert (whole.keyword, whole.clean_text) == ("ONE", "two three")
    assert fetched(node, 1) == fetched(node, 2) == []


def test_a_character_that_is_cut_in_two_is_put_together_again(node: Node, operator: Operator) -> None:
    first, second = segments("x", "😀")
    high, low = second.short_message[-4:-2], second.short_message[-2:]
    header = first.short_message[:6]
    one = original(data_coding=8, esm_class=0x40, short_message=header + high, place=first.place)
    two = original(
        data_coding=8, esm_class=0x40, short_message=second.short_message[:6] + low, place=second.place
    )
    operator.bring(one, two)
    assert fetched(node) == ["😀"]


def test_segments_may_differ_in_their_coding(node: Node, operator: Operator) -> None:
    operator.bring(*segments("plain ", "ćiri", "plain"))
    assert fetched(node) == ["plain ćiriplain"]


def test_messages_of_different_references_senders_numbers_and_widths_are_kept_apart(node: Node) -> None:
    own(node, INBOX, ("7777", "", 1, "inbox"))
    operator = Operator(node)
    kinds = [
        segments("a1", "a2"),
        segments("b1", "b2", reference=8),
        segments("c1", "c2", wide=True),
        segments("d1", "d2", source="41790000000"),
        segments("e1", "e2", destination="7777"),
    ]
    for number in (0, 1):
        operator.bring(*(kind[number] for kind in kinds))
    assert fetched(node) == ["a1a2", "b1b2", "c1c2", "d1d2", "e1e2"]


def test_a_segment_that_comes_again_is_acknowledged_and_counts_once(node: Node, operator: Operator) -> None:
    one, two = segments("a", "b")
    operator.bring(one, one)
    operator.bring(one)
    operator.bring(two, two)
    operator.bring(one, two)
    assert operator.answers == [True] * 7
    assert fetched(node) == ["ab"]
    node.clock.advance(PATIENCE)
    node.turn()
    assert fetched(node) == []
    assert states(node) == [State.JOINED] * 2 + [State.DONE]


def test_segments_may_come_over_different_channels(node: Node, operator: Operator) -> None:
    one, two = segments("a", "b")
    operator.bring(one, channel_id=1)
    operator.bring(two, channel_id=2)
    assert fetched(node) == ["ab"]


@pytest.mark.parametrize(
    ("came", "text"),
    [
        ((1, 2), "one two […]"),
        ((2,), "[…]two […]"),
        ((1, 3), "one […]three"),
        ((3,), "[…]three"),
    ],
)
def test_after_a_while_what_came_is_delivered_marked(
    node: Node, operator: Operator, came: tuple[int, ...], text: str
) -> None:
    operator.bring(*(segments(*TEXTS)[number - 1] for number in came))
    node.clock.advance(PATIENCE - 1)
    node.turn()
    assert fetched(node) == []
    node.clock.advance(1)
    node.turn()
    (whole,) = result(node.core.inbox.fetch(1, 10))
    assert (whole.text, whole.segments) == (text, 3)


def test_what_comes_after_that_is_delivered_too(node: Node, operator: Operator) -> None:
    one, two, three = segments(*TEXTS)
    operator.bring(one, two)
    node.clock.advance(PATIENCE)
    node.turn()
    operator.bring(three)
    node.clock.advance(PATIENCE)
    node.turn()
    assert fetched(node) == ["one two […]", "[…]three"]


def test_a_long_message_that_is_nobody_s_after_all_is_kept_as_such(node: Node) -> None:
    own(node, (NUMBER, "STOP", 1, "inbox"))
    operator = Operator(node)
    operator.bring(*segments(*TEXTS))
    assert operator.answers == [True] * 3
    assert states(node) == [State.UNCLAIMED] * 3
    operator.bring(*segments("St", "op it", reference=8))
    assert fetched(node) == ["Stop it"]


@pytest.mark.parametrize("away", [0, 2 * PATIENCE])
def test_patience_goes_on_over_a_restart(nodes: list[Node], away: float) -> None:
    own(nodes[0], INBOX)
    Operator(nodes[0]).bring(segments(*TEXTS)[0])
    nodes[0].clock.advance(PATIENCE - 10)
    node = nodes[0].killed_and_started()
    nodes.append(node)
    node.clock.advance(away or 10)
    own(node, INBOX)
    node.clock.advance(0)
    node.turn()
    assert fetched(node) == ["one […]"]


def test_a_crash_between_the_last_segment_and_the_whole_loses_nothing(nodes: list[Node]) -> None:
    (node,) = nodes
    own(node, INBOX)
    node.engine.refuses = lambda call: call.query is CLAIMED
    node.engine.before = [None, *gone(5)]
    operator = Operator(node)
    operator.bring(*segments(*TEXTS))
    assert operator.answers == [True] * 3
    assert states(node) == [State.SEGMENT] * 3
    node = node.killed_and_started()
    nodes.append(node)
    assert fetched(node) == []
    own(node, INBOX)
    node.turn()
    assert fetched(node) == [WHOLE]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_whole_whose_commit_was_in_doubt_is_there_once(node: Node, operator: Operator, lost: str) -> None:
    setattr(node.engine, lost, [None, *gone()])
    operator.bring(*segments(*TEXTS))
    assert operator.answers == [True] * 3
    node.clock.pump([0.1, 0, 0])
    assert fetched(node) == [WHOLE]
    assert states(node) == [State.JOINED] * 3 + [State.DONE]


@pytest.mark.parametrize("pause", [0, MEMORY - 1])
def test_a_segment_that_comes_again_after_a_restart_is_known(nodes: list[Node], pause: float) -> None:
    (node,) = nodes
    own(node, INBOX)
    # The same reference twice: the memory of the later one counts.
    Operator(node).bring(*segments("x", "y"), *segments("a", "b"))
    node.clock.advance(pause)
    node = node.killed_and_started()
    nodes.append(node)
    own(node, INBOX)
    operator = Operator(node)
    operator.bring(*segments("a", "b"))
    assert operator.answers == [True, True]
    node.clock.advance(PATIENCE)
    node.turn()
    assert fetched(node) == ["xy", "ab"]


def test_what_was_given_up_incomplete_is_not_taken_for_known(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = nodes
    own(node, INBOX)
    Operator(node).bring(*segments("x", "y"))
    with monkeypatch.context() as patch:
        patch.setattr("smsd.services.inbox.SEGMENTS", 0)
        Operator(node).bring(segments("a", "b")[0])
    node = node.killed_and_started()
    nodes.append(node)
    own(node, INBOX)
    Operator(node).bring(*segments("a", "b"))
    assert fetched(node) == ["xy", "a[…]", "ab"]


def test_no_more_than_so_many_messages_wait_for_segments(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsd.services.inbox.INCOMPLETE", 5)
    node = node.killed_and_started()
    own(node, INBOX)
    Operator(node).bring(*(segments("a", "b", reference=reference)[0] for reference in range(7)))
    assert fetched(node) == ["a[…]"] * 2
    assert len(node.core.inbox._reassembly) == 5
    node.close()


def test_no_more_than_so_many_segments_wait_for_others(
    node: Node, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsd.services.inbox.SEGMENTS", 4)
    for reference in range(3):
        operator.bring(*segments(*TEXTS, reference=reference)[:2])
    assert fetched(node) == ["one two […]"]
    operator.bring(*(segments(*TEXTS, reference=reference)[2] for reference in (1, 2)))
    assert fetched(node) == [WHOLE] * 2
    assert node.core.inbox._waiting == 0


@given(
    steps=st.permutations([0, 1, 2, 3]).flatmap(
        lambda order: st.tuples(
            st.just(order),
            st.lists(st.sampled_from([0, 1, 2, 3]), max_size=6),
            st.lists(st.integers(0, 9), max_size=3),
            st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["before", "after"])), max_size=2),
        )
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_whole_message_comes_of_any_order_repetitions_faults_and_restarts(
    steps: tuple[list[int], list[int], list[int], list[tuple[int, str]]],
) -> None:
    order, again, restarts, faults = steps
    parts = segments("0 ", "1 ", "2 ", "3")
    coming = [*order]
    for position, number in enumerate(again):
        coming.insert(1 + (3 * position) % len(coming), number)
    with TemporaryDirectory() as folder:
        node = Node(Path(folder, "smsd.db"))
        own(node, INBOX)
        came = []
        for step, number in enumerate(coming):
            if step in restarts:
                node = node.killed_and_started()
                own(node, INBOX)
            for at, lost in faults:
                if at == step:
                    setattr(node.engine, lost, gone())
            operator = Operator(node)
            while operator.answers[-1:] != [True]:  # As an SMSC does, which keeps what is refused.
                with suppress(StoreUnavailable):
                    operator.bring(parts[number])
                node.clock.pump([0.2, 0, 0])
            node.engine.before, node.engine.after = [], []
            came += fetched(node)
        node.clock.pump([1, 0, 0])
        node = node.killed_and_started()
        own(node, INBOX)
        node.turn()
        node.clock.advance(PATIENCE)
        node.turn()
        came += fetched(node)
        node.close()
    assert came == ["0 1 2 3"]


# Delivery to SMPP sessions.


def bound(node: Node, *receivers: Receiver) -> None:
    for receiver in receivers:
        node.deliveries.bound(1, receiver)
    node.turn()


def answer(node: Node, receiver: Receiver, unwanted: str) -> None:
    """Let a session refuse a text, and acknowledge all else."""
    receipts, receiver.receipts = receiver.receipts, []
    receiver.outstanding = 0
    for one in receipts:
        if one.text == unwanted:
            node.deliveries.returned(1, one, Outcome.TROUBLE)
        else:
            node.deliveries.taken(1, one)
    node.deliveries.room(1)
    node.turn()


def test_a_message_goes_to_a_session_and_is_done_when_it_is_taken(node: Node, operator: Operator) -> None:
    own(node, SMPP)
    receiver = Receiver()
    bound(node, receiver)
    node.engine.holding = True
    operator.bring(original("Hello"))
    assert receiver.receipts == []
    node.engine.release()
    node.engine.holding = False
    node.turn()
    (one,) = receiver.receipts
    assert one.original == original("Hello")
    assert states(node) == [State.WAITING]
    node.clock.advance(3)
    node.deliveries.taken(1, one)
    node.turn()
    assert node.rows("SELECT state, done_at - received_at FROM received") == [(State.DONE, 3)]
    assert fetched(node) == []


def test_messages_are_spread_evenly_and_receipts_have_their_turn(node: Node, operator: Operator) -> None:
    own(node, SMPP)
    receivers = [Receiver(), Receiver()]
    bound(node, *receivers)
    for _ in range(3):
        operator.bring(original())
        node.deliver()
    assert [len(receiver.ids) for receiver in receivers] == [3, 3]


def test_messages_wait_in_the_table_until_a_session_binds(nodes: list[Node]) -> None:
    (node,) = nodes
    own(node, SMPP)
    for number in range(30):
        Operator(node).bring(original(str(number)))
    assert node.deliveries._recipients == {}
    node = node.killed_and_started()
    nodes.append(node)
    receiver = Receiver()
    bound(node, receiver)
    while len(receiver.ids) < 30:
        for one in receiver.receipts:
            node.deliveries.taken(1, one)
        node.turn()
    assert [one.text for one in receiver.receipts] == [str(number) for number in range(30)]


def test_a_message_that_was_not_taken_comes_again(node: Node, operator: Operator) -> None:
    own(node, SMPP)
    first, second = Receiver(), Receiver()
    bound(node, first)
    operator.bring(original())
    bound(node, second)
    node.deliveries.gone(1, first)
    node.deliveries.returned(1, first.receipts[0], Outcome.LATER)
    node.deliveries.room(1)
    node.turn()
    assert second.ids == first.ids


def test_sessions_get_the_segments_as_they_came_once_all_are_there(node: Node, operator: Operator) -> None:
    own(node, (NUMBER, "ONE", 1, "smpp"))
    receiver = Receiver()
    bound(node, receiver)
    one, two, three = segments(*TEXTS)
    operator.bring(three, one, one)
    assert receiver.receipts == []
    operator.bring(two)
    assert [received.original for received in receiver.receipts] == [one, two, three]
    assert states(node) == [State.WAITING] * 3
    for received in receiver.receipts:
        node.deliveries.taken(1, received)
    node.turn()
    assert states(node) == [State.DONE] * 3


def test_after_a_while_sessions_get_the_segments_that_came(node: Node, operator: Operator) -> None:
    own(node, SMPP)
    receiver = Receiver()
    bound(node, receiver)
    one, _, three = segments(*TEXTS)
    operator.bring(three, one)
    node.clock.advance(PATIENCE)
    node.turn()
    assert [received.original for received in receiver.receipts] == [one, three]


def test_segments_that_nobody_took_survive_a_crash(nodes: list[Node]) -> None:
    (node,) = nodes
    own(node, SMPP)
    Operator(node).bring(*segments(*TEXTS))
    node = node.killed_and_started()
    nodes.append(node)
    own(node, SMPP)
    receiver = Receiver()
    bound(node, receiver)
    assert [received.original for received in receiver.receipts] == segments(*TEXTS)


def test_a_message_that_breaks_sessions_is_set_aside_until_the_operator_sends_it_again(
    node: Node, operator: Operator
) -> None:
    own(node, SMPP)
    node.core.accounts.apply(OWNER)
    receiver = Receiver()
    bound(node, receiver)
    operator.bring(original("bad"))
    bad = receiver.receipts[0]
    with capturedLogs() as events:
        for _ in range(2 * CULPRIT):
            operator.bring(original("good"))
            answer(node, receiver, "bad")
    administration = Administration(node.engine)
    assert [one.text for one in result(administration.received_set_aside(10))] == ["bad"]
    (event,) = (event for event in events if event.get("command"))
    assert event["log_format"].format(**event) == (
        f"demo can't take the received message {bad.id}, which is set aside: see smsd received list"
    )
    assert result(administration.retry_received(5)) == 0
    assert result(administration.retry_received(bad.id)) == 1
    assert result(administration.received_set_aside(10)) == []
    node.deliveries.apply(OWNER)
    node.turn()
    assert [one.text for one in receiver.receipts] == ["bad"]


def test_one_bad_row_leaves_the_others_alone(node: Node, operator: Operator) -> None:
    node.engine.refuses = lambda call: call.query is ARRIVED and any(row[7] == "bad" for row in call.values)
    operator.bring(*(original(text) for text in ("a", "bad", "b")))
    assert sorted(operator.answers) == [False, True, True]
    assert fetched(node) == ["a", "b"]

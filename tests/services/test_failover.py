"""A message goes to another channel when its own is down, or when its operator refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from smsd.services.channel_states import GRACE
from smsd.services.failover import PAUSE, SHARE, STEP
from smsd.services.statuses import (
    DELIVERED_TO_HANDSET,
    EXPIRED_EXPIRED,
    MESSAGE_ACCEPTED,
    REJECTED_NOT_SENT,
    UNDELIVERABLE_REJECTED_OPERATOR,
)
from smsd.store.batch import MOVED
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Message, Messages, Queue, State
from smsd.store.settings import Channel, Route, Rows
from tests.services.rig import DELIVERED, SIZE, Node, account, channel
from tests.stores import gone, result

LONG = b"x" * 400  # Three segments.
UNICODE = "Здраво".encode("utf-16-be")
CHANNELS = (channel(), channel(2, "backup"), channel(3, "last"))
ROUTES = (
    Route(1, None, "", "385", 1, "0.05", cost="0.01"),
    Route(2, None, "", "385", 2, "0.06", cost="0.02", priority=-1),
    Route(3, None, "", "385", 3, "0.07", cost="0.03", priority=-2),
    Route(4, None, "", "43", 1, "0.05"),
)


class Failing(Node):
    """A node with three channels to one country, and one to another."""

    def __init__(
        self,
        path: Path,
        clock: Clock | None = None,
        routes: tuple[Route, ...] = ROUTES,
        channels: tuple[Channel, ...] = CHANNELS,
    ) -> None:
        super().__init__(path, clock)
        self.rows_in_force = Rows((account(), account(2)), channels, routes)
        for user in (self.core.accounts, self.core.routing):
            user.apply(self.rows_in_force)
        self.core.failover.startService()
        self.core.deadlines.startService()

    def close(self) -> None:
        if self.core.failover.running:
            self.core.failover.stopService()
            self.core.deadlines.stopService()
            super().close()

    def killed_and_started(self) -> Failing:
        self.close()
        rows = self.rows_in_force
        return Failing(self.path, self.clock, rows.routes, rows.channels)

    def say(self, channel_id: int, *, up: bool, **fields: Any) -> None:
        self.core.channel_states.say(channel_id, up=up, bound=int(up), wanted=1, **fields)

    def take_away(self, *channels: int) -> None:
        """Let channels be down until messages go elsewhere, and let those that wait go there."""
        for one in channels:
            self.say(one, up=False)
        self.pass_time(GRACE + 1)

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.turn()

    def at(self, channel_id: int) -> list[Message]:
        """Take what waits for a channel."""
        return self.take_all(self.dispatch.outbox(channel_id))

    def refuse(self, message: Message, *, temporary: bool = False, elsewhere: bool = True) -> None:
        assert message.channel_id is not None
        outbox = self.dispatch.outbox(message.channel_id)
        outbox.refused(message, temporary=temporary, error=34, elsewhere=elsewhere)
        self.turn()

    def stored(self, column: str, message: Message) -> Any:
        ((value,),) = self.rows(f"SELECT {column} FROM message WHERE id = {message.id}")
        return value


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Failing]:
    node = Failing(tmp_path / "smsd.db")
    yield node
    node.close()


# Refusals.


def test_a_message_keeps_its_route_and_what_that_costs(node: Failing) -> None:
    (message,) = node.submit()
    assert node.rows("SELECT channel_id, route_id, price, cost, tried FROM message") == [
        (1, 1, "0.05", "0.01", "")
    ]
    assert message.route_id == 1


def test_what_one_operator_refuses_goes_to_the_next(node: Failing) -> None:
    (message,) = node.submit()
    assert node.at(1) == [message]
    node.refuse(message)
    assert node.rows("SELECT channel_id, route_id, price, cost, tried, state, error FROM message") == [
        (2, 2, "0.05", "0.02", "1", State.QUEUED, 34)
    ]
    assert node.at(1) == []
    assert node.at(2) == [message]
    outbox = node.dispatch.outbox(2)
    outbox.taken(message, 0, "op")
    outbox.receipt(("op",), DELIVERED, lambda: None)
    node.turn()
    assert node.state(message) == (State.FINAL, DELIVERED_TO_HANDSET)


def test_what_all_operators_refuse_is_refused(node: Failing) -> None:
    (message,) = node.submit()
    for channel_id in (1, 2, 3):
        assert node.at(channel_id) == [message]
        node.refuse(message)
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_REJECTED_OPERATOR)
    assert [node.at(one) for one in (1, 2, 3)] == [[], [], []]
    assert node.stored("error", message) == 34


def test_what_no_operator_may_have_goes_nowhere(node: Failing) -> None:
    (message,) = node.submit()
    node.at(1)
    node.refuse(message, elsewhere=False)
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_REJECTED_OPERATOR)


def test_a_destination_with_one_way_is_refused_as_ever(node: Failing) -> None:
    (message,) = node.submit(destination="4366412345678")
    node.at(1)
    node.refuse(message)
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_REJECTED_OPERATOR)


def test_what_all_operators_refuse_for_now_is_tried_again_later_by_all(node: Failing) -> None:
    (message,) = node.submit()
    for channel_id in (1, 2, 3):
        assert node.at(channel_id) == [message]
        node.refuse(message, temporary=True)
    assert node.state(message)[0] == State.SCHEDULED
    assert node.stored("tried", message) == ""
    node.pass_time(62)
    ((again,),) = [node.at(3)]
    assert (again.id, again.attempts) == (message.id, 1)
    node.refuse(again, temporary=True)
    assert [one.id for one in node.at(1)] == [message.id]


def test_after_a_crash_nobody_is_asked_again_who_has_refused(node: Failing) -> None:
    (message,) = node.submit()
    node.at(1)
    node.refuse(message)
    node = node.killed_and_started()
    node.turn()
    (message,) = node.at(2)
    node.refuse(message)
    (message,) = node.at(3)
    node.refuse(message)
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_REJECTED_OPERATOR)
    node.close()


def test_a_message_of_which_the_operator_has_a_segment_stays(node: Failing) -> None:
    (message,) = node.submit(body=LONG)
    node.at(1)
    node.outbox.taken(message, 1, "a")
    node.refuse(message)
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_REJECTED_OPERATOR)


def test_a_channel_that_is_away_is_left_out(node: Failing) -> None:
    node.take_away(2)
    (message,) = node.submit()
    node.at(1)
    node.refuse(message)
    assert node.at(3) == [message]


def test_a_message_whose_route_is_gone_stays(node: Failing) -> None:
    (message,) = node.submit()
    node.routing.apply(Rows(channels=CHANNELS, routes=ROUTES[1:]))
    node.at(1)
    node.refuse(message)
    assert node.state(message) == (State.FINAL, UNDELIVERABLE_REJECTED_OPERATOR)


def test_a_route_code_is_kept(tmp_path: Path) -> None:
    routes = (
        Route(1, None, "gold", "", 1, "0"),
        Route(2, None, "", "", 2, "0"),
        Route(3, None, "gold", "", 3, "0", priority=-1),
    )
    node = Failing(tmp_path / "smsd.db", routes=routes)
    (message,) = node.submit(route_code="gold")
    node.at(1)
    node.refuse(message)
    assert node.at(3) == [message]
    node.close()


def test_a_message_is_coded_as_the_other_operator_takes_it(tmp_path: Path) -> None:
    channels = (channel(), channel(2, "backup", alphabets="ucs2"))
    node = Failing(tmp_path / "smsd.db", channels=channels, routes=ROUTES[:2])
    short, long = node.submit(body=b"hello")[0], node.submit(body=b"x" * 100)[0]
    node.at(1)
    node.refuse(short)
    node.refuse(long)  # Two segments there: it would cost twice as much.
    assert node.at(2) == [short]
    assert (short.content.data_coding, short.content.body) == (8, "hello".encode("utf-16-be"))
    assert node.state(long) == (State.FINAL, UNDELIVERABLE_REJECTED_OPERATOR)
    again = node.killed_and_started()
    again.turn()
    (read,) = again.at(2)
    assert (read.content.data_coding, read.content.body) == (8, "hello".encode("utf-16-be"))
    again.close()


@pytest.mark.parametrize("lost", ["before", "after"])
def test_what_moves_while_the_database_goes_away_is_there_once(node: Failing, lost: str) -> None:
    (message,) = node.submit()
    node.at(1)
    setattr(node.engine, lost, gone())
    node.refuse(message)
    node.clock.pump([0.1, 0.1])
    node.turn()
    assert node.stored("channel_id", message) == 2
    assert [one.id for one in node.at(2)] == [message.id]
    assert node.at(1) == []
    assert node.at(2) == []


def test_a_message_that_ends_while_it_moves_is_not_sent(node: Failing) -> None:
    (message,) = node.submit()
    node.at(1)
    node.core.reports.cancel(message)
    node.refuse(message)
    assert node.state(message) == (State.FINAL, REJECTED_NOT_SENT)
    assert node.at(2) == []


# Channels that are down.


def test_new_messages_go_elsewhere_once_a_channel_is_down_for_longer_than_it_may(node: Failing) -> None:
    node.say(1, up=False)
    node.pass_time(GRACE - 1)
    (kept,) = node.submit()
    assert kept.channel_id == 1
    node.pass_time(1)
    (elsewhere,) = node.submit()
    assert elsewhere.channel_id == 2
    node.say(1, up=True)
    (back,) = node.submit()
    assert back.channel_id == 1


@pytest.mark.parametrize(("grace", "channel_id"), [(0.0, 1), (3.0, 2)])
def test_a_channel_says_how_long_it_may_be_down(node: Failing, grace: float, channel_id: int) -> None:
    node.say(1, up=False, grace=grace)
    node.pass_time(4)
    assert node.submit()[0].channel_id == channel_id


def test_a_channel_that_comes_back_in_time_keeps_everything(node: Failing) -> None:
    node.submit(3)
    for _ in range(5):
        node.say(1, up=False)
        node.pass_time(GRACE - 1)
        node.say(1, up=True)
    assert len(node.at(1)) == 3


def test_what_waits_for_a_channel_that_is_down_moves_in_order_however_much_it_is(node: Failing) -> None:
    messages = node.submit(5 * SIZE)
    other = node.submit(2 * SIZE, account=account(2), priority=1)
    node.take_away(1)
    assert node.at(1) == []
    sent: list[int] = []
    outbox = node.dispatch.outbox(2)
    while taken := node.at(2):
        for message in taken:
            sent.append(message.id)
            outbox.taken(message, 0, f"op {message.id}")
        node.turn()
    ids = [message.id for message in messages]
    assert [one for one in sent if one in ids] == ids
    assert sorted(sent) == sorted(ids + [message.id for message in other])
    assert {row[0] for row in node.rows("SELECT state FROM message")} == {State.SENT}
    assert node.at(1) == []


def test_it_moves_in_steps(node: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsd.services.failover.STEP", 3)
    assert STEP > 3
    node.submit(10)
    node.engine.writes.clear()
    node.take_away(1)
    moves = [call for calls in node.engine.writes for call in calls if call.query is MOVED]
    assert [len(call.values) for call in moves] == [3, 3, 3, 1]


def test_what_is_under_way_at_the_operator_stays(node: Failing) -> None:
    under_way, waiting = node.submit(2)
    assert node.outbox.take() is under_way
    node.take_away(1)
    assert node.at(2) == [waiting]
    node.send(under_way, "op")
    node.turn()
    assert node.state(under_way)[0] == State.SENT


def test_what_was_put_back_moves_first(node: Failing) -> None:
    first, second = node.submit(2)
    assert node.outbox.take() is first
    node.outbox.put_back(first)
    node.take_away(1)
    assert node.at(2) == [first, second]


def test_what_the_operator_has_a_segment_of_waits_for_it(node: Failing) -> None:
    (message,) = node.submit(body=LONG)
    node.at(1)
    node.outbox.taken(message, 1, "a")
    node.outbox.put_back(message)
    node.take_away(1)
    assert node.at(2) == []
    assert node.at(1) == [message]


def test_what_has_no_other_way_stays_and_is_sent_when_the_channel_is_back(node: Failing) -> None:
    stays = node.submit(3 * SIZE, destination="4366412345678")
    moves = node.submit(2)
    node.take_away(1)
    assert [one.id for one in node.at(2)] == [one.id for one in moves]
    node.say(1, up=True)
    sent = []
    while taken := node.at(1):
        for message in taken:
            sent.append(message.id)
            node.send(message, f"op {message.id}")
        node.turn()
    assert sent == [message.id for message in stays]


def test_a_channel_without_an_alternative_is_not_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Queue] = []
    whole = Messages.queued_after

    def queued_after(self: Messages, queue: Queue, *given: int) -> Any:
        read.append(queue)
        return whole(self, queue, *given)

    monkeypatch.setattr(Messages, "queued_after", queued_after)
    node = Failing(tmp_path / "smsd.db", routes=(ROUTES[0], Route(2, None, "", "43", 2, "0")))
    node.submit(3)
    node.take_away(1)
    node.pass_time(30)
    assert read == []
    assert len(node.at(1)) == 3
    node.close()


def test_what_is_due_while_its_channel_is_away_moves_too(node: Failing) -> None:
    (later,) = node.submit(due_at=node.clock.seconds() + GRACE + 5)
    assert later.channel_id == 1
    node.take_away(1)
    node.pass_time(5 + PAUSE + 1)
    assert [one.id for one in node.at(2)] == [later.id]
    assert SHARE > 1


def test_what_is_due_behind_others_that_have_no_other_way_moves_too(node: Failing) -> None:
    node.submit(destination="4366412345678")
    (later,) = node.submit(due_at=node.clock.seconds() + GRACE + 5)
    node.take_away(1)
    node.pass_time(5 + PAUSE + 1)
    assert [one.id for one in node.at(2)] == [later.id]


def test_a_channel_that_is_there_again_gets_at_once_what_another_could_not_have(tmp_path: Path) -> None:
    routes = (*ROUTES[:2], ROUTES[3], Route(5, None, "", "43", 3, "0", priority=-1))
    node = Failing(tmp_path / "smsd.db", routes=routes)
    messages = node.submit(2)
    node.take_away(2, 1)
    node.say(2, up=True)
    node.pass_time(1)
    assert node.at(2) == messages
    node.close()


def test_when_another_channel_is_there_again_it_gets_what_waits(node: Failing) -> None:
    node.take_away(2, 3)
    messages = node.submit(2)
    node.take_away(1)
    assert [node.at(one) for one in (2, 3)] == [[], []]
    node.say(3, up=True)
    node.pass_time(1)
    assert node.at(3) == messages


def test_what_is_scheduled_waits_for_its_channel_until_it_is_due(node: Failing) -> None:
    node.take_away(1)
    (message,) = node.submit(due_at=node.clock.seconds() + 3600)
    assert message.channel_id == 1


def test_what_has_moved_once_moves_again(node: Failing) -> None:
    messages = node.submit(5)
    node.take_away(1)
    assert node.rows("SELECT DISTINCT channel_id FROM message") == [(2,)]
    node.say(2, up=False, grace=1.0)
    node.pass_time(3)
    assert [one.id for one in node.at(3)] == [one.id for one in messages]
    assert node.rows("SELECT DISTINCT tried FROM message") == [("1 2",)]


@pytest.mark.parametrize("reading", [1, 2, 3])
def test_a_database_that_is_away_for_a_moment_ends_nothing(
    node: Failing, monkeypatch: pytest.MonkeyPatch, reading: int
) -> None:
    monkeypatch.setattr("smsd.services.failover.STEP", 2)
    messages = node.submit(6)
    whole = Messages.queued_after
    readings = 0

    async def queued_after(self: Messages, queue: Queue, *given: int) -> list[Message]:
        nonlocal readings
        readings += 1
        if readings == reading:
            raise StoreUnavailable("It is told to be away.")
        return await whole(self, queue, *given)

    monkeypatch.setattr(Messages, "queued_after", queued_after)
    node.take_away(1)
    node.pass_time(3)
    assert [one.id for one in node.at(2)] == [one.id for one in messages]


def test_where_all_channels_are_away_messages_wait_for_the_first(node: Failing) -> None:
    node.take_away(1, 2, 3)
    (message,) = node.submit()
    assert message.channel_id == 1
    node.pass_time(30)
    node.say(1, up=True)
    assert node.at(1) == [message]


def test_a_message_that_expires_while_its_channel_is_away_ends_once(node: Failing) -> None:
    node.take_away(1, 2, 3)
    (message,) = node.submit(expires_at=node.clock.seconds() + 5)
    node.pass_time(6)
    node.say(2, up=True)
    node.pass_time(2)
    assert node.at(2) == []
    assert node.state(message) == (State.FINAL, EXPIRED_EXPIRED)


def test_a_crash_between_two_steps_loses_nothing(node: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsd.services.failover.STEP", 3)
    messages = node.submit(9)
    moves = 0

    def refuses(call: Any) -> bool:
        nonlocal moves
        moves += call.query is MOVED
        return False

    node.engine.refuses = refuses
    node.say(1, up=False)
    while not moves:
        node.clock.advance(0.5)
    node = node.killed_and_started()
    node.take_away(1)
    assert sorted(one.id for one in node.at(2)) == [one.id for one in messages[:SIZE]]
    assert node.rows("SELECT channel_id, count(*) FROM message GROUP BY channel_id") == [(2, 9)]
    assert {node.state(one) for one in messages} == {(State.QUEUED, MESSAGE_ACCEPTED)}
    node.close()


def test_a_channel_that_is_removed_is_away_no_more(node: Failing) -> None:
    node.take_away(1)
    node.core.channel_states.forget(1)
    assert node.submit()[0].channel_id == 1
    node.say(1, up=False)
    node.core.channel_states.forget(1)
    node.pass_time(GRACE + 1)
    assert node.core.channel_states.away == frozenset()


def test_whether_a_channel_is_away_can_be_seen_from_outside(node: Failing) -> None:
    node.core.channel_states.startService()
    node.take_away(1)
    rows = node.core.channel_states._rows
    assert result(rows.read())[1].away == 1
    node.say(1, up=True)
    assert result(rows.read())[1].away == 0
    node.core.channel_states.stopService()


def test_a_message_in_letters_of_its_own_moves_as_it_is(node: Failing) -> None:
    (message,) = node.submit(body=UNICODE)
    node.at(1)
    before = message.content
    node.refuse(message)
    assert node.at(2)[0].content == before


def test_what_was_moved_on_while_nobody_knew_of_the_first_move_is_not_left_behind(node: Failing) -> None:
    (message,) = node.submit()
    assert node.at(1) == [message]
    node.engine.after = gone()
    node.refuse(message)
    node.dispatch.look(Queue(2, 1, 0))
    node.turn()
    (found,) = node.at(2)
    node.refuse(found)
    node.pass_time(2)
    assert [one.id for one in [*node.at(2), *node.at(3)]] == [message.id]

"""What goes to clients' sessions: spread, sent again, and kept from holding up the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from smsd.services.accounts import Accounts
from smsd.services.deliveries import CULPRIT, SUSPECT, Deliveries, Kind, Outcome
from smsd.store.settings import Rows
from tests.services.rig import account

ACCOUNT = 1
SIZE = 20


class Thing(NamedTuple):
    id: int
    account_id: int = ACCOUNT
    origin: object = None


class Session:
    """A client's session: what it was sent and has not answered for."""

    def __init__(self, window: int = 5) -> None:
        self.window = window
        self.under_way: deque[Any] = deque()
        self.sent: list[int] = []

    @property
    def room(self) -> int:
        return self.window - len(self.under_way)

    @property
    def outstanding(self) -> int:
        return len(self.under_way)

    def deliver(self, item: Any) -> None:
        self.under_way.append(item)
        self.sent.append(item.id)


class Stage:
    """Deliveries over a table that is a dictionary."""

    def __init__(self, **columns: Any) -> None:
        self.clock = Clock()
        accounts = Accounts(lambda *_: pytest.fail("no password is checked here"))
        accounts.apply(Rows((account(ACCOUNT, **columns),)))
        self.deliveries = Deliveries(accounts, self.clock, SIZE)
        self.table: dict[int, Thing] = {}
        self.taken: list[int] = []
        self.aside: list[int] = []
        self.deliveries.add_kind(
            Kind(Thing, self._read, self._leave(self.taken), self._leave(self.aside), "the thing", "thing")
        )
        self.bound: list[Session] = []

    async def _read(self, account_id: int, limit: int) -> list[Thing]:
        return list(self.table.values())[:limit]

    def _leave(self, gone: list[int]) -> Callable[[Thing, Callable[[bool], None]], None]:
        def leave(thing: Thing, after: Callable[[bool], None]) -> None:
            assert thing.id in self.table, f"{thing.id} leaves twice"
            del self.table[thing.id]
            gone.append(thing.id)
            after(True)

        return leave

    def offer(self, *ids: int, origin: object = None) -> None:
        for id in ids:
            self.table[id] = Thing(id, origin=origin)
            self.deliveries.offer(ACCOUNT, self.table[id])
        self.turn()

    def turn(self) -> None:
        for _ in range(5):
            self.clock.advance(0)

    def bind(self, window: int = 5) -> Session:
        session = Session(window)
        self.bound.append(session)
        self.deliveries.bound(ACCOUNT, session)
        self.turn()
        return session

    def take(self, session: Session) -> int:
        item = session.under_way.popleft()
        self.deliveries.taken(ACCOUNT, item)
        self.deliveries.room(ACCOUNT)
        self.turn()
        return int(item.id)

    def give_back(self, session: Session, outcome: Outcome) -> int:
        item = session.under_way.popleft()
        self.deliveries.returned(ACCOUNT, item, outcome)
        self.deliveries.room(ACCOUNT)
        self.turn()
        return int(item.id)

    def end(self, session: Session, outcome: Outcome = Outcome.TROUBLE) -> None:
        self.bound.remove(session)
        self.deliveries.gone(ACCOUNT, session)
        while session.under_way:
            self.deliveries.returned(ACCOUNT, session.under_way.pop(), outcome)
        self.deliveries.room(ACCOUNT)
        self.turn()


@pytest.fixture
def stage() -> Stage:
    return Stage()


def crash_on(stage: Stage, poison: int, rounds: int, window: int = 5) -> int:
    """Let one client bind again and again, take everything but one item, and end on that one."""
    for round in range(1, rounds + 1):
        session = stage.bind(window)
        while session.under_way:
            if session.under_way[0].id == poison:
                break
            stage.take(session)
        else:
            return round
        stage.end(session)
    raise AssertionError(f"still sent after {rounds} ends")


def test_items_go_to_sessions_in_turn(stage: Stage) -> None:
    sessions = [stage.bind() for _ in range(3)]
    stage.offer(*range(1, 7))
    assert [len(session.sent) for session in sessions] == [2, 2, 2]


def test_an_item_goes_first_to_the_session_it_comes_from_if_the_account_wants_so() -> None:
    stage = Stage(receipts_to_submitter=1)
    first, second = stage.bind(window=2), stage.bind(window=2)
    stage.offer(1, 2, 3, origin=second)
    assert (second.sent, first.sent) == ([1, 2], [3])
    stage.end(second, Outcome.LATER)
    assert first.sent == [3, 1]


def test_where_an_item_comes_from_does_not_matter_otherwise(stage: Stage) -> None:
    first, second = stage.bind(), stage.bind()
    stage.offer(1, 2, origin=second)
    assert (len(first.sent), len(second.sent)) == (1, 1)


def test_one_item_on_which_a_client_ends_again_and_again_is_set_aside(stage: Stage) -> None:
    stage.offer(*range(1, 11))
    with capturedLogs() as events:
        assert crash_on(stage, poison=3, rounds=20) <= CULPRIT + 1
    assert stage.aside == [3]
    assert sorted(stage.taken) == [1, 2, *range(4, 11)]
    (event,) = events
    assert (event["noun"], event["id"], event["command"]) == ("the thing", 3, "thing")


def test_the_others_go_on_while_one_is_doubted(stage: Stage) -> None:
    stage.offer(*range(1, 41))
    crash_on(stage, poison=1, rounds=20, window=3)
    assert sorted(stage.taken) == list(range(2, 41))
    assert stage.aside == [1]


def test_the_only_item_of_an_account_is_never_set_aside(stage: Stage) -> None:
    stage.offer(1)
    for _ in range(30):
        stage.end(stage.bind())
    assert stage.aside == []
    assert stage.take(stage.bind()) == 1


def test_a_client_that_ends_on_everything_loses_nothing(stage: Stage) -> None:
    stage.offer(*range(1, 11))
    for _ in range(50):
        stage.end(stage.bind())
    assert stage.aside == []
    session = stage.bind()
    while session.under_way:
        stage.take(session)
    assert sorted(stage.taken) == list(range(1, 11))


def test_a_doubted_item_has_a_session_to_itself_and_is_cleared_when_it_is_taken(stage: Stage) -> None:
    stage.offer(1, 2, 3)
    for _ in range(SUSPECT):
        stage.end(stage.bind())
    session = stage.bind()
    assert session.outstanding == 1
    for _ in range(3):
        assert session.outstanding <= 1
        stage.take(session)
    stage.offer(4, 5, 6)
    assert session.outstanding == 3


def test_one_that_is_refused_again_and_again_is_set_aside_too(stage: Stage) -> None:
    session = stage.bind()
    stage.offer(*range(1, 6))
    for _ in range(100):
        if not session.under_way:
            break
        if session.under_way[0].id == 2:
            stage.give_back(session, Outcome.TROUBLE)
        else:
            stage.take(session)
            if len(stage.taken) < 40:
                stage.offer(100 + len(stage.taken))
    assert stage.aside == [2]
    assert stage.table == {}


def test_not_now_is_no_trouble(stage: Stage) -> None:
    session = stage.bind()
    stage.offer(1, 2)
    for _ in range(20):
        stage.give_back(session, Outcome.LATER)
    assert session.outstanding == 2
    assert stage.aside == []


def test_an_orderly_end_is_no_trouble(stage: Stage) -> None:
    stage.offer(*range(1, 6))
    for _ in range(20):
        stage.end(stage.bind(), Outcome.LATER)
    assert stage.bind().outstanding == 5


def test_nobody_s_items_stay_in_the_table(stage: Stage) -> None:
    session = stage.bind()
    stage.offer(1, 2)
    stage.end(session, Outcome.LATER)
    stage.offer(3)
    assert sorted(stage.bind().sent) == [1, 2, 3]


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["bind", "take", "refuse", "later", "end", "leave", "offer"]), st.integers(0, 7)
    ),
    max_size=80,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS, st.integers(1, 6))
def test_whatever_happens_each_item_leaves_once_and_all_do_in_the_end(
    actions: list[tuple[str, int]], window: int
) -> None:
    stage = Stage()
    poison, offered = 3, 0
    for action, number in actions:
        session = stage.bound[number % len(stage.bound)] if stage.bound else None
        if action == "bind" and len(stage.bound) < 4:
            stage.bind(window)
        elif action == "offer":
            stage.offer(*range(offered + 1, offered + number + 1))
            offered += number
        elif session is None:
            continue
        elif action in ("end", "leave"):
            stage.end(session, Outcome.TROUBLE if action == "end" else Outcome.LATER)
        elif session.under_way:
            head = session.under_way[0].id
            if action == "take" and head != poison:
                stage.take(session)
            elif action != "take" or head == poison:
                stage.give_back(session, Outcome.LATER if action == "later" else Outcome.TROUBLE)
        for one in stage.bound:
            assert one.outstanding <= window
        ids = [item.id for one in stage.bound for item in one.under_way]
        assert len(ids) == len(set(ids)), "one item is with two sessions"
    for session in list(stage.bound):
        stage.end(session, Outcome.LATER)
    stage.offer(*range(1001, 1004))
    for _ in range(200):
        if not stage.table:
            break
        session = stage.bind(window)
        while session.under_way and session.under_way[0].id != poison:
            stage.take(session)
        if stage.table.keys() == {poison}:
            stage.take(session)
        stage.end(session, Outcome.TROUBLE)
    assert stage.table == {}
    assert len(stage.taken) + len(stage.aside) == len(set(stage.taken) | set(stage.aside)) == offered + 3

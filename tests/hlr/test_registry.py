from __future__ import annotations

import json

import pytest
from twisted.internet.protocol import Protocol

from smsd.hlr.registry import BackEnds, Row
from tests.hlr.asking import NUMBER, Question
from tests.peers import PORT, FakeSmsc, Network, result

SIMULATOR = Row("simulated", "simulator", "{}")


class Stand:
    """The back ends of a node."""

    def __init__(self) -> None:
        self.reactor = Network()
        self.back_ends = BackEnds(self.reactor)
        self.back_ends.startService()

    def apply(self, *rows: Row) -> None:
        self.back_ends.apply(rows)
        self.reactor.settle()

    def ask(self, name: str, number: str = NUMBER) -> Question:
        question = Question(self.back_ends.get(name), number)
        self.reactor.settle()
        return question


@pytest.fixture
def stand() -> Stand:
    return Stand()


def smpp(port: int = PORT, **more: object) -> Row:
    return Row("peer", "smpp", json.dumps({"endpoint": f"tcp:127.0.0.1:{port}", "system_id": "me"} | more))


def test_a_back_end_can_be_asked_by_its_name_as_soon_as_it_is_there(stand: Stand) -> None:
    stand.apply(SIMULATOR)
    assert stand.ask("simulated").context.error == 0
    assert stand.back_ends.reasons() == {"simulated": ""}


def test_a_back_end_that_is_not_there_says_so(stand: Stand) -> None:
    assert stand.ask("nobody").reason == "There is no back end 'nobody'."


@pytest.mark.parametrize(
    "row",
    [
        Row("osmocom", "osmocom", "{}"),
        Row("http", "http", '{"url": "http://127.0.0.1:8000", "username": "me"}'),
        smpp(),
        Row("enum", "enum", '{"servers": "192.0.2.1"}'),
        Row("enum", "enum", "{}"),
        SIMULATOR,
    ],
)
def test_each_kind_is_made_started_and_stopped(stand: Stand, row: Row) -> None:
    stand.apply(row)
    (service,) = list(stand.back_ends)
    assert service.running
    stand.apply()
    assert list(stand.back_ends) == []
    assert not service.running
    stand.reactor.wait(2)
    assert stand.reactor.getDelayedCalls() == []


def test_a_back_end_that_is_changed_is_replaced_after_its_end(stand: Stand) -> None:
    first, second = FakeSmsc(stand.reactor), FakeSmsc(stand.reactor)
    stand.reactor.ports |= {PORT: first, 2776: second}
    stand.apply(smpp())
    waiting = stand.ask("peer")
    assert len(first.submits) == 1
    stand.back_ends.apply([smpp(2776)])
    assert Question(stand.back_ends.get("peer")).reason == "It is being replaced."
    stand.reactor.settle()
    assert waiting.reason == "It has been stopped."
    assert (len(first.bound), len(second.bound)) == (0, 1)
    assert stand.ask("peer").open


def test_a_back_end_that_is_not_changed_goes_on(stand: Stand) -> None:
    smsc = FakeSmsc(stand.reactor)
    stand.reactor.ports[PORT] = smsc
    stand.apply(smpp())
    question = stand.ask("peer")
    stand.apply(SIMULATOR, smpp())
    assert question.open
    assert len(smsc.links) == 1


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("pigeon", "{}", "It can't run: A back end's kind is one of"),
        ("http", "{}", "It can't run: The options of a back end of kind http"),
        ("osmocom", '{"endpoint": "tcp:x"}', "It can't run: The option endpoint"),
    ],
)
def test_a_back_end_that_can_not_run_says_why_and_others_run(
    stand: Stand, kind: str, options: str, reason: str
) -> None:
    stand.apply(Row("broken", kind, options), SIMULATOR)
    assert stand.ask("broken").reason.startswith(reason)
    assert stand.back_ends.reasons()["broken"].startswith(reason)
    assert stand.ask("simulated").context.error == 0
    stand.apply(Row("broken", "simulator", "{}"))
    assert stand.ask("broken").context.error == 0


def test_of_changes_that_come_during_a_change_the_last_one_counts(stand: Stand) -> None:
    smsc = FakeSmsc(stand.reactor)
    stand.reactor.ports[PORT] = smsc
    stand.apply(smpp())
    stand.back_ends.apply([])
    stand.back_ends.apply([Row("one", "simulator", "{}")])
    stand.back_ends.apply([Row("two", "simulator", "{}")])
    stand.reactor.settle()
    assert stand.back_ends.reasons() == {"two": ""}


def test_a_node_that_stops_stops_all(stand: Stand) -> None:
    stand.reactor.ports[4259] = Protocol
    stand.apply(SIMULATOR, Row("osmocom", "osmocom", "{}"))
    waiting = [stand.ask("osmocom"), stand.ask("simulated", "38591003000000")]
    stopped = stand.back_ends.stopService()
    stand.reactor.settle()
    result(stopped)
    assert [question.reason for question in waiting] == ["It has been stopped."] * 2
    assert stand.reactor.pumps == []

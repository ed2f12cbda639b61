from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.protocol import Protocol

from smsd.numbering.context import Context
from smsd.store.settings import SettingsTables
from tests.hlr.asking import NUMBER, Question
from tests.peers import FakeSmsc, Stack, result

PEER = 2777


class Stand:
    """A node whose back ends are rows."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.network = stack.network
        self.tables = SettingsTables(stack.engine)
        self.connections = stack.lookup_connections

    def add(self, name: str, kind: str, **options: Any) -> int:
        row: dict[str, Any] = {"name": name, "kind": kind, "options": json.dumps(options)}
        row |= {"enabled": 1, "timeout": 5000, "rate": 0, "at_once": 100}
        return self.change(result(self.tables.insert("lookup_back_end", row)))

    def change(self, row_id: int, **columns: Any) -> int:
        if columns:
            result(self.tables.update("lookup_back_end", row_id, columns))
        self.network.wait(0.4)
        return row_id

    def remove(self, row_id: int) -> None:
        result(self.tables.delete("lookup_back_end", row_id))
        self.change(row_id)

    def ask(self, name: str, number: str = NUMBER) -> Question:
        question = Question(One(self.stack, name), number)
        self.network.settle()
        return question


class One:
    """What lookups ask when a rule names a back end."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._asked = stack.core.back_ends.asked[name]

    async def ask(self, number: str) -> Context:
        return await self._asked.ask(1, number)


@pytest.fixture
def stand(stack: Stack) -> Stand:
    return Stand(stack)


def peer(port: int = PEER) -> dict[str, Any]:
    return {"endpoint": f"tcp:127.0.0.1:{port}", "system_id": "me"}


def test_a_back_end_can_be_asked_as_soon_as_its_row_is_there(stand: Stand) -> None:
    stand.add("simulated", "simulator")
    assert stand.ask("simulated").context.error == 0


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("osmocom", {}),
        ("http", {"url": "http://127.0.0.1:8000", "username": "me"}),
        ("smpp", peer()),
        ("enum", {"servers": "192.0.2.1"}),
        ("enum", {}),
        ("simulator", {}),
    ],
)
def test_each_kind_is_made_started_and_stopped(stand: Stand, kind: str, options: dict[str, Any]) -> None:
    stand.network.wait(2)
    before = len(stand.network.getDelayedCalls())
    row = stand.add("one", kind, **options)
    (service,) = list(stand.connections)
    assert service.running
    stand.remove(row)
    assert list(stand.connections) == []
    assert not service.running
    assert "one" not in stand.stack.core.back_ends.asked
    stand.network.wait(2)
    assert len(stand.network.getDelayedCalls()) == before


def test_a_back_end_that_is_changed_is_replaced_after_its_end(stand: Stand) -> None:
    first, second = FakeSmsc(stand.network), FakeSmsc(stand.network)
    stand.network.ports |= {PEER: first, PEER + 1: second}
    row = stand.add("peer", "smpp", **peer())
    waiting = stand.ask("peer")
    assert len(first.submits) == 1
    stand.change(row, options=json.dumps(peer(PEER + 1)))
    assert waiting.reason == "It has been stopped."
    assert (len(first.bound), len(second.bound)) == (0, 1)
    assert stand.ask("peer").open
    assert len(second.submits) == 1


def test_a_back_end_can_not_be_asked_while_its_end_is_awaited(stand: Stand) -> None:
    first, second = FakeSmsc(stand.network), FakeSmsc(stand.network)
    stand.network.ports |= {PEER: first, PEER + 1: second}
    row = stand.add("peer", "smpp", **peer())
    first.link.unbound = lambda pdu: None  # type: ignore[method-assign]
    stand.change(row, options=json.dumps(peer(PEER + 1)))
    assert stand.ask("peer").reason == "It is being replaced."
    stand.network.wait(6)
    assert stand.ask("peer").open


def test_other_limits_do_not_disturb_a_back_end(stand: Stand) -> None:
    smsc = FakeSmsc(stand.network)
    stand.network.ports[PEER] = smsc
    row = stand.add("peer", "smpp", **peer())
    question = stand.ask("peer")
    stand.change(row, timeout=1000)
    stand.add("simulated", "simulator")
    assert question.open
    assert len(smsc.links) == 1
    soon = stand.ask("peer", "385910000001")
    stand.network.wait(1)
    assert (question.open, soon.reason) == (True, "No answer came within 1 seconds")


def test_a_back_end_that_is_disabled_is_stopped(stand: Stand) -> None:
    row = stand.add("simulated", "simulator")
    stand.change(row, enabled=0)
    assert list(stand.connections) == []
    assert "simulated" not in stand.stack.core.back_ends.asked
    stand.change(row, enabled=1)
    assert stand.ask("simulated").context.error == 0


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("http", {}, "It can't run: A back end of kind http needs the option url"),
        ("osmocom", {"endpoint": "tcp:x"}, "It can't run: An endpoint is one such as"),
    ],
)
def test_a_back_end_that_can_not_run_says_why_and_others_run(
    stand: Stand, kind: str, options: dict[str, Any], reason: str
) -> None:
    row = stand.add("broken", kind, **options)
    stand.add("simulated", "simulator")
    assert stand.ask("broken").reason.startswith(reason)
    assert stand.ask("simulated").context.error == 0
    stand.change(row, kind="simulator", options="{}")
    assert stand.ask("broken").context.error == 0


def test_what_is_of_another_kind_is_left_to_others(stand: Stand) -> None:
    stand.add("mine", "table")
    assert list(stand.connections) == []


def test_a_node_that_stops_stops_all(stand: Stand) -> None:
    stand.network.ports[4259] = Protocol
    stand.add("simulated", "simulator")
    stand.add("osmocom", "osmocom")
    waiting = [stand.ask("osmocom"), stand.ask("simulated", "38591003000000")]
    stopped = stand.connections.stopService()
    stand.network.settle()
    result(stopped)
    assert [question.reason for question in waiting] == ["It has been stopped."] * 2

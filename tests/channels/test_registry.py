from __future__ import annotations

import json

import pytest
from twisted.logger import capturedLogs, formatEvent

from smsd.smpp.pdu import BindTransceiver, Unbind
from smsd.smpp.status import ESME_ROK
from smsd.smpp_server.refusals import CHANNEL_DISABLED
from tests.peers import PORT, FakeSmsc, Stack, result, submit_sm


def options(port: int = PORT, **more: object) -> str:
    return json.dumps({"endpoint": f"tcp:127.0.0.1:{port}", "system_id": "smsd"} | more)


@pytest.fixture
def second(stack: Stack) -> FakeSmsc:
    """Another operator."""
    smsc = FakeSmsc(stack.network)
    stack.network.ports[2776] = smsc
    return smsc


def test_a_channel_that_is_added_starts_at_once(stack: Stack, second: FakeSmsc) -> None:
    result(stack.administration.add_channel("second", "smpp", options(2776)))
    result(stack.administration.add_route("second", prefix="385"))
    stack.wait(0.4)
    esme = stack.esme()
    esme.submit(destination_addr=b"385911234567")
    esme.submit(destination_addr=b"41793026727")
    assert [pdu.destination_addr for pdu in second.submits] == [b"385911234567"]
    assert [pdu.destination_addr for pdu in stack.smsc.submits] == [b"41793026727"]


def test_a_channel_that_is_changed_is_replaced_after_its_end(stack: Stack, second: FakeSmsc) -> None:
    old = stack.smsc.link
    result(stack.administration.change_channel("operator", options=options(2776, system_id="other")))
    stack.wait(0.4)
    assert len(old.all(Unbind)) == 1
    assert not old.connected_now
    bind = second.link.received[0]
    assert isinstance(bind, BindTransceiver)
    assert bind.system_id == b"other"
    stack.esme().submit()
    assert (len(stack.smsc.submits), len(second.submits)) == (0, 1)


def test_messages_of_a_channel_that_is_replaced_are_not_lost(stack: Stack, second: FakeSmsc) -> None:
    stack.smsc.submit_status = None
    esme = stack.esme()
    for number in range(15):
        esme.send(submit_sm(short_message=b"%02d" % number))
    stack.settle()
    assert len(stack.smsc.submits) == 10
    result(stack.administration.change_channel("operator", options=options(2776)))
    stack.wait(10)
    assert second.texts == [b"%02d" % number for number in range(15)]


def test_a_disabled_channel_keeps_its_messages_until_it_is_enabled_and_takes_no_others(stack: Stack) -> None:
    stack.smsc.submit_status = None
    esme = stack.esme()
    answer = esme.submit()
    result(stack.administration.change_channel("operator", enabled=False))
    stack.wait(10)
    assert stack.smsc.bound == []
    assert stack.status(answer.message_id)[0] == 2
    assert esme.submit().command_status == CHANNEL_DISABLED
    stack.smsc.submit_status = ESME_ROK
    result(stack.administration.change_channel("operator", enabled=True))
    stack.wait(0.4)
    assert len(stack.smsc.submits) == 2
    assert esme.submit().command_status == ESME_ROK


def test_a_channel_that_is_removed_stops(stack: Stack) -> None:
    result(stack.administration.remove_route(1))
    result(stack.administration.remove_channel("operator"))
    stack.wait(0.4)
    assert stack.smsc.bound == []
    stack.wait(100)
    assert stack.smsc.bound == []


def test_what_does_not_concern_a_channel_leaves_it_alone(stack: Stack) -> None:
    link = stack.smsc.link
    stack.add_account("other")
    result(stack.administration.add_route("operator", prefix="1"))
    stack.wait(0.4)
    assert stack.smsc.link is link


def test_changes_that_come_while_a_channel_stops_are_made_too(stack: Stack, second: FakeSmsc) -> None:
    stack.smsc.submit_status = None
    stack.esme().submit()
    result(stack.administration.change_channel("operator", options=options(2776, window=5)))
    stack.wait(0.4)
    result(stack.administration.change_channel("operator", options=options(2776, window=6)))
    result(stack.administration.add_channel("third", "smpp", options(2776)))
    stack.wait(10)
    assert len(second.bound) == 2
    assert len(second.links) == 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("smpp", options(endpoint="tcp:127.0.0.1")),
        ("smpp", options(endpoint="tcp:127.0.0.1:port")),
        ("smpp", options(endpoint="carrier pigeon:127.0.0.1:2775")),
        ("smpp", options(endpoint="tcp:127.0.0.1:2775:colour=red")),
        ("smpp", options(endpoint="ssl:127.0.0.1:2775:certKey=/nowhere:privateKey=/nowhere")),
        ("smpp", options(endpoint="")),
        ("smpp", options(window=0)),
        ("smpp", "{}"),
        ("smpp", "no JSON"),
        ("pigeon", "{}"),
    ],
)
def test_a_channel_that_cannot_run_is_logged_and_the_others_do(
    stack: Stack, second: FakeSmsc, kind: str, text: str
) -> None:
    with capturedLogs() as events:
        result(stack.administration.add_channel("wrong", kind, text))
        result(stack.administration.add_channel("second", "smpp", options(2776)))
        stack.wait(0.4)
    (event,) = (event for event in events if event["log_level"].name == "error")
    assert event["name"] == "wrong"
    assert len(second.bound) == 1
    assert len(stack.smsc.bound) == 1
    result(stack.administration.change_channel("wrong", options=options(2776)))
    result(stack.administration.change_channel("second", enabled=False))
    stack.wait(0.4)
    assert len(second.bound) == (1 if kind == "smpp" else 0)


def test_the_log_has_when_a_channel_goes_away_and_when_it_is_back(stack: Stack) -> None:
    def told(seconds: float) -> list[str]:
        with capturedLogs() as events:
            stack.wait(seconds)
        told = [formatEvent(event) for event in events if event.get("log_system") is None]
        return [line for line in told if " is away" in line or " is back" in line]

    stack.network.ports.clear()
    stack.smsc.link.transport.loseConnection()
    assert told(9) == []
    assert told(2) == ["Channel operator is away: its messages take other routes, where there are any"]
    assert told(60) == []
    stack.network.ports[PORT] = stack.smsc
    assert told(62) == ["Channel operator is back"]
    stack.network.ports.clear()
    stack.smsc.link.transport.loseConnection()
    stack.wait(11)
    result(stack.administration.change_channel("operator", enabled=False))
    assert told(20) == []


def test_a_channel_whose_name_at_the_operator_cannot_be_said_is_logged(
    stack: Stack, second: FakeSmsc
) -> None:
    with capturedLogs() as events:
        result(stack.administration.add_channel("wrong", "smpp", options(2776, system_id="Żaba")))
        stack.wait(2)
    assert any(event["log_format"].startswith("Channel {name} can't bind") for event in events)
    assert second.bound == []

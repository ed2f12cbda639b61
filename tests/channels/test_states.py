from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from smsd.services.channel_states import INTERVAL, ChannelStates
from smsd.smpp import status
from smsd.smpp.pdu import BindReceiver, BindTransmitter, SubmitSmResp
from smsd.smpp_server.refusals import CHANNEL_DISABLED
from smsd.store.channel_states import ChannelState, ChannelStateRows
from tests.peers import NOW, PORT, Stack, result, submit_sm
from tests.stores import NOON, Wayward, at_once, clock_at_noon, gone


def change(stack: Stack, **columns: str) -> None:
    result(stack.administration.change_channel("operator", **columns))
    stack.wait(0.4)


def state(stack: Stack) -> ChannelState:
    (found,) = result(stack.administration.channel_states()).values()
    return found


def test_a_suspended_channel_keeps_what_it_is_given_and_its_bind(stack: Stack) -> None:
    esme = stack.esme()
    change(stack, mode="suspended")
    (link,) = stack.smsc.bound
    answer = esme.submit()
    assert answer.command_status == status.ESME_ROK
    stack.wait(10)
    assert stack.smsc.submits == []
    change(stack, mode="normal")
    assert len(stack.smsc.submits) == 1
    assert stack.smsc.bound == [link]


def test_a_suspended_channel_still_brings_receipts(stack: Stack) -> None:
    esme = stack.esme()
    esme.submit()
    change(stack, mode="suspended")
    stack.smsc.receipt()
    assert len(esme.receipts) == 1


def test_a_channel_that_starts_suspended_sends_nothing(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    change(stack, mode="suspended")
    result(stack.administration.change_channel("operator", options='{"delay": 0.1}'))
    stack.wait(1)
    answer = stack.esme().submit()
    stack.wait(5)
    assert stack.status(answer.message_id)[0] == 2
    change(stack, mode="normal")
    stack.wait(1)
    assert stack.status(answer.message_id)[0] == 4
    stack.close()


def test_a_draining_channel_sends_what_it_has_and_takes_nothing_new(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=1)
    esme = stack.esme()
    stack.smsc.submit_status = None
    for number in range(3):
        esme.send(submit_sm(short_message=b"%d" % number))
    stack.settle()
    change(stack, mode="draining")
    assert esme.submit().command_status == CHANNEL_DISABLED
    stack.smsc.submit_status = status.ESME_ROK
    stack.smsc.answer(stack.smsc.link, stack.smsc.submits[0])
    stack.settle()
    assert stack.smsc.texts == [b"0", b"1", b"2"]
    change(stack, mode="normal")
    assert esme.submit().command_status == status.ESME_ROK
    assert len(esme.all(SubmitSmResp)) == 5
    stack.close()


def test_a_channel_says_that_it_is_up(tmp_path: Path) -> None:
    stack = Stack(tmp_path, sessions=2, bind="pair")
    found = state(stack)
    assert (found.up, found.bound, found.wanted, found.reason) == (1, 4, 4, "")
    assert found.since == NOW
    stack.wait(60)
    assert state(stack).since == NOW
    assert state(stack).seen_at >= NOW + 60 - INTERVAL
    stack.close()


def test_a_channel_is_up_as_long_as_a_transmitter_is_bound(tmp_path: Path) -> None:
    stack = Stack(tmp_path, bind="pair")
    (receiver,) = (link for link in stack.smsc.bound if link.bound_as is BindReceiver)
    stack.network.ports.clear()
    receiver.transport.loseConnection()
    stack.settle()
    assert (state(stack).up, state(stack).bound) == (1, 1)
    (transmitter,) = (link for link in stack.smsc.bound if link.bound_as is BindTransmitter)
    transmitter.transport.loseConnection()
    stack.settle()
    assert (state(stack).up, state(stack).bound) == (0, 0)
    assert state(stack).reason.startswith("It has lost its transmitter.")
    stack.close()


def test_a_channel_says_why_it_can_not_connect_and_since_when(stack: Stack) -> None:
    stack.wait(100)
    stack.network.ports.clear()
    stack.smsc.link.transport.loseConnection()
    stack.wait(30)
    found = state(stack)
    assert found.up == 0
    assert found.reason.startswith("It can't connect: Connection was refused")
    assert NOW + 100 <= found.since <= NOW + 101
    stack.network.ports[PORT] = stack.smsc
    stack.wait(62)
    assert (state(stack).up, state(stack).reason) == (1, "")


def test_a_channel_says_why_it_can_not_bind(stack: Stack) -> None:
    stack.smsc.bind_status = status.ESME_RINVPASWD
    stack.smsc.link.transport.loseConnection()
    stack.wait(10)
    assert state(stack).reason == "It can't bind: ESME_RINVPASWD."


def test_a_mode_that_does_not_exist(stack: Stack) -> None:
    with pytest.raises(ValueError, match="A mode is one of normal, suspended, draining: not 'off'"):
        change(stack, mode="off")


def test_what_could_not_be_said_is_said_when_the_database_is_back(tmp_path: Path) -> None:
    clock: Clock = clock_at_noon()
    engine = Wayward(at_once(tmp_path / "smsd.db", clock))
    states = ChannelStates(ChannelStateRows(engine), clock)
    states.startService()
    engine.before = gone()
    states.say(1, up=True, bound=1, wanted=1)
    assert result(ChannelStateRows(engine).read()) == {}
    clock.advance(INTERVAL)
    assert result(ChannelStateRows(engine).read())[1].up == 1
    states.say(1, up=False, bound=0, wanted=1, reason="a\0" + "x" * 1000)
    found = result(ChannelStateRows(engine).read())[1]
    assert (found.up, len(found.reason), found.since) == (0, 200, NOON + INTERVAL)
    states.forget(1)
    states.stopService()
    clock.advance(100)
    assert result(ChannelStateRows(engine).read())[1].seen_at == NOON + INTERVAL
    result(engine.close())

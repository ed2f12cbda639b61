"""Messages whose destinations are looked up before they are routed, over SMPP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsd.numbering.context import Context
from smsd.services.homes import PATIENCE
from smsd.smpp import status
from smsd.smpp.pdu import SubmitSmResp, Unbind, UnbindResp
from smsd.smpp_server.listener import Limits
from smsd.store.engine import StoreUnavailable
from tests.peers import FakeEsme, Stack, result, submit_sm
from tests.services.back_end import BackEnd, asked_about_all

NUMBER, OTHER = "385915369421", "385915369422"
TELEMACH = Context(imsi="219020000000001")


class Rig:
    """An account that wants lookups, one that does not, and who is asked."""

    def __init__(self, folder: Path) -> None:
        self.stack = stack = Stack(folder, limits=Limits(unanswered=3))
        self.back_end = BackEnd()
        asked_about_all(stack, self.back_end)
        stack.add_account("curious", lookup_first=1)
        stack.wait(1)

    def esme(self) -> FakeEsme:
        return self.stack.esme(system_id=b"curious")

    def say(self, answer: Context, number: str = NUMBER) -> None:
        self.back_end.say(answer, self.back_end.numbers.index(number))
        self.stack.settle()

    @property
    def networks(self) -> list[str]:
        return [one for (one,) in self.stack.rows("SELECT network FROM message ORDER BY id")]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.stack.close()


def send(esme: FakeEsme, number: str = NUMBER, **fields: object) -> int:
    sent = esme.send(submit_sm(destination_addr=number.encode(), **fields))
    esme._network.settle()
    return sent


def statuses(esme: FakeEsme, *numbers: int) -> list[int | None]:
    answers = [esme.answer_to(number) for number in numbers]
    return [None if one is None else one.command_status for one in answers]


def test_a_message_waits_for_what_is_found_of_its_number(rig: Rig) -> None:
    esme = rig.esme()
    sent = send(esme)
    assert (statuses(esme, sent), rig.stack.smsc.submits) == ([None], [])
    rig.say(TELEMACH)
    answer = esme.answer_to(sent)
    assert isinstance(answer, SubmitSmResp)
    assert rig.stack.rows("SELECT id, network FROM message") == [(int(answer.message_id), "21902")]
    assert len(rig.stack.smsc.submits) == 1


def test_later_messages_of_a_session_are_answered_before_and_each_as_it_is(rig: Rig) -> None:
    esme = rig.esme()
    first, second, nonsense = send(esme), send(esme, OTHER), send(esme, "12")
    rig.say(Context(ported=False), OTHER)
    assert statuses(esme, first, second, nonsense) == [None, status.ESME_ROK, status.ESME_RINVDSTADR]
    assert rig.stack.rows("SELECT destination FROM message") == [(OTHER,)]
    rig.say(TELEMACH)
    assert statuses(esme, first) == [status.ESME_ROK]
    ids = [answer.message_id for answer in (esme.answer_to(second), esme.answer_to(first))]  # type: ignore[union-attr]
    assert [(int(one),) for one in ids] == rig.stack.rows("SELECT id FROM message ORDER BY id")
    assert [pdu.destination_addr.decode() for pdu in rig.stack.smsc.submits] == [OTHER, NUMBER]


def test_a_back_end_that_hangs_holds_up_only_those_that_ask_and_not_for_long(rig: Rig) -> None:
    esme, plain = rig.esme(), rig.stack.esme()
    sent = send(esme)
    assert plain.submit(destination_addr=NUMBER.encode()).command_status == status.ESME_ROK
    rig.stack.wait(PATIENCE)
    assert statuses(esme, sent) == [status.ESME_ROK]
    assert rig.networks == ["21910", "21910"]


def test_what_waits_counts_as_unanswered(rig: Rig) -> None:
    esme = rig.esme()
    waiting = [send(esme) for _ in range(3)]
    assert statuses(esme, send(esme)) == [status.ESME_RTHROTTLED]
    rig.say(TELEMACH)
    assert statuses(esme, *waiting) == [status.ESME_ROK] * 3
    assert statuses(esme, send(esme)) == [status.ESME_ROK]


def test_what_is_refused_after_its_lookup_is_answered_so_once(rig: Rig) -> None:
    result(rig.stack.administration.add_route(None, network="21902", action="forbid"))
    rig.stack.wait(1)
    esme = rig.esme()
    sent = [send(esme) for _ in range(3)]
    rig.say(TELEMACH)
    assert statuses(esme, *sent) == [0x22] * 3
    assert len(esme.all(SubmitSmResp)) == 3
    assert rig.networks == []
    assert statuses(esme, send(esme, "12")) == [status.ESME_RINVDSTADR]


def test_a_database_that_has_gone_meanwhile_is_the_system_s_error(rig: Rig) -> None:
    esme, plain = rig.esme(), rig.stack.esme()
    sent = send(esme)
    rig.stack.writer.failing = StoreUnavailable("gone")
    assert plain.submit().command_status == status.ESME_RSYSERR
    rig.say(TELEMACH)
    assert statuses(esme, sent) == [status.ESME_RSYSERR]
    rig.stack.writer.failing = None
    rig.stack.wait(10)
    assert rig.networks == []


def test_what_a_client_that_has_gone_meanwhile_did_not_hear_of_is_not_sent(rig: Rig) -> None:
    esme = rig.esme()
    send(esme)
    esme.transport.loseConnection()
    rig.stack.settle()
    rig.say(TELEMACH)
    assert (rig.networks, rig.stack.smsc.submits) == ([], [])
    assert rig.stack.core.homes.waiting == 0


def test_a_client_that_unbinds_still_gets_its_answer(rig: Rig) -> None:
    esme = rig.esme()
    sent = send(esme)
    esme.send(Unbind())
    rig.stack.settle()
    rig.say(TELEMACH)
    assert statuses(esme, sent) == [status.ESME_ROK]
    assert len(esme.all(UnbindResp)) == 1
    assert not esme.connected_now
    assert rig.networks == ["21902"]


def test_parts_of_a_message_wait_for_one_lookup(rig: Rig) -> None:
    esme = rig.esme()
    parts = [
        send(esme, esm_class=0x40, short_message=b"\5\0\3\7\2" + bytes([number]) + b"x" * 10)
        for number in (1, 2)
    ]
    rig.say(TELEMACH)
    assert statuses(esme, *parts) == [status.ESME_ROK] * 2
    assert rig.networks == ["21902"]
    assert rig.back_end.numbers == [NUMBER]

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.endpoints import clientFromString
from twisted.logger import capturedLogs

from smsd.hlr.options import SmppOptions
from smsd.hlr.smpp_peer import SmppPeer
from smsd.numbering.context import Context
from smsd.smpp.pdu import BindTransceiver, DeliverSm, DeliverSmResp, SubmitSm, Unbind
from smsd.smpp.status import ESME_RBINDFAIL, ESME_ROK, ESME_RTHROTTLED, ESME_RX_R_APPN
from tests.hlr.asking import NUMBER, Question
from tests.peers import PORT, FakeSmsc, Network, SmscLink, result

REACHED = Context(error=0, imsi="219101100935850", serving_msc="38591016")
FIELDS = b"\nIMSI:219101100935850 MSC:38591016"


class Platform(FakeSmsc):
    """Another platform; its ids are ``op-1``, ``op-2`` and so on."""

    def tell(
        self, number: int = 1, destination: str = NUMBER, stat: bytes = b"DELIVRD", err: bytes = b"000"
    ) -> Any:
        """Send the receipt of the message of this number; return the answer."""
        line = b"id:op-%d sub:001 dlvr:001 submit date:1007291049 done date:1007291049 stat:%b err:%b" % (
            number,
            stat,
            err,
        )
        return self.receipt(number, source_addr=destination.encode(), short_message=line + FIELDS)


class Stand:
    """A back end and the platform that it asks."""

    def __init__(self, **options: Any) -> None:
        self.reactor = Network()
        self.platform = Platform(self.reactor)
        self.reactor.ports[PORT] = self.platform
        endpoint = f"tcp:127.0.0.1:{PORT}"
        given = {"endpoint": endpoint, "system_id": "me", "password": "pw"} | options
        self.back_end = SmppPeer(
            "peer", SmppOptions(**given), self.reactor, clientFromString(self.reactor, endpoint)
        )

    def start(self) -> Stand:
        self.back_end.startService()
        self.reactor.settle()
        return self

    def stop(self) -> None:
        stopped = self.back_end.stopService()
        self.reactor.wait(6)
        result(stopped)

    @property
    def submits(self) -> list[SubmitSm]:
        return self.platform.submits

    @property
    def link(self) -> SmscLink:
        return self.platform.link

    def ask(self, number: str = NUMBER) -> Question:
        question = Question(self.back_end, number)
        self.reactor.settle()
        return question


@pytest.fixture
def stand() -> Iterator[Stand]:
    stand = Stand().start()
    yield stand
    if stand.back_end.running:
        stand.stop()


def test_it_binds_as_a_transceiver_for_number_context(stand: Stand) -> None:
    bind = stand.link.received[0]
    assert isinstance(bind, BindTransceiver)
    assert (bind.system_id, bind.password, bind.system_type) == (b"me", b"pw", b"HLR")
    assert stand.back_end.reason == ""


def test_a_number_is_asked_about_by_its_destination_and_answered_by_a_receipt(stand: Stand) -> None:
    question = stand.ask()
    (submit,) = stand.submits
    assert (submit.destination_addr, submit.dest_addr_ton, submit.dest_addr_npi) == (NUMBER.encode(), 1, 1)
    assert submit.registered_delivery == 1
    assert question.open
    answer = stand.platform.tell()
    assert isinstance(answer, DeliverSmResp)
    assert answer.command_status == ESME_ROK
    assert question.context == REACHED


def test_a_number_that_can_not_be_reached_has_an_error(stand: Stand) -> None:
    question = stand.ask()
    stand.platform.tell(stat=b"UNDELIV", err=b"027")
    assert question.context.error == 27


def test_a_question_that_the_platform_could_not_ask_has_no_answer(stand: Stand) -> None:
    question = stand.ask()
    stand.platform.tell(stat=b"EXPIRED")
    assert question.reason == "The peer says EXPIRED."


def test_receipts_find_their_questions_in_any_order(stand: Stand) -> None:
    first, second = stand.ask("385910000001"), stand.ask("385910000002")
    stand.platform.tell(2, "385910000002", b"UNDELIV", b"001")
    assert (first.open, second.context.error) == (True, 1)
    stand.platform.tell(1, "385910000001")
    assert first.context.error == 0


def test_a_receipt_is_found_by_its_id_though_its_number_is_masked(stand: Stand) -> None:
    question = stand.ask()
    stand.platform.tell(destination="38591xxxxxx")
    assert question.context == REACHED


def test_a_receipt_is_found_by_its_number_though_its_id_is_written_another_way(stand: Stand) -> None:
    question = stand.ask()
    stand.platform.tell(99, f"+{NUMBER}")
    assert question.context == REACHED


def test_a_receipt_may_come_before_the_response(stand: Stand) -> None:
    stand.platform.submit_status = None
    question = stand.ask()
    stand.platform.tell()
    assert question.context == REACHED
    stand.platform.answer(stand.link, stand.submits[0])
    stand.reactor.settle()
    stand.platform.submit_status = ESME_ROK
    again = stand.ask()
    stand.platform.tell(2)
    assert again.context == REACHED


def test_a_question_that_is_refused_says_how(stand: Stand) -> None:
    stand.platform.submit_status = ESME_RTHROTTLED
    assert stand.ask().reason == "The peer says ESME_RTHROTTLED."


def test_a_receipt_that_is_lost_costs_its_own_question_the_time_out(stand: Stand) -> None:
    lost = stand.ask("385910000001")
    stand.reactor.wait(20)
    found = stand.ask("385910000002")
    stand.platform.tell(2, "385910000002")
    assert found.context == REACHED
    stand.reactor.wait(11)
    assert lost.reason == "There was no receipt in 30 seconds."
    stand.platform.tell(1, "385910000001")
    assert stand.ask("385910000001").open


def test_a_response_that_never_comes_is_no_answer() -> None:
    stand = Stand(timeout=60).start()
    stand.platform.submit_status = None
    question = stand.ask()
    stand.reactor.wait(31)
    assert question.reason == "The peer has not taken the question in time."
    stand.stop()


def test_only_the_window_is_unanswered() -> None:
    stand = Stand(window=2).start()
    stand.platform.submit_status = None
    for number in range(4):
        stand.ask(f"38591000000{number}")
    assert len(stand.submits) == 2
    stand.platform.answer(stand.link, stand.submits[0])
    stand.reactor.settle()
    assert len(stand.submits) == 3
    stand.stop()


def test_a_number_is_asked_about_once_though_many_ask(stand: Stand) -> None:
    questions = [stand.ask() for _ in range(3)]
    assert len(stand.submits) == 1
    stand.platform.tell()
    assert [question.context for question in questions] == [REACHED] * 3


def test_who_asks_again_while_the_receipt_of_another_is_awaited_gets_that(stand: Stand) -> None:
    stand.ask().cancel()
    again = stand.ask()
    assert len(stand.submits) == 1
    stand.platform.tell()
    assert again.context == REACHED


def test_what_was_taken_is_answered_after_a_new_connection(stand: Stand) -> None:
    taken = stand.ask("385910000001")
    stand.platform.submit_status = None
    not_taken = stand.ask("385910000002")
    stand.link.transport.loseConnection()
    stand.reactor.settle()
    assert not_taken.reason == "The session ended before the question was taken."
    assert stand.ask("385910000003").reason == "It has lost its session."
    assert taken.open
    stand.reactor.wait(5)
    stand.platform.tell(1, "385910000001")
    assert taken.context == REACHED


def test_a_bind_that_is_refused_is_tried_again_after_growing_pauses() -> None:
    stand = Stand()
    stand.platform.bind_status = ESME_RBINDFAIL
    stand.start()
    assert stand.ask().reason == "It can't bind: ESME_RBINDFAIL"
    stand.reactor.wait(120)
    assert 4 < len(stand.platform.links) < 12
    stand.platform.bind_status = ESME_ROK
    stand.reactor.wait(62)
    assert stand.ask().open
    stand.link.transport.loseConnection()
    stand.reactor.wait(4)
    assert stand.ask("385910000001").open
    stand.stop()


def test_a_platform_that_is_not_there_is_no_answer() -> None:
    stand = Stand()
    del stand.reactor.ports[PORT]
    stand.start()
    assert stand.ask().reason.startswith("It can't connect: ")
    stand.stop()


def test_a_platform_that_never_answers_the_bind_is_given_up() -> None:
    stand = Stand()
    stand.platform.bind_status = None
    with capturedLogs() as events:
        stand.start()
        assert stand.ask().reason == "It has not bound yet."
        stand.reactor.wait(40)
    assert any("No bind within" in str(event.get("reason")) for event in events)
    assert len(stand.platform.links) == 2
    stand.stop()


def test_a_message_that_is_no_receipt_is_refused(stand: Stand) -> None:
    sent = stand.link.send(DeliverSm(source_addr=b"41793026727", short_message=b"Hello"))
    stand.reactor.settle()
    answer = stand.link.answer_to(sent)
    assert answer is not None
    assert answer.command_status == ESME_RX_R_APPN


def test_more_questions_than_may_wait_fail_at_once() -> None:
    stand = Stand(waiting=2).start()
    questions = [stand.ask(f"38591000000{number}") for number in range(3)]
    assert [question.open for question in questions] == [True, True, False]
    assert questions[2].reason == "2 questions wait already."
    stand.stop()


def test_questions_that_were_given_up_hold_no_more_than_may_wait() -> None:
    stand = Stand(waiting=3).start()
    for number in range(10):
        stand.ask(f"3859100000{number:02}").cancel()
    waiting = stand.ask()
    assert len(stand.submits) == 3
    stand.reactor.wait(31)
    assert stand.submits[-1].destination_addr == NUMBER.encode()
    stand.platform.tell(4)
    assert waiting.context == REACHED
    stand.stop()


def test_a_back_end_that_stops_unbinds_and_tells_who_waits(stand: Stand) -> None:
    question = stand.ask()
    link = stand.link
    stopped = stand.back_end.stopService()
    stand.reactor.settle()
    result(stopped)
    assert question.reason == "It has been stopped."
    assert len(link.all(Unbind)) == 1
    assert not link.connected_now
    assert stand.ask().reason == "It has been stopped."
    stand.reactor.wait(100)
    assert len(stand.platform.links) == 1
    assert stand.reactor.getDelayedCalls() == []


def test_a_platform_that_does_not_take_the_unbind_is_left(stand: Stand) -> None:
    stand.link.unbound = lambda pdu: None  # type: ignore[method-assign]
    stopped = stand.back_end.stopService()
    stand.reactor.wait(6)
    result(stopped)
    assert stand.platform.bound == []

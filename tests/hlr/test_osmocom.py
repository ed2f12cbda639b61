from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from smsd.hlr.ctrl import Frames, frame
from smsd.hlr.options import OsmocomOptions
from smsd.hlr.osmocom import OsmocomHlr, context_of
from smsd.numbering.context import Context
from tests.hlr.asking import NUMBER, Question
from tests.peers import Network, Transport, result

PORT = 4259
SERVED = {"id": "1", "imsi": "219101100935850", "msisdn": NUMBER, "nam_cs": "1", "vlr_number": "38591016"}


class FakeHlr(Protocol):
    """An HLR's control interface, with records by number."""

    transport: Transport

    def __init__(self, records: dict[str, dict[str, str]]) -> None:
        self._records = records
        self._frames = Frames()
        self.asked: list[str] = []
        self.silent = False
        self.up = False

    def connectionMade(self) -> None:
        self.up = True

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.up = False

    def dataReceived(self, data: bytes) -> None:
        for text in self._frames.receive(data):
            self.asked.append(text)
            if not self.silent:
                self.answer(text)

    def answer(self, text: str) -> None:
        match = re.fullmatch(r"GET (\d+) (subscriber\.by-msisdn-(\d{1,15})\.info)", text)
        assert match, text
        record = self._records.get(match[3])
        if record is None:
            self.say(f"ERROR {match[1]} No such subscriber.")
        else:
            lines = "".join(f"\n{name}\t{value}" for name, value in record.items())
            self.say(f"GET_REPLY {match[1]} {match[2]} {lines}")

    def say(self, text: str) -> None:
        self.transport.write(frame(text))


class Stand:
    """A back end and the HLR that it asks."""

    def __init__(self, **options: int | float) -> None:
        self.reactor = Network()
        self.records: dict[str, dict[str, str]] = {NUMBER: dict(SERVED)}
        self.links: list[FakeHlr] = []
        self.reactor.ports[PORT] = self._connected
        endpoint = clientFromString(self.reactor, f"tcp:127.0.0.1:{PORT}")
        given = OsmocomOptions(**options)  # type: ignore[arg-type]
        self.back_end = OsmocomHlr("hlr", given, self.reactor, endpoint)

    def _connected(self) -> FakeHlr:
        self.links.append(FakeHlr(self.records))
        return self.links[-1]

    def start(self) -> Stand:
        self.back_end.startService()
        self.reactor.settle()
        return self

    @property
    def link(self) -> FakeHlr:
        return self.links[-1]

    def ask(self, number: str = NUMBER) -> Question:
        question = Question(self.back_end, number)
        self.reactor.settle()
        return question


@pytest.fixture
def stand() -> Stand:
    return Stand().start()


def test_a_subscriber_who_is_served_can_be_reached(stand: Stand) -> None:
    assert stand.ask().context == Context(
        error=0,
        correct=True,
        imsi="219101100935850",
        serving_msc="38591016",
    )
    assert stand.link.asked == [f"GET 1 subscriber.by-msisdn-{NUMBER}.info"]


def test_a_number_that_the_hlr_does_not_have_is_unknown(stand: Stand) -> None:
    assert stand.ask("385910000000").context == Context(error=1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"vlr_number": None}, 27),
        ({"vlr_number": ""}, 27),
        ({"ms_purged_cs": "1"}, 27),
        ({"ms_purged_cs": "0"}, 0),
        ({"nam_cs": "0"}, 13),
        ({"nam_cs": "0", "vlr_number": None}, 13),
        ({"nam_cs": None}, 0),
    ],
)
def test_a_record_says_whether_its_subscriber_can_be_reached(
    stand: Stand, changes: dict[str, str | None], error: int
) -> None:
    changed = SERVED | changes
    stand.records[NUMBER] = {name: value for name, value in changed.items() if value is not None}
    context = stand.ask().context
    assert context.error == error
    assert context.imsi == "219101100935850"
    assert (context.serving_msc is None) == (error == 27 or changes.get("vlr_number", "") is None)


def test_an_msc_may_be_known_by_its_name_alone() -> None:
    context = context_of("imsi\t901700000000001\nvlr_number\tmsc-901-70-0\n")
    assert (context.error, context.serving_msc) == (0, "msc-901-70-0")


@given(st.text())
def test_any_record_is_read(info: str) -> None:
    context = context_of(info)
    assert context.error in (0, 13, 27)
    assert context.imsi is None or context.imsi.isdecimal()


def test_only_the_window_is_asked_at_once(stand: Stand) -> None:
    stand = Stand(window=2).start()
    stand.link.silent = True
    questions = [stand.ask(f"3859100000{number}") for number in range(5)]
    assert len(stand.link.asked) == 2
    stand.link.silent = False
    for text in list(stand.link.asked):
        stand.link.answer(text)
    stand.reactor.settle()
    assert [question.context.error for question in questions] == [1] * 5
    assert len(stand.link.asked) == 5


def test_an_answer_that_is_lost_costs_only_its_own_question_the_time_out(stand: Stand) -> None:
    stand.link.silent = True
    first, second = stand.ask("385910000001"), stand.ask("385910000002")
    stand.link.say("ERROR err Request malformed")
    stand.reactor.wait(3)
    stand.link.answer(stand.link.asked[1])
    stand.reactor.wait(1)
    assert second.context == Context(error=1)
    assert first.open
    stand.reactor.wait(2)
    assert first.reason == "There was no answer in 5 seconds."
    assert stand.link.up
    stand.link.answer(stand.link.asked[0])
    stand.link.silent = False
    assert stand.ask().context.error == 0


def test_an_hlr_that_says_nothing_more_is_connected_to_anew(stand: Stand) -> None:
    stand.link.silent = True
    question = stand.ask()
    stand.link.transport.write(b"\x00\x20\xee\x00half")
    stand.reactor.wait(10)
    assert question.reason == "There was no answer in 5 seconds."
    assert [link.up for link in stand.links] == [False, True]
    assert stand.ask().context.error == 0


def test_what_was_asked_when_the_connection_is_lost_fails_at_once(stand: Stand) -> None:
    stand.link.silent = True
    question = stand.ask()
    stand.link.transport.loseConnection()
    stand.reactor.settle()
    assert question.reason.startswith("The connection was lost")
    assert stand.ask().reason.startswith("The connection was lost")
    stand.reactor.wait(5)
    assert stand.ask().context.error == 0


def test_without_an_hlr_questions_fail_at_once_and_it_is_tried_again_after_growing_pauses() -> None:
    stand = Stand()
    port = stand.reactor.ports.pop(PORT)
    stand.start()
    assert stand.ask().reason.startswith("It can't connect: ")
    stand.reactor.wait(300)
    times = [at for _, at in stand.reactor.attempts]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] < 4 < pauses[4] < pauses[-1] <= 62
    stand.reactor.ports[PORT] = port
    stand.reactor.wait(62)
    assert stand.ask().context.error == 0


def test_an_hlr_that_hangs_up_at_once_is_tried_after_growing_pauses_too() -> None:
    stand = Stand()
    stand.reactor.ports[PORT] = HangsUp
    stand.start()
    stand.reactor.wait(120)
    assert len(stand.reactor.attempts) < 12


def test_an_hlr_that_has_answered_is_connected_to_soon_again() -> None:
    stand = Stand()
    port = stand.reactor.ports.pop(PORT)
    stand.start()
    stand.reactor.wait(300)
    stand.reactor.ports[PORT] = port
    stand.reactor.wait(62)
    assert stand.ask().context.error == 0
    stand.link.transport.loseConnection()
    stand.reactor.wait(4)
    assert stand.link.up


class HangsUp(Protocol):
    """Takes a connection and ends it."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


def test_more_questions_than_may_wait_fail_at_once() -> None:
    stand = Stand(waiting=2).start()
    stand.link.silent = True
    questions = [stand.ask(f"38591000000{number}") for number in range(3)]
    assert [question.open for question in questions] == [True, True, False]
    assert questions[2].reason == "2 questions wait already."


def test_who_does_not_wait_any_longer_disturbs_nobody(stand: Stand) -> None:
    stand.link.silent = True
    first, second = stand.ask(), stand.ask("385910000001")
    first.cancel()
    for text in stand.link.asked:
        stand.link.answer(text)
    stand.reactor.settle()
    assert second.context.error == 1


def test_a_back_end_that_stops_tells_who_waits_and_disconnects(stand: Stand) -> None:
    stand.link.silent = True
    question = stand.ask()
    stopped = stand.back_end.stopService()
    stand.reactor.settle()
    result(stopped)
    assert question.reason == "It has been stopped."
    assert not stand.link.up
    assert stand.ask().reason == "It has been stopped."
    stand.reactor.wait(100)
    assert len(stand.links) == 1
    assert [call for call in stand.reactor.getDelayedCalls() if call.active()] == []


def test_what_the_hlr_refuses_otherwise_is_told(stand: Stand) -> None:
    stand.link.silent = True
    question = stand.ask()
    stand.link.say("ERROR 1 DB is locked")
    stand.reactor.settle()
    assert question.reason == "The HLR says: DB is locked"

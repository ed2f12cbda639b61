from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.ssl import PrivateCertificate
from twisted.logger import capturedLogs
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from smsd.certificate import self_signed
from smsd.hlr.http_peer import FRAME, RESULT, HttpPeer
from smsd.hlr.options import HttpOptions
from smsd.numbering.context import Context
from tests.hlr.asking import NUMBER, Question
from tests.hlr.test_http_answers import DELIVERED, REJECTED
from tests.peers import Network, result

WEB = 8000


class Platform(Resource):
    """Another platform's web server."""

    isLeaf = True

    def __init__(self, reactor: Network) -> None:
        super().__init__()
        self.got: list[Request] = []
        self.numbers: list[list[str]] = []
        self.code: int | None = 200
        """How requests are answered; ``None``: not at all."""
        self.body: bytes | None = None
        """With what; ``None``: with the numbers asked about, but for those …"""
        self.left_out: set[str] = set()
        self.hangs_up = False
        """Whether the next request is not answered, but its connection closed."""
        self.refused: set[str] = set()
        self.connections = 0
        self.site = Site(self)
        self.site.reactor = reactor
        reactor.ports[WEB] = self._connected

    def _connected(self) -> Any:
        self.connections += 1
        return self.site.buildProtocol(IPv4Address("TCP", "192.0.2.9", 4711))

    def render(self, request: Request) -> Any:
        assert request.content is not None
        self.got.append(request)
        self.numbers.append(json.loads(request.content.read())["to"])
        if self.hangs_up:
            self.hangs_up = False
            assert request.channel is not None
            request.channel.loseConnection()
            return NOT_DONE_YET
        if self.code is None:
            return NOT_DONE_YET
        request.setResponseCode(self.code)
        return self.answer(self.numbers[-1]) if self.body is None else self.body

    def answer(self, numbers: list[str]) -> bytes:
        results = [
            {"to": number, "status": REJECTED if number in self.refused else DELIVERED, "error": {"id": 0}}
            for number in reversed(numbers)
            if number not in self.left_out
        ]
        return json.dumps({"results": results}).encode()


class Stand:
    """A back end and the platform that it asks."""

    def __init__(self, **options: Any) -> None:
        self.reactor = Network()
        self.platform = Platform(self.reactor)
        given = {"url": f"http://127.0.0.1:{WEB}", "username": "me", "password": "pw:1"} | options
        self.back_end = HttpPeer("peer", HttpOptions(**given), self.reactor)
        self.back_end.startService()

    def ask(self, number: str = NUMBER) -> Question:
        return Question(self.back_end, number)

    def asked(self, number: str = NUMBER) -> Question:
        question = self.ask(number)
        self.reactor.settle()
        return question


@pytest.fixture
def stand() -> Iterator[Stand]:
    stand = Stand()
    yield stand
    if stand.back_end.running:
        stopped = stand.back_end.stopService()
        stand.reactor.settle()
        result(stopped)


def numbers(count: int) -> list[str]:
    return [f"3859100{number:05}" for number in range(count)]


def test_a_question_is_a_request_with_name_and_password(stand: Stand) -> None:
    assert stand.asked().context == Context(error=0)
    (request,) = stand.platform.got
    assert (request.method, request.uri) == (b"POST", b"/number/1/query")
    assert request.getHeader("content-type") == "application/json"
    assert request.getHeader("accept") == "application/json"
    assert request.getHeader("authorization") == "Basic " + base64.b64encode(b"me:pw:1").decode()
    assert stand.platform.numbers == [[NUMBER]]


def test_the_url_may_have_a_path() -> None:
    stand = Stand(url=f"http://127.0.0.1:{WEB}/api/")
    stand.asked()
    assert stand.platform.got[0].uri == b"/api/number/1/query"


def test_questions_that_come_at_once_share_requests(stand: Stand) -> None:
    asked = [stand.ask(number) for number in numbers(2500)]
    stand.reactor.settle()
    assert [len(one) for one in stand.platform.numbers] == [1000, 1000, 500]
    assert all(question.context == Context(error=0) for question in asked)


def test_what_comes_while_all_requests_are_unanswered_gathers() -> None:
    stand = Stand(requests=1, numbers=100)
    stand.platform.code = None
    stand.asked("385910000000")
    later = [stand.asked(number) for number in numbers(3)[1:]]
    assert len(stand.platform.numbers) == 1
    stand.platform.code = 200
    request = stand.platform.got[0]
    request.write(stand.platform.answer(stand.platform.numbers[0]))
    request.finish()
    stand.reactor.settle()
    assert stand.platform.numbers[1] == numbers(3)[1:]
    assert all(question.context == Context(error=0) for question in later)
    assert stand.platform.connections == 1


def test_a_number_that_fails_does_not_fail_the_others(stand: Stand) -> None:
    stand.platform.left_out, stand.platform.refused = {"385910000001"}, {"385910000002"}
    asked = [stand.ask(f"38591000000{number}") for number in range(4)]
    stand.reactor.settle()
    assert asked[1].reason == "It says nothing of this number."
    assert asked[2].reason == "The peer says REJECTED_NOT_ENOUGH_CREDITS."
    assert [asked[0].context, asked[3].context] == [Context(error=0)] * 2


@pytest.mark.parametrize(
    ("code", "body", "reason"),
    [
        (401, b"", "It refuses the username or the password."),
        (
            400,
            b'{"requestError":{"serviceException":{"text":"[to : no]"}}}',
            "It answers with HTTP status 400: [to : no].",
        ),
        (429, b"", "It is asked too much: HTTP status 429."),
        (503, b"<html>", "It answers with HTTP status 503."),
        (302, b"", "It answers with HTTP status 302."),
        (200, b"<html>", "Its answer can't be read."),
        (200, b"", "Its answer can't be read."),
        (200, b'{"results":[]}', "It says nothing of this number."),
        (200, b"[" * (FRAME + RESULT + 1), "Its answer is too long."),
    ],
)
def test_what_is_no_answer_says_why(stand: Stand, code: int, body: bytes, reason: str) -> None:
    stand.platform.code, stand.platform.body = code, body
    assert stand.asked().reason == reason


def test_a_long_answer_is_read_no_further_than_it_may_be(stand: Stand) -> None:
    stand.platform.body = b" " * 10_000_000
    assert stand.asked().reason == "Its answer is too long."
    stand.reactor.wait(1)
    assert stand.reactor.pumps == []


def test_a_packed_answer_is_not_unpacked(stand: Stand) -> None:
    assert stand.asked().context == Context(error=0)
    assert stand.platform.got[0].getHeader("accept-encoding") is None


def test_a_platform_that_hangs_costs_its_callers_only_the_time_out() -> None:
    stand = Stand(requests=1, timeout=3)
    stand.platform.code = None
    first = stand.asked()
    stand.reactor.wait(2)
    assert first.open
    stand.reactor.wait(1)
    assert first.reason == "There was no answer in 3 seconds."
    stand.platform.code = 200
    assert stand.asked().context == Context(error=0)


def test_a_platform_that_is_not_there_is_no_answer() -> None:
    stand = Stand()
    del stand.reactor.ports[WEB]
    question = stand.asked()
    stand.reactor.wait(1)
    assert question.reason.startswith("It can't be asked: ")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    stand = Stand(url=f"https://127.0.0.1:{WEB}")
    files = self_signed(tmp_path)
    context = PrivateCertificate.loadPEM(b"".join(file.read_bytes() for file in files)).options()
    served = TLSMemoryBIOFactory(context, False, stand.platform.site, clock=stand.reactor)
    stand.reactor.ports[WEB] = lambda: served.buildProtocol(IPv4Address("TCP", "192.0.2.9", 4711))
    question = stand.asked()
    stand.reactor.wait(1)
    assert question.reason == "It can't be asked: TLS failed: certificate verify failed."
    assert stand.platform.got == []


def test_a_connection_that_breaks_is_no_answer(stand: Stand) -> None:
    stand.platform.code = None
    question = stand.asked()
    channel = stand.platform.got[0].channel
    assert channel is not None
    channel.loseConnection()
    stand.reactor.settle()
    assert question.reason == "It can't be asked: The connection broke before there was an answer."


def test_a_kept_connection_that_turns_out_to_be_closed_is_replaced_at_once(stand: Stand) -> None:
    stand.asked()
    stand.platform.hangs_up = True
    assert stand.asked("385910000001").context == Context(error=0)
    assert stand.platform.connections == 2
    stand.platform.code = 503
    stand.platform.hangs_up = True
    assert stand.asked("385910000002").reason == "It answers with HTTP status 503."


def test_that_a_platform_fails_and_answers_again_is_logged_once(stand: Stand) -> None:
    with capturedLogs() as events:
        stand.platform.code = 503
        for _ in range(3):
            stand.asked()
        assert stand.back_end.reason == "It answers with HTTP status 503."
        stand.platform.code = 200
        stand.asked()
        stand.asked()
    told = [event["log_format"] for event in events if event["log_namespace"].startswith("smsd.hlr")]
    assert len(told) == 2
    assert stand.back_end.reason == ""


def test_a_back_end_that_stops_tells_who_waits_and_disconnects(stand: Stand) -> None:
    stand.platform.code = None
    question = stand.asked()
    stopped = stand.back_end.stopService()
    stand.reactor.settle()
    result(stopped)
    assert question.reason == "It has been stopped."
    assert stand.asked().reason == "It has been stopped."
    assert stand.reactor.pumps == []


def test_who_does_not_wait_any_longer_is_not_asked_for() -> None:
    stand = Stand(requests=1)
    stand.platform.code = None
    stand.asked("385910000001")
    given_up, other = stand.asked("385910000002"), stand.asked("385910000003")
    given_up.cancel()
    stand.platform.code = 200
    stand.reactor.wait(11)
    assert other.context == Context(error=0)
    assert stand.platform.numbers[1:] == [["385910000003"]]

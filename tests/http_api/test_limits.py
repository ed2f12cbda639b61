"""Slow and greedy clients: each is told what it does too much of, and none keeps others from being served."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address

from smsd.http_api.connection import LINGER
from smsd.http_api.site import FAREWELL, SURPLUS, Limits
from smsd.ports.proxy import ProxiedFactory
from tests.http_api.client import BODY, Answer, Client, Wire, octets
from tests.peers import Stack, result
from tests.ports.wires import connect

LIMITS = Limits()
SINGLE = "/sms/1/text/single"
TEXT = b'{"to": "41793026727", "text": "x"}'
SENT = octets("POST", SINGLE, TEXT)
ASKED = octets("GET", "/sms/1/reports")


def slow(stack: Stack, client: Client, sent: bytes, rest: bytes) -> tuple[Wire, float]:
    """Send some at once and the rest slowly; return when the answer came."""
    begun = stack.network.seconds()
    wire = client.connect()
    wire.transport.write(sent)
    stack.settle()
    for number in range(len(rest)):
        wire.transport.write(rest[number : number + 1])
        stack.wait(1)
        if wire.said:
            break
    return wire, stack.network.seconds() - begun


def test_a_head_that_trickles_is_refused(stack: Stack, client: Client) -> None:
    wire, seconds = slow(stack, client, b"", ASKED[:-2] + b"X: " + b"x" * 1000)
    answer = Answer(wire.said)
    assert answer.error == (408, "REQUEST_TIMEOUT", "The request was not complete within 15 seconds.")
    assert answer.headers["connection"] == "close"
    assert LIMITS.head <= seconds <= LIMITS.head + 1
    stack.wait(LINGER + 1)
    assert not wire.open


def test_a_body_that_trickles_is_refused(stack: Stack, client: Client) -> None:
    wire, seconds = slow(stack, client, SENT[: -len(TEXT)], TEXT + b" " * 1000)
    assert Answer(wire.said).code == 200, "this one is complete in time"
    sent = octets("POST", SINGLE, TEXT + b" " * 1000)
    wire, seconds = slow(stack, client, sent[:-1000], sent[-1000:])
    assert Answer(wire.said).error == (
        408,
        "REQUEST_TIMEOUT",
        "The request was not complete within 60 seconds.",
    )
    assert LIMITS.request <= seconds <= LIMITS.request + 1
    assert client.site._held == 0
    stack.wait(LINGER + 1)
    assert not wire.open


def test_a_request_that_trickles_after_another_is_refused_too(stack: Stack, client: Client) -> None:
    wire = client.connect()
    wire.transport.write(ASKED)
    stack.wait(30)
    wire.transport.write(ASKED + ASKED[:20])
    stack.wait(LIMITS.head + 2)
    first = Answer(wire.said)
    second = Answer(first.rest)
    assert (first.code, second.code, Answer(second.rest).code) == (200, 200, 408)


def test_a_connection_is_kept_open_for_as_long_as_it_is_used(stack: Stack, client: Client) -> None:
    wire = client.connect()
    for number in range(1, 6):
        stack.wait(LIMITS.idle - 2)
        wire.transport.write(ASKED)
        stack.settle()
        assert wire.said.count(b"HTTP/1.1 200 OK\r\n") == number
    stack.wait(LIMITS.idle - 2)
    assert wire.open
    stack.wait(4)
    assert not wire.open
    assert wire.said.count(b"HTTP/1.1") == 5, "nobody asked for more"


def test_a_request_may_take_its_time_to_be_served(stack: Stack, client: Client) -> None:
    wire = client.connect()
    stack.writer.hold()
    wire.transport.write(SENT)
    stack.wait(300)
    assert wire.open
    assert wire.said == b""
    stack.writer.let_go()
    stack.settle()
    assert Answer(wire.said).code == 200


@pytest.mark.parametrize("at_once", [1, 400])
def test_a_client_that_does_not_read_is_cut_off(stack: Stack, client: Client, at_once: int) -> None:
    wire = client.connect()
    server = stack.network.pumps[-1].serverIO
    server.unread = True
    for _ in range(400 // at_once):
        wire.transport.write(ASKED * at_once)
        stack.settle()
    assert server.buffered < server.BUFFER + 2_000
    assert server.paused, "nothing more is read of it"
    stack.wait(LIMITS.answer - 2)
    assert not server.disconnected
    stack.wait(4)
    assert server.aborted
    assert client.site._connections == set()


@pytest.mark.parametrize("at_once", [1, 400])
def test_a_client_that_reads_in_the_end_is_served_on(stack: Stack, client: Client, at_once: int) -> None:
    wire = client.connect()
    server = stack.network.pumps[-1].serverIO
    server.unread = True
    for _ in range(400 // at_once):
        wire.transport.write(ASKED * at_once)
        stack.settle()
    stack.wait(LIMITS.answer / 2)
    server.unread = False
    stack.wait(LIMITS.answer / 2 + 5)
    assert wire.open
    assert wire.said.count(b"HTTP/1.1 200 OK\r\n") == 400


@pytest.mark.parametrize(
    "sent",
    [
        octets("GET", "/sms/1/reports", headers={"Connection": "close"}),
        octets("GET", "/sms/1/reports").replace(b"HTTP/1.1", b"HTTP/1.0"),
        ASKED,
        b"nonsense\r\n\r\n",
    ],
)
def test_a_last_answer_that_is_not_read_keeps_no_connection_open(
    stack: Stack, client: Client, sent: bytes
) -> None:
    wire = client.connect()
    server = stack.network.pumps[-1].serverIO
    server.unread = True
    wire.transport.write(sent)
    stack.wait(LIMITS.idle + LIMITS.answer + LINGER + 3)
    assert server.aborted
    assert client.site._connections == set()


@pytest.mark.parametrize("option", ["close", "Close", "TE, close", "close, TE"])
def test_a_client_may_ask_to_close(stack: Stack, client: Client, option: str) -> None:
    wire = client.connect()
    wire.transport.write(octets("GET", "/sms/1/reports", headers={"Connection": option}))
    stack.settle()
    answer = Answer(wire.said)
    assert (answer.code, answer.headers["connection"]) == (200, "close")
    assert not wire.open


def test_what_is_pipelined_while_a_request_is_served_is_bounded(stack: Stack, client: Client) -> None:
    wire = client.connect()
    server = stack.network.pumps[-1].serverIO
    stack.writer.hold()
    wire.transport.write(SENT)
    for _ in range(200):
        wire.transport.write(SENT)
        stack.settle()
    held = sum(map(len, server.protocol._dataBuffer))
    assert held < 0x4000 + len(SENT)
    assert server.paused
    stack.writer.let_go()
    stack.settle()
    assert wire.said.count(b"HTTP/1.1 200 OK\r\n") == 201
    assert len(stack.smsc.submits) == 201


def test_of_requests_that_come_at_once_each_is_served_in_a_turn_of_its_own(
    stack: Stack, client: Client
) -> None:
    wire = client.connect()
    count = 3000
    wire.transport.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * count)
    pump = stack.network.pumps[-1]
    pump.flush()
    answered: list[int] = []
    stack.network.callLater(0, lambda: answered.append(b"".join(pump.serverIO.stream).count(b" 404 ")))
    stack.network.advance(0)
    assert answered[0] <= 2, "others have their turns in between"
    stack.settle()
    assert wire.said.count(b" 404 ") == count


def test_a_client_that_hangs_up_with_requests_waiting_harms_nobody(stack: Stack, client: Client) -> None:
    wire = client.connect()
    wire.transport.write(ASKED * 5)
    stack.network.pumps[-1].flush()
    stack.network.pumps[-1].clientIO.disconnecting = True
    stack.settle()
    assert not wire.open
    assert client.site._connections == set()


@pytest.fixture
def few(stack: Stack) -> Client:
    """A client of a site that takes four connections, two of them from one address."""
    return Client(stack, connections=4, address=2)


def asked(client: Client, host: str = "192.0.2.1") -> Wire:
    """Return a connection from an address that has asked for something that takes time."""
    wire = client.connect(host)
    wire.transport.write(SENT)
    client.stack.settle()
    return wire


def test_connections_of_one_address_are_bounded(stack: Stack, few: Client) -> None:
    stack.writer.hold()
    first, second, third = (asked(few) for _ in range(3))
    other = asked(few, "192.0.2.2")
    answer = Answer(third.said)
    assert answer.error == (
        503,
        "SERVICE_UNAVAILABLE",
        "Too many connections are open from this address.",
    )
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["connection"] == "close"
    stack.writer.let_go()
    stack.settle()
    assert [Answer(wire.said).code for wire in (first, second, other)] == [200] * 3
    first.transport.loseConnection()
    stack.wait(LINGER + 1)
    assert Answer(asked(few).said).code == 200


def test_of_version_6_a_subscriber_s_network_is_one_address(stack: Stack, few: Client) -> None:
    wires = [asked(few, f"2001:db8::{number}") for number in range(1, 4)]
    assert [Answer(wire.said).code for wire in wires] == [200, 200, 503]
    assert Answer(asked(few, "2001:db8:1::1").said).code == 200


def test_behind_a_balancer_clients_count_by_their_own_addresses(stack: Stack, few: Client) -> None:
    factory = ProxiedFactory(few.site)
    codes = []
    for host in ("203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.1"):
        wire = connect(stack.network, factory)
        wire.transport.write(b"PROXY TCP4 %b 192.0.2.7 40000 8080\r\n" % host.encode() + ASKED)
        stack.settle()
        codes.append(Answer(wire.said).code)
    assert codes == [200, 200, 200, 503]


def test_with_too_many_connections_the_one_that_was_idle_for_longest_has_to_go(
    stack: Stack, few: Client
) -> None:
    wires = []
    for number in range(4):
        wires.append(asked(few, f"192.0.2.{number}"))
        stack.wait(1)
    wires[0].transport.write(ASKED)
    stack.settle()
    fifth = asked(few, "192.0.2.9")
    assert Answer(fifth.said).code == 200
    assert [wire.open for wire in wires] == [True, False, True, True]


def test_with_all_connections_at_work_one_more_is_told(stack: Stack, few: Client) -> None:
    stack.writer.hold()
    wires = [asked(few, f"192.0.2.{number}") for number in range(4)]
    late = asked(few, "192.0.2.9")
    assert Answer(late.said).error == (503, "SERVICE_UNAVAILABLE", "Too many connections are open here.")
    for _ in range(SURPLUS + 10):
        few.site.buildProtocol(IPv4Address("TCP", "192.0.2.10", 4711))
    assert len(few.site._connections) == 4 + SURPLUS
    stack.writer.let_go()
    stack.settle()
    assert [Answer(wire.said).code for wire in wires] == [200] * 4


def test_bodies_are_bounded_altogether(stack: Stack) -> None:
    client = Client(stack, bodies=BODY)
    sent = octets("POST", SINGLE, TEXT + b" " * (BODY - 1000 - len(TEXT)))
    half = client.connect()
    half.transport.write(sent[:-1])
    stack.settle()
    answer = client.raw(sent)
    assert answer.error == (503, "SERVICE_UNAVAILABLE", "The service is busy: repeat the request.")
    half.transport.write(sent[-1:])
    stack.settle()
    assert Answer(half.said).code == 200
    assert client.raw(sent).code == 200
    assert client.site._held == 0


def test_a_body_of_a_client_that_hangs_up_is_let_go(stack: Stack, client: Client) -> None:
    wire = client.connect()
    wire.transport.write(SENT[:-1])
    stack.settle()
    assert client.site._held == len(TEXT) - 1
    wire.transport.loseConnection()
    stack.settle()
    assert client.site._held == 0


def test_when_the_node_stops_what_is_under_way_is_answered(stack: Stack, client: Client) -> None:
    idle, served, coming = client.connect(), client.connect(), client.connect()
    stack.writer.hold()
    served.transport.write(SENT)
    coming.transport.write(SENT[:-1])
    stack.settle()
    stopped = client.serving.stopService()
    stack.settle()
    assert (idle.open, served.open, coming.open) == (False, True, True)
    assert not stopped.called
    stack.writer.let_go()
    stack.settle()
    assert Answer(served.said).code == 200
    assert not served.open
    coming.transport.write(SENT[-1:])
    stack.settle()
    assert Answer(coming.said).code == 200
    assert not coming.open
    result(stopped)


def test_when_the_node_stops_a_client_that_dawdles_is_cut_off(stack: Stack, client: Client) -> None:
    wire = client.connect()
    wire.transport.write(SENT[:-1])
    stack.settle()
    stopped = client.serving.stopService()
    stack.wait(FAREWELL + 1)
    result(stopped)
    assert not wire.open


def test_trouble_with_one_connection_ends_no_other_s_time_outs(
    stack: Stack, client: Client, logged_failures: list[type[BaseException]]
) -> None:
    wires = [client.connect() for _ in range(3)]
    next(iter(client.site._connections)).tick = None  # type: ignore[assignment,method-assign]
    stack.wait(1)
    client.site.limits = Limits(idle=1)
    stack.wait(LIMITS.idle)
    assert [wire.open for wire in wires].count(True) == 1
    logged_failures += [TypeError] * 61

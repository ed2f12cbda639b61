"""The site of the short links gives the way to what they stand for, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsd.http_api import redirects
from smsd.http_api.site import Limits
from smsd.store.engine import StoreUnavailable
from tests.http_api.client import Answer, Client, octets
from tests.http_api.test_tracking import BASE, PHONE, clicks, send, texts, tokens
from tests.peers import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path, short_links=BASE)
    yield stack
    stack.close()


@pytest.fixture
def phone(stack: Stack) -> Client:
    return Client(stack, redirects.site(stack.core.links, Limits(), stack.network))


@pytest.fixture
def token(client: Client) -> str:
    """The token of a link that was sent."""
    send(client)
    return tokens(texts(client)[0])[0]


def get(phone: Client, path: str, method: str = "GET") -> Answer:
    answer = phone.request(method, path, headers={"User-Agent": PHONE, "Authorization": None})
    assert answer.headers["content-length"] == "0"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body == b""
    return answer


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/x",
        "/0123456789",
        "/{}x",
        "/{}/",
        "/x/{}",
        "/{}%20",
        "/%2e%2e",
        "/../{}",
        "/{}?x",
        "//{}",
        "/" + "a" * 5000,
    ],
)
def test_only_a_token_that_was_sent_leads_anywhere(phone: Client, token: str, path: str) -> None:
    answer = get(phone, path.format(token))
    # A query that somebody has added, as networks do that count their own clicks, changes nothing.
    assert answer.code == (302 if path == "/{}?x" else 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get"])
def test_a_link_can_only_be_read(phone: Client, client: Client, token: str, method: str) -> None:
    answer = get(phone, f"/{token}", method)
    assert (answer.code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert clicks(client) == []


def test_a_head_tells_the_way_too(phone: Client, token: str) -> None:
    answer = get(phone, f"/{token}", "HEAD")
    assert (answer.code, answer.headers["location"]) == (302, "http://www.example.com/awesomeApp/someUserId")


def test_a_connection_serves_for_several_links(phone: Client, token: str) -> None:
    wire = phone.connect()
    for _ in range(2):
        wire.transport.write(octets("GET", f"/{token}"))
        phone.stack.settle()
    assert wire.said.count(b"302 Found") == 2
    assert wire.open


def test_a_long_body_is_refused(phone: Client, token: str) -> None:
    assert phone.request("GET", f"/{token}", b"x" * 5000).code == 413


def test_links_of_another_node_s_time_are_found_in_the_table(stack: Stack, phone: Client, token: str) -> None:
    stack.reader.hold()
    wires = [phone.connect() for _ in range(3)]
    for wire in wires:
        wire.transport.write(octets("GET", f"/{token}"))
    stack.settle()
    assert [wire.said for wire in wires] == [b""] * 3
    wires[0].transport.loseConnection()
    stack.settle()
    stack.reader.let_go()
    stack.settle()
    assert [b"302" in wire.said for wire in wires] == [False, True, True]


def test_a_link_that_is_known_leads_on_while_the_database_is_away(
    stack: Stack, phone: Client, token: str
) -> None:
    assert get(phone, f"/{token}").code == 302
    stack.reader.failing = stack.writer.failing = StoreUnavailable("It is told to be away.")
    assert get(phone, f"/{token}").code == 302
    answer = get(phone, "/0123456789")
    assert (answer.code, answer.headers["retry-after"]) == (503, "1")
    stack.reader.failing = stack.writer.failing = None
    stack.wait(5)
    assert stack.rows("SELECT clicks FROM tracked") == [(2,)]


def test_a_mistake_of_ours_is_told_as_one(
    stack: Stack, phone: Client, token: str, logged_failures: list[type[BaseException]]
) -> None:
    stack.reader.failing = ZeroDivisionError()
    logged_failures.append(ZeroDivisionError)
    assert get(phone, f"/{token}").code == 500
    stack.reader.failing = None
    assert get(phone, f"/{token}").code == 302

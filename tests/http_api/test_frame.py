"""What all requests have in common: who may ask, for what, how much; and how the API says no."""

from __future__ import annotations

import pytest

from smsd.http_api.site import IDLE
from tests.http_api.client import BODY, Answer, Client, basic, octets
from tests.peers import PASSWORD, Stack, result

UNAUTHORIZED = (
    b'{"requestError":{"serviceException":{"messageId":"UNAUTHORIZED","text":"Invalid login details"}}}'
)
TEXT = b'{"to": "41793026727", "text": "x"}'


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!!",
        "Basic " + "A" * 1000,
        "Bearer abc",
        "App key",
        basic("acme", "wrong"),
        basic("acme", ""),
        basic("", ""),
        basic("nobody", PASSWORD),
        basic("ACME", PASSWORD),
        basic("acme", PASSWORD + ":"),
        "Basic YWNtZTr/",
        "Basic /zpzZWNyZXQ=",
    ],
)
@pytest.mark.parametrize("path", ["/sms/1/reports", "/sms/1/text/single"])
def test_a_wrong_or_missing_authorization(
    stack: Stack, client: Client, path: str, authorization: str | None
) -> None:
    method, body = ("GET", b"") if path.endswith("reports") else ("POST", TEXT)
    answer = client.request(method, path, body, {"Authorization": authorization})
    assert (answer.code, answer.body) == (401, UNAUTHORIZED)
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert stack.smsc.submits == []


def test_a_disabled_account_is_not_authorized(stack: Stack, client: Client) -> None:
    assert client.request("GET", "/sms/1/reports").code == 200
    result(stack.administration.change_account("acme", enabled=0))
    stack.wait(0.4)
    assert client.request("GET", "/sms/1/reports").code == 401


def test_the_authorization_comes_before_the_body(client: Client) -> None:
    answer = client.request("POST", "/sms/1/text/single", b"nonsense", {"Authorization": None})
    assert answer.code == 401


@pytest.mark.parametrize("path", ["/", "/sms", "/sms/1/text", "/sms/2/text/single", "/sms/1/text/single/x"])
def test_what_is_not_there(client: Client, path: str) -> None:
    assert client.request("GET", path).error[:2] == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/sms/%", "//", "http:", "http://[", "sms/1/reports"])
def test_a_strange_target_is_not_there(client: Client, path: str) -> None:
    assert client.request("GET", path).error[:2] == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "target", ["http://smsd.example/sms/1/reports?limit=1", "HTTPS://h:1/sms/1/reports", "/sms/1/%72eports"]
)
def test_a_target_may_be_a_whole_url_or_quoted(client: Client, target: str) -> None:
    assert client.request("GET", target).body == b'{"results":[]}'


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/sms/1/text/single", "OPTIONS, POST, PUT"),
        ("HEAD", "/sms/1/text/advanced", "OPTIONS, POST, PUT"),
        ("DELETE", "/sms/1/preview", "OPTIONS, POST, PUT"),
        ("POST", "/sms/1/reports", "GET, HEAD, OPTIONS"),
        ("PATCH", "/sms/1/text/query", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_is_not_allowed(client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path, TEXT if method not in ("GET", "HEAD") else b"")
    assert answer.code == 405
    assert answer.headers["allow"] == allowed
    if method != "HEAD":
        assert answer.error == (405, "METHOD_NOT_ALLOWED", f"Allowed here: {allowed}.")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/sms/1/text/multi", "OPTIONS, POST, PUT"),
        ("/sms/1/reports", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_are_told_to_anybody(client: Client, path: str, allowed: str) -> None:
    answer = client.request("OPTIONS", path, headers={"Authorization": None, "Accept": "text/html"})
    assert (answer.code, answer.body, answer.headers["allow"]) == (200, b"", allowed)


def test_options_of_what_is_not_there(client: Client) -> None:
    assert client.request("OPTIONS", "/sms").error[:2] == (404, "NOT_FOUND")


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(stack: Stack, client: Client) -> None:
    wire = client.connect()
    headers: dict[str, str | None] = {
        "Content-Type": "application/json",
        "Content-Length": str(BODY + 1),
    }
    wire.transport.write(octets("POST", "/sms/1/text/single", headers=headers))
    stack.settle()
    answer = Answer(wire.said)
    assert answer.error == (413, "REQUEST_ENTITY_TOO_LARGE", f"A body has at most {BODY} octets.")
    assert answer.headers["connection"] == "close"
    assert not wire.open


def test_a_body_of_the_most_octets_is_taken(client: Client) -> None:
    assert client.request("POST", "/sms/1/text/single", TEXT + b" " * (BODY - len(TEXT))).code == 200


def test_a_body_that_is_too_large_gets_one_answer_and_does_nothing(stack: Stack, client: Client) -> None:
    body = TEXT + b" " * BODY
    answer = client.request("POST", "/sms/1/text/single", body)
    assert answer.code == 413
    assert answer.rest == b""
    assert stack.smsc.submits == []


def chunked(*chunks: bytes) -> bytes:
    """Return a request whose body comes unannounced."""
    headers: dict[str, str | None] = {
        "Content-Type": "application/json",
        "Content-Length": None,
        "Transfer-Encoding": "chunked",
    }
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return octets("POST", "/sms/1/text/single", headers=headers) + body


def test_a_body_may_come_in_chunks(client: Client) -> None:
    assert client.raw(chunked(TEXT[:9], TEXT[9:])).code == 200


@pytest.mark.parametrize("at_once", [True, False])
def test_chunks_that_become_too_large_get_one_answer_and_do_nothing(
    stack: Stack, client: Client, at_once: bool
) -> None:
    wire = client.connect()
    sent = chunked(TEXT, *[b" " * 1000] * 15)
    for piece in [sent] if at_once else [sent[:500], sent[500:9000], sent[9000:]]:
        wire.transport.write(piece)
        if not at_once:
            stack.settle()
    stack.settle()
    answer = Answer(wire.said)
    assert answer.error[:2] == (413, "REQUEST_ENTITY_TOO_LARGE")
    assert answer.rest == b""
    assert not wire.open
    assert stack.smsc.submits == []


def test_several_requests_on_one_connection(stack: Stack, client: Client) -> None:
    wire = client.connect()
    wire.transport.write(octets("POST", "/sms/1/text/single", TEXT) * 3)
    stack.settle()
    assert wire.said.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert len(stack.smsc.submits) == 3


def test_a_connection_on_which_nothing_is_said_is_closed(stack: Stack, client: Client) -> None:
    wire = client.connect()
    stack.wait(IDLE + 1)
    assert not wire.open


@pytest.mark.parametrize("junk", [b"\0" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n"])
def test_what_is_no_http_is_survived(stack: Stack, client: Client, junk: bytes) -> None:
    wire = client.connect()
    wire.transport.write(junk)
    stack.wait(IDLE + 1)
    assert not wire.open
    assert client.request("GET", "/sms/1/reports").code == 200


def test_a_mistake_of_ours_is_logged_and_tells_the_client_nothing(
    client: Client, logged_failures: list[type[BaseException]]
) -> None:
    client.stack.core.reports = None  # type: ignore[assignment]
    answer = client.request("GET", "/sms/1/reports")
    assert answer.error[:2] == (500, "GENERAL_ERROR")
    assert b"NoneType" not in answer.said
    logged_failures.append(AttributeError)

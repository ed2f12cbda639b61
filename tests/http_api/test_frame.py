"""What all requests have in common: who may ask, for what, how much; and how the API says no."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsd.http_api.connection import LINGER
from smsd.http_api.site import Limits
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


@pytest.mark.parametrize(
    "path",
    [
        "/sms/%",
        "/sms/%ff",
        "/%00",
        "/sms/1/reports%ff",
        "/sms/1/reports/",
        "//",
        "/sms//1/reports",
        "http:",
        "http://[",
        "sms/1/reports",
        "*",
    ],
)
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
    assert wire.open, "a reset would take the answer from a client that is still sending"
    stack.wait(LINGER + 1)
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
    stack.wait(LINGER + 1)
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
    stack.wait(Limits().idle + 1)
    assert not wire.open


HEAD = "[head : It is no head of an HTTP/1.1 request, which has one Host.]"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"\0" * 100 + b"\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"GET\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"\x16\x03\x01\x02\x00\x01\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"GET / HTTP/2.0\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"G(T / HTTP/1.1\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"GET /a b HTTP/1.1\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"GET / HTTP/1.1\r\nno colon\r\nHost: x\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"GET / HTTP/1.1\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n123456789", (400, "BAD_REQUEST", HEAD)),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"GET / HTTP/1.1\r\na: \0\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"GET / HTTP/1.1\r\nb@d: x\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            (400, "BAD_REQUEST", HEAD),
        ),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", (400, "BAD_REQUEST", HEAD)),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            (400, "BAD_REQUEST", HEAD),
        ),
        (
            b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n\r\n",
            (414, "URI_TOO_LONG", "A request's head has at most 16384 octets, its URL included."),
        ),
        (
            b"GET /" + b"a" * 100_000,
            (414, "URI_TOO_LONG", "A request's head has at most 16384 octets, its URL included."),
        ),
        (
            b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 101 + b"\r\n",
            (
                431,
                "REQUEST_HEADER_FIELDS_TOO_LARGE",
                "A request's head has at most 16384 octets and 100 fields.",
            ),
        ),
        (
            b"GET / HTTP/1.1\r\nx: " + b"y" * 9000 + b"\r\nx: " + b"y" * 9000 + b"\r\n\r\n",
            (
                431,
                "REQUEST_HEADER_FIELDS_TOO_LARGE",
                "A request's head has at most 16384 octets and 100 fields.",
            ),
        ),
        (
            b"GET / HTTP/1.1\r\nx: " + b"y" * 20_000,
            (
                431,
                "REQUEST_HEADER_FIELDS_TOO_LARGE",
                "A request's head has at most 16384 octets and 100 fields.",
            ),
        ),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_no_http_is_told_so_and_survived(
    stack: Stack, client: Client, sent: bytes, error: tuple[int, str, str], at_once: bool
) -> None:
    wire = client.connect()
    size = len(sent) if at_once else 1 + len(sent) // 40
    for at in range(0, len(sent), size):
        wire.transport.write(sent[at : at + size])
        stack.settle()
    answer = Answer(wire.said)
    assert answer.error == error
    assert answer.headers["connection"] == "close"
    assert answer.rest == b""
    stack.wait(LINGER + 1)
    assert not wire.open
    assert client.request("GET", "/sms/1/reports").code == 200


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    b"GET /sms/1/reports HTTP/1.1\r\n",
                    b"POST /sms/1/text/single HTTP/1.0\r\n",
                    b"OPTIONS * HTTP/1.1\r\n",
                    b"Host: smsd.example\r\n",
                    b"Content-Length: 20\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Content-Encoding: gzip\r\n",
                    b"Expect: 100-continue\r\n",
                    b"Accept: application/xml\r\n",
                    b" folded\r\n",
                    b"5\r\nabcde\r\n",
                    b"0\r\n\r\n",
                    b"\r\n",
                ]
            ),
        ),
        max_size=20,
    )
)
def test_whatever_comes_is_answered_with_http_or_waited_for(pieces: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        client = Client(stack)
        wire = client.connect()
        for piece in pieces:
            wire.transport.write(piece)
            stack.settle()
        stack.wait(Limits().idle + Limits().request)
        assert not wire.open
        assert client.site._connections == set()
        said = wire.said
        while said:
            said = said.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            answer = Answer(said)
            assert answer.code < 500
            said = answer.rest
        stack.close()


@pytest.mark.parametrize("host", ["", "a..b", "x" * 100, "\xff", "[::1", "smsd.example:70000"])
def test_a_host_of_whatever_kind_is_of_no_account(client: Client, host: str) -> None:
    sent = octets("GET", "/sms/1/reports", headers={"Host": "HOST"}).replace(b"HOST", host.encode("latin-1"))
    assert client.raw(sent).code == 200


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(stack: Stack, client: Client) -> None:
    wire = client.connect()
    sent = octets("POST", "/sms/1/text/single", TEXT, {"Expect": "100-continue"})
    wire.transport.write(sent[: -len(TEXT)])
    stack.settle()
    assert wire.said == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.transport.write(TEXT)
    stack.settle()
    assert wire.said.count(b"HTTP/1.1 200 OK\r\n") == 1


def test_a_client_that_waits_with_a_body_that_is_too_large_is_not_asked(client: Client) -> None:
    headers: dict[str, str | None] = {"Expect": "100-continue", "Content-Length": str(BODY + 1)}
    answer = client.raw(octets("POST", "/sms/1/text/single", headers=headers))
    assert (answer.code, answer.rest) == (413, b"")


def test_an_unknown_method_is_not_allowed(client: Client) -> None:
    for method in ("FROB", "TRACE", "get"):
        assert client.request(method, "/sms/1/reports").error[:2] == (405, "METHOD_NOT_ALLOWED")


def test_an_error_that_comes_before_the_api_is_in_the_format_that_is_wanted(client: Client) -> None:
    headers: dict[str, str | None] = {"Content-Length": str(BODY + 1), "Accept": "application/xml"}
    answer = client.raw(octets("POST", "/sms/1/text/single", headers=headers))
    assert answer.headers["content-type"] == "application/xml;charset=UTF-8"
    assert answer.body.startswith(b"<response><requestError>")


@pytest.mark.parametrize(
    "sent",
    [
        octets("GET", "/sms/1/reports"),
        octets("GET", "/sms/1/reports", headers={"Authorization": None}),
        octets("GET", "/nowhere"),
        octets("GET", "/%ff"),
        octets("OPTIONS", "*"),
        b"nonsense\r\n\r\n",
    ],
)
def test_all_answers_may_be_read_by_any_page_and_tell_no_version(client: Client, sent: bytes) -> None:
    answer = client.raw(sent)
    assert answer.headers["server"] == "smsd"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Authorization, Content-Encoding, Content-Type" in answer.headers["access-control-allow-headers"]
    assert {"GET", "POST", "PUT"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert answer.headers["date"].endswith(" GMT")
    for word in (b"twisted", b"python", b"klein", b"werkzeug"):
        assert word not in answer.said.lower()


def test_a_browser_that_asks_beforehand_is_told(client: Client) -> None:
    headers: dict[str, str | None] = {
        "Authorization": None,
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }
    answer = client.request("OPTIONS", "/sms/1/text/single", headers=headers)
    assert (answer.code, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-max-age"] == "86400"
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"].split(", ")
    assert "Idempotent-Replayed" in answer.headers["access-control-expose-headers"].split(", ")


def test_options_of_the_server_are_none(client: Client) -> None:
    answer = client.request("OPTIONS", "*")
    assert (answer.code, answer.body) == (200, b"")


def test_head_has_the_head_of_get(client: Client) -> None:
    answer = client.request("HEAD", "/sms/1/reports")
    assert (answer.code, answer.body, answer.headers["content-length"]) == (200, b"", "14")
    assert answer.said.endswith(b"\r\n\r\n")


def test_a_mistake_of_ours_is_logged_and_tells_the_client_nothing(
    client: Client, logged_failures: list[type[BaseException]]
) -> None:
    client.stack.core.reports = None  # type: ignore[assignment]
    answer = client.request("GET", "/sms/1/reports")
    assert answer.error[:2] == (500, "GENERAL_ERROR")
    assert b"NoneType" not in answer.said
    logged_failures.append(AttributeError)


def test_a_mistake_on_the_way_to_the_api_is_told_like_any_other(
    client: Client, logged_failures: list[type[BaseException]]
) -> None:
    client.site.resource = None
    answer = client.request("GET", "/sms/1/reports")
    assert answer.error[:2] == (500, "GENERAL_ERROR")
    logged_failures.append(AttributeError)

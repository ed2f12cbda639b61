"""gzip both ways: what is packed is served as if it were not, and never unpacked beyond its bound."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsd.http_api.compression import MEMBERS, WORTH, Damaged, TooLong, Unpacking, pack, wanted
from tests.http_api.client import BODY, Answer, Client, octets
from tests.peers import Stack

SINGLE = "/sms/1/text/single"
TEXT = b'{"to": "41793026727", "text": "Hello"}'


def post(client: Client, body: bytes, encoding: str | None = "gzip", **headers: str | None) -> Answer:
    return client.request(
        "POST", SINGLE, body, {"Content-Type": "application/json", "Content-Encoding": encoding} | headers
    )


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", " gzip "])
def test_a_packed_body_is_unpacked(stack: Stack, client: Client, encoding: str) -> None:
    assert post(client, gzip.compress(TEXT), encoding).code == 200
    assert stack.smsc.texts == [b"Hello"]


def test_a_packed_body_may_come_in_chunks_and_in_several_streams(stack: Stack, client: Client) -> None:
    packed = gzip.compress(TEXT[:10]) + gzip.compress(TEXT[10:])
    headers: dict[str, str | None] = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Content-Length": None,
        "Transfer-Encoding": "chunked",
    }
    wire = client.connect()
    wire.transport.write(octets("POST", SINGLE, headers=headers))
    for octet in packed:
        wire.transport.write(b"1\r\n%c\r\n" % octet)
        stack.settle()
    wire.transport.write(b"0\r\n\r\n")
    stack.settle()
    assert Answer(wire.said).code == 200
    assert stack.smsc.texts == [b"Hello"]


def test_identity_is_no_encoding(client: Client) -> None:
    assert post(client, TEXT, "identity").code == 200


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip, br", "nonsense"])
def test_another_encoding_is_refused_with_those_that_are_taken(
    stack: Stack, client: Client, encoding: str
) -> None:
    answer = post(client, TEXT, encoding)
    text = f"A body comes as it is or with Content-Encoding: gzip, not {encoding}."
    assert answer.error == (415, "UNSUPPORTED_MEDIA_TYPE", text)
    assert answer.headers["accept-encoding"] == "gzip, identity"
    assert stack.smsc.submits == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (TEXT, "[body : It is no gzip.]"),
        (gzip.compress(TEXT)[:-1], "[body : Its gzip is cut short.]"),
        (gzip.compress(TEXT)[:5], "[body : Its gzip is cut short.]"),
        (gzip.compress(TEXT)[:-6] + b"wrong!", "[body : It is no gzip.]"),
        (gzip.compress(TEXT) + b"trailing", "[body : It is no gzip.]"),
        (zlib.compress(TEXT), "[body : It is no gzip.]"),
        (gzip.compress(b"") * (MEMBERS + 1), f"[body : It has more than {MEMBERS} gzip streams.]"),
    ],
)
def test_a_damaged_body_is_a_bad_request_and_the_connection_stays(
    stack: Stack, client: Client, body: bytes, text: str
) -> None:
    wire = client.connect()
    headers: dict[str, str | None] = {"Content-Encoding": "gzip"}
    wire.transport.write(octets("POST", SINGLE, body, headers) + octets("GET", "/sms/1/reports"))
    stack.settle()
    first = Answer(wire.said)
    assert first.error == (400, "BAD_REQUEST", text)
    assert Answer(first.rest).code == 200
    assert stack.smsc.submits == []


def test_a_packed_body_of_no_octets_is_an_empty_body(client: Client) -> None:
    answer = post(client, b"", "gzip", **{"Content-Length": "0"})
    assert answer.error == (400, "BAD_REQUEST", "[body : Input data was truncated]")


def test_a_body_that_unpacks_to_the_most_octets_is_taken(client: Client) -> None:
    assert post(client, gzip.compress(TEXT + b" " * (BODY - len(TEXT)))).code == 200


@pytest.mark.parametrize("size", [BODY + 1, 100_000_000])
def test_a_body_that_unpacks_to_more_is_refused_before_it_has_come(
    stack: Stack, client: Client, size: int
) -> None:
    pages = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = b"".join([pages.compress(b" " * (size // 100)) for _ in range(100)]) + pages.compress(b" " * 101)
    packed += pages.flush(zlib.Z_SYNC_FLUSH)  # Its end has not come.
    wire = client.connect()
    headers: dict[str, str | None] = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Content-Length": str(BODY),
    }
    wire.transport.write(octets("POST", SINGLE, headers=headers) + packed[: BODY - 1])
    stack.settle()
    answer = Answer(wire.said)
    assert answer.error == (413, "REQUEST_ENTITY_TOO_LARGE", f"A body has at most {BODY} octets.")
    assert answer.headers["connection"] == "close"
    assert client.site._held == 0


def test_packed_octets_that_become_nothing_are_bounded_too(stack: Stack, client: Client) -> None:
    empty_blocks = gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * (BODY // 5)
    headers: dict[str, str | None] = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Content-Length": None,
        "Transfer-Encoding": "chunked",
    }
    chunk = b"%x\r\n%b\r\n" % (len(empty_blocks), empty_blocks)
    answer = client.raw(octets("POST", SINGLE, headers=headers) + chunk)
    assert answer.code == 413


def test_a_bomb_takes_no_more_memory_than_its_bound() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    unpacking = Unpacking(BODY)
    tracemalloc.start()
    with pytest.raises(TooLong):
        unpacking.unpack(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(gzip.compress),
        st.lists(st.binary(max_size=50).map(gzip.compress), max_size=4).map(b"".join),
        st.tuples(st.binary(max_size=100).map(gzip.compress), st.integers(0, 120), st.binary(max_size=9)).map(
            lambda made: made[0][: made[1]] + made[2] + made[0][made[1] + len(made[2]) :]
        ),
        st.integers(0, 100_000).map(lambda size: gzip.compress(bytes(size))),
    ),
    st.integers(0, 400),
    st.integers(1, 50),
)
def test_arbitrary_octets_unpack_within_their_bound_or_not_at_all(
    body: bytes, most: int, length: int
) -> None:
    unpacking = Unpacking(most)
    found = b""
    with suppress(Damaged, TooLong):
        for start in range(0, len(body), length):
            found += unpacking.unpack(body[start : start + length])
            assert len(found) <= most
        unpacking.end()
        assert body == b"" or found == gzip.decompress(body)


@settings(deadline=None)
@given(st.binary(max_size=3000), st.integers(1, 500))
def test_what_is_packed_is_unpacked_whatever_the_pieces(body: bytes, length: int) -> None:
    packed = pack(body)
    unpacking = Unpacking(len(body))
    pieces = [unpacking.unpack(packed[at : at + length]) for at in range(0, len(packed), length)]
    unpacking.end()
    assert b"".join(pieces) == body == gzip.decompress(packed)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("deflate, gzip, br", True),
        ("gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", True),  # x-gzip is the same, and is not excepted.
        ("identity", False),
        ("identity, gzip;q=0.5", False),
        ("identity;q=0.5, gzip", True),
        ("gzip;q=nonsense", False),
        (",,;;,=", False),
    ],
)
def test_which_clients_want_gzip(header: str | None, expected: bool) -> None:
    assert wanted(header) is expected


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_accept_encoding_is_survived(header: str) -> None:
    wanted(header)


def many(client: Client, accept_encoding: str | None, destinations: int = 20) -> Answer:
    body = {"to": [f"4179302{number:04}" for number in range(destinations)], "text": "x"}
    headers: dict[str, str | None] = {
        "Accept-Encoding": accept_encoding,
        "Content-Type": "application/json",
    }
    return client.request("POST", SINGLE, json.dumps(body).encode(), headers)


def test_a_long_answer_is_packed_for_those_who_want_it(client: Client) -> None:
    packed, plain = many(client, "gzip, deflate, br"), many(client, None)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.rest == b""
    assert len(packed.body) < len(plain.body) / 4
    assert len(gzip.decompress(packed.body)) == len(plain.body)
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept, Accept-Encoding"


def test_a_short_answer_is_not_packed(client: Client) -> None:
    answer = many(client, "gzip", 1)
    assert len(answer.body) < WORTH
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept, Accept-Encoding"

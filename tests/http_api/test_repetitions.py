"""A request that is repeated with its key is served once, whatever became of the first answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.http_api.answers import SentMessage
from smsd.http_api.formats import JSON
from smsd.http_api.repetitions import kept, sent, sent_messages
from smsd.http_api.translation import STATUS_ANSWERS
from smsd.services.backlog import RECOUNT
from smsd.store.engine import StoreUnavailable
from tests.http_api.client import Answer, Client, Wire, basic, octets
from tests.peers import NOW, Stack, result

TO = ("41793026727", "385911234567")
SINGLE = "/sms/1/text/single"
BODY = {"from": "InfoSMS", "to": [*TO, "nobody", ""], "text": "Hi"}


def headers(key: str = "one", **more: str) -> dict[str, str | None]:
    return {"Idempotency-Key": key, **more}


def send(client: Client, key: str = "one", path: str = SINGLE, body: Any = None, **more: str) -> Answer:
    return client.request("POST", path, body or BODY, headers(key, **more))


def begin(client: Client, key: str = "one", body: Any = None) -> Wire:
    """Send a request and wait for nothing."""
    wire = client.connect()
    wire.transport.write(octets("POST", SINGLE, json.dumps(body or BODY).encode(), headers(key)))
    client.stack.settle()
    return wire


def test_a_request_that_is_repeated_gets_the_first_answer_and_sends_nothing(
    stack: Stack, client: Client
) -> None:
    first, second = send(client), send(client)
    assert (first.code, second.code) == (200, 200)
    assert first.json == second.json
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len(stack.smsc.submits) == 2
    assert stack.rows("SELECT count(*) FROM message") == [(2,)]


def test_without_a_key_a_request_is_a_new_one(stack: Stack, client: Client) -> None:
    for _ in range(2):
        client.request("POST", SINGLE, BODY)
    assert len(stack.smsc.submits) == 4


def test_another_key_and_another_account_make_another_request(stack: Stack, client: Client) -> None:
    stack.add_account("other")
    stack.wait(1)
    send(client)
    send(client, "two")
    send(client, Authorization=basic("other", "secret"))
    assert len(stack.smsc.submits) == 6


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SINGLE, BODY | {"text": "Ho"}),
        (SINGLE, json.dumps(BODY, indent=1).encode()),
        ("/sms/1/text/multi", {"messages": [BODY]}),
        (SINGLE + "?x=1", BODY),
    ],
)
def test_a_key_is_good_for_one_request(stack: Stack, client: Client, path: str, body: Any) -> None:
    send(client)
    answer = send(client, path=path, body=body)
    assert answer.error == (
        422,
        "UNPROCESSABLE_CONTENT",
        "[Idempotency-Key : It was used for another request.]",
    )
    assert len(stack.smsc.submits) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("text/single", {"to": TO[0], "text": "Hi"}),
        ("text/multi", {"messages": [{"to": TO[0], "text": "Hi"}]}),
        ("text/advanced", {"messages": [{"destinations": [{"to": TO[0]}], "text": "Hi"}]}),
        ("binary/single", {"to": TO[0], "binary": {"hex": "4869"}}),
        ("binary/multi", {"messages": [{"to": TO[0], "binary": {"hex": "4869"}}]}),
        ("binary/advanced", {"messages": [{"destinations": [{"to": TO[0]}], "binary": {"hex": "4869"}}]}),
    ],
)
def test_every_request_that_sends_may_be_repeated(
    stack: Stack, client: Client, path: str, body: dict[str, Any]
) -> None:
    answers = [send(client, path=f"/sms/1/{path}", body=body) for _ in range(3)]
    assert answers[0].json == answers[1].json == answers[2].json
    assert answers[0].json["messages"][0]["status"]["name"] == "MESSAGE_ACCEPTED"
    assert len(stack.smsc.submits) == 1


def test_so_may_a_query_whoever_says_so_where(stack: Stack, client: Client) -> None:
    path = f"/sms/1/text/query?from=InfoSMS&to={TO[0]}&text=Hi"
    first = client.request("GET", path, headers=headers())
    second = client.request(
        "GET", f"{path}&username=acme&password=secret", headers=headers() | {"Authorization": None}
    )
    assert first.json == second.json
    assert len(stack.smsc.submits) == 1
    assert client.request("HEAD", path, headers=headers()).code == 200
    assert client.request("GET", path.replace("Hi", "Ho"), headers=headers()).code == 422


def test_a_put_repeats_a_post_and_an_answer_has_the_format_that_is_asked_for(
    stack: Stack, client: Client
) -> None:
    send(client)
    answer = client.request("PUT", SINGLE, BODY, headers(Accept="application/xml"))
    assert answer.headers["idempotent-replayed"] == "true"
    assert answer.body.startswith(b"<SMSResponse><bulkId>")
    assert len(stack.smsc.submits) == 2


def test_an_answer_with_nothing_but_refusals_is_kept_too(stack: Stack, client: Client) -> None:
    body = {"to": "nobody", "text": "Hi"}
    assert send(client, body=body).json == send(client, body=body).json
    assert send(client).code == 422


@pytest.mark.parametrize("key", ["", "x" * 101, "\x01", "\xe9", '""'])
def test_what_is_no_key_is_refused(stack: Stack, client: Client, key: str) -> None:
    code, word, text = send(client, key).error
    assert (code, word) == (400, "BAD_REQUEST")
    assert text == "[Idempotency-Key : Expected 1 to 100 printable ASCII characters.]"
    assert stack.smsc.submits == []


@pytest.mark.parametrize("spelling", ['"a \\"key\\""', 'a "key"', ' a "key" '])
def test_a_key_may_stand_in_quotes(stack: Stack, client: Client, spelling: str) -> None:
    send(client, 'a "key"')
    assert send(client, spelling).headers["idempotent-replayed"] == "true"


def test_the_longest_key(client: Client) -> None:
    assert send(client, "~" * 100).code == 200


def test_a_repetition_waits_while_the_first_is_under_way(stack: Stack, client: Client) -> None:
    stack.writer.hold()
    first, second = begin(client), begin(client)
    assert (first.said, second.said) == (b"", b"")
    stack.writer.let_go()
    stack.settle()
    assert Answer(first.said).json == Answer(second.said).json
    assert "idempotent-replayed" in Answer(second.said).headers
    assert len(stack.smsc.submits) == 2


def test_a_client_that_hangs_up_before_the_answer_gets_it_when_it_repeats(
    stack: Stack, client: Client
) -> None:
    stack.writer.hold()
    begin(client).transport.loseConnection()
    stack.settle()
    second = begin(client)
    stack.settle()
    assert second.said == b""
    stack.writer.let_go()
    stack.settle()
    assert "idempotent-replayed" in Answer(second.said).headers
    assert len(stack.smsc.submits) == 2


def test_one_that_hangs_up_while_it_waits_keeps_nobody_waiting(stack: Stack, client: Client) -> None:
    stack.writer.hold()
    first = begin(client)
    begin(client).transport.loseConnection()
    third = begin(client)
    stack.writer.let_go()
    stack.settle()
    assert Answer(first.said).json == Answer(third.said).json


def test_one_that_hangs_up_before_anything_is_stored_leaves_the_key_free(
    stack: Stack, client: Client
) -> None:
    stack.reader.hold()
    begin(client).transport.loseConnection()
    stack.settle()
    stack.reader.let_go()
    stack.settle()
    assert stack.smsc.submits == []
    assert "idempotent-replayed" not in send(client).headers
    assert len(stack.smsc.submits) == 2


def test_a_request_that_was_not_stored_is_a_new_one(stack: Stack, client: Client) -> None:
    stack.writer.failing = StoreUnavailable("It is told to be away.")
    assert send(client).code == 503
    assert send(client).code == 503
    stack.writer.failing = None
    stack.wait(6)
    answer = send(client)
    assert (answer.code, answer.headers.get("idempotent-replayed")) == (200, None)
    assert len(stack.smsc.submits) == 2


def test_a_request_that_is_refused_altogether_may_be_repeated(stack: Stack, client: Client) -> None:
    result(stack.administration.change_account("acme", throughput=1))
    stack.wait(1)
    assert send(client, "zero").code == 200
    assert send(client).code == 429
    stack.wait(10 + RECOUNT)
    answer = send(client)
    assert (answer.code, answer.headers.get("idempotent-replayed")) == (200, None)


def test_a_repetition_counts_for_no_rate(stack: Stack, client: Client) -> None:
    result(stack.administration.change_account("acme", throughput=1))
    stack.wait(1)
    assert [send(client).code for _ in range(5)] == [200] * 5


def test_the_ids_of_the_client_s_own_are_in_the_answer_that_is_given_again(client: Client) -> None:
    message = {"destinations": [{"to": TO[0], "messageId": "mine"}, {"to": TO[1]}], "text": "Hi"}
    body = {"messages": [message]}
    answers = [send(client, path="/sms/1/text/advanced", body=body).json for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["messages"][0]["messageId"] == "mine"


def test_keys_are_forgotten_after_a_time(stack: Stack, client: Client) -> None:
    rows = stack.core.repetition_rows
    send(client)
    assert result(rows.remove_before(NOW, 10)) == 0
    assert result(rows.remove_before(NOW + 1, 10)) == 1
    send(client)
    assert len(stack.smsc.submits) == 4


STRANGE = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.none() | STRANGE.filter(bool),
    st.lists(
        st.tuples(STRANGE, st.sampled_from([*STATUS_ANSWERS]), st.none() | st.integers(1, 255), STRANGE)
    ),
)
def test_an_answer_comes_back_as_it_was(bulk_id: str | None, messages: list[Any]) -> None:
    given = [
        SentMessage(to, STATUS_ANSWERS[status])
        if count is None
        else SentMessage(to, STATUS_ANSWERS[status], count, message_id or "x")
        for to, status, count, message_id in messages
    ]
    text = kept(bulk_id, given)
    for read in (sent, sent_messages):
        found = read(text)
        assert found.messages == given
        assert JSON.write(found) == JSON.write(type(found)(bulk_id or found.bulkId, given))

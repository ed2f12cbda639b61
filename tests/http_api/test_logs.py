"""The logs over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from twisted.internet.defer import CancelledError, Deferred

from smsd.services.logs import WAITING
from smsd.smpp.pdu import DeliverSm
from smsd.store.logs import LATEST, Search
from tests.http_api.client import Client, basic
from tests.peers import Stack, result

DELIVERED, ENROUTE, WAITING_DELIVERY = "DELIVERED_TO_HANDSET", "PENDING_ENROUTE", "PENDING_WAITING_DELIVERY"


def logs(client: Client, **query: Any) -> list[Any]:
    """Return a page of the log."""
    given = {name.rstrip("_"): value for name, value in query.items()}
    answer = client.request("GET", f"/sms/1/logs?{urlencode(given, doseq=True)}")
    assert answer.code == 200, answer.body
    assert list(answer.json) == ["results"]
    return list(answer.json["results"])


def texts(client: Client, **query: Any) -> list[str]:
    return [one["text"] for one in logs(client, **query)]


def sent(client: Client, **fields: Any) -> str:
    """Send a text and return its id."""
    given = {"from_": "Acme", "to": "41793026727", "text": "x"} | fields
    return str(client.send(**given).json["messages"][0]["messageId"])


def test_there_is_nothing_in_the_log(client: Client) -> None:
    assert client.request("GET", "/sms/1/logs").body == b'{"results":[]}'


def test_a_message_is_in_the_log_any_number_of_times(stack: Stack, client: Client) -> None:
    result(stack.administration.add_network("4179", "22801"))
    stack.wait(1)
    (message_id,) = (sent(client, text="Grüezi"),)
    stack.wait(2)
    stack.smsc.receipt()
    assert len(client.reports()) == 1
    for _ in range(2):
        (found,) = logs(client)
        assert found == {
            "messageId": message_id,
            "to": "41793026727",
            "from": "Acme",
            "text": "Grüezi",
            "sentAt": "2026-01-02T03:04:06.250+0000",
            "doneAt": "2026-01-02T03:04:08.250+0000",
            "smsCount": 1,
            "mccmnc": "22801",
            "price": {"pricePerMessage": 0.01, "currency": "EUR"},
            "status": {
                "groupId": 3,
                "groupName": "DELIVERED",
                "id": 5,
                "name": "DELIVERED_TO_HANDSET",
                "description": "Message delivered to handset",
            },
            "error": {
                "groupId": 0,
                "groupName": "OK",
                "id": 0,
                "name": "NO_ERROR",
                "description": "No Error",
                "permanent": False,
            },
        }
        assert list(found)[:5] == ["messageId", "to", "from", "text", "sentAt"]


def test_the_status_follows_the_message(stack: Stack, client: Client) -> None:
    def status() -> tuple[str, str, str]:
        (found,) = logs(client)
        assert found["doneAt"] >= found["sentAt"]
        return found["status"]["groupName"], found["status"]["name"], found["error"]["name"]

    stack.smsc.submit_status = None
    sent(client)
    assert status() == ("PENDING", ENROUTE, "NO_ERROR")
    (pdu,) = stack.smsc.submits
    stack.smsc.answer(stack.smsc.link, pdu, 0x58)  # ESME_RTHROTTLED: it comes again by itself.
    stack.wait(3)
    stack.smsc.answer(stack.smsc.link, stack.smsc.submits[-1])
    stack.settle()
    assert status() == ("PENDING", WAITING_DELIVERY, "NO_ERROR")
    assert logs(client)[0]["doneAt"] == logs(client)[0]["sentAt"]
    stack.smsc.receipt(1, b"UNDELIV", b"001")
    assert status() == ("UNDELIVERABLE", "UNDELIVERABLE_NOT_DELIVERED", "EC_UNKNOWN_SUBSCRIBER")


def test_one_that_is_tried_again_later_is_on_its_way(stack: Stack, client: Client) -> None:
    stack.smsc.submit_status = 0x64  # ESME_RX_T_APPN
    sent(client)
    stack.settle()
    ((state, attempts),) = stack.rows("SELECT state, attempts FROM message")
    assert (state, attempts) == (1, 1)
    assert logs(client)[0]["status"]["name"] == ENROUTE


def test_a_refused_message_is_in_the_log_with_what_the_client_gave(client: Client) -> None:
    client.send(from_="x", to="41793026727", text="bad sender")
    (found,) = logs(client, generalStatus="rejected")
    assert (found["from"], found["status"]["name"]) == ("x", "REJECTED_SOURCE")
    assert found["doneAt"] == found["sentAt"]


def test_messages_over_smpp_are_there_too_and_binary_is_shown_in_digits(stack: Stack, client: Client) -> None:
    stack.esme().submit(short_message=b"by SMPP")
    body = {"to": "41793026727", "binary": {"hex": "00ff41", "dataCoding": 4}}
    assert client.request("POST", "/sms/1/binary/single", body).code == 200
    client.send(to="41793026727", text="Čšž" * 50)
    assert texts(client) == ["Čšž" * 50, "00FF41", "by SMPP"]


def test_filters_combine(stack: Stack, client: Client) -> None:
    result(stack.administration.add_network("4179", "22801"))
    result(stack.administration.add_network("38591", "21910"))
    stack.wait(1)
    first = client.send(from_="Acme", to=["41793026727", "385911234567"], text="bulk").json
    sent(client, from_="447700900123", text="by number")
    sent(client, text="other")
    stack.smsc.receipt(1)
    ids = [one["messageId"] for one in first["messages"]]
    assert texts(client) == ["other", "by number", "bulk", "bulk"]
    assert texts(client, limit=1) == ["other"]
    assert texts(client, from_="+447700900123") == ["by number"]
    assert texts(client, to="+385911234567") == ["bulk"]
    assert texts(client, to="00385911234567", from_="Other") == []
    assert texts(client, generalStatus="DELIVERED") == ["bulk"]
    assert texts(client, generalStatus="PENDING") == ["other", "by number", "bulk"]
    assert texts(client, generalStatus="ACCEPTED") == []
    assert texts(client, mcc="219") == ["bulk"]
    assert texts(client, mcc="228", mnc="01", from_="Acme") == ["other", "bulk"]
    assert texts(client, mnc="10") == ["bulk"]
    assert texts(client, mcc="219", mnc="01") == []
    assert [one["messageId"] for one in logs(client, bulkId=first["bulkId"])] == ids[::-1]
    assert [one["messageId"] for one in logs(client, bulkId=[first["bulkId"], "x"], mcc="228")] == ids[:1]
    assert [one["messageId"] for one in logs(client, messageId=f"{ids[0]},17")] == ids[:1]
    assert [one["messageId"] for one in logs(client, **{"messageId[]": ids})] == ids[::-1]
    assert [one["messageId"] for one in logs(client, **{"bulkId[]": first["bulkId"]})] == ids[::-1]


def test_the_time_that_is_shown_is_the_time_that_is_asked_for(stack: Stack, client: Client) -> None:
    for number in range(4):
        sent(client, text=f"{number}")
        stack.wait(0.0017)
    moments = [one["sentAt"] for one in logs(client)]
    assert len(set(moments)) == 4
    for position, moment in enumerate(moments):
        assert texts(client, sentSince=moment, sentUntil=moment) == [f"{3 - position}"]
        assert len(logs(client, sentSince=moment)) == position + 1
        assert len(logs(client, sentUntil=moment)) == 4 - position


def test_a_scheduled_message_belongs_to_its_time(stack: Stack, client: Client) -> None:
    body = {
        "bulkId": "later",
        "messages": [
            {"destinations": [{"to": "41793026727"}], "text": "later", "sendAt": "2026-01-03T00:00:00.000Z"}
        ],
    }
    answer = client.request("POST", "/sms/1/text/advanced", body).json
    sent(client, text="now")
    assert texts(client) == ["now"]
    (found,) = logs(client, bulkId="later")
    assert found["status"]["name"] == "PENDING_ACCEPTED"
    assert found["sentAt"] == found["doneAt"] == "2026-01-03T00:00:00.000+0000"
    assert texts(client, messageId=answer["messages"][0]["messageId"]) == ["later"]
    assert texts(client, sentUntil="2026-01-04T00:00:00.000+0000") == ["later", "now"]
    assert texts(client, bulkId="later", sentUntil="2026-01-02T12:00:00.000+0000") == []
    stack.wait(22 * 3600, step=10)
    assert texts(client) == ["later", "now"]


def test_the_log_goes_back_two_days(stack: Stack, client: Client) -> None:
    sent(client, text="old")
    stack.network.advance(47 * 3600)
    sent(client, text="new")
    assert texts(client, sentSince="2020-01-01T00:00:00Z") == ["new", "old"]
    stack.network.advance(3601)
    assert texts(client, sentSince="2020-01-01T00:00:00Z") == ["new"]


def test_ids_and_callback_data_of_the_client_s_own(client: Client) -> None:
    message = {
        "destinations": [{"to": "41793026727", "messageId": "order-17"}],
        "text": "x",
        "callbackData": "campaign",
    }
    client.request("POST", "/sms/1/text/advanced", {"bulkId": "spring", "messages": [message]})
    (found,) = logs(client, messageId="order-17")
    assert (found["messageId"], found["bulkId"], found["callbackData"]) == ("order-17", "spring", "campaign")


def test_an_account_sees_its_own_messages_only(stack: Stack, client: Client) -> None:
    stack.add_account("other")
    stack.wait(1)
    message_id = sent(client)
    other: dict[str, str | None] = {"Authorization": basic("other", "secret")}
    for query in ("", f"messageId={message_id}", "to=41793026727"):
        answer = client.request("GET", f"/sms/1/logs?{query}", headers=other)
        assert answer.json == {"results": []}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "generalStatus=LOST",
            "[generalStatus : Expected one of ACCEPTED, PENDING, DELIVERED,"
            " UNDELIVERABLE, REJECTED, EXPIRED.]",
        ),
        ("sentSince=yesterday", "[sentSince : Expected a date such as 2015-02-12T09:51:43.123+0100]"),
        ("sentUntil=2015", "[sentUntil : Expected a date such as 2015-02-12T09:51:43.123+0100]"),
        ("limit=0", "[limit : Expected a number, at least 1.]"),
        ("mcc=21", "[mcc : Expected three digits.]"),
        ("mcc=219&mnc=x1", "[mnc : Expected two or three digits.]"),
    ],
)
def test_what_is_not_understood_is_a_bad_request(client: Client, query: str, text: str) -> None:
    assert client.request("GET", f"/sms/1/logs?{query}").error == (400, "BAD_REQUEST", text)


def test_the_log_in_xml(client: Client) -> None:
    sent(client, text="<&>")
    answer = client.request("GET", "/sms/1/logs", headers={"Accept": "application/xml"})
    root = ElementTree.fromstring(answer.body)
    assert (root.tag, root.findtext("results/result/text")) == ("SMSLogsResponse", "<&>")
    assert root.findtext("results/result/price/pricePerMessage") == "0.01"


def test_too_many_requests_at_once_are_told_to_come_again(stack: Stack, client: Client) -> None:
    stack.reader.hold()
    search = Search(1, 0, LATEST, 1)
    waiting = [Deferred.fromCoroutine(stack.core.logs.messages(search)) for _ in range(WAITING + 1)]
    answer = client.request("GET", "/sms/1/logs")
    assert answer.error[:2] == (503, "SERVICE_UNAVAILABLE")
    for one in waiting[1:]:
        one.addErrback(lambda failure: failure.trap(CancelledError))
        one.cancel()  # Their clients have gone.
    stack.reader.let_go()
    assert result(waiting[0]) == []
    assert logs(client) == []


NUMBER = "385911234"


@pytest.fixture
def owner(stack: Stack, client: Client) -> Client:
    """The client of an account with a number: its texts wait in the inbox, but those to a keyword."""
    result(stack.administration.add_number(NUMBER, "acme"))
    result(stack.administration.add_number(NUMBER, "acme", "stop", "smpp"))
    stack.wait(1)
    return client


def arrives(client: Client, text: bytes, esm_class: int = 0, to: str = NUMBER) -> None:
    pdu = DeliverSm(
        source_addr=b"41793026727", destination_addr=to.encode(), esm_class=esm_class, short_message=text
    )
    client.stack.smsc.link.send(pdu)
    client.stack.settle()


def inbox(client: Client, **query: Any) -> list[Any]:
    answer = client.request("GET", f"/sms/1/inbox/logs?{urlencode(query)}")
    assert answer.code == 200, answer.body
    return list(answer.json["results"])


def test_received_messages_are_in_their_log_however_they_were_delivered(stack: Stack, owner: Client) -> None:
    arrives(owner, b"hello there")
    stack.wait(1)
    arrives(owner, b"STOP it")
    assert len(owner.request("GET", "/sms/1/inbox/reports").json["results"]) == 1
    assert len(stack.esme().receipts) == 1
    for _ in range(2):
        newest, oldest = inbox(owner)
        assert newest.pop("messageId").isdigit()
        assert newest == {
            "from": "41793026727",
            "to": NUMBER,
            "text": "STOP it",
            "cleanText": "it",
            "keyword": "STOP",
            "receivedAt": "2026-01-02T03:04:07.250+0000",
            "smsCount": 1,
        }
        assert "keyword" not in oldest
        assert (oldest["text"], oldest["cleanText"]) == ("hello there", "hello there")


def test_filters_of_received_messages(stack: Stack, owner: Client) -> None:
    result(stack.administration.add_number("1337", "acme"))
    stack.wait(1)
    for text, to in ((b"one", NUMBER), (b"stop", NUMBER), (b"three", "1337")):
        arrives(owner, text, to=to)
        stack.wait(0.0017)

    def found(**query: Any) -> list[str]:
        return [one["text"] for one in inbox(owner, **query)]

    assert found() == ["three", "stop", "one"]
    assert found(limit=2) == ["three", "stop"]
    assert found(to="+1337") == ["three"]
    assert found(keyword="Stop") == ["stop"]
    assert found(keyword="NO_KEYWORD") == ["three", "one"]
    assert found(keyword="NO_KEYWORD", to=NUMBER) == ["one"]
    for position, one in enumerate(inbox(owner)):
        at = one["receivedAt"]
        assert found(receivedSince=at, receivedUntil=at) == [one["text"]]
        assert len(found(receivedSince=at)) == position + 1
    stack.network.advance(48 * 3600)
    assert found() == []


def test_a_long_message_is_one_in_the_inbox_and_its_segments_by_smpp(owner: Client) -> None:
    for keyword in (b"", b"STOP "):
        for number, text in ((2, b" later"), (1, keyword + b"sooner and")):
            arrives(owner, bytes((5, 0, 3, 9 + len(keyword), 2, number)) + text, esm_class=0x40)
    found = [(one["text"], one["cleanText"], one["smsCount"]) for one in inbox(owner)]
    assert sorted(found) == [
        (" later", " later", 1),
        ("STOP sooner and", "STOP sooner and", 1),
        ("sooner and later", "sooner and later", 2),
    ]


def test_the_log_of_received_messages_in_xml(owner: Client) -> None:
    arrives(owner, b"hello")
    answer = owner.request("GET", "/sms/1/inbox/logs", headers={"Accept": "application/xml"})
    root = ElementTree.fromstring(answer.body)
    assert (root.tag, root.findtext("results/result/text")) == ("MOLogsResponse", "hello")
    assert root.find("results/result/keyword") is None

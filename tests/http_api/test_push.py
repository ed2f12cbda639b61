"""Reports that are pushed to the client's URL, and what such a URL may be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError, DNSLookupError
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived

from smsd.http_api.push_client import ANSWER
from smsd.http_api.push_failures import not_pushed
from smsd.services.push_requests import Pace, Reach
from smsd.services.pushing import FAREWELL
from smsd.smpp.pdu import DeliverSm, SubmitSm
from smsd.smpp.status import ESME_ROK, ESME_RTHROTTLED, ESME_RX_T_APPN
from smsd.web_client.addresses import Forbidden
from tests.http_api.client import Client
from tests.http_api.receiver import WEB, Receiver, Script
from tests.peers import PORT, Stack, result

TO = "41793026727"
URL = f"http://127.0.0.1:{WEB}/reports"


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack)


@pytest.fixture
def stack_public(tmp_path: Path) -> Iterator[Stack]:
    """smsd as it is by default: it pushes only to the internet at large."""
    stack = Stack(tmp_path, private=False)
    yield stack
    stack.close()


@pytest.fixture
def web(stack: Stack) -> Receiver:
    return Receiver(stack.network)


def send(client: Client, url: str, to: list[str] | None = None, **message: Any) -> Any:
    """Send a message whose reports go to a URL, and return what became of its destinations."""
    destinations = [{"to": one} for one in to or [TO]]
    given = {"from": "InfoSMS", "text": "Hello", "destinations": destinations, "notifyUrl": url}
    given |= {name.rstrip("_"): value for name, value in message.items()}
    answer = client.request("POST", "/sms/1/text/advanced", {"messages": [given]})
    assert answer.code == 200, answer.said
    return answer.json["messages"]


def pushed(client: Client, web: Receiver | Script, url: str = URL, **message: Any) -> Any:
    """Send a message and let it be delivered; return what was made of it."""
    (sent,) = send(client, url, **message)
    client.stack.smsc.receipt(len(client.stack.smsc.submits))
    return sent


def test_a_report_is_pushed_just_as_it_would_be_fetched(stack: Stack, client: Client, web: Receiver) -> None:
    sent = pushed(client, web, callbackData="mine")
    (got,) = web.got
    assert (got.method, got.target) == ("POST", "/reports")
    assert got.headers["content-type"] == "application/json;charset=UTF-8"
    assert got.headers["user-agent"] == "smsd"
    (report,) = got.results
    client.send(to=TO, text="Hello", from_="InfoSMS")
    stack.smsc.receipt(2)
    (fetched,) = client.reports()
    assert report["messageId"] == sent["messageId"]
    assert report.pop("callbackData") == "mine"
    assert report.pop("bulkId").isdigit()
    assert report["status"]["name"] == "DELIVERED_TO_HANDSET"
    assert report | {"messageId": fetched["messageId"]} == fetched


def test_a_report_that_was_pushed_is_not_pushed_or_fetched_again(
    stack: Stack, client: Client, web: Receiver
) -> None:
    pushed(client, web)
    assert client.reports() == []
    stack.wait(200)
    assert len(web.got) == 1


def test_a_report_in_xml(client: Client, web: Receiver) -> None:
    sent = pushed(client, web, notifyContentType="application/xml", callbackData="<&>")
    (got,) = web.got
    assert got.headers["content-type"] == "application/xml;charset=UTF-8"
    assert got.body.startswith(b"<reportResponse><results><result><bulkId>")
    result = ElementTree.fromstring(got.body).find("results/result")
    assert result is not None
    assert result.findtext("messageId") == sent["messageId"]
    assert result.findtext("callbackData") == "<&>"
    assert result.findtext("status/id") == "5"
    assert result.findtext("price/pricePerMessage") == "0.01"


def test_reports_that_come_together_share_a_request(stack: Stack, client: Client, web: Receiver) -> None:
    sent = send(client, web.url(), [f"4179302{number:04}" for number in range(150)])
    for number in range(1, 151):
        link = stack.smsc.link
        text = b"id:op-%d stat:DELIVRD err:000" % number
        link.send(link_receipt(text))
    stack.settle()
    assert sorted(len(got.results) for got in web.got) == [50, 100]
    ids = [report["messageId"] for got in web.got for report in got.results]
    assert sorted(ids) == sorted(one["messageId"] for one in sent)


def link_receipt(text: bytes) -> DeliverSm:
    return DeliverSm(esm_class=4, short_message=text)


def test_messages_of_other_urls_do_not_share_a_request(stack: Stack, client: Client, web: Receiver) -> None:
    for path in ("/a", "/b", "/a?x=1"):
        send(client, web.url(path))
    for number in (1, 2, 3):
        stack.smsc.link.send(link_receipt(b"id:op-%d stat:DELIVRD err:000" % number))
    stack.settle()
    assert sorted(got.target for got in web.got) == ["/a", "/a?x=1", "/b"]


def test_a_refused_message_is_reported_too(client: Client, web: Receiver) -> None:
    (sent,) = send(client, web.url(), from_="far too long a sender")
    assert sent["status"]["name"] == "REJECTED_SOURCE"
    (report,) = web.got[0].results
    assert (report["messageId"], report["status"]["name"]) == (sent["messageId"], "REJECTED_SOURCE")


def test_an_invalid_destination_has_no_report(stack: Stack, client: Client, web: Receiver) -> None:
    send(client, web.url(), ["abc", ""])
    stack.wait(2)
    assert web.got == []


def test_each_error_that_may_pass_is_pushed_if_it_is_asked_for(
    stack: Stack, client: Client, web: Receiver
) -> None:
    answers = iter([ESME_RTHROTTLED, ESME_RX_T_APPN, ESME_ROK])

    def status(pdu: SubmitSm) -> int:
        return next(answers)

    stack.smsc.submit_status = status
    (sent,) = send(client, web.url(), intermediateReport=True)
    stack.wait(200)
    stack.smsc.receipt()
    stack.settle()
    reports = [report for got in web.got for report in got.results]
    assert [report["status"]["id"] for report in reports][-1] == 5
    waiting = reports[:-1]
    assert waiting
    assert {report["messageId"] for report in reports} == {sent["messageId"]}
    for report in waiting:
        assert report["status"]["name"] == "PENDING_WAITING_DELIVERY"
        assert report["status"]["groupId"] == 1
        assert report["error"]["permanent"] is False
        assert report["error"]["id"] != 0


def test_no_error_that_may_pass_is_pushed_unless_it_is_asked_for(
    stack: Stack, client: Client, web: Receiver
) -> None:
    answers = iter([ESME_RX_T_APPN, ESME_ROK])
    stack.smsc.submit_status = lambda pdu: next(answers)
    send(client, web.url())
    stack.wait(200)
    stack.smsc.receipt()
    (report,) = (report for got in web.got for report in got.results)
    assert report["status"]["id"] == 5


@pytest.mark.parametrize("status", [199 + 1, 201, 202, 204, 299])
def test_every_success_counts(stack: Stack, client: Client, web: Receiver, status: int) -> None:
    web.answers["/reports"] = status
    pushed(client, web)
    stack.wait(100)
    assert len(web.got) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 304, 400, 401, 404, 410, 429, 500, 503])
def test_every_other_answer_is_a_failure(stack: Stack, client: Client, web: Receiver, status: int) -> None:
    web.answers["/reports"] = status
    web.locations["/reports"] = "/elsewhere"
    pushed(client, web)
    assert len(web.got) == 1
    web.answers.clear()
    stack.wait(62)
    assert [got.path for got in web.got] == ["/reports", "/reports"]
    assert web.got[0].results == web.got[1].results
    stack.wait(200)
    assert len(web.got) == 2


def test_the_retries_of_a_day_and_a_half(stack: Stack, client: Client, web: Receiver) -> None:
    web.answers["/reports"] = 500
    pushed(client, web)
    while len(web.got) < 21:
        stack.network.wait(60, step=12)
        assert stack.network.seconds() < web.got[0].at + 42 * 3600
    gaps = [round((later.at - earlier.at) / 60) for earlier, later in zip(web.got, web.got[1:], strict=False)]
    assert gaps == [1 + number * number for number in range(20)]
    assert abs(web.got[-1].at - web.got[0].at - 2490 * 60) < 20 * 12
    assert sum(gaps) == 41 * 60 + 30
    stack.network.wait(500 * 60, step=60)
    assert len(web.got) == 21
    assert client.reports() == []


def test_a_report_that_waits_to_be_pushed_again_may_be_fetched_instead(
    stack: Stack, client: Client, web: Receiver
) -> None:
    web.answers["/reports"] = 500
    sent = pushed(client, web)
    (report,) = client.reports()
    assert report["messageId"] == sent["messageId"]
    web.answers.clear()
    stack.wait(200)
    assert len(web.got) == 1


def test_a_report_that_is_being_pushed_can_not_be_fetched(
    stack: Stack, client: Client, web: Receiver
) -> None:
    web.answers["/reports"] = None
    pushed(client, web)
    assert len(web.got) == 1
    assert client.reports() == []
    stack.wait(21)
    assert len(client.reports()) == 1


def test_no_answer_in_time_is_a_failure(stack: Stack, client: Client, web: Receiver) -> None:
    web.answers["/reports"] = None
    pushed(client, web)
    stack.wait(19)
    web.answers.clear()
    assert len(web.got) == 1
    stack.wait(63)
    assert len(web.got) == 2


def test_a_host_that_is_not_there(stack: Stack, client: Client) -> None:
    web = Receiver(stack.network)
    del stack.network.ports[WEB]
    pushed(client, web)
    assert [port for port, _ in stack.network.attempts if port == WEB] == [WEB]
    web = Receiver(stack.network)
    stack.wait(62)
    assert len(web.got) == 1


def test_a_slow_url_delays_no_other(stack: Stack, client: Client, web: Receiver) -> None:
    web.answers["/slow"] = None
    for _ in range(5):
        pushed(client, web, web.url("/slow"))
    for number in range(5):
        pushed(client, web, web.url(f"/fast{number}"))
        assert len(web.of(f"/fast{number}")) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirection_that_repeats_the_request_is_followed(
    stack: Stack, client: Client, web: Receiver, status: int
) -> None:
    web.answers["/reports"] = status
    web.locations["/reports"] = "/elsewhere?x=1"
    pushed(client, web)
    first, second = web.got
    assert (second.method, second.target, second.body) == ("POST", "/elsewhere?x=1", first.body)
    stack.wait(100)
    assert len(web.got) == 2


def test_redirections_end(stack: Stack, client: Client, web: Receiver) -> None:
    web.answers["/reports"] = 307
    web.locations["/reports"] = "/reports"
    pushed(client, web)
    assert len(web.got) == 4
    stack.wait(62)
    assert len(web.got) == 8


def test_a_redirection_does_not_lead_out_of_http(stack: Stack, client: Client, web: Receiver) -> None:
    web.answers["/reports"] = 308
    web.locations["/reports"] = "ftp://127.0.0.1/"
    pushed(client, web)
    assert len(web.got) == 1


def test_a_name_and_a_password_in_the_url_are_an_authorization(client: Client, web: Receiver) -> None:
    pushed(client, web, f"http://me:p%40ss@127.0.0.1:{WEB}/reports")
    (got,) = web.got
    assert got.headers["authorization"] == "Basic bWU6cEBzcw=="
    assert "@" not in got.headers["host"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_leaves_no_line_in_the_log(
    stack: Stack, client: Client, web: Receiver, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    factories: list[Any] = []
    connect = stack.network.connectTCP

    def noted(host: str, port: int, factory: Any, *rest: Any, **named: Any) -> Any:
        factories.append(factory)
        return connect(host, port, factory, *rest, **named)

    monkeypatch.setattr(stack.network, "connectTCP", noted)
    pushed(client, web, web.url().replace("http:", f"{scheme}:"))
    with capturedLogs() as events:
        for factory in factories:  # As a real reactor does.
            factory.doStart()
            factory.doStop()
    assert (len(factories), events) == (1, [])


def test_an_answer_without_end_is_cut_off(stack: Stack, client: Client, web: Receiver) -> None:
    web.answer = b"x" * (ANSWER * 3)
    pushed(client, web)
    stack.wait(100)
    assert len(web.got) == 1  # It did say that it has it.


def test_a_url_in_the_internet_is_reached_by_its_public_addresses_only(stack_public: Stack) -> None:
    client, web = Client(stack_public), Receiver(stack_public.network, 80)
    stack_public.network.names.addresses["client.example"] = ["10.0.0.1", "8.8.8.8", "::1"]
    pushed(client, web, "http://client.example/reports")
    assert len(web.got) == 1
    assert set(stack_public.network.addresses[1:]) == {"8.8.8.8"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "inside.example",
        "169.254.169.254",
        "192.168.0.1",
        "[::ffff:10.0.0.1]",
    ],
)
def test_addresses_that_are_not_public_are_never_connected_to(stack_public: Stack, host: str) -> None:
    client = Client(stack_public)
    names = stack_public.network.names.addresses
    names["localhost"], names["inside.example"] = ["127.0.0.1", "::1"], ["10.1.2.3"]
    pushed(client, Receiver(stack_public.network, 80), f"http://{host}/reports")
    stack_public.wait(65)
    assert [port for port, _ in stack_public.network.attempts if port != PORT] == []
    assert len(client.reports()) == 1


def test_a_name_that_changes_its_mind_leads_nowhere(stack_public: Stack) -> None:
    client, web = Client(stack_public), Receiver(stack_public.network, 80)
    names = stack_public.network.names.addresses
    names["client.example"] = ["8.8.8.8"]
    pushed(client, web, "http://client.example/a")
    names["client.example"] = ["127.0.0.1"]
    stack_public.wait(200)  # The connection that was kept is closed by now.
    pushed(client, web, "http://client.example/b")
    assert [got.path for got in web.got] == ["/a"]
    assert set(stack_public.network.addresses[1:]) == {"8.8.8.8"}


def test_a_redirection_to_an_address_that_is_not_public_leads_nowhere(stack_public: Stack) -> None:
    client, web = Client(stack_public), Receiver(stack_public.network, 80)
    stack_public.network.names.addresses["client.example"] = ["8.8.8.8"]
    web.answers["/reports"] = 307
    web.locations["/reports"] = "http://169.254.169.254/latest"
    pushed(client, web, "http://client.example/reports")
    assert [got.path for got in web.got] == ["/reports"]
    assert set(stack_public.network.addresses[1:]) == {"8.8.8.8"}


@pytest.mark.parametrize(
    "url",
    [
        "client.example/x",
        "ftp://client.example/",
        "http://",
        "http://:80/",
        "http://h:99999/",
        "http://h:0/",
        "http://ä.example/",
        "http://h/a b",
        "http://[::1/",
        "javascript:alert(1)",
        "http://h/\x00",
        "http://h/" + "x" * 2000,
    ],
)
def test_a_url_that_is_none_is_refused(stack: Stack, client: Client, url: str) -> None:
    message = {"destinations": [{"to": TO}], "text": "x", "notifyUrl": url}
    answer = client.request("POST", "/sms/1/text/advanced", {"messages": [message]})
    code, word, text = answer.error
    assert (code, word) == (400, "BAD_REQUEST")
    assert text.startswith("[messages[0].notifyUrl : Expected an http or https URL")
    assert stack.smsc.submits == []


def test_another_content_type_is_refused(client: Client) -> None:
    message = {"destinations": [{"to": TO}], "notifyUrl": "http://h/", "notifyContentType": "text/plain"}
    answer = client.request("POST", "/sms/1/text/advanced", {"messages": [message]})
    assert answer.error[2].startswith("[messages[0].notifyContentType : ")


def test_empty_fields_ask_for_nothing(stack: Stack, client: Client, web: Receiver) -> None:
    pushed(client, web, notifyUrl="", notifyContentType="")
    assert web.got == []
    assert len(client.reports()) == 1


def test_octets_have_reports_too(stack: Stack, client: Client, web: Receiver) -> None:
    message = {"destinations": [{"to": TO}], "binary": {"hex": "0102"}, "notifyUrl": web.url()}
    client.request("POST", "/sms/1/binary/advanced", {"messages": [message]})
    stack.smsc.receipt()
    assert len(web.got) == 1


def test_a_host_gets_so_many_requests_a_second(tmp_path: Path) -> None:
    stack = Stack(tmp_path, pace=Pace(connections=100, rate=2.0, batch=1))
    client, web = Client(stack), Receiver(stack.network)
    for _ in range(10):
        pushed(client, web)
    stack.wait(10)
    stack.close()
    assert len(web.got) == 10
    begun = web.got[0].at
    assert len([got for got in web.got if got.at < begun + 2]) in range(4, 8)


def failures(stack: Stack) -> list[str]:
    """Return why each push that waits has failed."""
    return [failure for (failure,) in stack.rows("SELECT failure FROM push ORDER BY id")]


def test_a_redirection_to_a_dead_host_is_no_fault_of_the_first_host(
    stack: Stack, client: Client, web: Receiver
) -> None:
    web.answers["/moved"] = 307
    web.locations["/moved"] = "http://127.0.0.1:8001/reports"
    web.answers["/slow"] = None
    send(client, web.url("/slow"))
    for _ in range(6):
        send(client, web.url("/slow"))
    for number in range(1, 8):
        stack.smsc.receipt(number)
    send(client, web.url("/moved"))
    stack.smsc.receipt(8)
    stack.wait(1)
    assert failures(stack)[-1].startswith("After a redirection: ")
    tried = stack.rows("SELECT attempts FROM push ORDER BY id")
    assert tried == [(0,)] * 7 + [(1,)]


def test_too_many_redirections_put_off_nothing_else(stack: Stack, client: Client, web: Receiver) -> None:
    web.answers["/reports"] = 307
    web.locations["/reports"] = "/reports"
    pushed(client, web)
    assert failures(stack) == ["There were more than 3 redirections."]


def test_the_reason_says_that_an_address_is_not_public(stack_public: Stack) -> None:
    client = Client(stack_public)
    stack_public.network.names.addresses["inside.example"] = ["10.1.2.3"]
    pushed(client, Receiver(stack_public.network, 80), "http://inside.example/reports")
    assert failures(stack_public) == ["It leads to an address that is not public."]


def test_a_connection_that_breaks(stack: Stack, client: Client, web: Receiver) -> None:
    web.hangs_up = True
    pushed(client, web)
    assert failures(stack) == ["The connection broke before there was an answer."]
    web.hangs_up = False
    stack.wait(62)
    assert len(web.got) == 2
    assert failures(stack) == []


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize("url", [URL, f"{URL}?a=b"])
def test_a_kept_connection_that_turns_out_to_be_closed_is_replaced_at_once(
    stack: Stack, client: Client, url: str
) -> None:
    web = Script(stack.network, OK)
    pushed(client, web, url)
    assert (web.requests, web.open) == ([1], 1)
    pushed(client, web, url)
    assert (web.requests, failures(stack)) == ([2, 1], [])
    stack.wait(200)
    assert (web.requests, client.reports()) == ([2, 1], [])


def test_a_new_connection_that_breaks_is_not_replaced_at_once(stack: Stack, client: Client) -> None:
    web = Script(stack.network, OK)
    pushed(client, web, URL)
    web.answers = ()
    pushed(client, web, URL)
    assert web.requests == [2, 1]
    assert failures(stack) == ["The connection broke before there was an answer."]


def test_a_kept_connection_that_has_begun_to_answer_is_not_replaced_at_once(
    stack: Stack, client: Client
) -> None:
    web = Script(stack.network, OK, b"HTTP/1.1 200 O")
    pushed(client, web, URL)
    pushed(client, web, URL)
    assert web.requests == [2]
    assert failures(stack) == ["The connection broke before there was an answer."]


def test_a_request_on_a_kept_connection_has_no_more_time_than_others(
    stack: Stack, client: Client, web: Receiver
) -> None:
    pushed(client, web)
    web.answers["/reports"] = None
    pushed(client, web)
    stack.wait(21)
    assert len(web.got) == 2
    assert failures(stack) == ["There was no answer in 20 seconds."]


@pytest.mark.parametrize("body", [b"", b"ok"])
@pytest.mark.parametrize("more", [b"", b"Connection: keep-alive\r\n"])
def test_no_connection_is_kept_after_an_answer_with_http_1_0(
    stack: Stack, client: Client, body: bytes, more: bytes
) -> None:
    head = b"HTTP/1.0 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (more, len(body))
    web = Script(stack.network, head + body)
    pushed(client, web, URL)
    assert (web.requests, web.open) == ([1], 0)
    for _ in range(3):
        send(client, URL)
        stack.smsc.receipt(len(stack.smsc.submits))
    assert (web.requests, web.open) == ([1, 1, 1, 1], 0)
    assert failures(stack) == []


@pytest.mark.parametrize(
    ("error", "reach", "reason"),
    [
        (ConnectionRefusedError(), Reach.HOST, "Connection was refused by other side."),
        (DNSLookupError("no such name"), Reach.HOST, "DNS lookup failed: no such name."),
        (Forbidden(), Reach.HOST, "It leads to an address that is not public."),
        (ResponseNeverReceived([Failure(ConnectionDone())]), Reach.REQUEST, "The connection broke"),
        (ResponseNeverReceived([Failure(ConnectionLost())]), Reach.REQUEST, "The connection broke"),
        (
            ResponseNeverReceived([Failure(SSL.Error([("SSL routines", "", "certificate verify failed")]))]),
            Reach.URL,
            "TLS failed: certificate verify failed",
        ),
        (
            ResponseNeverReceived([Failure(VerificationError([]))]),
            Reach.URL,
            "Its certificate is another host's.",
        ),
        (ValueError(), Reach.URL, "ValueError"),
    ],
)
def test_what_a_failure_says_and_how_far_it_reaches(error: Exception, reach: Reach, reason: str) -> None:
    failed = not_pushed(error)
    assert failed.reach is reach
    assert str(failed).startswith(reason)


def test_a_stop_closes_the_connections_that_are_kept(stack: Stack, client: Client, web: Receiver) -> None:
    pushed(client, web)
    stopped = stack.core.pushing.stopService()
    stack.settle()
    result(stopped)
    assert web.connections == 0


def test_a_stop_that_cuts_a_request_off_counts_it_for_no_attempt(
    stack: Stack, client: Client, web: Receiver
) -> None:
    web.answers["/reports"] = None
    pushed(client, web)
    stopped = stack.core.pushing.stopService()
    stack.wait(FAREWELL + 1)
    result(stopped)
    assert stack.rows("SELECT attempts, failure FROM push") == [(0, "")]

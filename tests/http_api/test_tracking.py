"""Tracked messages: their short links, and what is told of clicks and conversions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smsd.http_api import redirects
from smsd.http_api.site import Limits
from tests.http_api.client import Answer, Client, basic
from tests.http_api.receiver import Receiver
from tests.http_api.test_advanced import text_of
from tests.peers import PASSWORD, Stack

BASE = "https://s.test/"
TO = "41793026727"
TEXT = "Look at this: http://www.example.com/awesomeApp/someUserId."
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0"
    " Mobile Safari/537.36"
)
WHEN = "2026-01-02T03:04:05.250+0000"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path, short_links=BASE)
    yield stack
    stack.close()


@pytest.fixture
def phone(stack: Stack) -> Client:
    """What opens short links."""
    return Client(stack, redirects.site(stack.core.links, Limits(), stack.network))


def request(client: Client, tracking: dict[str, Any] | None, *texts: str, **body: Any) -> Answer:
    """Send texts, each to one destination, or the first to those that are given."""
    destinations = body.pop("destinations", [{"to": TO}])
    messages = [{"from": "InfoSMS", "destinations": destinations, "text": text} for text in texts or (TEXT,)]
    return client.request("POST", "/sms/1/text/advanced", {"messages": messages, "tracking": tracking} | body)


def send(client: Client, *texts: str, track: str = "URL", **fields: Any) -> list[Any]:
    """Send tracked messages and return their answers."""
    tracking = {"track": track} | fields.pop("tracking", {})
    answer = request(client, tracking, *texts, **fields)
    assert answer.code == 200, answer.said
    return list(answer.json["messages"])


def texts(client: Client) -> list[str]:
    """Return what the operator got."""
    return [text_of(pdu) for pdu in client.stack.smsc.submits]


def tokens(text: str) -> list[str]:
    return re.findall(r"https://s\.test/([0-9A-Za-z]+)", text)


def open_link(
    phone: Client, token: str, agent: str | None = PHONE, method: str = "GET", **headers: str
) -> Answer:
    answer = phone.request(method, f"/{token}", headers={"User-Agent": agent, **headers})
    phone.stack.settle()
    return answer


def clicks(client: Client, query: str = "") -> list[Any]:
    answer = client.request("GET", f"/ct/1/clicks?{query}")
    assert answer.code == 200, answer.said
    return list(answer.json["results"])


def rates(client: Client, query: str = "") -> list[Any]:
    answer = client.request("GET", f"/ct/1/rates?{query}")
    assert answer.code == 200, answer.said
    return list(answer.json["results"])


def test_each_recipient_gets_short_links_of_its_own(client: Client) -> None:
    send(client, destinations=[{"to": f"4179302672{digit}"} for digit in range(5)])
    found = texts(client)
    assert len(set(found)) == 5
    for text in found:
        (token,) = tokens(text)
        assert text == f"Look at this: {BASE}{token}."
        assert len(BASE + token) == 25


def test_a_short_link_leads_to_its_url_and_the_click_is_told(client: Client, phone: Client) -> None:
    (sent,) = send(client, bulkId="spring", tracking={"type": "SOCIAL_INVITES", "processKey": "key-1"})
    (token,) = tokens(texts(client)[0])
    answer = open_link(phone, token)
    assert answer.code == 302
    assert answer.headers["location"] == "http://www.example.com/awesomeApp/someUserId"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body == b""
    assert clicks(client) == [
        {
            "bulkId": "spring",
            "messageId": sent["messageId"],
            "to": TO,
            "countryPrefix": "41",
            "networkPrefix": "79",
            "osType": "ANDROID",
            "visit": "FIRST",
            "url": "http://www.example.com/awesomeApp/someUserId",
            "processKey": "key-1",
            "type": "SOCIAL_INVITES",
            "clickedAt": WHEN,
        }
    ]


@pytest.mark.parametrize("kind", ["application/json", "application/xml"])
def test_a_click_is_told_at_once_to_the_client_s_url(
    stack: Stack, client: Client, phone: Client, kind: str
) -> None:
    web = Receiver(stack.network)
    web.answers["/reports"] = 503
    message = {"destinations": [{"to": TO}], "text": TEXT, "notifyUrl": web.url(), "notifyContentType": kind}
    body = {"messages": [message], "tracking": {"track": "URL", "type": "A"}}
    assert client.request("POST", "/sms/1/text/advanced", body).code == 200
    (token,) = tokens(texts(client)[0])
    open_link(phone, token, "WhatsApp/2.23")
    assert web.got == []
    open_link(phone, token)
    assert len(web.got) == 1
    del web.answers["/reports"]
    stack.wait(61)
    assert [got.body for got in web.got] == [web.got[0].body] * 2
    told = client.request("GET", "/ct/1/clicks?limit=1", headers={"Accept": kind})
    assert web.got[0].body == told.body
    assert web.got[0].headers["content-type"] == told.headers["content-type"]
    stack.wait(200)
    assert len(web.got) == 2


def test_the_first_click_of_a_person_is_told_from_others_and_from_programs(
    client: Client, phone: Client
) -> None:
    send(client, "http://a.example/1 http://a.example/2")
    one, two = tokens(texts(client)[0])
    for token, agent in ((one, "WhatsApp/2.23"), (two, PHONE), (one, PHONE), (one, None), (two, PHONE)):
        assert open_link(phone, token, agent).code == 302
    assert open_link(phone, one, method="HEAD").code == 302
    assert open_link(phone, one, **{"Sec-Purpose": "prefetch;prerender"}).code == 302
    assert [click["visit"] for click in reversed(clicks(client))] == [
        *("MACHINE", "FIRST", "REPEATED", "MACHINE", "REPEATED", "MACHINE", "MACHINE")
    ]
    (rate,) = rates(client)
    assert (rate["clicked"], rate["clicks"]) == (1, 3)


def test_the_segments_and_the_price_are_those_of_the_text_that_is_sent(client: Client) -> None:
    long = "http://www.example.com/" + "x" * 300
    (sent,) = send(client, f"Look: {long}")
    assert sent["smsCount"] == 1
    assert texts(client)[0].startswith("Look: https://s.test/")
    client.stack.smsc.receipt()
    (report,) = client.reports()
    assert report["smsCount"] == 1


def test_a_url_in_other_letters_leads_on_and_may_be_transliterated_around(
    client: Client, phone: Client
) -> None:
    message = {
        "destinations": [{"to": TO}],
        "text": "Česká http://č.example/ř",
        "transliteration": "CENTRAL_EUROPEAN",
    }
    client.request("POST", "/sms/1/text/advanced", {"messages": [message], "tracking": {"track": "URL"}})
    (text,) = texts(client)
    assert text.startswith("Ceska https://s.test/")
    assert open_link(phone, tokens(text)[0]).headers["location"] == "http://xn--bea.example/%C5%99"


def test_without_a_domain_urls_are_not_tracked_but_conversions_are(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stack = Stack(tmp_path / "other")
    client = Client(stack)
    assert request(client, {"track": "URL"}).error == (
        400,
        "BAD_REQUEST",
        "[tracking.track : There is no domain for short links here: only SMS can be tracked.]",
    )
    (sent,) = send(client, track="SMS")
    assert texts(client) == [TEXT]
    answer = client.request("POST", f"/ct/1/log/end/{sent['messageId']}")
    assert (answer.code, answer.json) == (200, {})
    stack.close()


@pytest.mark.parametrize(
    ("tracking", "text", "error"),
    [
        ({"track": "MAIL"}, TEXT, "[tracking.track : Expected one of SMS, URL.]"),
        (
            {"track": "URL", "type": "a,b"},
            TEXT,
            "[tracking.type : Expected a text without commas and control characters.]",
        ),
        (
            {"track": "URL", "processKey": "x" * 101},
            TEXT,
            "[tracking.processKey : Expected `str` of length <= 100]",
        ),
        (
            {"track": "URL"},
            "http://a.example/ " * 11,
            "[messages[0].text : A text whose URLs are tracked has at most 10",
        ),
        (
            {"track": "URL"},
            "http://a.example/" + "x" * 2032,
            "[messages[0].text : A URL that is tracked has at most 2048",
        ),
    ],
)
def test_what_can_t_be_tracked_is_refused_by_its_field(
    client: Client, tracking: dict[str, Any], text: str, error: str
) -> None:
    answer = request(client, tracking, text)
    assert answer.error[:2] == (400, "BAD_REQUEST")
    assert answer.error[2].startswith(error)
    assert texts(client) == []


def octets(client: Client, tracking: dict[str, Any] | None, *texts: bytes) -> Answer:
    """Send octets, tracked or not, each to two destinations."""
    destinations = [{"to": TO}, {"to": f"{TO}1"}]
    messages = [{"destinations": destinations, "binary": {"hex": text.hex()}} for text in texts]
    return client.request("POST", "/sms/1/binary/advanced", {"messages": messages, "tracking": tracking})


def test_conversions_of_octets_are_counted(client: Client) -> None:
    kind = {"processKey": "key", "type": "ONE_TIME_PIN"}
    first, *_ = octets(client, {"track": "SMS"} | kind, b"http://a.example/", b"x").json["messages"]
    assert texts(client) == ["http://a.example/"] * 2 + ["x"] * 2
    client.stack.smsc.receipt()
    told = client.request("POST", f"/ct/1/log/end/{first['messageId']}")
    assert (told.code, told.json) == (200, {"processKey": "key"})
    (rate,) = rates(client)
    assert rate.items() >= ({"track": "SMS", "messages": 4, "delivered": 1, "converted": 1} | kind).items()


def test_octets_have_no_links(client: Client) -> None:
    answer = octets(client, {"track": "URL"}, b"http://a.example/")
    assert answer.error == (
        400,
        "BAD_REQUEST",
        "[tracking.track : Octets have no URLs to be made short: only SMS is tracked.]",
    )
    assert texts(client) == []


@pytest.mark.parametrize("tracking", [None, {}, {"type": "X"}, {"track": ""}])
def test_without_track_octets_are_not_tracked(client: Client, tracking: dict[str, Any] | None) -> None:
    assert octets(client, tracking, b"x").code == 200
    assert rates(client) == []


@pytest.mark.parametrize("tracking", [None, {}, {"type": "X"}, {"track": None}, {"track": ""}])
def test_without_track_nothing_is_tracked(client: Client, tracking: dict[str, Any] | None) -> None:
    assert request(client, tracking).code == 200
    assert texts(client) == [TEXT]
    assert rates(client) == []


def test_a_conversion_is_told_by_either_id_and_counted_once(client: Client) -> None:
    own, given = send(
        client,
        track="SMS",
        tracking={"processKey": "key"},
        destinations=[{"to": TO}, {"to": TO, "messageId": "order-17"}],
    )
    assert given["messageId"] == "order-17"
    for path in (own["messageId"], "order-17", "order-17"):
        for method in ("POST", "PUT"):
            answer = client.request(method, f"/ct/1/log/end/{path}")
            assert (answer.code, answer.json) == (200, {"processKey": "key"})
    (rate,) = rates(client)
    assert (rate["messages"], rate["converted"], rate["conversionRate"]) == (2, 2, 1.0)


def test_an_unknown_message_has_no_conversion_nor_has_that_of_another(client: Client) -> None:
    client.stack.add_account("other")
    client.stack.wait(1)
    send(client, track="SMS", destinations=[{"to": TO, "messageId": "mine"}])
    untracked = client.send(to=TO, text="Hello").json["messages"][0]["messageId"]
    other = {"Authorization": basic("other", PASSWORD)}
    for path, headers in (("1", {}), ("x%C3%BC", {}), (untracked, {}), ("mine", other), ("9" * 30, {})):
        answer = client.request("POST", f"/ct/1/log/end/{path}", headers=headers)  # type: ignore[arg-type]
        assert answer.error == (404, "NOT_FOUND", "There is no tracked message with this id.")
    assert client.request("GET", "/ct/1/clicks", headers=other).json == {"results": []}  # type: ignore[arg-type]
    assert client.request("GET", "/ct/1/rates", headers=other).json == {"results": []}  # type: ignore[arg-type]


def test_rates_are_told_for_each_bulk_type_and_process_key(client: Client, phone: Client) -> None:
    both = [{"to": TO}, {"to": "385911234567"}]
    send(client, bulkId="one", tracking={"type": "A", "processKey": "k"}, destinations=both)
    client.stack.wait(1)
    send(client, "no URL", bulkId="two", tracking={"type": "B"})
    for number in (1, 2):
        client.stack.smsc.receipt(number, *((b"UNDELIV", b"001") if number == 2 else ()))
    token = tokens(texts(client)[0])[0]
    open_link(phone, token)
    open_link(phone, token)
    one = {
        "bulkId": "one",
        "track": "URL",
        "processKey": "k",
        "type": "A",
        "messages": 2,
        "delivered": 1,
        "clicked": 1,
        "clicks": 2,
        "clickRate": 0.5,
        "converted": 0,
        "conversionRate": 0.0,
    }
    two = {
        "bulkId": "two",
        "track": "URL",
        "type": "B",
        "messages": 1,
        "delivered": 0,
        "clicked": 0,
        "clicks": 0,
        "clickRate": 0.0,
        "converted": 0,
        "conversionRate": 0.0,
    }
    assert rates(client) == [two, one]
    assert rates(client, "limit=1") == [two]
    for query in (
        "bulkId=one",
        "type=A",
        "processKey=k",
        "sentUntil=2026-01-02T03:04:06Z",
        "bulkId=one&type=A,B",
    ):
        assert rates(client, query) == [one], query
    assert rates(client, "sentSince=2026-01-02T03:04:06Z") == [two]
    assert rates(client, "bulkId=one&type=B") == []


def test_rates_of_too_many_messages_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsd.store.links.MOST_COUNTED", 1)
    send(client, TEXT, TEXT)
    assert client.request("GET", "/ct/1/rates").error == (
        400,
        "BAD_REQUEST",
        "[sentSince : More than 500000 messages match: name a bulk, or a shorter period.]",
    )


def test_clicks_are_told_of_what_is_asked_for_the_newest_first(client: Client, phone: Client) -> None:
    send(client, bulkId="one", tracking={"type": "A"}, destinations=[{"to": TO, "messageId": "mine"}])
    send(client, bulkId="two", tracking={"processKey": "k"})
    one, two = (tokens(text)[0] for text in texts(client))
    open_link(phone, one)
    client.stack.wait(60)
    open_link(phone, two)
    assert [click["bulkId"] for click in clicks(client)] == ["two", "one"]
    assert [click["bulkId"] for click in clicks(client, "limit=1")] == ["two"]
    for query in ("bulkId=one", "type=A", "messageId=mine", "clickedUntil=2026-01-02T03:05:00Z"):
        assert [click["bulkId"] for click in clicks(client, query)] == ["one"], query
    for query in ("processKey=k", "clickedSince=2026-01-02T03:05:00Z", "bulkId=one,two&processKey=k"):
        assert [click["bulkId"] for click in clicks(client, query)] == ["two"], query
    assert clicks(client, "messageId=mine&clickedSince=2026-01-02T03:05:00Z") == []


def test_a_refused_message_is_not_tracked(client: Client) -> None:
    refused, taken = send(client, destinations=[{"to": "abc"}, {"to": TO}])
    assert [one["status"]["name"] for one in (refused, taken)] == ["REJECTED_DESTINATION", "MESSAGE_ACCEPTED"]
    assert client.stack.rows("SELECT count(*) FROM link") == [(1,)]
    (rate,) = rates(client)
    assert rate["messages"] == 1


def test_a_preview_has_links_as_long_as_short_ones(client: Client) -> None:
    body = {"text": TEXT, "tracking": {"track": "URL"}}
    answer = client.request("POST", "/sms/1/preview", body).json
    assert answer["originalText"] == TEXT
    assert answer["previews"][0]["textPreview"] == "Look at this: https://s.test/xxxxxxxxxx."
    plain = client.request("POST", "/sms/1/preview", {"text": TEXT, "tracking": {"track": "SMS"}}).json
    assert plain["previews"][0]["textPreview"] == TEXT


def test_xml_says_the_same(client: Client, phone: Client) -> None:
    xml = {"Content-Type": "application/xml", "Accept": "application/xml"}
    body = (
        "<request><bulkId>b</bulkId><messages><message><destinations><destination><to>41793026727</to>"
        "<messageId>m</messageId></destination></destinations><text>http://a.example/?a=1&amp;b=2</text></message>"
        "</messages><tracking><track>URL</track><type>A</type></tracking></request>"
    )
    assert client.request("POST", "/sms/1/text/advanced", body.encode(), xml).code == 200  # type: ignore[arg-type]
    open_link(phone, tokens(texts(client)[0])[0])
    accept: dict[str, str | None] = {"Accept": "application/xml"}
    assert client.request("GET", "/ct/1/clicks", headers=accept).body == (
        b"<ClickResponse><results><result><bulkId>b</bulkId><messageId>m</messageId><to>41793026727</to>"
        b"<countryPrefix>41</countryPrefix><networkPrefix>79</networkPrefix><osType>ANDROID</osType>"
        b"<visit>FIRST</visit><url>http://a.example/?a=1&amp;b=2</url><type>A</type>"
        b"<clickedAt>2026-01-02T03:04:05.250+0000</clickedAt></result></results></ClickResponse>"
    )
    assert client.request("GET", "/ct/1/rates", headers=accept).body == (
        b"<RateResponse><results><result><bulkId>b</bulkId><track>URL</track><type>A</type><messages>1</messages>"
        b"<delivered>0</delivered><clicked>1</clicked><clicks>1</clicks><clickRate>1.0</clickRate>"
        b"<converted>0</converted><conversionRate>0.0</conversionRate></result></results></RateResponse>"
    )
    answer = client.request("POST", "/ct/1/log/end/m", headers=accept)
    assert answer.body == b"<ConversionResponse></ConversionResponse>"

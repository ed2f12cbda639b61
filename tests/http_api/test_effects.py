"""What options make of what the operator receives, in every request that has them; and wrong destinations."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec import structs

from smsd.smpp import status
from smsd.smpp.times import relative
from smsd.sms.coding import decode
from tests.http_api.client import Client
from tests.peers import NOW, Stack

TO = "41793026727"
HOUR = 3600.0
YEAR = 365 * 24 * HOUR
XML: dict[str, str | None] = {"Content-Type": "application/xml", "Accept": "application/xml"}
KINDS: dict[str, dict[str, Any]] = {"text": {"text": "Hi"}, "binary": {"binary": {"hex": "4869"}}}


def advanced(client: Client, kind: str, *messages: dict[str, Any]) -> list[Any]:
    """Send messages by a kind's advanced request; return what is answered for each."""
    given = [{"from": "InfoSMS", "destinations": [{"to": TO}]} | KINDS[kind] | one for one in messages]
    answer = client.request("POST", f"/sms/1/{kind}/advanced", {"messages": given})
    assert answer.code == 200, answer.said
    return list(answer.json["messages"])


both = pytest.mark.parametrize("kind", list(KINDS))


@both
@pytest.mark.parametrize(
    "date",
    [
        "2026-01-02T05:04:05.250+0000",
        "2026-01-02T06:04:05.250+0100",
        "2026-01-02T06:04:05.250+01:00",
        "2026-01-02T05:04:05.250Z",
        "2026-01-02T10:49:05.25+05:45",
        "2026-01-01T17:04:05.250-1200",
        "2026-01-02T19:04:05.250+1400",
        "2026-01-02T05:04:05.250",
        "2026-01-02T05:04:05.250125",
    ],
)
def test_a_message_is_sent_at_its_time_in_whatever_zone_that_is_said(
    stack: Stack, client: Client, kind: str, date: str
) -> None:
    (answer,) = advanced(client, kind, {"sendAt": date})
    assert answer["status"]["name"] == "PENDING_ACCEPTED"
    assert "smsCount" not in answer
    stack.wait(2 * HOUR - 2, step=10)
    assert stack.smsc.texts == []
    stack.wait(4)
    assert stack.smsc.texts == [b"Hi"]


@both
def test_a_message_is_sent_years_later(stack: Stack, client: Client, kind: str) -> None:
    advanced(client, kind, {"sendAt": "2033-12-31T23:59:59.000+1400", "validityPeriod": 60})
    ((due_at,),) = stack.rows("SELECT due_at FROM message")
    assert 7.9 * YEAR < due_at - NOW < 8.1 * YEAR
    stack.network.advance(due_at - NOW - 100)
    stack.wait(90)
    assert stack.smsc.texts == []
    stack.wait(30)
    (pdu,) = stack.smsc.submits
    assert pdu.short_message == b"Hi"
    assert pdu.validity_period[:12] in {b"000000005900", relative(3600.0)[:12], b"000000005959"}


@both
@pytest.mark.parametrize("date", ["2026-01-02T03:04:05.250+0000", "1999-12-31T23:59:59.999+0000"])
def test_a_time_that_has_passed_means_at_once(stack: Stack, client: Client, kind: str, date: str) -> None:
    (answer,) = advanced(client, kind, {"sendAt": date, "validityPeriod": 10})
    assert answer["status"]["name"] == "MESSAGE_ACCEPTED"
    (pdu,) = stack.smsc.submits
    assert pdu.validity_period == relative(600)


@both
@pytest.mark.parametrize(
    ("minutes", "seconds"), [(1, 60), (30, 1800), (48 * 60, 48 * HOUR), (10_000, 48 * HOUR)]
)
def test_validity_reaches_the_operator(
    stack: Stack, client: Client, kind: str, minutes: int, seconds: float
) -> None:
    advanced(client, kind, {"validityPeriod": minutes})
    (pdu,) = stack.smsc.submits
    assert pdu.validity_period == relative(seconds)


@both
def test_a_message_whose_validity_ends_before_it_is_sent_is_not_sent(
    stack: Stack, client: Client, kind: str
) -> None:
    stack.smsc.submit_status = status.ESME_RSYSERR
    advanced(client, kind, {"validityPeriod": 1})
    stack.wait(61)
    stack.smsc.submits.clear()
    stack.smsc.submit_status = 0
    stack.wait(70)
    assert stack.smsc.submits == []
    (report,) = client.reports()
    assert report["status"]["name"] == "EXPIRED_EXPIRED"


@both
def test_flash(stack: Stack, client: Client, kind: str) -> None:
    advanced(client, kind, {"flash": True}, {"flash": False}, {})
    assert [pdu.data_coding for pdu in stack.smsc.submits] == [0xF0, 0, 0]


def test_flash_octets_of_ucs2(stack: Stack, client: Client) -> None:
    advanced(client, "binary", {"flash": True, "binary": {"hex": "0416", "dataCoding": 8}})
    (pdu,) = stack.smsc.submits
    assert (pdu.data_coding, pdu.short_message) == (0x18, b"\x04\x16")


def test_each_message_of_a_request_has_options_of_its_own(stack: Stack, client: Client) -> None:
    turkish = {"languageCode": "TR", "singleShift": True, "lockingShift": True}
    answers = advanced(
        client,
        "text",
        {"text": "şey", "language": turkish},
        {"text": "şey", "transliteration": "TURKISH"},
        {"text": "şey"},
        {"text": "later", "sendAt": "2026-01-02T03:05:05.250Z"},
        {"text": "flash", "flash": True, "validityPeriod": 5},
    )
    assert [answer["status"]["id"] for answer in answers] == [0, 0, 0, 26, 0]
    shifted, plain, ucs2, flash = stack.smsc.submits
    assert (shifted.data_coding, shifted.short_message[:4]) == (0, b"\3\x25\1\1")
    assert (plain.data_coding, plain.short_message) == (0, b"sey")
    assert decode(ucs2.short_message, ucs2.data_coding) == "şey"
    assert (flash.data_coding, flash.validity_period) == (0xF0, relative(300))
    stack.wait(62)
    assert stack.smsc.texts[-1] == b"later"


def test_options_in_xml(stack: Stack, client: Client) -> None:
    body = f"""<request><bulkId>spring</bulkId><messages>
      <message><from>InfoSMS</from><destinations><destination><to>{TO}</to></destination></destinations>
        <text>şey</text><language><languageCode>TR</languageCode><singleShift>true</singleShift></language></message>
      <message><destinations><destination><to>{TO}</to></destination></destinations>
        <text>čaj</text><transliteration>CENTRAL_EUROPEAN</transliteration><flash>true</flash>
        <validityPeriod>30</validityPeriod></message>
      <message><destinations><destination><to>{TO}</to></destination></destinations>
        <text>later</text><sendAt>2026-01-02T04:05:05.250+0100</sendAt></message>
    </messages></request>"""
    answer = client.request("POST", "/sms/1/text/advanced", body.encode(), XML)
    names = [one.text for one in ElementTree.fromstring(answer.body).iter("name")]
    assert names == ["MESSAGE_ACCEPTED", "MESSAGE_ACCEPTED", "PENDING_ACCEPTED"]
    turkish, flash = stack.smsc.submits
    assert turkish.short_message.startswith(b"\3\x24\1\1")
    assert (flash.data_coding, flash.short_message, flash.validity_period) == (0xF0, b"caj", relative(1800))
    stack.wait(62)
    assert stack.smsc.texts[-1] == b"later"


WRONG = {
    3: ("", "MISSING_TO"),
    500: ("nobody", "REJECTED_DESTINATION"),
    999: ("1" * 16, "REJECTED_DESTINATION"),
}


def many() -> list[str]:
    """Return 1,000 destinations, of which three are wrong."""
    return [WRONG[number][0] if number in WRONG else f"4179{number:07d}" for number in range(1000)]


@pytest.mark.parametrize("path", ["text/single", "text/multi", "text/advanced"])
@pytest.mark.parametrize("form", ["json", "xml"])
def test_of_a_thousand_destinations_three_wrong_ones_are_refused_in_their_places(
    stack: Stack, client: Client, path: str, form: str
) -> None:
    client.site.limits = structs.replace(client.site.limits, body=1_000_000)
    if form == "json":
        bodies: dict[str, Any] = {
            "text/single": {"to": many(), "text": "Hi"},
            "text/multi": {"messages": [{"to": one, "text": "Hi"} for one in many()]},
            "text/advanced": {"messages": [{"destinations": [{"to": one} for one in many()], "text": "Hi"}]},
        }
        answer = client.request("POST", f"/sms/1/{path}", bodies[path])
        found = [(one["to"], one["status"]["name"], "messageId" in one) for one in answer.json["messages"]]
    else:
        to = "".join(f"<to>{one}</to>" for one in many())
        messages = "".join(f"<message><to>{one}</to><text>Hi</text></message>" for one in many())
        destinations = "".join(f"<destination><to>{one}</to></destination>" for one in many())
        texts = {
            "text/single": f"<to>{to}</to><text>Hi</text>",
            "text/multi": f"<messages>{messages}</messages>",
            "text/advanced": f"<messages><message><destinations>{destinations}</destinations>"
            "<text>Hi</text></message></messages>",
        }
        body = f"<request>{texts[path]}</request>".encode()
        answer = client.request("POST", f"/sms/1/{path}", body, XML)
        root = ElementTree.fromstring(answer.body)
        found = [
            (one.findtext("to") or "", one.findtext("status/name") or "", one.find("messageId") is not None)
            for one in root.findall("messages/message")
        ]
    assert answer.code == 200
    assert [to for to, _, _ in found] == many()
    assert {number: name for number, (_, name, _) in enumerate(found) if name != "MESSAGE_ACCEPTED"} == {
        number: name for number, (_, name) in WRONG.items()
    }
    assert [has_id for _, _, has_id in found] == [number not in WRONG for number in range(1000)]
    assert stack.rows("SELECT count(*) FROM message") == [(997,)]
    sent = {pdu.destination_addr.decode() for pdu in stack.smsc.submits}
    assert sent == set(many()) - {to for to, _ in WRONG.values()}

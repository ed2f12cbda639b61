"""The API in XML: the same requests and answers, and nothing that only XML can do to a server."""

from __future__ import annotations

from contextlib import suppress
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsd.http_api.errors import ApiError
from smsd.http_api.formats import JSON, XML
from smsd.http_api.requests import FullTexts, Text, Texts
from smsd.http_api.site import Limits
from tests.http_api.client import Answer, Client
from tests.peers import Stack

TO = "41793026727"
BOTH = {"Content-Type": "application/xml", "Accept": "application/xml"}


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack)


def post(client: Client, path: str, body: str) -> Answer:
    return client.request("POST", f"/sms/1/{path}", body.encode(), headers=dict(BOTH))


def test_a_text_is_sent_and_answered_in_xml(client: Client) -> None:
    answer = post(
        client, "text/single", f"<request><from>InfoSMS</from><to>{TO}</to><text>Hi</text></request>"
    )
    assert answer.headers["content-type"] == "application/xml;charset=UTF-8"
    root = ElementTree.fromstring(answer.body)
    assert root.tag == "SMSResponse"
    (message,) = root.findall("messages/message")
    assert message.findtext("to") == TO
    assert message.findtext("status/name") == "MESSAGE_ACCEPTED"
    assert message.findtext("smsCount") == "1"
    assert client.stack.smsc.texts == [b"Hi"]


@pytest.mark.parametrize(
    "to",
    [
        f"<to>{TO}</to><to>385911234567</to>",
        f"<to><to>{TO}</to><to>385911234567</to></to>",
        f"<to><number>{TO}</number><number>385911234567</number></to>",
    ],
)
def test_several_destinations_in_every_spelling(client: Client, to: str) -> None:
    post(client, "text/single", f"<request>{to}<text>Hi</text></request>")
    assert {pdu.destination_addr for pdu in client.stack.smsc.submits} == {TO.encode(), b"385911234567"}


@pytest.mark.parametrize(
    ("messages", "destinations"),
    [
        ("<messages>{}</messages>", "<destinations><to>{}</to></destinations>"),
        ("<messages><messages>{}</messages></messages>", "<destinations><to>{}</to></destinations>"),
        (
            "<messages><message>{}</message></messages>",
            "<destinations><destination><to>{}</to></destination></destinations>",
        ),
    ],
)
def test_a_full_message_in_every_spelling(client: Client, messages: str, destinations: str) -> None:
    inner = destinations.format(TO) + "<text>čaj</text><flash>true</flash>"
    inner += "<transliteration>CENTRAL_EUROPEAN</transliteration><validityPeriod>30</validityPeriod>"
    answer = post(client, "text/advanced", f"<request>{messages.format(inner)}</request>")
    assert ElementTree.fromstring(answer.body).tag == "SendSMSResponse"
    (pdu,) = client.stack.smsc.submits
    assert (pdu.short_message, pdu.data_coding) == (b"caj", 0xF0)


def test_reports_in_xml(client: Client) -> None:
    client.send(to=TO, text="x")
    client.stack.smsc.receipt()
    answer = client.request("GET", "/sms/1/reports", headers={"Accept": "application/xml"})
    root = ElementTree.fromstring(answer.body)
    assert (root.tag, root.findtext("results/result/to")) == ("SMSReportResponse", TO)
    assert not answer.body.startswith(b"<?xml")


def test_errors_in_xml(client: Client) -> None:
    answer = client.request("GET", "/nowhere", headers={"Accept": "application/xml"})
    root = ElementTree.fromstring(answer.body)
    assert answer.code == 404
    assert root.findtext("requestError/serviceException/messageId") == "NOT_FOUND"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/xml;q=0.5, application/json", "application/json"),
        ("application/xml, application/json;q=0.9", "application/xml"),
        ("*/*", "application/json"),
        ("application/*;q=0.1", "application/json"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/xml"),
    ],
)
def test_the_answer_is_what_the_client_wants_most(client: Client, accept: str, media_type: str) -> None:
    answer = client.request("GET", "/sms/1/reports", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(media_type)


def test_who_wants_neither_is_told_so(client: Client) -> None:
    assert client.request("GET", "/sms/1/reports", headers={"Accept": "text/html"}).error[:2] == (
        406,
        "NOT_ACCEPTABLE",
    )


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE r [<!ENTITY a "x">]><request><to>1</to><text>&a;</text></request>',
        '<!DOCTYPE r SYSTEM "file:///etc/passwd"><request/>',
        "<request>" + "<a>" * 100 + "</a>" * 100 + "</request>",
        "<request>" + "<to>1</to>" * 60_000 + "</request>",
        "<request><to>&undefined;</to></request>",
        "<request>",
        "",
        "no xml",
    ],
)
def test_what_is_dangerous_or_no_xml_is_refused(client: Client, body: str) -> None:
    client.site.limits = Limits(1_000_000)
    answer = client.request(
        "POST", "/sms/1/text/single", body.encode(), headers={"Content-Type": "application/xml"}
    )
    assert answer.error[:2] == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<!DOCTYPE r [<!ENTITY a 'x'>]><request/>", "[body : A document type is not taken.]"),
        ('{"to": "1"}', "[body : Start tag expected, '<' not found, line 1, column 1]"),
    ],
)
def test_what_is_wrong_before_the_first_element_is_named(client: Client, body: str, text: str) -> None:
    answer = client.request(
        "POST", "/sms/1/text/single", body.encode(), headers={"Content-Type": "application/xml"}
    )
    assert answer.error == (400, "BAD_REQUEST", text)


@given(
    st.one_of(st.binary(max_size=300), st.text(alphabet="<>/=\"'& ato!-[]DC?x", max_size=200).map(str.encode))
)
@example(b"<request><to/></request>")
@settings(deadline=None)
def test_no_input_does_more_than_be_refused(body: bytes) -> None:
    for kind in (Text, Texts, FullTexts):
        with suppress(ApiError):
            XML.read(body, kind)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=["Cc", "Cs", "Cn"]))


@given(WORDS, st.lists(WORDS.filter(str.strip), min_size=1, max_size=5))
@settings(deadline=None)
def test_xml_says_what_json_says(text: str, to: list[str]) -> None:
    one = {"from": "InfoSMS", "to": to, "text": text}
    escaped = {key: escape(str(value)) for key, value in one.items()}
    many = "".join(f"<to>{escape(each)}</to>" for each in to)
    document = f"<request><from>InfoSMS</from>{many}<text>{escaped['text']}</text></request>"
    assert XML.read(document.encode(), Text) == JSON.read(msgspec.json.encode(one), Text)

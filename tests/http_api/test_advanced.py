"""What can be said of a message beside its text takes effect on what the operator receives."""

from __future__ import annotations

from typing import Any

import pytest

from smsd.http_api.site import Limits
from smsd.smpp.pdu import SubmitSm
from smsd.smpp.times import relative
from smsd.sms.coding import decode
from smsd.sms.udh import split_udh
from tests.http_api.client import Client, basic
from tests.peers import NOW, Stack, result

TO = "41793026727"
HOUR = 3600.0


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack)


def advanced(client: Client, path: str = "text/advanced", **message: Any) -> Any:
    """Send one message and return the whole answer."""
    given = {"from": "InfoSMS", "destinations": [{"to": TO}], "text": "Hello"}
    answer = client.request("POST", f"/sms/1/{path}", {"messages": [given | message]})
    assert answer.code == 200, answer.said
    return answer.json


def sent(client: Client, **message: Any) -> tuple[Any, SubmitSm]:
    """Send one message; return its answer, and what the operator got first."""
    (answer,) = advanced(client, **message)["messages"]
    return answer, client.stack.smsc.submits[0]


def text_of(pdu: SubmitSm) -> str:
    if not pdu.esm_class & 0x40:
        return decode(pdu.short_message, pdu.data_coding)
    udh, body = split_udh(pdu.short_message)
    return decode(body, pdu.data_coding, udh)


def test_there_is_always_a_bulk_and_a_given_one_is_kept(client: Client) -> None:
    assert advanced(client)["bulkId"].isdigit()
    answer = client.request(
        "POST", "/sms/1/text/advanced", {"bulkId": "Mine", "messages": [{"destinations": [{"to": TO}]}]}
    )
    assert answer.json["bulkId"] == "Mine"


def test_a_turkish_text_needs_fewer_segments_with_its_tables(client: Client) -> None:
    text = "Şimdi ğüzel bir gün, İstanbul'da ışıl ışıl. " * 3
    plain, _ = sent(client, text=text)
    client.stack.smsc.submits.clear()
    language = {"languageCode": "TR", "singleShift": True, "lockingShift": True}
    answer, pdu = sent(client, text=text, language=language)
    assert (plain["smsCount"], answer["smsCount"]) == (2, 1)
    assert pdu.short_message.startswith(b"\3\x25\1\1")
    assert (pdu.data_coding, text_of(pdu)) == (0, text)


def test_spanish_has_a_single_shift_table(client: Client) -> None:
    _, pdu = sent(client, text="¿Está ahí Ángel?", language={"languageCode": "ES", "singleShift": True})
    assert pdu.short_message.startswith(b"\3\x24\1\2")
    assert text_of(pdu) == "¿Está ahí Ángel?"


@pytest.mark.parametrize(
    ("script", "text", "arrives"),
    [
        ("TURKISH", "Şişli ığ", "Sisli ig"),
        ("CYRILLIC", "Щука", "Shchuka"),
        ("CENTRAL_EUROPEAN", "čaj", "caj"),
        ("GREEK", "αΩ", "AΩ"),
    ],
)
def test_a_script_is_transliterated(client: Client, script: str, text: str, arrives: str) -> None:
    _, pdu = sent(client, text=text, transliteration=script)
    assert (pdu.data_coding, text_of(pdu)) == (0, arrives)


def test_transliteration_lowers_the_count_of_segments(client: Client) -> None:
    text = "č" * 100
    assert advanced(client, text=text)["messages"][0]["smsCount"] == 2
    answer = advanced(client, text=text, transliteration="CENTRAL_EUROPEAN")
    assert answer["messages"][0]["smsCount"] == 1


@pytest.mark.parametrize(("text", "coding"), [("Hello", 0xF0), ("Жук", 0x18)])
def test_flash(client: Client, text: str, coding: int) -> None:
    _, pdu = sent(client, text=text, flash=True)
    assert (pdu.data_coding, text_of(pdu)) == (coding, text)


def test_validity_goes_to_the_operator_and_is_cut_to_two_days(client: Client) -> None:
    assert sent(client, validityPeriod=30)[1].validity_period == relative(30 * 60)
    client.stack.smsc.submits.clear()
    assert sent(client, validityPeriod=10_000)[1].validity_period == relative(48 * HOUR)


@pytest.mark.parametrize(
    "date", ["2026-01-02T05:04:05.250+0100", "2026-01-02T04:04:05.250Z", "2026-01-01T22:34:05.25-05:30"]
)
def test_a_scheduled_message_waits_for_its_time(client: Client, date: str) -> None:
    (answer,) = advanced(client, sendAt=date)["messages"]
    assert answer["status"]["name"] == "PENDING_ACCEPTED"
    assert "smsCount" not in answer
    client.stack.wait(HOUR - 2, step=10)
    assert client.stack.smsc.submits == []
    client.stack.wait(4)
    assert len(client.stack.smsc.submits) == 1


def test_a_message_may_be_scheduled_years_ahead(client: Client) -> None:
    advanced(client, sendAt="2033-05-06T07:08:09.000+0000")
    ((due, expires),) = client.stack.rows("SELECT due_at, expires_at FROM message")
    assert due > NOW + 7 * 365 * 24 * HOUR
    assert expires == due + 48 * HOUR


def test_what_the_client_calls_back_with_is_in_the_report(client: Client) -> None:
    (answer,) = advanced(client, callbackData="order 17")["messages"]
    client.stack.smsc.receipt()
    (report,) = client.reports()
    assert (report["messageId"], report["callbackData"]) == (answer["messageId"], "order 17")


def test_a_message_keeps_the_id_that_the_client_gives_it(client: Client) -> None:
    (answer,) = advanced(client, destinations=[{"to": TO, "messageId": "order-17"}])["messages"]
    assert answer["messageId"] == "order-17"
    client.stack.smsc.receipt()
    assert [one["messageId"] for one in client.reports(messageId="order-17")] == ["order-17"]


def test_an_id_is_good_for_one_message(client: Client) -> None:
    destinations = [{"to": TO, "messageId": "one"}, {"to": "385911234567", "messageId": "one"}]
    first, second = advanced(client, destinations=destinations)["messages"]
    assert first["status"]["name"] == "MESSAGE_ACCEPTED"
    assert second["status"]["name"] == "REJECTED_DUPLICATE_MESSAGE_ID"
    (again,) = advanced(client, destinations=[{"to": TO, "messageId": "one"}])["messages"]
    assert again["status"]["name"] == "REJECTED_DUPLICATE_MESSAGE_ID"
    assert len(client.stack.smsc.submits) == 1


def test_another_account_may_use_the_same_id(client: Client) -> None:
    advanced(client, destinations=[{"to": TO, "messageId": "one"}])
    client.stack.add_account("other")
    client.stack.wait(1)
    body = {"messages": [{"destinations": [{"to": TO, "messageId": "one"}], "text": "x"}]}
    answer = client.request(
        "POST", "/sms/1/text/advanced", body, headers={"Authorization": basic("other", "secret")}
    )
    assert answer.json["messages"][0]["status"]["name"] == "MESSAGE_ACCEPTED"


def test_messages_of_one_request_to_different_operators_are_encoded_for_each(client: Client) -> None:
    stack = client.stack
    row = result(stack.administration.channel("operator"))
    result(stack.administration.add_channel("second", "smpp", row.options, alphabets="ucs2"))
    result(stack.administration.add_route("second", "385"))
    stack.wait(1)
    advanced(client, destinations=[{"to": TO}, {"to": "385911234567"}], text="Hello")
    stack.settle()
    assert {pdu.destination_addr: pdu.data_coding for pdu in stack.smsc.submits} == {
        TO.encode(): 0,
        b"385911234567": 8,
    }


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"language": {"languageCode": "XX"}}, "messages[0].language.languageCode"),
        ({"transliteration": "KLINGON"}, "messages[0].transliteration"),
        ({"sendAt": "tomorrow"}, "messages[0].sendAt"),
        ({"flash": "perhaps"}, "messages[0].flash"),
        ({"validityPeriod": -1}, "messages[0].validityPeriod"),
        ({"destinations": [{"to": TO}, {"to": 5}]}, "messages[0].destinations[1].to"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(client: Client, message: dict[str, Any], field: str) -> None:
    answer = client.request(
        "POST", "/sms/1/text/advanced", {"messages": [{"destinations": [{"to": TO}], "text": "x"} | message]}
    )
    code, word, text = answer.error
    assert (code, word) == (400, "BAD_REQUEST")
    assert text.startswith(f"[{field} : ")


def test_of_a_thousand_destinations_the_wrong_ones_are_refused_in_their_places(client: Client) -> None:
    wrong = {7, 400, 999}
    destinations = [{"to": "nobody" if number in wrong else f"4179{number:07d}"} for number in range(1000)]
    client.site.limits = Limits(1_000_000)
    answers = advanced(client, destinations=destinations)["messages"]
    names = [answer["status"]["name"] for answer in answers]
    assert {number for number, name in enumerate(names) if name == "REJECTED_DESTINATION"} == wrong
    assert names.count("MESSAGE_ACCEPTED") == 997


def test_multi_sends_each_message_to_its_own(client: Client) -> None:
    messages = [
        {"from": "A one", "to": [TO, "385911234567"], "text": "one"},
        {"from": "A two", "to": "4366412345", "text": "two"},
    ]
    answer = client.request("POST", "/sms/1/text/multi", {"messages": messages}).json
    assert [one["to"] for one in answer["messages"]] == [TO, "385911234567", "4366412345"]
    assert answer["bulkId"]
    assert client.stack.smsc.texts == [b"one", b"one", b"two"]


def test_a_text_may_be_sent_by_a_query(client: Client) -> None:
    path = f"/sms/1/text/query?username=acme&password=secret&from=InfoSMS&to={TO},385911234567&text=Hi+there"
    answer = client.request("GET", path, headers={"Authorization": None})
    assert [one["status"]["name"] for one in answer.json["messages"]] == ["MESSAGE_ACCEPTED"] * 2
    assert client.stack.smsc.texts == [b"Hi there"] * 2
    wrong = client.request("GET", path.replace("secret", "wrong"), headers={"Authorization": None})
    assert wrong.code == 401


def test_octets_are_sent_as_they_are(client: Client) -> None:
    binary = {"hex": "06 05 04 0B 84 23 F0 DC", "dataCoding": 4, "esmClass": 0x40}
    answer = client.request("POST", "/sms/1/binary/single", {"to": TO, "binary": binary})
    assert answer.json["messages"][0]["smsCount"] == 1
    (pdu,) = client.stack.smsc.submits
    assert (pdu.short_message, pdu.data_coding) == (bytes.fromhex("0605040B8423F0DC"), 4)
    assert pdu.esm_class & 0x40


# Previews.


def test_a_preview_tells_what_a_text_costs_and_sends_nothing(client: Client) -> None:
    body = {"text": "č" * 100, "transliteration": "CENTRAL_EUROPEAN"}
    answer = client.request("POST", "/sms/1/preview", body).json
    assert answer["originalText"] == body["text"]
    plain, converted = answer["previews"]
    assert (plain["messageCount"], plain["charactersRemaining"]) == (2, 34)
    assert (converted["messageCount"], converted["charactersRemaining"]) == (1, 60)
    assert converted["textPreview"] == "c" * 100
    assert converted["configuration"] == {"transliteration": "CENTRAL_EUROPEAN"}
    assert client.stack.smsc.submits == []


def test_a_preview_tries_a_language(client: Client) -> None:
    answer = client.request("POST", "/sms/1/preview", {"text": "ş" * 80, "languageCode": "TR"}).json
    assert [one["messageCount"] for one in answer["previews"]] == [2, 1]
    assert answer["previews"][1]["configuration"]["language"]["languageCode"] == "TR"

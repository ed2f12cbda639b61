"""What becomes of the fields of a submit_sm on their way to the operator."""

from __future__ import annotations

from typing import Any

import pytest

from smsd.smpp import status, tlv
from smsd.smpp.pdu import DeliverSm, SubmitSm
from smsd.smpp.times import absolute, parse
from smsd.sms.coding import decode
from tests.peers import NOW, FakeEsme, Stack, result

DAY = 86_400.0
ENROUTE = b"\1"


@pytest.fixture
def esme(stack: Stack) -> FakeEsme:
    return stack.esme()


def sent(stack: Stack, esme: FakeEsme, **fields: Any) -> SubmitSm:
    assert esme.submit(**fields).command_status == status.ESME_ROK
    return stack.smsc.submits[-1]


@pytest.mark.parametrize(
    ("given", "ton", "arrives"),
    [
        (b"41793026727", 0, b"41793026727"),
        (b"41793026727", 1, b"41793026727"),
        (b"+41793026727", 1, b"41793026727"),
        (b"0041793026727", 0, b"41793026727"),
        (b"41793026727", 2, b"41793026727"),
    ],
)
def test_a_destination_arrives_in_the_international_form(
    stack: Stack, esme: FakeEsme, given: bytes, ton: int, arrives: bytes
) -> None:
    pdu = sent(stack, esme, destination_addr=given, dest_addr_ton=ton, dest_addr_npi=0)
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr) == (1, 1, arrives)


@pytest.mark.parametrize("given", [b"0793026727", b"793026727"])
def test_a_national_destination_is_completed_by_the_account_s_country(
    stack: Stack, esme: FakeEsme, given: bytes
) -> None:
    result(stack.administration.change_account("acme", country="41"))
    stack.wait(1)
    assert sent(stack, esme, destination_addr=given, dest_addr_ton=2).destination_addr == b"41793026727"
    plain = sent(stack, esme, destination_addr=b"385911234567", dest_addr_ton=1)
    assert plain.destination_addr == b"385911234567"


@pytest.mark.parametrize(
    ("given", "ton", "npi", "arrives"),
    [
        (b"Acme", 0, 0, (5, 0, b"Acme")),
        (b"Acme", 1, 1, (5, 0, b"Acme")),
        (b"12345", 3, 9, (3, 9, b"12345")),
        (b"0911234567", 2, 1, (2, 1, b"0911234567")),
        (b"+385911234567", 0, 0, (1, 1, b"385911234567")),
        (b"385911234567", 1, 1, (1, 1, b"385911234567")),
        (b"", 0, 0, (0, 0, b"")),
    ],
)
def test_a_source_arrives_with_the_type_that_it_has(
    stack: Stack, esme: FakeEsme, given: bytes, ton: int, npi: int, arrives: tuple[int, int, bytes]
) -> None:
    pdu = sent(stack, esme, source_addr=given, source_addr_ton=ton, source_addr_npi=npi)
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == arrives


@pytest.mark.parametrize("esm_class", [0x00, 0x03, 0x08, 0x10, 0x80])
def test_an_esm_class_goes_along(stack: Stack, esme: FakeEsme, esm_class: int) -> None:
    assert sent(stack, esme, esm_class=esm_class).esm_class == esm_class


@pytest.mark.parametrize("esm_class", [0x01, 0x02, 0x04, 0x20, 0x0C])
def test_modes_and_types_that_are_not_an_esme_s_are_refused(esme: FakeEsme, esm_class: int) -> None:
    assert esme.submit(esm_class=esm_class).command_status == status.ESME_RINVESMCLASS


def test_a_message_may_wait_for_seven_years(stack: Stack, esme: FakeEsme) -> None:
    answers = [
        esme.submit(schedule_delivery_time=b"070605040302000R"),
        esme.submit(schedule_delivery_time=absolute(NOW + 7 * 365 * DAY)),
        esme.submit(schedule_delivery_time=b"330708090000008-"),
    ]
    assert [answer.command_status for answer in answers] == [status.ESME_ROK] * 3
    due = [due for (due,) in stack.rows("SELECT due_at FROM message ORDER BY id")]
    assert due[0] == parse(b"070605040302000R", NOW)
    assert due[1] == pytest.approx(NOW + 7 * 365 * DAY, abs=0.1)
    assert due[2] == parse(b"330708110000000+", NOW)
    assert stack.smsc.submits == []


def test_a_validity_of_more_than_two_days_is_cut(stack: Stack, esme: FakeEsme) -> None:
    for validity in (b"000005000000000R", absolute(NOW + 30 * DAY), b""):
        esme.submit(validity_period=validity)
    assert stack.rows("SELECT DISTINCT expires_at - accepted_at FROM message") == [(2 * DAY,)]
    esme.submit(validity_period=b"000000010000000R")
    assert stack.rows("SELECT min(expires_at - accepted_at) FROM message") == [(3600.0,)]


@pytest.mark.parametrize(
    ("option", "arrive"),
    [("all", [0x1400, tlv.SOURCE_PORT]), ("standard", [tlv.SOURCE_PORT]), ("none", [])],
)
def test_a_channel_says_which_parameters_go_along(stack: Stack, option: str, arrive: list[int]) -> None:
    row = result(stack.administration.channel("operator"))
    options = row.options[:-1] + f', "tlvs": "{option}"' + "}"
    result(stack.administration.change_channel("operator", options=options))
    stack.wait(1)
    pdu = sent(stack, stack.esme(), tlvs=((0x1400, b"vendor"), (tlv.SOURCE_PORT, b"\0\1")))
    assert [tag for tag, _ in pdu.tlvs] == arrive


# Codings.


def only(stack: Stack, alphabets: str) -> FakeEsme:
    """Return a client of an operator that takes only these alphabets."""
    result(stack.administration.change_channel("operator", alphabets=alphabets))
    stack.wait(1)
    return stack.esme()


@pytest.mark.parametrize(
    ("alphabets", "given", "text", "coding"),
    [
        ("gsm7 ucs2", 3, "Grüße", 0),
        ("gsm7 ucs2", 3, "Añejo ©", 8),
        ("ucs2", 0, "plain", 8),
        ("ucs2", 3, "Grüße", 8),
        ("gsm7", 8, "Ω is there", 0),
        ("gsm7", 8, "Ж is not", 8),
        ("gsm7 latin1", 8, "© is Latin", 3),
        ("gsm7 latin1 ucs2", 3, "Grüße", 3),
    ],
)
def test_a_text_is_encoded_as_its_operator_takes_it(
    stack: Stack, alphabets: str, given: int, text: str, coding: int
) -> None:
    codecs = {0: "ascii", 3: "latin-1", 8: "utf-16-be"}
    pdu = sent(stack, only(stack, alphabets), data_coding=given, short_message=text.encode(codecs[given]))
    assert pdu.data_coding == coding
    assert decode(pdu.short_message, pdu.data_coding) == text


def test_the_count_of_segments_is_that_of_what_is_sent(stack: Stack) -> None:
    esme = only(stack, "ucs2")
    esme.submit(short_message=b"x" * 100)
    assert len(stack.smsc.submits) == 2
    for number in (1, 2):
        stack.smsc.receipt(number)
    (receipt,) = esme.receipts
    assert b" sub:002 dlvr:002 " in receipt.short_message


def test_parts_are_encoded_when_the_message_is_whole(stack: Stack) -> None:
    esme = only(stack, "gsm7 ucs2")
    for number, text in ((1, "Grüße "), (2, "© 2026")):
        header = bytes((5, 0, 3, 7, 2, number))
        body = header + text.encode("latin-1")
        assert (
            esme.submit(esm_class=0x40, data_coding=3, short_message=body).command_status == status.ESME_ROK
        )
    (pdu,) = stack.smsc.submits
    assert (pdu.data_coding, decode(pdu.short_message, 8)) == (8, "Grüße © 2026")


def test_binary_is_never_touched(stack: Stack) -> None:
    assert sent(stack, only(stack, "gsm7"), data_coding=4, short_message=b"\0\xff").short_message == b"\0\xff"


# Intermediate notifications.


def notices(esme: FakeEsme) -> list[DeliverSm]:
    return [pdu for pdu in esme.receipts if pdu.esm_class == 0x20]


@pytest.mark.parametrize(("wanted", "count"), [(0x11, 1), (0x01, 0), (0x10, 0), (0x12, 1)])
def test_a_refusal_for_the_time_being_is_told_if_that_is_wanted(
    stack: Stack, esme: FakeEsme, wanted: int, count: int
) -> None:
    stack.smsc.submit_status = status.ESME_RX_T_APPN
    answer = esme.submit(registered_delivery=wanted)
    stack.settle()
    found = notices(esme)
    assert len(found) == count
    for notice in found:
        assert b"id:%b " % answer.message_id in notice.short_message
        assert b" stat:ENROUTE " in notice.short_message
        assert tlv.find(notice.tlvs, tlv.MESSAGE_STATE) == ENROUTE
    stack.smsc.submit_status = status.ESME_ROK
    stack.wait(61)
    stack.smsc.receipt()
    assert len(esme.receipts) - len(notices(esme)) == (1 if wanted & 3 == 1 else 0)


def test_the_operator_s_own_notification_is_passed_on(stack: Stack, esme: FakeEsme) -> None:
    esme.submit(registered_delivery=0x11)
    stack.smsc.receipt(stat=b"ENROUTE", err=b"027", esm_class=0x20)
    (notice,) = notices(esme)
    assert tlv.find(notice.tlvs, tlv.NETWORK_ERROR_CODE) == b"\3\0\x1b"
    stack.smsc.receipt()
    assert len(esme.receipts) == 2


def test_nobody_hears_later_what_was_told_while_nobody_was_there(stack: Stack) -> None:
    esme = stack.esme()
    esme.submit(registered_delivery=0x11)
    esme.transport.loseConnection()
    stack.settle()
    stack.smsc.receipt(stat=b"ENROUTE", esm_class=0x20)
    stack.smsc.receipt()
    later = stack.esme()
    stack.settle()
    assert [pdu.esm_class for pdu in later.receipts] == [4]

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.channels.dialect import (
    PLAIN,
    Dialect,
    Kind,
    Refusal,
    codings_of,
    errors_of,
    kind_of,
)
from smsd.channels.options import KINDS
from smsd.channels.translation import outcome, submit_pdu
from smsd.options import InvalidOptions
from smsd.smpp import status
from smsd.smpp.receipt import ParsedReceipt
from smsd.smpp.tlv import (
    MESSAGE_PAYLOAD,
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    USER_MESSAGE_REFERENCE,
    MessageState,
    find,
    integer,
)
from tests.stores import NOON, message

LONG = b"x" * 153 + b"y" * 10


def receipt(
    state: int = MessageState.UNDELIVERABLE, error: str = "", network: bytes | None = None
) -> ParsedReceipt:
    return ParsedReceipt("1", state, error, network, True, None)


@pytest.mark.parametrize(("text", "kind"), [("", None), ("5/0", Kind(5, 0)), ("1/1", Kind(1, 1))])
def test_types_of_number(text: str, kind: Kind | None) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize("text", ["5", "5/", "/1", "256/0", "0/256", "a/b", "1/1/1"])
def test_what_is_no_type_of_number(text: str) -> None:
    with pytest.raises(ValueError, match="such as 5/0"):
        kind_of(text)


def test_the_operator_s_own_codings() -> None:
    assert codings_of("gsm7=1, ucs2=0x18") == {0: 1, 8: 0x18}
    for wrong in ("gsm8=1", "gsm7=256", "gsm7", "gsm7=x"):
        with pytest.raises(ValueError, match="Expected"):
            codings_of(wrong)


def test_the_operator_s_own_errors() -> None:
    errors = errors_of("0x45=34:never 0x00000400=27:again 0AB=27,001=5")
    assert errors.refusal(status.ESME_RSUBMITFAIL) == Refusal(False, 34)
    assert errors.refusal(0x400) == Refusal(True, 27)
    assert errors.refusal(status.ESME_RX_T_APPN) == PLAIN.errors.refusal(status.ESME_RX_T_APPN)
    assert outcome(receipt(error="ab"), errors).error == 27
    assert outcome(receipt(error="1"), errors).error == 5
    assert outcome(receipt(error="001", network=b"\3\0\1"), errors).error == 5
    assert outcome(receipt(error="1")).error == 1
    assert outcome(receipt(MessageState.DELIVERED, "ab"), errors).error == 0


def test_what_an_operator_refuses_another_may_have() -> None:
    refusal = PLAIN.errors.refusal
    assert refusal(status.ESME_RINVSRCADR) == Refusal(False, 255, True)
    assert refusal(status.ESME_RSUBMITFAIL) == Refusal(True, 255, True)
    assert refusal(status.ESME_RINVDSTADR) == Refusal(False, 1, False)
    assert refusal(0x400) == Refusal(False, 255, False)
    errors = errors_of("0x400=34:elsewhere 0x401=34:elsewhere:again 0x0A=27:never 0x08=27:again")
    assert errors.refusal(0x400) == Refusal(False, 34, True)
    assert errors.refusal(0x401) == Refusal(True, 34, True)
    assert errors.refusal(status.ESME_RINVSRCADR) == Refusal(False, 27, False)
    assert errors.refusal(status.ESME_RSYSERR) == Refusal(True, 27, False)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "1=",
        "=1",
        "1=99999",
        "0xZZ=1",
        "0x45=1:later",
        "0x45=1:",
        "1=27:again",
        "0x123456789=1",
        "0x45=1:again:elsewhere",
    ],
)
def test_what_is_no_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expected|Only"):
        errors_of(text)


@given(st.text(max_size=30))
def test_any_text_is_understood_or_refused_in_words(text: str) -> None:
    for reader in (kind_of, codings_of, errors_of):
        with suppress(ValueError):
            reader(text)


def test_addresses() -> None:
    dialect = Dialect(numeric=Kind(2, 8), alphanumeric=Kind(5, 9), destination=Kind(0, 1))
    one = message(1, source="385911")
    pdu = submit_pdu(one, 0, NOON, dialect)
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.dest_addr_ton, pdu.dest_addr_npi) == (2, 8, 0, 1)
    one.content.source_ton = 5
    pdu = submit_pdu(one, 0, NOON, dialect)
    assert (pdu.source_addr_ton, pdu.source_addr_npi) == (5, 9)


def test_codings() -> None:
    assert submit_pdu(message(1), 0, NOON, Dialect(codings={0: 1})).data_coding == 1


def test_the_validity() -> None:
    assert submit_pdu(message(1), 0, NOON).validity_period == b"000000010000000R"
    assert submit_pdu(message(1), 0, NOON, Dialect(validity="none")).validity_period == b""
    absolute = submit_pdu(message(1), 0, NOON, Dialect(validity="absolute")).validity_period
    assert absolute.endswith(b"+")
    assert len(absolute) == 16


def test_segments_numbered_by_tlvs() -> None:
    one = message(77, body=LONG, segments=2)
    pdus = [submit_pdu(one, number, NOON, Dialect(long="sar")) for number in (1, 2)]
    assert [pdu.short_message for pdu in pdus] == [LONG[:153], LONG[153:]]
    assert [pdu.esm_class & 0x40 for pdu in pdus] == [0, 0]
    assert [integer(pdu.tlvs, SAR_SEGMENT_SEQNUM) for pdu in pdus] == [1, 2]
    assert {integer(pdu.tlvs, SAR_TOTAL_SEGMENTS) for pdu in pdus} == {2}
    assert len({integer(pdu.tlvs, SAR_MSG_REF_NUM) for pdu in pdus}) == 1


def test_segments_numbered_by_tlvs_keep_their_other_elements() -> None:
    one = message(77, body=b"x" * 200, segments=2)
    one.content.udh = b"\x05\x04\x15\x81\x00\x00"
    pdu = submit_pdu(one, 1, NOON, Dialect(long="sar"))
    assert pdu.short_message.startswith(b"\x06\x05\x04\x15\x81\x00\x00x")
    assert pdu.esm_class & 0x40


def test_a_long_message_as_a_whole() -> None:
    one = message(77, body=LONG, segments=2)
    pdu = submit_pdu(one, 0, NOON, Dialect(long="payload"))
    assert (pdu.short_message, find(pdu.tlvs, MESSAGE_PAYLOAD)) == (b"", LONG)


def test_our_own_number_takes_the_place_of_the_client_s() -> None:
    one = message(1)
    one.content.tlvs = ((USER_MESSAGE_REFERENCE, b"\0\7"),)
    pdu = submit_pdu(one, 0, NOON, PLAIN, 0xABCD)
    assert pdu.tlvs == ((USER_MESSAGE_REFERENCE, b"\xab\xcd"),)


@pytest.mark.parametrize(
    ("option", "value"), [("numeric", "x"), ("codings", "gsm7"), ("errors", "1=x"), ("destination", "1")]
)
def test_an_option_that_is_not_understood_is_named(option: str, value: str) -> None:
    options = {"endpoint": "tcp:h:1", "system_id": "me", option: value}
    with pytest.raises(InvalidOptions, match=f"The option {option}: Expected"):
        KINDS.read("smpp", json.dumps(options))

import calendar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.smpp import receipt, tlv
from smsd.smpp.pdu import DataSm, DeliverSm
from smsd.smpp.receipt import ParsedReceipt, Receipt
from smsd.smpp.tlv import MessageState
from tests.smpp.strategies import pdus_of

SUBMITTED = float(calendar.timegm((2010, 7, 29, 10, 49, 0)))
LINE = b"id:407 sub:001 dlvrd:001 submit date:1007291049 done date:1007291050 stat:DELIVRD err:000 text:Hello"


def told(state: int, *, error: int = 0, delivered: int = 0, text: bytes = b"") -> Receipt:
    return Receipt("40072910491427628", SUBMITTED, SUBMITTED + 60, state, error, 1, delivered, text)


def from_text(text: bytes, esm_class: int = 0x04) -> ParsedReceipt:
    parsed = receipt.parse(DeliverSm(esm_class=esm_class, short_message=text))
    assert parsed is not None
    return parsed


def test_the_plain_line_has_no_text() -> None:
    assert receipt.to_text(told(MessageState.DELIVERED, delivered=1), standard=False) == (
        b"id:40072910491427628 sub:001 dlvr:001 submit date:1007291049 done date:1007291050 "
        b"stat:DELIVRD err:000"
    )


def test_the_standard_line_has_the_first_20_octets_of_the_text() -> None:
    sent = told(MessageState.UNDELIVERABLE, error=1, text=b"The quick brown fox jumps")
    assert receipt.to_text(sent, standard=True) == (
        b"id:40072910491427628 sub:001 dlvrd:000 submit date:1007291049 done date:1007291050 "
        b"stat:UNDELIV err:001 text:The quick brown fox "
    )


@pytest.mark.parametrize(
    ("state", "plain", "standard"),
    [
        (MessageState.DELIVERED, b"DELIVRD", b"DELIVRD"),
        (MessageState.EXPIRED, b"EXPIRED", b"EXPIRED"),
        (MessageState.DELETED, b"DELETED", b"DELETED"),
        (MessageState.UNDELIVERABLE, b"UNDELIV", b"UNDELIV"),
        (MessageState.ACCEPTED, b"ACCEPTD", b"ACCEPTD"),
        (MessageState.UNKNOWN, b"DELIVERY UNKNOWN", b"UNKNOWN"),
        (MessageState.REJECTED, b"REJECTED", b"REJECTD"),
    ],
)
def test_a_state_has_its_word(state: int, plain: bytes, standard: bytes) -> None:
    assert b" stat:" + plain + b" err:" in receipt.to_text(told(state), standard=False)
    assert b" stat:" + standard + b" err:" in receipt.to_text(told(state), standard=True)


def test_the_network_error_code_stands_last_among_the_tlvs() -> None:
    assert receipt.to_tlvs(told(MessageState.UNDELIVERABLE, error=0x0123)) == (
        (0x001E, b"40072910491427628\0"),
        (0x0427, b"\5"),
        (0x0423, b"\3\x01\x23"),
    )


def test_a_long_error_keeps_its_digits() -> None:
    assert b" err:1234" in receipt.to_text(told(MessageState.UNDELIVERABLE, error=1234), standard=False)


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("with_tlvs", [False, True])
@pytest.mark.parametrize("state", MessageState)
def test_what_is_written_is_read_back(state: MessageState, standard: bool, with_tlvs: bool) -> None:
    sent = told(state, error=27)
    tlvs = receipt.to_tlvs(sent) if with_tlvs else ()
    text = receipt.to_text(sent, standard)
    assert receipt.parse(DeliverSm(esm_class=4, short_message=text, tlvs=tlvs)) == ParsedReceipt(
        message_id="40072910491427628",
        state=state,
        error="027",
        network_error=b"\3\0\x1b" if with_tlvs else None,
        final=state not in (MessageState.ENROUTE, MessageState.ACCEPTED),
        user_message_reference=None,
    )


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        LINE.lower(),
        LINE.upper(),
        LINE.replace(b":", b": "),
        LINE.replace(b":", b" : "),
        LINE.replace(b" stat", b"\r\nstat"),
        LINE.replace(b" text:Hello", b""),
        LINE.replace(b" text:Hello", b"\nIMSI:219101100935850 MSC:38591016"),
        LINE.replace(b" text:Hello", b" "),
        LINE.replace(b"Hello", b"id:1 stat:UNDELIV err:099"),
        LINE.replace(b"text:Hello", b"Text:x stat:UNDELIV err:099"),
        LINE.replace(b"1007291049", b"YYMMDDhhmm"),
        LINE.replace(b"DELIVRD", b"DELIVERED"),
        b"  " + LINE,
        b"stat:DELIVRD err:000 id:407",
        b"id:407 stat:DELIVRD err:000",
        b"id:407;sub:001;stat:DELIVRD;err:000;text:",
        b"id:407, stat:DELIVRD, err:000",
        b"\5\0\3\7\1\1" + LINE,
    ],
)
def test_a_line_is_read_however_it_is_written(text: bytes) -> None:
    parsed = from_text(text)
    assert (parsed.message_id, parsed.state, parsed.error) == ("407", MessageState.DELIVERED, "000")
    assert parsed.final


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (b"DELIVERED", MessageState.DELIVERED),
        (b"DELIVERY UNKNOWN", MessageState.UNKNOWN),
        (b"Delivery  Unknown", MessageState.UNKNOWN),
        (b"UNKNOWN", MessageState.UNKNOWN),
        (b"REJECTED", MessageState.REJECTED),
        (b"REJECTD", MessageState.REJECTED),
        (b"UNDELIVERABLE", MessageState.UNDELIVERABLE),
        (b"UNDELIVERED", MessageState.UNDELIVERABLE),
        (b"FAILED", MessageState.UNDELIVERABLE),
        (b"EXPIRED", MessageState.EXPIRED),
        (b"DELETED", MessageState.DELETED),
        (b"CANCELLED", MessageState.DELETED),
    ],
)
def test_odd_words_of_final_states_are_known(word: bytes, state: MessageState) -> None:
    parsed = from_text(LINE.replace(b"DELIVRD", word))
    assert (parsed.state, parsed.error, parsed.final) == (state, "000", True)


@pytest.mark.parametrize("word", [b"ENROUTE", b"ACCEPTD", b"ACCEPTED", b"BUFFERED", b"WHATEVER", b""])
def test_words_that_end_nothing_are_not_final(word: bytes) -> None:
    parsed = from_text(LINE.replace(b"DELIVRD", word))
    assert (parsed.message_id, parsed.error, parsed.final) == ("407", "000", False)


def test_missing_values_are_not_taken_from_the_next_field() -> None:
    parsed = from_text(b"id: sub:001 dlvrd:001 submit date: done date: stat: err: text:DELIVRD")
    assert parsed == ParsedReceipt("", MessageState.UNKNOWN, "", None, False, None)


def test_what_the_message_says_is_not_taken_for_a_field() -> None:
    parsed = from_text(b"id:407 sub:001 text:stat:DELIVRD err:001")
    assert parsed == ParsedReceipt("407", MessageState.UNKNOWN, "", None, False, None)


def test_the_first_of_equal_fields_counts() -> None:
    parsed = from_text(b"id:407 stat:DELIVRD err:000 id:408 stat:UNDELIV err:001")
    assert parsed == ParsedReceipt("407", MessageState.DELIVERED, "000", None, True, None)


@pytest.mark.parametrize("error", [b"5A", b"0x1F", b"12345", b"E-7"])
def test_an_error_is_kept_as_it_was_written(error: bytes) -> None:
    assert from_text(LINE.replace(b"err:000", b"err:" + error)).error == error.decode()


def test_tlvs_count_more_than_the_text() -> None:
    tlvs = (
        (tlv.RECEIPTED_MESSAGE_ID, b"A9\0"),
        (tlv.MESSAGE_STATE, b"\5"),
        (tlv.NETWORK_ERROR_CODE, b"\3\0\1"),
    )
    parsed = receipt.parse(DeliverSm(esm_class=4, short_message=LINE, tlvs=tlvs))
    assert parsed == ParsedReceipt("A9", MessageState.UNDELIVERABLE, "000", b"\3\0\1", True, None)


def test_tlvs_alone_are_enough() -> None:
    tlvs = ((tlv.RECEIPTED_MESSAGE_ID, b"A9"), (tlv.MESSAGE_STATE, b"\2"))
    for esm_class in (0, 4):
        parsed = receipt.parse(DataSm(esm_class=esm_class, tlvs=tlvs))
        assert parsed == ParsedReceipt("A9", MessageState.DELIVERED, "", None, True, None)


def test_a_state_that_does_not_exist_leaves_it_to_the_text() -> None:
    for value in (b"", b"\0", b"\x63", b"\2" * 9):
        parsed = receipt.parse(DeliverSm(esm_class=4, short_message=LINE, tlvs=((tlv.MESSAGE_STATE, value),)))
        assert parsed is not None
        assert parsed.state == MessageState.DELIVERED


def test_a_receipt_may_stand_in_the_message_payload() -> None:
    payload = ((tlv.MESSAGE_PAYLOAD, LINE),)
    for pdu in (DeliverSm(esm_class=4, tlvs=payload), DataSm(esm_class=4, tlvs=payload)):
        assert receipt.parse(pdu) == from_text(LINE)


def test_a_receipt_may_be_written_in_ucs2() -> None:
    text = LINE.decode().encode("utf-16-be")
    assert receipt.parse(DeliverSm(esm_class=4, data_coding=8, short_message=text[:254])) == from_text(LINE)


def test_the_user_message_reference_is_told() -> None:
    for value, number in ((b"\1\2", 0x0102), (b"\7", 7), (b"", None), (b"\1" * 9, None)):
        tlvs = ((tlv.USER_MESSAGE_REFERENCE, value),)
        parsed = receipt.parse(DeliverSm(esm_class=4, short_message=LINE, tlvs=tlvs))
        assert parsed is not None
        assert parsed.user_message_reference == number


def test_an_intermediate_notification_is_final_only_if_delivered() -> None:
    assert not from_text(LINE.replace(b"DELIVRD", b"UNDELIV"), esm_class=0x20).final
    assert from_text(LINE, esm_class=0x20).final


def test_a_receipt_is_known_by_its_text_where_its_esm_class_says_nothing() -> None:
    assert from_text(LINE, esm_class=0) == from_text(LINE)
    assert from_text(LINE, esm_class=0x40 | 0x04) == from_text(LINE)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Hello",
        b"My id: 12, the stat: good",
        b"My id: 12 stat: accepted",
        b"id:12 stat:whatever",
        b"id: stat:DELIVRD",
        b"stat:DELIVRD",
    ],
)
def test_a_message_is_no_receipt(text: bytes) -> None:
    assert receipt.parse(DeliverSm(short_message=text)) is None


def test_what_says_it_is_a_receipt_is_one_though_nothing_in_it_is_known() -> None:
    assert from_text(b"no idea") == ParsedReceipt("", MessageState.UNKNOWN, "", None, False, None)


@given(pdus_of(DeliverSm) | pdus_of(DataSm))
def test_whatever_comes_is_read_without_an_exception(pdu: DeliverSm | DataSm) -> None:
    parsed = receipt.parse(pdu)
    assert parsed is None or parsed.state in list(MessageState)


FRAGMENTS = [
    b"id",
    b"stat",
    b"err",
    b"text",
    b":",
    b" ",
    b"DELIVRD",
    b"DELIVERY UNKNOWN",
    b"\0",
    b"\xff",
    b"1",
]


@given(st.lists(st.sampled_from(FRAGMENTS)).map(b"".join), st.sampled_from([0, 4, 0x20]))
def test_scraps_of_a_line_are_read_without_an_exception(text: bytes, esm_class: int) -> None:
    parsed = receipt.parse(DeliverSm(esm_class=esm_class, short_message=text))
    assert parsed is not None or esm_class == 0

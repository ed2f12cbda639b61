from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.hlr.number_context import Found, is_receipt, read
from smsd.numbering.context import Context, Network
from smsd.services.lookup import NoAnswer
from smsd.smpp.pdu import DataSm, DeliverSm
from smsd.smpp.tlv import MESSAGE_PAYLOAD
from tests.hlr.asking import NUMBER

LINE = b"id:40072910491427628 sub:001 dlvr:001 submit date:1007291049 done date:1007291049 "
REACHED = LINE + b"stat:DELIVRD err:000"
FAILED = LINE + b"stat:UNDELIV err:001"
FIELDS = (
    b"\nIMSI:219101100935850 MSC:38591016 HLR:38591000001 "
    b"ORN:VipNet PON:VipNet RON:VipNet ROC:HR MCCMNC:21910"
)
TLVS = (
    (0x0423, b"\x03\x00\x00"),
    (0x0427, b"\x02"),
    (0x001E, b"40072910491427628\0"),
    (0x1409, b"38591000001\0"),
    (0x1412, b"VipNet\0"),
    (0x1413, b"VipNet\0"),
    (0x1414, b"VipNet\0"),
    (0x1415, b"Croatia \0"),
    (0x1417, b"HR\0"),
    (0x1416, b"21910\0"),
    (0x1418, b"\0\0\0\x01"),
    (0x1419, b"91\0"),
    (0x1420, b"385\0"),
    (0x1421, b"\0\0\0\x01"),
    (0x1422, b"Croatia \0"),
    (0x1423, b"HR\0"),
    (0x1424, b"385\0"),
    (0x1425, b"\0\0\0\x01"),
    (0x1403, b"219101100935850"),
    (0x1406, b"38591016"),
)


def deliver(
    text: bytes = REACHED, tlvs: tuple[tuple[int, bytes], ...] = (), source: bytes = NUMBER.encode()
) -> DeliverSm:
    return DeliverSm(esm_class=4, source_addr=source, short_message=text, tlvs=tlvs)


def known(text: bytes = REACHED, tlvs: tuple[tuple[int, bytes], ...] = ()) -> Context:
    found = read(deliver(text, tlvs))
    assert found is not None
    assert isinstance(found.said, Context), found.said
    return found.said


def test_a_receipt_says_all_that_is_known_by_its_optional_parameters() -> None:
    found = read(deliver(REACHED + FIELDS, TLVS))
    assert found == Found(
        "40072910491427628",
        NUMBER,
        Context(
            error=0,
            correct=True,
            imsi="219101100935850",
            serving_msc="38591016",
            serving_hlr="38591000001",
            original=Network("VipNet", "", "Croatia", "385", "HR"),
            ported=True,
            ported_network=Network("VipNet", mccmnc="21910"),
            roaming=False,
            roaming_network=Network("VipNet", "91", "Croatia", "385", "HR"),
        ),
    )


def test_a_receipt_of_an_unknown_subscriber_says_what_the_plan_knows() -> None:
    tlvs = (
        (0x0423, b"\x03\x00\x01"),
        (0x0427, b"\x05"),
        (0x001E, b"40072910491419819\0"),
        (0x1412, b"VipNet\0"),
        (0x1416, b"\0"),
        (0x1418, b"\0\0\0\x01"),
        (0x1421, b"\0\0\0\0"),
        (0x1422, b"Croatia \0"),
        (0x1423, b"HR\0"),
        (0x1424, b"385\0"),
        (0x1425, b"\0\0\0\x01"),
    )
    assert known(FAILED + b"\nIMSI:MSC:ORN:VipNet MCCMNC:", tlvs) == Context(
        error=1, correct=True, original=Network("VipNet", "", "Croatia", "385", "HR"), ported=False
    )


def test_the_line_counts_where_there_are_no_optional_parameters() -> None:
    assert known(REACHED + FIELDS) == Context(
        error=0,
        imsi="219101100935850",
        serving_msc="38591016",
        serving_hlr="38591000001",
        original=Network("VipNet", mccmnc="21910"),
        ported=False,
        roaming=False,
        roaming_network=Network("VipNet", country_code="HR"),
    )


@pytest.mark.parametrize(
    "text", [FAILED + b"\nIMSI:MSC:ORN:VipNet MCCMNC:", FAILED + b" \nORN:VipNet", FAILED]
)
def test_the_line_may_be_as_good_as_empty(text: bytes) -> None:
    context = known(text)
    assert (context.error, context.imsi, context.serving_msc) == (1, None, None)
    assert context.original in (Network("VipNet"), None)


def test_an_optional_parameter_counts_more_than_the_line() -> None:
    assert known(REACHED + FIELDS, ((0x1403, b"219020000000001"),)).imsi == "219020000000001"


def test_a_name_may_have_blanks() -> None:
    context = known(REACHED + b"\nIMSI: ORN:T-Mobile Hrvatska d.o.o. PON:HT MCCMNC:21901")
    assert context.original == Network("T-Mobile Hrvatska d.o.o.")
    assert (context.ported, context.ported_network) == (True, Network("HT", mccmnc="21901"))


def test_the_text_may_be_in_message_payload() -> None:
    assert known(b"", ((MESSAGE_PAYLOAD, REACHED + FIELDS),)).imsi == "219101100935850"
    data = DataSm(esm_class=4, source_addr=NUMBER.encode(), tlvs=((MESSAGE_PAYLOAD, REACHED + FIELDS),))
    found = read(data)
    assert found is not None
    assert isinstance(found.said, Context)
    assert found.said.serving_msc == "38591016"


@pytest.mark.parametrize(
    ("err", "tlvs", "error"),
    [
        (b"027", (), 27),
        (b"001", ((0x0423, b"\x03\x00\x1b"),), 27),
        (b"000", (), 255),
        (b"ABC", (), 255),
        (b"99999", (), 255),
        (b"027", ((0x0423, b"\x03"),), 27),
    ],
)
def test_the_error_is_that_of_the_parameter_or_of_the_text(
    err: bytes, tlvs: tuple[tuple[int, bytes], ...], error: int
) -> None:
    assert known(LINE + b"stat:UNDELIV err:" + err, tlvs).error == error


@pytest.mark.parametrize("state", [b"EXPIRED", b"REJECTD", b"UNKNOWN", b"DELETED"])
def test_a_question_that_ended_otherwise_has_no_answer(state: bytes) -> None:
    found = read(deliver(LINE + b"stat:" + state + b" err:000"))
    assert found is not None
    assert isinstance(found.said, NoAnswer)


def test_a_peer_that_has_no_answer_itself_gives_none() -> None:
    found = read(deliver(LINE + b"stat:UNDELIV err:502"))
    assert found is not None
    assert isinstance(found.said, NoAnswer)


def test_what_is_not_final_says_nothing_yet() -> None:
    pdu = deliver(LINE + b"stat:ACCEPTD err:000")
    assert read(pdu) is None
    assert is_receipt(pdu)


def test_a_message_is_no_receipt() -> None:
    pdu = DeliverSm(source_addr=b"41793026727", short_message=b"Hello")
    assert read(pdu) is None
    assert not is_receipt(pdu)


@pytest.mark.parametrize(
    ("original", "visited", "roaming"),
    [
        ("ORN:VipNet", "RON:VipNet ROC:HR", False),
        ("ORN:VipNet", "RON:A1 ROC:AT", True),
        ("ORN:VipNet PON:Tele2", "RON:Tele2 ROC:HR", False),
        ("ORN:VipNet", "", None),
        ("ORN:VipNet", "ROC:HR", None),
        ("", "RON:A1", None),
    ],
)
def test_a_phone_roams_that_is_in_another_network_than_its_own(
    original: str, visited: str, roaming: bool | None
) -> None:
    assert known(REACHED + f"\n{original} {visited}".encode()).roaming is roaming


def test_a_phone_in_another_country_roams_even_in_a_network_of_the_same_name() -> None:
    tlvs = ((0x1412, b"A1\0"), (0x1423, b"HR\0"), (0x1414, b"A1\0"), (0x1417, b"AT\0"))
    assert known(REACHED, tlvs).roaming is True


def test_a_number_that_is_none_is_left_out() -> None:
    found = read(deliver(source=b"Infobip"))
    assert found is not None
    assert found.number is None


@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0x1400, 0x1450) | st.integers(0, 0xFFFF), st.binary(max_size=30))),
)
def test_arbitrary_receipts_do_no_harm(text: bytes, tlvs: list[tuple[int, bytes]]) -> None:
    found = read(deliver(REACHED + b"\n" + text, tuple(tlvs)))
    if found is not None and isinstance(found.said, Context):
        assert found.said.imsi is None or found.said.imsi.isdecimal()
        assert found.said.original is None or found.said.original.name.isprintable()

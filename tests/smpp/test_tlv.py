from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.smpp import status, tlv
from smsd.smpp.tlv import MalformedTlv, MessageState, Tlvs
from tests.smpp.strategies import TLVS


@given(TLVS)
def test_what_is_packed_is_unpacked(tlvs: Tlvs) -> None:
    assert tlv.unpack(tlv.pack(tlvs)) == tlvs


@given(st.binary(max_size=100))
def test_arbitrary_octets_are_malformed_at_worst(data: bytes) -> None:
    with suppress(MalformedTlv):
        assert tlv.pack(tlv.unpack(data)) == data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\2", status.ESME_RINVOPTPARSTREAM),
        (b"\2\4\0", status.ESME_RINVOPTPARSTREAM),
        (b"\2\4\0\1", status.ESME_RINVPARLEN),
        (b"\2\4\0\1\1\2\4\0\2\1", status.ESME_RINVPARLEN),
    ],
)
def test_a_parameter_cut_off_has_a_status(data: bytes, expected: int) -> None:
    with pytest.raises(MalformedTlv) as caught:
        tlv.unpack(data)
    assert caught.value.status == expected
    assert caught.value.reason


def test_the_first_of_equal_tags_is_found() -> None:
    tlvs = ((tlv.SAR_MSG_REF_NUM, b"\1\2"), (tlv.SAR_MSG_REF_NUM, b"\3\4"), (tlv.MESSAGE_STATE, b""))
    assert tlv.find(tlvs, tlv.SAR_MSG_REF_NUM) == b"\1\2"
    assert tlv.find(tlvs, tlv.MESSAGE_PAYLOAD) is None
    assert tlv.integer(tlvs, tlv.SAR_MSG_REF_NUM) == 0x0102
    assert tlv.integer(tlvs, tlv.MESSAGE_STATE) is None
    assert tlv.integer(((1, b"\1" * 5),), 1) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="0x0424"):
        tlv.pack(((tlv.MESSAGE_PAYLOAD, b"p" * 0x10000),))


def test_message_states_are_those_of_the_standard() -> None:
    assert [state.name for state in sorted(MessageState)] == [
        "ENROUTE",
        "DELIVERED",
        "EXPIRED",
        "DELETED",
        "UNDELIVERABLE",
        "ACCEPTED",
        "UNKNOWN",
        "REJECTED",
    ]
    assert min(MessageState) == 1


def test_a_status_has_its_name_or_its_number() -> None:
    assert status.name(0) == "ESME_ROK"
    assert status.name(0x0E) == "ESME_RINVPASWD"
    assert status.name(0xFF) == "ESME_RUNKNOWNERR"
    assert status.name(0x4A1) == "0x000004A1"

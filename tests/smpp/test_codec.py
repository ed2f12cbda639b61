from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.smpp import tlv
from smsd.smpp.codec import SOURCES, MalformedPdu, decode, encode
from smsd.smpp.pdu import (
    BY_COMMAND,
    AlertNotification,
    BindTransceiverResp,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Outbind,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from smsd.smpp.status import (
    ESME_RINVCMDID,
    ESME_RINVCMDLEN,
    ESME_RINVDSTADR,
    ESME_RINVEXPIRY,
    ESME_RINVMSGID,
    ESME_RINVMSGLEN,
    ESME_RINVOPTPARSTREAM,
    ESME_RINVPARLEN,
    ESME_RINVPASWD,
    ESME_RINVSCHED,
    ESME_RINVSERTYP,
    ESME_RINVSRCADR,
    ESME_RINVSYSID,
    ESME_RINVSYSTYP,
    ESME_RSYSERR,
    ESME_RTHROTTLED,
)
from tests.smpp.strategies import PDUS

# Written by hand from the tables of the standard; the first is its own example.
GOLDEN: list[tuple[str, Pdu]] = [
    (
        "0000002F 00000002 00000000 00000001 534D50503354455354 00 7365637265743038 00"
        "5355424D495431 00 00 01 01 00",
        BindTransmitter(
            1,
            system_id=b"SMPP3TEST",
            password=b"secret08",
            system_type=b"SUBMIT1",
            interface_version=0,
            addr_ton=1,
            addr_npi=1,
        ),
    ),
    (
        "0000001A 80000009 00000000 00000001 736D7363 00 0210 0001 34",
        BindTransceiverResp(1, system_id=b"smsc", tlvs=((tlv.SC_INTERFACE_VERSION, b"\x34"),)),
    ),
    ("00000010 80000009 0000000E 00000001", BindTransceiverResp(1, 0x0E)),
    ("00000018 0000000B 00000000 00000002 736D7363 00 7077 00", Outbind(2, 0, b"smsc", b"pw")),
    ("00000010 00000006 00000000 00000003", Unbind(3)),
    ("00000010 80000006 00000000 00000003", UnbindResp(3)),
    ("00000010 00000015 00000000 7FFFFFFF", EnquireLink(0x7FFFFFFF)),
    ("00000010 80000000 00000003 00000009", GenericNack(9, ESME_RINVCMDID)),
    (
        "0000004B 00000004 00000000 00000005"
        "434D5400 05 00 736D736400 01 01 33383539313100"
        "40 00 01 303030303031303030303030303030 5200 00 03 00 08 00 02 0416"
        "0204 0002 0007 020E 0001 02",
        SubmitSm(
            5,
            service_type=b"CMT",
            source_addr_ton=5,
            source_addr=b"smsd",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=b"385911",
            esm_class=0x40,
            priority_flag=1,
            schedule_delivery_time=b"000001000000000R",
            registered_delivery=3,
            data_coding=8,
            short_message=b"\x04\x16",
            tlvs=((tlv.USER_MESSAGE_REFERENCE, b"\0\7"), (tlv.SAR_TOTAL_SEGMENTS, b"\2")),
        ),
    ),
    ("00000014 80000004 00000000 00000005 34303700", SubmitSmResp(5, message_id=b"407")),
    ("00000010 80000004 00000058 00000005", SubmitSmResp(5, ESME_RTHROTTLED)),
    (
        "00000024 00000005 00000000 00000006 00 01 01 3100 01 01 3200 04 00 00 00 00 00 00 00 00 01 41",
        DeliverSm(6, 0, b"", 1, 1, b"1", 1, 1, b"2", 4, short_message=b"A"),
    ),
    ("00000011 80000005 00000000 00000006 00", DeliverSmResp(6)),
    (
        "00000022 00000103 00000000 00000007 00 01 01 3100 01 01 3200 00 01 00 0424 0002 4849",
        DataSm(7, 0, b"", 1, 1, b"1", 1, 1, b"2", 0, 1, 0, ((tlv.MESSAGE_PAYLOAD, b"HI"),)),
    ),
    (
        "00000017 80000103 000000FE 00000007 3900 0425 0001 01",
        DataSmResp(7, 0xFE, b"9", ((tlv.DELIVERY_FAILURE_REASON, b"\1"),)),
    ),
    (
        "0000001D 00000102 00000000 00000008 01 01 3100 00 00 6500 0422 0001 00",
        AlertNotification(8, 0, 1, 1, b"1", 0, 0, b"e", ((tlv.MS_AVAILABILITY_STATUS, b"\0"),)),
    ),
]


def octets(command_id: int, body: bytes = b"", *, status: int = 0, number: int = 7) -> bytes:
    """Frame a body that no encoder would write."""
    head = (16 + len(body), command_id, status, number)
    return b"".join(each.to_bytes(4, "big") for each in head) + body


def submit(
    *,
    service_type: bytes = b"\0",
    source: bytes = b"1\0",
    destination: bytes = b"2\0",
    schedule: bytes = b"\0",
    validity: bytes = b"\0",
    text: bytes = b"\2hi",
    tail: bytes = b"",
) -> bytes:
    """Build a submit_sm part by part, each as it stands on the wire."""
    return octets(
        SubmitSm.command_id,
        b"%b\1\1%b\1\1%b\0\0\0%b%b\0\0\0\0%b%b"
        % (service_type, source, destination, schedule, validity, text, tail),
    )


def status_of(data: bytes) -> int:
    with pytest.raises(MalformedPdu) as caught:
        decode(data)
    assert caught.value.sequence_number == 7
    return caught.value.status


@pytest.mark.parametrize(("hexadecimal", "pdu"), GOLDEN, ids=lambda each: type(each).__name__)
def test_octets_are_those_of_the_standard(hexadecimal: str, pdu: Pdu) -> None:
    assert decode(bytes.fromhex(hexadecimal)) == pdu
    assert encode(pdu) == bytes.fromhex(hexadecimal)


def test_every_command_id_is_that_of_the_standard() -> None:
    assert {pdu.__name__: command_id for command_id, pdu in BY_COMMAND.items()} == {
        "BindReceiver": 0x00000001,
        "BindTransmitter": 0x00000002,
        "SubmitSm": 0x00000004,
        "DeliverSm": 0x00000005,
        "Unbind": 0x00000006,
        "BindTransceiver": 0x00000009,
        "Outbind": 0x0000000B,
        "EnquireLink": 0x00000015,
        "AlertNotification": 0x00000102,
        "DataSm": 0x00000103,
        "GenericNack": 0x80000000,
        "BindReceiverResp": 0x80000001,
        "BindTransmitterResp": 0x80000002,
        "SubmitSmResp": 0x80000004,
        "DeliverSmResp": 0x80000005,
        "UnbindResp": 0x80000006,
        "BindTransceiverResp": 0x80000009,
        "EnquireLinkResp": 0x80000015,
        "DataSmResp": 0x80000103,
    }


@given(PDUS)
def test_what_is_written_is_read_back(pdu: Pdu) -> None:
    assert decode(encode(pdu)) == pdu


@given(st.binary(max_size=200))
def test_arbitrary_octets_are_malformed_at_worst(data: bytes) -> None:
    with suppress(MalformedPdu):
        decode(data)


@given(st.sampled_from([*BY_COMMAND, 0x03, 0x80000003]), st.binary(max_size=200), st.sampled_from([0, 8]))
def test_an_arbitrary_body_is_malformed_at_worst(command_id: int, body: bytes, status: int) -> None:
    try:
        pdu: Pdu | MalformedPdu = decode(octets(command_id, body, status=status))
    except MalformedPdu as error:
        pdu = error
    assert (pdu.command_id, pdu.sequence_number) == (command_id, 7)
    if isinstance(pdu, MalformedPdu):
        assert pdu.status
        assert pdu.reason in str(pdu)
    else:
        assert pdu.command_status == status


@given(PDUS, st.data())
def test_a_pdu_with_some_octets_changed_is_malformed_at_worst(pdu: Pdu, data: st.DataObject) -> None:
    changed = bytearray(encode(pdu))
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=3)):
        changed[at] = data.draw(st.integers(0, 255))
    with suppress(MalformedPdu):
        decode(bytes(changed))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (submit(service_type=b"SEVENS\0"), ESME_RINVSERTYP),
        (submit(source=b"1" * 21 + b"\0"), ESME_RINVSRCADR),
        (submit(destination=b"1" * 21 + b"\0"), ESME_RINVDSTADR),
        (submit(schedule=b"1" * 17 + b"\0"), ESME_RINVSCHED),
        (submit(validity=b"1" * 17 + b"\0"), ESME_RINVEXPIRY),
        (submit(text=b"\xff" + b"a" * 255), ESME_RINVMSGLEN),
        (submit(text=b"\3hi"), ESME_RINVMSGLEN),
        (submit(text=b""), ESME_RINVCMDLEN),
        (submit(tail=b"\2\4\0"), ESME_RINVOPTPARSTREAM),
        (submit(tail=b"\2\4\0\3\1\1"), ESME_RINVPARLEN),
        (submit(tail=b"\2\4\0\1\1\2\4"), ESME_RINVOPTPARSTREAM),
        (octets(2, b"s" * 16 + b"\0"), ESME_RINVSYSID),
        (octets(2, b"s\0" + b"p" * 9 + b"\0"), ESME_RINVPASWD),
        (octets(2, b"s\0p\0" + b"t" * 13 + b"\0\0\0\0\0"), ESME_RINVSYSTYP),
        (octets(2, b"s\0p\0t\0\x34\0\0" + b"r" * 41 + b"\0"), ESME_RINVPARLEN),
        (octets(2, b"s\0p\0t\0\x34"), ESME_RINVCMDLEN),
        (octets(2, b"s\0p"), ESME_RINVCMDLEN),
        (octets(2), ESME_RINVCMDLEN),
        (octets(0x80000004, b"i" * 65 + b"\0"), ESME_RINVMSGID),
        (octets(0x80000009, b"s\0\2"), ESME_RINVOPTPARSTREAM),
        (octets(0x00000003, b"1\0\0\0\0"), ESME_RINVCMDID),
        (octets(0x00000015) + b"\0", ESME_RINVCMDLEN),
    ],
)
def test_a_field_that_breaks_its_rule_has_a_status(data: bytes, status: int) -> None:
    assert status_of(data) == status


@pytest.mark.parametrize("size", range(17, len(submit())))
def test_a_submit_sm_cut_off_anywhere_is_refused(size: int) -> None:
    whole = submit(tail=b"")
    expected = ESME_RINVMSGLEN if size >= len(whole) - 2 else ESME_RINVCMDLEN
    assert status_of(octets(4, whole[16:size])) == expected


def test_the_longest_of_every_field_is_taken() -> None:
    pdu = SubmitSm(
        service_type=b"5" * 5,
        source_addr=b"2" * 20,
        destination_addr=b"2" * 20,
        schedule_delivery_time=b"1" * 16,
        validity_period=b"1" * 16,
        short_message=b"m" * 254,
        tlvs=((tlv.MESSAGE_PAYLOAD, b"p" * 0xFFFF),),
    )
    assert decode(encode(pdu)) == pdu


def test_less_than_a_header_is_no_pdu() -> None:
    for size in range(16):
        with pytest.raises(MalformedPdu) as caught:
            decode(encode(EnquireLink(7))[:size])
        assert caught.value.status == ESME_RINVCMDLEN


@pytest.mark.parametrize("status", [0, ESME_RSYSERR])
def test_a_response_without_a_body_is_taken(status: int) -> None:
    assert decode(octets(0x80000004, status=status)) == SubmitSmResp(7, status)
    assert decode(octets(0x80000009, status=status)) == BindTransceiverResp(7, status)
    assert decode(octets(0x80000103, status=status)) == DataSmResp(7, status)


def test_a_response_may_lack_its_last_nul() -> None:
    assert decode(octets(0x80000004, b"407291")) == SubmitSmResp(7, message_id=b"407291")
    assert decode(octets(0x80000009, b"smsc")) == BindTransceiverResp(7, system_id=b"smsc")
    assert decode(octets(0x80000004, b"i" * 64)) == SubmitSmResp(7, message_id=b"i" * 64)


def test_a_refusal_with_an_unreadable_body_is_still_that_refusal() -> None:
    assert decode(octets(0x80000004, b"i" * 70, status=ESME_RTHROTTLED)) == SubmitSmResp(7, ESME_RTHROTTLED)
    assert decode(octets(0x80000009, b"s\0\2", status=ESME_RSYSERR)) == BindTransceiverResp(7, ESME_RSYSERR)


def test_octets_behind_a_pdu_without_optional_parameters_are_left_alone() -> None:
    assert decode(octets(0x15, b"\0\0")) == EnquireLink(7)
    assert decode(octets(0x80000004, b"id\0\2\4\0")) == SubmitSmResp(7, message_id=b"id")


def test_a_refusal_carries_its_fields_if_it_has_any() -> None:
    assert len(encode(DataSmResp(1, 0xFE))) == 16
    assert len(encode(DataSmResp(1, 0))) == 17
    assert len(encode(SubmitSmResp(1, 8, b"id"))) == 19


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service_type", b"SEVENS"),
        ("source_addr", b"1" * 21),
        ("source_addr", b"1\0" + b"2"),
        ("destination_addr", b"1" * 21),
        ("schedule_delivery_time", b"1" * 17),
        ("validity_period", b"\0"),
        ("short_message", b"m" * 255),
        ("short_message", b"m" * 300),
        ("esm_class", 256),
        ("data_coding", -1),
        ("sequence_number", 1 << 32),
        ("command_status", -1),
        ("tlvs", ((0x10000, b""),)),
        ("tlvs", ((0x0424, b"p" * 0x10000),)),
    ],
)
def test_a_field_that_does_not_fit_is_named(field: str, value: object) -> None:
    pdu = SubmitSm()
    setattr(pdu, field, value)
    with pytest.raises(ValueError, match=field):
        encode(pdu)


def test_a_password_is_never_shown() -> None:
    shown = repr(BindTransmitter(system_id=b"acme", password=b"hunter2"))
    assert "hunter2" not in shown
    assert "acme" in shown
    assert "hunter2" not in repr(Outbind(password=b"hunter2"))


def test_the_generated_code_can_be_read() -> None:
    reads, writes = SOURCES[SubmitSm]
    assert "short_message = data[start:end]" in reads
    assert "short_message = pdu.short_message" in writes

"""What becomes of messages from subscribers, from the operator's deliver_sm to the client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import capturedLogs

from smsd.channels.receiving import original
from smsd.smpp import status, tlv
from smsd.smpp.pdu import (
    BindReceiver,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSmResp,
)
from smsd.sms.udh import Concatenation
from smsd.store.engine import StoreUnavailable
from smsd.store.received import State
from tests.peers import FakeEsme, Stack, result, submit_sm

NUMBER = b"385911234567"


def deliver_sm(text: bytes = b"Hello", **fields: Any) -> DeliverSm:
    values: dict[str, Any] = {
        "service_type": b"CMT",
        "source_addr_ton": 1,
        "source_addr_npi": 1,
        "source_addr": b"41793026727",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": NUMBER,
        "short_message": text,
    }
    return DeliverSm(**(values | fields))


def sar(reference: int, total: int, number: int) -> tuple[tuple[int, bytes], ...]:
    return (
        (tlv.SAR_MSG_REF_NUM, reference.to_bytes(2, "big")),
        (tlv.SAR_TOTAL_SEGMENTS, bytes((total,))),
        (tlv.SAR_SEGMENT_SEQNUM, bytes((number,))),
    )


def bring(stack: Stack, pdu: Pdu) -> Pdu | None:
    """Let the operator send a PDU, and return the answer, if it comes now."""
    link = next(link for link in stack.smsc.bound if link.bound_as is not BindTransmitter)
    number = link.send(pdu)
    stack.settle()
    return link.answer_to(number)


@pytest.fixture
def own(stack: Stack) -> Callable[..., None]:
    """Gives the account a number."""

    def own(delivery: str = "smpp", **columns: str) -> None:
        result(stack.administration.add_number(NUMBER.decode(), "acme", delivery=delivery, **columns))
        stack.wait(0.4)

    return own


# What the operator is answered.


def test_a_message_is_acknowledged_when_it_is_on_disk(stack: Stack, own: Callable[..., None]) -> None:
    own("inbox")
    stack.writer.hold()
    assert bring(stack, deliver_sm()) is None
    stack.writer.let_go()
    stack.settle()
    (link,) = stack.smsc.bound
    assert link.all(DeliverSmResp) == [DeliverSmResp(1, status.ESME_ROK)]
    assert stack.rows("SELECT state, text FROM received") == [(State.INBOX, "Hello")]


def test_a_message_in_a_data_sm_is_taken_too(stack: Stack, own: Callable[..., None]) -> None:
    own("inbox")
    pdu = DataSm(source_addr=b"+41793026727", destination_addr=NUMBER, tlvs=((tlv.MESSAGE_PAYLOAD, b"data"),))
    assert bring(stack, pdu) == DataSmResp(1, status.ESME_ROK)
    assert stack.rows("SELECT source, text FROM received") == [("41793026727", "data")]


@pytest.mark.parametrize("long", ["source_addr", "destination_addr"])
def test_a_data_sm_whose_address_no_deliver_sm_can_carry_is_refused(
    stack: Stack, own: Callable[..., None], long: str
) -> None:
    own("inbox")
    addresses: dict[str, Any] = {"source_addr": b"1", "destination_addr": NUMBER} | {long: b"1" * 21}
    answer = bring(stack, DataSm(**addresses))
    assert answer is not None
    assert answer.command_status == {
        "source_addr": status.ESME_RINVSRCADR,
        "destination_addr": status.ESME_RINVDSTADR,
    }[long]  # fmt: skip


def test_a_number_that_nobody_has_is_refused_for_good_with_few_words(stack: Stack) -> None:
    with capturedLogs() as events:
        for _ in range(50):
            answer = bring(stack, deliver_sm())
            assert answer is not None
            assert answer.command_status == status.ESME_RX_R_APPN
    assert len([event for event in events if event.get("address") == NUMBER.decode()]) == 1


def test_while_the_database_is_away_the_operator_keeps_the_message(
    stack: Stack, own: Callable[..., None]
) -> None:
    own("inbox")
    stack.writer.failing = StoreUnavailable("away")
    for _ in range(2):
        answer = bring(stack, deliver_sm())
        assert answer is not None
        assert answer.command_status == status.ESME_RX_T_APPN
    stack.writer.failing = None
    stack.wait(5)
    answer = bring(stack, deliver_sm())
    assert answer is not None
    assert answer.command_status == status.ESME_ROK
    assert stack.rows("SELECT text FROM received") == [("Hello",)]


def test_more_than_may_wait_for_the_disk_are_kept_by_the_operator(tmp_path: Path) -> None:
    stack = Stack(tmp_path, unstored=10)
    result(stack.administration.add_number(NUMBER.decode(), "acme"))
    stack.wait(0.4)
    stack.writer.hold()
    (link,) = stack.smsc.bound
    for _ in range(20):
        link.send(deliver_sm())
    stack.settle()
    assert [answer.command_status for answer in link.all(DeliverSmResp)] == [status.ESME_RX_T_APPN] * 15
    stack.writer.let_go()
    stack.settle()
    assert len(stack.rows("SELECT * FROM received")) == 5
    stack.close()


def test_a_receipt_is_none_of_it(stack: Stack, own: Callable[..., None]) -> None:
    own()
    esme = stack.esme()
    esme.submit()
    stack.smsc.receipt(destination_addr=NUMBER)
    assert len(esme.receipts) == 1
    assert stack.rows("SELECT * FROM received") == []


def test_a_receiver_of_a_pair_takes_messages(tmp_path: Path) -> None:
    stack = Stack(tmp_path, bind="pair")
    result(stack.administration.add_number(NUMBER.decode(), "acme"))
    stack.wait(0.4)
    answer = bring(stack, deliver_sm())
    assert answer is not None
    assert answer.command_status == status.ESME_ROK
    stack.close()


# What the client gets.


def same(sent: DeliverSm, got: DeliverSm) -> bool:
    """Tell whether a client got what an operator sent."""
    sent.sequence_number = got.sequence_number
    return sent == got


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"destination_addr": b"+385911234567", "dest_addr_ton": 0, "dest_addr_npi": 0},
        {"source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "Bücher".encode("latin-1")},
        {"esm_class": 0x80, "protocol_id": 0x41, "priority_flag": 2, "registered_delivery": 0x08},
        {"data_coding": 8, "short_message": "здраво".encode("utf-16-be")},
        {"data_coding": 4, "short_message": b"\0\1\xff"},
        {"esm_class": 0x40, "short_message": b"\6\5\4\x0b\x84\x23\xf0WAP"},
        {"esm_class": 0x40, "short_message": b"\x05\0\3\1"},
        {"esm_class": 0x40, "short_message": b"\0no elements"},
        {"short_message": b"", "tlvs": ((tlv.SOURCE_PORT, b"\0\7"), (tlv.MESSAGE_PAYLOAD, b"x" * 300))},
        {"tlvs": ((0x1403, b"vendor"), (tlv.USER_MESSAGE_REFERENCE, b"\0\1"))},
        {"tlvs": sar(1, 2, 9)},
        {"tlvs": sar(1, 1, 1)},
        {"tlvs": sar(1, 2, 1)[:2]},
    ],
)
def test_a_client_gets_a_message_as_it_came(
    stack: Stack, own: Callable[..., None], fields: dict[str, Any]
) -> None:
    own()
    esme = stack.esme(BindReceiver)
    bring(stack, deliver_sm(**fields))
    (got,) = esme.receipts
    assert same(deliver_sm(**fields), got)
    assert stack.rows("SELECT state FROM received") == [(State.DONE,)]


def test_what_would_make_it_a_receipt_or_ask_for_one_is_left_out(
    stack: Stack, own: Callable[..., None]
) -> None:
    own()
    esme = stack.esme()
    tlvs = ((tlv.MESSAGE_STATE, b"\2"), (tlv.NETWORK_ERROR_CODE, b"\3\0\0"), (tlv.SOURCE_PORT, b"\0\7"))
    bring(stack, deliver_sm(esm_class=0x50, short_message=b"\0ack", registered_delivery=1, tlvs=tlvs))
    (got,) = esme.receipts
    assert (got.esm_class, got.registered_delivery) == (0x40, 0)
    assert got.tlvs == ((tlv.SOURCE_PORT, b"\0\7"),)


@pytest.mark.parametrize(
    "segments",
    [
        [
            {"esm_class": 0x40, "short_message": b"\5\0\3\7\3" + bytes((number,)) + b"part"}
            for number in (1, 2, 3)
        ],
        [
            {"esm_class": 0x40, "short_message": b"\6\x08\4\1\7\3" + bytes((number,)) + b"part"}
            for number in (1, 2, 3)
        ],
        [{"short_message": b"part", "tlvs": (*sar(7, 3, number), (0x1400, b"v"))} for number in (1, 2, 3)],
    ],
    ids=["8 bits", "16 bits", "SAR"],
)
def test_a_client_gets_the_segments_of_a_long_message_as_they_came(
    stack: Stack, own: Callable[..., None], segments: list[dict[str, Any]]
) -> None:
    own()
    esme = stack.esme()
    for position in (2, 0, 1):
        assert esme.receipts == []
        answer = bring(stack, deliver_sm(**segments[position]))
        assert answer is not None
        assert answer.command_status == status.ESME_ROK
    assert len(esme.receipts) == 3
    for fields, got in zip(segments, esme.receipts, strict=True):
        assert same(deliver_sm(**fields), got)


def test_a_message_is_sent_again_until_it_is_acknowledged(stack: Stack, own: Callable[..., None]) -> None:
    own()
    busy, free = stack.esme(None), stack.esme(None)
    busy.receipt_status = status.ESME_RMSGQFUL
    busy.bind()
    bring(stack, deliver_sm())
    assert len(busy.receipts) == 1
    assert stack.rows("SELECT state FROM received") == [(State.WAITING,)]
    free.bind(BindReceiver)
    stack.wait(1)
    assert len(free.receipts) == 1
    assert stack.rows("SELECT state FROM received") == [(State.DONE,)]


def test_a_transmitter_gets_none(stack: Stack, own: Callable[..., None]) -> None:
    own()
    esme = stack.esme(BindTransmitter)
    bring(stack, deliver_sm())
    assert esme.receipts == []
    assert len(stack.esme(BindReceiver).receipts) == 1


# The place of a segment.


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"esm_class": 0x40, "short_message": b"\5\0\3\7\3\2x"}, Concatenation(7, 3, 2)),
        ({"esm_class": 0x40, "short_message": b"\6\x08\4\1\7\3\2x"}, Concatenation(263, 3, 2, wide=True)),
        ({"tlvs": sar(7, 3, 2)}, Concatenation(7, 3, 2, wide=True)),
        (
            {"esm_class": 0x40, "short_message": b"\5\0\3\7\3\2x", "tlvs": sar(9, 4, 1)},
            Concatenation(7, 3, 2),
        ),
        ({"short_message": b"\5\0\3\7\3\2x"}, None),
        ({"esm_class": 0x40, "short_message": b"\5\0\3\7\1\1x"}, None),
        ({"esm_class": 0x40, "short_message": b"\5\0\3\7\3\4x"}, None),
        ({"tlvs": ((tlv.SAR_TOTAL_SEGMENTS, b"\1\0"), *sar(7, 3, 2)[::2])}, None),
        (
            {
                "esm_class": 0x40,
                "short_message": b"",
                "tlvs": ((tlv.MESSAGE_PAYLOAD, b"\5\0\3\7\3\2x"),),
            },
            Concatenation(7, 3, 2),
        ),
    ],
)
def test_a_segment_s_place_is_in_its_header_or_its_tlvs(
    fields: dict[str, Any], place: Concatenation | None
) -> None:
    assert original(deliver_sm(**fields)).place == place


# The simulator.


def simulated(folder: Path, delivery: str) -> tuple[Stack, FakeEsme]:
    stack = Stack(folder, kind="simulator", delay=1)
    result(stack.administration.add_number("41793026727", "acme", delivery=delivery))
    stack.wait(0.4)
    return stack, stack.esme()


def test_what_the_simulator_delivers_to_an_account_s_number_comes_back(tmp_path: Path) -> None:
    stack, esme = simulated(tmp_path, "smpp")
    esme.submit(short_message=b"Hi", registered_delivery=0, tlvs=((tlv.SOURCE_PORT, b"\0\7"),))
    assert esme.receipts == []
    stack.wait(2)
    (got,) = esme.receipts
    assert (got.source_addr, got.destination_addr) == (b"Acme", b"41793026727")
    assert (got.short_message, got.esm_class, got.tlvs) == (b"Hi", 0, ((tlv.SOURCE_PORT, b"\0\7"),))
    stack.close()


def test_a_long_message_comes_back_whole(tmp_path: Path) -> None:
    stack, esme = simulated(tmp_path, "inbox")
    text = b"0123456789" * 40
    esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, text),))
    stack.wait(2)
    (whole,) = result(stack.core.inbox.fetch(1, 10))
    assert (whole.text, whole.segments) == (text.decode(), 3)
    assert b"stat:DELIVRD" in esme.receipts[0].short_message
    stack.close()


def test_what_the_simulator_delivers_to_others_does_not(tmp_path: Path) -> None:
    stack, esme = simulated(tmp_path, "smpp")
    with capturedLogs() as events:
        esme.submit(destination_addr=b"41793026728", registered_delivery=0)
        stack.wait(2)
    assert esme.receipts == []
    assert not any("Received" in (event.get("log_format") or "") for event in events)
    stack.close()


def test_the_simulator_loses_what_nobody_takes_and_goes_on(tmp_path: Path) -> None:
    stack, esme = simulated(tmp_path, "smpp")
    result(stack.administration.remove_number("41793026727"))
    result(stack.administration.add_number("41793026727", "acme", "STOP"))
    stack.wait(0.4)
    for text in (b"go", b"stop"):
        esme.send(submit_sm(short_message=text, registered_delivery=0))
    stack.wait(2)
    assert len(esme.all(SubmitSmResp)) == 2
    assert [one.text for one in result(stack.core.inbox.fetch(1, 10))] == ["stop"]
    stack.close()

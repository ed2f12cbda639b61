from __future__ import annotations

from pathlib import Path

import pytest

from smsd.smpp import status, tlv
from smsd.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Unbind,
)
from smsd.smpp_server.listener import Limits
from tests.peers import Stack, result, submit_sm


def test_a_receipt_is_the_platform_s_to_the_letter(stack: Stack) -> None:
    esme = stack.esme()
    answer = esme.submit(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr=b"38591111222",
        service_type=b"CMT",
        tlvs=((tlv.USER_MESSAGE_REFERENCE, b"\x12\x34"), (tlv.SOURCE_PORT, b"\0\1")),
    )
    stack.wait(65)
    stack.smsc.receipt()
    (receipt,) = esme.receipts
    assert receipt.short_message == (
        b"id:%b sub:001 dlvr:001 submit date:2601020304 done date:2601020305 stat:DELIVRD err:000"
        % answer.message_id
    )
    assert receipt.tlvs == (
        (tlv.USER_MESSAGE_REFERENCE, b"\x12\x34"),
        (tlv.RECEIPTED_MESSAGE_ID, answer.message_id + b"\0"),
        (tlv.MESSAGE_STATE, b"\2"),
        (tlv.NETWORK_ERROR_CODE, b"\3\0\0"),
    )
    assert (receipt.source_addr_ton, receipt.source_addr_npi, receipt.source_addr) == (1, 1, b"41793026727")
    assert (receipt.dest_addr_ton, receipt.dest_addr_npi, receipt.destination_addr) == (1, 1, b"38591111222")
    assert receipt.esm_class == 4
    assert (receipt.data_coding, receipt.registered_delivery, receipt.protocol_id) == (0, 0, 0)


def test_an_account_may_have_the_standard_s_line(stack: Stack) -> None:
    stack.add_account("purist", standard_receipts=1)
    result(stack.core.settings.load())
    esme = stack.esme(system_id=b"purist")
    answer = esme.submit(short_message=b"Hello world, how are you today?")
    stack.smsc.receipt()
    (receipt,) = esme.receipts
    assert receipt.short_message == (
        b"id:%b sub:001 dlvrd:001 submit date:2601020304 done date:2601020304 stat:DELIVRD err:000"
        b" text:Hello world, how are" % answer.message_id
    )


def test_the_standard_s_line_shows_text_that_is_not_ascii_as_question_marks(stack: Stack) -> None:
    stack.add_account("purist", standard_receipts=1)
    result(stack.core.settings.load())
    esme = stack.esme(system_id=b"purist")
    esme.submit(data_coding=8, short_message="Привет €1".encode("utf-16-be"))
    stack.smsc.receipt()
    assert esme.receipts[0].short_message.endswith(b" text:?????? ?1")


@pytest.mark.parametrize(
    ("stat", "err", "platform", "standard", "state", "code"),
    [
        (b"DELIVRD", b"000", b"DELIVRD", b"DELIVRD", 2, 0),
        (b"EXPIRED", b"027", b"EXPIRED", b"EXPIRED", 3, 27),
        (b"DELETED", b"000", b"UNDELIV", b"UNDELIV", 5, 4100),
        (b"UNDELIV", b"001", b"UNDELIV", b"UNDELIV", 5, 1),
        (b"UNKNOWN", b"000", b"DELIVERY UNKNOWN", b"UNKNOWN", 7, 255),
        (b"REJECTD", b"000", b"REJECTED", b"REJECTD", 8, 255),
    ],
)
def test_each_end_has_its_word_and_its_number(
    stack: Stack, stat: bytes, err: bytes, platform: bytes, standard: bytes, state: int, code: int
) -> None:
    stack.add_account("purist", standard_receipts=1)
    result(stack.core.settings.load())
    for number, (name, word) in enumerate(((b"acme", platform), (b"purist", standard)), 1):
        esme = stack.esme(system_id=name)
        esme.submit()
        stack.smsc.receipt(number, stat, err)
        (receipt,) = esme.receipts
        assert b" dlvr:001 " in receipt.short_message or b" dlvrd:001 " in receipt.short_message or state != 2
        assert b" stat:%b err:%03d" % (word, code) in receipt.short_message
        assert tlv.integer(receipt.tlvs, tlv.MESSAGE_STATE) == state
        assert receipt.tlvs[-1] == (tlv.NETWORK_ERROR_CODE, b"\3" + code.to_bytes(2, "big"))


@pytest.mark.parametrize(
    ("wanted", "stat", "receipts"),
    [
        (0, b"DELIVRD", 0),
        (0, b"UNDELIV", 0),
        (1, b"DELIVRD", 1),
        (1, b"UNDELIV", 1),
        (2, b"DELIVRD", 0),
        (2, b"UNDELIV", 1),
        (2, b"EXPIRED", 1),
        (0x11, b"DELIVRD", 1),
        (0x0C, b"DELIVRD", 0),
    ],
)
def test_a_receipt_comes_if_it_was_asked_for(stack: Stack, wanted: int, stat: bytes, receipts: int) -> None:
    esme = stack.esme()
    answer = esme.submit(registered_delivery=wanted)
    stack.smsc.receipt(1, stat)
    assert len(esme.receipts) == receipts
    assert stack.status(answer.message_id)[0] == 4
    assert stack.status(answer.message_id)[3] == 0


def test_receipts_are_spread_evenly_over_sessions_that_take_them(stack: Stack) -> None:
    transmitter = stack.esme(BindTransmitter)
    receivers = [stack.esme(kind) for kind in (BindReceiver, BindTransceiver, BindReceiver)]
    for number in range(1, 31):
        transmitter.submit()
        stack.smsc.receipt(number)
    assert [len(esme.receipts) for esme in receivers] == [10, 10, 10]
    assert transmitter.receipts == []


def test_receipts_of_an_account_go_to_no_other(stack: Stack) -> None:
    stack.add_account("other")
    result(stack.core.settings.load())
    acme, other = stack.esme(), stack.esme(system_id=b"other")
    acme.submit()
    stack.smsc.receipt()
    assert (len(acme.receipts), len(other.receipts)) == (1, 0)


def test_receipts_wait_on_disk_until_a_receiver_binds(stack: Stack) -> None:
    transmitter = stack.esme(BindTransmitter)
    ids = []
    for number in range(1, 6):
        ids.append(transmitter.submit().message_id)
        stack.smsc.receipt(number)
        stack.wait(1)
    assert stack.rows("SELECT count(*) FROM message WHERE state = 4 AND report = 1") == [(5,)]
    receiver = stack.esme(BindReceiver)
    assert [tlv.find(one.tlvs, tlv.RECEIPTED_MESSAGE_ID) for one in receiver.receipts] == [
        one + b"\0" for one in ids
    ]
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1") == [(0,)]


def test_more_receipts_than_fit_in_memory_come_all(tmp_path: Path) -> None:
    stack = Stack(tmp_path, held=10)
    transmitter = stack.esme(BindTransmitter)
    for number in range(1, 101):
        transmitter.submit()
        stack.smsc.receipt(number)
    receiver = stack.esme(BindReceiver)
    stack.wait(5)
    assert len(receiver.receipts) == 100
    assert len({one.short_message for one in receiver.receipts}) == 100
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1") == [(0,)]
    stack.close()


def test_a_session_has_only_so_many_receipts_unacknowledged(tmp_path: Path) -> None:
    stack = Stack(tmp_path, limits=Limits(receipts=3))
    esme = stack.esme()
    esme.receipt_status = None
    for number in range(1, 6):
        esme.submit()
        stack.smsc.receipt(number)
    assert len(esme.receipts) == 3
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1") == [(5,)]
    esme.send(DeliverSmResp(esme.receipts[1].sequence_number))
    stack.settle()
    assert len(esme.receipts) == 4
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1") == [(4,)]
    stack.close()


def test_a_session_without_room_is_passed_over(tmp_path: Path) -> None:
    stack = Stack(tmp_path, limits=Limits(receipts=2))
    slow, quick = stack.esme(), stack.esme()
    slow.receipt_status = None
    for number in range(1, 11):
        quick.submit()
        stack.smsc.receipt(number)
    assert (len(slow.receipts), len(quick.receipts)) == (2, 8)
    stack.close()


def test_receipts_of_a_session_that_goes_are_sent_again_to_another(stack: Stack) -> None:
    going, staying = stack.esme(), stack.esme(BindReceiver)
    going.receipt_status = staying.receipt_status = None
    for number in range(1, 7):
        going.submit()
        stack.smsc.receipt(number)
    assert (len(going.receipts), len(staying.receipts)) == (3, 3)
    staying.receipt_status = status.ESME_ROK
    going.transport.loseConnection()
    stack.settle()
    assert len(staying.receipts) == 6
    again = [one.short_message for one in staying.receipts[3:]]
    assert again == [one.short_message for one in going.receipts]
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1") == [(3,)]


def test_receipts_of_the_last_session_that_goes_wait_for_the_next_one(stack: Stack) -> None:
    esme = stack.esme()
    esme.receipt_status = None
    for number in range(1, 4):
        esme.submit()
        stack.smsc.receipt(number)
    esme.transport.loseConnection()
    stack.settle()
    again = stack.esme(BindReceiver)
    assert [one.short_message for one in again.receipts] == [one.short_message for one in esme.receipts]
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1") == [(0,)]


def test_receipts_of_a_session_that_unbinds_are_not_lost(stack: Stack) -> None:
    esme = stack.esme()
    esme.receipt_status = None
    esme.submit()
    stack.smsc.receipt()
    esme.ask(Unbind())
    assert len(stack.esme(BindReceiver).receipts) == 1


@pytest.mark.parametrize("refusal", [status.ESME_RX_T_APPN, status.ESME_RX_P_APPN, status.ESME_RSYSERR])
def test_a_receipt_that_a_session_refuses_goes_to_another(stack: Stack, refusal: int) -> None:
    refusing, taking = stack.esme(), stack.esme()
    refusing.receipt_status = refusal
    for number in (1, 2):
        refusing.submit()
        stack.smsc.receipt(number)
    assert (len(refusing.receipts), len(taking.receipts)) == (1, 2)
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1") == [(0,)]


def test_a_generic_nack_refuses_a_receipt_too(stack: Stack) -> None:
    esme = stack.esme()
    esme.receipt_status = None
    esme.submit()
    stack.smsc.receipt()
    esme.send(GenericNack(esme.receipts[0].sequence_number, status.ESME_RINVCMDID))
    esme.receipt_status = status.ESME_ROK
    stack.wait(7)
    assert len(esme.receipts) == 2
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1") == [(0,)]


def test_a_receipt_that_the_only_session_refuses_comes_again_in_a_while(stack: Stack) -> None:
    esme = stack.esme()
    esme.receipt_status = status.ESME_RX_T_APPN
    answer = esme.submit()
    stack.smsc.receipt()
    assert len(esme.receipts) == 1
    stack.wait(3)
    assert len(esme.receipts) == 1
    stack.wait(4)
    assert len(esme.receipts) == 2
    esme.receipt_status = status.ESME_ROK
    stack.wait(6)
    assert len(esme.receipts) == 3
    assert stack.status(answer.message_id) == (4, 5, 0, 0)
    stack.wait(60)
    assert len(esme.receipts) == 3


def test_a_receipt_that_a_session_leaves_unanswered_goes_to_another(stack: Stack) -> None:
    silent = stack.esme()
    silent.receipt_status = None
    silent.submit()
    stack.smsc.receipt()
    taking = stack.esme(BindReceiver)
    stack.wait(29)
    assert taking.receipts == []
    stack.wait(2)
    assert len(taking.receipts) == 1
    assert silent.connected_now
    # Its answer is too late to count, and harms nothing.
    silent.send(DeliverSmResp(silent.receipts[0].sequence_number))
    stack.settle()
    assert silent.submit().command_status == status.ESME_ROK


def test_a_receipt_is_reported_only_when_that_is_on_disk(stack: Stack) -> None:
    esme = stack.esme()
    answer = esme.submit()
    esme.receipt_status = None
    stack.smsc.receipt()
    stack.writer.hold()
    esme.send(DeliverSmResp(esme.receipts[0].sequence_number))
    stack.settle()
    assert stack.status(answer.message_id)[3] == 1
    stack.writer.let_go()
    stack.settle()
    assert stack.status(answer.message_id)[3] == 0


def test_a_client_that_does_not_read_gets_no_more_receipts_and_is_not_read_from(stack: Stack) -> None:
    stack.listener.limits = Limits(receipts=100_000, unanswered=100_000)
    esme = stack.esme()
    (pump,) = (pump for pump in stack.network.pumps if pump.client is esme)
    wire = pump.serverIO
    wire.unread = True
    sender = stack.esme(BindTransmitter)
    number = 0
    while not wire.paused:
        number += 1
        assert number < 2000
        sender.submit()
        stack.smsc.receipt(number)
    held = wire.buffered
    assert held < wire.BUFFER + 1000
    before = stack.rows("SELECT count(*) FROM message")
    for _ in range(20):
        number += 1
        sender.submit()
        stack.smsc.receipt(number)
        esme.send(submit_sm())
        esme.send(EnquireLink())
        stack.settle()
    assert wire.buffered == held
    assert stack.rows("SELECT count(*) FROM message") == [(before[0][0] + 20,)]

    wire.unread = False
    stack.settle()
    assert not wire.paused
    assert len(esme.receipts) == number
    assert stack.rows("SELECT count(*) FROM message WHERE report = 1 AND state = 4") == [(0,)]
    assert stack.rows("SELECT count(*) FROM message") == [(before[0][0] + 40,)]


def test_a_client_that_does_not_read_is_cut_off_and_its_receipts_are_kept(stack: Stack) -> None:
    esme = stack.esme()
    esme.receipt_status = None
    (pump,) = (pump for pump in stack.network.pumps if pump.client is esme)
    pump.serverIO.unread = True
    esme.send(submit_sm())
    stack.settle()
    stack.smsc.receipt()
    stack.wait(70)
    assert pump.serverIO.aborted
    assert not esme.connected_now
    assert len(stack.esme(BindReceiver).receipts) == 1


def test_a_message_that_is_refused_for_good_is_reported(stack: Stack) -> None:
    stack.smsc.submit_status = status.ESME_RINVDSTADR
    esme = stack.esme()
    answer = esme.submit()
    assert answer.command_status == status.ESME_ROK
    (receipt,) = esme.receipts
    assert b"dlvr:000" in receipt.short_message
    assert b"stat:REJECTED err:001" in receipt.short_message
    assert stack.status(answer.message_id) == (4, 4, 1, 0)


def test_a_client_that_goes_on_every_receipt_loses_none(stack: Stack) -> None:
    sender = stack.esme(BindTransmitter)
    sender.submit()
    stack.smsc.receipt()
    for _ in range(3):
        esme = stack.esme(None)
        esme.take = lambda pdu, esme=esme: esme.transport.loseConnection()  # type: ignore[method-assign, misc]
        esme.send(BindReceiver(system_id=b"acme", password=b"secret"))
        stack.settle()
    assert len(stack.esme(BindReceiver).receipts) == 1

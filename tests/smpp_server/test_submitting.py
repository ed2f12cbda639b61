from __future__ import annotations

from pathlib import Path

import pytest

from smsd.services.gathering import PATIENCE
from smsd.smpp import status, tlv
from smsd.smpp.pdu import SubmitSmResp
from smsd.smpp.times import absolute, relative
from smsd.smpp_server.listener import Limits
from smsd.store.engine import StoreRefused, StoreUnavailable
from tests.peers import NOW, FakeEsme, Stack, result, submit_sm


def test_a_message_goes_from_the_client_to_the_operator_and_its_receipt_back(stack: Stack) -> None:
    esme = stack.esme()
    answer = esme.submit(registered_delivery=1)
    assert answer.command_status == status.ESME_ROK
    assert answer.message_id.isdigit()
    (sent,) = stack.smsc.submits
    assert (sent.source_addr_ton, sent.source_addr_npi, sent.source_addr) == (5, 0, b"Acme")
    assert (sent.dest_addr_ton, sent.dest_addr_npi, sent.destination_addr) == (1, 1, b"41793026727")
    assert sent.short_message == b"Hello"
    assert sent.registered_delivery == 1
    assert stack.status(answer.message_id) == (3, 0, 0, 1)

    acknowledged = stack.smsc.receipt()
    assert acknowledged is not None
    assert acknowledged.command_status == status.ESME_ROK
    assert len(esme.receipts) == 1
    assert stack.status(answer.message_id) == (4, 5, 0, 0)


def test_everything_the_client_says_of_a_message_reaches_the_operator(stack: Stack) -> None:
    said = submit_sm(
        service_type=b"CMT",
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr=b"385911234",
        destination_addr=b"+41793026727",
        esm_class=3,
        protocol_id=0x41,
        priority_flag=2,
        data_coding=4,
        short_message=bytes(range(140)),
        tlvs=((tlv.USER_MESSAGE_REFERENCE, b"\0\7"), (0x1400, b"vendor")),
    )
    assert stack.esme().ask(said).command_status == status.ESME_ROK
    (sent,) = stack.smsc.submits
    assert sent.destination_addr == b"41793026727"
    for field in (
        "service_type",
        "source_addr_ton",
        "source_addr_npi",
        "source_addr",
        "esm_class",
        "protocol_id",
        "priority_flag",
        "data_coding",
        "short_message",
        "tlvs",
    ):
        assert getattr(sent, field) == getattr(said, field), field


def test_the_answer_waits_until_the_message_is_on_disk(stack: Stack) -> None:
    esme = stack.esme()
    stack.writer.hold()
    numbers = [esme.send(submit_sm(short_message=b"%d" % number)) for number in range(3)]
    stack.wait(5)
    assert [esme.answer_to(number) for number in numbers] == [None] * 3
    assert stack.smsc.submits == []
    assert stack.rows("SELECT count(*) FROM message") == [(0,)]
    stack.writer.let_go()
    stack.settle()
    ids = [answer.message_id for answer in esme.all(SubmitSmResp)]
    assert stack.rows("SELECT id FROM message ORDER BY id") == [(int(one),) for one in ids]
    assert stack.smsc.texts == [b"0", b"1", b"2"]


def test_a_store_that_fails_is_the_system_s_error_and_leaves_nothing_behind(stack: Stack) -> None:
    esme = stack.esme()
    stack.writer.failing = StoreUnavailable("gone")
    assert esme.submit().command_status == status.ESME_RSYSERR
    assert esme.submit().command_status == status.ESME_RSYSERR
    stack.writer.failing = None
    stack.wait(10)
    assert esme.submit().command_status == status.ESME_ROK
    assert stack.rows("SELECT count(*) FROM message") == [(1,)]
    assert len(stack.smsc.submits) == 1


def test_a_message_the_store_refuses_is_the_system_s_error(stack: Stack) -> None:
    esme = stack.esme()
    stack.writer.failing = StoreRefused("no")
    assert esme.submit().command_status == status.ESME_RSYSERR
    stack.writer.failing = None
    assert esme.submit().command_status == status.ESME_ROK


def test_beyond_the_unanswered_limit_a_client_is_throttled_and_then_taken_again(tmp_path: Path) -> None:
    stack = Stack(tmp_path, limits=Limits(unanswered=5))
    esme, other = stack.esme(), stack.esme()
    stack.writer.hold()
    numbers = [esme.send(submit_sm()) for _ in range(8)]
    other.send(submit_sm())
    stack.settle()
    answers = [esme.answer_to(number) for number in numbers]
    assert answers[:5] == [None] * 5
    assert answers[5:] == [SubmitSmResp(number, status.ESME_RTHROTTLED) for number in numbers[5:]]
    stack.writer.let_go()
    stack.settle()
    assert len(stack.smsc.submits) == 6
    assert esme.submit().command_status == status.ESME_ROK
    stack.close()


def test_when_too_many_messages_of_all_clients_wait_for_the_disk_more_are_throttled(tmp_path: Path) -> None:
    stack = Stack(tmp_path, unstored=6)  # One account may use half of it.
    clients = [stack.esme() for _ in range(2)]
    stack.writer.hold()
    for esme in clients:
        for _ in range(2):
            esme.send(submit_sm())
        stack.settle()
    assert [answer.command_status for answer in clients[1].all(SubmitSmResp)] == [status.ESME_RTHROTTLED]
    stack.writer.let_go()
    stack.settle()
    assert clients[0].submit().command_status == status.ESME_ROK
    stack.close()


def test_refusals_take_no_room_among_the_unanswered(tmp_path: Path) -> None:
    stack = Stack(tmp_path, limits=Limits(unanswered=1))
    esme = stack.esme()
    for _ in range(3):
        assert esme.submit(destination_addr=b"x").command_status == status.ESME_RINVDSTADR
    assert esme.submit().command_status == status.ESME_ROK
    stack.close()


UDH_3 = b"\x05\x00\x03\x07\x02\x01"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"destination_addr": b""}, status.ESME_RINVDSTADR),
        ({"destination_addr": b"Acme"}, status.ESME_RINVDSTADR),
        ({"destination_addr": b"0791234567"}, status.ESME_RINVDSTADR),
        ({"destination_addr": b"1234567890123456"}, status.ESME_RINVDSTADR),
        ({"destination_addr": b"+"}, status.ESME_RINVDSTADR),
        ({"source_addr": b"Twelve chars"}, status.ESME_RINVSRCADR),
        ({"source_addr": b"1234567890123456"}, status.ESME_RINVSRCADR),
        ({"source_addr": b"\xe9"}, status.ESME_RINVSRCADR),
        ({"esm_class": 1}, status.ESME_RINVESMCLASS),
        ({"esm_class": 2}, status.ESME_RINVESMCLASS),
        ({"esm_class": 0x40, "short_message": b""}, status.ESME_RINVESMCLASS),
        ({"esm_class": 0x40, "short_message": b"\x05\x00\x03\x01"}, status.ESME_RINVESMCLASS),
        ({"esm_class": 0x40, "short_message": b"\x02\x00\x03text"}, status.ESME_RINVESMCLASS),
        ({"esm_class": 0x40, "short_message": b"\x8b" + bytes(139)}, status.ESME_RINVESMCLASS),
        ({"registered_delivery": 3}, status.ESME_RINVREGDLVFLG),
        ({"schedule_delivery_time": b"tomorrow"}, status.ESME_RINVSCHED),
        ({"schedule_delivery_time": b"260132000000000+"}, status.ESME_RINVSCHED),
        ({"schedule_delivery_time": absolute(NOW - 3600)}, status.ESME_RINVSCHED),
        ({"validity_period": b"1 day"}, status.ESME_RINVEXPIRY),
        ({"validity_period": absolute(NOW - 3600)}, status.ESME_RINVEXPIRY),
        ({"tlvs": ((tlv.MESSAGE_PAYLOAD, b"more"),)}, status.ESME_ROPTPARNOTALLWD),
        ({"tlvs": ((tlv.SAR_MSG_REF_NUM, b"\0\1"),)}, status.ESME_RMISSINGOPTPARAM),
        (
            {"tlvs": ((tlv.SAR_MSG_REF_NUM, b"\0\1"), (tlv.SAR_TOTAL_SEGMENTS, b"\2"))},
            status.ESME_RMISSINGOPTPARAM,
        ),
        (
            {"tlvs": ((tlv.SAR_TOTAL_SEGMENTS, b"\2"), (tlv.SAR_SEGMENT_SEQNUM, b"\1"))},
            status.ESME_RMISSINGOPTPARAM,
        ),
        (
            {
                "tlvs": (
                    (tlv.SAR_MSG_REF_NUM, b"\0\1"),
                    (tlv.SAR_TOTAL_SEGMENTS, b"\2"),
                    (tlv.SAR_SEGMENT_SEQNUM, b"\3"),
                )
            },
            status.ESME_RINVOPTPARAMVAL,
        ),
        (
            {
                "tlvs": (
                    (tlv.SAR_MSG_REF_NUM, b"\0\1"),
                    (tlv.SAR_TOTAL_SEGMENTS, b"\2"),
                    (tlv.SAR_SEGMENT_SEQNUM, b"\0"),
                )
            },
            status.ESME_RINVOPTPARAMVAL,
        ),
        (
            {"short_message": b"", "tlvs": ((tlv.MESSAGE_PAYLOAD, bytes(153 * 255 + 1)),)},
            status.ESME_RINVMSGLEN,
        ),
    ],
)
def test_what_is_wrong_with_a_submit_sm_names_its_status(
    stack: Stack, fields: dict[str, object], expected: int
) -> None:
    esme = stack.esme()
    assert esme.submit(**fields) == SubmitSmResp(2, expected)
    assert stack.rows("SELECT count(*) FROM message") == [(0,)]
    assert esme.submit().command_status == status.ESME_ROK


def test_a_destination_whose_prefix_is_no_countrys_is_not_covered(stack: Stack) -> None:
    esme = stack.esme()
    assert esme.submit(destination_addr=b"999911234567").command_status == 0x22
    assert stack.rows("SELECT count(*) FROM message") == [(0,)]


def test_a_destination_without_a_route_is_not_covered(stack: Stack) -> None:
    result(stack.administration.change_route(1, prefix="4"))
    stack.wait(0.4)
    esme = stack.esme()
    assert esme.submit(destination_addr=b"385911234567").command_status == 0x22
    assert esme.submit(destination_addr=b"41793026727").command_status == status.ESME_ROK


@pytest.mark.parametrize(
    "fields",
    [
        {"source_addr": b""},
        {"source_addr": b"+385911234567"},
        {"source_addr": b"123"},
        {"destination_addr": b"+41793026727"},
        {"destination_addr": b"123456789012345"},
        {"esm_class": 3},
        {"short_message": b""},
        {"validity_period": relative(60)},
        {"validity_period": absolute(NOW + 3600)},
        {"registered_delivery": 0x10},
        {"short_message": b"", "tlvs": ((tlv.MESSAGE_PAYLOAD, b"in the payload"),)},
        {"short_message": b"x" * 254, "data_coding": 4},
        {"short_message": b"", "tlvs": ((tlv.MESSAGE_PAYLOAD, bytes(153 * 255)),)},
        {"esm_class": 0x40, "short_message": b"\x05\x00\x03\x07\x01\x01alone"},
        {"esm_class": 0x40, "short_message": b"\x06\x05\x04\x0b\x84\x23\xf0push"},
    ],
)
def test_what_is_unusual_but_right_is_taken(stack: Stack, fields: dict[str, object]) -> None:
    esme = stack.esme()
    assert esme.submit(**fields).command_status == status.ESME_ROK
    assert stack.smsc.submits


def test_a_scheduled_message_waits_on_disk_until_its_time(stack: Stack) -> None:
    esme = stack.esme()
    answer = esme.submit(schedule_delivery_time=relative(120))
    assert answer.command_status == status.ESME_ROK
    assert stack.status(answer.message_id) == (1, 26, 0, 1)
    stack.wait(118)
    assert stack.smsc.submits == []
    stack.wait(4)
    assert len(stack.smsc.submits) == 1


def test_an_absolute_schedule_counts_its_quarters(stack: Stack) -> None:
    local = absolute(NOW + 3600 + 120)[:-3] + b"04+"
    stack.esme().submit(schedule_delivery_time=local)
    stack.wait(118)
    assert stack.smsc.submits == []
    stack.wait(4)
    assert len(stack.smsc.submits) == 1


def test_the_operator_hears_how_long_a_message_is_still_valid(stack: Stack) -> None:
    esme = stack.esme()
    esme.submit(validity_period=relative(90))
    esme.submit()
    esme.submit(validity_period=b"000010000000000R")
    assert [pdu.validity_period for pdu in stack.smsc.submits] == [
        b"000000000130000R",
        b"000002000000000R",
        b"000002000000000R",
    ]


def test_a_message_whose_validity_ends_before_it_can_be_sent_expires(stack: Stack) -> None:
    stack.smsc.submit_status = None
    stack.network.ports.clear()
    esme = stack.esme()
    stack.smsc.link.transport.loseConnection()
    stack.settle()
    answer = esme.submit(validity_period=relative(90))
    stack.wait(92)
    assert stack.status(answer.message_id)[:3] == (4, 15, 4101)
    (receipt,) = esme.receipts
    assert b" stat:EXPIRED err:4101" in receipt.short_message


GREETING = b"Good morning, " * 20


def one_message(stack: Stack, esme: FakeEsme) -> list[bytes]:
    """See one message to its end, and return its text from each segment that the operator got."""
    headers, texts = [], []
    for sent in stack.smsc.submits:
        assert sent.esm_class & 0x40
        size = sent.short_message[0]
        headers.append(sent.short_message[1 : 1 + size])
        texts.append(sent.short_message[1 + size :])
    total = len(texts)
    reference = headers[0][2]
    assert headers == [bytes((0, 3, reference, total, number)) for number in range(1, total + 1)]
    for number in range(1, total):
        stack.smsc.receipt(number)
        assert esme.receipts == []
    stack.smsc.receipt(total)
    (receipt,) = esme.receipts
    assert b"sub:%03d dlvr:%03d" % (total, total) in receipt.short_message
    assert stack.rows("SELECT count(*), max(state), max(report), max(segments) FROM message") == [
        (1, 4, 0, total)
    ]
    assert stack.rows("SELECT count(*) FROM fragment") == [(0,)]
    return texts


def test_a_long_text_in_message_payload_is_one_message(stack: Stack) -> None:
    esme = stack.esme()
    answer = esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, GREETING),))
    assert answer.command_status == status.ESME_ROK
    assert b"".join(one_message(stack, esme)) == GREETING


def test_a_long_short_message_is_one_message_too(stack: Stack) -> None:
    esme = stack.esme()
    esme.submit(short_message=GREETING[:200])
    assert b"".join(one_message(stack, esme)) == GREETING[:200]


def in_parts(stack: Stack, esme: FakeEsme, parts: list[dict[str, object]], order: list[int]) -> None:
    """Submit parts in an order; all get the same id, and nothing goes out before the last one is here."""
    ids = set()
    for position, number in enumerate(order, 1):
        answer = esme.submit(**parts[number])
        assert answer.command_status == status.ESME_ROK
        ids.add(answer.message_id)
        assert bool(stack.smsc.submits) == (position == len(order))
    assert len(ids) == 1
    assert stack.rows("SELECT id FROM message") == [(int(ids.pop()),)]


ORDERS = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 0, 2, 2, 1]]
PIECES = [GREETING[:150], GREETING[150:200], GREETING[200:]]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("element", [b"\x05\x00\x03\x2a\x03%c", b"\x06\x08\x04\x12\x34\x03%c"])
def test_parts_by_user_data_header_are_one_message(stack: Stack, element: bytes, order: list[int]) -> None:
    esme = stack.esme()
    parts: list[dict[str, object]] = [
        {"esm_class": 0x40, "short_message": element % number + piece}
        for number, piece in enumerate(PIECES, 1)
    ]
    in_parts(stack, esme, parts, order)
    assert b"".join(one_message(stack, esme)) == GREETING


@pytest.mark.parametrize("order", ORDERS)
def test_parts_by_sar_are_one_message(stack: Stack, order: list[int]) -> None:
    esme = stack.esme()
    parts: list[dict[str, object]] = [
        {
            "short_message": piece,
            "tlvs": (
                (tlv.SAR_MSG_REF_NUM, b"\x01\x02"),
                (tlv.SAR_TOTAL_SEGMENTS, b"\x03"),
                (tlv.SAR_SEGMENT_SEQNUM, bytes((number,))),
            ),
        }
        for number, piece in enumerate(PIECES, 1)
    ]
    in_parts(stack, esme, parts, order)
    assert b"".join(one_message(stack, esme)) == GREETING


def part(number: int, reference: int = 1, total: int = 2, **fields: object) -> dict[str, object]:
    header = bytes((5, 0, 3, reference, total, number))
    return {"esm_class": 0x40, "short_message": header + b"part %d" % number, **fields}


def test_parts_with_different_destinations_are_different_messages(stack: Stack) -> None:
    esme = stack.esme()
    other = b"41793026728"
    first = esme.submit(**part(1)).message_id
    second = esme.submit(**part(1, destination_addr=other)).message_id
    assert first != second
    assert esme.submit(**part(2, destination_addr=other)).message_id == second
    assert esme.submit(**part(2)).message_id == first
    assert [pdu.destination_addr for pdu in stack.smsc.submits] == [other, b"41793026727"]


def test_parts_of_different_accounts_are_different_messages(stack: Stack) -> None:
    stack.add_account("other")
    result(stack.core.settings.load())
    acme, other = stack.esme(), stack.esme(system_id=b"other")
    assert acme.submit(**part(1)).message_id != other.submit(**part(1)).message_id
    acme.submit(**part(2))
    assert len(stack.smsc.submits) == 1


def test_parts_may_come_over_several_sessions(stack: Stack) -> None:
    one, two = stack.esme(), stack.esme()
    assert one.submit(**part(2)).message_id == two.submit(**part(1)).message_id
    assert stack.smsc.texts == [b"part 1part 2"]


def test_a_reference_can_be_used_again_for_the_next_message(stack: Stack) -> None:
    esme = stack.esme()
    ids = [esme.submit(**part(number)).message_id for number in (1, 2, 1, 2)]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert len(stack.smsc.submits) == 2


def test_a_message_whose_parts_never_all_come_is_not_sent_and_reported(stack: Stack) -> None:
    esme = stack.esme()
    answer = esme.submit(**part(1))
    stack.wait(PATIENCE + 2)
    assert stack.smsc.submits == []
    assert stack.status(answer.message_id)[:2] == (4, 31)
    (receipt,) = esme.receipts
    assert b"stat:UNDELIV" in receipt.short_message


def test_a_part_is_answered_only_when_it_is_on_disk_and_may_be_sent_again_if_it_is_not(stack: Stack) -> None:
    esme = stack.esme()
    stack.writer.failing = StoreUnavailable("gone")
    assert esme.submit(**part(1)).command_status == status.ESME_RSYSERR
    stack.writer.failing = None
    stack.wait(10)
    assert esme.submit(**part(2)).command_status == status.ESME_ROK
    assert stack.smsc.submits == []
    assert esme.submit(**part(1)).command_status == status.ESME_ROK
    assert stack.smsc.texts == [b"part 1part 2"]


def test_two_messages_with_one_reference_lose_nothing_if_they_come_at_once(stack: Stack) -> None:
    esme = stack.esme()
    for text in (b"A", b"B"):
        for number in (1, 2):
            header = bytes((5, 0, 3, 1, 2, number))
            esme.send(submit_sm(esm_class=0x40, short_message=header + text))
    stack.settle()
    assert [answer.command_status for answer in esme.all(SubmitSmResp)] == [status.ESME_ROK] * 4
    assert stack.smsc.texts == [b"AA", b"BB"]


def test_a_message_in_parts_waits_for_its_schedule(stack: Stack) -> None:
    esme = stack.esme()
    for number in (1, 2):
        esme.submit(**part(number, schedule_delivery_time=relative(3600)))
    assert stack.smsc.submits == []
    stack.wait(3602)
    assert stack.smsc.texts == [b"part 1part 2"]


def test_the_longest_payload_makes_255_segments(stack: Stack) -> None:
    text = b"x" * (153 * 255)
    stack.esme().submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, text),))
    assert len(stack.smsc.submits) == 255
    assert b"".join(one[6:] for one in stack.smsc.texts) == text


def test_every_segment_carries_the_message_s_other_elements(stack: Stack) -> None:
    ports = b"\x05\x04\x0b\x84\x23\xf0"
    stack.esme().submit(esm_class=0x40, data_coding=4, short_message=b"\x06" + ports + bytes(200))
    first, second = stack.smsc.texts
    assert first[0] == second[0] == 11
    assert first[1:12].endswith(ports)
    assert second[1:12].endswith(ports)
    assert len(first) == 140
    assert first[12:] + second[12:] == bytes(200)


def test_ucs_2_is_cut_between_characters(stack: Stack) -> None:
    text = "Добрый день 😀 " * 10
    stack.esme().submit(
        data_coding=8, short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, text.encode("utf-16-be")),)
    )
    pieces = [one[6:] for one in stack.smsc.texts]
    assert len(pieces) > 2
    assert "".join(piece.decode("utf-16-be") for piece in pieces) == text


def test_long_messages_one_after_the_other_have_different_references(stack: Stack) -> None:
    esme = stack.esme()
    for _ in range(20):
        esme.submit(short_message=GREETING[:200])
        stack.wait(0.003)
    references = [text[3] for text in stack.smsc.texts[::2]]
    assert len(set(references)) == 20

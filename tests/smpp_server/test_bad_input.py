"""What a client must not be able to do with octets: raise anything, harm others, or be believed for long."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from twisted.internet.testing import StringTransport

from smsd.smpp import status, tlv
from smsd.smpp.codec import encode
from smsd.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    SubmitSmResp,
    Unbind,
)
from tests.peers import PASSWORD, FakeEsme, Stack, submit_sm

BIND = BindTransceiver(1, system_id=b"acme", password=PASSWORD.encode())


def header(length: int, command_id: int = 4, number: int = 9) -> bytes:
    return b"".join(one.to_bytes(4, "big") for one in (length, command_id, 0, number))


@pytest.mark.parametrize("length", [0, 1, 15, 69_633, 0x1000_0000, 0xFFFF_FFFF])
@pytest.mark.parametrize("bound", [True, False])
def test_a_length_that_cannot_be_ends_the_connection_with_a_nack(
    stack: Stack, bound: bool, length: int
) -> None:
    other = stack.esme()
    esme = stack.esme(BindTransceiver if bound else None)
    esme.transport.write(header(length))
    stack.settle()
    assert esme.received[-1] == GenericNack(9, status.ESME_RINVCMDLEN)
    assert not esme.connected_now
    assert other.submit().command_status == status.ESME_ROK


def test_garbage_ends_the_connection(stack: Stack) -> None:
    esme = stack.esme(None)
    esme.transport.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
    stack.settle()
    assert not esme.connected_now


def test_half_a_pdu_followed_by_silence_is_given_up(stack: Stack) -> None:
    unbound, bound = stack.esme(None), stack.esme()
    bound.enquiries_answered = False
    for esme in (unbound, bound):
        esme.transport.write(encode(submit_sm(sequence_number=5))[:30])
    stack.wait(31)
    assert not unbound.connected_now
    assert bound.connected_now
    stack.wait(32)
    assert not bound.connected_now


def test_a_pdu_may_come_octet_by_octet(stack: Stack) -> None:
    esme = stack.esme(None)
    for octet in encode(BIND) + encode(submit_sm(sequence_number=2)) + encode(EnquireLink(3)):
        esme.transport.write(bytes((octet,)))
        stack.settle()
    assert [pdu.command_status for pdu in esme.received] == [0, 0, 0]
    assert stack.smsc.texts == [b"Hello"]


def test_many_pdus_may_come_at_once(stack: Stack) -> None:
    esme = stack.esme()
    esme.transport.write(b"".join(encode(submit_sm(sequence_number=number)) for number in range(10, 60)))
    stack.settle()
    assert [answer.sequence_number for answer in esme.all(SubmitSmResp)] == list(range(10, 60))


def replaced(octets: bytes, old: bytes, new: bytes) -> bytes:
    """Return a PDU with some octets replaced and its length put right."""
    changed = octets.replace(old, new, 1)
    assert changed != octets
    return len(changed).to_bytes(4, "big") + changed[4:]


SUBMIT = encode(submit_sm(sequence_number=9, destination_addr=b"41793026727"))


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (replaced(SUBMIT, b"41793026727\0", b"4179302672741793026727\0"), status.ESME_RINVDSTADR),
        (replaced(SUBMIT, b"Acme\0", b"Acmeeeeeeeeeeeeeeeeeeeeee\0"), status.ESME_RINVSRCADR),
        (replaced(SUBMIT, b"\5Hello", b"\6Hello"), status.ESME_RINVMSGLEN),
        (SUBMIT[:3] + b"\x14" + SUBMIT[4:20], status.ESME_RINVCMDLEN),
        (len(SUBMIT + b"abc").to_bytes(4, "big") + SUBMIT[4:] + b"abc", status.ESME_RINVOPTPARSTREAM),
        (
            len(SUBMIT + b"\x02\x04\0\x09ab").to_bytes(4, "big") + SUBMIT[4:] + b"\x02\x04\0\x09ab",
            status.ESME_RINVPARLEN,
        ),
    ],
)
def test_a_submit_sm_that_cannot_be_read_gets_its_status_and_the_session_goes_on(
    stack: Stack, octets: bytes, expected: int
) -> None:
    esme = stack.esme()
    esme.transport.write(octets)
    stack.settle()
    assert esme.received[1:] == [SubmitSmResp(9, expected)]
    assert esme.submit().command_status == status.ESME_ROK


def test_an_address_without_its_zero_does_not_swallow_what_follows(stack: Stack) -> None:
    esme = stack.esme()
    broken = replaced(SUBMIT, b"41793026727\0", b"41793026727")
    esme.transport.write(broken + encode(EnquireLink(10)))
    stack.settle()
    assert isinstance(esme.received[1], SubmitSmResp)
    assert esme.received[1].command_status != status.ESME_ROK
    assert esme.received[2] == EnquireLinkResp(10)


def test_a_client_that_sends_nothing_readable_is_not_believed_for_long(stack: Stack) -> None:
    esme = stack.esme()
    broken = SUBMIT[:3] + b"\x14" + SUBMIT[4:20]
    esme.transport.write(broken * 200)
    stack.settle()
    assert len(esme.all(SubmitSmResp)) == 50
    assert not esme.connected_now


def test_responses_to_nothing_are_ignored(stack: Stack) -> None:
    esme = stack.esme()
    for pdu in (
        DeliverSmResp(5),
        SubmitSmResp(6, message_id=b"x"),
        GenericNack(7, 3),
        EnquireLinkResp(8),
        DeliverSmResp(0),
    ):
        esme.transport.write(encode(pdu))
    stack.settle()
    assert len(esme.received) == 1
    assert esme.submit().command_status == status.ESME_ROK


def test_a_flood_of_enquiries_is_answered_one_by_one(stack: Stack) -> None:
    esme = stack.esme()
    esme.transport.write(b"".join(encode(EnquireLink(number)) for number in range(1, 4001)))
    stack.settle()
    assert len(esme.all(EnquireLinkResp)) == 4000


def _mutations() -> list[Callable[[random.Random, bytes], bytes]]:
    def flip(chance: random.Random, octets: bytes) -> bytes:
        at = chance.randrange(len(octets))
        return octets[:at] + bytes((octets[at] ^ 1 << chance.randrange(8),)) + octets[at + 1 :]

    def cut(chance: random.Random, octets: bytes) -> bytes:
        return octets[: chance.randrange(len(octets))]

    def drop(chance: random.Random, octets: bytes) -> bytes:
        at = chance.randrange(len(octets))
        return octets[:at] + octets[at + chance.randrange(1, 9) :]

    def stuff(chance: random.Random, octets: bytes) -> bytes:
        at = chance.randrange(len(octets))
        return octets[:at] + chance.randbytes(chance.randrange(1, 9)) + octets[at:]

    def body(chance: random.Random, octets: bytes) -> bytes:
        changed = octets[:16] + chance.randbytes(max(0, len(octets) - 16))
        return changed

    def shortened(chance: random.Random, octets: bytes) -> bytes:
        kept = octets[: chance.randrange(16, len(octets) + 1)]
        return len(kept).to_bytes(4, "big") + kept[4:]

    return [flip, cut, drop, stuff, body, shortened]


def test_mutated_streams_raise_nothing_and_other_sessions_do_not_notice(stack: Stack) -> None:
    chance = random.Random(7)
    witness = stack.esme()
    mutations = _mutations()
    for _ in range(400):
        esme = stack.listener.buildProtocol(None)
        assert esme is not None
        pdus: list[Pdu] = [
            submit_sm(),
            submit_sm(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, chance.randbytes(300)),)),
            submit_sm(esm_class=0x40, short_message=b"\5\0\3\1\2\1part"),
            submit_sm(data_coding=8, esm_class=0x40, short_message=chance.randbytes(40)),
            submit_sm(
                tlvs=(
                    (tlv.SAR_MSG_REF_NUM, b"\0\1"),
                    (tlv.SAR_TOTAL_SEGMENTS, b"\2"),
                    (tlv.SAR_SEGMENT_SEQNUM, bytes((chance.randrange(4),))),
                )
            ),
            submit_sm(schedule_delivery_time=b"000000000100000R", validity_period=b"000001000000000R"),
            EnquireLink(),
            DeliverSmResp(),
            BindReceiver(system_id=b"acme", password=b"secret"),
            Unbind(),
        ]
        stream = [encode(BIND)]
        for number in range(2, 12):
            pdu = chance.choice(pdus)
            pdu.sequence_number = number
            octets = encode(pdu)
            if chance.random() < 0.5:
                octets = chance.choice(mutations)(chance, octets)
            stream.append(octets)
        raw = b"".join(stream)
        client = FakeEsme(stack.network)
        client.take = lambda pdu: None  # type: ignore[method-assign]
        stack.network.join(client, esme)
        while raw:
            size = chance.randrange(1, 400)
            client.transport.write(raw[:size])
            raw = raw[size:]
            stack.settle()
        assert witness.connected_now
        client.transport.loseConnection()
        stack.settle()
    assert witness.submit().command_status == status.ESME_ROK
    assert stack.listener.sessions(1) == 1
    ids = [answer.message_id for answer in witness.all(SubmitSmResp)]
    assert stack.status(ids[0])[0] == 3


def test_every_octet_of_a_session_may_be_its_last(stack: Stack) -> None:
    whole = encode(BIND) + encode(submit_sm(sequence_number=2)) + encode(Unbind(3))
    for end in range(len(whole)):
        connection = stack.listener.buildProtocol(None)
        assert connection is not None
        transport = StringTransport()
        transport.setTcpNoDelay = lambda enabled: None  # type: ignore[attr-defined]
        connection.makeConnection(transport)
        connection.dataReceived(whole[:end])
        connection.connectionLost()
        stack.settle()
    assert stack.listener.sessions(1) == 0
    stack.esme()

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from twisted.internet import ssl
from twisted.internet.protocol import Factory
from twisted.protocols import tls

from smsd.certificate import self_signed
from smsd.channels.link import FAREWELL
from smsd.channels.smpp import LAST_REST
from smsd.dialling import FIRST_PAUSE, LAST_PAUSE
from smsd.smpp import status, tlv
from smsd.smpp.codec import encode
from smsd.smpp.pdu import (
    AlertNotification,
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from smsd.store.engine import StoreUnavailable
from tests.peers import PORT, FakeEsme, SmscLink, Stack, submit_sm

LONG = b"x" * 153 + b"y" * 153 + b"z" * 53


def send(stack: Stack, esme: FakeEsme, *texts: bytes) -> list[bytes]:
    """Submit texts, and return their messages' ids."""
    before = len(esme.all(SubmitSmResp))
    for text in texts:
        esme.send(submit_sm(short_message=text))
    stack.settle()
    return [answer.message_id for answer in esme.all(SubmitSmResp)[before:]]


def numbered(count: int, first: int = 0) -> list[bytes]:
    return [b"%03d" % number for number in range(first, first + count)]


def lose(stack: Stack) -> None:
    """Cut the connections to the operator."""
    for link in stack.smsc.bound:
        link.transport.loseConnection()
    stack.settle()


# Binding.


def test_a_channel_over_tls_binds_and_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    certificate, key = self_signed(tmp_path)
    (trusted / "operator.pem").write_bytes(certificate.read_bytes())
    stack = Stack(tmp_path, endpoint=f"tls:localhost:{PORT}:trustRoots={trusted}")
    inner = Factory()
    inner.buildProtocol = lambda addr: stack.smsc()  # type: ignore[method-assign]
    context = ssl.DefaultOpenSSLContextFactory(str(key), str(certificate))
    outer = tls.TLSMemoryBIOFactory(context, False, inner, stack.network)
    monkeypatch.setattr(tls, "_get_default_clock", lambda: stack.network)  # Endpoints give TLS none.
    stack.network.ports[PORT] = lambda: outer.buildProtocol(None)
    stack.network.names.addresses["localhost"] = ["127.0.0.1"]
    stack.wait(5)
    esme = stack.esme()
    texts = numbered(200)
    send(stack, esme, *texts)
    stack.wait(5)
    assert stack.smsc.texts == texts
    stack.smsc.receipt(200)
    assert len(esme.receipts) == 1
    stack.close()


def test_a_transceiver_binds_with_what_the_channel_says(tmp_path: Path) -> None:
    stack = Stack(tmp_path, system_id="smsd", password="s3cret", system_type="VMA")
    (link,) = stack.smsc.bound
    bind = link.received[0]
    assert isinstance(bind, BindTransceiver)
    assert (bind.system_id, bind.password, bind.system_type) == (b"smsd", b"s3cret", b"VMA")
    assert bind.interface_version == 0x34
    stack.close()


def test_a_pair_binds_a_transmitter_and_a_receiver(tmp_path: Path) -> None:
    stack = Stack(tmp_path, bind="pair")
    assert {link.bound_as for link in stack.smsc.bound} == {BindTransmitter, BindReceiver}
    esme = stack.esme()
    send(stack, esme, b"one")
    assert [len(link.all(SubmitSm)) for link in stack.smsc.bound] == [
        int(link.bound_as is BindTransmitter) for link in stack.smsc.bound
    ]
    stack.smsc.receipt()
    assert len(esme.receipts) == 1
    stack.close()


def test_a_pair_s_receiver_may_go_and_come_while_the_transmitter_sends(tmp_path: Path) -> None:
    stack = Stack(tmp_path, bind="pair")
    esme = stack.esme()
    (receiver,) = (link for link in stack.smsc.bound if link.bound_as is BindReceiver)
    receiver.transport.loseConnection()
    stack.settle()
    send(stack, esme, b"one")
    assert stack.smsc.texts == [b"one"]
    stack.wait(4)
    stack.smsc.receipt()
    assert len(esme.receipts) == 1
    stack.close()


def pauses(stack: Stack) -> list[float]:
    """Return the pauses between attempts to connect."""
    times = [at for port, at in stack.network.attempts if port == PORT]
    return [later - earlier for earlier, later in pairwise(times)]


def assert_growing(found: list[float]) -> None:
    """See that pauses grow from the first to the last, as they may by chance."""
    assert len(found) >= 12
    for attempt, pause in enumerate(found, 2):  # The first attempt follows a connection that was well.
        least = min(FIRST_PAUSE * 1.5**attempt, LAST_PAUSE)
        assert least <= pause <= least + 2


def test_an_operator_that_cannot_be_reached_is_tried_after_growing_pauses(stack: Stack) -> None:
    stack.network.ports.clear()
    lose(stack)
    del stack.network.attempts[:]
    stack.wait(600)
    assert_growing(pauses(stack))
    stack.network.ports[PORT] = stack.smsc
    stack.wait(62)
    assert len(stack.smsc.bound) == 1


@pytest.mark.parametrize("refusal", [status.ESME_RINVPASWD, status.ESME_RBINDFAIL, status.ESME_RSYSERR])
def test_a_refused_bind_is_tried_again_after_growing_pauses(stack: Stack, refusal: int) -> None:
    stack.smsc.bind_status = refusal
    lose(stack)
    del stack.network.attempts[:]
    stack.wait(600)
    assert_growing(pauses(stack))
    assert not any(link.connected_now for link in stack.smsc.links)
    stack.smsc.bind_status = status.ESME_ROK
    stack.wait(62)
    assert len(stack.smsc.bound) == 1
    stack.wait(120)
    assert len(stack.smsc.bound) == 1


class Rude(SmscLink):
    """An operator's end that hangs up when it is asked to bind."""

    def take(self, pdu: object) -> None:
        self.transport.loseConnection()


def test_an_operator_that_hangs_up_on_a_bind_is_tried_again_after_growing_pauses(stack: Stack) -> None:
    stack.network.ports[PORT] = lambda: Rude(stack.smsc)
    lose(stack)
    del stack.network.attempts[:]
    stack.wait(600)
    assert_growing(pauses(stack))
    stack.network.ports[PORT] = stack.smsc
    stack.wait(62)
    assert len(stack.smsc.bound) == 1


class Refusing(SmscLink):
    """An operator's end that refuses a bind and hangs up at once."""

    def take(self, pdu: object) -> None:
        assert isinstance(pdu, Bind)
        self.send(GenericNack(pdu.sequence_number, status.ESME_RINVSYSID))
        self.transport.loseConnection()


def test_an_operator_that_refuses_and_hangs_up_is_tried_again(stack: Stack) -> None:
    stack.network.ports[PORT] = lambda: Refusing(stack.smsc)
    lose(stack)
    stack.wait(10)
    stack.network.ports[PORT] = stack.smsc
    stack.wait(20)
    assert len(stack.smsc.bound) == 1


def test_a_bind_that_is_never_answered_is_given_up_and_tried_again(stack: Stack) -> None:
    stack.smsc.bind_status = None
    lose(stack)
    stack.wait(5)
    assert len(stack.smsc.links) == 2
    stack.smsc.bind_status = status.ESME_ROK
    stack.wait(40)
    assert not stack.smsc.links[1].connected_now
    assert len(stack.smsc.bound) == 1


def test_pauses_begin_anew_after_a_bind(stack: Stack) -> None:
    stack.network.ports.clear()
    lose(stack)
    stack.wait(300)
    stack.network.ports[PORT] = stack.smsc
    stack.wait(62)
    lose(stack)
    stack.wait(4)
    assert len(stack.smsc.bound) == 1


def test_enquiries_are_answered_and_a_silent_operator_is_asked(stack: Stack) -> None:
    link = stack.smsc.link
    number = link.send(EnquireLink())
    stack.settle()
    assert isinstance(link.answer_to(number), EnquireLinkResp)
    stack.wait(31)
    assert len(link.all(EnquireLink)) == 1
    link.enquiries_answered = False
    stack.wait(63)
    assert not link.connected_now
    stack.wait(4)
    assert stack.smsc.link is not link


def test_an_operator_that_unbinds_is_bound_again(stack: Stack) -> None:
    link = stack.smsc.link
    link.send(Unbind())
    stack.settle()
    assert not link.connected_now
    stack.wait(4)
    assert len(stack.smsc.bound) == 1


def test_what_asks_for_nothing_is_let_pass(stack: Stack) -> None:
    link = stack.smsc.link
    link.send(AlertNotification(source_addr=b"41793026727"))
    link.send(Outbind(system_id=b"x"))
    link.send(SubmitSmResp(4711, message_id=b"nobody's"))
    stack.settle()
    assert link.connected_now
    send(stack, stack.esme(), b"one")
    assert stack.smsc.texts == [b"one"]


def test_garbage_from_the_operator_ends_the_connection_and_another_is_made(stack: Stack) -> None:
    link = stack.smsc.link
    link.transport.write(b"\xff" * 100)
    stack.settle()
    assert not link.connected_now
    stack.wait(4)
    assert len(stack.smsc.bound) == 1


def test_an_operator_that_does_not_read_is_not_read_from(stack: Stack) -> None:
    link = stack.smsc.link
    (pump,) = (pump for pump in stack.network.pumps if pump.server is link)
    wire = pump.clientIO
    wire.unread = True
    for _ in range(100):
        link.transport.write(b"".join(encode(EnquireLink(number)) for number in range(1, 101)))
        stack.settle()
    assert wire.paused
    assert wire.buffered < wire.BUFFER + 2000
    wire.unread = False
    stack.settle()
    assert len(link.all(EnquireLinkResp)) == 10_000
    send(stack, stack.esme(), b"one")
    assert stack.smsc.texts == [b"one"]


def test_an_operator_that_takes_nothing_more_is_cut_off_and_bound_again(stack: Stack) -> None:
    link = stack.smsc.link
    (pump,) = (pump for pump in stack.network.pumps if pump.server is link)
    pump.clientIO.unread = True
    ids = send(stack, stack.esme(), b"one")
    stack.wait(29)
    assert link.connected_now
    stack.wait(12)
    assert pump.clientIO.aborted
    assert stack.smsc.texts == [b"one"]
    assert stack.status(ids[0])[0] == 3


# Sending.


def test_the_window_is_respected(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=3)
    stack.smsc.submit_status = None
    esme = stack.esme()
    send(stack, esme, *numbered(10))
    assert stack.smsc.texts == numbered(3)
    stack.smsc.answer(stack.smsc.link, stack.smsc.submits[1])
    stack.settle()
    assert stack.smsc.texts == numbered(4)
    for pdu in (stack.smsc.submits[0], stack.smsc.submits[2]):
        stack.smsc.answer(stack.smsc.link, pdu)
    stack.settle()
    assert stack.smsc.texts == numbered(6)
    stack.close()


def test_messages_wait_for_a_channel_that_is_not_bound(stack: Stack) -> None:
    stack.network.ports.clear()
    lose(stack)
    ids = send(stack, stack.esme(), *numbered(5))
    assert stack.status(ids[0])[0] == 2
    stack.network.ports[PORT] = stack.smsc
    stack.wait(4)
    assert stack.smsc.texts == numbered(5)


def test_a_backlog_beyond_memory_is_sent_in_order(tmp_path: Path) -> None:
    stack = Stack(tmp_path, held=10)
    stack.network.ports.clear()
    lose(stack)
    send(stack, stack.esme(), *numbered(100))
    stack.network.ports[PORT] = stack.smsc
    stack.wait(10)
    assert stack.smsc.texts == numbered(100)
    stack.close()


def test_accounts_are_served_in_turn(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=1)
    stack.add_account("other")
    stack.wait(0.4)
    acme, other = stack.esme(), stack.esme(system_id=b"other")
    stack.smsc.submit_status = None
    send(stack, acme, *numbered(6))
    send(stack, other, *numbered(2, first=100))
    for _ in range(8):
        stack.smsc.answer(stack.smsc.link, stack.smsc.submits[-1])
        stack.settle()
    texts = stack.smsc.texts
    assert sorted(texts) == sorted(numbered(6) + numbered(2, first=100))
    assert max(texts.index(one) for one in numbered(2, first=100)) <= 5
    stack.close()


@pytest.mark.parametrize("throttled", [status.ESME_RTHROTTLED, status.ESME_RMSGQFUL])
def test_a_throttled_channel_rests_and_resumes_in_order(tmp_path: Path, throttled: int) -> None:
    stack = Stack(tmp_path, window=5)
    stack.smsc.submit_status = throttled
    esme = stack.esme()
    ids = send(stack, esme, *numbered(8))
    assert stack.smsc.texts == numbered(5)
    del stack.smsc.submits[:]
    stack.smsc.submit_status = status.ESME_ROK
    stack.wait(2)
    assert stack.smsc.texts == numbered(8)
    assert {stack.status(one)[0] for one in ids} == {3}
    assert stack.smsc.link.connected_now
    stack.close()


def test_one_windowful_of_throttling_is_one_rest(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=10)
    stack.smsc.submit_status = status.ESME_RTHROTTLED
    send(stack, stack.esme(), *numbered(10))
    times = []
    for _ in range(200):
        before = len(stack.smsc.submits)
        stack.wait(1)
        if len(stack.smsc.submits) > before:
            times.append(stack.network.seconds())
    rests = [later - earlier for earlier, later in pairwise(times)]
    assert rests[0] <= 3
    assert rests == sorted(rests)
    assert LAST_REST - 1 <= rests[-1] <= LAST_REST + 1
    stack.close()


def test_only_what_was_throttled_is_sent_again(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=5)
    refused: set[bytes] = set()

    def every_other(pdu: SubmitSm) -> int:
        if int(pdu.short_message) % 2 and pdu.short_message not in refused:
            refused.add(pdu.short_message)
            return status.ESME_RTHROTTLED
        return status.ESME_ROK

    stack.smsc.submit_status = every_other
    send(stack, stack.esme(), *numbered(5))
    stack.wait(3)
    assert stack.smsc.texts == [*numbered(5), b"001", b"003"]
    stack.close()


def test_a_rest_that_ends_after_the_connection_loses_nothing(stack: Stack) -> None:
    stack.smsc.submit_status = status.ESME_RTHROTTLED
    ids = send(stack, stack.esme(), *numbered(30))
    stack.network.ports.clear()
    lose(stack)
    stack.wait(20)
    stack.smsc.submit_status = status.ESME_ROK
    del stack.smsc.submits[:]
    stack.network.ports[PORT] = stack.smsc
    stack.wait(30)
    assert stack.smsc.texts == numbered(30)
    assert {stack.status(one)[0] for one in ids} == {3}


@pytest.mark.parametrize("refusal", [status.ESME_RSYSERR, status.ESME_RX_T_APPN, status.ESME_RSUBMITFAIL])
def test_a_temporary_refusal_is_tried_again_later_and_others_are_not_kept(stack: Stack, refusal: int) -> None:
    def second(pdu: SubmitSm) -> int:
        return refusal if pdu.short_message == b"001" else status.ESME_ROK

    stack.smsc.submit_status = second
    ids = send(stack, stack.esme(), *numbered(3))
    assert [stack.status(one)[0] for one in ids] == [3, 1, 3]
    stack.smsc.submit_status = status.ESME_ROK
    stack.wait(58)
    assert len(stack.smsc.submits) == 3
    stack.wait(4)
    assert stack.smsc.texts == [*numbered(3), b"001"]
    assert stack.status(ids[1])[0] == 3


def test_temporary_refusals_lengthen_the_wait_until_the_validity_ends(stack: Stack) -> None:
    stack.smsc.submit_status = status.ESME_RX_T_APPN
    esme = stack.esme()
    esme.submit(validity_period=b"000000001000000R")
    times = []
    for _ in range(620):
        before = len(stack.smsc.submits)
        stack.wait(1)
        if len(stack.smsc.submits) > before:
            times.append(round(stack.network.seconds()))
    assert len(times) == 3
    first, second = (later - earlier for earlier, later in pairwise(times))
    assert 119 <= first <= 122
    assert 239 <= second <= 242
    (receipt,) = esme.receipts
    assert b"stat:EXPIRED" in receipt.short_message


@pytest.mark.parametrize(
    ("refusal", "error"),
    [(status.ESME_RINVDSTADR, 1), (status.ESME_RINVSRCADR, 255), (0x00000400, 255), (0x000000FF, 255)],
)
def test_a_permanent_refusal_ends_the_message(stack: Stack, refusal: int, error: int) -> None:
    stack.smsc.submit_status = refusal
    esme = stack.esme()
    (sent,) = send(stack, esme, b"one")
    assert stack.status(sent) == (4, 4, error, 0)
    assert len(esme.receipts) == 1
    stack.wait(120)
    assert len(stack.smsc.submits) == 1


def test_a_generic_nack_and_an_unreadable_answer_are_refusals(stack: Stack) -> None:
    stack.smsc.submit_status = None
    ids = send(stack, stack.esme(), *numbered(2))
    first, second = stack.smsc.submits
    stack.smsc.link.send(GenericNack(first.sequence_number, status.ESME_RINVCMDID))
    octets = encode(SubmitSmResp(second.sequence_number, 0, b"x" * 64))
    stack.smsc.link.transport.write(octets[:-1] + b"xxxxx\0"[: len(octets)])
    stack.settle()
    assert stack.status(ids[0])[:2] == (4, 4)


def test_a_lost_connection_puts_back_in_order_and_only_what_was_unanswered(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=5)
    stack.smsc.submit_status = None
    ids = send(stack, stack.esme(), *numbered(12))
    for position in (1, 3):
        stack.smsc.answer(stack.smsc.link, stack.smsc.submits[position])
    stack.settle()
    assert stack.smsc.texts == numbered(7)
    lose(stack)
    stack.smsc.submit_status = status.ESME_ROK
    del stack.smsc.submits[:]
    stack.wait(4)
    assert stack.smsc.texts == [b"000", b"002", *numbered(8, first=4)]
    assert {stack.status(one)[0] for one in ids} == {3}
    stack.close()


def test_a_response_that_never_comes_ends_the_connection_and_the_message_is_sent_again(stack: Stack) -> None:
    link = stack.smsc.link
    stack.smsc.submit_status = None
    (sent,) = send(stack, stack.esme(), b"one")
    stack.wait(29)
    assert link.connected_now
    stack.wait(2)
    assert not link.connected_now
    stack.smsc.submit_status = status.ESME_ROK
    stack.wait(4)
    assert stack.smsc.texts == [b"one", b"one"]
    assert stack.status(sent)[0] == 3


# Receipts.


def test_a_receipt_is_acknowledged_only_when_it_is_on_disk(stack: Stack) -> None:
    esme = stack.esme()
    (sent,) = send(stack, esme, b"one")
    stack.writer.hold()
    assert stack.smsc.receipt() is None
    stack.wait(3)
    assert stack.smsc.link.all(DeliverSmResp) == []
    assert esme.receipts == []
    stack.writer.let_go()
    stack.settle()
    assert stack.smsc.link.all(DeliverSmResp) == [DeliverSmResp(1)]
    assert stack.status(sent)[:2] == (4, 5)


def test_a_receipt_is_not_lost_when_the_store_fails_meanwhile(stack: Stack) -> None:
    esme = stack.esme()
    (sent,) = send(stack, esme, b"one")
    stack.writer.failing = StoreUnavailable("gone")
    assert stack.smsc.receipt() is None
    stack.wait(3)
    stack.writer.failing = None
    stack.wait(6)
    assert stack.smsc.link.all(DeliverSmResp) == [DeliverSmResp(1)]
    assert stack.status(sent) == (4, 5, 0, 0)
    assert len(esme.receipts) == 1


def test_an_intermediate_receipt_is_acknowledged_and_changes_nothing(stack: Stack) -> None:
    (sent,) = send(stack, stack.esme(), b"one")
    for number, stat in enumerate((b"ENROUTE", b"ACCEPTD", b"BUFFERED"), 1):
        answer = stack.smsc.receipt(1, stat, esm_class=0x20 if number == 1 else 4)
        assert answer == DeliverSmResp(number)
    assert stack.status(sent)[0] == 3
    stack.smsc.receipt()
    assert stack.status(sent)[:2] == (4, 5)


def test_a_receipt_before_the_response_that_names_it_is_not_lost(stack: Stack) -> None:
    esme = stack.esme()
    stack.smsc.submit_status = None
    (sent,) = send(stack, esme, b"one")
    assert stack.smsc.receipt(1) is None
    stack.smsc.answer(stack.smsc.link, stack.smsc.submits[0])
    stack.settle()
    assert stack.status(sent)[:2] == (4, 5)
    assert stack.smsc.link.all(DeliverSmResp) == [DeliverSmResp(1)]
    assert len(esme.receipts) == 1


def test_a_receipt_that_comes_twice_is_acknowledged_twice_and_told_once(stack: Stack) -> None:
    esme = stack.esme()
    (sent,) = send(stack, esme, b"one")
    for number in (1, 2):
        assert stack.smsc.receipt(1, b"DELIVRD" if number == 1 else b"UNDELIV") == DeliverSmResp(number)
    assert stack.status(sent)[:2] == (4, 5)
    assert len(esme.receipts) == 1


def test_a_receipt_for_nothing_we_sent_is_acknowledged_in_the_end(stack: Stack) -> None:
    assert stack.smsc.receipt(99) is None
    stack.wait(12)
    assert stack.smsc.link.all(DeliverSmResp) == [DeliverSmResp(1)]


def test_a_receipt_by_its_tlvs_and_by_data_sm_counts(stack: Stack) -> None:
    esme = stack.esme()
    ids = send(stack, esme, *numbered(2))
    tlvs = (
        (tlv.RECEIPTED_MESSAGE_ID, b"op-1\0"),
        (tlv.MESSAGE_STATE, b"\5"),
        (tlv.NETWORK_ERROR_CODE, b"\3\0\x1b"),
    )
    stack.smsc.link.send(DeliverSm(esm_class=4, tlvs=tlvs))
    stack.smsc.link.send(
        DataSm(esm_class=4, tlvs=((tlv.RECEIPTED_MESSAGE_ID, b"op-2\0"), (tlv.MESSAGE_STATE, b"\2")))
    )
    stack.settle()
    assert len(stack.smsc.link.all(DeliverSmResp)) == len(stack.smsc.link.all(DataSmResp)) == 1
    assert stack.status(ids[0])[:3] == (4, 9, 27)
    assert stack.status(ids[1])[:3] == (4, 5, 0)


def test_a_message_from_a_subscriber_is_not_taken(stack: Stack) -> None:
    link = stack.smsc.link
    link.send(DeliverSm(source_addr=b"41793026727", destination_addr=b"1234", short_message=b"Hello"))
    link.send(DataSm(source_addr=b"41793026727", tlvs=((tlv.MESSAGE_PAYLOAD, b"Hello"),)))
    stack.settle()
    assert link.all(DeliverSmResp) == [DeliverSmResp(1, status.ESME_RX_R_APPN)]
    assert link.all(DataSmResp) == [DataSmResp(2, status.ESME_RX_R_APPN)]


# Long messages.


def test_a_long_message_keeps_to_the_window_segment_by_segment(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=2)
    stack.smsc.submit_status = None
    esme = stack.esme()
    answer = esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, LONG),))
    assert len(stack.smsc.submits) == 2
    for position in range(3):
        assert stack.status(answer.message_id)[0] == 2
        stack.smsc.answer(stack.smsc.link, stack.smsc.submits[position])
        stack.settle()
    assert len(stack.smsc.submits) == 3
    assert stack.status(answer.message_id)[0] == 3
    assert stack.rows("SELECT operator_id, number FROM segment ORDER BY number") == [
        ("op-1", 1),
        ("op-2", 2),
        ("op-3", 3),
    ]
    stack.close()


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_a_long_message_of_which_one_segment_is_refused_fails_once(stack: Stack, refused: int) -> None:
    def one(pdu: SubmitSm) -> int:
        return status.ESME_RINVDSTADR if pdu.short_message[5:6] == bytes((refused,)) else status.ESME_ROK

    stack.smsc.submit_status = one
    esme = stack.esme()
    answer = esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, LONG),))
    assert stack.status(answer.message_id)[:3] == (4, 4, 1)
    assert len(esme.receipts) == 1
    for number in (1, 2):
        assert stack.smsc.receipt(number) is not None
    stack.wait(100)
    assert len(esme.receipts) == 1
    assert len(stack.smsc.submits) == 3
    send(stack, esme, b"next")
    assert stack.smsc.texts[-1] == b"next"


def test_the_segments_behind_a_refused_one_are_not_sent(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=1)
    stack.smsc.submit_status = status.ESME_RINVDSTADR
    esme = stack.esme()
    esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, LONG),))
    assert len(stack.smsc.submits) == 1
    stack.close()


def test_a_throttled_segment_of_a_message_that_was_refused_is_not_sent_again(stack: Stack) -> None:
    stack.smsc.submit_status = lambda pdu: (
        status.ESME_RINVDSTADR if pdu.short_message[5] == 1 else status.ESME_RTHROTTLED
    )
    esme = stack.esme()
    esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, LONG),))
    stack.wait(60)
    assert len(stack.smsc.submits) == 3
    assert len(esme.receipts) == 1


def test_a_long_message_is_undeliverable_when_one_segment_is(stack: Stack) -> None:
    esme = stack.esme()
    answer = esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, LONG),))
    for number, stat, err in ((1, b"DELIVRD", b"000"), (2, b"UNDELIV", b"027"), (3, b"DELIVRD", b"000")):
        assert stack.smsc.receipt(number, stat, err) is not None
    assert stack.status(answer.message_id) == (4, 9, 27, 0)
    (receipt,) = esme.receipts
    assert b"sub:003 dlvr:000" in receipt.short_message


def test_after_a_lost_connection_only_the_segments_not_taken_are_sent_again(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=3)
    stack.smsc.submit_status = None
    esme = stack.esme()
    answer = esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, LONG),))
    stack.smsc.answer(stack.smsc.link, stack.smsc.submits[1])
    stack.settle()
    lose(stack)
    stack.smsc.submit_status = status.ESME_ROK
    stack.wait(4)
    assert [text[5] for text in stack.smsc.texts] == [1, 2, 3, 1, 3]
    assert stack.status(answer.message_id)[0] == 3
    for number in (1, 2, 3):
        stack.smsc.receipt(number)
    assert stack.status(answer.message_id)[:2] == (4, 5)
    stack.close()


# Stopping.


def test_a_channel_that_stops_waits_for_its_window_and_unbinds(tmp_path: Path) -> None:
    stack = Stack(tmp_path, window=2)
    stack.smsc.submit_status = None
    ids = send(stack, stack.esme(), *numbered(4))
    link = stack.smsc.link
    stopped: list[object] = []
    stopping = stack.channels.stopService()
    stopping.addCallback(stopped.append)
    stack.wait(1)
    assert link.all(Unbind) == []
    for pdu in stack.smsc.submits[:2]:
        stack.smsc.answer(link, pdu)
    stack.settle()
    assert len(link.all(Unbind)) == 1
    assert not link.connected_now
    assert stopped
    assert [stack.status(one)[0] for one in ids] == [3, 3, 2, 2]
    assert stack.smsc.texts == numbered(2)
    stack.close()


def test_an_idle_channel_unbinds_at_once(stack: Stack) -> None:
    link = stack.smsc.link
    stopped: list[object] = []
    stack.channels.stopService().addCallback(stopped.append)
    stack.settle()
    assert len(link.all(Unbind)) == 1
    assert stopped
    stack.wait(100)
    assert stack.smsc.bound == []


def test_a_pair_unbinds_both(tmp_path: Path) -> None:
    stack = Stack(tmp_path, bind="pair")
    links = stack.smsc.bound
    stopped: list[object] = []
    stack.channels.stopService().addCallback(stopped.append)
    stack.settle()
    assert [len(link.all(Unbind)) for link in links] == [1, 1]
    assert stopped
    stack.close()


def test_an_operator_that_answers_nothing_does_not_keep_a_channel_from_stopping(stack: Stack) -> None:
    stack.smsc.submit_status = None
    (sent,) = send(stack, stack.esme(), b"one")
    link = stack.smsc.link
    stopped: list[object] = []
    stack.channels.stopService().addCallback(stopped.append)
    stack.wait(FAREWELL + 1)
    assert stopped
    assert not link.connected_now
    assert stack.status(sent)[0] == 2


def test_a_channel_that_is_not_connected_stops_at_once(stack: Stack) -> None:
    stack.network.ports.clear()
    lose(stack)
    stopped: list[object] = []
    stack.channels.stopService().addCallback(stopped.append)
    stack.settle()
    assert stopped
    stack.network.ports[PORT] = stack.smsc
    stack.wait(100)
    assert stack.smsc.bound == []


# Several binds, and how fast they send.


def test_several_binds_take_turns(tmp_path: Path) -> None:
    stack = Stack(tmp_path, sessions=3, window=2)
    assert len(stack.smsc.bound) == 3
    stack.smsc.submit_status = None
    esme = stack.esme()
    send(stack, esme, *numbered(10))
    assert [len(link.all(SubmitSm)) for link in stack.smsc.bound] == [2, 2, 2]
    assert sorted(stack.smsc.texts) == numbered(6)
    stack.close()


def test_a_bind_that_is_lost_leaves_the_others_sending(tmp_path: Path) -> None:
    stack = Stack(tmp_path, sessions=2, window=1)
    esme = stack.esme()
    stack.smsc.bound[0].transport.loseConnection()
    stack.settle()
    assert len(stack.smsc.bound) == 1
    send(stack, esme, *numbered(3))
    assert stack.smsc.texts == numbered(3)
    stack.wait(4)
    assert len(stack.smsc.bound) == 2
    stack.close()


def test_a_receipt_may_come_on_another_bind(tmp_path: Path) -> None:
    stack = Stack(tmp_path, sessions=2)
    esme = stack.esme()
    send(stack, esme, b"one")
    (other,) = (link for link in stack.smsc.bound if not link.all(SubmitSm))
    other.send(DeliverSm(esm_class=4, short_message=b"id:op-1 stat:DELIVRD err:000"))
    stack.settle()
    assert len(esme.receipts) == 1
    stack.close()


def test_so_many_messages_go_out_a_second(tmp_path: Path) -> None:
    stack = Stack(tmp_path, sessions=2, window=100, rate=10)
    esme = stack.esme()
    send(stack, esme, *numbered(50))
    assert len(stack.smsc.texts) <= 2
    stack.network.wait(1, step=0.05)
    assert len(stack.smsc.texts) in range(9, 13)
    stack.network.wait(2, step=0.05)
    assert len(stack.smsc.texts) in range(28, 33)
    stack.network.wait(5, step=0.05)
    assert sorted(stack.smsc.texts) == numbered(50)
    stack.close()


def test_all_binds_rest_when_one_is_throttled(tmp_path: Path) -> None:
    stack = Stack(tmp_path, sessions=2, window=1)
    esme = stack.esme()
    answers = iter([status.ESME_RTHROTTLED])
    stack.smsc.submit_status = lambda pdu: next(answers, status.ESME_ROK)
    send(stack, esme, *numbered(4))
    assert len(stack.smsc.texts) <= 2
    stack.wait(1)
    assert sorted(set(stack.smsc.texts)) == numbered(4)
    assert len(stack.smsc.texts) == 5
    stack.close()


# A response that never comes.


def unanswered(tmp_path: Path, policy: str) -> tuple[Stack, FakeEsme, bytes]:
    """Send a message that the operator doesn't answer the first time, for as long as smsd waits."""
    stack = Stack(tmp_path, unanswered=policy)
    esme = stack.esme()
    answers = iter([None])
    stack.smsc.submit_status = lambda pdu: next(answers, status.ESME_ROK)
    (message_id,) = send(stack, esme, b"one")
    stack.wait(40)
    return stack, esme, message_id


def test_an_unanswered_message_is_sent_again(tmp_path: Path) -> None:
    stack, _, message_id = unanswered(tmp_path, "again")
    assert stack.smsc.texts == [b"one", b"one"]
    assert stack.status(message_id)[0] == 3
    stack.close()


def test_an_unanswered_message_fails(tmp_path: Path) -> None:
    stack, esme, message_id = unanswered(tmp_path, "fail")
    assert stack.smsc.texts == [b"one"]
    assert stack.status(message_id)[:2] == (4, 9)
    assert b"err:502" in esme.receipts[0].short_message
    send(stack, esme, b"two")
    assert len(stack.smsc.links) == 1
    assert stack.smsc.texts == [b"one", b"two"]
    stack.close()


def test_an_unanswered_message_waits_until_its_validity_ends(tmp_path: Path) -> None:
    stack, _, message_id = unanswered(tmp_path, "wait")
    assert stack.smsc.texts == [b"one"]
    assert stack.status(message_id)[0] == 3
    stack.network.wait(48 * 3600, step=600)
    stack.wait(2)
    assert stack.status(message_id)[:2] == (4, 29)
    stack.close()


@pytest.mark.parametrize(("policy", "state", "times"), [("again", 3, 2), ("fail", 4, 1), ("wait", 3, 1)])
def test_a_connection_that_breaks_leaves_messages_unanswered_too(
    tmp_path: Path, policy: str, state: int, times: int
) -> None:
    stack = Stack(tmp_path, unanswered=policy)
    esme = stack.esme()
    stack.smsc.submit_status = None
    (message_id,) = send(stack, esme, b"one")
    stack.smsc.submit_status = status.ESME_ROK
    lose(stack)
    stack.wait(5)
    assert stack.smsc.texts == [b"one"] * times
    assert stack.status(message_id)[0] == state
    stack.close()


def test_what_was_never_sent_is_sent_whatever_the_policy(tmp_path: Path) -> None:
    stack = Stack(tmp_path, unanswered="fail", window=1)
    esme = stack.esme()
    stack.smsc.submit_status = None
    send(stack, esme, b"one", b"two")
    assert stack.smsc.texts == [b"one"]
    stack.smsc.submit_status = status.ESME_ROK
    lose(stack)
    stack.wait(5)
    assert stack.smsc.texts == [b"one", b"two"]
    assert stack.rows("SELECT state FROM message ORDER BY id") == [(4,), (3,)]
    stack.close()


# Names of messages.


@pytest.mark.parametrize("notation", [b"%X", b"%x", b"%08X", b"%d", b"%020d"])
@pytest.mark.parametrize("response", [b"%X", b"%d", b"%010d"])
def test_receipts_are_found_in_another_notation(tmp_path: Path, response: bytes, notation: bytes) -> None:
    stack = Stack(tmp_path)
    esme = stack.esme()
    for number in range(0xABCDE0, 0xABCDE5):
        stack.smsc.submit_status = None
        send(stack, esme, b"one")
        link, pdu = stack.smsc.link, stack.smsc.submits[-1]
        link.send(SubmitSmResp(pdu.sequence_number, 0, response % number))
        stack.settle()
        text = b"id:" + notation % number + b" stat:DELIVRD err:000"
        link.send(DeliverSm(esm_class=4, short_message=text))
        stack.settle()
    assert len(esme.receipts) == 5
    stack.close()


def test_an_early_receipt_in_another_notation_waits_for_its_response(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    esme = stack.esme()
    stack.smsc.submit_status = None
    send(stack, esme, b"one")
    link, pdu = stack.smsc.link, stack.smsc.submits[-1]
    link.send(DeliverSm(esm_class=4, short_message=b"id:11259375 stat:DELIVRD err:000"))
    stack.settle()
    assert esme.receipts == []
    link.send(SubmitSmResp(pdu.sequence_number, 0, b"ABCDEF"))
    stack.settle()
    assert len(esme.receipts) == 1
    stack.close()


def test_an_operator_that_gives_all_messages_one_id_is_matched_by_our_reference(tmp_path: Path) -> None:
    stack = Stack(tmp_path, match="reference")
    esme = stack.esme()
    stack.smsc.submit_status = None
    ids = send(stack, esme, b"one", b"two")
    link = stack.smsc.link
    for pdu in stack.smsc.submits:
        link.send(SubmitSmResp(pdu.sequence_number, 0, b"msg_id_not_implemented"))
    first, second = (tlv.find(pdu.tlvs, tlv.USER_MESSAGE_REFERENCE) for pdu in stack.smsc.submits)
    assert first is not None
    assert second is not None
    assert first != second
    receipt = b"id:other stat:DELIVRD err:000"
    for reference in (second, first):
        link.send(
            DeliverSm(esm_class=4, short_message=receipt, tlvs=((tlv.USER_MESSAGE_REFERENCE, reference),))
        )
        stack.settle()
    assert [one.short_message.split()[0] for one in esme.receipts] == [b"id:" + id for id in reversed(ids)]
    stack.close()


def test_the_operator_s_own_error_codes(tmp_path: Path) -> None:
    stack = Stack(tmp_path, errors="0x400=27:again 0x45=1:never B7=5")
    esme = stack.esme()
    answers = iter([0x400, status.ESME_RSUBMITFAIL])
    stack.smsc.submit_status = lambda pdu: next(answers, status.ESME_ROK)
    send(stack, esme, b"later", b"never", b"one")
    assert stack.rows("SELECT state, status, error FROM message ORDER BY id")[:2] == [(1, 0, 27), (4, 4, 1)]
    stack.smsc.receipt(1, b"UNDELIV", b"0B7")
    assert stack.rows("SELECT state, status, error FROM message ORDER BY id")[2] == (4, 9, 5)
    stack.close()


def test_a_long_message_goes_out_whole_and_has_one_receipt(tmp_path: Path) -> None:
    stack = Stack(tmp_path, long="payload")
    esme = stack.esme()
    esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, LONG),))
    (pdu,) = stack.smsc.submits
    assert tlv.find(pdu.tlvs, tlv.MESSAGE_PAYLOAD) == LONG
    stack.smsc.receipt()
    (receipt,) = esme.receipts
    assert b"sub:003 dlvr:003" in receipt.short_message
    stack.close()


def test_a_message_whose_validity_ends_while_the_channel_rests_is_not_sent_again(stack: Stack) -> None:
    stack.smsc.submit_status = status.ESME_RTHROTTLED
    esme = stack.esme()
    answer = esme.submit(short_message=b"one", validity_period=b"000000000005000R")
    stack.wait(5)
    stack.smsc.submit_status = status.ESME_ROK
    stack.smsc.submits.clear()
    stack.wait(40)
    assert stack.smsc.texts == []
    assert stack.status(answer.message_id)[:2] == (4, 15)
    send(stack, esme, b"two")
    assert stack.smsc.texts == [b"two"]

"""What a session may ask for when it binds: routes of its own, flash messages; and who may bind how."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address

from smsd.services.deliveries import CULPRIT
from smsd.services.guard import BAN, ENOUGH
from smsd.smpp import status, tlv
from smsd.smpp.pdu import (
    Bind,
    BindReceiver,
    BindResponse,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    Pdu,
)
from smsd.sms.coding import decode
from tests.peers import FakeEsme, Stack, result, submit_sm

UDH = b"\5\0\3\7\2\1"


def command_status(stack: Stack, kind: type[Bind] = BindTransceiver, **fields: Any) -> int:
    return stack.esme(None).bind(kind, **fields).command_status


# Who may bind, and how.


def test_a_later_version_is_answered_as_ours(stack: Stack) -> None:
    answer = stack.esme(None).bind(interface_version=0x50)
    assert isinstance(answer, BindResponse)
    assert answer.command_status == status.ESME_ROK
    assert tlv.integer(answer.tlvs, tlv.SC_INTERFACE_VERSION) == 0x34


@pytest.mark.parametrize("binds", ["transmitter", "receiver", "transceiver", "transmitter receiver"])
def test_an_account_binds_only_as_it_may(stack: Stack, binds: str) -> None:
    result(stack.administration.change_account("acme", binds=binds))
    stack.wait(1)
    kinds = {"transmitter": BindTransmitter, "receiver": BindReceiver, "transceiver": BindTransceiver}
    for name, kind in kinds.items():
        expected = status.ESME_ROK if name in binds.split() else status.ESME_RBINDFAIL
        assert command_status(stack, kind) == expected


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("192.0.2.1", status.ESME_ROK),
        ("198.51.100.0/24, 192.0.2.0/28", status.ESME_ROK),
        ("198.51.100.0/24", status.ESME_RBINDFAIL),
        ("2001:db8::/32", status.ESME_RBINDFAIL),
        ("", status.ESME_ROK),
    ],
)
def test_an_account_binds_only_from_its_addresses(stack: Stack, addresses: str, expected: int) -> None:
    result(stack.administration.change_account("acme", addresses=addresses))
    stack.wait(1)
    assert command_status(stack) == expected


def test_an_address_of_version_4_in_version_6_is_what_it_means(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    result(stack.administration.change_account("acme", addresses="192.0.2.0/24"))
    stack.wait(1)
    esme = stack.esme(None)
    (connection,) = stack.listener._connections
    peer = IPv6Address("TCP", "::ffff:192.0.2.9", 4711)
    monkeypatch.setattr(connection.transport, "getPeer", lambda: peer)
    assert esme.bind().command_status == status.ESME_ROK


def test_an_account_that_must_use_tls_or_show_a_certificate_binds_plainly_in_vain(stack: Stack) -> None:
    result(stack.administration.change_account("acme", tls=1))
    stack.wait(1)
    assert command_status(stack) == status.ESME_RBINDFAIL
    result(stack.administration.change_account("acme", tls=0, certificate="acme.example"))
    stack.wait(1)
    assert command_status(stack) == status.ESME_RBINDFAIL


def test_wrong_passwords_are_answered_ever_later_and_then_not_looked_at(stack: Stack) -> None:
    for number in range(ENOUGH):
        esme = stack.esme(None)
        sent = esme.send(BindTransceiver(system_id=b"acme", password=b"wrong"))
        stack.settle()
        assert (esme.answer_to(sent) is None) == (number >= 3)
        stack.wait(16)
        answer = esme.answer_to(sent)
        assert answer is not None
        assert answer.command_status == status.ESME_RINVPASWD
    assert command_status(stack) == status.ESME_RBINDFAIL
    stack.add_account("other")
    stack.wait(1)
    assert command_status(stack, system_id=b"other") == status.ESME_ROK
    stack.wait(BAN)
    assert command_status(stack) == status.ESME_ROK


def test_a_client_that_hangs_up_while_its_answer_is_delayed_harms_nobody(stack: Stack) -> None:
    for _ in range(5):
        esme = stack.esme(None)
        esme.send(BindTransceiver(system_id=b"acme", password=b"wrong"))
        stack.settle()
        esme.transport.loseConnection()
        stack.settle()
    stack.wait(20)
    assert command_status(stack) == status.ESME_ROK


# Routes by code.


def routes(stack: Stack) -> None:
    """Give the operator a second channel, for those who ask for route ``gold``, and acme one of its own."""
    stack.add_account("other")
    result(stack.administration.add_route("operator", "417", code="gold", price="0.5"))
    result(stack.administration.add_route("operator", "4179", "acme", code="own", price="0.7"))
    stack.wait(1)


def price(stack: Stack) -> str:
    ((found,),) = stack.rows("SELECT price FROM message ORDER BY id DESC LIMIT 1")
    return str(found)


@pytest.mark.parametrize("system_type", [b"r:gold", b"<r:gold>"])
def test_a_code_chooses_the_routes_that_have_it_and_no_others(stack: Stack, system_type: bytes) -> None:
    routes(stack)
    esme = stack.esme(system_type=system_type)
    assert esme.submit().command_status == status.ESME_ROK
    assert price(stack) == "0.5"
    assert esme.submit(destination_addr=b"385911234567").command_status == 0x22
    assert stack.esme().submit(destination_addr=b"385911234567").command_status == status.ESME_ROK
    assert price(stack) == "0.01"


def test_a_code_that_the_account_has_no_route_with_is_refused(stack: Stack) -> None:
    routes(stack)
    assert command_status(stack, system_type=b"r:own") == status.ESME_ROK
    assert command_status(stack, system_type=b"r:own", system_id=b"other") == status.ESME_RINVSYSTYP
    assert command_status(stack, system_type=b"r:silver") == status.ESME_RINVSYSTYP
    assert command_status(stack, system_type=b"r:") == status.ESME_ROK
    assert command_status(stack, system_type=b"SMPP") == status.ESME_ROK


# Flash messages.


@pytest.mark.parametrize(
    ("given", "sent"),
    [(0, 0xF0), (1, 0xF0), (8, 0x18), (4, 0xF4), (0xF2, 0xF0), (0x11, 0xF0), (0x1A, 0x18)],
)
def test_a_flash_session_s_messages_are_flash_messages(stack: Stack, given: int, sent: int) -> None:
    esme = stack.esme(system_type=b"NSMS")
    assert esme.submit(data_coding=given, short_message=b"\0H\0i").command_status == status.ESME_ROK
    (pdu,) = stack.smsc.submits
    assert (pdu.data_coding, pdu.short_message) == (sent, b"\0H\0i")


@pytest.mark.parametrize("text", ["Grüße", "Año ©"])
def test_latin_1_is_encoded_anew_to_be_flash(stack: Stack, text: str) -> None:
    esme = stack.esme(system_type=b"NSMS")
    esme.submit(data_coding=3, short_message=text.encode("latin-1"))
    (pdu,) = stack.smsc.submits
    assert pdu.data_coding in (0xF0, 0x18)
    assert decode(pdu.short_message, pdu.data_coding) == text


@pytest.mark.parametrize(
    "fields",
    [
        {"esm_class": 0x40, "short_message": UDH + b"part"},
        {"short_message": b"x" * 161},
        {"short_message": b"\0x" * 71, "data_coding": 8},
        {"short_message": b"", "tlvs": ((tlv.MESSAGE_PAYLOAD, b"x" * 161),)},
        {
            "tlvs": (
                (tlv.SAR_MSG_REF_NUM, b"\0\1"),
                (tlv.SAR_TOTAL_SEGMENTS, b"\2"),
                (tlv.SAR_SEGMENT_SEQNUM, b"\1"),
            )
        },
    ],
)
def test_a_long_flash_message_is_refused(stack: Stack, fields: dict[str, Any]) -> None:
    assert stack.esme(system_type=b"NSMS").submit(**fields).command_status == status.ESME_RINVMSGLEN
    assert stack.smsc.submits == []


def test_flash_messages_have_receipts(stack: Stack) -> None:
    esme = stack.esme(system_type=b"NSMS")
    esme.submit()
    stack.smsc.receipt()
    assert len(esme.receipts) == 1


# Changes take effect on sessions that are bound.


def test_limits_hold_at_once_for_bound_sessions(stack: Stack) -> None:
    esme = stack.esme()
    assert esme.submit().command_status == status.ESME_ROK
    result(stack.administration.change_account("acme", throughput=1))
    stack.wait(1)
    assert [esme.submit().command_status for _ in range(2)] == [status.ESME_ROK, status.ESME_RTHROTTLED]
    result(stack.administration.change_account("acme", throughput=0, queue=1))
    stack.smsc.submit_status = None
    stack.wait(1)
    assert [esme.submit().command_status for _ in range(2)] == [status.ESME_ROK, status.ESME_RMSGQFUL]
    result(stack.administration.change_account("acme", queue=0))
    stack.wait(1)
    assert esme.submit().command_status == status.ESME_ROK


def test_an_account_s_window_holds_for_each_session(stack: Stack) -> None:
    result(stack.administration.change_account("acme", unanswered=2))
    stack.wait(1)
    esme = stack.esme()
    stack.writer.hold()
    numbers = [esme.send(submit_sm()) for _ in range(3)]
    stack.settle()
    third = esme.answer_to(numbers[2])
    assert third is not None
    assert third.command_status == status.ESME_RTHROTTLED
    stack.writer.let_go()
    stack.settle()
    for number in numbers[:2]:
        answer = esme.answer_to(number)
        assert answer is not None
        assert answer.command_status == status.ESME_ROK


# A client that can't cope with one receipt.


class Fragile(FakeEsme):
    """Hangs up on one receipt."""

    def __init__(self, stack: Stack, poison: bytes) -> None:
        super().__init__(stack.network)
        self._poison = poison

    def take(self, pdu: Pdu) -> None:
        if isinstance(pdu, DeliverSm) and self._poison in pdu.short_message:
            self.transport.abortConnection()
        else:
            super().take(pdu)


def test_a_receipt_on_which_a_client_hangs_up_is_set_aside_and_the_others_come(stack: Stack) -> None:
    transmitter = stack.esme(BindTransmitter)
    ids = [transmitter.submit().message_id for _ in range(5)]
    for number in range(1, 6):
        stack.smsc.receipt(number)
    got: set[bytes] = set()
    for _ in range(CULPRIT + 2):
        fragile = Fragile(stack, b"id:%b " % ids[0])
        connection = stack.listener.buildProtocol(IPv4Address("TCP", "192.0.2.1", 4711))
        stack.network.join(fragile, connection)
        stack.settle()
        fragile.send(BindReceiver(system_id=b"acme", password=b"secret"))
        stack.wait(10)
        got |= {one for one in ids for pdu in fragile.receipts if b"id:%b " % one in pdu.short_message}
    assert got == set(ids)
    assert [stack.status(one)[3] for one in ids] == [3, 0, 0, 0, 0]
    (aside,) = result(stack.administration.receipts_set_aside(10))
    assert aside.id == int(ids[0])
    assert fragile.connected_now

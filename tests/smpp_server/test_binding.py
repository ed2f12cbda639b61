from __future__ import annotations

from pathlib import Path

import pytest

from smsd.smpp import session, status, tlv
from smsd.smpp.pdu import (
    Bind,
    BindReceiver,
    BindReceiverResp,
    BindResponse,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from smsd.smpp_server.listener import Limits
from tests.peers import PASSWORD, FakeEsme, Stack, result, submit_sm


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (BindTransmitter, BindTransmitterResp),
        (BindReceiver, BindReceiverResp),
        (BindTransceiver, BindTransceiverResp),
    ],
)
def test_a_client_binds_in_each_way(stack: Stack, kind: type[Bind], answer: type[BindResponse]) -> None:
    esme = stack.esme(None)
    assert esme.bind(kind) == answer(
        sequence_number=1,
        command_status=status.ESME_ROK,
        system_id=b"smsd",
        tlvs=((tlv.SC_INTERFACE_VERSION, b"\x34"),),
    )
    assert esme.connected_now


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"system_id": b"nobody"}, status.ESME_RINVSYSID),
        ({"system_id": b""}, status.ESME_RINVSYSID),
        ({"system_id": "Äcme".encode("latin-1")}, status.ESME_RINVSYSID),
        ({"password": b"wrong"}, status.ESME_RINVPASWD),
        ({"password": b""}, status.ESME_RINVPASWD),
        ({"password": "schlüss".encode("latin-1")}, status.ESME_RINVPASWD),
        ({"interface_version": 0x33}, status.ESME_RBINDFAIL),
        ({"interface_version": 0}, status.ESME_RBINDFAIL),
    ],
)
def test_a_bind_is_refused_for_what_is_wrong_with_it(
    stack: Stack, fields: dict[str, bytes | int], expected: int
) -> None:
    esme = stack.esme(None)
    answer = esme.bind(**fields)  # type: ignore[arg-type]
    assert answer == BindTransceiverResp(sequence_number=1, command_status=expected)
    assert not esme.connected_now
    assert stack.esme().connected_now


def test_any_other_system_type_is_taken(stack: Stack) -> None:
    stack.esme(system_type=b"SMPP")


def test_a_disabled_account_is_as_unknown_as_one_that_is_not_there(stack: Stack) -> None:
    stack.add_account("asleep", enabled=0)
    result(stack.core.settings.load())
    assert stack.esme(None).bind(system_id=b"asleep").command_status == status.ESME_RINVSYSID


def test_a_bind_waits_until_accounts_are_known(stack: Stack) -> None:
    esme = stack.esme(None)
    stack.hashing.hold()
    number = esme.send(BindTransceiver(system_id=b"acme", password=PASSWORD.encode()))
    stack.settle()
    assert esme.answer_to(number) is None
    stack.hashing.let_go()
    stack.settle()
    assert isinstance(esme.answer_to(number), BindTransceiverResp)


def test_the_session_limit_refuses_one_more_and_the_others_go_on(stack: Stack) -> None:
    sessions = [
        stack.esme(kind) for kind in (BindTransmitter, BindReceiver, BindTransceiver, BindTransceiver)
    ]
    late = stack.esme(None)
    assert late.bind().command_status == status.ESME_RBINDFAIL
    assert not late.connected_now
    assert all(esme.connected_now for esme in sessions)
    assert sessions[3].submit().command_status == status.ESME_ROK

    sessions[0].transport.loseConnection()
    stack.settle()
    assert stack.esme().connected_now


def test_each_account_has_its_own_session_limit(stack: Stack) -> None:
    stack.add_account("solo", sessions=1)
    result(stack.core.settings.load())
    for _ in range(4):
        stack.esme()
    stack.esme(system_id=b"solo")
    assert stack.esme(None).bind(system_id=b"solo").command_status == status.ESME_RBINDFAIL


def test_binds_that_are_checked_at_the_same_time_share_the_session_limit(stack: Stack) -> None:
    clients = [stack.esme(None) for _ in range(6)]
    stack.hashing.hold()
    for esme in clients:
        esme.send(BindTransceiver(system_id=b"acme", password=PASSWORD.encode()))
    stack.settle()
    stack.hashing.let_go()
    stack.settle()
    statuses = sorted(esme.received[0].command_status for esme in clients)
    assert statuses == [status.ESME_ROK] * 4 + [status.ESME_RBINDFAIL] * 2


def test_a_client_that_goes_while_its_password_is_checked_holds_no_session(stack: Stack) -> None:
    for _ in range(5):
        esme = stack.esme(None)
        stack.hashing.hold()
        esme.send(BindTransceiver(system_id=b"acme", password=b"secret"))
        stack.settle()
        esme.transport.loseConnection()
        stack.settle()
        stack.hashing.let_go()
        stack.settle()
    assert stack.listener.sessions(1) == 0
    for _ in range(4):
        stack.esme()


def test_a_receiver_that_goes_while_its_password_is_checked_gets_no_receipts(stack: Stack) -> None:
    gone = stack.esme(None)
    stack.hashing.hold()
    gone.send(BindReceiver(system_id=b"acme", password=PASSWORD.encode()))
    stack.settle()
    gone.transport.loseConnection()
    stack.settle()
    stack.hashing.let_go()
    sent = stack.esme(BindTransmitter).submit()
    stack.smsc.receipt()
    assert stack.status(sent.message_id) == (4, 5, 0, 1)
    assert len(stack.esme(BindReceiver).receipts) == 1
    assert stack.status(sent.message_id) == (4, 5, 0, 0)


def test_a_second_bind_gets_already_bound(stack: Stack) -> None:
    esme = stack.esme()
    for kind in (BindTransmitter, BindReceiver, BindTransceiver):
        assert esme.bind(kind).command_status == status.ESME_RALYBND
    assert esme.submit().command_status == status.ESME_ROK


def test_before_a_bind_only_enquire_link_is_answered_well(stack: Stack) -> None:
    esme = stack.esme(None)
    assert isinstance(esme.ask(EnquireLink()), EnquireLinkResp)
    assert esme.submit().command_status == status.ESME_RINVBNDSTS
    assert esme.ask(Unbind()).command_status == status.ESME_RINVBNDSTS
    assert esme.bind().command_status == status.ESME_ROK


def test_a_submit_that_follows_the_bind_without_waiting_is_out_of_place(stack: Stack) -> None:
    stack.hashing.hold()
    esme = stack.esme(None)
    binding = esme.send(BindTransceiver(system_id=b"acme", password=PASSWORD.encode()))
    assert esme.ask(submit_sm()) == SubmitSmResp(2, status.ESME_RINVBNDSTS)
    stack.hashing.let_go()
    stack.settle()
    answer = esme.answer_to(binding)
    assert answer is not None
    assert answer.command_status == status.ESME_ROK


def test_a_receiver_may_not_submit(stack: Stack) -> None:
    esme = stack.esme(BindReceiver)
    assert esme.submit().command_status == status.ESME_RINVBNDSTS
    assert esme.connected_now


@pytest.mark.parametrize("command_id", [0x3, 0x7, 0x8, 0x21, 0x103, 0xB, 0x102, 0x5, 0x12345678])
def test_other_requests_get_a_generic_nack(stack: Stack, command_id: int) -> None:
    esme = stack.esme()
    esme.transport.write(
        (16).to_bytes(4, "big") + command_id.to_bytes(4, "big") + bytes(4) + (77).to_bytes(4, "big")
    )
    stack.settle()
    assert esme.received[1:] == [GenericNack(77, status.ESME_RINVCMDID)]
    assert esme.submit().command_status == status.ESME_ROK


def test_unbind_is_answered_and_ends_the_connection(stack: Stack) -> None:
    esme = stack.esme()
    assert esme.ask(Unbind()) == UnbindResp(2)
    assert not esme.connected_now
    assert stack.listener.sessions(1) == 0


def test_a_silent_client_is_asked_and_then_given_up(stack: Stack) -> None:
    esme = stack.esme()
    stack.wait(29)
    assert esme.all(EnquireLink) == []
    stack.wait(2)
    assert len(esme.all(EnquireLink)) == 1
    stack.wait(31)
    assert len(esme.all(EnquireLink)) == 2
    esme.enquiries_answered = False
    stack.wait(62)
    assert not esme.connected_now
    assert stack.listener.sessions(1) == 0


def test_a_client_that_says_something_is_not_asked(stack: Stack) -> None:
    esme = stack.esme()
    for _ in range(4):
        stack.wait(25)
        assert isinstance(esme.ask(EnquireLink()), EnquireLinkResp)
    assert esme.all(EnquireLink) == []


def test_a_peer_that_never_binds_is_disconnected(stack: Stack) -> None:
    silent, talking = stack.esme(None), stack.esme(None)
    for _ in range(29):
        stack.wait(1)
        assert isinstance(talking.ask(EnquireLink()), EnquireLinkResp)
    assert silent.connected_now
    stack.wait(2)
    assert not silent.connected_now
    assert not talking.connected_now


def test_a_thousand_peers_that_never_bind_are_bounded_and_leave_room_again(tmp_path: Path) -> None:
    stack = Stack(tmp_path, limits=Limits(connections=2000, unbound=100))
    bound = stack.esme()
    taken = []
    for _ in range(1000):
        connection = stack.listener.buildProtocol(None)
        if connection is not None:
            esme = FakeEsme(stack.network)
            stack.network.join(esme, connection)
            taken.append(esme)
    stack.settle()
    assert [esme.connected_now for esme in taken] == [False] * 900 + [True] * 100  # The oldest had to go.
    assert bound.submit().command_status == status.ESME_ROK
    stack.wait(31)
    assert not any(esme.connected_now for esme in taken)
    stack.esme()
    stack.close()


def test_the_number_of_connections_is_bounded(tmp_path: Path) -> None:
    stack = Stack(tmp_path, limits=Limits(connections=3, unbound=3))
    clients = [stack.esme() for _ in range(3)]
    assert stack.listener.buildProtocol(None) is None
    clients[0].ask(Unbind())
    stack.esme()
    stack.close()


def test_disabling_an_account_unbinds_its_sessions_and_no_others(stack: Stack) -> None:
    stack.add_account("other")
    result(stack.core.settings.load())
    acme, other = [stack.esme(), stack.esme(BindReceiver)], stack.esme(system_id=b"other")
    result(stack.administration.change_account("acme", enabled=0))
    stack.wait(0.4)
    assert [len(esme.all(Unbind)) for esme in acme] == [1, 1]
    assert not any(esme.connected_now for esme in acme)
    assert other.connected_now
    assert stack.esme(None).bind().command_status == status.ESME_RINVSYSID
    result(stack.administration.change_account("acme", enabled=1))
    stack.wait(0.4)
    stack.esme()


def test_removing_an_account_unbinds_its_sessions(stack: Stack) -> None:
    esme = stack.esme()
    result(stack.administration.remove_account("acme"))
    stack.wait(0.4)
    assert not esme.connected_now


def test_a_new_password_counts_at_once(stack: Stack) -> None:
    stack.esme()
    result(stack.administration.change_account("acme", password="fresh"))
    stack.wait(0.4)
    assert stack.esme(None).bind().command_status == status.ESME_RINVPASWD
    stack.esme(password=b"fresh")


class Deaf(FakeEsme):
    """A client that doesn't answer an unbind."""

    def unbound(self, pdu: Unbind) -> None:
        pass


def test_while_it_is_asked_to_unbind_a_client_can_submit_no_more(stack: Stack) -> None:
    connection = stack.listener.buildProtocol(None)
    esme = Deaf(stack.network)
    stack.network.join(esme, connection)
    esme.bind()
    result(stack.administration.change_account("acme", enabled=0))
    stack.wait(0.4)
    assert len(esme.all(Unbind)) == 1
    assert esme.submit().command_status == status.ESME_RINVBNDSTS
    stack.wait(32)
    assert not esme.connected_now


def test_when_the_node_stops_clients_are_unbound_and_others_hung_up_on(stack: Stack) -> None:
    bound, unbound = stack.esme(), stack.esme(None)
    stopped = stack.sessions.stopService()
    assert stopped is not None
    stack.settle()
    assert len(bound.all(Unbind)) == 1
    assert not bound.connected_now
    assert not unbound.connected_now
    stack.wait(2)
    result(stopped)


def test_a_node_without_clients_stops_at_once(stack: Stack) -> None:
    assert stack.sessions.stopService().called


def test_the_time_outs_are_those_of_the_limits(tmp_path: Path) -> None:
    stack = Stack(tmp_path, limits=Limits(session=session.Limits(bind=3, enquire=5, response=2)))
    unbound, bound = stack.esme(None), stack.esme()
    bound.enquiries_answered = False
    stack.wait(4)
    assert not unbound.connected_now
    assert bound.connected_now
    stack.wait(2)
    assert len(bound.all(EnquireLink)) == 1
    stack.wait(3)
    assert not bound.connected_now
    stack.close()

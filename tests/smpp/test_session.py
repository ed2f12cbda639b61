import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.smpp import tlv
from smsd.smpp.codec import decode, encode
from smsd.smpp.pdu import (
    AlertNotification,
    Bind,
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from smsd.smpp.session import (
    Answer,
    Broken,
    Event,
    Limits,
    Role,
    Session,
    State,
    Unanswered,
    Unbound,
    following,
)
from smsd.smpp.status import (
    ESME_RALYBND,
    ESME_RINVBNDSTS,
    ESME_RINVCMDID,
    ESME_RINVCMDLEN,
    ESME_RINVDSTADR,
    ESME_RINVPASWD,
    ESME_RINVSRCADR,
    ESME_RSYSERR,
    ESME_RTHROTTLED,
)
from tests.smpp.strategies import PDUS
from tests.smpp.test_codec import octets, submit

VERSION = ((tlv.SC_INTERFACE_VERSION, b"\x34"),)
QUERY_SM = octets(0x00000003, b"1\0\0\0\0")
BAD_SUBMIT = submit(source=b"1" * 21 + b"\0")


def sent(session: Session) -> list[Pdu]:
    """Take what the session wants written, PDU by PDU."""
    data, pdus = session.data_to_send(), []
    while data:
        length = int.from_bytes(data[:4], "big")
        pdus.append(decode(data[:length]))
        data = data[length:]
    return pdus


def smsc(bind: type[Bind] | None = BindTransceiver, limits: Limits | None = None) -> Session:
    """Be the SMSC, bound as the ESME asked."""
    session = Session(Role.SMSC, limits or Limits(), 0.0)
    if bind is not None:
        request = bind(1)
        assert session.receive(encode(request), 0.0) == [request]
        session.bind_accepted(request, b"smsd")
        session.data_to_send()
    return session


def esme(bind: type[Bind] | None = BindTransceiver, limits: Limits | None = None) -> Session:
    """Be an ESME, bound; its next sequence_number is 2."""
    session = Session(Role.ESME, limits or Limits(), 0.0)
    if bind is not None:
        session.request(bind(), "bind", 0.0)
        session.receive(octets(bind.command_id | 0x80000000, b"smsc\0", number=1), 0.0)
        session.data_to_send()
    return session


def exchange(one: Session, other: Session, now: float = 0.0) -> tuple[list[Event], list[Event]]:
    """Carry octets between two ends until neither has any; give what each was told."""
    of_one: list[Event] = []
    of_other: list[Event] = []
    while (there := one.data_to_send()) + (back := other.data_to_send()):
        of_other += other.receive(there, now)
        of_one += one.receive(back, now)
    return of_one, of_other


# Two ends


@pytest.mark.parametrize(
    ("bind", "response", "state"),
    [
        (BindTransmitter, BindTransmitterResp, State.BOUND_TX),
        (BindReceiver, BindReceiverResp, State.BOUND_RX),
        (BindTransceiver, BindTransceiverResp, State.BOUND_TRX),
    ],
)
def test_a_bind_binds_both_ends(bind: type[Bind], response: type[Pdu], state: State) -> None:
    ours, theirs = Session(Role.ESME, Limits(), 0.0), Session(Role.SMSC, Limits(), 0.0)
    ours.request(bind(system_id=b"acme", password=b"secret"), "bind", 0.0)
    assert exchange(ours, theirs) == ([], [bind(1, system_id=b"acme", password=b"secret")])
    assert (ours.state, theirs.state) == (State.OPEN, State.OPEN)
    theirs.bind_accepted(bind(1), b"smsd")
    answer = Answer("bind", response(1, 0, b"smsd", VERSION))  # type: ignore[call-arg]
    assert exchange(ours, theirs) == ([answer], [])
    assert (ours.state, theirs.state) == (state, state)


def test_a_refused_bind_leaves_both_ends_open_for_another() -> None:
    ours, theirs = Session(Role.ESME, Limits(), 0.0), Session(Role.SMSC, Limits(), 0.0)
    ours.request(BindReceiver(), "first", 0.0)
    exchange(ours, theirs)
    theirs.bind_refused(BindReceiver(1), ESME_RINVPASWD)
    assert exchange(ours, theirs) == ([Answer("first", BindReceiverResp(1, ESME_RINVPASWD))], [])
    assert (ours.state, theirs.state) == (State.OPEN, State.OPEN)
    ours.request(BindReceiver(), "second", 0.0)
    assert exchange(ours, theirs) == ([], [BindReceiver(2)])


def test_messages_and_their_responses_cross() -> None:
    ours, theirs = esme(), smsc()
    ours.request(SubmitSm(short_message=b"out"), "out", 0.0)
    theirs.request(DeliverSm(short_message=b"in"), "in", 0.0)
    assert (ours.outstanding, theirs.outstanding) == (1, 1)
    delivered, submitted = exchange(ours, theirs)
    assert submitted == [SubmitSm(2, short_message=b"out")]
    assert delivered == [DeliverSm(1, short_message=b"in")]
    theirs.respond(SubmitSmResp(2, 0, b"407"))
    ours.respond(DeliverSmResp(1))
    answered = exchange(ours, theirs)
    assert answered == ([Answer("out", SubmitSmResp(2, 0, b"407"))], [Answer("in", DeliverSmResp(1))])
    assert (ours.outstanding, theirs.outstanding) == (0, 0)


def test_an_unbind_ends_both_ends() -> None:
    ours, theirs = esme(), smsc()
    ours.unbind(0.0)
    assert ours.state is State.UNBINDING
    assert exchange(ours, theirs) == ([Unbound()], [Unbound()])
    assert (ours.state, theirs.state) == (State.CLOSED, State.CLOSED)


def test_two_unbinds_that_cross_end_both_ends() -> None:
    ours, theirs = esme(), smsc()
    ours.unbind(0.0)
    theirs.unbind(0.0)
    assert exchange(ours, theirs) == ([Unbound()], [Unbound()])


def test_a_quiet_session_is_kept_up_by_enquire_link() -> None:
    ours, theirs = esme(), smsc()
    for now in range(1, 3600):
        assert ours.tick(float(now)) + theirs.tick(float(now)) == []
        assert exchange(ours, theirs, float(now)) == ([], [])


# Requests of the peer


def test_enquire_link_is_answered_in_any_state() -> None:
    for session in (smsc(None), esme(None), smsc(BindReceiver), esme(BindTransmitter)):
        assert session.receive(encode(EnquireLink(9)), 0.0) == []
        assert sent(session) == [EnquireLinkResp(9)]


def test_an_unbind_is_answered_and_nothing_is_processed_after_it() -> None:
    session = smsc()
    assert session.receive(encode(Unbind(5)) + encode(SubmitSm(6)), 0.0) == [Unbound()]
    assert sent(session) == [UnbindResp(5)]
    assert session.receive(encode(SubmitSm(7)), 0.0) == []
    assert session.tick(1e6) == []
    assert sent(session) == []


@pytest.mark.parametrize("number", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_sequence_numbers_of_the_peer_are_taken_as_they_are(number: int) -> None:
    assert smsc().receive(encode(SubmitSm(number)), 0.0) == [SubmitSm(number)]


@pytest.mark.parametrize(
    ("session", "request_", "answer"),
    [
        (smsc(None), SubmitSm(7), SubmitSmResp(7, ESME_RINVBNDSTS)),
        (smsc(None), Unbind(7), UnbindResp(7, ESME_RINVBNDSTS)),
        (smsc(BindReceiver), SubmitSm(7), SubmitSmResp(7, ESME_RINVBNDSTS)),
        (smsc(BindReceiver), BindReceiver(7), BindReceiverResp(7, ESME_RALYBND)),
        (smsc(), BindTransmitter(7), BindTransmitterResp(7, ESME_RALYBND)),
        (smsc(), DataSm(7), GenericNack(7, ESME_RINVCMDID)),
        (smsc(), DeliverSm(7), GenericNack(7, ESME_RINVCMDID)),
        (smsc(), AlertNotification(7), GenericNack(7, ESME_RINVCMDID)),
        (esme(None), DeliverSm(7), DeliverSmResp(7, ESME_RINVBNDSTS)),
        (esme(None), AlertNotification(7), GenericNack(7, ESME_RINVBNDSTS)),
        (esme(BindTransmitter), DeliverSm(7), DeliverSmResp(7, ESME_RINVBNDSTS)),
        (esme(BindTransmitter), DataSm(7), DataSmResp(7, ESME_RINVBNDSTS)),
        (esme(), Outbind(7), GenericNack(7, ESME_RINVBNDSTS)),
        (esme(), SubmitSm(7), GenericNack(7, ESME_RINVCMDID)),
        (esme(), BindTransceiver(7), GenericNack(7, ESME_RINVCMDID)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_request_out_of_place_is_refused(session: Session, request_: Pdu, answer: Pdu) -> None:
    state = session.state
    assert session.receive(encode(request_), 0.0) == []
    assert sent(session) == [answer]
    assert session.state is state


@pytest.mark.parametrize("bind", [BindReceiver, BindTransceiver])
def test_an_esme_that_receives_is_told_of_what_comes(bind: type[Bind]) -> None:
    session = esme(bind)
    requests: list[Pdu] = [DeliverSm(1), DataSm(2), AlertNotification(3)]
    assert session.receive(b"".join(map(encode, requests)), 0.0) == requests
    assert sent(session) == []


def test_an_esme_is_told_of_an_outbind_before_it_is_bound() -> None:
    assert esme(None).receive(encode(Outbind(1)), 0.0) == [Outbind(1)]


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (SubmitSm(2), SubmitSmResp(2, ESME_RINVBNDSTS)),
        (BindReceiver(2), BindReceiverResp(2, ESME_RALYBND)),
        (Unbind(2), UnbindResp(2, ESME_RINVBNDSTS)),
        (EnquireLink(2), EnquireLinkResp(2)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_while_a_bind_waits_other_requests_are_refused(request_: Pdu, answer: Pdu) -> None:
    session = smsc(None)
    bind = BindTransceiver(1)
    assert session.receive(encode(bind) + encode(request_), 0.0) == [bind]
    session.bind_accepted(bind, b"smsd")
    assert sent(session) == [answer, BindTransceiverResp(1, 0, b"smsd", VERSION)]
    assert session.state is State.BOUND_TRX


def test_a_bind_accepted_too_late_does_nothing() -> None:
    session = smsc(None)
    bind = BindTransceiver(1)
    session.receive(encode(bind), 0.0)
    assert session.tick(30.0) == [Broken("No bind within 30 s")]
    session.bind_accepted(bind, b"smsd")
    session.bind_refused(bind, ESME_RSYSERR)
    assert session.state is State.CLOSED
    assert session.data_to_send() == b""


def test_requests_are_refused_while_unbinding() -> None:
    session = smsc()
    session.unbind(0.0)
    session.unbind(0.0)
    assert sent(session) == [Unbind(1)]
    assert session.receive(encode(SubmitSm(7)) + encode(BindReceiver(8)), 0.0) == []
    assert sent(session) == [SubmitSmResp(7, ESME_RINVBNDSTS), BindReceiverResp(8, ESME_RINVBNDSTS)]


# PDUs that are bad


def test_an_unknown_command_is_answered_and_the_session_stays() -> None:
    session = smsc()
    assert session.receive(QUERY_SM + octets(0x00ABCDEF) + encode(SubmitSm(8)), 0.0) == [SubmitSm(8)]
    assert sent(session) == [GenericNack(7, ESME_RINVCMDID)] * 2


@pytest.mark.parametrize("length", [0, 1, 15, Limits().pdu + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_ends_the_session(length: int) -> None:
    session = smsc()
    data = encode(SubmitSm(6)) + length.to_bytes(4, "big") + encode(SubmitSm(7))[4:] + encode(SubmitSm(8))
    assert session.receive(data, 0.0) == [SubmitSm(6), Broken(f"A PDU of {length} octets")]
    assert sent(session) == [GenericNack(7, ESME_RINVCMDLEN)]
    assert session.state is State.CLOSED
    assert session.receive(encode(SubmitSm(9)), 0.0) == []


def test_http_on_the_port_ends_the_session() -> None:
    events = smsc(None).receive(b"GET / HTTP/1.1\r\nHost: smsd\r\n\r\n", 0.0)
    assert [type(event) for event in events] == [Broken]


def test_the_longest_pdu_is_taken() -> None:
    session = smsc(limits=Limits(pdu=100))
    bare = SubmitSm(1, tlvs=((tlv.MESSAGE_PAYLOAD, b""),))
    longest = SubmitSm(1, tlvs=((tlv.MESSAGE_PAYLOAD, b"p" * (100 - len(encode(bare)))),))
    assert session.receive(encode(longest), 0.0) == [longest]
    assert smsc().receive(encode(SubmitSm(1, tlvs=((tlv.MESSAGE_PAYLOAD, b"p" * 0xFFFF),))), 0.0)


def test_a_malformed_request_gets_its_own_response_and_the_session_stays() -> None:
    session = smsc()
    assert session.receive(BAD_SUBMIT + encode(SubmitSm(8)), 0.0) == [SubmitSm(8)]
    assert sent(session) == [SubmitSmResp(7, ESME_RINVSRCADR)]
    receiver = esme()
    assert receiver.receive(octets(0x05, submit(destination=b"1" * 21 + b"\0")[16:]), 0.0) == []
    assert sent(receiver) == [DeliverSmResp(7, ESME_RINVDSTADR)]


def test_a_malformed_bind_leaves_the_session_open_for_a_better_one() -> None:
    session = smsc(None)
    assert session.receive(octets(0x09, b"s\0toolongpassword\0"), 0.0) == []
    assert sent(session) == [BindTransceiverResp(7, ESME_RINVPASWD)]
    assert session.receive(encode(BindTransceiver(8)), 0.0) == [BindTransceiver(8)]


def test_a_malformed_request_without_a_response_of_its_own_gets_generic_nack() -> None:
    session = esme()
    assert session.receive(octets(0x102, b"\1\1"), 0.0) == []
    assert sent(session) == [GenericNack(7, ESME_RINVCMDLEN)]


def test_a_malformed_request_of_the_wrong_role_is_one_we_do_not_know() -> None:
    session = esme()
    assert session.receive(BAD_SUBMIT, 0.0) == []
    assert sent(session) == [GenericNack(7, ESME_RINVCMDID)]


def test_a_malformed_response_is_a_refusal_and_is_not_answered() -> None:
    session = esme()
    session.request(SubmitSm(), "a", 0.0)
    session.data_to_send()
    data = octets(0x80000004, b"i" * 70, number=2)
    assert session.receive(data, 0.0) == [Answer("a", GenericNack(2, 0x0C))]
    assert session.receive(data, 0.0) == []
    assert session.outstanding == 0
    assert session.data_to_send() == b""


def test_a_peer_that_sends_nothing_but_bad_pdus_is_given_up() -> None:
    session = smsc(limits=Limits(faults=3))
    for bad in (BAD_SUBMIT, QUERY_SM):
        assert session.receive(bad, 0.0) == []
    assert session.receive(encode(SubmitSm(8)), 0.0) == [SubmitSm(8)]
    for bad in (BAD_SUBMIT, octets(0x80000003)):
        assert session.receive(bad, 0.0) == []
    [broken] = session.receive(BAD_SUBMIT + encode(SubmitSm(9)), 0.0)
    assert isinstance(broken, Broken)
    assert broken.reason.startswith("3 unreadable PDUs in a row, last: source_addr is longer")
    assert session.state is State.CLOSED
    assert sent(session)[-1] == SubmitSmResp(7, ESME_RINVSRCADR)


# Our requests


def test_requests_are_numbered_from_1() -> None:
    session = smsc()
    for number in (1, 2, 3):
        session.request(DeliverSm(), None, 0.0)
        assert sent(session) == [DeliverSm(number)]


def test_numbers_go_round_and_leave_out_those_in_use() -> None:
    assert following(0, {}) == 1
    assert following(0x7FFFFFFE, {}) == 0x7FFFFFFF
    assert following(0x7FFFFFFF, {}) == 1
    assert following(0x7FFFFFFE, {0x7FFFFFFF, 1, 2}) == 3


def test_answers_come_in_any_order() -> None:
    session = esme()
    for context in "abc":
        session.request(SubmitSm(), context, 0.0)
    data = b"".join(encode(SubmitSmResp(number, 0, b"id")) for number in (4, 2))
    assert session.receive(data, 0.0) == [
        Answer("c", SubmitSmResp(4, 0, b"id")),
        Answer("a", SubmitSmResp(2, 0, b"id")),
    ]
    assert session.outstanding == 1
    assert session.abandon() == ["b"]
    assert session.abandon() == []
    assert session.outstanding == 0


def test_a_generic_nack_answers_the_request_of_its_number() -> None:
    session = esme()
    session.request(SubmitSm(), "a", 0.0)
    nack = GenericNack(2, ESME_RTHROTTLED)
    assert session.receive(encode(GenericNack(0, ESME_RTHROTTLED)) + encode(nack), 0.0) == [Answer("a", nack)]


def test_responses_nobody_asked_for_are_ignored() -> None:
    session = esme()
    session.request(SubmitSm(), "a", 0.0)
    session.data_to_send()
    stray: list[Pdu] = [SubmitSmResp(3), DataSmResp(2), UnbindResp(2), EnquireLinkResp(2), GenericNack(9)]
    assert session.receive(b"".join(map(encode, stray)) + octets(0x80000003, b"1\0", number=2), 0.0) == []
    assert session.outstanding == 1
    assert session.data_to_send() == b""


def test_a_request_that_does_not_fit_is_neither_sent_nor_remembered() -> None:
    session = esme()
    with pytest.raises(ValueError, match="source_addr"):
        session.request(SubmitSm(source_addr=b"1" * 21), "a", 0.0)
    assert (session.outstanding, session.data_to_send()) == (0, b"")


def test_a_late_request_is_unanswered_the_oldest_first() -> None:
    session = esme(limits=Limits(response=10.0, enquire=1000.0))
    for now, context in enumerate("abc"):
        session.request(SubmitSm(), context, float(now))
    assert session.tick(9.9) == []
    assert session.tick(11.0) == [Unanswered("a"), Unanswered("b")]
    assert session.outstanding == 1
    assert session.receive(encode(SubmitSmResp(2)), 11.0) == []
    assert session.receive(encode(SubmitSmResp(4)), 11.0) == [Answer("c", SubmitSmResp(4))]
    assert session.tick(100.0) == []


def test_a_bind_refused_by_generic_nack_leaves_the_state_open() -> None:
    session = esme(None)
    session.request(BindTransceiver(), "bind", 0.0)
    answer = GenericNack(1, ESME_RINVCMDID)
    assert session.receive(encode(answer), 0.0) == [Answer("bind", answer)]
    assert session.state is State.OPEN


# Timers


def test_a_peer_that_never_binds_is_given_up() -> None:
    for session in (smsc(None, Limits(bind=5.0)), esme(None, Limits(bind=5.0))):
        session.receive(encode(EnquireLink(1)), 4.0)
        assert session.tick(4.9) == []
        assert session.tick(5.0) == [Broken("No bind within 5 s")]
        assert session.state is State.CLOSED
        assert session.tick(6.0) == []


def test_a_silent_peer_is_asked_once_and_then_given_up() -> None:
    session = smsc(limits=Limits(enquire=20.0, response=7.0))
    assert session.tick(19.9) == []
    assert sent(session) == []
    assert session.tick(20.0) == []
    assert sent(session) == [EnquireLink(1)]
    assert session.tick(26.9) == []
    assert sent(session) == []
    assert session.outstanding == 0
    assert session.tick(27.0) == [Broken("enquire_link not answered within 7 s")]
    assert session.state is State.CLOSED


@pytest.mark.parametrize(
    "life",
    [encode(EnquireLinkResp(1)), encode(GenericNack(1, 3)), encode(SubmitSm(5)), BAD_SUBMIT, QUERY_SM],
)
def test_any_whole_pdu_is_a_sign_of_life(life: bytes) -> None:
    session = smsc(limits=Limits(enquire=20.0, response=7.0))
    session.tick(20.0)
    session.receive(life, 26.0)
    session.data_to_send()
    assert session.tick(45.9) == []
    assert session.data_to_send() == b""
    assert session.tick(46.0) == []
    assert sent(session) == [EnquireLink(2)]
    assert session.tick(53.0) == [Broken("enquire_link not answered within 7 s")]


def test_half_a_pdu_is_no_sign_of_life() -> None:
    session = smsc(limits=Limits(enquire=20.0, response=7.0))
    data = encode(SubmitSm(5))
    session.receive(data[:20], 10.0)
    session.tick(20.0)
    session.receive(data[20:25], 26.0)
    assert session.tick(27.0) == [Broken("enquire_link not answered within 7 s")]


def test_an_unbind_that_is_not_answered_ends_the_session() -> None:
    session = smsc(limits=Limits(response=7.0))
    session.unbind(10.0)
    assert session.tick(16.9) == []
    assert session.tick(17.0) == [Broken("unbind not answered within 7 s")]


@pytest.mark.parametrize(
    "answer", [UnbindResp(1), UnbindResp(99), UnbindResp(1, ESME_RSYSERR), GenericNack(1)]
)
def test_any_answer_to_an_unbind_ends_the_session(answer: Pdu) -> None:
    session = smsc()
    session.unbind(0.0)
    assert session.receive(encode(GenericNack(5)), 0.0) == []
    assert session.receive(encode(answer), 0.0) == [Unbound()]


def test_answers_still_come_while_unbinding_and_the_rest_is_abandoned() -> None:
    session = esme()
    for context in "ab":
        session.request(SubmitSm(), context, 0.0)
    session.unbind(0.0)
    data = encode(SubmitSmResp(2)) + encode(UnbindResp(4))
    assert session.receive(data, 0.0) == [Answer("a", SubmitSmResp(2)), Unbound()]
    assert session.abandon() == ["b"]


def test_what_is_overdue_when_the_peer_is_dead_is_told_before() -> None:
    session = esme(limits=Limits(enquire=5.0, response=10.0))
    session.tick(5.0)
    session.request(SubmitSm(), "a", 5.0)
    session.request(SubmitSm(), "b", 6.0)
    assert session.tick(15.0) == [Unanswered("a"), Broken("enquire_link not answered within 10 s")]
    assert session.abandon() == ["b"]


# The stream

STREAM = (
    encode(SubmitSm(1, short_message=b"one"))
    + encode(EnquireLink(2))
    + BAD_SUBMIT
    + QUERY_SM
    + encode(DeliverSmResp(1))
    + encode(SubmitSm(3, tlvs=((tlv.MESSAGE_PAYLOAD, b"two"),)))
    + encode(SubmitSm(4))[:30]
)


def run(pieces: Sequence[bytes]) -> tuple[list[Event], bytes, State]:
    session = smsc()
    session.request(DeliverSm(), "in", 0.0)
    events = [event for piece in pieces for event in session.receive(piece, 0.0)]
    return events, session.data_to_send(), session.state


BROKEN_STREAM = STREAM[:-30] + b"\0\0\0\5" + encode(SubmitSm(4))[4:]


@pytest.mark.parametrize("stream", [STREAM, BROKEN_STREAM], ids=["good", "broken"])
def test_a_stream_cut_anywhere_gives_the_same_events(stream: bytes) -> None:
    whole = run([stream])
    assert len(whole[0]) >= 3
    for at in range(len(stream) + 1):
        assert run([stream[:at], stream[at:]]) == whole
    assert run([bytes([octet]) for octet in stream]) == whole


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from(Role))
def test_arbitrary_octets_raise_nothing(pieces: list[bytes], role: Role) -> None:
    session = Session(role, Limits(), 0.0)
    for piece in pieces:
        session.receive(piece, 0.0)
        session.tick(1.0)


@given(st.lists(PDUS, max_size=6), st.data(), st.booleans())
def test_a_changed_stream_raises_nothing_and_gives_the_same_in_pieces(
    pdus: list[Pdu], data: st.DataObject, as_smsc: bool
) -> None:
    stream = bytearray(b"".join(map(encode, pdus)))
    for _ in range(data.draw(st.integers(0, 3)) if stream else 0):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.integers(1, 50))
    whole, cut = (smsc(), smsc()) if as_smsc else (esme(), esme())
    for session in (whole, cut):
        session.request(DeliverSm() if as_smsc else SubmitSm(), "a", 0.0)
    events = whole.receive(bytes(stream), 0.0)
    pieces = [bytes(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert [event for piece in pieces for event in cut.receive(piece, 0.0)] == events
    assert whole.data_to_send() == cut.data_to_send()
    assert all(not isinstance(event, (Broken, Unbound)) for event in events[:-1])


def test_sessions_need_no_reactor() -> None:
    check = (
        "import smsd.smpp.session, smsd.smpp.receipt, smsd.smpp.times, sys;"
        "assert 'twisted' not in sys.modules;"
        "ours = {name for name in sys.modules if name.startswith('smsd.')};"
        "assert all(name.startswith('smsd.smpp') for name in ours), ours"
    )
    subprocess.run([sys.executable, "-c", check], check=True)

"""The conformance statement in ``docs/smpp.md``: each row of its tables is read here, and tried."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsd.smpp import status, tlv
from smsd.smpp.codec import encode
from smsd.smpp.pdu import BindReceiver, BindTransmitter, EnquireLink, GenericNack, Pdu, SubmitSm, Unbind
from smsd.store.credit import Credit
from smsd.store.engine import StoreUnavailable
from tests.peers import FakeEsme, Stack, result, submit_sm

DOCUMENT = (Path(__file__).parents[2] / "docs" / "smpp.md").read_text("utf-8")


def table(heading: str) -> list[tuple[str, ...]]:
    """Return the rows of the first table under a heading, without their marks."""
    section = DOCUMENT.split(f"### {heading}\n", 1)[1]
    lines = re.search(r"\n\|[^\n]*\n\|---[^\n]*\n((?:\|[^\n]*\n)+)", section)
    assert lines is not None
    return [
        tuple(cell.strip().strip("`") for cell in line.strip("|").split(" | "))
        for line in lines[1].splitlines()
    ]


OPERATIONS = table("Operations")
PARAMETERS = table("Optional parameters")
STATUSES = table("Statuses")


def raw(command_id: int, body: bytes = b"", number: int = 77) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command_id, 0, number) + body


def said(stack: Stack, esme: FakeEsme, octets: bytes) -> Pdu:
    """Send octets and return the answer to them."""
    esme.received.clear()
    esme.transport.write(octets)
    stack.settle()
    (answer,) = esme.received
    return answer


# Operations.

SUPPORTED: dict[str, Callable[[Stack], Pdu]] = {
    "bind_receiver": lambda stack: stack.esme(None).bind(BindReceiver),
    "bind_transmitter": lambda stack: stack.esme(None).bind(BindTransmitter),
    "bind_transceiver": lambda stack: stack.esme(None).bind(),
    "submit_sm": lambda stack: stack.esme().submit(),
    "enquire_link": lambda stack: stack.esme().ask(EnquireLink()),
    "unbind": lambda stack: stack.esme().ask(Unbind()),
}


@pytest.mark.parametrize(("name", "code", "wanted"), [row[:3] for row in OPERATIONS])
def test_what_a_client_may_ask_for(stack: Stack, name: str, code: str, wanted: str) -> None:
    if wanted == "answered":
        answer = SUPPORTED[name](stack)
        assert (answer.command_id, answer.command_status) == (int(code, 16) | 0x8000_0000, status.ESME_ROK)
    elif wanted == "not supported":
        answer = said(stack, stack.esme(), raw(int(code, 16)))
        assert answer == GenericNack(77, status.ESME_RINVCMDID)
    else:
        assert name == "generic_nack"
        esme = stack.esme()
        esme.receipt_status = None
        esme.submit()
        stack.smsc.receipt()
        (receipt,) = esme.receipts
        esme.send(GenericNack(receipt.sequence_number, status.ESME_RSYSERR))
        stack.wait(6)
        assert len(esme.receipts) == 2


def test_every_supported_operation_is_in_the_statement() -> None:
    assert {name for name, _, wanted, _ in OPERATIONS if wanted == "answered"} == SUPPORTED.keys()


def sent_by_smsd(stack: Stack) -> set[str]:
    """Return what a client hears from smsd without asking, in its whole life."""
    esme = stack.esme()
    esme.submit()
    stack.smsc.receipt()
    said(stack, stack.esme(), raw(0x03))
    esme.enquiries_answered = True
    stack.wait(40)
    result(stack.administration.change_account("acme", enabled=0))
    stack.wait(1)
    names = {"DeliverSm": "deliver_sm", "EnquireLink": "enquire_link", "Unbind": "unbind"}
    return {names[type(pdu).__name__] for pdu in esme.received if type(pdu).__name__ in names}


def test_what_smsd_asks_of_a_client(stack: Stack) -> None:
    documented = {name for name, _, _, own in OPERATIONS if own != "never"}
    assert sent_by_smsd(stack) | {"generic_nack"} == documented


# Optional parameters.


@pytest.mark.parametrize(("name", "tag", "octets", "handled"), PARAMETERS)
def test_an_optional_parameter_of_submit_sm(
    stack: Stack, name: str, tag: str, octets: str, handled: str
) -> None:
    number = int(tag, 16)
    assert name == "any other" or getattr(tlv, name.upper()) == number
    least, _, most = octets.partition(" to ")
    size = 3 if octets == "any" else int(least)
    given = ((number, bytes(range(1, size + 1))),)
    esme = stack.esme()
    if handled == "a part":
        assert esme.submit(tlvs=given).command_status == status.ESME_RMISSINGOPTPARAM
    elif handled == "the text":
        assert esme.submit(short_message=b"", tlvs=given).command_status == status.ESME_ROK
        assert stack.smsc.texts == [given[0][1]]
    else:
        assert esme.submit(tlvs=given).command_status == status.ESME_ROK
        (sent,) = stack.smsc.submits
        assert sent.tlvs == (given if handled == "goes along" else ())
    if octets != "any":
        longest = int(most or least)
        for wrong in {int(least) - 1, longest + 1} - {-1}:
            answer = esme.submit(tlvs=((number, bytes(wrong)),))
            assert answer.command_status == status.ESME_RINVPARLEN


def test_every_optional_parameter_is_in_the_statement() -> None:
    tags = {
        value
        for name, value in vars(tlv).items()
        if name.isupper() and isinstance(value, int) and not name.startswith("ESME_")
    }
    assert {int(tag, 16) for _, tag, _, _ in PARAMETERS} == tags | {0x1400}


# Statuses.

LONG = {"short_message": b"", "tlvs": ((tlv.MESSAGE_PAYLOAD, b"x" * (255 * 153 + 1)),)}


def submitted(**fields: Any) -> Callable[[Stack], Pdu]:
    return lambda stack: stack.esme().submit(**fields)


def unstorable(stack: Stack) -> Pdu:
    esme = stack.esme()
    stack.writer.failing = StoreUnavailable("down")
    answer = esme.submit()
    stack.writer.failing = None
    stack.wait(5)
    return answer


def over(stack: Stack, **columns: int) -> Pdu:
    """Submit one message more than an account may."""
    stack.smsc.submit_status = None
    stack.add_account("limited", **columns)
    stack.wait(1)
    esme = stack.esme(system_id=b"limited")
    assert esme.submit().command_status == status.ESME_ROK
    return esme.submit()


def uncovered(stack: Stack) -> Pdu:
    result(Credit(stack.engine).add(1, 1))
    stack.wait(1)
    return stack.esme().submit()


def flooding(stack: Stack) -> Pdu:
    result(stack.administration.change_account("acme", minute_limit=1))
    stack.wait(1)
    esme = stack.esme()
    esme.submit()
    return esme.submit()


def unrouted(stack: Stack) -> Pdu:
    result(stack.administration.remove_route(1))
    stack.wait(1)
    return stack.esme().submit()


def disabled(stack: Stack) -> Pdu:
    result(stack.administration.change_channel("operator", enabled=0))
    stack.wait(1)
    return stack.esme().submit()


def broken(change: Callable[[bytes], bytes]) -> Callable[[Stack], Pdu]:
    """Send a submit_sm whose octets were changed, its length still true."""

    def send(stack: Stack) -> Pdu:
        body = change(encode(submit_sm())[16:])
        return said(stack, stack.esme(), raw(SubmitSm.command_id, body))

    return send


CAUSES: dict[str, Callable[[Stack], Pdu]] = {
    "ESME_ROK": submitted(),
    "ESME_RINVMSGLEN": submitted(**LONG),
    "ESME_RINVCMDLEN": broken(lambda body: body[:20]),
    "ESME_RINVCMDID": lambda stack: said(stack, stack.esme(), raw(0x03)),
    "ESME_RINVBNDSTS": lambda stack: stack.esme(BindReceiver).submit(),
    "ESME_RALYBND": lambda stack: stack.esme().bind(),
    "ESME_RINVPRTFLG": submitted(priority_flag=4),
    "ESME_RINVREGDLVFLG": submitted(registered_delivery=3),
    "ESME_RSYSERR": unstorable,
    "ESME_RINVSRCADR": submitted(source_addr=b"x"),
    "ESME_RINVDSTADR": submitted(destination_addr=b"nobody"),
    "ESME_RBINDFAIL": lambda stack: stack.esme(None).bind(interface_version=0x33),
    "ESME_RINVPASWD": lambda stack: stack.esme(None).bind(password=b"wrong"),
    "ESME_RINVSYSID": lambda stack: stack.esme(None).bind(system_id=b"nobody"),
    "ESME_RMSGQFUL": lambda stack: over(stack, queue=1),
    "ESME_RINVSERTYP": broken(lambda body: b"SIXSIX\0" + body[1:]),
    "ESME_RINVESMCLASS": submitted(esm_class=1),
    "ESME_RINVSRCTON": submitted(source_addr_ton=7),
    "ESME_RINVSRCNPI": submitted(source_addr_npi=2),
    "ESME_RINVDSTTON": submitted(dest_addr_ton=5),
    "ESME_RINVDSTNPI": submitted(dest_addr_npi=2),
    "ESME_RINVSYSTYP": lambda stack: stack.esme(None).bind(system_type=b"r:nowhere"),
    "ESME_RINVREPFLAG": submitted(replace_if_present_flag=1),
    "ESME_RTHROTTLED": lambda stack: over(stack, throughput=1),
    "ESME_RINVSCHED": submitted(schedule_delivery_time=b"tomorrow"),
    "ESME_RINVEXPIRY": submitted(validity_period=b"000101000000000+"),
    "ESME_RINVDFTMSGID": submitted(sm_default_msg_id=1),
    "ESME_RINVOPTPARSTREAM": broken(lambda body: body + b"\0"),
    "ESME_ROPTPARNOTALLWD": submitted(tlvs=((tlv.MESSAGE_PAYLOAD, b"as well"),)),
    "ESME_RINVPARLEN": submitted(tlvs=((tlv.SOURCE_PORT, b"x"),)),
    "ESME_RMISSINGOPTPARAM": submitted(tlvs=((tlv.SAR_TOTAL_SEGMENTS, b"\2"),)),
    "ESME_RINVOPTPARAMVAL": submitted(
        tlvs=(
            (tlv.SAR_MSG_REF_NUM, b"\0\1"),
            (tlv.SAR_TOTAL_SEGMENTS, b"\2"),
            (tlv.SAR_SEGMENT_SEQNUM, b"\3"),
        )
    ),
    "ESME_RUNKNOWNERR": uncovered,
    "ESME_RSUBMITFAIL": flooding,
    "network not covered": unrouted,
    "channel disabled": disabled,
}


@pytest.mark.parametrize(("name", "code"), [row[:2] for row in STATUSES if row[2] != "nothing"])
def test_a_status_and_its_cause(stack: Stack, name: str, code: str) -> None:
    assert CAUSES[name](stack).command_status == int(code, 16)


def test_every_status_is_in_the_statement() -> None:
    known = {value for name, value in vars(status).items() if name.startswith("ESME_")}
    assert {int(code, 16) for _, code, _ in STATUSES} == known | {0x22, 0x4A1}
    assert {name for name, _, cause in STATUSES if cause != "nothing"} == CAUSES.keys()

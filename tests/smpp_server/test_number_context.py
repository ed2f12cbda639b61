"""Sessions that ask about numbers: system_type HLR."""

from __future__ import annotations

from typing import Any

import pytest

from smsd.numbering.context import Context, Network
from smsd.services.charging_administration import ChargingAdministration
from smsd.services.lookup_administration import LookupAdministration
from smsd.smpp import status, tlv
from smsd.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter, DeliverSm
from smsd.smpp.receipt import parse
from smsd.smpp_server.deliveries import delivery_pdu
from smsd.store.lookups import Found, Lookup
from tests.peers import FakeEsme, Stack, result
from tests.services.rig import account

HR = {"country_name": "Croatia", "country_prefix": "385", "country_code": "HR"}
VIPNET = Network("VipNet", "91", mccmnc="21910", **HR)
SWISSCOM = Network("Swisscom", "79", "Switzerland", "41", "CH", "22801")
REACHED = Context(0, True, "219101100935850", "38591016", "38591999", VIPNET, False, None, False, None)
AT = 1_280_400_540.0
"""2010-07-29 10:49 UTC."""


def lookup(context: Context, package: str = "roaming", price: str = "0.01", **fields: Any) -> Lookup:
    found = Found(context, "MOBILE", 5 if not context.error else 9)
    values = {"done_at": AT, "status": found.status, "error": found.error, "network": found.network}
    row: dict[str, Any] = {
        "id": 40072910491427628, "account_id": 1, "state": 1, "way": 1, "report": 1, "bulk_id": None,
        "number": "385915369421", "package": package, "asked_at": AT, "price": price, "found": found,
    }  # fmt: skip
    return Lookup(**(row | values | fields))


def pdu(one: Lookup, standard: int = 0) -> DeliverSm:
    return delivery_pdu(account(standard_receipts=standard), one)


def shown(deliver: DeliverSm) -> dict[int, bytes]:
    return dict(deliver.tlvs)


def test_a_success_is_told_to_the_letter() -> None:
    told = pdu(lookup(REACHED))
    assert told.short_message == (
        b"id:40072910491427628 sub:001 dlvr:001 submit date:1007291049 done date:1007291049"
        b" stat:DELIVRD err:000\n"
        b"IMSI:219101100935850 MSC:38591016 HLR:38591999 ORN:VipNet PON:VipNet RON:VipNet ROC:HR MCCMNC:21910"
    )
    assert (told.source_addr, told.source_addr_ton, told.source_addr_npi) == (b"385915369421", 0, 0)
    assert (told.destination_addr, told.dest_addr_ton, told.dest_addr_npi) == (b"000000000", 0, 0)
    assert told.esm_class == 4
    assert told.data_coding == 0
    assert shown(told) == {
        0x0423: b"\3\0\0",
        0x0427: b"\2",
        0x001E: b"40072910491427628\0",
        0x1409: b"38591999\0",
        0x140B: b"91\0",
        0x1412: b"VipNet\0",
        0x1413: b"VipNet\0",
        0x1414: b"VipNet\0",
        0x1415: b"Croatia\0",
        0x1417: b"HR\0",
        0x1416: b"21910\0",
        0x1418: b"\0\0\0\1",
        0x1419: b"91\0",
        0x1420: b"385\0",
        0x1421: b"\0\0\0\0",
        0x1422: b"Croatia\0",
        0x1423: b"HR\0",
        0x1424: b"385\0",
        0x1425: b"\0\0\0\1",
        0x1403: b"219101100935850",
        0x1406: b"38591016",
    }
    assert told.tlvs[-1][0] == tlv.NETWORK_ERROR_CODE


def test_a_failure_is_told_to_the_letter() -> None:
    told = pdu(lookup(Context(1, True, original=VIPNET, ported=False)))
    assert told.short_message == (
        b"id:40072910491427628 sub:001 dlvr:001 submit date:1007291049 done date:1007291049"
        b" stat:UNDELIV err:001\n"
        b"IMSI:MSC:ORN:VipNet MCCMNC:"
    )
    assert shown(told) == {
        0x0423: b"\3\0\1",
        0x0427: b"\5",
        0x001E: b"40072910491427628\0",
        0x1412: b"VipNet\0",
        0x1416: b"\0",
        0x1418: b"\0\0\0\1",
        0x1421: b"\0\0\0\0",
        0x1422: b"Croatia\0",
        0x1423: b"HR\0",
        0x1424: b"385\0",
        0x1425: b"\0\0\0\1",
    }
    assert told.tlvs[-1][0] == tlv.NETWORK_ERROR_CODE


def test_a_number_that_was_ported_and_roams_names_all_its_networks() -> None:
    telemach = Network("Telemach", "95", mccmnc="21902", **HR)
    context = Context(0, True, "219021100935850", "41790000001", None, VIPNET, True, telemach, True, SWISSCOM)
    told = pdu(lookup(context))
    assert told.short_message.split(b"\n")[1] == (
        b"IMSI:219021100935850 MSC:41790000001 HLR:ORN:VipNet PON:Telemach RON:Swisscom ROC:CH MCCMNC:21902"
    )
    assert {tag: shown(told)[tag] for tag in (0x1413, 0x1421, 0x143E, 0x143F, 0x1442, 0x1414, 0x1417)} == {
        0x1413: b"Telemach\0",
        0x1421: b"\0\0\0\1",
        0x143E: b"95\0",
        0x143F: b"Croatia\0",
        0x1442: b"385\0",
        0x1414: b"Swisscom\0",
        0x1417: b"CH\0",
    }


def test_packages_have_fewer_fields() -> None:
    told = pdu(lookup(Context(0, True, original=VIPNET, ported=False), "portability"))
    assert told.short_message.split(b"\n")[1] == b"IMSI:MSC:ORN:VipNet PON:VipNet MCCMNC:21910"
    assert {0x1409, 0x1414, 0x1417, 0x1403, 0x1406}.isdisjoint(shown(told))
    told = pdu(lookup(Context(0, True), "cleaning"))
    assert told.short_message.split(b"\n")[1] == b"IMSI:MSC:ORN:MCCMNC:"
    assert set(shown(told)) == {0x001E, 0x0427, 0x1418, 0x1425, 0x0423}


def test_the_standards_line_has_a_blank_before_the_line_break() -> None:
    told = pdu(lookup(REACHED), standard=1)
    assert told.short_message.startswith(b"id:40072910491427628 sub:001 dlvrd:001 submit date:1007291049")
    assert b" stat:DELIVRD err:000 \nIMSI:2191" in told.short_message


@pytest.mark.parametrize("package", ["roaming", "portability"])
@pytest.mark.parametrize("name", ["Ž" * 64, "A" * 64, "Мегафон " * 8])
def test_long_and_foreign_names_fit(name: str, package: str) -> None:
    network = Network(name, "91", mccmnc="21910", **HR)
    context = Context(0, True, "2" * 15, "3" * 15, "4" * 15, network, True, network, True, network)
    told = pdu(lookup(context, package), standard=1)
    assert len(told.short_message) <= 254
    assert told.short_message.isascii()
    assert b"MCCMNC:21910" in told.short_message


# Over a session.


class Known:
    """A back end that says the same of every number."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.asked: list[str] = []

    async def ask(self, number: str) -> Context:
        self.asked.append(number)
        return self.context


def ask_about(stack: Stack, context: Context) -> Known:
    """Let all numbers be asked of a back end that says this."""
    back_end = Known(context)
    administration = LookupAdministration(stack.engine, stack.network)
    result(administration.add_back_end("hlr", "test", "{}"))
    result(administration.add_rule(["hlr"]))
    stack.core.back_ends.put(result(administration.back_end("hlr")), back_end)
    stack.wait(1)
    return back_end


def receipts(esme: FakeEsme) -> list[DeliverSm]:
    return esme.all(DeliverSm)


def test_a_question_is_answered_with_an_id_and_then_a_receipt(stack: Stack) -> None:
    result(stack.administration.add_network("38591", "21910", "VipNet"))
    back_end = ask_about(stack, REACHED)
    esme = stack.esme(system_type=b"HLR")
    answer = esme.submit(
        destination_addr=b"385915369421", source_addr=b"\xff" * 20, dest_addr_ton=77, source_addr_npi=99,
        data_coding=200, esm_class=0xFF, short_message=b"x" * 100, schedule_delivery_time=b"nonsense",
    )  # fmt: skip
    stack.settle()
    assert answer.command_status == status.ESME_ROK
    (told,) = receipts(esme)
    assert back_end.asked == ["385915369421"]
    parsed = parse(told)
    assert parsed is not None
    assert parsed.message_id == answer.message_id.decode()
    assert b"IMSI:219101100935850 MSC:38591016 HLR:38591999 ORN:VipNet" in told.short_message
    assert stack.rows("SELECT state, report, status, error, network FROM lookup") == [(1, 0, 5, 0, "21910")]


def test_what_the_plan_knows_is_enough_if_there_is_nobody_to_ask(stack: Stack) -> None:
    result(stack.administration.add_network("38591", "21910", "VipNet"))
    stack.wait(1)
    esme = stack.esme(system_type=b"HLR")
    esme.submit(destination_addr=b"385915369421")
    esme.submit(destination_addr=b"99912345678")
    known, unknown = receipts(esme)
    assert known.short_message.endswith(
        b"stat:DELIVRD err:000\nIMSI:MSC:HLR:ORN:VipNet PON:RON:ROC:MCCMNC:21910"
    )
    assert unknown.short_message.endswith(b"stat:UNDELIV err:001\nIMSI:MSC:ORN:MCCMNC:")
    assert shown(unknown)[0x1425] == b"\0\0\0\0"


def test_what_is_no_number_is_refused(stack: Stack) -> None:
    esme = stack.esme(system_type=b"HLR")
    for address in (b"", b"12", b"Acme"):
        assert esme.submit(destination_addr=address).command_status == status.ESME_RINVDSTADR
    assert stack.rows("SELECT count(*) FROM lookup") == [(0,)]


def test_an_account_without_a_package_may_not_bind_like_this(stack: Stack) -> None:
    result(stack.administration.change_account("acme", lookups="none"))
    stack.wait(1)
    assert stack.esme(None).bind(system_type=b"HLR").command_status == status.ESME_RINVSYSTYP


def test_answers_go_to_sessions_that_ask_and_receipts_to_the_others(stack: Stack) -> None:
    asking, sending = stack.esme(system_type=b"HLR"), stack.esme()
    asking.submit(destination_addr=b"385915369421")
    submitted = sending.submit()
    stack.smsc.receipt(1)
    stack.settle()
    (answer,), (receipt,) = receipts(asking), receipts(sending)
    assert b"IMSI:" in answer.short_message
    assert b"IMSI:" not in receipt.short_message
    assert submitted.message_id in receipt.short_message


def test_answers_wait_for_a_receiver_and_are_spread_evenly(stack: Stack) -> None:
    transmitter = stack.esme(BindTransmitter, system_type=b"HLR")
    for number in range(6):
        transmitter.submit(destination_addr=b"38591536942%d" % number)
    stack.wait(5)
    assert stack.rows("SELECT count(*) FROM lookup WHERE report = 1") == [(6,)]
    receivers = [
        stack.esme(BindReceiver, system_type=b"HLR"),
        stack.esme(BindTransceiver, system_type=b"HLR"),
    ]
    stack.wait(1)
    assert sum(len(receipts(one)) for one in receivers) == 6
    for number in range(6):
        transmitter.submit(destination_addr=b"38591536942%d" % number)
    stack.settle()
    assert sorted(len(receipts(one)) for one in receivers) in ([3, 9], [6, 6])
    assert stack.rows("SELECT count(*) FROM lookup WHERE report = 1") == [(0,)]


def test_a_question_that_the_credit_does_not_cover_is_refused(stack: Stack) -> None:
    result(stack.administration.change_account("acme", lookup_price="0.4"))
    result(ChargingAdministration(stack.engine, stack.network).add("acme", "1"))
    stack.wait(1)
    esme = stack.esme(system_type=b"HLR")
    answers = [esme.submit(destination_addr=b"385915369421").command_status for _ in range(3)]
    assert answers == [status.ESME_ROK, status.ESME_ROK, 0xFF]
    assert stack.rows("SELECT micros FROM credit") == [(200_000,)]
    assert shown(receipts(esme)[0])[0x1418] == (40).to_bytes(4, "big")

"""Clients of the world outside: smpplib, node's smpp and plain HTTP, served by a node on each database."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import smpplib.consts
import smpplib.gsm

from tests.acceptance.clients import Esme, refusal, request, send, trusting
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Stage, eventually

pytestmark = pytest.mark.acceptance

SCRIPT = Path(__file__).with_name("esme.js")
MODULES = "SMSD_NODE_MODULES"
"""The environment variable that names the folder node_modules in which npm has installed smpp."""
PLATFORM_LINE = r"id:%s sub:%03d dlvr:%03d submit date:\d{10} done date:\d{10} stat:DELIVRD err:000"


def test_smpplib_sends_and_gets_receipts(stage: Stage, database: Database) -> None:
    node = stage.node(database.url)
    node.start()
    transmitter = Esme(node.smpp, "transmitter")
    receiver = Esme(node.smpp, "receiver")
    transceiver = Esme(node.smpp, "transceiver")
    assert transmitter.client.state == smpplib.consts.SMPP_CLIENT_STATE_BOUND_TX
    assert receiver.client.state == smpplib.consts.SMPP_CLIENT_STATE_BOUND_RX
    transceiver.close()

    message_id = transmitter.submit("385910000001")
    assert re.fullmatch(r"[1-9]\d{0,18}", message_id)
    receipt = receiver.receipt()
    assert receipt.esm_class == 0x04
    assert re.fullmatch(PLATFORM_LINE % (message_id, 1, 1), receipt.short_message.decode())
    assert (receipt.source_addr, receipt.destination_addr) == (b"385910000001", b"smsd")
    assert receipt.receipted_message_id.decode() == message_id
    assert receipt.message_state == 2

    transceiver = Esme(node.smpp, "transceiver")
    receiver.close()
    message_id = transceiver.submit("385910000002")
    assert transceiver.receipt().receipted_message_id.decode() == message_id
    transceiver.close()
    transmitter.close()


def test_smpplib_speaks_over_tls(stage: Stage) -> None:
    node = stage.node()
    node.start()
    esme = Esme(node.tls, tls=trusting(str(node.state / "self-signed.crt")))
    message_id = esme.submit("385910000001")
    assert esme.receipt().receipted_message_id.decode() == message_id
    esme.close()


def test_smpplib_asks_about_a_number(stage: Stage, database: Database) -> None:
    node = stage.node(database.url)
    node.start()
    sender, asking = Esme(node.smpp), Esme(node.smpp, system_type="HLR")
    lookup_id = asking.submit("385911234567")
    answer = asking.receipt()
    assert answer.receipted_message_id.decode() == lookup_id
    assert answer.source_addr == b"385911234567"
    first, second = answer.short_message.decode().splitlines()
    assert re.match(rf"id:{lookup_id} .* err:\d{{3}} ?$", first)
    assert second.startswith("IMSI:")
    assert "MCCMNC:21910" in second
    message_id = sender.submit("385910000001")  # Sessions of either service get what is theirs.
    assert sender.receipt().receipted_message_id.decode() == message_id
    for session in (sender, asking):
        session.close()


def test_a_bind_that_is_refused_says_why(stage: Stage, database: Database) -> None:
    node = stage.node(database.url)
    node.start()
    for mode in ("transmitter", "receiver", "transceiver"):
        assert refusal(node.smpp, mode, system_id="nobody") == smpplib.consts.SMPP_ESME_RINVSYSID
        assert refusal(node.smpp, mode, password="wrong") == smpplib.consts.SMPP_ESME_RINVPASWD
    assert refusal(node.smpp, system_type="r:none") == smpplib.consts.SMPP_ESME_RINVSYSTYP
    sessions = [Esme(node.smpp) for _ in range(4)]
    assert refusal(node.smpp) == smpplib.consts.SMPP_ESME_RBINDFAIL
    message_id = sessions[0].submit("385910000001", registered_delivery=0)
    assert message_id
    sessions.pop().close()
    eventually(lambda: refusal(node.smpp) == 0, "the place of a session that has ended is free")
    for session in sessions:
        session.close()


def test_a_message_that_is_refused_says_why(stage: Stage) -> None:
    node = stage.node()
    node.start()
    esme = Esme(node.smpp)
    for fields, status in (
        ({"destination": ""}, smpplib.consts.SMPP_ESME_RINVDSTADR),
        ({"destination": "385910000001", "registered_delivery": 3}, smpplib.consts.SMPP_ESME_RINVREGDLVFLG),
        ({"destination": "385910000001", "validity_period": "nonsense"}, smpplib.consts.SMPP_ESME_RINVEXPIRY),
        ({"destination": "385910000001", "esm_class": 0x40}, smpplib.consts.SMPP_ESME_RINVESMCLASS),
    ):
        with pytest.raises(smpplib.exceptions.PDUError) as refused:
            esme.submit(**fields)
        assert refused.value.args[1] == status, fields
    esme.close()


def test_a_long_message_has_one_id_and_one_receipt_however_it_comes(stage: Stage, database: Database) -> None:
    node = stage.node(database.url)
    node.start()
    esme = Esme(node.smpp)
    text = "A long message, of which nobody must see half. " * 8

    in_payload = esme.submit("385910000001", b"", message_payload=text.encode())
    receipt = esme.receipt()
    assert re.fullmatch(PLATFORM_LINE % (in_payload, 3, 3), receipt.short_message.decode())

    parts, data_coding, esm_class = smpplib.gsm.make_parts(text)
    assert len(parts) == 3
    fields = {"data_coding": data_coding, "esm_class": esm_class}
    ids = {esme.submit("385910000002", part, **fields) for part in parts}
    assert len(ids) == 1
    receipt = esme.receipt()
    assert re.fullmatch(PLATFORM_LINE % (*ids, 3, 3), receipt.short_message.decode())

    octets = text.encode()
    ids = {
        esme.submit(
            "385910000003",
            octets[start : start + 150],
            sar_msg_ref_num=7,
            sar_total_segments=3,
            sar_segment_seqnum=number,
        )
        for number, start in ((2, 150), (3, 300), (1, 0))
    }
    assert len(ids) == 1
    receipt = esme.receipt()
    assert re.fullmatch(PLATFORM_LINE % (*ids, 3, 3), receipt.short_message.decode())
    esme.close()
    assert not esme.waiting


def test_http_sends_and_fetches_each_report_once(stage: Stage, database: Database) -> None:
    node = stage.node(database.url)
    node.start()
    status, answer = send(node.http, "385910000001")
    assert status == 200
    (single,) = answer["messages"]
    assert single["to"] == "385910000001"
    assert single["status"]["name"] == "MESSAGE_ACCEPTED"
    assert single["smsCount"] == 1
    assert "bulkId" not in answer

    status, answer = send(node.http, "385910000002", "385910000003", "12", text="x" * 200)
    assert status == 200
    groups = [one["status"]["groupName"] for one in answer["messages"]]
    assert groups == ["ACCEPTED", "ACCEPTED", "REJECTED"]
    assert [one.get("smsCount") for one in answer["messages"]] == [2, 2, None]
    accepted = [single["messageId"], *(one["messageId"] for one in answer["messages"][:2])]
    assert len(set(accepted)) == 3

    fetched: list[str] = []

    def fetch() -> bool:
        status, answer = request(node.http, "GET", "/sms/1/reports")
        assert status == 200
        for report in answer["results"]:
            assert report["status"]["groupName"] == "DELIVERED"
            assert report["price"] == {"pricePerMessage": 0.01, "currency": "EUR"}
            fetched.append(report["messageId"])
        return len(fetched) >= 3

    eventually(fetch, "all reports are there")
    assert sorted(fetched) == sorted(accepted)
    assert request(node.http, "GET", "/sms/1/reports") == (200, {"results": []})
    assert request(node.http, "GET", "/sms/1/reports", user="demo:wrong")[0] == 401


@pytest.fixture
def modules() -> str:
    """The folder of node's modules with smpp in it."""
    folder = os.environ.get(MODULES, "")
    if not shutil.which("node"):
        pytest.skip("there is no node")
    if not Path(folder, "smpp").is_dir():
        pytest.skip(f"{MODULES} names no folder with node's module smpp (npm install smpp)")
    return folder


@pytest.mark.parametrize("scheme", ["smpp", "ssmpp"])
def test_smpp_of_node_sends_and_gets_receipts(stage: Stage, modules: str, scheme: str) -> None:
    node = stage.node()
    node.start()
    url = f"{scheme}://127.0.0.1:{node.smpp if scheme == 'smpp' else node.tls}"
    result = _run_esme(url, "demo", modules)
    assert "error" not in result
    assert result["bind"] == result["enquire"] == result["unbind"] == 0
    short, long = result["ids"]
    assert result["receipts"].keys() == {short, long}
    for message_id, segments in ((short, 1), (long, 4)):
        esm_class, state, text = result["receipts"][message_id]
        assert (esm_class, state) == (0x04, 2)
        assert re.fullmatch(PLATFORM_LINE % (message_id, segments, segments), text)
    assert _run_esme(url, "wrong", modules)["bind"] == smpplib.consts.SMPP_ESME_RINVPASWD


def _run_esme(url: str, password: str, modules: str) -> dict[str, Any]:
    done = subprocess.run(
        ["node", str(SCRIPT), url, password],
        capture_output=True,
        text=True,
        timeout=30,
        env=dict(os.environ, NODE_PATH=modules),
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result

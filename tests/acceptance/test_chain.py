"""Two nodes in a row, of which one is the other's SMSC, and channels to an SMSC of another make."""

from __future__ import annotations

import pytest

from tests.acceptance.clients import Esme, request, send
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Node, Stage, eventually, simulator, upstream

pytestmark = pytest.mark.acceptance

LONG = b"A long message, of which nobody must see half. " * 8


def _chained(stage: Stage, database: Database, bind: str) -> tuple[Node, Node]:
    """Return two nodes that run: clients use the first one, whose operator is the second one."""
    operator = stage.node(name="operator", first_start=simulator())
    operator.start()
    node = stage.node(database.url, first_start=upstream(operator.smpp, bind=bind))
    node.start()
    return node, operator


@pytest.mark.parametrize("bind", ["transceiver", "pair"])
def test_messages_and_receipts_pass_through_two_nodes(stage: Stage, database: Database, bind: str) -> None:
    node, operator = _chained(stage, database, bind)
    binds = 2 if bind == "pair" else 1
    eventually(lambda: operator.log.count("demo is bound") == binds, f"the channel has bound as a {bind}")

    esme = Esme(node.smpp)
    ids = [esme.submit(f"38591000000{number}") for number in range(5)]
    receipts = [esme.receipt() for _ in ids]
    assert sorted(receipt.receipted_message_id.decode() for receipt in receipts) == ids
    assert {receipt.message_state for receipt in receipts} == {2}

    status, answer = send(node.http, "385910000009")
    assert status == 200
    (message,) = answer["messages"]

    def fetched() -> bool:
        _, reports = request(node.http, "GET", f"/sms/1/reports?messageId={message['messageId']}")
        return [one["status"]["groupName"] for one in reports["results"]] == ["DELIVERED"]

    eventually(fetched, "the report of a message sent over HTTP has come back through both nodes")
    esme.close()


def test_a_long_message_passes_through_two_nodes(stage: Stage, database: Database) -> None:
    node, operator = _chained(stage, database, "transceiver")
    esme = Esme(node.smpp)
    message_id = esme.submit("385910000001", b"", message_payload=LONG)
    receipt = esme.receipt()
    assert receipt.receipted_message_id.decode() == message_id
    assert receipt.short_message.startswith(b"id:%b sub:003 dlvr:003 " % message_id.encode())
    ((segments,),) = Database("sqlite:smsd.db").run(operator, "SELECT segments FROM message")
    assert segments == 3
    esme.close()


def test_messages_wait_for_an_operator_that_is_away(stage: Stage) -> None:
    operator = stage.node(name="operator", first_start=simulator())
    node = stage.node(first_start=upstream(operator.smpp))
    node.start()
    esme = Esme(node.smpp)
    ids = [esme.submit(f"38591000000{number}") for number in range(5)]
    operator.start()
    assert sorted(esme.receipt().receipted_message_id.decode() for _ in ids) == ids
    operator.kill()
    ids = [esme.submit(f"38591000000{number}") for number in range(5)]
    operator.start()
    assert sorted(esme.receipt().receipted_message_id.decode() for _ in ids) == ids
    esme.close()
    operator.stop()
    node.stop()


@pytest.mark.parametrize("bind", ["transceiver", "pair"])
def test_a_channel_to_an_smsc_that_throttles_loses_nothing(stage: Stage, bind: str) -> None:
    smsc = stage.smsc("--fail-every", "10", "--fail-status", "0x58", "--receipt-delay", "0.05")
    node = stage.node(first_start=upstream(smsc.port, bind=bind, window=5))
    node.start()
    esme = Esme(node.smpp)
    ids = [esme.submit(f"3859100000{number:02d}") for number in range(25)]
    assert sorted(esme.receipt().receipted_message_id.decode() for _ in ids) == ids
    esme.close()
    result, destinations = smsc.finish()
    assert len(destinations) == 25
    assert result["refused"] >= 2
    assert result["repeats"] == 0

"""What waits when a node stops is taken up when it starts again."""

from __future__ import annotations

import pytest

from tests.acceptance.clients import Esme, request, send
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Stage, eventually, simulator, upstream

pytestmark = pytest.mark.acceptance

LONG = b"A long message, of which nobody must see half. " * 8


def test_queued_messages_and_owed_receipts_are_taken_up(stage: Stage, database: Database) -> None:
    node = stage.node(database.url, first_start=simulator())
    node.start()
    esme = Esme(node.smpp, "transmitter")
    owed = [esme.submit(f"38591000000{number}") for number in range(5)]
    owed.append(esme.submit("385910000009", b"", message_payload=LONG))
    unfinished = "SELECT count(*) FROM message WHERE state < 4"
    eventually(lambda: database.run(node, unfinished) == [(0,)], "the messages are final")
    esme.close()
    node.stop()
    node.smsd("channel", "set", "simulator", "delay=3600")
    node.start()
    esme = Esme(node.smpp, "transmitter")
    _, answer = send(node.http, "385910000008")
    queued = [esme.submit(f"38592000000{number}") for number in range(5)]
    part = {"sar_msg_ref_num": 7, "sar_total_segments": 2}
    gathering = esme.submit("385930000000", b"The first part", sar_segment_seqnum=1, **part)
    esme.close()

    node.stop()
    node.smsd("channel", "set", "simulator", "delay=0.1")
    node.start()
    esme = Esme(node.smpp)
    wanted = sorted([*owed, *queued])
    assert sorted(esme.receipt().receipted_message_id.decode() for _ in wanted) == wanted
    assert esme.submit("385930000000", b" and the second", sar_segment_seqnum=2, **part) == gathering
    assert esme.receipt().receipted_message_id.decode() == gathering
    esme.close()
    path = f"/sms/1/reports?messageId={answer['messages'][0]['messageId']}"
    eventually(lambda: request(node.http, "GET", path)[1]["results"], "the report of HTTP's message is there")

    esme = Esme(node.smpp)
    node.process.terminate()
    assert esme.read().command == "unbind"
    esme.client.disconnect()
    node.ended()


def test_receipts_that_a_session_did_not_acknowledge_go_to_the_next(stage: Stage, database: Database) -> None:
    node = stage.node(database.url, first_start=simulator())
    node.start()
    esme = Esme(node.smpp)
    ids = [esme.submit(f"38591000000{number}") for number in range(5)]
    pdu = eventually(esme.client.read_pdu, "a receipt comes")
    assert pdu.command == "deliver_sm"
    esme.client.disconnect()  # Without an answer to it.
    again = Esme(node.smpp, "receiver")
    assert sorted(again.receipt().receipted_message_id.decode() for _ in ids) == ids
    again.close()


def test_a_stop_lets_the_operator_answer_for_what_it_was_sent(stage: Stage, database: Database) -> None:
    smsc = stage.smsc("--response-delay", "0.5")
    node = stage.node(database.url, first_start=upstream(smsc.port, window=50))
    node.start()
    esme = Esme(node.smpp, "transmitter")
    for number in range(20):
        esme.submit(f"3859100000{number:02d}")
    node.stop()
    node.start()
    receiver = Esme(node.smpp, "receiver")
    for _ in range(20):
        receiver.receipt()
    result, destinations = smsc.finish()
    assert len(destinations) == 20
    assert result["repeats"] == 0
    assert result["unbinds"] == 1

from __future__ import annotations

from pathlib import Path

from smsd.smpp import tlv
from smsd.smpp.pdu import SubmitSmResp
from tests.peers import Stack, result, submit_sm


def test_every_message_is_delivered_after_the_delay(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=3)
    esme = stack.esme()
    answer = esme.submit()
    stack.wait(2)
    assert stack.status(answer.message_id)[0] == 2
    assert esme.receipts == []
    stack.wait(2)
    assert stack.status(answer.message_id) == (4, 5, 0, 0)
    assert len(esme.receipts) == 1
    stack.close()


def test_a_long_message_is_delivered_as_one(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=0)
    esme = stack.esme()
    esme.submit(short_message=b"", tlvs=((tlv.MESSAGE_PAYLOAD, bytes(400)),))
    stack.wait(1)
    (receipt,) = esme.receipts
    assert b"sub:003 dlvr:003" in receipt.short_message
    stack.close()


def test_only_so_many_messages_are_under_way(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=10, window=4)
    esme = stack.esme()
    for _ in range(10):
        esme.send(submit_sm())
    stack.settle()
    for delivered in (4, 8, 10):
        stack.wait(10)
        assert stack.rows("SELECT count(*) FROM message WHERE state = 4") == [(delivered,)]
    stack.close()


def test_what_is_under_way_when_it_stops_is_delivered_when_it_starts_again(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=5)
    esme = stack.esme()
    for _ in range(3):
        esme.send(submit_sm())
    stack.settle()
    result(stack.administration.change_channel("operator", enabled=False))
    stack.wait(20)
    assert esme.receipts == []
    result(stack.administration.change_channel("operator", enabled=True))
    stack.wait(10)
    assert len(esme.receipts) == 3
    assert len({answer.message_id for answer in esme.all(SubmitSmResp)}) == 3
    stack.close()


def test_another_delay_counts_at_once(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=3600)
    esme = stack.esme()
    result(stack.administration.change_channel("operator", options='{"delay": 1}'))
    stack.wait(0.4)
    esme.submit()
    stack.wait(2)
    assert len(esme.receipts) == 1
    stack.close()

"""A client on aiosmpplib, an asyncio stack with a parser of receipts and a segmentation of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import SCRIPTS, Node, Stage, upstream

pytestmark = pytest.mark.acceptance

SCRIPT = Path(__file__).with_name("aio_esme.py")
LONG = "A long message, of which nobody must see half. " * 6


def talk(node: Node, messages: list[dict[str, Any]], expected: int, system_type: str = "") -> list[Any]:
    """Let the client submit messages; return what it heard, once that is as much as is expected."""
    done = subprocess.run(
        [sys.executable, SCRIPT, str(node.smpp), system_type, str(expected)],
        input="\n".join(map(json.dumps, messages)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def smsd(node: Node, *words: str) -> None:
    subprocess.run([SCRIPTS / "smsd", "--config", node.config, *words], check=True, capture_output=True)


@pytest.mark.parametrize("standard", [False, True])
def test_aiosmpplib_sends_and_parses_receipts(stage: Stage, standard: bool) -> None:
    node = stage.node()
    node.start()
    if standard:
        smsd(node, "account", "set", "demo", "--standard-receipts")
    messages: list[dict[str, Any]] = [
        {"to": "385910000001", "short_message": "Hello"},
        {"to": "385910000002", "short_message": "Žluťoučký kůň 😀", "encoding": "ucs2"},
        {"to": "385910000003", "short_message": LONG, "validity": 3600},
    ]
    heard = talk(node, messages, 2 * len(messages))
    ids = [one["id"] for one in heard if "id" in one]
    assert [one["status"] for one in heard if "status" in one] == [0] * len(messages)
    receipts = {one["receipt"]["id"]: one["receipt"] for one in heard if "receipt" in one}
    assert sorted(receipts) == sorted(ids)
    for receipt in receipts.values():
        assert receipt["stat"] == "DELIVRD"
    assert int(receipts[ids[2]]["sub"]) == 2


def test_aiosmpplib_is_told_why_a_message_is_refused_and_goes_on(stage: Stage) -> None:
    node = stage.node()
    node.start()
    messages: list[dict[str, Any]] = [
        {"to": "12", "short_message": "to nobody"},
        {"to": "385910000001", "short_message": "Hello"},
    ]
    heard = talk(node, messages, 3)
    assert sorted(one["status"] for one in heard if "status" in one) == [0, 0x0B]
    assert len([one for one in heard if "receipt" in one]) == 1


def test_aiosmpplib_s_flash_messages_are_flash_messages(stage: Stage) -> None:
    smsc = stage.smsc()
    node = stage.node(first_start=upstream(smsc.port))
    node.start()
    heard = talk(node, [{"to": "385910000001", "short_message": "Hello"}], 2, system_type="NSMS")
    assert [one["status"] for one in heard if "status" in one] == [0]

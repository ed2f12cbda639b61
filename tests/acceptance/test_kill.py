"""A node that is killed under load loses nothing of what it has answered for."""

from __future__ import annotations

import random
import time

import pytest

from tests.acceptance.clients import Receiver
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Stage, eventually, upstream

pytestmark = pytest.mark.acceptance

WINDOW = 100
"""Of the channel: so many messages, at most, may reach the operator twice at each kill."""


def test_what_was_accepted_survives_kills_at_any_moment(stage: Stage, database: Database) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    # The answers' delay limits the channel to 1,250 messages a second, less than is submitted. The SMSC's own
    # window is wide, as a receipt of what was in the channel's window at a kill stays unanswered for a while.
    smsc = stage.smsc("--response-delay", "0.08", "--receipt-delay", "0.2", "--window", "1000")
    node = stage.node(database.url, first_start=upstream(smsc.port, window=WINDOW))
    node.start()
    receiver = Receiver(node.smpp)
    accepted: dict[str, str] = {}
    kills = 0

    def kill_and_start() -> None:
        nonlocal kills
        node.kill()
        kills += 1
        node.start()

    def round(number: int, moment: str) -> None:
        binds = receiver.binds
        start = ["--start", str(number * 100_000), "--binds", "2", "--window", "50", "--rate", "2500"]
        if moment == "submits":
            load = stage.load(node, f"load-{number}", *start, "--seconds", "30")
            bound = 2 * (number + 1)
            eventually(lambda: node.log.count("as BOUND_TX\n") >= bound, "the load client has bound")
            time.sleep(chance.uniform(0.1, 0.8))
            kill_and_start()
            load.result()
        else:
            load = stage.load(node, f"load-{number}", *start, "--count", "2000")
            load.result()
        accepted.update(load.accepted())
        if moment == "drains":
            time.sleep(chance.uniform(0, 0.5))
            kill_and_start()
        elif moment == "receipts":
            ids, some = load.accepted().keys(), chance.randrange(1, 1000)
            eventually(lambda: len(ids & receiver.receipts.keys()) > some, "receipts flow")
            kill_and_start()
        eventually(lambda: receiver.binds > binds, "the receiver has bound again")

    for number, moment in enumerate(("submits", "drains", "receipts", "submits")):
        round(number, moment)
    receiver.stop()
    assert len(accepted) > 4000

    eventually(
        lambda: database.run(node, "SELECT count(*) FROM message WHERE state < 4") == [(0,)],
        "every message is final",
        30,
    )
    last = Receiver(node.smpp)
    eventually(
        lambda: not accepted.keys() - receiver.receipts.keys() - last.receipts.keys(),
        "a receipt has come for every accepted message",
        30,
    )
    last.stop()
    assert not (receiver.states + last.states).keys() - {"DELIVRD"}
    assert last.receipts, "the last receiver was to get some receipts"
    node.stop()
    result, destinations = smsc.finish()
    missing = set(accepted.values()) - destinations
    assert not missing, f"{len(missing)} of {len(accepted)} accepted messages have not reached the SMSC"
    assert result["repeats"] <= WINDOW * kills
    print(f"{len(accepted)} accepted, {kills} kills, {result['repeats']} repeats")

"""Requests that are repeated until they are answered, and bulks, on nodes that are killed."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from typing import Any

import pytest

from tests.acceptance.clients import request
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Node, Stage, eventually, upstream

pytestmark = pytest.mark.acceptance

CLIENTS, KILLS = 4, 6
DESTINATIONS = 5
"""Of each request."""


class Persistent(threading.Thread):
    """A client that repeats each request until it is answered."""

    def __init__(self, node: Node, number: int) -> None:
        super().__init__(daemon=True)
        self._node = node
        self._number = number
        self._ending = threading.Event()
        self.answered: dict[str, list[Any]] = {}
        """The ids of each request's messages, in each answer to it."""
        self.wrong: list[Any] = []
        self.repeated = 0

    def run(self) -> None:
        count = 0
        while not self._ending.is_set():
            count += 1
            key = f"{self._number}-{count}"
            to = [f"385{self._number}{count:05d}{one}" for one in range(DESTINATIONS)]
            self._insist(key, {"to": to, "text": key})
            self._insist(key, {"to": to, "text": key})  # As if the answer were lost.

    def _insist(self, key: str, body: dict[str, Any]) -> None:
        while True:
            try:
                status, answer = request(
                    self._node.http, "POST", "/sms/1/text/single", body, headers={"Idempotency-Key": key}
                )
            except (OSError, http.client.HTTPException):
                self.repeated += 1
                time.sleep(0.05)
                continue
            if status == 200:
                ids = [message.get("messageId") for message in answer["messages"]]
                self.answered.setdefault(key, []).append(ids)
                return
            if status != 503:
                self.wrong.append((status, answer))
                return
            time.sleep(0.05)

    def end(self) -> None:
        self._ending.set()
        self.join(20)
        assert not self.is_alive()


def test_a_request_is_served_once_however_often_it_is_repeated(stage: Stage, database: Database) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    smsc = stage.smsc("--receipt-delay", "0.05")
    node = stage.node(database.url, first_start=upstream(smsc.port, window=10))
    node.start()
    clients = [Persistent(node, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.3, 1.0))
        node.kill()
        node.start()
    time.sleep(0.3)
    for client in clients:
        client.end()

    assert [client.wrong for client in clients] == [[]] * CLIENTS
    answered = {key: answers for client in clients for key, answers in client.answered.items()}
    assert len(answered) > 50
    assert sum(client.repeated for client in clients) >= KILLS
    assert all(first == second for first, second in answered.values())
    rows = database.run(node, "SELECT destination, count(*) FROM message GROUP BY destination")
    assert Counter(count for _, count in rows) == {1: DESTINATIONS * len(answered)}
    ids = {id for first, _ in answered.values() for id in first}
    assert {str(id) for (id,) in database.run(node, "SELECT id FROM message")} == ids
    eventually(
        lambda: database.run(node, "SELECT count(*) FROM message WHERE state < 3") == [(0,)],
        "all is sent",
        30,
    )
    node.stop()
    _, destinations = smsc.finish()
    assert len(destinations) == DESTINATIONS * len(answered)
    print(f"{len(answered)} requests, {sum(client.repeated for client in clients)} lost answers")


def test_a_bulk_that_was_canceled_is_not_sent_by_the_node_that_comes_after_a_kill(
    stage: Stage, database: Database
) -> None:
    # One response at a time, a tenth of a second each: most of the bulk waits when it is canceled.
    smsc = stage.smsc("--response-delay", "0.1")
    node = stage.node(database.url, first_start=upstream(smsc.port, window=1))
    node.start()
    path = "/sms/1/bulks/status?bulkId=spring"
    for number in range(3):
        to = [{"to": f"385{number}{one:08d}"} for one in range(1000)]
        body = {"bulkId": "spring", "messages": [{"destinations": to, "text": "Hello"}]}
        assert request(node.http, "POST", "/sms/1/text/advanced", body)[0] == 200
    assert request(node.http, "PUT", path, {"status": "PAUSED"}) == (
        200,
        {"bulkId": "spring", "status": "PAUSED"},
    )
    node.kill()
    node.start()
    assert request(node.http, "GET", path)[1]["status"] == "PAUSED"
    assert request(node.http, "PUT", path, {"status": "CANCELED"})[0] == 200
    node.kill()
    node.start()
    eventually(
        lambda: database.run(node, "SELECT count(*) FROM message WHERE state < 3") == [(0,)],
        "all is sent or canceled",
        30,
    )
    ((canceled,),) = database.run(node, "SELECT count(*) FROM message WHERE status = 28 AND report = 2")
    assert request(node.http, "GET", path)[1]["status"] == "CANCELED"
    node.stop()
    _, sent = smsc.finish()
    assert canceled > 2900
    # What was in the channel's window at a kill had reached the operator, and could not be known to have.
    assert 3000 <= canceled + len(sent) <= 3002

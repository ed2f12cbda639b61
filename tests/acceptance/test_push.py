"""Reports that a node pushes to a client's web server reach it, whatever happens to the node meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from smsd.certificate import self_signed
from tests.acceptance.clients import request
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Node, Stage, eventually, simulator
from tests.acceptance.web import Web

pytestmark = pytest.mark.acceptance


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.stop()


def send(node: Node, url: str, count: int, first: int = 0) -> list[str]:
    """Send messages in one request; return their ids, or none if the node is down."""
    destinations = [{"to": f"38591{first + number:07}"} for number in range(count)]
    message = {"from": "InfoSMS", "text": "Hello", "destinations": destinations, "notifyUrl": url}
    try:
        status, answer = request(node.http, "POST", "/sms/1/text/advanced", {"messages": [message]})
    except OSError:
        return []
    return [one["messageId"] for one in answer["messages"]] if status == 200 else []


def wait_for_another(web: Web) -> None:
    """Wait until another report has come."""
    before = len(web.reports)
    eventually(lambda: len(web.reports) > before, "reports flow")


def test_every_report_is_pushed_at_least_once_through_kills(
    stage: Stage, database: Database, web: Web
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    node = stage.node(database.url, push={"private": True}, first_start=simulator(0.2))
    node.start()
    ids: list[str] = []
    with ThreadPoolExecutor() as pool:
        for round in range(3):
            sending: list[Any] = [
                pool.submit(send, node, web.url, 50, 10_000 * round + 50 * number) for number in range(10)
            ]
            if round:
                wait_for_another(web)
            time.sleep(chance.uniform(0, 0.3))
            node.kill()
            for one in sending:
                ids += one.result()
            node.start()
    ids += send(node, web.url, 100, 90_000)
    assert len(ids) >= 100
    eventually(lambda: not set(ids) - web.reports.keys(), "a report has come of every accepted message", 30)
    eventually(lambda: database.run(node, "SELECT count(*) FROM push") == [(0,)], "no push is left")
    owed = "SELECT count(*) FROM message WHERE state = 4 AND report > 0"
    assert database.run(node, owed) == [(0,)]
    again = sum(web.reports.values()) - len(web.reports)
    print(f"{len(ids)} accepted, {web.requests} requests, {again} reports came again")
    node.stop()


def test_a_url_that_fails_is_listed_and_what_waits_is_pushed_again_by_command(stage: Stage, web: Web) -> None:
    node = stage.node(push={"private": True}, first_start=simulator())
    node.start()
    web.answer = 503
    ids = send(node, web.url, 5)
    eventually(lambda: "HTTP status 503" in node.smsd("push", "list"), "the failure is listed")
    assert f"Pushes to {web.url} fail and are tried again" in node.log
    web.answer = 200
    assert node.smsd("push", "again", *ids) == "Sent once more: 5.\n"
    eventually(lambda: web.reports.keys() == set(ids), "they have come")
    eventually(lambda: f"Pushes to {web.url} are taken again" in node.log, "the log says so")
    node.stop()


def test_by_default_nothing_is_pushed_to_this_machine(stage: Stage, web: Web) -> None:
    node = stage.node(first_start=simulator())
    node.start()
    send(node, web.url, 1)
    eventually(lambda: "not public" in node.smsd("push", "list"), "the reason is listed")
    assert web.requests == 0
    node.stop()


def test_a_certificate_that_nobody_vouches_for_is_refused(stage: Stage) -> None:
    node = stage.node(push={"private": True}, first_start=simulator())
    node.start()
    web = Web(*self_signed(node.state))
    (id,) = send(node, web.url, 1)
    eventually(lambda: "certificate verify failed" in node.smsd("push", "list"), "the reason is listed")
    assert web.requests == 0
    path = f"/sms/1/reports?messageId={id}"
    assert len(request(node.http, "GET", path)[1]["results"]) == 1
    web.stop()
    node.stop()

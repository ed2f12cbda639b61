"""Short links of a node lead on after it was killed, and their clicks are counted."""

from __future__ import annotations

import http.client

import pytest

from tests.acceptance.clients import LIMIT, request
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Stage, eventually, free_port

pytestmark = pytest.mark.acceptance

PHONE = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36"
)


def visit(port: int, token: str) -> tuple[int, str | None]:
    """Return the status of a visit, and where it leads."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        connection.request("GET", f"/{token}", headers={"User-Agent": PHONE})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Location")
    finally:
        connection.close()


def test_a_link_that_was_sent_leads_on_after_a_kill(stage: Stage, database: Database) -> None:
    port = free_port()
    listen = [f"tcp:{port}:interface=127.0.0.1"]
    node = stage.node(database.url, links={"url": "https://s.test/", "listen": listen})
    node.start()
    message = {"text": "See http://www.example.com/x", "destinations": [{"to": "41793026727"}]}
    body = {"messages": [message], "tracking": {"track": "URL", "type": "A"}}
    status, sent = request(node.http, "POST", "/sms/1/text/advanced", body)
    assert status == 200
    node.kill()
    ((token,),) = database.run(node, "SELECT token FROM link")
    node.start()
    assert visit(port, token) == (302, "http://www.example.com/x")
    assert visit(port, "0123456789") == (404, None)

    def clicks() -> list[str]:
        _, answer = request(node.http, "GET", f"/ct/1/clicks?bulkId={sent['bulkId']}")
        return [f"{click['to']} {click['osType']} {click['visit']}" for click in answer["results"]]

    eventually(lambda: clicks() == ["41793026727 ANDROID FIRST"], "the click is told")
    node.kill()
    node.start()
    assert visit(port, token) == (302, "http://www.example.com/x")
    again = ["41793026727 ANDROID REPEATED", "41793026727 ANDROID FIRST"]
    eventually(lambda: clicks() == again, "so is the second")

    def rate() -> list[int]:
        _, answer = request(node.http, "GET", "/ct/1/rates?type=A")
        return [answer["results"][0][name] for name in ("messages", "delivered", "clicked", "clicks")]

    eventually(lambda: rate() == [1, 1, 1, 2], "all is counted")
    node.stop()

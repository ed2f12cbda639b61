"""The pages for operators: commands work as they are shown, and what they show to be pushed is pushed.

On the page of pushes, a block of ``json`` that has messages is what is sent to ``/sms/1/text/advanced``, and
a ``console`` block runs a command, after which a subscriber writes what the page says in a sentence. An
``http`` block is the request that follows; several of them come of the same message, each in its own format.
"""

from __future__ import annotations

import json
import re
import shlex

import pytest

from smsd.smpp.pdu import DeliverSm
from tests.cli.conftest import Command
from tests.http_api.client import Client
from tests.http_api.receiver import Got, Receiver
from tests.http_api.test_docs import ROOT, Block, Reading, blocks_of, compact
from tests.peers import Stack

PUSHES = "docs/pushes.md"
COMMANDS = ("docs/channels.md", "docs/routing.md", "docs/simulator.md")
"""The pages whose blocks of commands are run."""
HOST = "https://client.example"
_subscriber = re.compile(r"`(\d+)`, writes `([^`]+)` to the number `(\d+)`")


def commands(block: Block) -> list[tuple[list[str], str]]:
    """Return the commands ``smsd`` of a block, and what is shown below each."""
    found: list[tuple[list[str], str]] = []
    for piece in re.split(r"^\$ ", block.content, flags=re.MULTILINE)[1:]:
        command, _, shown = piece.partition("\n")
        if command.startswith("smsd "):
            found.append((shlex.split(command)[1:], shown))
    return found


@pytest.mark.parametrize("page", COMMANDS)
def test_the_commands_of_a_page_do_as_they_are_shown(stack: Stack, smsd: Command, page: str) -> None:
    found = [(block, *one) for block in blocks_of(page) for one in commands(block)]
    assert found
    smsd("account", "remove", "acme")  # Pages add it themselves.
    for block, arguments, shown in found:
        done = smsd(*arguments)
        assert done.exit_code == 0, f"{block}: {done.stderr}"
        assert not shown or done.output == shown, str(block)
        stack.wait(1)


def check(block: Block, got: Got, reading: Reading) -> None:
    """See to it that a request is what is shown."""
    head, _, body = block.content.rstrip("\n").partition("\n\n")
    request, *headers = head.splitlines()
    assert request == f"{got.method} {got.target} HTTP/1.1", str(block)
    for header in headers:
        name, _, value = header.partition(": ")
        assert got.headers.get(name.lower()) == value, f"{block}: {name}"
    shown = compact(body) if body.startswith(("{", "<")) else body
    assert reading.shown(shown, got.body.decode()) == shown, str(block)


def test_what_is_pushed_is_what_is_shown(stack: Stack, smsd: Command) -> None:
    client, web, reading = Client(stack), Receiver(stack.network), Reading()
    (source, text, number), *_ = _subscriber.findall((ROOT / PUSHES).read_text("utf-8"))
    message: dict[str, object] = {}
    checked = 0
    for block in blocks_of(PUSHES):
        content = block.content.replace(HOST, web.url(""))
        if block.language == "json":
            (message,) = json.loads(content)["messages"]
        elif block.language == "console":
            message = {}
            ((arguments, _),) = commands(block._replace(content=content))
            assert smsd(*arguments).exit_code == 0, str(block)
            stack.wait(1)
            stack.smsc.link.send(
                DeliverSm(
                    source_addr=source.encode(), destination_addr=number.encode(), short_message=text.encode()
                )
            )
            stack.settle()
        elif block.language == "http":
            if message:
                message["notifyContentType"] = re.findall(r"Content-Type: ([\w/]+)", content)[0]
                sent = client.request("POST", "/sms/1/text/advanced", {"messages": [message]})
                assert sent.code == 200, str(block)
                stack.smsc.receipt(len(stack.smsc.submits))
            (got,) = web.got
            check(block, got, reading)
            web.got.clear()
            checked += 1
    assert checked == 6

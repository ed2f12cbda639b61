"""``smsd bulk``: a running node follows at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsd.services.bulk_changes import SETTLED
from tests.cli.conftest import Command
from tests.http_api.client import Client
from tests.peers import Stack

SECONDS = 2 * 3600.0


@pytest.fixture
def client(stack: Stack) -> Client:
    """A client that has scheduled a bulk of two messages."""
    client = Client(stack)
    message = {
        "destinations": [{"to": "41793026727"}, {"to": "385911234567"}],
        "text": "Hi",
        "sendAt": "2026-01-02T05:04:05.250+0000",
    }
    client.request("POST", "/sms/1/text/advanced", {"bulkId": "spring sale", "messages": [message]})
    return client


def test_an_account_s_bulks_are_listed(client: Client, smsd: Command) -> None:
    listed = smsd("bulk", "list", "acme")
    assert listed.output == ("BULK         STATUS   SENT AT\nspring sale  PENDING  2026-01-02 05:04:05 UTC\n")
    assert smsd("bulk", "list", "zoo").output == "smsd: There is no account zoo.\n"


def test_a_bulk_is_paused_and_resumed_while_the_node_runs(client: Client, smsd: Command) -> None:
    paused = smsd("bulk", "pause", "acme", "spring sale")
    assert (paused.exit_code, paused.output) == (0, "Bulk spring sale is PAUSED.\n")
    client.stack.wait(SECONDS + 2, step=10)
    assert client.stack.smsc.submits == []
    assert "PAUSED" in smsd("bulk", "list", "acme").output
    assert smsd("bulk", "resume", "acme", "spring sale").exit_code == 0
    client.stack.wait(3)
    assert len(client.stack.smsc.submits) == 2


def test_a_bulk_is_canceled_while_the_node_runs(client: Client, smsd: Command) -> None:
    canceled = smsd("bulk", "cancel", "acme", "spring sale")
    assert (canceled.exit_code, canceled.output) == (0, "Bulk spring sale is CANCELED.\n")
    client.stack.wait(2)
    reports = client.reports(bulkId="spring sale")
    assert [one["status"]["name"] for one in reports] == ["REJECTED_NOT_SENT"] * 2
    client.stack.wait(SECONDS, step=10)
    assert client.stack.smsc.submits == []
    client.stack.wait(SETTLED)
    assert client.stack.rows("SELECT open FROM bulk") == [(0,)]


def test_a_bulk_that_is_already_queued_is_held_at_once(tmp_path: Path, stack: Stack, smsd: Command) -> None:
    client = Client(stack)
    stack.smsc.submit_status = None
    destinations = [{"to": f"4179{number:07d}"} for number in range(50)]
    body = {"bulkId": "now", "messages": [{"destinations": destinations, "text": "Hi"}]}
    client.request("POST", "/sms/1/text/advanced", body)
    first = list(stack.smsc.submits)
    assert 0 < len(first) < 50
    smsd("bulk", "cancel", "acme", "now")
    stack.wait(1)
    stack.smsc.submit_status = 0
    for pdu in first:
        stack.smsc.answer(stack.smsc.link, pdu)
    stack.wait(3)
    assert len(stack.smsc.submits) == len(first)
    assert stack.rows("SELECT count(*) FROM message WHERE status = 28") == [(50 - len(first),)]


def test_what_can_t_be_done_is_told_in_a_sentence(client: Client, smsd: Command) -> None:
    unknown = smsd("bulk", "pause", "acme", "autumn")
    assert (unknown.exit_code, unknown.output) == (1, "smsd: Account acme has no bulk autumn.\n")
    smsd("bulk", "cancel", "acme", "spring sale")
    late = smsd("bulk", "resume", "acme", "spring sale")
    assert (late.exit_code, late.output) == (
        1,
        "smsd: Bulk spring sale is CANCELED: it can't be changed any more.\n",
    )

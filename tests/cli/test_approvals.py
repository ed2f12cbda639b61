"""``smsd approval``, and the settings of accounts that go with lists: a running node follows at once."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command
from tests.http_api.client import Client
from tests.peers import Stack


@pytest.fixture
def client(stack: Stack, smsd: Command) -> Client:
    """A client whose messages wait for approval, and one of whose bulks does."""
    smsd("account", "set", "acme", "--approval", "everything")
    stack.wait(1)
    client = Client(stack)
    message = {
        "from": "Acme",
        "destinations": [{"to": "41793026727"}, {"to": "385911234567"}],
        "text": "Spring!\nAnd a long winter after it, and a summer after that, which never ends",
    }
    client.request("POST", "/sms/1/text/advanced", {"bulkId": "spring", "messages": [message]})
    return client


def test_what_waits_is_listed(client: Client, smsd: Command) -> None:
    ids = [row[0] for row in client.stack.rows("SELECT id FROM message ORDER BY id")]
    assert smsd("approval", "list").output.splitlines() == [
        "MESSAGE             ACCOUNT  BULK    FROM  TO            EXPIRES               TEXT",
        f"{ids[0]}  acme     spring  Acme  41793026727   2026-01-04 03:04 UTC  "
        r"'Spring!\nAnd a long winter after it, and a summer after that,'",
        f"{ids[1]}  acme     spring  Acme  385911234567  2026-01-04 03:04 UTC  "
        r"'Spring!\nAnd a long winter after it, and a summer after that,'",
    ]
    assert smsd("approval", "list", "--limit", "1").output.endswith("\n1 more wait.\n")


def test_a_message_is_approved_and_another_is_rejected(client: Client, smsd: Command) -> None:
    ids = [row[0] for row in client.stack.rows("SELECT id FROM message ORDER BY id")]
    assert smsd("approval", "approve", str(ids[1])).output == "Messages that are approved: 1.\n"
    client.stack.wait(2)
    assert [pdu.destination_addr for pdu in client.stack.smsc.submits] == [b"385911234567"]
    assert smsd("approval", "reject", "--account", "acme").output == "Messages that are rejected: 1.\n"
    client.stack.wait(2)
    assert [one["status"]["name"] for one in client.reports()] == ["REJECTED_NOT_SENT"]
    assert smsd("approval", "approve", "--all").output == "Messages that are approved: 0.\n"


def test_a_bulk_is_approved(client: Client, smsd: Command) -> None:
    assert smsd("approval", "approve", "--account", "acme", "--bulk", "x").output.endswith(": 0.\n")
    assert smsd("approval", "approve", "--account", "acme", "--bulk", "spring").output.endswith(": 2.\n")
    client.stack.wait(2)
    assert len(client.stack.smsc.submits) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Name messages, or --account, or --all."),
        (["1", "--all"], "Name messages, or --account, or --all."),
        (["--account", "zoo"], "smsd: There is no account zoo."),
        (["--all", "--bulk", "spring"], "smsd: A bulk is one of an account: name it, too."),
    ],
)
def test_what_can_not_be_decided_is_told(
    client: Client, smsd: Command, arguments: list[str], told: str
) -> None:
    found = smsd("approval", "reject", *arguments)
    assert found.exit_code != 0
    assert told in found.output


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--senders", "some", "senders is one of any, listed: not 'some'."),
        ("--destinations", "", "destinations is one of any, listed: not ''."),
        ("--repeat-after", "86401", "repeat_after is a number from 0 to 86400: not 86401."),
        ("--hours", "8-21", "Expected times and a time zone such as 08:00-20:00 Europe/Zagreb, got '8-21'."),
        (
            "--hours",
            "08:00-21:00 Europe/Atlantis",
            "Expected a time zone such as Europe/Zagreb, got 'Europe/Atlantis'.",
        ),
        ("--approval", "some", "What waits for approval is everything, texts or bulks:NUMBER: not 'some'."),
    ],
)
def test_a_setting_that_will_not_do_is_told(
    stack: Stack, smsd: Command, option: str, value: str, told: str
) -> None:
    found = smsd("account", "set", "acme", option, value)
    assert (found.exit_code, found.output) == (1, f"smsd: {told}\n")


def test_settings_are_shown_as_they_are_kept(stack: Stack, smsd: Command) -> None:
    settings = ("--approval", "texts, bulks:100", "--hours", " 08:00-21:00   UTC ", "--senders", "listed")
    assert smsd("account", "set", "acme", *settings).exit_code == 0
    shown = smsd("account", "show", "acme").output
    for line in ("approval  texts bulks:100", "hours  08:00-21:00 UTC", "senders  listed"):
        name, value = line.split("  ")
        assert any(found.split(None, 1) == [name, value] for found in shown.splitlines()), shown

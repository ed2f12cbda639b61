from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smsd.cli import channels
from smsd.smpp import status
from smsd.smpp.pdu import BindReceiver, BindTransmitter
from smsd.smpp.status import ESME_ROK
from smsd.smpp_server.refusals import NOT_ENOUGH_CREDIT
from tests.cli.conftest import Command
from tests.peers import PORT, Stack

ENDPOINT = f"endpoint=tcp:127.0.0.1:{PORT}"


def test_an_account_is_added_listed_changed_and_removed(stack: Stack, smsd: Command) -> None:
    added = smsd("account", "add", "zoo", "--password", "pw", "--sessions", "1", "--currency", "CHF")
    assert (added.exit_code, added.output) == (0, "Account zoo is added.\n")
    changed = smsd("account", "set", "zoo", "--disabled", "--standard-receipts", "--sessions", "2")
    assert (changed.exit_code, changed.output) == (0, "Account zoo is changed.\n")
    assert smsd("account", "list").output == (
        "SYSTEM ID  ENABLED  SESSIONS  RECEIPTS  CURRENCY\n"
        "acme       yes      4         platform  EUR\n"
        "zoo        no       2         standard  CHF\n"
    )
    removed = smsd("account", "remove", "zoo")
    assert (removed.exit_code, removed.output) == (0, "Account zoo is removed.\n")
    assert "zoo" not in smsd("account", "list").output


def test_a_password_that_is_not_given_is_asked_for(stack: Stack, smsd: Command) -> None:
    assert smsd("account", "add", "zoo", answers="s3cret\ns3cret\n").exit_code == 0
    stack.wait(0.4)
    stack.esme(system_id=b"zoo", password=b"s3cret")


def test_a_password_too_long_for_smpp_is_remarked_on(stack: Stack, smsd: Command) -> None:
    assert "HTTP only" in smsd("account", "add", "zoo", "--password", "nine char").output


def test_a_running_node_follows_changes_of_accounts(stack: Stack, smsd: Command) -> None:
    smsd("account", "add", "zoo", "--password", "pw", "--sessions", "1")
    stack.wait(0.4)
    esme = stack.esme(system_id=b"zoo", password=b"pw")
    assert stack.esme(None).bind(system_id=b"zoo", password=b"pw").command_status == status.ESME_RBINDFAIL
    smsd("account", "set", "zoo", "--sessions", "2")
    stack.wait(0.4)
    stack.esme(system_id=b"zoo", password=b"pw")
    smsd("account", "set", "zoo", "--password", "new")
    stack.wait(0.4)
    assert stack.esme(None).bind(system_id=b"zoo", password=b"pw").command_status == status.ESME_RINVPASWD
    smsd("account", "remove", "zoo")
    stack.wait(0.4)
    assert not esme.connected_now


def test_a_running_node_follows_changes_of_channels_and_routes(stack: Stack, smsd: Command) -> None:
    assert smsd("channel", "set", "operator", "--disabled").output == "Channel operator is changed.\n"
    stack.wait(0.4)
    assert stack.smsc.bound == []
    assert smsd("channel", "add", "new", ENDPOINT, "system_id=me", "window=3").exit_code == 0
    assert smsd("route", "add", "new", "--prefix", "417", "--price", "0.05").output == "Route 2 is added.\n"
    stack.wait(0.4)
    stack.esme().submit(destination_addr=b"41793026727")
    assert len(stack.smsc.submits) == 1
    assert stack.rows("SELECT price FROM message") == [("0.05",)]
    smsd("route", "remove", "2")
    smsd("channel", "remove", "new")
    stack.wait(0.4)
    assert stack.smsc.bound == []


def test_a_channel_is_added_listed_changed_and_removed(stack: Stack, smsd: Command) -> None:
    smsd("channel", "add", "acme-1", ENDPOINT, "system_id=me", "password=s3cret", "window=20", "bind=pair")
    smsd("channel", "add", "play", "--kind", "simulator", "delay=0.5")
    listed = smsd("channel", "list").output.splitlines()
    assert listed[0].split() == ["NAME", "KIND", "STATE", "WAITING", "ALPHABETS", "OPTIONS"]
    assert listed[2] == (
        "acme-1    smpp       not running  0        gsm7,latin1,ucs2"
        f"  {ENDPOINT} system_id=me password=… bind=pair window=20"
    )
    assert listed[3] == "play      simulator  not running  0        gsm7,latin1,ucs2  delay=0.5"
    assert "s3cret" not in "".join(listed)
    smsd("channel", "set", "acme-1", "window=5", "password=")
    assert (
        smsd("channel", "list").output.splitlines()[2].endswith(f"{ENDPOINT} system_id=me bind=pair window=5")
    )
    assert smsd("channel", "remove", "play").output == "Channel play is removed.\n"


def test_the_list_of_channels_says_how_each_is(
    stack: Stack, smsd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> str:
        stack.wait(6)
        return smsd("channel", "list").output.splitlines()[1]

    monkeypatch.setattr(channels, "time", stack.network.seconds)
    assert "  up 1/1 since 2026-01-02 03:04:05 UTC  0  " in shown()
    assert smsd("channel", "suspend", "operator").output == "Channel operator is suspended.\n"
    stack.wait(0.4)
    stack.esme().submit()
    assert "  suspended, up 1/1 since 2026-01-02 03:04:05 UTC  1  " in shown()
    assert smsd("channel", "drain", "operator").output == "Channel operator is draining.\n"
    assert "  draining, up 1/1 since" in shown()
    assert smsd("channel", "resume", "operator").output == "Channel operator is resumed.\n"
    stack.network.ports.clear()
    stack.smsc.link.transport.loseConnection()
    assert "  down since 2026-01-02 03:04:2" in shown()
    assert ": It can't connect: Connection was refused" in shown()
    smsd("channel", "set", "operator", "--disabled")
    assert "  disabled  " in shown()


def test_a_route_is_added_listed_changed_and_removed(stack: Stack, smsd: Command) -> None:
    smsd("channel", "add", "play", "--kind", "simulator")
    smsd("route", "add", "operator", "--prefix", "385", "--account", "acme", "--price", "0.004")
    assert smsd("route", "list").output == (
        "ROUTE  ACCOUNT  CODE    PREFIX  CHANNEL   PRICE  COST  PRIORITY  LOOKUP  ONLY\n"
        "1      (all)    (none)  (any)   operator  0.01   0     0         no\n"
        "2      acme     (none)  385     operator  0.004  0     0         no\n"
    )
    smsd("route", "set", "2", "--channel", "play", "--prefix", "3859", "--price", "0")
    line = smsd("route", "list").output.splitlines()[2]
    assert line == "2      acme     (none)  3859    play      0      0     0         no"
    assert smsd("route", "remove", "2").output == "Route 2 is removed.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["account", "add", "acme", "--password", "x"], "account acme already."),
        (["account", "add", "a:b", "--password", "x"], "A system_id has no colon: "),
        (["account", "add", "sixteen-letters-", "--password", "x"], "A system_id has 1 to 15 visible"),
        (["account", "add", "zoo", "--password", "ž"], "A password has 1 to 64 ASCII characters"),
        (["account", "add", "zoo", "--password", "x", "--sessions", "-1"], "sessions is a number from 0"),
        (["account", "add", "zoo", "--password", "x", "--currency", "euro"], "A currency is a code"),
        (["account", "set", "nobody", "--sessions", "1"], "There is no account nobody."),
        (["account", "remove", "nobody"], "There is no account nobody."),
        (["channel", "add", "operator", ENDPOINT, "system_id=x"], "channel operator already."),
        (["channel", "add", "a b", ENDPOINT, "system_id=x"], "A channel's name has letters"),
        (["channel", "add", "new", ENDPOINT], "A channel of kind smpp needs the option system_id."),
        (["channel", "add", "new", ENDPOINT, "system_id"], "Expected OPTION=VALUE, got 'system_id'."),
        (
            ["channel", "add", "new", ENDPOINT, "system_id=x", "window=ten"],
            "The option window: Expected `int`",
        ),
        (
            ["channel", "add", "new", ENDPOINT, "system_id=x", "bind=two"],
            "The option bind: Expected one of pair, transceiver.",
        ),
        (
            ["channel", "add", "new", "endpoint=tcp:host", "system_id=x"],
            "An endpoint is one such as tcp:HOST:PORT",
        ),
        (
            ["channel", "add", "new", "endpoint=tls:host:1:trustRoots=/nowhere", "system_id=x"],
            "trustRoots=/nowhere'.",
        ),
        (
            ["channel", "add", "new", ENDPOINT, "system_id=x", "colour=red"],
            "A channel of kind smpp has no option colour: it has endpoint",
        ),
        (["channel", "set", "nothing", "--disabled"], "There is no channel nothing."),
        (["channel", "set", "operator", "system_id="], "A channel of kind smpp needs the option system_id."),
        (["channel", "remove", "operator"], "Routes lead to channel operator: remove them first."),
        (["route", "add", "nothing"], "There is no channel nothing."),
        (["route", "add", "operator", "--account", "nobody"], "There is no account nobody."),
        (["route", "add", "operator"], "Route 1 is for these messages, and leads there, already"),
        (["route", "add", "operator", "--prefix", "+41"], "A prefix has up to 15 digits: not '+41'."),
        (["route", "add", "operator", "--prefix", "1", "--price", "free"], "A price is a decimal from 0"),
        (["route", "set", "99", "--price", "1"], "There is no route 99."),
        (["route", "remove", "99"], "There is no route 99."),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    stack: Stack, smsd: Command, arguments: list[str], sentence: str
) -> None:
    before = stack.rows("SELECT count(*) FROM account UNION ALL SELECT count(*) FROM channel")
    done = smsd(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("smsd: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert stack.rows("SELECT count(*) FROM account UNION ALL SELECT count(*) FROM channel") == before


def test_an_account_with_routes_of_its_own_and_a_channel_with_messages_stay(
    stack: Stack, smsd: Command
) -> None:
    smsd("route", "add", "operator", "--account", "acme", "--prefix", "1")
    assert "Account acme has routes of its own" in smsd("account", "remove", "acme").stderr
    stack.smsc.submit_status = None
    stack.esme().submit()
    smsd("route", "remove", "1")
    smsd("route", "remove", "2")
    assert "1 messages wait for channel operator" in smsd("channel", "remove", "operator").stderr


@pytest.mark.parametrize(
    "arguments", [["account", "set", "acme"], ["channel", "set", "operator"], ["route", "set", "1"]]
)
def test_nothing_to_change_is_a_wrong_use(stack: Stack, smsd: Command, arguments: list[str]) -> None:
    done = smsd(*arguments)
    assert done.exit_code == 2
    assert "Nothing to change" in done.stderr


def test_a_node_that_was_never_started_is_told(smsd: Command, config: Path) -> None:
    config.write_text('state = "nowhere"\n')
    done = smsd("account", "list")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"smsd: {config}: state: there is no folder ")


def test_a_configuration_that_is_wrong_is_told(smsd: Command, config: Path) -> None:
    config.write_text("smpp.colour = 1\n")
    done = smsd("account", "list")
    assert (done.exit_code, done.stderr) == (
        1,
        f"smsd: {config}: smpp: Object contains unknown field `colour`.\n",
    )


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    program = Path(sys.executable).with_name("smsd")
    environment = {name: value for name, value in os.environ.items() if name != "SMSD_CONFIG"}
    return subprocess.run(
        [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_installed_command_changes_a_running_node(stack: Stack, config: Path, tmp_path: Path) -> None:
    added = command(tmp_path, "-c", str(config), "account", "add", "zoo", "--password", "pw")
    assert (added.returncode, added.stdout, added.stderr) == (0, "Account zoo is added.\n", "")
    stack.wait(0.4)
    stack.esme(system_id=b"zoo", password=b"pw")


def test_the_installed_command_tells_a_failure_in_a_sentence(tmp_path: Path) -> None:
    failed = command(tmp_path, "account", "list")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("smsd: No configuration: ")
    assert failed.stderr.count("\n") == 1


def test_an_account_pays_in_advance_from_its_first_credit_on(stack: Stack, smsd: Command) -> None:
    esme = stack.esme()
    assert smsd("account", "credit", "acme").output == "Account acme pays later.\n"
    assert smsd("account", "credit", "acme", "--add", "0.02").output == "Account acme has 0.02 EUR left.\n"
    stack.wait(0.4)
    statuses = [esme.submit().command_status for _ in range(3)]
    assert statuses == [ESME_ROK, ESME_ROK, NOT_ENOUGH_CREDIT]
    assert smsd("account", "credit", "acme").output == "Account acme has 0 EUR left.\n"
    assert smsd("account", "credit", "acme", "--none").output == "Account acme pays later.\n"
    stack.wait(0.4)
    assert esme.submit().command_status == ESME_ROK


def test_receipts_that_were_set_aside_are_listed_and_sent_again(stack: Stack, smsd: Command) -> None:
    transmitter = stack.esme(BindTransmitter)
    ids = [int(transmitter.submit().message_id) for _ in range(3)]
    for number in (1, 2, 3):
        stack.smsc.receipt(number)
    for one in ids:
        stack.core.journal.set_aside(one, lambda _: None)
    stack.settle()
    receiver = stack.esme(BindReceiver)
    assert receiver.receipts == []
    listed = smsd("receipt", "list").output.splitlines()
    assert [line.split()[0] for line in listed] == ["MESSAGE", *map(str, ids)]
    assert listed[1].split()[1:4] == ["acme", "Acme", "41793026727"]
    assert smsd("receipt", "retry", str(ids[1])).output == "Receipts that are sent again: 1.\n"
    stack.wait(0.4)
    assert [b"id:%d" % ids[1] in one.short_message for one in receiver.receipts] == [True]
    assert smsd("receipt", "retry", "--all").output == "Receipts that are sent again: 2.\n"
    stack.wait(0.4)
    assert len(receiver.receipts) == 3
    assert smsd("receipt", "retry").exit_code == 2

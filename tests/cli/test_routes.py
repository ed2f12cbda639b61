"""``smsd route``: rules, files of them, and where a message would go."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from smsd.smpp.status import ESME_ROK
from smsd.smpp_server.refusals import NETWORK_NOT_COVERED
from tests.cli.conftest import Command
from tests.peers import Stack

ALL = ("--country", "hr", "--network", "21910", "--sender", "+INFO*", "--type", "flash")
HOURS = "mon-fri  08:00-20:00 Europe/Zagreb"
AT = "2026-01-05T09:00"  # A Monday, 10:00 in Zagreb.


@pytest.fixture(autouse=True)
def _channels(stack: Stack, smsd: Command) -> None:
    smsd("channel", "add", "play", "--kind", "simulator")
    smsd("network", "add", "38591", "21910")


def words(line: str) -> list[str]:
    """Return the columns of a line."""
    return [one.strip() for one in line.split("  ") if one.strip()]


def test_a_route_has_conditions_which_are_listed_changed_and_taken_away(smsd: Command) -> None:
    added = smsd("route", "add", "play", *ALL, "--hours", HOURS, "--priority", "5", "--weight", "70")
    assert added.output == "Route 2 is added.\n"
    (line,) = smsd("route", "list").output.splitlines()[2:]
    assert words(line)[4:] == [
        *("play", "0", "0", "5, weight 70", "no"),
        "country HR, network 21910, sender INFO*, type flash, hours mon-fri 08:00-20:00 Europe/Zagreb",
    ]
    smsd("route", "set", "2", "--sender", "", "--hours", "", "--type", "", "--cost", "0.003")
    (line,) = smsd("route", "list").output.splitlines()[2:]
    assert words(line)[4:] == [
        *("play", "0", "0.003", "5, weight 70", "no"),
        "country HR, network 21910",
    ]


def test_a_network_is_forbidden_and_told_so(stack: Stack, smsd: Command) -> None:
    assert smsd("route", "add", "--action", "forbid", "--network", "21910").output == "Route 2 is added.\n"
    smsd("route", "add", "--action", "unreachable", "--prefix", "43")
    assert words(smsd("route", "list").output.splitlines()[2])[4] == "(forbid)"
    stack.wait(0.4)
    esme = stack.esme()
    for destination in (b"385911234567", b"4366412345678"):
        assert esme.submit(destination_addr=destination).command_status == NETWORK_NOT_COVERED
    assert esme.submit().command_status == ESME_ROK
    smsd("route", "set", "2", "--action", "send", "--channel", "play")
    stack.wait(0.4)
    assert esme.submit(destination_addr=b"385911234567").command_status == ESME_ROK
    assert smsd("route", "set", "2", "--action", "forbid").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["play", "--country", "Croatia"], "A country is a code of ISO 3166, such as HR: not 'CROATIA'."),
        (
            ["play", "--country", "UK"],
            "No number is in a country UK: its code is one of ISO 3166, such as GB.",
        ),
        (["play", "--network", "2191"], "A network is an MCC, or an MCC and an MNC"),
        (["play", "--sender", "a*b"], "A sender has up to 15 characters"),
        (["play", "--sender", "*"], "A sender has up to 15 characters"),
        (["play", "--hours", "always"], "Hours: Expected"),
        (["play", "--hours", "mon Nowhere/Land"], "Hours: Expected a time zone"),
        (["play", "--weight", "0"], "A weight is a number from 1 to 1000: not 0."),
        (["play", "--priority", "5000"], "A priority is a number from -1000 to 1000: not 5000."),
        (["play", "--cost", "-1"], "A cost is a decimal from 0"),
        (["operator"], "Route 1 is for these messages, and leads there, already"),
    ],
)
def test_what_is_no_route_is_told_in_a_sentence(smsd: Command, arguments: list[str], sentence: str) -> None:
    done = smsd("route", "add", *arguments)
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_route_leads_to_a_channel_or_refuses(smsd: Command) -> None:
    assert smsd("route", "add").exit_code == 2
    assert smsd("route", "add", "play", "--action", "forbid").exit_code == 2
    refused = smsd("route", "set", "1", "--channel", "play", "--action", "forbid")
    assert refused.stderr == "smsd: A route whose action is forbid has no channel.\n"
    smsd("route", "add", "--action", "forbid", "--prefix", "43")
    assert smsd("route", "set", "2", "--action", "send").stderr == (
        "smsd: A route whose action is send needs a channel.\n"
    )


def test_equal_routes_share_unless_they_lead_to_one_channel(smsd: Command) -> None:
    assert smsd("route", "add", "play", "--weight", "3").exit_code == 0
    assert smsd("route", "add", "play").exit_code == 1
    assert smsd("route", "set", "2", "--channel", "operator").exit_code == 1


def test_the_page_s_examples_work(smsd: Command) -> None:
    page = Path(__file__).parents[2] / "docs" / "routing.md"
    commands = [line for line in page.read_text("utf-8").splitlines() if line.startswith("$ smsd ")]
    failed = [line for line in commands if smsd(*shlex.split(line)[2:]).exit_code]
    assert failed == ["$ smsd account add acme --password secret"]  # Here it is there already.
    assert len(commands) > 15
    for number, expected in (("5351234567", "Refused: 6 "), ("4915112345678", "channel direct.")):
        assert expected in smsd("route", "test", number).output


# Lookups.


def test_a_route_may_have_numbers_looked_up(smsd: Command) -> None:
    smsd("route", "add", "play", "--prefix", "385", "--lookup")
    assert words(smsd("route", "list").output.splitlines()[2])[-1] == "yes"
    assert smsd("route", "export").output.splitlines()[2].endswith(",1")
    smsd("route", "set", "2", "--no-lookup")
    assert words(smsd("route", "list").output.splitlines()[2])[-1] == "no"


def test_a_file_says_of_a_route_whether_numbers_are_looked_up(smsd: Command, tmp_path: Path) -> None:
    file = tmp_path / "routes.csv"
    for lookup, said in (("1", "changed: 1"), ("1", "changed: 0"), ("0", "changed: 1")):
        file.write_text(f"channel,price,lookup\noperator,0.01,{lookup}\n")
        assert said in smsd("route", "import", str(file)).output
    file.write_text("channel,lookup\noperator,maybe\n")
    wrong = smsd("route", "import", str(file))
    assert "Line 2: A lookup is a number from 0 to 1: not 'maybe'." in wrong.stderr


def test_a_test_says_that_a_lookup_comes_first_and_where_a_message_goes_then(smsd: Command) -> None:
    smsd("route", "add", "play", "--network", "21902", "--price", "0.02")
    smsd("price", "add", "0.03", "--account", "acme", "--country", "HR", "--network", "21902")
    number = ("385911234567", "--account", "acme")
    assert "looked up" not in smsd("route", "test", *number).output
    alone = smsd("route", "test", *number, "--found", "21902")
    assert alone.exit_code == 1
    assert alone.stderr == "smsd: Neither the account nor a route has this number looked up.\n"
    smsd("account", "set", "acme", "--lookup-first")
    plan = smsd("route", "test", *number).output
    assert "looked up first, since account acme says so. Where nothing is found:" in plan
    assert "Taken: route 1, channel operator." in plan
    found = smsd("route", "test", *number, "--found", "21902").output
    assert "network 21902" in found.splitlines()[0]
    assert "looked up first, since account acme says so: 21902 is found." in found
    assert "Taken: route 2, channel play. Segments: 1. Price: 0.03 EUR." in found
    assert smsd("route", "test", *number, "--found", "telemach").exit_code == 1
    smsd("account", "set", "acme", "--route-at-once")
    smsd("route", "set", "1", "--lookup")
    assert "since a route says so" in smsd("route", "test", *number).output


# Files.


def test_routes_are_exported_and_imported_as_they_are(smsd: Command, tmp_path: Path) -> None:
    smsd("route", "add", "play", *ALL, "--hours", "sat, sun 10:00-12:00", "--account", "acme")
    smsd("route", "add", "--action", "forbid", "--prefix", "43", "--code", "gold")
    exported = smsd("route", "export").output
    assert exported.splitlines()[2] == (
        'acme,,,HR,21910,INFO*,flash,"sat, sun 10:00-12:00",0,1,send,play,0,0,0'
    )
    file = tmp_path / "routes.csv"
    file.write_text(exported)
    same = smsd("route", "import", str(file), "--replace")
    assert same.output == "Routes that are new: 0, changed: 0, removed: 0.\n"
    assert smsd("route", "export").output == exported


def test_a_file_changes_prices_and_adds_and_removes_routes(smsd: Command, tmp_path: Path) -> None:
    smsd("route", "add", "operator", "--prefix", "49", "--price", "0.05")
    file = tmp_path / "routes.csv"
    file.write_text("prefix,channel,price,cost\n49,operator,0.06,0.02\n43,play,0.07,0.03\n")
    assert smsd("route", "import", str(file)).output == "Routes that are new: 1, changed: 1, removed: 0.\n"
    listed = [words(line)[:7] for line in smsd("route", "list").output.splitlines()[1:]]
    assert listed == [
        ["1", "(all)", "(none)", "(any)", "operator", "0.01", "0"],
        ["2", "(all)", "(none)", "49", "operator", "0.06", "0.02"],
        ["3", "(all)", "(none)", "43", "play", "0.07", "0.03"],
    ]
    replaced = smsd("route", "import", str(file), "--replace")
    assert replaced.output == "Routes that are new: 0, changed: 0, removed: 1.\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The first line names columns"),
        ("prefix,colour\n", "The first line names columns"),
        ("prefix,channel\n385,play\n386,nothing\n", "Line 3: There is no channel nothing."),
        ("prefix,channel,account\n385,play,zoo\n", "Line 2: There is no account zoo."),
        ("prefix\n385\n", "Line 2: A route whose action is send needs a channel."),
        ("prefix,channel,price\n385,play,free\n", "Line 2: A price is a decimal"),
        ("prefix,channel,weight\n385,play,many\n", "Line 2: A weight is a number from 1 to 1000"),
    ],
)
def test_a_file_that_will_not_do_changes_nothing(
    smsd: Command, tmp_path: Path, text: str, sentence: str
) -> None:
    before = smsd("route", "export").output
    file = tmp_path / "routes.csv"
    file.write_text(text)
    done = smsd("route", "import", str(file), "--replace")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"smsd: {file}: {sentence}")
    assert smsd("route", "export").output == before


def test_a_file_that_is_not_there_is_told(smsd: Command) -> None:
    assert "it can't be read" in smsd("route", "import", "/nowhere.csv").stderr


# Where a message would go.


def test_a_test_tells_where_a_message_would_go_and_at_what_price(stack: Stack, smsd: Command) -> None:
    stack.wait(0.4)
    smsd("route", "add", "play", *ALL, "--hours", HOURS, "--price", "0.05", "--cost", "0.0125")
    smsd("route", "add", "operator", "--prefix", "43")
    tested = smsd(
        *("route", "test", "+385911234567", "--account", "acme", "--sender", "InfoSMS", "--type", "flash"),
        *("--at", AT, "--segments", "3"),
    )
    lines = tested.output.splitlines()
    assert lines[0] == (
        "Message: flash to 385911234567, country HR, network 21910, at Mon 2026-01-05 09:00:00 UTC."
    )
    assert [words(line) for line in lines[1:4]] == [
        ["ROUTE", "ACCOUNT", "PREFIX", "PRIORITY", "LEADS TO", "STATE", "VERDICT"],
        ["2", "(all)", "(any)", "0", "play", "up 1/1", "It fits, and is taken."],
        ["1", "(all)", "(any)", "0", "operator", "up 1/1", "It fits."],
    ]
    assert lines[4:] == [
        "Routes with another account, code or prefix: 1.",
        "Taken: route 2, channel play. Segments: 3. Price: 0.15 EUR. Cost: 0.0375.",
    ]


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        (["--sender", "Acme"], "The sender does not begin with INFO."),
        (["--sender", "INFO", "--type", "text"], "The message is not flash."),
        (
            ["--sender", "INFO", "--at", "2026-01-05T20:00"],
            f"The time is not in {' '.join(HOURS.split())}.",
        ),
    ],
)
def test_a_test_says_why_a_route_does_not_fit(smsd: Command, options: list[str], verdict: str) -> None:
    smsd("route", "add", "play", *ALL, "--hours", HOURS)
    tested = smsd("route", "test", "385911234567", "--type", "flash", "--at", AT, *options).output
    assert words(tested.splitlines()[2])[-1] == verdict
    assert tested.splitlines()[-1] == "Taken: route 1, channel operator. Segments: 1. Price: 0.01. Cost: 0."


def test_a_test_tells_the_status_of_a_refusal(smsd: Command) -> None:
    smsd("route", "add", "--action", "forbid", "--network", "21910")
    tested = smsd("route", "test", "385911234567").output.splitlines()
    assert words(tested[2])[4:] == ["(forbid)", "It fits, and refuses the message."]
    assert tested[-1] == "Refused: 6 REJECTED_NETWORK, network is forbidden."
    assert smsd("route", "test", "385911234567", "--code", "gold").output.splitlines()[-1] == (
        "Refused: 19 REJECTED_ROUTE_NOT_AVAILABLE, route not available."
    )
    smsd("channel", "set", "operator", "--disabled")
    assert smsd("route", "test", "41793026727").output.splitlines()[-1] == (
        "Refused: 21 REJECTED_SYSTEM_ERROR, system error."
    )


def test_a_test_heeds_which_channels_are_away(
    stack: Stack, smsd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsd.cli.channels.time", stack.network.seconds)
    smsd("route", "add", "play", "--priority", "-1")
    stack.wait(6)
    stack.network.ports.clear()
    stack.smsc.link.transport.loseConnection()
    stack.wait(5)
    assert "Taken: route 1, channel operator." in smsd("route", "test", "41793026727").output
    stack.wait(6)
    tested = smsd("route", "test", "41793026727").output
    assert words(tested.splitlines()[2])[5:] == ["away", "It fits."]
    assert "Taken: route 2, channel play." in tested
    assert "  away since " in smsd("channel", "list").output


@pytest.mark.parametrize("arguments", [["none"], ["385911234567", "--sender", "€"]])
def test_a_test_of_what_is_no_address_is_told(smsd: Command, arguments: list[str]) -> None:
    assert smsd("route", "test", *arguments).exit_code == 1


def test_amounts_are_told_without_zeros_at_their_end(stack: Stack, smsd: Command) -> None:
    smsd("route", "add", "play", "--prefix", "385", "--price", "0.045", "--cost", "12.5")
    tested = smsd("route", "test", "385911234567", "--segments", "8").output
    assert tested.endswith("Segments: 8. Price: 0.36. Cost: 100.\n")


def test_a_route_becomes_an_account_s_own_and_everybody_s_again(stack: Stack, smsd: Command) -> None:
    smsd("route", "add", "play", "--prefix", "385")
    assert smsd("route", "set", "2", "--account", "acme").exit_code == 0
    assert words(smsd("route", "list").output.splitlines()[2])[1] == "acme"
    assert "There is no account nobody." in smsd("route", "set", "2", "--account", "nobody").stderr
    smsd("route", "set", "2", "--account", "")
    assert words(smsd("route", "list").output.splitlines()[2])[1] == "(all)"

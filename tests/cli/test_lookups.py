from __future__ import annotations

import sys
from pathlib import Path

import pytest

from smsd.store.engine import Call, Query
from tests.cli.conftest import Command
from tests.http_api.client import Client
from tests.peers import Stack
from tests.stores import result


def test_back_ends_and_rules_are_added_changed_listed_and_removed(stack: Stack, smsd: Command) -> None:
    added = smsd("lookup", "backend", "add", "home", "osmocom", "--rate", "100", "window=50")
    assert (added.exit_code, added.output) == (0, "Back end home is added.\n")
    smsd(
        "lookup",
        "backend",
        "add",
        "peer",
        "http",
        "url=https://sms.example",
        "username=me",
        "password=secret",
    )
    smsd("lookup", "backend", "set", "peer", "--disabled", "--timeout", "2000", "numbers=10")
    assert smsd("lookup", "backend", "list").output == (
        "NAME  KIND     ENABLED  TIMEOUT  RATE  AT ONCE  OPTIONS\n"
        "home  osmocom  yes      5000 ms  100   100      window=50\n"
        "peer  http     no       2000 ms  -     100      url=https://sms.example username=me password=…"
        " numbers=10\n"
    )
    assert smsd("lookup", "rule", "add", "home", "peer", "--prefix", "385").output == "Rule 1 is added.\n"
    smsd(
        "lookup",
        "rule",
        "add",
        "--account",
        "acme",
        "--package",
        "cleaning",
        "--country",
        "at",
        "--place",
        "5",
    )
    assert smsd("lookup", "rule", "list").output == (
        "PLACE  RULE  ACCOUNT  PACKAGE   PREFIX  COUNTRY  ASKS\n"
        "5      2     acme     cleaning  (any)   AT       (nobody)\n"
        "10     1     (all)    (any)     385     (any)    home, peer\n"
    )
    assert "Rule 1 asks back end home" in smsd("lookup", "backend", "remove", "home").stderr
    assert smsd("lookup", "rule", "remove", "1").exit_code == 0
    assert smsd("lookup", "backend", "remove", "home").output == "Back end home is removed.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["backend", "add", "a b", "enum"], "A back end's name has letters, digits, dots and hyphens"),
        (["backend", "add", "a", "http", "url=https://a.example"], "username"),
        (["backend", "add", "a", "enum", "nonsense"], "Expected OPTION=VALUE, got 'nonsense'."),
        (["backend", "add", "a", "subscribers", "tables=x"], "has no option tables: it has table, complete."),
        (["backend", "add", "a", "enum", "suffix=-.-"], "The option suffix"),
        (
            ["backend", "add", "a", "simulator", "--timeout", "1"],
            "timeout is a number from 10 to 120000",
        ),
        (["backend", "set", "nobody", "--rate", "1"], "There is no back end nobody."),
        (["backend", "remove", "nobody"], "There is no back end nobody."),
        (["rule", "add", "nobody"], "There is no back end nobody."),
        (["rule", "add", "--account", "nobody"], "There is no account nobody."),
        (["rule", "add", "--prefix", "0"], "A prefix has up to 15 digits, the first not 0"),
        (["rule", "add", "--country", "HRV"], "A country is two letters of ISO 3166-1"),
        (["rule", "add", "--place", "-1"], "A place is a number from 0"),
        (["rule", "remove", "7"], "There is no rule 7."),
        (["table", "remove", "none"], "There is no table none."),
        (["table", "import", "a b", __file__], "A table's name has letters"),
        (["table", "import", "a", "nowhere.csv"], "nowhere.csv: it can't be read"),
        (["table", "import", "a", sys.executable], "it is no UTF-8"),
        (["table", "import", "a", __file__], "The first line names the columns number, imsi, msc, state"),
        (["log", "x"], "A number has 5 to 15 digits"),
        (["forget", "x"], "A number has 5 to 15 digits"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    stack: Stack, smsd: Command, arguments: list[str], sentence: str
) -> None:
    done = smsd("lookup", *arguments)
    assert done.exit_code == 1, done.output
    assert sentence in done.stderr


def test_a_table_of_subscribers_is_replaced_and_a_running_node_follows(
    stack: Stack, smsd: Command, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(
        "number,imsi,msc,state\n+385911111111,219100000000001,38591016,active\n385912222222,,,27\n"
    )
    second.write_text("\ufeffNUMBER, State\n385913333333,barred\n385913333333,absent\n")
    assert smsd("lookup", "table", "import", "own", str(first)).output == "Numbers in table own: 2.\n"
    smsd("lookup", "backend", "add", "own", "subscribers", "table=own", "complete=true")
    smsd("lookup", "rule", "add", "own")
    stack.wait(0.4)
    client = Client(stack)

    def found(*numbers: str) -> list[int]:
        answer = client.request("POST", "/number/1/query", {"to": numbers})
        return [one["error"]["id"] for one in answer.json["results"]]

    assert found("385911111111", "385912222222", "385913333333") == [0, 27, 1]
    assert smsd("lookup", "table", "import", "own", str(second)).output == "Numbers in table own: 1.\n"
    assert found("385911111111", "385912222222", "385913333333") == [1, 1, 27]
    assert smsd("lookup", "table", "list").output.startswith("TABLE  NUMBERS  IMPORTED AT\nown    1  ")
    log = smsd("lookup", "log", "385913333333").output.splitlines()
    assert [line.split()[4:] for line in log[1:]] == [
        [
            "acme",
            "385913333333",
            "UNDELIVERABLE_NOT_DELIVERED",
            "EC_ABSENT_SUBSCRIBER",
            "21910",
            "presence=own",
        ],
        [
            "acme",
            "385913333333",
            "UNDELIVERABLE_NOT_DELIVERED",
            "EC_UNKNOWN_SUBSCRIBER",
            "21910",
            "presence=own",
        ],
    ]
    second.write_text("number\n385913333333\nnonsense\n")
    assert (
        "Line 3: a number has 5 to 15 digits" in smsd("lookup", "table", "import", "own", str(second)).stderr
    )
    assert found("385913333333") == [27]
    smsd("lookup", "table", "remove", "own")
    assert found("385913333333") == [1]


def test_an_answer_that_is_set_aside_is_sent_again(stack: Stack, smsd: Command) -> None:
    esme = stack.esme(system_type=b"HLR")
    esme.submit(destination_addr=b"385911111111")
    stack.settle()
    ((id,),) = stack.rows("SELECT id FROM lookup")
    result(stack.engine.write(Call(Query("UPDATE lookup SET report = 3"))))
    assert str(id) in smsd("lookup", "list").output
    assert smsd("lookup", "retry").output == "Answers that are sent again: 1.\n"
    stack.wait(1)
    assert len(esme.receipts) == 2


def test_what_was_said_of_a_number_is_forgotten(stack: Stack, smsd: Command) -> None:
    assert smsd("lookup", "forget", "+385911111111").output == "Answers that are forgotten: 0.\n"
    assert smsd("lookup", "forget", "--all").exit_code == 0
    assert smsd("lookup", "forget").exit_code == 2


def test_the_ledger_tells_lookups_from_messages(stack: Stack, smsd: Command) -> None:
    smsd("account", "set", "acme", "--lookup-price", "0.25")
    stack.wait(0.4)
    client = Client(stack)
    client.request("POST", "/number/1/query", {"to": ["385911111111", "385912222222"]})
    client.send(from_="smsd", to="385911234567", text="hello")
    stack.settle()
    lines = smsd("account", "ledger", "acme").output.splitlines()
    assert [line.split()[2:] for line in lines[1:-1]] == [
        ["messages", "-0.01", "1"],
        ["lookups", "-0.5", "2"],
    ]
    assert lines[-1] == "Sum: -0.51"
    assert smsd("account", "audit").output == "Ledgers: 1. Those that do not add up: 0.\n"


def test_an_account_that_has_a_rule_is_not_removed_before_it(stack: Stack, smsd: Command) -> None:
    smsd("account", "add", "zoo", "--password", "secret12")
    smsd("lookup", "rule", "add", "--account", "zoo")
    assert "Account zoo has routes of its own, rules of lookups, or numbers" in (
        smsd("account", "remove", "zoo").stderr
    )
    smsd("lookup", "rule", "remove", "1")
    assert smsd("account", "remove", "zoo").exit_code == 0

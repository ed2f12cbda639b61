from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from smsd.store.engine import Call, Query
from tests.cli.conftest import Command
from tests.peers import Stack, result


@pytest.fixture(autouse=True)
def _boss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "boss")


def said(smsd: Command, *arguments: str) -> str:
    done = smsd(*arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.output


def test_credit_is_given_limited_and_ended(stack: Stack, smsd: Command) -> None:
    credit = ("account", "credit", "acme")
    assert said(smsd, *credit) == "Account acme pays later.\n"
    assert said(smsd, *credit, "--add", "10", "--note", "a gift") == "Account acme has 10 EUR left.\n"
    assert said(smsd, *credit, "--limit", "5.5") == (
        "Account acme has 10 EUR left, and may go down to -5.5.\n"
    )
    assert said(smsd, *credit, "--add", "-12.000001") == (
        "Account acme has -2.000001 EUR left, and may go down to -5.5.\n"
    )
    assert said(smsd, *credit, "--none") == "Account acme pays later and owes 2.000001 EUR.\n"
    assert said(smsd, *credit, "--paid", "3") == "Account acme pays later and has 0.999999 EUR.\n"
    lines = said(smsd, "account", "ledger", "acme").splitlines()
    assert [line.split(None, 2)[2].split() for line in lines[1:-1]] == [
        ["credit", "10", "10", "boss:", "a", "gift"],
        ["limit", "0", "10", "boss:", "the", "limit", "is", "5.5"],
        ["credit", "-12.000001", "-2.000001", "boss"],
        ["limit", "0", "-2.000001", "boss:", "it", "pays", "later"],
        ["credit", "3", "0.999999", "boss"],
    ]
    assert lines[-1] == "Sum: 0.999999"


def test_the_ledger_is_shown_for_a_span_of_days(stack: Stack, smsd: Command) -> None:
    for at, note in ((1_767_312_000.0, "one"), (1_767_398_399.0, "two"), (1_767_398_400.0, "three")):
        values = (1, at, note)
        sql = (
            "INSERT INTO ledger (account_id, at, kind, number, micros, messages, note, balance)"
            " VALUES (?, ?, 3, 1, 0, 0, ?, 0)"
        )
        result(stack.engine.write(Call(Query(sql), values)))
    output = said(smsd, "account", "ledger", "acme", "--since", "2026-01-02", "--until", "2026-01-02")
    assert [line.split()[-1] for line in output.splitlines()[1:-1]] == ["one", "two"]
    output = said(smsd, "account", "ledger", "acme", "--since", "2026-01-02T23:59:59")
    assert [line.split()[-1] for line in output.splitlines()[1:-1]] == ["two", "three"]


def test_the_audit_finds_a_ledger_that_does_not_add_up(stack: Stack, smsd: Command) -> None:
    smsd("account", "credit", "acme", "--add", "10")
    stack.wait(1)
    stack.esme().submit()
    assert said(smsd, "account", "audit") == "Ledgers: 1. Those that do not add up: 0.\n"
    result(stack.engine.write(Call(Query("UPDATE credit SET micros = micros + 1"))))
    done = smsd("account", "audit")
    assert (done.exit_code, done.output) == (
        1,
        "Account acme has 9.990001, but its ledger adds up to 9.99.\n"
        "Ledgers: 1. Those that do not add up: 1.\n",
    )


def test_a_package_gets_its_end_with_a_top_up_or_alone(stack: Stack, smsd: Command) -> None:
    smsd("account", "credit", "acme", "--add", "10", "--until", "2026-02-01")
    shown = said(smsd, "account", "show", "acme")
    assert ["package-until", "2026-02-02T00:00:00+00:00"] in [line.split() for line in shown.splitlines()]
    smsd("account", "set", "acme", "--package-until", "2026-02-01T12:00:00+02:00", "--refund", "nothing")
    assert stack.rows("SELECT package_until, refund FROM account") == [(1_769_940_000, "nothing")]
    smsd("account", "set", "acme", "--package-until", "none")
    assert stack.rows("SELECT package_until FROM account") == [(0,)]


def test_prices_are_added_set_found_listed_and_removed(stack: Stack, smsd: Command) -> None:
    smsd("network", "add", "38591", "21910")
    assert said(smsd, "price", "add", "0.05", "--country", "hr") == "The price is added.\n"
    assert said(smsd, "price", "add", "0.04", "--account", "acme", "--network", "219") == (
        "The price is added.\n"
    )
    assert said(smsd, "price", "add", "0.1", "--currency", "CHF") == "The price is added.\n"
    assert said(smsd, "price", "set", "0.06", "--country", "HR") == "The price is changed.\n"
    assert said(smsd, "price", "list") == (
        "ACCOUNT  CURRENCY   COUNTRY  NETWORK  PRICE\n"
        "(all)    (any)      HR       (any)    0.06\n"
        "(all)    CHF        (any)    (any)    0.1\n"
        "acme     (its own)  (any)    219      0.04\n"
    )
    assert said(smsd, "price", "list", "--account", "acme").count("\n") == 2
    assert said(smsd, "price", "find", "acme", "385911234567") == (
        "A segment to 385911234567 (HR, 21910) costs acme 0.04 EUR.\nIt is the price of acme for 219.\n"
    )
    assert said(smsd, "price", "find", "acme", "+38512345678") == (
        "A segment to +38512345678 (HR) costs acme 0.06 EUR.\nIt is the price of every account for HR.\n"
    )
    assert said(smsd, "price", "find", "acme", "41793026727") == (
        "A segment to 41793026727 (CH, 22801) costs acme 0.01 EUR.\n"
        "No price is for that: it is the route's.\n"
    )
    exported = said(smsd, "price", "export")
    assert said(smsd, "price", "remove", "--country", "HR") == "The price is removed.\n"
    assert "HR" not in said(smsd, "price", "list")
    assert exported == ("account,currency,country,network,price\n,,HR,,0.06\n,CHF,,,0.1\nacme,,,219,0.04\n")


def test_a_list_is_exported_changed_and_imported_and_a_running_node_follows(
    stack: Stack, smsd: Command, tmp_path: Path
) -> None:
    esme = stack.esme()
    file = tmp_path / "prices.csv"
    file.write_text("\ufeffcountry,price\nHR,0.05\nCH,0.07\n")
    assert said(smsd, "price", "import", str(file)) == "Prices that are imported: 2.\n"
    stack.wait(1)
    esme.submit(destination_addr=b"385911234567")
    file.write_text(said(smsd, "price", "export").replace("0.05", "0.06").replace(",,CH,,0.07\n", ""))
    smsd("price", "import", str(file), "--replace")
    stack.wait(1)
    esme.submit(destination_addr=b"385911234567")
    esme.submit(destination_addr=b"41793026727")
    assert stack.rows("SELECT price, charged FROM message ORDER BY id") == [
        ("0.05", 50_000),
        ("0.06", 60_000),
        ("0.01", 10_000),
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["price", "add", "x"], "A price is a decimal from 0, with up to 6 places: not 'x'."),
        (["price", "add", "1", "--country", "UK"], "No number is in a country UK"),
        (["price", "set", "1", "--country", "HR"], "There is no price for country HR."),
        (["price", "remove"], "There is no price for everybody and everywhere."),
        (["price", "find", "acme", "999123456"], "No country has a prefix of 999123456"),
        (["price", "find", "acme", "x"], "A number is international, such as 385911234567: not 'x'."),
        (["price", "find", "nobody", "385911234567"], "There is no account nobody."),
        (["price", "import", "nowhere.csv"], "nowhere.csv: it can't be read"),
        (["price", "add", "1", "--currency", "XYZ"], "A currency is a code of ISO 4217"),
        (["account", "credit", "acme", "--add", "much"], "An amount is a decimal with up to 6 places"),
        (["account", "credit", "acme", "--limit", "-1"], "A limit says how far below 0"),
        (["account", "credit", "nobody", "--add", "1"], "There is no account nobody."),
        (["account", "credit", "acme", "--add", "1", "--until", "soon"], "The end of a package is a date"),
        (["account", "credit", "acme", "--add", "1", "--note", "a\nb"], "A note has up to 200 printable"),
        (["account", "set", "acme", "--refund", "all"], "What is given back is one of unsent, undelivered"),
        (["account", "set", "acme", "--currency", "EUX"], "A currency is a code of ISO 4217"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    stack: Stack, smsd: Command, arguments: list[str], sentence: str
) -> None:
    done = smsd(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("smsd: ")
    assert sentence in done.stderr
    assert stack.rows("SELECT * FROM ledger") == []


def test_an_account_that_has_a_ledger_keeps_its_currency_and_is_settled_before_it_goes(
    stack: Stack, smsd: Command
) -> None:
    assert smsd("account", "set", "acme", "--currency", "CHF").exit_code == 0
    smsd("account", "credit", "acme", "--add", "10")
    assert "stays in it" in smsd("account", "set", "acme", "--currency", "EUR").stderr
    assert smsd("account", "set", "acme", "--currency", "CHF").exit_code == 0
    assert "has a balance of 10 CHF: settle that first." in smsd("account", "remove", "acme").stderr
    smsd("account", "credit", "acme", "--add", "-10")
    assert smsd("account", "remove", "acme").exit_code == 0


@pytest.mark.parametrize(
    "more", [["--add", "1", "--none"], ["--until", "2026-02-01"], ["--paid", "1", "--add", "1"]]
)
def test_options_that_do_not_go_together_are_refused(stack: Stack, smsd: Command, more: list[str]) -> None:
    assert smsd("account", "credit", "acme", *more).exit_code == 2

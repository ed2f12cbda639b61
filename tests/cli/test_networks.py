from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.peers import Stack


def test_networks_are_added_imported_listed_and_removed(stack: Stack, smsd: Command, tmp_path: Path) -> None:
    file = tmp_path / "networks.csv"
    file.write_text("\ufeffprefix,mccmnc,name\n38591,21910,VipNet\n41,22801,Swisscom\n")
    imported = smsd("network", "import", str(file))
    assert (imported.exit_code, imported.output) == (0, "Prefixes that are imported: 2.\n")
    added = smsd("network", "add", "38598", "21901", "--name", "T-Mobile")
    assert (added.exit_code, added.output) == (0, "Prefix 38598 is added.\n")
    assert smsd("network", "remove", "41").output == "Prefix 41 is removed.\n"
    assert smsd("network", "list").output == (
        "PREFIX  MCCMNC  NAME\n38591   21910   VipNet\n38598   21901   T-Mobile\n"
    )
    smsd("network", "import", str(file), "--replace")
    assert "38598" not in smsd("network", "list").output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "x", "21910"], "A network's prefix has 1 to 15 digits"),
        (["remove", "41"], "There is no network with the prefix 41."),
        (["import", "nowhere.csv"], "nowhere.csv: it can't be read"),
        (["import", __file__], "test_networks.py: The first line names the columns prefix, mccmnc, name"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    stack: Stack, smsd: Command, arguments: list[str], sentence: str
) -> None:
    done = smsd("network", *arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("smsd: ")
    assert sentence in done.stderr


def test_a_running_node_follows(stack: Stack, smsd: Command) -> None:
    esme = stack.esme()
    esme.submit(destination_addr=b"385911234567")
    smsd("network", "add", "38591", "21942")
    stack.wait(0.4)
    esme.submit(destination_addr=b"385911234567")
    assert stack.rows("SELECT network FROM message ORDER BY id") == [("21910",), ("21942",)]


@pytest.mark.usefixtures("stack")
def test_what_is_known_of_a_number_is_shown_and_what_counts_first(smsd: Command, tmp_path: Path) -> None:
    assert smsd("network", "find", "+385911234567").output == (
        "KNOWN BY  MCCMNC  NETWORK     PREFIX  COUNTRY     CODE\n"
        "built in  21910   A1 Telekom  91      HR Croatia  385\n"
    )
    file = tmp_path / "ported.csv"
    file.write_text("number,mccmnc\n385911234567,21901\n")
    smsd("ported", "import", str(file))
    smsd("network", "add", "385911", "21942", "--name", "Ours")
    assert smsd("network", "find", "385911234567").output == (
        "KNOWN BY  MCCMNC  NETWORK           PREFIX  COUNTRY     CODE\n"
        "ported    21901   Hrvatski Telekom  98      HR Croatia  385\n"
        "own       21942   Ours              911     HR Croatia  385\n"
        "built in  21910   A1 Telekom        91      HR Croatia  385\n"
    )
    assert smsd("network", "find", "12125551234").output.splitlines()[1] == (
        "built in  -       -        -       US United States  1"
    )
    assert smsd("network", "find", "999911234567").output == (
        "No country has a prefix of 999911234567: messages to it are refused.\n"
    )
    assert "A number is international, such as 385911234567: not 'x'." in smsd("network", "find", "x").stderr

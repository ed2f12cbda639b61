from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.peers import Stack


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "ported.csv"
    file.write_text("\ufeffnumber,mccmnc\n385911234567,21901\n385911234568,21901\n41791234567,22802\n")
    return file


@pytest.mark.usefixtures("stack")
def test_ported_numbers_are_imported_listed_counted_and_removed(smsd: Command, file: Path) -> None:
    imported = smsd("ported", "import", str(file))
    assert (imported.exit_code, imported.output) == (0, "Numbers that are imported: 3.\n")
    assert smsd("ported", "list", "385").output == (
        "NUMBER        MCCMNC  NETWORK\n"
        "385911234567  21901   Hrvatski Telekom\n"
        "385911234568  21901   Hrvatski Telekom\n"
    )
    assert smsd("ported", "count").output == (
        "MCCMNC  NETWORK           NUMBERS\n"
        "21901   Hrvatski Telekom  2\n"
        "22802   Sunrise           1\n"
        "In all: 3.\n"
    )
    assert smsd("ported", "remove", "+385911234568").output == "Numbers that are removed: 1.\n"
    file.write_text("number,mccmnc\n385911234567,21901\n")
    smsd("ported", "import", str(file), "--replace")
    assert smsd("ported", "list").output.splitlines()[1:] == ["385911234567  21901   Hrvatski Telekom"]
    assert smsd("ported", "remove", "--all").output == "Numbers that are removed: 1.\n"


@pytest.mark.usefixtures("stack")
def test_a_long_list_ends_with_a_sentence(smsd: Command, file: Path) -> None:
    file.write_text("number,mccmnc\n" + "".join(f"41790{number:06},22802\n" for number in range(1001)))
    smsd("ported", "import", str(file))
    lines = smsd("ported", "list").output.splitlines()
    assert len(lines) == 1002
    assert lines[-1] == "There are more: these are the first 1000."


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["import", "nowhere.csv"], 1, "nowhere.csv: it can't be read"),
        (["import", __file__], 1, "The first line names the columns number, mccmnc"),
        (["remove", "x"], 1, "A number is international, such as 385911234567: not 'x'."),
        (["remove"], 2, "Give numbers, or --all."),
        (["remove", "385911234567", "--all"], 2, "Give numbers, or --all."),
        (["list", "x"], 1, "A prefix has 1 to 15 digits"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    smsd: Command, arguments: list[str], code: int, sentence: str
) -> None:
    done = smsd("ported", *arguments)
    assert done.exit_code == code
    assert sentence in done.stderr


def test_a_running_node_follows(stack: Stack, smsd: Command, file: Path) -> None:
    esme = stack.esme()
    esme.submit(destination_addr=b"385911234567")
    smsd("ported", "import", str(file))
    stack.wait(0.4)
    esme.submit(destination_addr=b"385911234567")
    smsd("ported", "remove", "385911234567")
    stack.wait(0.4)
    esme.submit(destination_addr=b"385911234567")
    assert stack.rows("SELECT network FROM message ORDER BY id") == [("21910",), ("21901",), ("21910",)]

"""``smsd list``: a running node follows at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsd.smpp.status import ESME_RINVDSTADR, ESME_ROK
from tests.cli.conftest import Command
from tests.peers import Stack


def submitted(stack: Stack) -> int:
    stack.wait(1)
    return stack.esme().submit(destination_addr=b"41793026727").command_status


def test_a_number_is_put_on_a_list_and_taken_off_it(stack: Stack, smsd: Command) -> None:
    added = smsd("list", "add", "dnd", "+41793026727", "385911234567")
    assert (added.exit_code, added.output) == (0, "Put on the list dnd: 2.\n")
    assert submitted(stack) == ESME_RINVDSTADR
    assert smsd("list", "remove", "dnd", "41793026727").output == "Taken off the list dnd: 1.\n"
    assert submitted(stack) == ESME_ROK


def test_a_list_may_be_an_account_s(stack: Stack, smsd: Command) -> None:
    stack.add_account("zoo")
    smsd("list", "add", "blocked-destinations", "41*", "--account", "zoo")
    assert submitted(stack) == ESME_ROK
    smsd("list", "add", "blocked-destinations", "41*", "--account", "acme")
    assert submitted(stack) == ESME_RINVDSTADR
    assert smsd("list", "count").output == (
        "LIST                  ACCOUNT  ENTRIES\n"
        "blocked-destinations  acme     1\n"
        "blocked-destinations  zoo      1\n"
    )


def test_a_file_is_imported_and_exported(stack: Stack, smsd: Command, tmp_path: Path) -> None:
    file = tmp_path / "dnd.txt"
    file.write_text("\ufeff# Do not disturb\n+41793026727\n\n385911234567\r\n", "utf-8")
    imported = smsd("list", "import", "dnd", str(file))
    assert imported.output == "Put on the list dnd: 2. Taken off it: 0.\n"
    assert submitted(stack) == ESME_RINVDSTADR
    assert smsd("list", "export", "dnd").output == "385911234567\n41793026727\n"
    file.write_text("385911234567\n385911234568\n")
    imported = smsd("list", "import", "dnd", str(file), "--replace")
    assert imported.output == "Put on the list dnd: 1. Taken off it: 1.\n"
    assert submitted(stack) == ESME_ROK
    assert smsd("list", "count").output.endswith("dnd   (all)    2\n")


def test_what_is_on_lists_is_found_by_a_number_or_a_sender(stack: Stack, smsd: Command) -> None:
    stack.add_account("zoo")
    smsd("list", "add", "dnd", "+41793026727", "38591*", "38*")
    smsd("list", "add", "blocked-destinations", "4179*", "--account", "acme")
    smsd("list", "add", "blocked-destinations", "41793026727", "--account", "zoo")
    smsd("list", "add", "blocked-senders", "Casino*", "41793026727")
    assert smsd("list", "find", "+41793026727", "--account", "acme").output == (
        "LIST                  ACCOUNT  ENTRY\n"
        "dnd                   (all)    41793026727\n"
        "blocked-senders       (all)    41793026727\n"
        "blocked-destinations  acme     4179*\n"
    )
    assert smsd("list", "find", "385911234567").output == (
        "LIST  ACCOUNT  ENTRY\ndnd   (all)    38591*\ndnd   (all)    38*\n"
    )
    assert smsd("list", "find", "CASINO777").output.endswith("blocked-senders  (all)    casino*\n")
    smsd("list", "remove", "dnd", "38*", "38591*")
    assert smsd("list", "find", "385911234567").output == "385911234567 is on no list.\n"
    for wrong in ("3859*", "a phrase of several words"):
        refused = smsd("list", "find", wrong)
        assert (refused.exit_code, refused.stderr.count("could be on a list")) == (1, 1)
    assert smsd("list", "find", "385911234567", "--account", "nobody").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "dnd", "nobody"], "smsd: A number has 5 to 15 digits in international form"),
        (["add", "blocked-senders", "no"], "smsd: A sender has 3 to 14 digits"),
        (["add", "blocked-texts", "*"], "smsd: A phrase has at least one letter or digit: not '*'."),
        (["add", "dnd", "41793026727", "--account", "zoo"], "smsd: There is no account zoo."),
        (["import", "dnd", "nowhere.txt"], "smsd: nowhere.txt: it can't be read"),
    ],
)
def test_what_will_not_do_is_told_in_a_sentence(
    stack: Stack, smsd: Command, arguments: list[str], told: str
) -> None:
    found = smsd("list", *arguments)
    assert found.exit_code == 1
    assert found.output.startswith(told)


def test_a_line_that_will_not_do_is_told_with_its_number(stack: Stack, smsd: Command, tmp_path: Path) -> None:
    file = tmp_path / "dnd.txt"
    file.write_text("41793026727\nnobody\n")
    told = smsd("list", "import", "dnd", str(file))
    assert told.exit_code == 1
    assert told.output.startswith(f"smsd: {file}: Line 2: A number has 5 to 15 digits")
    assert submitted(stack) == ESME_ROK

from __future__ import annotations

import pytest

from smsd.smpp.pdu import DeliverSm
from smsd.store.received import ReceivedChanges
from tests.cli.conftest import Command
from tests.peers import Stack, result


def test_a_number_is_added_listed_changed_and_removed(stack: Stack, smsd: Command) -> None:
    added = smsd("number", "add", "+385911234567", "acme")
    assert (added.exit_code, added.output) == (0, "Number +385911234567 is added.\n")
    smsd("number", "add", "385911234567", "acme", "--keyword", "stop", "--delivery", "smpp")
    smsd("number", "add", "13377", "acme")
    changed = smsd("number", "set", "13377", "--delivery", "smpp")
    assert (changed.exit_code, changed.output) == (0, "Number 13377 is changed.\n")
    assert smsd("number", "list").output == (
        "NUMBER        KEYWORD      ACCOUNT  DELIVERY\n"
        "13377         (any other)  acme     smpp\n"
        "385911234567  (any other)  acme     inbox\n"
        "385911234567  STOP         acme     smpp\n"
    )
    removed = smsd("number", "remove", "385911234567", "--keyword", "Stop")
    assert (removed.exit_code, removed.output) == (0, "Number 385911234567 is removed.\n")
    assert "STOP" not in smsd("number", "list").output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["number", "add", "x", "acme"], "A number has 3 to 15 digits"),
        (["number", "add", "1337", "nobody"], "There is no account nobody."),
        (["number", "add", "1337", "acme", "--keyword", "a b"], "A keyword is one word"),
        (["number", "set", "1337", "--account", "acme"], "There is no number 1337 without a keyword."),
        (["number", "remove", "1337", "--keyword", "x"], "There is no number 1337 with keyword X."),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    stack: Stack, smsd: Command, arguments: list[str], sentence: str
) -> None:
    done = smsd(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("smsd: ")
    assert sentence in done.stderr


def test_nothing_to_change_is_a_wrong_use(stack: Stack, smsd: Command) -> None:
    done = smsd("number", "set", "1337")
    assert done.exit_code == 2
    assert "Nothing to change" in done.stderr


def test_a_running_node_follows_changes_of_numbers(stack: Stack, smsd: Command) -> None:
    def bring() -> int:
        pdu = DeliverSm(source_addr=b"41793026727", destination_addr=b"1337", short_message=b"hello")
        number = stack.smsc.link.send(pdu)
        stack.settle()
        answer = stack.smsc.link.answer_to(number)
        assert answer is not None
        return answer.command_status

    assert bring() != 0
    smsd("number", "add", "1337", "acme")
    stack.wait(0.4)
    assert bring() == 0
    assert [one.text for one in result(stack.core.inbox.fetch(1, 10))] == ["hello"]
    smsd("number", "remove", "1337")
    stack.wait(0.4)
    assert bring() != 0


def test_what_was_set_aside_is_listed_and_sent_again(stack: Stack, smsd: Command) -> None:
    smsd("number", "add", "1337", "acme", "--delivery", "smpp")
    stack.wait(0.4)
    for source in (b"41793026727", b"\x1b[2J"):
        stack.smsc.link.send(DeliverSm(source_addr=source, destination_addr=b"1337", short_message=b"bad"))
    stack.settle()
    for one in result(stack.core.received.owed(1, 9)):
        ReceivedChanges(stack.core.journal).put_aside(one, lambda _: None)
    stack.settle()
    ids = [id for (id,) in stack.rows("SELECT id FROM received ORDER BY id")]
    listed = smsd("received", "list").output.splitlines()
    assert listed[0].split() == ["MESSAGE", "ACCOUNT", "SOURCE", "DESTINATION", "RECEIVED"]
    assert listed[1].split() == [str(ids[0]), "acme", "41793026727", "1337", "2026-01-02", "03:04:05", "UTC"]
    assert r"'\x1b[2J'" in listed[2]
    again = smsd("received", "retry", str(ids[0]))
    assert (again.exit_code, again.output) == (0, "Received messages that are sent again: 1.\n")
    assert smsd("received", "retry").exit_code == 2
    assert smsd("received", "retry", "--all").output == "Received messages that are sent again: 1.\n"
    esme = stack.esme()
    assert [one.short_message for one in esme.receipts] == [b"bad", b"bad"]

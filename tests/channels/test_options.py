from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from smsd.channels.options import KINDS, SimulatorOptions, SmppOptions
from smsd.options import InvalidOptions

SMPP = {"endpoint": "tcp:smsc.example:2775", "system_id": "me"}


def test_what_is_not_given_has_its_default() -> None:
    assert KINDS.read("smpp", json.dumps(SMPP)) == SmppOptions(
        "tcp:smsc.example:2775", "me", "", "", "transceiver", 10
    )
    assert KINDS.read("simulator", "{}") == SimulatorOptions(1.0, 1000)


@pytest.mark.parametrize(
    ("kind", "changes", "named"),
    [
        ("smpp", {"password": "ninechars"}, "password"),
        ("smpp", {"system_id": "sixteen charactr"}, "system_id"),
        ("smpp", {"system_type": "thirteen char"}, "system_type"),
        ("smpp", {"bind": "both"}, "bind"),
        ("smpp", {"window": 0}, "window"),
        ("smpp", {"window": "ten"}, "window"),
        ("smpp", {"colour": "red"}, "colour"),
        ("smpp", {"endpoint": None}, "endpoint"),
        ("simulator", {"delay": -1}, "delay"),
        ("simulator", {"endpoint": "tcp:x:1"}, "endpoint"),
    ],
)
def test_a_wrong_option_is_named(kind: str, changes: dict[str, object], named: str) -> None:
    given = (SMPP if kind == "smpp" else {}) | changes
    with pytest.raises(InvalidOptions, match=named):
        KINDS.read(kind, json.dumps(given))


def test_a_missing_option_is_named() -> None:
    with pytest.raises(InvalidOptions, match="system_id"):
        KINDS.read("smpp", '{"endpoint": "tcp:x:1"}')


def test_an_unknown_kind_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidOptions, match="smpp, simulator"):
        KINDS.read("pigeon", "{}")


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(SmppOptions("tcp:x:1", "me", "s3cret"))


DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "kind"), [("channels.md", SmppOptions), ("simulator.md", SimulatorOptions)])
def test_the_page_has_each_option_with_its_default(page: str, kind: type[msgspec.Struct]) -> None:
    defaults: dict[str, str] = {}
    for table in re.findall(r"\| option \| default \|.*?\n\n", (DOCS / page).read_text("utf-8"), re.DOTALL):
        for names, default in re.findall(r"^\| (`.*?) \| (.*?) \|", table, re.MULTILINE):
            defaults |= dict.fromkeys(re.findall(r"`(\w+)`", names), default)
    shown = {msgspec.NODEFAULT: "needed", "": "empty"}
    assert {name: default.strip("`") for name, default in defaults.items()} == {
        field.name: shown.get(field.default, str(field.default)) for field in msgspec.structs.fields(kind)
    }


def test_the_options_that_the_page_shows_can_be_read() -> None:
    shown = re.findall(r"`(\w+)='(.+?)'`", (DOCS / "channels.md").read_text("utf-8"))
    assert shown
    for name, value in shown:
        KINDS.read("smpp", json.dumps(SMPP | {name: value}))

from __future__ import annotations

import json

import pytest

from smsd.hlr.options import (
    KINDS,
    EnumOptions,
    HttpOptions,
    OsmocomOptions,
    SimulatorOptions,
    SmppOptions,
)
from smsd.options import InvalidOptions

NEEDED = {
    "osmocom": {},
    "http": {"url": "https://sms.example", "username": "me"},
    "smpp": {"endpoint": "tcp:smsc.example:8888", "system_id": "me"},
    "enum": {},
    "simulator": {},
}


def test_what_is_not_given_has_its_default() -> None:
    assert [KINDS.read(kind, json.dumps(given)) for kind, given in NEEDED.items()] == [
        OsmocomOptions("tcp:127.0.0.1:4259", 200, 5.0, 20_000),
        HttpOptions("https://sms.example", "me", "", 1000, 4, 10.0, 20_000),
        SmppOptions("tcp:smsc.example:8888", "me", "", "HLR", 50, 30.0, 20_000),
        EnumOptions("e164.arpa", "", "", "unknown", 100, 5.0, 20_000),
        SimulatorOptions(0.0, 20_000),
    ]


@pytest.mark.parametrize(
    ("kind", "changes", "named"),
    [
        ("osmocom", {"endpoint": "4259"}, "endpoint"),
        ("osmocom", {"endpoint": "tcp:host"}, "endpoint"),
        ("osmocom", {"window": 0}, "window"),
        ("osmocom", {"timeout": 0}, "timeout"),
        ("osmocom", {"colour": "red"}, "colour"),
        ("http", {"url": "sms.example"}, "url"),
        ("http", {"url": "ftp://sms.example"}, "url"),
        ("http", {"url": "https://me:pw@sms.example"}, "url"),
        ("http", {"url": "https://sms.example?a=b"}, "url"),
        ("http", {"url": "https://sms.example:0"}, "url"),
        ("http", {"url": "https://sms.example:port"}, "url"),
        ("http", {"url": "https://[::1"}, "url"),
        ("http", {"username": "a:b"}, "username"),
        ("http", {"numbers": 1001}, "numbers"),
        ("smpp", {"password": "ninechars"}, "password"),
        ("smpp", {"system_id": "sixteen charactr"}, "system_id"),
        ("smpp", {"system_id": "mé"}, "system_id"),
        ("smpp", {"endpoint": "smsc"}, "endpoint"),
        ("enum", {"suffix": "a..b"}, "suffix"),
        ("enum", {"suffix": ""}, "suffix"),
        ("enum", {"suffix": ".".join(["x" * 60] * 4)}, "suffix"),
        ("enum", {"servers": "ns.example"}, "servers"),
        ("enum", {"servers": "192.0.2.1:0"}, "servers"),
        ("enum", {"servers": "192.0.2.1:x"}, "servers"),
        ("enum", {"networks": "D012"}, "networks"),
        ("enum", {"networks": "D012=Vip"}, "networks"),
        ("enum", {"missing": "ported"}, "missing"),
        ("simulator", {"delay": -1}, "delay"),
    ],
)
def test_a_wrong_option_is_named(kind: str, changes: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidOptions, match=named):
        KINDS.read(kind, json.dumps(NEEDED[kind] | changes))


@pytest.mark.parametrize(("kind", "named"), [("http", "url"), ("smpp", "endpoint")])
def test_a_missing_option_is_named(kind: str, named: str) -> None:
    with pytest.raises(InvalidOptions, match=named):
        KINDS.read(kind, "{}")


def test_an_unknown_kind_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidOptions, match="osmocom, http, smpp, enum, simulator: not 'pigeon'"):
        KINDS.read("pigeon", "{}")


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(SmppOptions("tcp:x:1", "me", "s3cret"))
    assert "s3cret" not in repr(HttpOptions("http://x", "me", "s3cret"))


def test_name_servers_may_have_ports() -> None:
    given = "192.0.2.1 192.0.2.2:5353 2001:db8::1 [2001:db8::2] [2001:db8::3]:5353"
    assert EnumOptions(servers=given).addresses() == [
        ("192.0.2.1", 53),
        ("192.0.2.2", 5353),
        ("2001:db8::1", 53),
        ("2001:db8::2", 53),
        ("2001:db8::3", 5353),
    ]


def test_routing_numbers_may_be_written_with_a_plus_and_small_letters() -> None:
    assert EnumOptions(networks="d012=21910 +38598=219020").mccmncs() == {"D012": "21910", "38598": "219020"}

from __future__ import annotations

from pathlib import Path

import pytest

from smsd import config
from smsd.config import Config, ConfigError, Http, Smpp, SmppLimits, find, load

SAMPLE = Path(__file__).parents[1] / "etc" / "smsd.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "smsd.toml"


def test_an_empty_file_has_every_default(file: Path) -> None:
    file.write_text("")
    assert load(file) == Config()
    assert load(file).state_folder(file) == file.parent


def test_the_sample_loads_and_shows_the_defaults(tmp_path: Path) -> None:
    sample = load(SAMPLE)
    assert sample.smpp.listen == ("tcp:8888:interface=127.0.0.1", "ssl:8887:interface=127.0.0.1")
    assert sample.http.listen == ("tcp:8080:interface=127.0.0.1",)
    assert [account.system_id for account in sample.first_start.accounts] == ["demo"]
    assert sample.state_folder(SAMPLE) == SAMPLE.parents[1] / "var"
    # What stands behind a # is what holds without it.
    lines = SAMPLE.read_text().splitlines()
    uncommented = "\n".join(
        line.removeprefix("# ") for line in lines if " = " in line or line.startswith("[")
    )
    all_shown = tmp_path / "all.toml"
    all_shown.write_text(uncommented.replace('certificate = "smsd.crt"\nkey = "smsd.key"\n', ""))
    assert load(all_shown) == sample


def test_what_is_said_counts(file: Path) -> None:
    file.write_text(
        'state = "/var/lib/smsd"\n'
        'smpp = {listen = ["tcp:1"], limits = {bind = 5, unbound = 7}}\n'
        "http.body = 5\n"
    )
    loaded = load(file)
    assert loaded.smpp == Smpp(("tcp:1",), limits=SmppLimits(bind=5.0, unbound=7))
    assert loaded.http == Http(body=5)
    assert loaded.state_folder(file) == Path("/var/lib/smsd")


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("colour = 1", "top level", "unknown field `colour`"),
        ("[smpp]\ncolour = 1", "smpp", "unknown field `colour`"),
        ("[smpp.limits]\nbinds = 1", "smpp.limits", "unknown field `binds`"),
        ("smpp = 1", "smpp", "Expected `object`, got `int`"),
        ('[smpp]\nlisten = "tcp:8888"', "smpp.listen", "Expected `array`, got `str`"),
        ("[smpp]\nlisten = [8888]", "smpp.listen[0]", "Expected `str`, got `int`"),
        ('[smpp]\nsystem_id = ""', "smpp.system_id", "length >= 1"),
        ('[smpp]\nsystem_id = "sixteen-letters-"', "smpp.system_id", "length <= 15"),
        ('[smpp]\nsystem_id = "Żaba"', "smpp.system_id", "matching regex"),
        ('[smpp]\nsystem_id = "a\\u0000b"', "smpp.system_id", "matching regex"),
        ("[smpp.limits]\nconnections = 0", "smpp.limits.connections", ">= 1"),
        ("[smpp.limits]\nunanswered = -5", "smpp.limits.unanswered", ">= 1"),
        ("[smpp.limits]\nreceipts = 1.5", "smpp.limits.receipts", "Expected `int`, got `float`"),
        ("[smpp.limits]\nbind = 0", "smpp.limits.bind", "> 0"),
        ("[smpp.limits]\nenquire = 3601", "smpp.limits.enquire", "<= 3600"),
        ('[smpp.limits]\nresponse = "30 s"', "smpp.limits.response", "Expected `float`, got `str`"),
        ("[http.limits]\nheads = 1", "http.limits", "unknown field `heads`"),
        ("[http.limits]\naddress = 0", "http.limits.address", ">= 1"),
        ("[http.limits]\nidle = 0", "http.limits.idle", "> 0"),
        ("[http.limits]\nrequest = 3601", "http.limits.request", "<= 3600"),
        ("[http]\nbody = 2000\nlimits.bodies = 1999", "http", "Expected limits.bodies"),
        ("[smpp.limits]\npdu = 100", "smpp.limits.pdu", ">= 512"),
        ("[http]\nbody = 0", "http.body", ">= 1"),
        ("[smpp]\nclient_ca = 1", "smpp.client_ca", "Expected `str`, got `int`"),
        ("[http]\nclient_ca = []", "http.client_ca", "Expected `str`, got `array`"),
        ('[links]\nurl = "s.test"', "links", "Expected a domain such as https://s.test/"),
        ('[links]\nurl = "https://s.example/"', "links", "https://s.example/ has 18"),
        ("[links]\nkeep = 0", "links.keep", ">= 1"),
        ('[tls]\ncertificate = "smsd.crt"', "tls", "both a certificate and a key"),
        ("[tls]\nkey = true", "tls.key", "Expected `str`, got `bool`"),
        ("[queue]\nmessages = 9", "queue.messages", ">= 10"),
        ("[queue]\nunstored = 0", "queue.unstored", ">= 1"),
        ("database = 5", "database", "Expected `str`, got `int`"),
        (
            '[[first_start.accounts]]\nsystem_id = "demo"',
            "first_start.accounts[0]",
            "missing required field `password`",
        ),
        ('[[first_start.routes]]\nchannel = "x"\nprice = 0.01', "first_start.routes[0].price", "`str`"),
    ],
)
def test_a_bad_setting_is_told_with_the_file_the_key_and_what_was_expected(
    file: Path, text: str, key: str, expected: str
) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: {key}: ")
    assert expected in message
    assert message.endswith(".")


def test_what_is_no_toml_is_told_with_its_line(file: Path) -> None:
    file.write_text("[smpp]\nlisten = []\nlisten\n")
    with pytest.raises(ConfigError, match=r"smsd.toml: it is no TOML: .*line 3"):
        load(file)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_told(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"smsd.toml: it can't be read: "):
        load(file)


def test_the_file_is_the_option_s_or_the_environment_s_or_in_a_usual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMSD_CONFIG", raising=False)
    monkeypatch.setattr(config, "PLACES", (Path("etc/smsd.toml"), tmp_path / "second.toml"))
    with pytest.raises(ConfigError, match="No configuration: name one with --config or SMSD_CONFIG"):
        find(None)
    (tmp_path / "second.toml").touch()
    assert find(None) == tmp_path / "second.toml"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/smsd.toml").touch()
    assert find(None) == tmp_path / "etc/smsd.toml"
    monkeypatch.setenv("SMSD_CONFIG", "/named.toml")
    assert find(None) == Path("/named.toml")
    assert find("option.toml") == tmp_path / "option.toml"

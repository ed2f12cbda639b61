from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.python.usage import UsageError

from smsd.config import ConfigError
from smsd.http_api.app import HttpApi
from smsd.http_api.site import Limits, Serving
from smsd.node import PATIENCE, InOrder, Node, _listeners
from smsd.services.administration import Administration
from smsd.store.settings import Rows
from smsd.store.sqlite import SqliteEngine
from smsd.tap import Options, makeService
from tests.certificates import Authority
from tests.peers import Worker, result


def options(folder: Path, text: str) -> Options:
    """Return the options that name a configuration."""
    file = folder / "smsd.toml"
    file.write_text(text)
    found = Options()
    found.parseOptions(["--config", str(file)])
    return found


def test_a_service_is_built_and_nothing_is_opened(tmp_path: Path) -> None:
    reactor = MemoryReactorClock()
    text = 'state = "var"\nsmpp.listen = ["tcp:8888", "ssl:8887"]\nhttp.listen = ["tcp:8080"]\n'
    text += 'links = {url = "https://s.test/", listen = ["haproxy:tcp:8081"]}\n'
    node = makeService(options(tmp_path, text), reactor)
    assert isinstance(node, Node)
    assert [type(service).__name__ for service in node.services][:6] == [
        "PasswordThreads",
        "Storage",
        "Channels",
        "LookupConnections",
        "Sessions",
        "Serving",
    ]
    assert len(node.services) == 11
    assert node.core.links.can_shorten
    assert reactor.tcpServers == reactor.sslServers == []
    assert sorted(file.name for file in (tmp_path / "var").iterdir()) == [
        "self-signed.crt",
        "self-signed.key",
    ]
    assert (tmp_path / "var/self-signed.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('smpp.listen = ["tcp:1", "ssl:2"]', "SMPP: tcp:1, ssl:2. HTTP: none."),
        (
            'http.listen = ["tcp:3"]\nlinks = {url = "https://s.test/", listen = ["tcp:4"]}',
            "SMPP: none. HTTP: tcp:3. Short links: tcp:4.",
        ),
    ],
)
def test_a_node_says_where_it_listens(tmp_path: Path, text: str, said: str) -> None:
    node = makeService(options(tmp_path, text), MemoryReactorClock())
    assert isinstance(node, Node)
    assert _listeners(node.config) == said


def test_the_log_names_ports_by_what_they_serve(tmp_path: Path) -> None:
    reactor = MemoryReactorClock()
    text = 'smpp.listen = ["tcp:8888", "ssl:8887"]\nhttp.listen = ["tcp:8080"]\n'
    text += 'links = {url = "https://s.test/", listen = ["haproxy:tcp:8081"]}\n'
    node = makeService(options(tmp_path, text), reactor)
    assert isinstance(node, Node)
    for service in node.services:
        if isinstance(service, StreamServerEndpointService):
            service.privilegedStartService()
    factories: list[Any] = [factory for _, factory, *_ in reactor.tcpServers]
    names = [factory.logPrefix() for factory in factories]
    assert names == ["SMPP", "SMPP (TLS)", "HTTP", "Short links (PROXY)"]


def test_what_http_puts_up_with_is_what_the_configuration_says(tmp_path: Path) -> None:
    text = """[http]
body = 10
limits = {connections = 1, address = 2, bodies = 30, idle = 4.0, head = 5.0, request = 6.0, answer = 7.0}
"""
    node = makeService(options(tmp_path, text), MemoryReactorClock())
    assert isinstance(node, Node)
    (serving,) = (service for service in node.services if isinstance(service, Serving))
    assert serving.site.limits == Limits(
        body=10, connections=1, address=2, bodies=30, idle=4.0, head=5.0, request=6.0, answer=7.0
    )


def test_the_api_s_description_is_made_before_anybody_can_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[HttpApi] = []
    monkeypatch.setattr(HttpApi, "describe", lambda api: described.append(api))
    makeService(options(tmp_path, 'http.listen = ["tcp:8080"]\n'), MemoryReactorClock())
    assert len(described) == 1


def test_a_certificate_once_made_stays(tmp_path: Path) -> None:
    given = options(tmp_path, 'smpp.listen = ["ssl:8887"]\n')
    makeService(given, MemoryReactorClock())
    first = (tmp_path / "self-signed.crt").read_bytes()
    makeService(given, MemoryReactorClock())
    assert (tmp_path / "self-signed.crt").read_bytes() == first


def test_certificates_of_one_s_own_are_used(tmp_path: Path) -> None:
    makeService(options(tmp_path, 'smpp.listen = ["ssl:8887"]\n'), MemoryReactorClock())
    for suffix in ("crt", "key"):
        (tmp_path / f"self-signed.{suffix}").rename(tmp_path / f"own: {suffix}")
    text = 'smpp.listen = ["ssl:8887"]\n[tls]\ncertificate = "own: crt"\nkey = "own: key"\n'
    makeService(options(tmp_path, text), MemoryReactorClock())
    assert not (tmp_path / "self-signed.crt").exists()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('smpp.listen = ["pigeon:8888"]', "smpp.listen"),
        ('smpp.listen = ["tcp"]', "smpp.listen"),
        ('smpp.listen = ["tcp:port"]', "smpp.listen"),
        ('smpp.listen = ["tcp:8888:colour=red"]', "smpp.listen"),
        ('smpp.listen = [""]', "smpp.listen"),
        ('http.listen = ["ssl:8443:privateKey=/nowhere"]', "http.listen"),
        ('smpp.listen = ["ssl:8887"]\ntls = {certificate = "no.crt", key = "no.key"}', "smpp.listen"),
        ('smpp.listen = ["ssl:8887"]\ntls = {certificate = "smsd.toml", key = "smsd.toml"}', "smpp.listen"),
        ('smpp = {listen = ["ssl:8887"], client_ca = "no.pem"}', "smpp.listen"),
        ('http = {listen = ["haproxy:ssl:8443"], client_ca = "smsd.toml"}', "http.listen"),
        ('smpp.listen = ["haproxy:pigeon:8888"]', "smpp.listen"),
        ('links.listen = ["pigeon:8081"]', "links.listen"),
        ('database = "oracle:x"', "database"),
        ('database = "sqlite:"', "database"),
        ('state = "smsd.toml/x"', "state"),
        ("queue.messages = 1", "queue.messages"),
        ("retention.logs = 0", "retention.logs"),
        ("retention.reports = 87601.0", "retention.reports"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_start_with_the_file_and_the_key(
    tmp_path: Path, text: str, key: str
) -> None:
    with pytest.raises(UsageError) as caught:
        makeService(options(tmp_path, text), MemoryReactorClock())
    assert str(caught.value).startswith(f"{tmp_path / 'smsd.toml'}: {key}: ")


def test_a_key_that_is_not_the_certificate_s_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    certificate, _ = Authority().sign("one").write(tmp_path, "one")
    _, key = Authority().sign("other").write(tmp_path, "other")
    text = 'smpp.listen = ["ssl:8887"]\n[tls]\ncertificate = "one.crt"\nkey = "other.key"\n'
    with pytest.raises(UsageError) as caught:
        makeService(options(tmp_path, text), MemoryReactorClock())
    assert str(caught.value) == (
        f"{tmp_path / 'smsd.toml'}: smpp.listen: 'ssl:8887' is no endpoint that can be used: "
        f"the key {key} does not belong to the certificate {certificate}."
    )


def test_the_logs_go_back_as_far_as_they_are_kept(tmp_path: Path) -> None:
    reactor = MemoryReactorClock()
    node = makeService(options(tmp_path, "[retention]\nlogs = 1.5\n"), reactor)
    assert isinstance(node, Node)
    assert node.core.logs.begins == reactor.seconds() - 1.5 * 3600


def test_a_password_of_the_database_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        makeService(options(tmp_path, 'database = "mysql://me:s3cret@host/x"'), MemoryReactorClock())
    assert "s3cret" not in str(caught.value)


FIRST = """
[[first_start.accounts]]
system_id = "demo"
password = "demo"
[[first_start.channels]]
name = "simulator"
kind = "simulator"
options = { delay = 1.0 }
[[first_start.routes]]
channel = "simulator"
price = "0.01"
"""


def first_start(folder: Path, text: str) -> Rows:
    """Start a node on the folder's database as far as its first rows, and return all rows."""
    node = makeService(options(folder, text), MemoryReactorClock())
    assert isinstance(node, Node)
    engine = SqliteEngine(str(folder / "smsd.db"), node.reactor, Worker)
    engine.prepare(0.0, exclusive=True)
    result(engine.open())
    node.engine = engine
    try:
        result(node.first_start())
        return result(Administration(engine).rows())
    finally:
        result(engine.close())


def test_a_new_database_gets_its_first_rows_once(tmp_path: Path) -> None:
    rows = first_start(tmp_path, FIRST)
    assert [account.system_id for account in rows.accounts] == ["demo"]
    assert [(one.name, one.kind, one.options) for one in rows.channels] == [
        ("simulator", "simulator", '{"delay": 1.0}')
    ]
    assert [(one.prefix, one.price) for one in rows.routes] == [("", "0.01")]
    assert first_start(tmp_path, FIRST.replace("demo", "other")) == rows


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('kind = "simulator"', 'kind = "pigeon"', "The kind of a channel is one of smpp, simulator"),
        ("delay = 1.0", "delay = -1.0", "delay"),
        ('channel = "simulator"', 'channel = "other"', "There is no channel other."),
        ('price = "0.01"', 'price = "much"', "A price is a decimal"),
        ('system_id = "demo"', 'system_id = "de mo"', "A system_id has"),
    ],
)
def test_first_rows_that_will_not_do_are_told(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        first_start(tmp_path, FIRST.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'smsd.toml'}: first_start: ")
    assert expected in str(caught.value)


def test_twistd_knows_smsd(tmp_path: Path) -> None:
    twistd = Path(sys.executable).with_name("twistd")
    shown = subprocess.run(
        [twistd, "smsd", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0
    assert "--config=" in shown.stdout
    assert "Runs an SMPP and HTTP server for SMS." in shown.stdout


def test_twistd_tells_a_bad_setting_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "smsd.toml").write_text("smpp.colour = 1\n")
    twistd = Path(sys.executable).with_name("twistd")
    failed = subprocess.run(
        [twistd, "-n", "--pidfile=", "smsd", "--config", "smsd.toml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    told = failed.stdout + failed.stderr
    assert f"{tmp_path}/smsd.toml: smpp: Object contains unknown field `colour`." in told
    assert "Traceback" not in told


class Slow(Service):
    """Takes its time to stop, and writes down when it begins to."""

    def __init__(self, name: str, stopped: list[str], ending: Deferred[Any] | None) -> None:
        self._title = name
        self._stopped = stopped
        self._ending = ending

    def stopService(self) -> Deferred[Any] | None:
        self._stopped.append(self._title)
        return self._ending


def test_services_stop_one_after_the_other_the_last_first() -> None:
    reactor = MemoryReactorClock()
    order: list[str] = []
    endings: list[Deferred[None]] = [Deferred(), Deferred()]
    root = InOrder(reactor)
    for name, ending in (("store", None), ("channels", endings[0]), ("ports", endings[1])):
        Slow(name, order, ending).setServiceParent(root)
    root.startService()
    done: list[object] = []
    root.stopService().addCallback(done.append)
    assert order == ["ports"]
    endings[1].callback(None)
    assert order == ["ports", "channels"]
    assert not done
    endings[0].callback(None)
    assert order == ["ports", "channels", "store"]
    assert done


def test_a_service_that_does_not_stop_or_fails_to_does_not_keep_the_others(
    logged_failures: list[type[BaseException]],
) -> None:
    reactor = MemoryReactorClock()
    order: list[str] = []
    root = InOrder(reactor)
    for name, ending in (("store", None), ("broken", fail(OSError("no"))), ("stuck", Deferred())):
        Slow(name, order, ending).setServiceParent(root)
    root.startService()
    done: list[object] = []
    with capturedLogs() as events:
        root.stopService().addCallback(done.append)
        assert order == ["stuck"]
        reactor.advance(PATIENCE + 1)
    assert order == ["stuck", "broken", "store"]
    assert done
    assert [event["log_level"].name for event in events] == ["error", "critical"]
    logged_failures.append(OSError)

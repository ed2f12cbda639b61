"""A real osmo-hlr: filled over its control interface, and asked as a back end asks it."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString
from twisted.internet.task import deferLater

from smsd.hlr.ctrl import Frames, frame
from smsd.hlr.options import OsmocomOptions
from smsd.hlr.osmocom import OsmocomHlr
from smsd.numbering.context import Context
from smsd.services.lookup import NoAnswer
from tests.acceptance.processes import eventually

PORTS = {"control": 4259, "terminal": 4258, "GSUP": 4222}
"""Where it listens, whatever its configuration says."""
CONFIGURATION = "log stderr\n logging level set-all notice\nhlr\n gsup\n  bind ip 127.0.0.1\n"

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("osmo-hlr") is None, reason="osmo-hlr is not installed"),
]


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def told(*requests: str) -> list[str]:
    """Send requests to the control interface, and return the answers."""
    frames = Frames()
    answers: list[str] = []
    with socket.create_connection(("127.0.0.1", PORTS["control"]), timeout=5) as control:
        control.sendall(b"".join(map(frame, requests)))
        while len(answers) < len(requests):
            answers += frames.receive(control.recv(65_536))
    return answers


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """An osmo-hlr with three subscribers; its database is given, since no MSC is here to serve one."""
    taken = [name for name, port in PORTS.items() if listening(port)]
    if taken:
        pytest.skip(f"another program has osmo-hlr's {' and '.join(taken)} port")
    configuration, database = tmp_path / "osmo-hlr.cfg", tmp_path / "hlr.db"
    configuration.write_text(CONFIGURATION)
    command = ["osmo-hlr", "-c", str(configuration), "-l", str(database)]
    with open(tmp_path / "osmo-hlr.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        eventually(lambda: listening(PORTS["control"]), "osmo-hlr listens")
        requests = []
        for number in (1, 2, 3):
            imsi = f"90170000000000{number}"
            requests.append(f"SET {number}1 subscriber.create {imsi}")
            requests.append(f"SET {number}2 subscriber.by-imsi-{imsi}.msisdn 38591000000{number}")
        requests.append("SET 4 subscriber.by-msisdn-385910000003.cs-enabled 0")
        answers = told(*requests)
        assert all(answer.startswith("SET_REPLY ") for answer in answers), answers
        with closing(sqlite3.connect(database, timeout=5)) as connection, connection:
            connection.execute("UPDATE subscriber SET vlr_number = '38591016' WHERE msisdn = '385910000001'")
        yield database
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()


@pytest_twisted.async_yield_fixture
async def hlr(database: Path) -> AsyncIterator[OsmocomHlr]:
    options = OsmocomOptions()
    back_end = OsmocomHlr("hlr", options, reactor, clientFromString(reactor, options.endpoint))
    back_end.startService()
    for _ in range(100):
        if not back_end.reason:
            break
        await deferLater(reactor, 0.05)
    yield back_end
    await back_end.stopService()


@pytest_twisted.ensureDeferred
async def test_a_real_hlr_answers_of_its_subscribers(hlr: OsmocomHlr) -> None:
    assert await hlr.ask("385910000001") == Context(
        error=0, correct=True, imsi="901700000000001", serving_msc="38591016"
    )
    assert await hlr.ask("385910000002") == Context(error=27, correct=True, imsi="901700000000002")
    assert await hlr.ask("385910000003") == Context(error=13, correct=True, imsi="901700000000003")
    assert await hlr.ask("385910000004") == Context(error=1)


@pytest_twisted.ensureDeferred
async def test_what_a_real_hlr_can_not_read_is_no_answer(hlr: OsmocomHlr) -> None:
    with pytest.raises(NoAnswer, match="The HLR says"):
        await hlr.ask("nonsense")
    assert (await hlr.ask("385910000002")).error == 27

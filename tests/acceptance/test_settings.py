"""The command ``smsd`` changes a node that runs, on each database, at once."""

from __future__ import annotations

import pytest
import smpplib.consts
import smpplib.exceptions

from tests.acceptance.clients import Esme, refusal, request, send
from tests.acceptance.conftest import Database
from tests.acceptance.processes import Stage, eventually, simulator

pytestmark = pytest.mark.acceptance

CHANNEL_DISABLED = 0x4A1
"""The platform's command_status for a channel that the operator has disabled."""
AT_ONCE = 10.0
"""Seconds that a change may take on a busy machine; it takes a fraction of one."""


def test_an_account_comes_changes_and_goes(stage: Stage, database: Database) -> None:
    node = stage.node(database.url, first_start=simulator())
    node.start()
    assert refusal(node.smpp, system_id="new") == smpplib.consts.SMPP_ESME_RINVSYSID
    node.smsd("account", "add", "new", "--password", "new", "--sessions", "1")
    eventually(lambda: refusal(node.smpp, system_id="new") == 0, "the new account binds", AT_ONCE)
    assert request(node.http, "GET", "/sms/1/reports", user="new:new")[0] == 200
    assert "new" in node.smsd("account", "list")

    eventually(lambda: refusal(node.smpp, system_id="new") == 0, "its only session has ended", AT_ONCE)
    first = Esme(node.smpp, system_id="new")
    assert refusal(node.smpp, system_id="new") == smpplib.consts.SMPP_ESME_RBINDFAIL
    node.smsd("account", "set", "new", "--sessions", "2", "--password", "changed")
    eventually(
        lambda: refusal(node.smpp, system_id="new", password="changed") == 0,
        "a second session binds, by the new password",
        AT_ONCE,
    )
    assert refusal(node.smpp, system_id="new") == smpplib.consts.SMPP_ESME_RINVPASWD
    assert first.submit("385910000001")

    bystander = Esme(node.smpp)
    node.smsd("account", "set", "new", "--disabled")
    first.client._socket.settimeout(AT_ONCE)
    assert first.is_cut(), "the session of a disabled account ends"
    assert refusal(node.smpp, system_id="new", password="changed") == smpplib.consts.SMPP_ESME_RINVSYSID
    assert request(node.http, "GET", "/sms/1/reports", user="new:changed")[0] == 401
    node.smsd("account", "set", "new", "--enabled")
    eventually(
        lambda: refusal(node.smpp, system_id="new", password="changed") == 0, "it may bind again", AT_ONCE
    )
    node.smsd("account", "credit", "new", "--paid", "0.01")
    node.smsd("account", "remove", "new")
    eventually(
        lambda: refusal(node.smpp, system_id="new", password="changed") == smpplib.consts.SMPP_ESME_RINVSYSID,
        "a removed account is unknown",
        AT_ONCE,
    )
    assert bystander.submit("385910000001"), "the others' sessions go on"
    bystander.close()


def test_routes_and_channels_come_change_and_go(stage: Stage, database: Database) -> None:
    node = stage.node(database.url, first_start={"accounts": [{"system_id": "demo", "password": "demo"}]})
    node.start()
    first, second = stage.smsc(name="first"), stage.smsc(name="second")
    esme = Esme(node.smpp)

    def status(destination: str) -> str:
        answer = send(node.http, destination)[1]
        name: str = answer["messages"][0]["status"]["name"]
        return name

    def taken(destination: str) -> bool:
        return status(destination) == "MESSAGE_ACCEPTED"

    assert status("385910000000") == "REJECTED_ROUTE_NOT_AVAILABLE"
    for smsc in (first, second):
        words = (f"endpoint=tcp:127.0.0.1:{smsc.port}", "system_id=up", "password=secret")
        node.smsd("channel", "add", smsc.name, *words)
    assert "secret" not in node.smsd("channel", "list")
    node.smsd("route", "add", "first", "--price", "0.02")
    eventually(lambda: taken("385910000001"), "the new route is taken", AT_ONCE)
    assert status("385910000002") == "MESSAGE_ACCEPTED"

    node.smsd("route", "add", "second", "--prefix", "38595", "--price", "0.05")

    def takes_second() -> bool:
        esme.submit("385950000001")
        esme.receipt()
        (logged,) = request(node.http, "GET", "/sms/1/logs?to=385950000001&limit=1")[1]["results"]
        return bool(logged["price"]["pricePerMessage"] == 0.05)

    eventually(takes_second, "the second route is taken", AT_ONCE)
    esme.submit("385910000003")
    esme.receipt()

    def unbinds(name: str) -> None:
        said = f"Channel {name} has ended its transceiver"
        eventually(lambda: said in node.log, "a disabled channel unbinds", AT_ONCE)

    for name in ("second", "first"):
        esme.submit("385950000002")  # By the other route, once the second channel is disabled.
        esme.receipt()
        node.smsd("channel", "set", name, "--disabled")
        unbinds(name)
    with pytest.raises(smpplib.exceptions.PDUError) as refused:
        esme.submit("385950000002")
    assert refused.value.args[1] == CHANNEL_DISABLED
    node.smsd("channel", "set", "first", "--enabled")
    node.smsd("channel", "set", "second", "--enabled", "window=5")
    eventually(lambda: node.log.count("Channel second is bound") == 2, "an enabled channel binds", AT_ONCE)
    taken_again = esme.submit("385950000002")
    assert esme.receipt().receipted_message_id.decode() == taken_again

    assert "Routes lead" in node.smsd("channel", "remove", "second", status=1)
    node.smsd("route", "remove", "2")
    eventually(lambda: taken("385910000001"), "without the second route the first one is taken", AT_ONCE)
    node.smsd("channel", "remove", "second")
    esme.submit("385950000003")
    esme.receipt()
    node.smsd("route", "remove", "1")
    eventually(lambda: status("385910000009") == "REJECTED_ROUTE_NOT_AVAILABLE", "no route is left", AT_ONCE)
    esme.close()

    _, by_first = first.finish()
    _, by_second = second.finish()
    assert by_second == {"385950000001", "385950000002"}
    assert {"385910000002", "385910000003", "385950000003"} <= by_first


def test_a_change_that_makes_no_sense_is_refused_in_a_sentence(stage: Stage) -> None:
    node = stage.node()
    node.start()
    for words, sentence in (
        (("account", "add", "demo", "--password", "x"), "There is an account demo already"),
        (("account", "set", "nobody", "--disabled"), "There is no account nobody"),
        (("account", "add", "much-too-long-a-name", "--password", "x"), "1 to 15"),
        (("channel", "add", "x", "endpoint=tcp:127.0.0.1:1"), "system_id"),
        (("channel", "add", "x", "--kind", "simulator", "delay=soon"), "delay"),
        (("channel", "set", "nothing", "--disabled"), "There is no channel nothing"),
        (("route", "add", "nothing"), "There is no channel nothing"),
        (("route", "add", "simulator", "--prefix", "x"), "prefix"),
        (("route", "remove", "99"), "There is no route 99"),
    ):
        said = node.smsd(*words, status=1)
        assert sentence in said
        assert "Traceback" not in said

"""``smsd push``, and numbers whose messages are pushed."""

from __future__ import annotations

import pytest

from smsd.smpp.pdu import DeliverSm
from tests.cli.conftest import Command
from tests.http_api.client import Client
from tests.http_api.receiver import Receiver
from tests.peers import Stack

URL = "http://127.0.0.1:8000/reports?key=secret"


@pytest.fixture
def web(stack: Stack) -> Receiver:
    return Receiver(stack.network)


def deliver(stack: Stack, url: str = URL, id: str | None = None, bulk: str | None = None) -> str:
    """Send a message whose report goes to a URL, and let it be delivered; return its id."""
    destination = {"to": "41793026727", "messageId": id}
    message = {"from": "InfoSMS", "text": "Hello", "destinations": [destination], "notifyUrl": url}
    answer = Client(stack).request("POST", "/sms/1/text/advanced", {"bulkId": bulk, "messages": [message]})
    stack.smsc.receipt(len(stack.smsc.submits))
    return str(answer.json["messages"][0]["messageId"])


def test_what_waits_is_listed_without_secrets(stack: Stack, smsd: Command, web: Receiver) -> None:
    web.answers["/reports"] = 503
    deliver(stack)
    deliver(stack, URL.replace("//", "//me:pw@"))
    heads, line, other = smsd("push", "list").output.splitlines()
    assert heads.split() == ["ACCOUNT", "URL", "WAITING", "OLDEST", "TRIED", "NEXT", "LAST", "FAILURE"]
    assert line.split(None, 3)[:3] == ["acme", "http://127.0.0.1:8000/reports", "1"]
    assert "2026-01-02 03:05:" in line
    assert line.endswith("The answer was HTTP status 503.")
    assert "pw" not in other
    assert "secret" not in line + other


def test_nothing_waits(stack: Stack, smsd: Command) -> None:
    assert len(smsd("push", "list").output.splitlines()) == 1


def test_reports_are_sent_once_more(stack: Stack, smsd: Command, web: Receiver) -> None:
    ids = [deliver(stack), deliver(stack)]
    assert smsd("push", "again", ids[0], "4711").output == "Sent once more: 1.\n"
    stack.wait(2)
    assert [report["messageId"] for got in web.got for report in got.results] == [*ids, ids[0]]


def test_reports_of_a_span_of_time_are_sent_once_more(stack: Stack, smsd: Command, web: Receiver) -> None:
    ids = [deliver(stack), deliver(stack)]
    web.got.clear()
    span = ("--since", "2026-01-02T03:00", "--until", "2026-01-02T03:30")
    assert smsd("push", "again", "--account", "acme", *span).output == "Sent once more: 2.\n"
    stack.wait(2)
    assert sorted(report["messageId"] for got in web.got for report in got.results) == sorted(ids)
    later = ("--since", "2026-01-02T04:00", "--until", "2026-01-02T05:00")
    assert smsd("push", "again", "--account", "acme", *later).output == "Sent once more: 0.\n"


def test_a_client_s_own_ids_name_its_messages(stack: Stack, smsd: Command, web: Receiver) -> None:
    ids = [deliver(stack, id="order 4711"), deliver(stack, id="5"), deliver(stack)]
    web.got.clear()
    again = smsd("push", "again", "--account", "acme", "order 4711", "5", ids[2], "another", "0")
    assert again.output == "Sent once more: 3.\n"
    stack.wait(2)
    assert sorted(report["messageId"] for got in web.got for report in got.results) == sorted(ids)


def test_an_account_s_ids_name_none_of_another_s(stack: Stack, smsd: Command, web: Receiver) -> None:
    ids = [deliver(stack, id="order 4711"), deliver(stack)]
    smsd("account", "add", "other", "--password", "secret")
    again = smsd("push", "again", "--account", "other", *ids)
    assert (again.exit_code, again.output) == (0, "Sent once more: 0.\n")


def test_reports_of_bulks_are_sent_once_more(stack: Stack, smsd: Command, web: Receiver) -> None:
    ids = [deliver(stack, bulk=bulk) for bulk in ("spring", "spring", "summer", "autumn")]
    web.got.clear()
    again = smsd("push", "again", "--account", "acme", "--bulk", "spring", "--bulk", "summer")
    assert again.output == "Sent once more: 3.\n"
    stack.wait(2)
    assert sorted(report["messageId"] for got in web.got for report in got.results) == sorted(ids[:3])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name messages; or say --account, and name messages, --bulk or --since."),
        (["--account", "acme"], "Name messages;"),
        (["1", "--since", "2026-01-01"], "Name messages;"),
        (["1", "--until", "2026-01-01"], "Name messages;"),
        (["1", "--bulk", "spring"], "Name messages;"),
        (["--bulk", "spring"], "Name messages;"),
        (["--account", "acme", "--bulk", "spring", "--since", "2026-01-01"], "Name messages;"),
        (["--account", "acme", "--bulk", "spring", "--until", "2026-01-01"], "Name messages;"),
        (["1", "order 4711"], "smsd's own ids are numbers; whose other ids are meant, --account says."),
    ],
)
def test_a_wrong_use_is_told(stack: Stack, smsd: Command, arguments: list[str], sentence: str) -> None:
    done = smsd("push", "again", *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr


def test_an_account_that_is_not_there(stack: Stack, smsd: Command) -> None:
    done = smsd("push", "again", "--account", "nobody", "--since", "2026-01-01")
    assert (done.exit_code, done.stderr) == (1, "smsd: There is no account nobody.\n")


def test_a_number_whose_messages_are_pushed(stack: Stack, smsd: Command, web: Receiver) -> None:
    url = "http://127.0.0.1:8000/sms?t=%text%"
    done = smsd("number", "add", "1337", "acme", "--delivery", "push", "--url", url, "--method", "POST")
    assert (done.exit_code, done.output) == (0, "Number 1337 is added.\n")
    assert "push: POST http://127.0.0.1:8000/sms\n" in smsd("number", "list").output
    stack.wait(1)
    stack.smsc.link.send(
        DeliverSm(source_addr=b"41793026727", destination_addr=b"1337", short_message=b"hello")
    )
    stack.settle()
    assert [(got.method, got.body) for got in web.got] == [("POST", b"t=hello")]
    smsd("number", "set", "1337", "--method", "GET")
    ((id,),) = stack.rows("SELECT id FROM received")
    for named in ((str(id),), ("--account", "acme", str(id))):
        assert smsd("push", "again", *named).output == "Sent once more: 1.\n"
        stack.wait(2)
        assert [(got.method, got.target) for got in web.got[1:]] == [("GET", "/sms?t=hello")]
        del web.got[1:]
    smsd("account", "add", "other", "--password", "secret")
    assert smsd("push", "again", "--account", "other", str(id)).output == "Sent once more: 0.\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--delivery", "push"], "A number whose delivery is push needs a URL."),
        (["--delivery", "push", "--url", "ftp://x/"], "Expected an http or https URL of ASCII characters"),
        (["--url", "http://%text%/"], "with a host: not 'http://%text%/'."),
    ],
)
def test_a_url_that_will_not_do(stack: Stack, smsd: Command, options: list[str], sentence: str) -> None:
    done = smsd("number", "add", "1337", "acme", *options)
    assert done.exit_code == 1
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("method", "query", "refused"),
    [
        ("GET", "", True),
        ("GET", "?output=json", True),
        ("GET", "?id=%messageid%&text=text", True),
        ("GET", "?t=%text%", False),
        ("GET", "?b=%BIN%", False),
        ("POST", "", True),
        ("POST", "?output=other", True),
        ("POST", "?t=%text%", False),
        ("POST", "?output=xml", False),
        ("POST", "?output=JSON&id=%messageid%", False),
    ],
)
def test_a_url_to_which_no_message_would_get_is_refused(
    stack: Stack, smsd: Command, method: str, query: str, refused: bool
) -> None:
    options = ("--delivery", "push", "--url", f"http://client.example/sms{query}", "--method", method)
    added = smsd("number", "add", "1337", "acme", *options)
    smsd("number", "add", "1338", "acme", "--delivery", "push", "--url", "http://client.example/%text%")
    changed = smsd("number", "set", "1338", *options[2:])
    for done in (added, changed):
        assert done.exit_code == int(refused), done.stderr
        if refused:
            assert done.stderr.startswith(f"smsd: With {method} a URL needs %text% or %bin%")


def test_the_method_alone_is_not_changed_to_one_that_loses_messages(stack: Stack, smsd: Command) -> None:
    url = "http://client.example/sms?output=json"
    smsd("number", "add", "1337", "acme", "--delivery", "push", "--url", url, "--method", "POST")
    done = smsd("number", "set", "1337", "--method", "GET")
    assert done.stderr == (
        "smsd: With GET a URL needs %text% or %bin%: else nothing of what subscribers write is sent to"
        f" {url!r}.\n"
    )
    assert smsd("number", "set", "1337", "--method", "GET", "--delivery", "inbox").exit_code == 0

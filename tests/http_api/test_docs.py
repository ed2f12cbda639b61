"""The examples of the documentation are served as they are shown.

An example is a ``console`` block that begins with ``$ curl``, and its answer: the rest of the block, or the
block that comes next, if that is ``json``, ``xml`` or ``http``. (With neither, it must be answered with 200.)

    ```console
    $ curl -u demo:demo -H 'Accept: application/xml' 'http://127.0.0.1:8080/sms/1/reports?limit=1'
    ```

    ```xml
    <SMSReportResponse><results/></SMSReportResponse>
    ```

- Of curl there may be -u, -H, -d, -X and -i, quotes as a shell has them, and several lines.
- The answer's status is 200, unless an ``http`` block shows the status, some headers and the body.
- Blanks between the marks of JSON and XML don't count; all else is compared to the letter, but for
  - ids, which are numbers of 17 to 19 digits: each stands for one that was served, on the whole page, and a
    request may have it where an answer before has shown it;
  - dates of answers, each of which stands for any.
- Examples are run in the page's order, on a node of their own for each page, whose operator is simulated.
  After each of them two seconds pass, in which messages are delivered; then each short link that nobody
  has opened is opened on a telephone.
- ``prepare`` adds what is there besides the account ``demo``.

Every path that is declared has an example in JSON and one in XML on one of the pages.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from smsd.http_api import redirects
from smsd.http_api.openapi import ERRORS
from smsd.http_api.site import Limits
from smsd.services.lookup_administration import LookupAdministration
from tests.http_api.client import Answer, Client, basic
from tests.peers import Stack, result

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "docs/http-api.md",
    "docs/bulks.md",
    "docs/logs.md",
    "docs/tracking.md",
    "docs/lookup.md",
)
"""The pages whose examples are run; add yours."""
HOST = "http://127.0.0.1:8080"
ID = re.compile(r"(?<!\d)\d{17,19}(?!\d)")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}")
_fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """What stands between two fences of a page."""

    page: str
    line: int
    language: str
    content: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page."""
    text = (ROOT / page).read_text("utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])
        for match in _fence.finditer(text)
    ]


def prepare(stack: Stack) -> None:
    """Add what the examples need."""
    result(stack.administration.add_account("demo", "demo"))
    result(stack.administration.add_number("385916242493", "demo", "JOIN", "inbox"))
    result(stack.administration.add_network("38591", "21910"))
    lookups = LookupAdministration(stack.engine, stack.network)
    result(lookups.add_back_end("simulated", "simulator", "{}"))
    result(lookups.add_rule(["simulated"]))


def open_links(stack: Stack, telephone: Client) -> None:
    """Open the short links that were not opened yet."""
    unopened = "SELECT token FROM link WHERE token NOT IN (SELECT token FROM click) ORDER BY message_id"
    for (token,) in stack.rows(unopened):
        assert telephone.request("GET", f"/{token}", headers={"User-Agent": "Android"}).code == 302
        stack.settle()


class Example(NamedTuple):
    """A request that a page shows, and its answer."""

    page: str
    line: int
    method: str
    target: str
    headers: dict[str, str | None]
    body: str
    form: str
    """How the answer is shown: json, xml, http or not at all."""
    answer: str

    @property
    def media(self) -> str:
        """What the answer is written in."""
        body = self.answer.partition("\n\n")[2] if self.form == "http" else self.answer
        return "xml" if body.lstrip().startswith("<") else "json"

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def examples(page: str) -> Iterator[Example]:
    """Find the examples of a page."""
    blocks = blocks_of(page)
    for number, block in enumerate(blocks):
        if (
            block.language != "console"
            or not block.content.startswith("$ curl ")
            or HOST not in block.content
        ):
            continue
        command, answer = split(block.content)
        form = "json" if answer.startswith("{") else "xml" if answer else ""
        if not answer and number + 1 < len(blocks) and blocks[number + 1].language in ("json", "xml", "http"):
            _, _, form, answer = blocks[number + 1]
        yield Example(page, block.line, *request(command), form, answer.strip())


def split(content: str) -> tuple[str, str]:
    """Return the command of a block, and what the block shows below it."""
    lines = content.removeprefix("$ ").splitlines()
    for count in range(1, len(lines) + 1):
        command = "\n".join(lines[:count])
        try:
            shlex.split(command)
        except ValueError:
            continue  # A quote is open.
        if not command.endswith("\\"):
            return command, "\n".join(lines[count:])
    raise AssertionError(f"No command ends in {content!r}")


def request(command: str) -> tuple[str, str, dict[str, str | None], str]:
    """Return the method, target, headers and body of a curl command."""
    words = iter(shlex.split(command.replace("\\\n", ""))[1:])
    method = target = body = ""
    headers: dict[str, str | None] = {"Authorization": None}
    for word in words:
        match word:
            case "-u":
                headers["Authorization"] = basic(*next(words).split(":"))
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
                headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            case "-X":
                method = next(words)
            case "-i":
                pass
            case _:
                assert word.startswith(f"{HOST}/"), f"{word!r} is nothing that examples have."
                target = word.removeprefix(HOST)
    return method or ("POST" if body else "GET"), target, headers, body


class Reading:
    """What was learned of a page's ids so far."""

    def __init__(self) -> None:
        self._served: dict[str, str] = {}

    def asked(self, text: str) -> str:
        """Return a request with the ids that were served in place of those that are shown."""
        return ID.sub(lambda match: self._served.get(match[0], match[0]), text)

    def shown(self, shown: str, served: str) -> str:
        """Return an answer with ids and dates as they are shown."""
        for one, other in zip(ID.findall(shown), ID.findall(served), strict=False):
            if self._served.setdefault(one, other) != other:
                return served  # An id is shown that another was: nothing can be as it is shown.
        ids = {other: one for one, other in self._served.items()}
        served = ID.sub(lambda match: ids.get(match[0], match[0]), served)
        dates = iter(DATE.findall(shown))
        return DATE.sub(lambda match: next(dates, match[0]), served)


def compact(text: str) -> str:
    """Return JSON or XML without blanks between its marks."""
    if text.startswith("<"):
        return re.sub(r">\s+<", "><", text)
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def check(example: Example, answer: Answer, reading: Reading) -> None:
    """See to it that an answer is what is shown."""
    shown, expected = example.answer, 200
    if example.form == "http":
        head, _, shown = shown.partition("\n\n")
        status, *headers = head.splitlines()
        expected = int(status.split()[1])
        for header in headers:
            name, _, value = header.partition(": ")
            assert answer.headers.get(name.lower()) == value, f"{example}: {name}"
    assert answer.code == expected, f"{example}: {answer.code} {answer.body.decode()}"
    if example.form:
        body = answer.body.decode()
        wanted = compact(shown) if shown else ""
        assert (str(example), reading.shown(shown, body)) == (str(example), wanted)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_are_served_as_they_are_shown(page: str, tmp_path: Path) -> None:
    stack = Stack(tmp_path, kind="simulator", delay=1.0, short_links="https://s.test/")
    try:
        prepare(stack)
        stack.wait(1)
        client, reading = Client(stack), Reading()
        telephone = Client(stack, redirects.site(stack.core.links, Limits(), stack.network))
        found = list(examples(page))
        assert found
        for example in found:
            target, body = reading.asked(example.target), reading.asked(example.body)
            answer = client.request(example.method, target, body.encode(), example.headers)
            check(example, answer, reading)
            stack.wait(2)
            open_links(stack, telephone)
    finally:
        stack.close()


def test_every_path_has_an_example_in_json_and_in_xml(stack: Stack) -> None:
    shown = [example for page in PAGES for example in examples(page) if example.form]
    missing = []
    for path, served in stack.api.paths.items():
        pattern = re.compile(re.sub(r"<[^>]*>", "[^/]+", path))
        for method, endpoint in served.endpoints.items():
            same = {one.decode() for one, other in served.endpoints.items() if other == endpoint}
            for media in ("json", "xml"):
                if method != b"HEAD" and not any(
                    one.method in same
                    and one.media == media
                    and pattern.fullmatch(one.target.partition("?")[0])
                    for one in shown
                ):
                    missing.append(f"{method.decode()} {path} in {media}")
    assert missing == []


def test_the_table_of_errors_has_each_that_there_is() -> None:
    table = re.findall(
        r"^\| (\d{3}) \| `(\w+)` \|", (ROOT / "docs/http-api.md").read_text("utf-8"), re.MULTILINE
    )
    assert table == [(str(error.code), error.word) for error in ERRORS.values()]


SHOWN = (
    '{"messages": [{"to": "1", "messageId": "912467008199589889", "sentAt": "2026-11-22T22:18:08.560+0000"}]}'
)


@pytest.mark.parametrize(
    ("served", "same"),
    [
        (SHOWN, True),
        (SHOWN.replace("912467008199589889", "999999999999999999"), True),
        (SHOWN.replace("2026-11-22T22", "2027-01-01T01"), True),
        (SHOWN.replace('"1"', '"2"'), False),
        (SHOWN.replace("2026-11-22T22:18:08.560+0000", "soon"), False),
        (SHOWN.replace("messageId", "id"), False),
        (SHOWN.replace("}]", ', "smsCount": 1}]'), False),
    ],
)
def test_only_ids_and_dates_may_differ(served: str, same: bool) -> None:
    assert (Reading().shown(SHOWN, compact(served)) == compact(SHOWN)) is same


def test_an_id_stands_for_one_and_the_same() -> None:
    reading = Reading()
    one, other = "9" * 18, "8" * 18
    assert reading.shown(f'["{one}"]', f'["{other}"]') == f'["{one}"]'
    assert reading.asked(f"?bulkId={one}") == f"?bulkId={other}"
    assert reading.shown(f'["{one}"]', '["777777777777777777"]') != f'["{one}"]'


def test_a_command_is_read_as_a_shell_does() -> None:
    content = (
        "$ curl -u demo:demo -H 'Accept: x' \\\n  -d '{\n\"a\": 1}' http://127.0.0.1:8080/x\n{\"b\":2}\n"
    )
    command, answer = split(content)
    assert answer == '{"b":2}'
    method, target, headers, body = request(command)
    assert (method, target, body) == ("POST", "/x", '{\n"a": 1}')
    assert headers == {
        "Authorization": basic("demo", "demo"),
        "Accept": "x",
        "Content-Type": "application/x-www-form-urlencoded",
    }

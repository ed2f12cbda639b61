"""The API's description as it is published: an OpenAPI document, and a page for people."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from lxml import etree

from smsd.http_api.pages import Page, pages
from tests.http_api.client import Client
from tests.peers import Stack

ANYBODY: dict[str, str | None] = {"Authorization": None}
HTML = "{http://www.w3.org/1999/xhtml}"
PATHS = ["/openapi.json", "/docs"]


@pytest.fixture
def page(client: Client) -> str:
    return client.request("GET", "/docs", headers=dict(ANYBODY)).body.decode()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/openapi.json", "application/json;charset=UTF-8"), ("/docs", "text/html;charset=UTF-8")],
)
def test_anybody_may_read_them(client: Client, path: str, content_type: str) -> None:
    answer = client.request("GET", path, headers=dict(ANYBODY))
    assert (answer.code, answer.headers["content-type"]) == (200, content_type)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.body) == int(answer.headers["content-length"])


@pytest.mark.parametrize("path", PATHS)
def test_who_has_them_is_told_that_they_still_hold(client: Client, path: str) -> None:
    first = client.request("GET", path, headers=dict(ANYBODY))
    etag = first.headers["etag"]
    assert etag.startswith('W/"')  # Packed and unpacked it is the same.
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = client.request("GET", path, headers={"If-None-Match": known})
        assert (again.code, again.body, again.headers["etag"]) == (304, b"", etag)
        assert "content-length" not in again.headers
    for other in ('"other"', "", etag.removeprefix("W/").strip('"')):
        answer = client.request("GET", path, headers={"If-None-Match": other})
        assert (answer.code, answer.body) == (200, first.body)


@pytest.mark.parametrize("path", PATHS)
def test_they_are_packed_for_those_who_want_that(client: Client, path: str) -> None:
    plain = client.request("GET", path, headers=dict(ANYBODY))
    packed = client.request("GET", path, headers={**ANYBODY, "Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["etag"] == plain.headers["etag"]


@pytest.mark.parametrize("path", PATHS)
def test_head_tells_of_them(client: Client, path: str) -> None:
    length = len(client.request("GET", path).body)
    answer = client.request("HEAD", path, headers=dict(ANYBODY))
    assert (answer.code, answer.body, answer.headers["content-length"]) == (200, b"", str(length))


@pytest.mark.parametrize("path", PATHS)
def test_they_are_only_read(client: Client, path: str) -> None:
    answer = client.request("POST", path, b"{}", dict(ANYBODY))
    assert answer.error == (405, "METHOD_NOT_ALLOWED", "Allowed here: GET, HEAD, OPTIONS.")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    answer = client.request("OPTIONS", path, headers=dict(ANYBODY))
    assert (answer.code, answer.headers["allow"], answer.body) == (200, "GET, HEAD, OPTIONS", b"")


def test_a_document_is_made_once() -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return b"document"

    page = Page("text/plain", make)
    assert made == []
    assert page.etag == page.etag
    assert page.body() == b"document"
    assert made == [1]


def test_they_can_be_made_beforehand(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.stack.api.describe()
    monkeypatch.setattr("smsd.http_api.pages.described", None)
    monkeypatch.setattr("smsd.http_api.pages.reference", None)
    for path in PATHS:
        assert client.request("GET", path).code == 200


def test_every_path_method_field_and_error_is_on_the_page(client: Client, page: str) -> None:
    document = json.loads(client.request("GET", "/openapi.json").body)
    text = "".join(etree.fromstring(page.encode()).itertext())
    for path, item in document["paths"].items():
        assert path in text
        for method, operation in item.items():
            assert f'<span class="method {method}">{method.upper()}</span>' in page
            assert operation["summary"] in text
            for one in operation.get("parameters", ()):
                assert one["description"].replace("`", "") in text
    for schema in document["components"]["schemas"].values():
        for field, value in schema["properties"].items():
            assert f"<code>{field}</code>" in page
            assert value.get("description", "").replace("`", "") in text
    for hook in document["webhooks"].values():
        assert hook["post"]["summary"].replace("`", "") in text
    for response in document["components"]["responses"].values():
        assert f'id="error-{response["x-status"]}"' in page


def test_the_page_is_well_formed_and_each_of_its_links_leads_somewhere(page: str) -> None:
    root = etree.fromstring(page.encode())
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for link in root.iter("a"):
        target = link.get("href")
        assert target == "openapi.json" or target.removeprefix("#") in ids, target
    for one in root.iter():
        assert one.get("aria-labelledby") is None or one.get("aria-labelledby") in ids
    assert (root.get("lang"), len(list(root.iter("h1"))), len(list(root.iter("main")))) == ("en", 1, 1)
    levels = [int(one.tag[1]) for one in root.iter("h1", "h2", "h3", "h4")]
    main = levels[levels.index(1) :]
    assert all(after <= before + 1 for before, after in pairwise(main))


class References(HTMLParser):
    """Collects whatever a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "img", "form", "base"):
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "src", "srcset", "action"):
                self.found.append(f"{name}={value}")
            if name == "href" and tag != "a" and value != "data:,":
                self.found.append(f"{name}={value}")


def test_the_page_needs_nothing_but_itself(client: Client, page: str) -> None:
    references = References()
    references.feed(page)
    assert references.found == []
    assert re.findall(r"url\(|@import", page) == []
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    policy = client.request("GET", "/docs").headers["content-security-policy"]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_what_is_described_can_t_become_markup(stack: Stack) -> None:
    path = stack.api.paths["/sms/1/reports"]
    endpoint = path.endpoints[b"GET"]
    hostile = endpoint._replace(summary='<script>alert(1)</script> `<b>` & "quotes"')
    page = pages({"/sms/1/reports": path._replace(endpoints={b"GET": hostile})})["/docs"].body().decode()
    assert "<script" not in page
    assert "<code>&lt;b&gt;</code> &amp; " in page

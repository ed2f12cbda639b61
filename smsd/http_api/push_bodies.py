"""What pushes look like as requests: methods, URLs and bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from smsd.http_api.answers import Clicks, Inbox, PushedContexts, PushedReports, Report
from smsd.http_api.endpoints import Pushed
from smsd.http_api.formats import JSON, XML
from smsd.http_api.translation import (
    click_of,
    inbox_message_of,
    intermediate_report_of,
    pushed_context_of,
    report_of,
)
from smsd.services.push_urls import expanded
from smsd.store.links import Click
from smsd.store.lookups import Lookup
from smsd.store.messages import Message
from smsd.store.pushes import Form, Kind, Push
from smsd.store.received import Received

FORM_TYPE = "application/x-www-form-urlencoded"
PUSHED = (
    Pushed(
        "reports",
        "Reports of messages that have a `notifyUrl`, as its `notifyContentType` says.",
        PushedReports,
    ),
    Pushed("clicks", "Clicks of persons on links of messages that have a `notifyUrl`, likewise.", Clicks),
    Pushed("lookups", "What was found of numbers that were looked up with a `notifyUrl`.", PushedContexts),
    Pushed("received", "Received messages, to a number's URL that has `output=json` or `output=xml`.", Inbox),
)
"""What is sent that has a body of JSON or XML."""


class Outgoing(NamedTuple):
    """A request to a client's URL."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


def outgoing(pushes: Sequence[Push], currency: str) -> Outgoing:
    """Return the request that carries pushes to the URL, and in the form, that all of them have."""
    first = pushes[0]
    url = expanded(first.url, first.item) if isinstance(first.item, Received) else first.url
    headers = {"User-Agent": "smsd"}
    if first.form == Form.GET:
        return Outgoing("GET", url, headers, None)
    if first.form == Form.POST:
        place, _, query = url.partition("?")
        return Outgoing("POST", place, headers | {"Content-Type": FORM_TYPE}, query.encode())
    form = XML if first.form == Form.XML else JSON
    return Outgoing(
        "POST", url, headers | {"Content-Type": form.content_type}, form.write(_body(pushes, currency))
    )


def _body(pushes: Sequence[Push], currency: str) -> msgspec.Struct:
    if pushes[0].kind == Kind.RECEIVED:
        return Inbox([inbox_message_of(push.item) for push in pushes if isinstance(push.item, Received)])
    if pushes[0].kind == Kind.CLICK:
        return Clicks([click_of(push.item) for push in pushes if isinstance(push.item, Click)])
    if isinstance(pushes[0].item, Lookup):
        answers = [push.item for push in pushes if isinstance(push.item, Lookup)]
        return PushedContexts(answers[0].bulk_id or UNSET, [pushed_context_of(one) for one in answers])
    return PushedReports(
        [_report(push, push.item, currency) for push in pushes if isinstance(push.item, Message)]
    )


def _report(push: Push, message: Message, currency: str) -> Report:
    if push.kind == Kind.INTERMEDIATE:
        return intermediate_report_of(message, push.error, push.created_at, currency)
    return report_of(message, currency)

"""URLs that received messages are pushed to: placeholders in them stand for what a message has.

A number's URL is a template such as ``https://client.example/sms?who=%sender%&what=%text%&output=xml``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import IPv6Address
from urllib.parse import quote, urlsplit

from smsd.services.numbers import PUSH
from smsd.services.originals import octets
from smsd.store.pushes import Form, Push, received_push
from smsd.store.received import Received
from smsd.store.settings import Number

METHODS = ("GET", "POST")
MOST = 2000
"""Characters of a URL that a client gives."""
NAMES = ("sender", "receiver", "text", "bin", "datetime", "messageid", "datacoding", "esmclass")
_placeholder = re.compile(f"%({'|'.join(NAMES)})%", re.IGNORECASE)
_output = re.compile(r"output=(xml|json)", re.IGNORECASE)
_url = re.compile(r"https?://[!-~]+", re.ASCII | re.IGNORECASE)
_place = re.compile(r"([a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(:[0-9]+)?", re.ASCII | re.IGNORECASE)
"""A name or an address, and perhaps a port."""


def checked(url: str) -> str:
    """Return a URL to which smsd can push.

    Raises:
        ValueError: if it is none; the text says what was expected.
    """
    expected = f"Expected an http or https URL of ASCII characters, up to {MOST}"
    if len(url) > MOST or not _url.fullmatch(url):
        raise ValueError(expected)
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
        if ":" in host:
            IPv6Address(host)
    except ValueError as error:
        raise ValueError(f"{expected}: {error}") from None
    if (
        port == 0
        or parts.netloc.count("@") > 1
        or not _place.fullmatch(parts.netloc.rpartition("@")[2])
        or _placeholder.search(parts.netloc)
    ):
        raise ValueError(f"{expected}, with a host")
    return url.partition("#")[0]


def has_placeholders(url: str) -> bool:
    """Tell whether a URL differs from message to message."""
    return _placeholder.search(url) is not None


def carries_text(method: str, url: str) -> bool:
    """Tell whether what is sent to a number's URL has the text, or its octets."""
    form, url = form_of(method, url)
    named = {name.lower() for name in _placeholder.findall(url)}
    return form in (Form.JSON, Form.XML) or not named.isdisjoint(("text", "bin"))


def form_of(method: str, url: str) -> tuple[Form, str]:
    """Return how messages are sent to a number's URL, and that URL without its ``output=``."""
    place, _, query = url.partition("?")
    fields = query.split("&")
    outputs = [found[1].lower() for field in fields if (found := _output.fullmatch(field))]
    if outputs:
        others = "&".join(field for field in fields if not _output.fullmatch(field))
        url = f"{place}?{others}" if others else place
    if method == "GET":
        return Form.GET, url
    if not outputs:
        return Form.POST, url
    return Form.XML if outputs[0] == "xml" else Form.JSON, url


def push_of(received: Received, owner: Number) -> Push | None:
    """Return the push of a message of a number's owner; ``None`` if the number has another delivery."""
    if owner.delivery != PUSH:
        return None
    form, url = form_of(owner.method, owner.url)
    return received_push(received, url, form, received.received_at)


def expanded(url: str, received: Received) -> str:
    """Return a number's URL for one message, with each value quoted.

    With both %text% and %bin% in it, data coding 0 gives the text and all others the octets, and the
    other one is empty; one of them alone always has what was sent.
    """
    named = {name.lower() for name in _placeholder.findall(url)}
    original = received.original
    text, data = received.text, octets(original)[1].hex().upper()
    if {"text", "bin"} <= named:
        if original.data_coding == 0:
            data = ""
        else:
            text = ""
    moment = datetime.fromtimestamp(received.received_at, UTC)
    values = {
        "sender": received.source.removeprefix("+"),
        "receiver": received.destination,
        "text": text,
        "bin": data,
        "datetime": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000",
        "messageid": str(received.id),
        "datacoding": str(original.data_coding),
        "esmclass": str(original.esm_class),
    }
    return _placeholder.sub(lambda match: quote(values[match[1].lower()], safe=""), url)

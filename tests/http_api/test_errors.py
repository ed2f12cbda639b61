"""What the API says of a field that is not what it should be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import inspect

from smsd.http_api import requests
from smsd.http_api.errors import invalid
from tests.http_api.client import Client


def patterns(kind: inspect.Type) -> Iterator[str]:
    """Return the patterns that texts of a type are checked by."""
    match kind:
        case inspect.UnionType():
            for one in kind.types:
                yield from patterns(one)
        case inspect.ListType():
            yield from patterns(kind.item_type)
        case inspect.StructType():
            for field in kind.fields:
                yield from patterns(field.type)
        case inspect.StrType() if kind.pattern:
            yield kind.pattern


STRUCTURES = [
    one for one in vars(requests).values() if isinstance(one, type) and issubclass(one, msgspec.Struct)
]
PATTERNS = sorted({one for kind in STRUCTURES for one in patterns(inspect.type_info(kind))})


def test_there_are_patterns() -> None:
    assert len(PATTERNS) >= 5


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_is_shown_to_clients(pattern: str) -> None:
    with pytest.raises(msgspec.ValidationError) as found:
        msgspec.convert("\0,", Annotated[str, msgspec.Meta(pattern=pattern)])
    text = str(invalid(found.value))
    assert text.startswith(("[body : Expected one of ", "[body : Expected a text without "))
    assert text.endswith(".]")
    assert "^" not in text


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("preview", {"text": "x", "languageCode": "DE"}, "[languageCode : Expected one of TR, ES, PT.]"),
        (
            "text/advanced",
            {"messages": [{"text": "x", "transliteration": "RUNES"}]},
            "[messages[0].transliteration : Expected one of"
            " TURKISH, GREEK, CYRILLIC, CENTRAL_EUROPEAN, NON_UNICODE.]",
        ),
        (
            "text/advanced",
            {"messages": [{"text": "x", "notifyContentType": "text/plain"}]},
            "[messages[0].notifyContentType : Expected one of application/json, application/xml.]",
        ),
        (
            "text/advanced",
            {"bulkId": "a,b", "messages": [{"text": "x"}]},
            "[bulkId : Expected a text without commas and control characters.]",
        ),
        (
            "bulks/status?bulkId=b",
            {"status": "FINISHED"},
            "[status : Expected one of PENDING, PAUSED, CANCELED.]",
        ),
    ],
)
def test_the_words_that_a_field_may_be_are_named(
    client: Client, path: str, body: dict[str, Any], error: str
) -> None:
    method = "PUT" if path.startswith("bulks") else "POST"
    assert client.request(method, f"/sms/1/{path}", body).error == (400, "BAD_REQUEST", error)

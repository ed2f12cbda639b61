"""Requests made up from the API's description, and at random: each is answered, and as described."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.http_api.client import BODY, Client
from tests.http_api.contract import JSON, XML, Contract, Operation
from tests.peers import Stack

EXAMPLES = 300
"""How many requests each test makes up."""
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
NUMBERS = st.sampled_from(["385911234567", "+41793026727", "1", "", "abc", "9" * 20])
MEDIA = st.sampled_from([JSON, XML])
CHARACTERS = st.characters(codec="utf-8")
ANY = st.text(CHARACTERS, max_size=30) | st.binary(max_size=10) | NUMBERS
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    stack = Stack(tmp_path_factory.mktemp("generated"), kind="simulator", delay=0.5)
    yield Client(stack)
    stack.close()


@pytest.fixture(scope="module")
def contract(client: Client) -> Contract:
    return Contract(client.request("GET", "/openapi.json").json)


def ask(
    client: Client,
    contract: Contract,
    operation: Operation,
    target: str,
    body: bytes,
    media: str,
    accept: str,
) -> None:
    """Make a request and hold its answer against what is described."""
    headers: dict[str, str | None] = {"Accept": accept, "Content-Type": media if body else None}
    answer = client.request(operation.method, target, body, headers)
    contract.check(operation, answer)
    assert answer.code < 500, answer.body
    client.stack.wait(1)


@st.composite
def of_schema(draw: st.DrawFn, schema: dict[str, Any], contract: Contract, name: str = "") -> Any:
    """Return what a schema allows; destinations are such that some messages are taken."""
    whole = contract.resolved(schema)
    if "anyOf" in whole:
        return draw(of_schema(draw(st.sampled_from(whole["anyOf"])), contract, name))
    if "enum" in whole:
        return draw(st.sampled_from(whole["enum"]))
    match whole["type"]:
        case "object":
            required = whole.get("required", ())
            return {
                key: draw(of_schema(one, contract, key))
                for key, one in whole["properties"].items()
                if key in required or draw(st.booleans())
            }
        case "array":
            item = of_schema(whole["items"], contract, name)
            return draw(st.lists(item, min_size=whole.get("minItems", 0), max_size=3))
        case "integer":
            return draw(st.integers(whole.get("minimum"), whole.get("maximum")))
        case "number":
            return draw(st.floats(allow_nan=False, allow_infinity=False))
        case "boolean":
            return draw(st.booleans())
    assert whole["type"] == "string", whole
    if "pattern" in whole:
        return draw(st.from_regex(whole["pattern"], alphabet=CHARACTERS))[: whole.get("maxLength")]
    text = st.text(CHARACTERS, max_size=whole.get("maxLength"))
    return draw(NUMBERS | text if name == "to" else text)


@st.composite
def spoiled(draw: st.DrawFn, body: Any) -> Any:
    """Return a body in which any value may be any other."""
    if draw(st.integers(0, 5)) == 0:
        return draw(VALUES)
    if isinstance(body, dict):
        return {key: draw(spoiled(one)) for key, one in body.items()}
    return [draw(spoiled(one)) for one in body] if isinstance(body, list) else body


def in_xml(value: Any, name: str) -> str:
    """Return what JSON has as an element."""
    match value:
        case dict():
            inner = "".join(in_xml(one, key) for key, one in value.items())
        case list():
            inner = "".join(in_xml(one, "item") for one in value)
        case bool() | None:
            inner = str(value).lower()
        case _:
            inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"


def drawn(data: st.DataObject, found: list[Operation]) -> Operation:
    operation: Operation = data.draw(st.sampled_from(found), label="operation")
    return operation


@bounded
@given(st.data())
def test_bodies_that_the_description_allows(client: Client, contract: Contract, data: st.DataObject) -> None:
    operation = drawn(data, [one for one in contract.operations() if one.content])
    assert operation.content is not None
    body = data.draw(of_schema(operation.content[JSON]["schema"], contract), label="body")
    media, accept = data.draw(MEDIA), data.draw(MEDIA)
    sent = (json.dumps(body) if media == JSON else in_xml(body, "request")).encode()
    assume(len(sent) <= BODY)
    ask(client, contract, operation, operation.target(), sent, media, accept)


@bounded
@given(st.data())
def test_bodies_that_it_does_not_allow(client: Client, contract: Contract, data: st.DataObject) -> None:
    operation = drawn(data, [one for one in contract.operations() if one.content])
    assert operation.content is not None
    body = data.draw(spoiled(operation.content[JSON]["example"]), label="body")
    sent = json.dumps(body).encode()
    ask(client, contract, operation, operation.target(), sent, JSON, data.draw(MEDIA))


@bounded
@given(st.data())
def test_parameters_of_any_kind(client: Client, contract: Contract, data: st.DataObject) -> None:
    operation = drawn(data, [one for one in contract.operations() if one.described.get("parameters")])
    names = [one["name"] for one in operation.described["parameters"]]
    given_ = st.fixed_dictionaries({}, optional={name: ANY | st.lists(ANY) for name in names})
    target = operation.target(**data.draw(given_, label="parameters"))
    ask(client, contract, operation, target, operation.body(JSON), JSON, data.draw(MEDIA))

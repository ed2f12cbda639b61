"""The API's description as a page for people: one document that needs no other, and runs no script."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

STYLE = files(__name__).joinpath("page.css").read_text("utf-8")
POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)
"""The Content-Security-Policy of the page: its own style sheet, and nothing else."""


class Field(NamedTuple):
    """A line in the table of what a body has."""

    name: str
    depth: int
    """How many structures it stands in."""
    kind: str
    required: bool
    meaning: str


class Body(NamedTuple):
    """A request or an answer."""

    fields: list[Field]
    json: str
    xml: str
    root: str


class Entry(NamedTuple):
    """What a path does, by one or several methods."""

    anchor: str
    methods: list[str]
    path: str
    operation: Mapping[str, Any]
    parameters: list[Mapping[str, Any]]
    request: Body | None
    answers: list[Body]
    """What it may be answered with."""
    in_query: bool
    """Whether the account may be named in the query."""


class Subject(NamedTuple):
    """What the API can do about one thing."""

    name: str
    description: str
    entries: list[Entry]


class Hook(NamedTuple):
    """What is sent to a client's URL."""

    anchor: str
    summary: str
    body: Body


class Header(NamedTuple):
    """A header of a response."""

    name: str
    meaning: str


class Fault(NamedTuple):
    """An error that a request may be answered with."""

    code: str
    description: str
    word: str
    text: str
    headers: list[Header]


def reference(document: Mapping[str, Any]) -> str:
    """Return the page of an OpenAPI document."""
    environment = Environment(
        loader=PackageLoader(__name__, "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"inline": _inline, "prose": _prose, "kind": partial(_kind, document=document)}
    responses = document["components"]["responses"]
    return environment.get_template("page.html").render(
        info=document["info"],
        style=Markup(STYLE),
        subjects=list(_subjects(document)),
        hooks=[_hook(one["post"], document) for one in document["webhooks"].values()],
        faults=[_fault(response) for response in responses.values()],
        fault_body=_body(next(iter(responses.values()))["content"], document),
        basic=document["components"]["securitySchemes"]["basic"],
    )


def _subjects(document: Mapping[str, Any]) -> Iterator[Subject]:
    entries = [one for path, item in document["paths"].items() for one in _entries(path, item, document)]
    for tag in document["tags"]:
        own = [one for one in entries if one.operation["tags"] == [tag["name"]]]
        yield Subject(tag["name"], tag["description"], own)


def _entries(path: str, item: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Entry]:
    """Return what a path does; methods that do the same are one entry."""
    same: dict[str, list[str]] = {}
    for method, operation in item.items():
        same.setdefault(operation["summary"], []).append(method)
    for methods in same.values():
        operation = item[methods[0]]
        body = operation.get("requestBody")
        yield Entry(
            anchor=operation["operationId"],
            methods=[method.upper() for method in methods],
            path=path,
            operation=operation,
            parameters=operation.get("parameters", []),
            request=None if body is None else _body(body["content"], document),
            answers=list(_answers(operation["responses"]["200"]["content"], document)),
            in_query=len(operation.get("security", ())) > 1,
        )


def _answers(content: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Body]:
    """Return the bodies of an answer, which may be one of several."""
    for number, name in enumerate(content["application/json"].get("examples", [""])):
        yield _body(
            {
                media_type: {
                    "schema": one["schema"]["anyOf"][number],
                    "example": one["examples"][name]["value"],
                }
                if name
                else one
                for media_type, one in content.items()
            },
            document,
        )


def _body(content: Mapping[str, Any], document: Mapping[str, Any]) -> Body:
    json, xml = content["application/json"], content["application/xml"]
    written = msgspec.json.format(msgspec.json.encode(json["example"]), indent=2).decode()
    return Body(
        list(_fields(json["schema"], document, 0)), written, xml["example"], xml["schema"]["xml"]["name"]
    )


def _fields(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int) -> Iterator[Field]:
    """Return the fields of a structure, and those of structures in it below their own."""
    whole = _resolved(schema, document)
    required = whole.get("required", ())
    for name, value in whole.get("properties", {}).items():
        meaning = value.get("description", "")
        yield Field(name, depth, _kind(value, document), name in required, meaning)
        for one in (value, value.get("items", {})):
            yield from _fields(one, document, depth + 1)


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema refers to."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _kind(value: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Return a schema's type in words."""
    whole = _resolved(value, document)
    if "anyOf" in whole:
        return " or ".join(_kind(one, document) for one in whole["anyOf"])
    if "enum" in whole:
        return " | ".join(str(one) for one in whole["enum"])
    kind = str(whole.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(whole['items'], document)}s"
    least, most = whole.get("minimum"), whole.get("maximum")
    if least is not None:
        kind += f", {least} to {most}" if most is not None else f" from {least}"
    if "maxLength" in whole:
        kind += f", up to {whole['maxLength']} characters"
    return kind


def _hook(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Hook:
    content = operation["requestBody"]["content"]
    return Hook(operation["operationId"], operation["summary"], _body(content, document))


def _fault(response: Mapping[str, Any]) -> Fault:
    exception = response["content"]["application/json"]["example"]["requestError"]["serviceException"]
    return Fault(
        str(response["x-status"]),
        response["description"],
        exception["messageId"],
        exception["text"],
        [Header(name, header["description"]) for name, header in response.get("headers", {}).items()],
    )


def _inline(text: str) -> Markup:
    """Return a text of the description, which is CommonMark of the simplest kind, as HTML."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _prose(text: str) -> Markup:
    """Return paragraphs."""
    return Markup("").join(Markup("<p>{}</p>").format(_inline(one)) for one in text.split("\n\n") if one)

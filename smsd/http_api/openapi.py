"""The API's description as an OpenAPI 3.1 document, made of what its paths declare and of the structures.

What is declared is what is served, and what is described: nothing here names a path or a field.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from lxml import etree

from smsd.http_api.answers import XML_ROOTS, ErrorAnswer
from smsd.http_api.endpoints import PASSWORD, USERNAME, Endpoint, Parameter, Paths, Pushed
from smsd.http_api.errors import (
    ApiError,
    bad_request,
    conflict,
    forbidden,
    general,
    head_too_large,
    not_acceptable,
    not_allowed,
    not_found,
    target_too_long,
    too_large,
    too_many,
    too_slow,
    unauthorized,
    unavailable,
    unsupported_type,
    used_before,
)
from smsd.http_api.formats import FORMATS, JSON, XML
from smsd.http_api.queries import VALUES
from smsd.http_api.repetitions import HEADER, REPLAYED
from smsd.http_api.schemas import Schemas, as_markdown, example
from smsd.http_api.vocabulary import TERMS
from smsd.http_api.xml import document as xml_document

OPENAPI = "3.1.0"
VERSION = "1"
"""The API's own version, as its paths have it."""
REQUEST_ROOT = "request"
"""What requests in XML are usually called; any name will do."""
DESCRIPTION = """\
Sends short messages, and tells what became of them.

Requests and answers are JSON or XML, in UTF-8, and have the same fields in both. A body says what it is in
`Content-Type`; the answer is what `Accept` asks for, JSON if it doesn't say. In XML a list is an element with
one element for each item, whatever that is called, or the item's element repeated.

Unknown fields are ignored. `null`, an empty value and a field that is absent mean the same.

Ids are strings. Dates are read with any offset, such as `+0100`, `+01:00` or `Z`, and are UTC without one;
they are written in UTC with milliseconds.

A request that can't be served gets an HTTP status and always a body that says why. One that sends several
messages is answered with 200 even if some of them are refused: each has a status of its own.
"""

_MEDIA_TYPES = " or ".join(FORMATS)
_ERRORS: tuple[tuple[ApiError, str], ...] = (
    (
        bad_request("[limit : Expected a number, at least 1.]"),
        "The body, a field of it or a parameter is not what it should be; the text names it.",
    ),
    (unauthorized(), "The authorization is missing or wrong, or the account is disabled."),
    (
        forbidden("may not be used from this address"),
        "The password is right, but the account may not be used from this address, without TLS, or with this"
        " certificate.",
    ),
    (not_found(), "There is nothing at this path, or nothing that has this id."),
    (not_allowed("OPTIONS, POST, PUT"), "The path does not serve this method."),
    (not_acceptable(_MEDIA_TYPES), "`Accept` wants neither JSON nor XML."),
    (
        conflict("Bulk spring is FINISHED: it can't be changed any more."),
        "What the request names can't be changed like this, or not any more.",
    ),
    (too_slow(60.0), "The request takes too long to come. The connection is closed."),
    (too_large(1 << 20), "The body is too long. The connection is closed."),
    (target_too_long(16_384), "The URL is too long. The connection is closed."),
    (unsupported_type(_MEDIA_TYPES, "text/plain"), "The body is neither JSON nor XML."),
    (
        too_many(1),
        "The account sends more than it may, or too many wrong passwords came from this address. Nothing of"
        " the request was done.",
    ),
    (used_before(), "The `Idempotency-Key` was another request's."),
    (head_too_large(16_384, 100), "The head is too long. The connection is closed."),
    (general(), "A fault in smsd; its log has more."),
    (
        unavailable(),
        "The database can't be reached, or too much waits for it. Nothing of the request was done.",
    ),
)
ERRORS: Mapping[int, ApiError] = {
    error.code: error for error, _ in sorted(_ERRORS, key=lambda one: one[0].code)
}
"""An example of each error that there can be."""
ALWAYS = (401, 403, 406, 408, 414, 429, 431, 500, 503)
"""Errors that any request can get."""
_HEADERS = {
    "Allow": "The methods that the path serves.",
    "Retry-After": "How many seconds to wait until the request may be repeated.",
    "WWW-Authenticate": "How to authorize.",
}
KEY = Parameter(
    HEADER,
    "text",
    "A request that has it may be repeated, and is served once: 1 to 100 printable ASCII characters that no"
    " other request of the account has had.",
    header=True,
)
_parameter = re.compile(r"<(?:\w+:)?(\w+)>")
"""Finds a parameter in a path as Klein has it."""


def described(paths: Paths, pushed: Iterable[Pushed] = ()) -> dict[str, Any]:
    """Return the document that describes what some paths serve, and what is pushed."""
    endpoints = [one for path in paths.values() for one in path.endpoints.values()]
    answers = [answer for one in endpoints for answer in (one.answer, one.otherwise) if answer is not None]
    bodies = [one.body for one in endpoints if one.body is not None]
    pushed = tuple(pushed)
    schemas = Schemas([*bodies, *answers, *(one.body for one in pushed), ErrorAnswer])
    return {
        "openapi": OPENAPI,
        "info": {"title": "SMS HTTP API", "version": VERSION, "description": as_markdown(DESCRIPTION)},
        "servers": [{"url": "/", "description": "Where this document comes from."}],
        "security": [{"basic": []}],
        "tags": [
            {"name": name, "description": description}
            for name, description in dict.fromkeys(_subject(one) for one in endpoints)
        ],
        "paths": {
            _parameter.sub(r"{\1}", path): {
                method.decode().lower(): _operation(path, method.decode().lower(), endpoint, schemas)
                for method, endpoint in served.endpoints.items()
            }
            for path, served in paths.items()
        },
        "webhooks": {one.name: {"post": _webhook(one, schemas)} for one in pushed},
        "components": {
            "schemas": schemas.components,
            "responses": {
                _name(error): _refused(error, description, schemas) for error, description in _ERRORS
            },
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The account's name and password, those of its SMPP binds too.",
                },
                "username": {"type": "apiKey", "in": "query", "name": USERNAME.name},
                "password": {"type": "apiKey", "in": "query", "name": PASSWORD.name},
            },
        },
    }


def _operation(path: str, method: str, endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    subject, _ = _subject(endpoint)
    operation: dict[str, Any] = {
        "operationId": _identifier(path, method),
        "tags": [subject],
        "summary": endpoint.summary,
    }
    told, _, more = as_markdown(endpoint.serve.__doc__ or "").partition("\n\n")
    description = told if method == "head" else more  # The summary has told the first sentence already.
    if description:
        operation["description"] = description
    if endpoint.password_in_query:
        operation["security"] = [{"basic": []}, {"username": [], "password": []}]
    in_path = _parameter.findall(path)
    parameters = [
        _parameter_object(one, in_path)
        for one in _parameters(endpoint, in_path)
        if not (endpoint.password_in_query and one in (USERNAME, PASSWORD))
    ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": _content(endpoint.body, example(endpoint.body), REQUEST_ROOT, schemas),
        }
    served: dict[str, Any] = {"description": as_markdown(endpoint.answer.__doc__ or "")}
    if method != "head":
        served["content"] = _answers(endpoint, schemas)
    errors = {*ALWAYS, *endpoint.errors}
    if parameters or endpoint.body is not None:
        errors.add(400)
    if endpoint.body is not None:
        errors |= {413, 415}
    if endpoint.repeated is not None:
        errors.add(422)
        served["headers"] = {
            REPLAYED: {"description": "Whether it was answered before.", "schema": {"enum": ["true"]}}
        }
    if in_path:
        errors.add(404)
    operation["responses"] = {"200": served} | {
        str(code): {"$ref": f"#/components/responses/{_name(ERRORS[code])}"} for code in sorted(errors)
    }
    return operation


def _webhook(pushed: Pushed, schemas: Schemas) -> dict[str, Any]:
    """Return the operation that a client serves."""
    content = _content(pushed.body, example(pushed.body), XML_ROOTS[pushed.body], schemas)
    return {
        "operationId": f"push{pushed.name.capitalize()}",
        "summary": pushed.summary,
        "security": [],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "2XX": {"description": "It is taken."},
            "default": {"description": "It is sent again, up to 20 times within 42 hours."},
        },
    }


def _parameters(endpoint: Endpoint, in_path: list[str]) -> Iterator[Parameter]:
    """Return the parameters of an endpoint; those of its path are in that, declared or not."""
    declared = {one.name for one in endpoint.parameters}
    for name in in_path:
        if name not in declared:
            known = TERMS.get(name)
            yield Parameter(name, "text", known.meaning if known is not None else "Which one.")
    yield from endpoint.parameters
    if endpoint.repeated is not None:
        yield KEY


def _parameter_object(parameter: Parameter, in_path: list[str]) -> dict[str, Any]:
    place = "header" if parameter.header else "path" if parameter.name in in_path else "query"
    made: dict[str, Any] = {
        "name": parameter.name,
        "in": place,
        "description": parameter.meaning,
        "required": parameter.required or place == "path",
        "schema": _parameter_schema(parameter),
    }
    if parameter.kind == "texts":
        made["description"] += (
            f" Several are separated by commas, or the parameter is repeated; up to {VALUES}."
        )
    known = TERMS.get(parameter.name)
    if known is not None and parameter.kind in ("text", "texts") and isinstance(known.example, str):
        made["example"] = known.example if parameter.kind == "text" else [known.example]
    return made


def _parameter_schema(parameter: Parameter) -> dict[str, Any]:
    match parameter.kind:
        case "number":
            least = parameter.least
            return {"type": "integer"} | ({"minimum": least} if least is not None else {})
        case "texts":
            return {"type": "array", "items": {"type": "string"}}
        case "date":
            return {"type": "string", "examples": [TERMS["sendAt"].example]}
    return {"type": "string"}


def _refused(error: ApiError, description: str, schemas: Schemas) -> dict[str, Any]:
    """Return the response that an error is."""
    made: dict[str, Any] = {
        "description": description,
        "x-status": error.code,
        "content": _content(
            ErrorAnswer, msgspec.to_builtins(error.answer()), XML_ROOTS[ErrorAnswer], schemas
        ),
    }
    if error.headers:
        made["headers"] = {
            name: {
                "description": _HEADERS[name],
                "required": True,
                "schema": {"type": "string"},
                "example": value,
            }
            for name, value in error.headers.items()
        }
    return made


def _content(kind: type[msgspec.Struct], value: Any, root: str, schemas: Schemas) -> dict[str, Any]:
    """Return a body in each format."""
    schema = schemas.reference(kind)
    return {
        JSON.media_type: {"schema": schema, "example": value},
        XML.media_type: {"schema": schema | {"xml": {"name": root}}, "example": _indented(value, root)},
    }


def _answers(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    """Return what an endpoint answers in each format, which may be one of two things."""
    kinds = [kind for kind in (endpoint.answer, endpoint.otherwise) if kind is not None]
    made = {kind.__name__: _content(kind, example(kind), XML_ROOTS[kind], schemas) for kind in kinds}
    if len(made) == 1:
        return made[endpoint.answer.__name__]
    return {
        media_type: {
            "schema": {"anyOf": [one[media_type]["schema"] for one in made.values()]},
            "examples": {name: {"value": one[media_type]["example"]} for name, one in made.items()},
        }
        for media_type in FORMATS
    }


def _indented(value: Any, root: str) -> str:
    """Return what JSON has as an XML document for people."""
    element = etree.fromstring(xml_document(value, root))
    etree.indent(element)
    return str(etree.tostring(element, encoding="unicode"))


def _subject(endpoint: Endpoint) -> tuple[str, str]:
    """Return what an endpoint is about, as its module is called and says of itself."""
    module = endpoint.serve.__module__
    return module.rpartition(".")[2].capitalize(), as_markdown(sys.modules[module].__doc__ or "")


def _identifier(path: str, method: str) -> str:
    """Return a name for an operation, such as ``postSmsTextSingle``."""
    words = re.findall(r"[A-Za-z]+", path)
    return method + "".join(word[0].upper() + word[1:] for word in words)


def _name(error: ApiError) -> str:
    """Return the name of an error's response, such as ``BadRequest``."""
    return error.word.title().replace("_", "")

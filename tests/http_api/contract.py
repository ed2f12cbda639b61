"""Holds answers against the API's description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from jsonschema import Draft202012Validator

from tests.http_api.client import Answer, Client

JSON, XML = "application/json", "application/xml"


class Operation(NamedTuple):
    """A method of a path, as it is described."""

    method: str
    path: str
    described: dict[str, Any]

    @property
    def content(self) -> dict[str, Any] | None:
        """The bodies that it takes."""
        return self.described["requestBody"]["content"] if "requestBody" in self.described else None

    def target(self, **given: Any) -> str:
        """Return a target with the parameters given, and the examples of those that are required."""
        path, query = self.path, {}
        for one in self.described.get("parameters", ()):
            name = one["name"]
            value = given.get(name, one.get("example", "1") if one["required"] else None)
            if one["in"] == "path":
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            elif one["in"] == "query" and value is not None:
                query[name] = value
        return f"{path}?{urlencode(query, doseq=True)}" if query else path

    def body(self, media_type: str) -> bytes:
        """Return the example of a body, nothing if it takes none."""
        if self.content is None:
            return b""
        example = self.content[media_type]["example"]
        return (example if media_type == XML else json.dumps(example)).encode()

    def request(
        self, client: Client, media_type: str = JSON, accept: str = JSON, **headers: str | None
    ) -> Answer:
        """Make the request that is described as an example."""
        given: dict[str, str | None] = {"Accept": accept}
        if self.content is not None:
            given["Content-Type"] = media_type
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return client.request(self.method, self.target(), self.body(media_type), given)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Contract:
    """The API's description, as what an answer must conform to; what it does not describe is not let pass."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._schemas = deepcopy(document["components"]["schemas"])
        for schema in self._schemas.values():
            schema["additionalProperties"] = False

    def operations(self) -> Iterator[Operation]:
        for path, item in self.document["paths"].items():
            for method, described in item.items():
                yield Operation(method.upper(), path, described)

    def schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a schema of the document that stands alone."""
        return schema | {"components": {"schemas": self._schemas}}

    def check(self, operation: Operation, answer: Answer) -> None:
        """See to it that an operation may be answered so."""
        code = str(answer.code)
        responses = operation.described["responses"]
        assert code in responses, f"{operation} is not described to answer {code}: {answer.body!r}"
        self.check_response(self.resolved(responses[code]), answer, operation.method)

    def check_error(self, answer: Answer, method: str = "GET") -> None:
        """See to it that an answer is one of the errors that are described."""
        (response,) = (
            one for one in self.document["components"]["responses"].values() if one["x-status"] == answer.code
        )
        self.check_response(response, answer, method)

    def check_response(self, response: dict[str, Any], answer: Answer, method: str) -> None:
        for name, header in response.get("headers", {}).items():
            if header.get("required"):
                assert name.lower() in answer.headers, f"{answer.code} comes without {name}"
        if method == "HEAD":
            assert answer.body == b""
            return
        media_type, _, charset = answer.headers["content-type"].partition(";")
        assert charset == "charset=UTF-8"
        assert media_type in response["content"], f"{media_type} is not described"
        schema = response["content"][media_type]["schema"]
        if media_type == XML:
            element = ElementTree.fromstring(answer.body)
            kinds = {one["xml"]["name"]: one for one in schema.get("anyOf", [schema])}
            assert element.tag in kinds
            schema = kinds[element.tag]
            value = self._of_xml(element, schema)
        else:
            value = json.loads(answer.body)
        Draft202012Validator(self.schema(schema)).validate(value)

    def resolved(self, one: dict[str, Any]) -> dict[str, Any]:
        """Return what a reference refers to."""
        if "$ref" not in one:
            return one
        found = self.document
        for name in one["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found

    def _of_xml(self, element: ElementTree.Element, schema: dict[str, Any]) -> Any:
        """Return what an element has, read as its schema describes it."""
        whole = self.resolved(schema)
        assert not element.attrib
        if whole["type"] == "object":
            names = [one.tag for one in element]
            assert len(names) == len(set(names)), names
            assert set(names) <= set(whole["properties"]), f"{element.tag} has {names}"
            return {one.tag: self._of_xml(one, whole["properties"][one.tag]) for one in element}
        if whole["type"] == "array":
            assert whole["xml"]["wrapped"]
            name = whole["items"]["xml"]["name"]
            assert {one.tag for one in element} <= {name}, f"an item of {element.tag} is no {name}"
            return [self._of_xml(one, whole["items"]) for one in element]
        assert len(element) == 0
        text = element.text or ""
        return text if whole["type"] == "string" else json.loads(text)

"""The structures of requests and answers as JSON Schema, made from themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType, inspect

from smsd.http_api.docstrings import field_docstrings
from smsd.http_api.requests import Moment, Octets, Url, words_of
from smsd.http_api.vocabulary import term
from smsd.http_api.xml import ITEMS
from smsd.services.push_urls import MOST

Schema = dict[str, Any]
Kind = type[msgspec.Struct]

PLACE = "#/components/schemas/"
"""Where an OpenAPI document has its schemas."""
_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.,]\d{1,12})?)?(Z|[+-]\d\d:?\d\d)?"
_PAIRS = r"(\s*[0-9A-Fa-f]\s*[0-9A-Fa-f])*\s*"
_TYPES: Mapping[Any, Schema] = {
    Moment: {"type": "string", "pattern": f"^{_DATE}$"},
    Octets: {"type": "string", "pattern": f"^{_PAIRS}$"},
    Url: {"type": "string", "pattern": "^[hH][tT][tT][pP][sS]?://[!-~]+$", "maxLength": MOST},
}
"""The types that JSON doesn't have; all others of these are read from a text."""


class Schemas:
    """The schemas of structures and of all that they have in them."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        found = tuple(dict.fromkeys(one for kind in kinds for one in _within(kind)))
        references, components = msgspec.json.schema_components(
            found, schema_hook=_hook, ref_template=f"{PLACE}{{name}}"
        )
        self._names = {
            kind: str(reference["$ref"]).removeprefix(PLACE)
            for kind, reference in zip(found, references, strict=True)
        }
        self.components: dict[str, Schema] = {}
        for kind, name in self._names.items():
            self.components[name] = _finished(kind, _plain(components[name]))

    def reference(self, kind: Kind) -> Schema:
        """Return a reference to a structure's schema."""
        return {"$ref": f"{PLACE}{self._names[kind]}"}


def example(kind: Kind) -> dict[str, Any]:
    """Return a structure with a value in each field, as JSON has it."""
    made: dict[str, Any] = {}
    for field in _fields(kind):
        known = term(kind.__name__, field.encode_name)
        value = UNSET if known is None else known.example
        if value is UNSET or (isinstance(value, dict) and not any(_structures(field.type))):
            value = _value(field.type)
        if value is not None:
            made[field.encode_name] = value
    return made


def _value(kind: inspect.Type) -> Any:
    """Return a value of a type."""
    match kind:
        case inspect.UnionType():
            return _value(kind.types[0])
        case inspect.StructType():
            return example(kind.cls)
        case inspect.ListType():
            return [_value(kind.item_type)]
        case inspect.BoolType():
            return False
        case inspect.IntType():
            return kind.ge or 0
        case inspect.FloatType() | inspect.DecimalType():
            return 0.5
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.StrType() if words := words_of(kind.pattern or ""):
            return words[0]
    return "…"


def _fields(kind: Kind) -> tuple[inspect.Field, ...]:
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return found.fields


def _within(kind: Kind) -> Iterator[Kind]:
    """Return a structure, and all that its fields have."""
    yield kind
    for field in _fields(kind):
        for one in _structures(field.type):
            yield from _within(one)


def _structures(kind: inspect.Type) -> Iterator[Kind]:
    match kind:
        case inspect.StructType():
            yield kind.cls
        case inspect.ListType():
            yield from _structures(kind.item_type)
        case inspect.UnionType():
            for one in kind.types:
                yield from _structures(one)


def _hook(kind: type) -> Schema:
    return dict(_TYPES.get(kind, {"type": "string"}))


def _plain(schema: Any) -> Any:
    """Return a schema in the API's terms.

    A number of any precision is a number; ``null`` is as good as absent in every field, which is said once
    for all of them; a pattern that only names words is their list.
    """
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _plain(value) for key, value in schema.items()}
    if made.get("format") == "decimal":
        made = {"type": "number"} | {key: made[key] for key in made if key not in ("type", "format")}
    if "anyOf" in made:
        made["anyOf"] = [one for one in made["anyOf"] if one != {"type": "null"}]
        if len(made["anyOf"]) == 1:
            made |= made.pop("anyOf")[0]
    if made.get("default", UNSET) in (None, "", []):
        del made["default"]
    if words := words_of(str(made.get("pattern", ""))):
        del made["pattern"]
        made["enum"] = words
    if isinstance(made.get("description"), str):
        made["description"] = as_markdown(made["description"])
    return made


def _finished(kind: Kind, schema: Schema) -> Schema:
    """Return a structure's schema with what its fields mean, how XML has them, and which may be absent."""
    absent = {
        name
        for name, hint in get_type_hints(kind, include_extras=True).items()
        if UnsetType in get_args(hint)
    }
    told = field_docstrings(kind)
    for field in _fields(kind):
        name = field.encode_name
        value = schema["properties"][name]
        known = term(kind.__name__, name)
        if field.name in told:
            value.setdefault("description", as_markdown(told[field.name]))
        if known is not None:
            value.setdefault("description", known.meaning)
            if known.example not in (None, UNSET) and "$ref" not in value:
                value["examples"] = [known.example]
        if "array" in (value.get("type"), *(one.get("type") for one in value.get("anyOf", ()))):
            for one in (value, *value.get("anyOf", ())):
                if one.get("type") == "array":
                    one["items"] = one["items"] | {"xml": {"name": ITEMS.get(name, name)}}
                    one["xml"] = {"wrapped": True}
        if field.name in absent and name in schema["required"]:
            schema["required"].remove(name)
    if not schema["required"]:
        del schema["required"]
    return schema


def as_markdown(text: str) -> str:
    """Return a docstring as the API's description has it: in CommonMark, and without what it raises."""
    paragraphs = text.partition("Raises:")[0].replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).strip()

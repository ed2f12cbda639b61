"""XML to and from what JSON has: objects, lists and values.

What is read is untrusted: a document type, and with it every entity but XML's own, is refused as soon as it
begins; nothing outside the document is ever looked for; its depth and its elements have bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import msgspec
from lxml import etree
from msgspec import inspect

DEPTH = 16
"""How deep elements may be nested; the API's own requests take 6."""
ELEMENTS = 50_000
"""How many elements a document may have; a thousand messages with all their fields take 20,000."""
ITEMS = {
    "messages": "message",
    "results": "result",
    "previews": "preview",
    "bulks": "bulk",
    "destinations": "destination",
    "to": "to",
}
"""What an item is called in each list; in requests any other name will do."""

_no_character = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Matches what XML can't carry, in whatever notation (XML 1.0, 2.2)."""


class InvalidXml(ValueError):
    """A document that is no XML, or more than is taken."""


class Shape(NamedTuple):
    """What a model expects in one place; XML alone doesn't tell a list from an object."""

    fields: Mapping[str, Shape]
    """Of an object; a value has none."""
    item: Shape | None = None
    """Of a list."""
    text: bool = False
    """Whether blanks around a value belong to it."""


class Element:
    """An element: its name, its text, and its elements."""

    __slots__ = ("elements", "name", "pieces")

    def __init__(self, name: str) -> None:
        self.name = name
        self.elements: list[Element] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """The characters directly in it."""
        return "".join(self.pieces)


class _Target:
    """Takes what the parser finds, and puts an end to what is too much; lxml has the names."""

    def __init__(self) -> None:
        self._path: list[Element] = []
        self._root: Element | None = None
        self._count = 0

    def doctype(self, *_: object) -> None:
        """Refuse a document type."""
        raise InvalidXml("A document type is not taken.")

    def start(self, tag: str, attributes: object) -> None:
        """Open an element; its attributes and its namespace say nothing."""
        self._count += 1
        if self._count > ELEMENTS:
            raise InvalidXml(f"It has more than {ELEMENTS} elements.")
        if len(self._path) == DEPTH:
            raise InvalidXml("It is nested too deeply.")
        element = Element(tag.rpartition("}")[2])
        if self._path:
            self._path[-1].elements.append(element)
        else:
            self._root = element
        self._path.append(element)

    def end(self, tag: str) -> None:
        """Close an element."""
        self._path.pop()

    def data(self, text: str) -> None:
        """Take characters."""
        self._path[-1].pieces.append(text)

    def close(self) -> Element | None:
        """Return the document's element, if there is one; the parser asks for it after an error as well."""
        return self._root


def read(body: bytes, kind: type[msgspec.Struct]) -> Any:
    """Return a document as JSON would have given it to a structure of this kind, with values as text.

    A list is an element with one element for each item, whatever that is called, or the element itself
    repeated; of a list with one item the wrapper may be missing altogether.

    Raises:
        InvalidXml: if it is no XML, or more than is taken.
    """
    return _single(parse(body), shape(kind))


def parse(body: bytes) -> Element:
    """Return a document's element; raises as :func:`read`."""
    parser = etree.XMLParser(
        target=_Target(),
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root: Element | None = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidXml((error.msg or "It is no XML.")[:200]) from error
    if root is None:
        raise InvalidXml("It has no element.")
    return root


@lru_cache
def shape(kind: type[msgspec.Struct]) -> Shape:
    """Return the shape of a structure."""
    return _shape(inspect.type_info(kind))


def _shape(kind: inspect.Type) -> Shape:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    for one in kinds:
        if isinstance(one, inspect.StructType):
            return Shape({field.encode_name: _shape(field.type) for field in one.fields})
        if isinstance(one, inspect.ListType):
            return Shape({}, _shape(one.item_type))
    return Shape({}, text=any(isinstance(one, inspect.StrType) for one in kinds))


def _single(element: Element, expected: Shape) -> Any:
    """Return an element as an object or a value; an object where a value is expected remains one."""
    if not element.elements:
        text = element.text
        if expected.fields and not text.strip():
            return {}
        return text if expected.text else text.strip()
    named: dict[str, list[Element]] = {}
    for one in element.elements:
        if one.name in expected.fields:
            named.setdefault(one.name, []).append(one)
    return {
        name: _list(found, field.item) if (field := expected.fields[name]).item else _single(found[-1], field)
        for name, found in named.items()
    }


def _list(found: list[Element], item: Shape) -> list[Any]:
    """Return the items of a list: each element is an item, or the wrapper of items."""
    items: list[Any] = []
    for element in found:
        if not element.elements:
            if not item.fields or element.text.strip():
                items.append(_single(element, item))
        elif any(one.name in item.fields for one in element.elements):
            items.append(_single(element, item))
        else:
            items.extend(_single(one, item) for one in element.elements)
    return items


def write(answer: msgspec.Struct, root: str) -> bytes:
    """Return an answer as a document: elements are called as JSON's keys, and nothing stands before them."""
    return document(msgspec.to_builtins(answer, builtin_types=(Decimal,)), root).encode()


def document(value: object, root: str) -> str:
    """Return what JSON has as a document."""
    pieces: list[str] = []
    _write(pieces, root, value)
    return "".join(pieces)


def _write(pieces: list[str], name: str, value: object) -> None:
    pieces.append(f"<{name}>")
    match value:
        case dict():
            for key, one in value.items():
                _write(pieces, key, one)
        case list():
            for one in value:
                _write(pieces, ITEMS[name], one)
        case bool():
            pieces.append("true" if value else "false")
        case Decimal():
            pieces.append(f"{value:f}")
        case _:
            pieces.append(_escaped(str(value)))
    pieces.append(f"</{name}>")


def _escaped(text: str) -> str:
    """Return a text as XML has it; a reader would make a newline of a carriage return that is not escaped."""
    return escape(_no_character.sub("\ufffd", text), {"\r": "&#13;"})

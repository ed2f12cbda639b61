"""Options of channels and back ends as OPTION=VALUE, as the command takes and shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from smsd.options import InvalidOptions, Kinds, T

SECRET = "password"


def changed(kinds: Kinds[T], kind: str, options: str, changes: Sequence[str]) -> str:
    """Return the JSON of a kind's options with OPTION=VALUE changes; OPTION= gives one its default again.

    Raises:
        InvalidOptions: naming the one that won't do.
    """
    given: dict[str, Any] = json.loads(options)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise InvalidOptions(f"Expected OPTION=VALUE, got {change!r}.")
        given[name] = value
        if not value:
            del given[name]
    # Numbers come as text here: converted leniently, they are stored as what they are.
    try:
        typed = msgspec.convert(given, kinds[kind], strict=False)
    except msgspec.ValidationError as error:
        raise kinds.invalid(kind, error) from error
    text = json.dumps({name: value for name, value in msgspec.to_builtins(typed).items() if name in given})
    kinds.read(kind, text)
    return text


def shown(options: str) -> str:
    """Return options as OPTION=VALUE, without a password."""
    given = json.loads(options)
    return " ".join(f"{name}={'…' if name == SECRET else value}" for name, value in given.items())

"""Options of channels and back ends as OPTION=VALUE, as the command takes and shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

SECRET = "password"


class NoOption(ValueError):
    """What is no OPTION=VALUE."""


def changed(structure: type[msgspec.Struct], options: str, changes: Sequence[str]) -> str:
    """Return the JSON of options with OPTION=VALUE changes; OPTION= alone gives one its default again.

    Raises:
        NoOption: if a change is none.
        msgspec.ValidationError: if the structure doesn't have such options.
    """
    given: dict[str, Any] = json.loads(options)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise NoOption(f"Expected OPTION=VALUE, got {change!r}.")
        given[name] = value
        if not value:
            del given[name]
    # Numbers come as text here: converted leniently, they are stored as what they are.
    typed = msgspec.convert(given, structure, strict=False)
    return json.dumps({name: value for name, value in msgspec.to_builtins(typed).items() if name in given})


def shown(options: str) -> str:
    """Return options as OPTION=VALUE, without a password."""
    given = json.loads(options)
    return " ".join(f"{name}={'…' if name == SECRET else value}" for name, value in given.items())

"""What a header of preferences asks for (RFC 9110, 12.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping


def weights(header: str) -> Mapping[str, float]:
    """Return how much each thing that a header names is wanted, 0 if it is not."""
    found: dict[str, float] = {}
    for entry in header.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = _number(value.strip())
        if name:
            found[name] = max(found.get(name, 0.0), weight)
    return found


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", text) else 0.0

"""Which network a number belongs to, by the longest prefix."""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN = ""
"""Stands for the network of a number with no known prefix."""


class Plan:
    """The prefixes of networks: digits of international numbers, each with its network's MCC and MNC."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        """Take over the prefixes."""
        self._prefixes = dict(prefixes)
        self._lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)

    def network(self, number: str) -> str:
        """Return the MCC and MNC of a number, E.164 digits; :data:`UNKNOWN` if no prefix fits."""
        prefixes = self._prefixes
        for length in self._lengths:
            network = prefixes.get(number[:length])
            if network is not None:
                return network
        return UNKNOWN

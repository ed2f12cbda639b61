"""What has happened, for whoever wants to know why a story ended badly."""

from __future__ import annotations

from typing import NamedTuple

from tests.peers import NOW, Network


class Entry(NamedTuple):
    """A line of the diary."""

    at: float
    what: str
    destination: str
    """Whose message it was about; empty: everybody's."""

    def __str__(self) -> str:
        return f"{self.at - NOW:10.2f} {self.destination or '-':11} {self.what}"


class Diary:
    """Keeps what happens, in order."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.entries: list[Entry] = []

    def note(self, what: str, destination: str = "") -> None:
        self.entries.append(Entry(self._network.seconds(), what, destination))

    def of(self, destination: str) -> list[Entry]:
        """Return what concerns a message, or everybody."""
        return [entry for entry in self.entries if entry.destination in ("", destination)]

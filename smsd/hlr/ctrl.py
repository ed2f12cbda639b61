"""Osmocom's control interface without I/O: octets and the time come in, events and octets go out.

A frame is the length of what follows the stream's number, the number of the stream, the kind within it, and a
text without a terminator. A request has a number that its answer repeats.
"""

from __future__ import annotations

from collections import OrderedDict
from struct import Struct
from typing import Final

import msgspec

_HEADER: Final = Struct(">HB")
_OSMOCOM: Final = 0xEE
"""The stream of Osmocom's extensions to IPA …"""
_CONTROL: Final = b"\0"
"""… and the extension that is the control interface."""
_LAST_NUMBER: Final = 0x7FFF_FFFF


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A variable has this value."""

    context: str
    value: str


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A request can't be met."""

    context: str
    reason: str


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """A request got no answer in time; a later one is ignored."""

    context: str


class Complaint(msgspec.Struct, frozen=True, gc=False):
    """The peer could not read some request, and does not say which."""

    reason: str


class Broken(msgspec.Struct, frozen=True, gc=False):
    """Nothing at all has come for as long as an answer may take: begin a new connection."""

    reason: str


Event = Answered | Refused | Unanswered | Complaint | Broken


def frame(text: str) -> bytes:
    """Return the frame of a text.

    Raises:
        ValueError: it isn't ASCII, or too long for a frame.
    """
    octets = _CONTROL + text.encode("ascii")
    if len(octets) > 0xFFFF:
        raise ValueError(f"A frame holds {0xFFFF} octets: not {len(octets)}")
    return _HEADER.pack(len(octets), _OSMOCOM) + octets


class Frames:
    """Cuts a stream into the texts of its frames; frames of anything but the control interface are left out.

    What is held is less than one frame: at most 65538 octets.
    """

    def __init__(self) -> None:
        self._rest = b""

    def receive(self, data: bytes) -> list[str]:
        """Take in what was read and return the texts that are whole now."""
        data = self._rest + data if self._rest else data
        texts = []
        at, end = 0, len(data)
        while end - at >= _HEADER.size:
            length, stream = _HEADER.unpack_from(data, at)
            beginning = at + _HEADER.size
            if end - beginning < length:
                break
            at = beginning + length
            content = data[beginning:at]
            if stream == _OSMOCOM and content.startswith(_CONTROL):
                texts.append(content[1:].decode("latin-1"))
        self._rest = data[at:]
        return texts


class Conversation:
    """The requests of one connection and their answers.

    Answers are matched by their number alone, so that one that is lost shifts no other.
    """

    def __init__(self, patience: float) -> None:
        """Wait so many seconds for each answer."""
        self._patience = patience
        self._frames = Frames()
        self._number = 0
        # By number, the oldest first: context, variable, when it was asked.
        self._outstanding: OrderedDict[str, tuple[str, str, float]] = OrderedDict()
        self._heard_at = float("-inf")
        self._out: list[bytes] = []

    @property
    def outstanding(self) -> int:
        """How many requests wait for their answer."""
        return len(self._outstanding)

    def get(self, variable: str, context: str, now: float) -> None:
        """Ask for a variable; the context comes back with what becomes of that."""
        self._number = self._number % _LAST_NUMBER + 1
        number = str(self._number)
        self._out.append(frame(f"GET {number} {variable}"))
        self._outstanding[number] = (context, variable, now)

    def data_to_send(self) -> bytes:
        """Give what is to be written, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take in what was read, and tell what was answered."""
        texts = self._frames.receive(data)
        if texts:
            self._heard_at = now
        events = [self._read(text) for text in texts]
        return [event for event in events if event is not None]

    def tick(self, now: float) -> list[Event]:
        """Notice what was not answered in time."""
        overdue: list[Event] = []
        asked_at = now
        while self._outstanding:
            number, (context, _, at) = next(iter(self._outstanding.items()))
            if now - at < self._patience:
                break
            del self._outstanding[number]
            asked_at = min(asked_at, at)
            overdue.append(Unanswered(context))
        if overdue and self._heard_at < asked_at:
            # Half a frame, or a peer that is gone: nothing that is written to it will be answered.
            overdue.append(Broken(f"Nothing came for {self._patience:g} seconds."))
        return overdue

    def abandon(self) -> list[str]:
        """Forget the requests that wait for an answer; give their contexts, the oldest first."""
        contexts = [context for context, _, _ in self._outstanding.values()]
        self._outstanding.clear()
        return contexts

    def _read(self, text: str) -> Event | None:
        verb, _, rest = text.partition(" ")
        number, _, said = rest.partition(" ")
        if verb == "ERROR":
            asked = self._outstanding.pop(number, None)
            if asked is not None:
                return Refused(asked[0], said)
            return None if number.isdecimal() else Complaint(said)
        if verb != "GET_REPLY" or number not in self._outstanding:
            return None  # It tells of something by itself, or too late.
        context, asked_variable, _ = self._outstanding.pop(number)
        variable, _, value = said.partition(" ")
        if variable != asked_variable:
            return Refused(context, f"It answered for {variable[:60]}.")
        return Answered(context, value)

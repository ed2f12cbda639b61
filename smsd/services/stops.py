"""Bulks whose messages are not to be sent as they come: every message of a bulk passes here before it is.

What is said here holds from the moment it is said, however many of a bulk's messages are in memory or in the
table; :mod:`smsd.services.bulk_changes` then brings the table to it, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from enum import Enum, auto

import msgspec
from msgspec.structs import replace

from smsd.store.bulks import Bulk, BulkRow, BulkState
from smsd.store.messages import Message


class Verdict(Enum):
    """What becomes of a message that would be sent now."""

    WAIT = auto()
    """It waits in memory: what is said of its bulk is on its way to disk."""
    HOLD = auto()
    """It goes back to the table: its bulk is paused, or it has still to be brought to another time."""
    CANCEL = auto()


class Stop(msgspec.Struct):
    """What is to be heeded of a bulk."""

    row: BulkRow | None = None
    asked: int = 0
    """How many changes are on their way to disk that let nothing be sent until then."""
    holding: int = 0
    """How many messages are on their way to disk as held."""
    waiting: list[tuple[Message, Callable[[Message], None]]] = []
    """The messages that wait for these changes, and where each goes back to."""

    def verdict(self, message: Message) -> Verdict | None:
        """Return what becomes of a message of the bulk, ``None`` if it may be sent."""
        row = self.row
        if row is not None and row.state == BulkState.CANCELED and message.id <= row.up_to:
            return Verdict.CANCEL
        if self.asked:
            return Verdict.WAIT
        if row is None or row.state == BulkState.CANCELED:
            return None
        if row.state == BulkState.PAUSED:
            return Verdict.HOLD
        if self.moves(message):
            return Verdict.HOLD if message.due_at != row.send_at else None
        return None

    def moves(self, message: Message) -> bool:
        """Tell whether a message of the bulk is being brought to another time."""
        row = self.row
        return row is not None and bool(row.moving) and message.id <= row.up_to and not message.attempts


class Stops:
    """The bulks of which something is to be heeded: they are paused, or are being changed."""

    def __init__(self) -> None:
        self._stops: dict[Bulk, Stop] = {}
        self._doubtful: list[Bulk] = []
        self.said = 0
        """Counts what is said here: what was read from the table before that may be out of date."""

    def __len__(self) -> int:
        return len(self._stops)

    def __iter__(self) -> Iterator[Stop]:
        return iter(list(self._stops.values()))

    def verdict(self, message: Message) -> Verdict | None:
        """Return what becomes of a message that would be sent now, ``None`` if it may be."""
        stop = self.of(message)
        return stop.verdict(message) if stop is not None else None

    def of(self, message: Message) -> Stop | None:
        """Return what is to be heeded of a message's bulk, if anything."""
        if message.bulk_id is None or not self._stops:
            return None
        return self._stops.get(Bulk(message.account_id, message.bulk_id))

    def ask(self, bulk: Bulk) -> None:
        """Hold a bulk until :meth:`answered`, since a change of it is on its way to disk."""
        self.said += 1
        self._stops.setdefault(bulk, Stop()).asked += 1

    def answered(self, bulk: Bulk) -> None:
        """Take note that the change is on disk, or is not and never will be."""
        self.said += 1
        self._answered(bulk)

    def doubt(self, bulk: Bulk) -> None:
        """Take note that nobody can tell whether the change is on disk: it is held until the table tells."""
        self.said += 1
        self._doubtful.append(bulk)

    @property
    def doubtful(self) -> bool:
        """Whether the table has to tell what there is to heed."""
        return bool(self._doubtful)

    def get(self, bulk: Bulk) -> Stop | None:
        """Return what is to be heeded of a bulk, if anything."""
        return self._stops.get(bulk)

    def done(self, row: BulkRow, *, open: bool) -> None:
        """Take note that what followed from a row is done, unless something else has been said since."""
        stop = self._stops.get(row.bulk)
        if stop is not None and stop.row is not None and stop.row.number == row.number:
            self.put(replace(row, moving=0, open=int(open)))

    def put(self, row: BulkRow) -> None:
        """Heed what is said of a bulk, if that is still to be heeded."""
        self.said += 1
        self._put(row)

    def replace(self, rows: Collection[BulkRow]) -> None:
        """Heed what the table has, and nothing else."""
        for row in rows:
            self._put(row)
        doubtful, self._doubtful = self._doubtful, []
        found = {row.bulk for row in rows}
        for bulk in [bulk for bulk in self._stops if bulk not in found]:
            self._stops[bulk].row = None
            self._drop_if_idle(bulk)
        for bulk in doubtful:
            self._answered(bulk)

    def _put(self, row: BulkRow) -> None:
        stop = self._stops.setdefault(row.bulk, Stop())
        stop.row = row if row.open else None
        self._drop_if_idle(row.bulk)

    def _drop_if_idle(self, bulk: Bulk) -> None:
        stop = self._stops[bulk]
        if stop.row is None and not stop.asked and not stop.holding:
            del self._stops[bulk]

    def _answered(self, bulk: Bulk) -> None:
        stop = self._stops[bulk]
        stop.asked -= 1
        if not stop.asked:
            waiting, stop.waiting = stop.waiting, []
            for message, put_back in reversed(waiting):
                put_back(message)
        self._drop_if_idle(bulk)

    def wait(self, message: Message, put_back: Callable[[Message], None]) -> None:
        """Keep a message until what is said of its bulk is on disk; then it goes back to where it waited."""
        stop = self.of(message)
        assert stop is not None
        stop.waiting.append((message, put_back))

    def held(self, message: Message) -> None:
        """Take note that a message is on its way to disk as held."""
        stop = self.of(message)
        assert stop is not None
        stop.holding += 1

    def on_disk(self, message: Message) -> None:
        """Take note that it is there."""
        stop = self.of(message)
        assert stop is not None
        stop.holding -= 1
        self._drop_if_idle(Bulk(message.account_id, message.bulk_id or ""))

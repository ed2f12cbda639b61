"""The ids of messages."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

EPOCH = 1577836800
"""2020-01-01 UTC; 41 bits of milliseconds from then last until 2089."""
SEQUENCE_BITS = 22


class MessageIds:
    """Gives ids that only grow and fit in 63 bits: the milliseconds of their time, then a sequence.

    In decimal they are the same string in responses, receipts, HTTP and logs. Four million ids a millisecond
    are enough, and a clock that steps back, or a start within the same millisecond, makes no id twice.
    """

    def __init__(self, clock: IReactorTime, newest: int = 0) -> None:
        """Begin after ``newest``, the highest id in the database."""
        self._clock = clock
        self.newest = newest

    def next(self) -> int:
        """Return a new id."""
        self.newest = max(self.newest + 1, first_of(self._clock.seconds()))
        return self.newest


def first_of(time: float) -> int:
    """Return the lowest id that a time can have; unless a clock stepped back, later ones are higher."""
    return int((time - EPOCH) * 1000) << SEQUENCE_BITS

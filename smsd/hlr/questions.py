"""Numbers that were asked about and of which nothing is known yet."""

from __future__ import annotations

from collections import OrderedDict

from twisted.internet.defer import Deferred

from smsd.numbering.context import Context
from smsd.services.lookup import NoAnswer


class Questions:
    """What a back end has been asked and has not answered, up to a bound.

    A number that several ask about at once is asked about once. Who no longer waits cancels his Deferred; a
    number for which nobody waits any more is not asked about.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[str, dict[Deferred[Context], None]] = {}
        self._unasked: OrderedDict[str, None] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def unasked(self) -> bool:
        """Whether there are numbers that nobody has been asked about."""
        return bool(self._unasked)

    def put(self, number: str) -> Deferred[Context]:
        """Ask about a number; the Deferred fires with what is known of it, or fails with ``NoAnswer``.

        Raises:
            NoAnswer: if too many questions wait.
        """
        if self._count >= self._most:
            raise NoAnswer(f"{self._most} questions wait already.")
        waiting: Deferred[Context] = Deferred(lambda cancelled: self._cancelled(number, cancelled))
        others = self._waiting.get(number)
        if others is None:
            self._waiting[number] = {waiting: None}
            self._unasked[number] = None
        else:
            others[waiting] = None
        self._count += 1
        return waiting

    def take(self) -> str | None:
        """Return the number that is to be asked about next."""
        return self._unasked.popitem(last=False)[0] if self._unasked else None

    def awaits(self, number: str) -> bool:
        """Tell whether somebody waits to hear of a number that was asked about."""
        return number in self._waiting and number not in self._unasked

    def answer(self, number: str, context: Context) -> None:
        """Tell all who wait what is known of a number."""
        for waiting in self._remove(number):
            waiting.callback(context)

    def refuse(self, number: str, reason: str) -> None:
        """Tell all who wait that nothing can be said of a number, and why."""
        for waiting in self._remove(number):
            waiting.errback(NoAnswer(reason))

    def refuse_all(self, reason: str) -> None:
        """Tell all who wait for any number that nothing can be said, and why."""
        for number in list(self._waiting):
            self.refuse(number, reason)

    def _remove(self, number: str) -> list[Deferred[Context]]:
        self._unasked.pop(number, None)
        waiting = list(self._waiting.pop(number, ()))
        self._count -= len(waiting)
        return waiting

    def _cancelled(self, number: str, cancelled: Deferred[Context]) -> None:
        others = self._waiting[number]
        del others[cancelled]
        self._count -= 1
        if not others:
            del self._waiting[number]
            self._unasked.pop(number, None)

"""Questions to back ends, and what became of them."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from smsd.numbering.context import Context
from smsd.services.lookup import BackEnd, NoAnswer

NUMBER = "385915369421"


class Question:
    """A question that was asked of a back end."""

    def __init__(self, back_end: BackEnd, number: str = NUMBER) -> None:
        self._said: Context | Failure | None = None
        self._asking = Deferred.fromCoroutine(back_end.ask(number))
        self._asking.addBoth(self._hear)

    def _hear(self, said: Context | Failure) -> None:
        assert self._said is None, "It is answered twice."
        self._said = said

    @property
    def open(self) -> bool:
        """Whether there is no answer yet."""
        return self._said is None

    @property
    def context(self) -> Context:
        """What was answered."""
        assert isinstance(self._said, Context), self._said
        return self._said

    @property
    def reason(self) -> str:
        """Why there is no answer."""
        assert isinstance(self._said, Failure), self._said
        assert self._said.check(NoAnswer), self._said
        return self._said.getErrorMessage()

    def cancel(self) -> None:
        """Wait no longer."""
        self._asking.cancel()
        assert isinstance(self._said, Failure)
        assert self._said.check(CancelledError)

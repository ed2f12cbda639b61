"""Number lookup: asks whoever may know something of a number, and puts together what they say."""

from __future__ import annotations

from typing import Protocol

from smsd.numbering.context import Context


class NoAnswer(Exception):
    """A back end can't say anything of a number just now; the text says why."""


class BackEnd(Protocol):
    """Somebody who can be asked about numbers.

    One that can't know everything has an attribute ``knows``, the :class:`smsd.services.fields.Fields` that
    it can answer for.
    """

    async def ask(self, number: str) -> Context:
        """Return what is known of a number, E.164 digits.

        Raises:
            NoAnswer: if nothing can be said, since nobody answered or the question was refused.
        """

"""A back end that exists only here: the last digits of a number say what becomes of a question about it."""

from __future__ import annotations

import re
from typing import NamedTuple

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smsd.hlr.options import SimulatorOptions
from smsd.numbering.context import Context, Network
from smsd.services.lookup import NoAnswer
from smsd.services.statuses import GSM_ERRORS, NO_ERROR

_told = re.compile(r"00([0-6])([0-9]{2})([0-9]{4})$", re.ASCII).search

HOME = Network("Simulated Home", "", "Simulated Country", "999", "XX", "99901")
OTHER = Network("Simulated Other", "", "Simulated Country", "999", "XX", "99902")
ABROAD = Network("Simulated Abroad", "", "Simulated Neighbour", "998", "XY", "99801")


class Behaviour(NamedTuple):
    """What becomes of a question."""

    context: Context | None
    """What is known of the number; ``None``: nothing is said …"""
    reason: str = ""
    """… for this reason; empty: for ever."""
    delay: float | None = None
    """Seconds until the answer; ``None``: the back end's own."""


def behaviour(number: str) -> Behaviour:
    """Return what becomes of a question about a number.

    The last nine digits are one of

    - ``000`` ``00`` ``EEEE``: it can't be reached, for GSM error EEEE,
    - ``001`` ``PR`` and any four: it is ported if P isn't 0, and roams if R isn't 0,
    - ``002DDDDDD``: it can be reached, as is said after so many seconds,
    - ``003`` and any six: there is never an answer,
    - ``004`` and any six: the question fails at once,
    - ``005`` and any six: nothing is known of it,
    - ``006`` and any six: it can't be a number.

    Any other number can be reached in its home network; an error that does not exist is ignored.
    """
    told = _told(number)
    if told is None:
        return Behaviour(_reached(number))
    kind, flags, rest = told[1], told[2], told[3]
    if kind == "0":
        error = int(rest)
        if flags == "00" and error != NO_ERROR and error in GSM_ERRORS:
            return Behaviour(Context(error=error, correct=True, original=HOME))
    elif kind == "1":
        return Behaviour(_reached(number, ported=flags[0] != "0", roaming=flags[1] != "0"))
    elif kind == "2":
        return Behaviour(_reached(number), delay=float(flags + rest))
    elif kind == "3":
        return Behaviour(None)
    elif kind == "4":
        return Behaviour(None, "The number says that it be so.")
    elif kind == "5":
        return Behaviour(Context())
    elif kind == "6":
        return Behaviour(Context(correct=False))
    return Behaviour(_reached(number))


def _reached(number: str, *, ported: bool = False, roaming: bool = False) -> Context:
    home = OTHER if ported else HOME
    visited = ABROAD if roaming else home
    return Context(
        error=NO_ERROR,
        correct=True,
        imsi=home.mccmnc + number[-10:].zfill(10),
        serving_msc=f"{visited.country_prefix}{visited.mccmnc[3:]}000001",
        serving_hlr=f"{home.country_prefix}{home.mccmnc[3:]}000000",
        original=HOME,
        ported=ported,
        ported_network=home if ported else None,
        roaming=roaming,
        roaming_network=visited if roaming else None,
    )


class SimulatedHlr(Service):
    """Answers as numbers say, after a moment."""

    def __init__(self, name: str, options: SimulatorOptions, clock: IReactorTime) -> None:
        self.setName(name)
        self.reason = ""
        """Why it can't be asked; empty if it can."""
        self._options = options
        self._clock = clock
        self._waiting: set[Deferred[None]] = set()

    def stopService(self) -> None:
        """Answer nothing more; whoever waits hears of it."""
        super().stopService()
        self.reason = "It has been stopped."
        for waiting in list(self._waiting):
            waiting.errback(NoAnswer(self.reason))

    async def ask(self, number: str) -> Context:
        """Return what a number says of itself."""
        found = behaviour(number)
        delay = self._options.delay if found.delay is None else found.delay
        if found.context is None and not found.reason:
            await self._wait(None)
        elif delay:
            await self._wait(delay)
        if found.context is None:
            raise NoAnswer(found.reason)
        return found.context

    async def _wait(self, seconds: float | None) -> None:
        """Wait so long, or for ever."""
        if len(self._waiting) >= self._options.waiting:
            raise NoAnswer(f"{len(self._waiting)} questions wait already.")
        waiting: Deferred[None] = Deferred()
        call = self._clock.callLater(seconds, waiting.callback, None) if seconds is not None else None
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)
            if call is not None and call.active():
                call.cancel()

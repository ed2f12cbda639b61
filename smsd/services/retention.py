"""Removes in the background, in small steps, what nobody needs any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from smsd.store.engine import StoreUnavailable
from smsd.store.retention import RetentionRows

HOUR = 3600.0
INTERVAL = 60.0
"""Seconds from one round to the next."""
STEP = 100
"""How many rows a step takes: a few milliseconds of the database."""
REST, LEAST_REST = 3.0, 0.01
"""How much longer than a step the rest after it is, and its least seconds."""


class Retention(msgspec.Struct, frozen=True):
    """How long things are kept, in seconds."""

    logs: float = 48 * HOUR
    """Messages, sent and received, that are done with."""
    reports: float = 720 * HOUR
    """Reports, receipts and received messages that nobody takes."""


class Remover(NamedTuple):
    """Removes one kind of rows."""

    name: str
    remove: Callable[[float, int], Awaitable[int]]
    """Takes the time and a number; removes up to so many rows, and returns how many it has removed."""
    line: str = ""
    """What the log says of a round that has removed any, if anything, with their ``{count}``."""


def removers(rows: RetentionRows, retention: Retention) -> list[Remover]:
    """Return what removes messages, sent and received; what is given up is then removed."""
    span = f"{retention.reports / HOUR:g} hours"
    return [
        Remover(
            "reports that nobody takes",
            lambda now, limit: rows.give_up_reports(now - retention.reports, limit),
            f"Reports and receipts that nobody took for {span}, and which are given up: {{count}}",
        ),
        Remover(
            "received messages that nobody takes",
            lambda now, limit: rows.give_up_received(now - retention.reports, now, limit),
            f"Received messages that nobody took for {span}, and which are given up: {{count}}",
        ),
        Remover("messages", lambda now, limit: rows.remove_messages(now - retention.logs, limit)),
        Remover("received messages", lambda now, limit: rows.remove_received(now - retention.logs, limit)),
    ]


class Removal(Service):
    """Lets each remover take what it can, step by step, with a rest after each step.

    Messages need the database meanwhile: a rest is a multiple of what its step took, so that removal has a
    quarter of its time at most, and less the busier it is.
    """

    log = Logger()

    def __init__(self, removers: Sequence[Remover], clock: IReactorTime) -> None:
        self._removers = removers
        self._clock = clock
        self._rounds = LoopingCall(lambda: Deferred.fromCoroutine(self._round()))
        self._rounds.clock = clock
        self._ended: Deferred[None] | None = None
        self._resting: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin with a round."""
        super().startService()
        ended = self._rounds.start(INTERVAL)
        ended.addErrback(lambda failure: self.log.failure("Removal ended", failure))
        self._ended = ended.addCallback(lambda _: None)

    def stopService(self) -> Deferred[None] | None:
        """Begin no other step, and wait for the one that is being made."""
        super().stopService()
        self._rounds.stop()
        if self._resting is not None:
            self._resting.cancel()
        return self._ended

    async def _round(self) -> None:
        """Let each remover take all it can; what goes wrong with one is no matter of the others."""
        for remover in self._removers:
            try:
                count = await self._remove(remover)
            except StoreUnavailable as error:
                self.log.warn("What is to be removed stays for now: {error}", error=error)
                return
            except Exception:
                self.log.failure("{name} can't be removed", name=remover.name)
                continue
            if count and remover.line:
                self.log.info(remover.line, count=count)
            if not self.running:
                return

    async def _remove(self, remover: Remover) -> int:
        count = 0
        while self.running:
            began = self._clock.seconds()
            removed = await remover.remove(began, STEP)
            count += removed
            if removed < STEP or not self.running:
                break
            await self._rest(max(LEAST_REST, REST * (self._clock.seconds() - began)))
        return count

    async def _rest(self, seconds: float) -> None:
        self._resting = deferLater(self._clock, seconds)
        try:
            await self._resting
        except CancelledError:
            pass  # It is time to stop.
        finally:
            self._resting = None

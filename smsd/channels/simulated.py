"""Destinations by which a simulated operator is told what to do: their last nine digits say it."""

from __future__ import annotations

import re
from typing import NamedTuple

from smsd.services.statuses import (
    DELIVERED_GROUP,
    DELIVERED_TO_HANDSET,
    GSM_ERRORS,
    NO_ERROR,
    PENDING_GROUP,
    STATUSES,
    SYSTEM_FAILURE,
    UNKNOWN_ERROR,
)
from smsd.services.tracking import Outcome

_told = re.compile(r"00([0-5])([0-9]{2})([0-9]{4})$", re.ASCII).search
DELIVERED = Outcome(DELIVERED_TO_HANDSET, NO_ERROR)


class Behaviour(NamedTuple):
    """What becomes of a message."""

    outcome: Outcome | None = DELIVERED
    """Its end; ``None``: nobody ever hears of it."""
    refusals: int = 0
    """How many attempts are refused for the time being, before one succeeds …"""
    error: int = NO_ERROR
    """… and with which GSM error."""
    delay: float | None = None
    """Seconds until its end; ``None``: the channel's own."""
    replies: int = 0
    """How many messages the subscriber sends back."""
    last_only: bool = False
    """Whether only its last segment has this end, and those before it are delivered."""


PLAIN = Behaviour()


def behaviour(destination: str) -> Behaviour:
    """Return what becomes of a message to a destination.

    The last nine digits are one of

    - ``000SSEEEE``: it ends in status SS with GSM error EEEE,
    - ``001NNEEEE``: it is refused NN times for the time being with GSM error EEEE, then delivered,
    - ``002DDDDDD``: it is delivered after so many seconds,
    - ``003`` and any six: nobody ever hears of it,
    - ``004NN`` and any four: it is delivered, and the subscriber sends its text back NN times,
    - ``005SSEEEE``: its last segment ends so, and those before it are delivered.

    Any other destination, and a status or an error that does not exist, is delivered.
    """
    told = _told(destination)
    if told is None:
        return PLAIN
    kind, number, error = told[1], int(told[2]), int(told[3])
    if kind == "1":
        return Behaviour(refusals=number, error=error if error in GSM_ERRORS else SYSTEM_FAILURE)
    if kind == "2":
        return Behaviour(delay=float(told[2] + told[3]))
    if kind == "3":
        return Behaviour(outcome=None)
    if kind == "4":
        return Behaviour(replies=number)
    status = STATUSES.get(number)
    if status is None or number == 0 or error not in GSM_ERRORS:
        return PLAIN
    if status.group_id == PENDING_GROUP:
        return Behaviour(outcome=None)
    if error == NO_ERROR and status.group_id != DELIVERED_GROUP:
        error = UNKNOWN_ERROR
    return Behaviour(outcome=Outcome(number, error), last_only=kind == "5")

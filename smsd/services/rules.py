"""What a route asks of a message, and which of two routes comes first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import msgspec

from smsd.services.week import hours_of
from smsd.sms.coding import Encoded, message_class, recode
from smsd.store.settings import Route

SEND, FORBID, UNREACHABLE = "send", "forbid", "unreachable"
ACTIONS = (SEND, FORBID, UNREACHABLE)
"""What a route does with a message: it has a channel for it, or it refuses it."""

TEXT, BINARY, FLASH = "text", "binary", "flash"
TYPES = (TEXT, BINARY, FLASH)
"""The types of messages."""

MCC = 3
"""The digits of a mobile country code."""
ANY_END = "*"
"""What follows the beginning of the senders that are meant."""
FLASH_CLASS = 0


class Asked(msgspec.Struct, gc=False):
    """What routes look at of a message."""

    account_id: int
    destination: str
    """E.164 digits."""
    code: str = ""
    network: str = ""
    """The destination's MCC and MNC, if they are known …"""
    country: str = ""
    """… and its country, in ISO 3166's two letters."""
    source: str = ""
    data_coding: int = 0
    at: float = 0.0
    """When it is to be sent …"""
    later: bool = False
    """… and whether that is later, so that it does not matter which channels are away now."""


class Condition(NamedTuple):
    """Something that a route asks."""

    fits: Callable[[Asked], bool]
    otherwise: str
    """A sentence that says why a message does not fit."""


class Rule:
    """A route, ready to be compared with messages and with other routes."""

    __slots__ = ("each", "order", "place", "rank", "route", "turn")

    def __init__(self, route: Route) -> None:
        """Read a route; raises ``ValueError`` if its hours are none."""
        self.route = route
        self.rank = rank(route)
        self.order = (*self.rank, route.id)
        self.place = tuple(_of_place(route))
        """What it asks of the destination, beside its prefix."""
        self.each = tuple(_of_each(route))
        """What it asks that differs between the messages to one destination."""
        self.turn = 0
        """How much of its share it has still to get, or has had too much."""

    def mismatch(self, asked: Asked) -> str:
        """Return why a message does not fit, nothing if it does."""
        for condition in (*self.place, *self.each):
            if not condition.fits(asked):
                return condition.otherwise
        return ""


def rank(route: Route) -> tuple[object, ...]:
    """Return where a route stands among those that fit a message: the lower ones come first.

    After its priority an account's own comes first, then the narrower. Of those that refuse messages and
    those that send them, the former.
    """
    return (
        -route.priority,
        route.account_id is None,
        -len(route.prefix),
        -len(route.network[: MCC + 1]),
        not route.country,
        _rank_of_sender(route.sender),
        not route.type,
        not route.hours,
        route.action == SEND,
    )


def share(rules: Collection[Rule]) -> Rule:
    """Return whose turn it is among equals: each gets its weight's share, spread as evenly as can be."""
    if len(rules) == 1:
        return next(iter(rules))
    for rule in rules:
        rule.turn += rule.route.weight
    chosen = max(rules, key=lambda rule: rule.turn)
    chosen.turn -= sum(rule.route.weight for rule in rules)
    return chosen


def kind(data_coding: int) -> str:
    """Return the type of a message."""
    return _KINDS[data_coding]


def _kind(data_coding: int) -> str:
    # What is no text stays as it is, even for an operator who takes no alphabet at all.
    octets = Encoded(data_coding, b"")
    if recode(octets, frozenset()) is octets:
        return BINARY
    return FLASH if message_class(data_coding) == FLASH_CLASS else TEXT


_KINDS = tuple(map(_kind, range(0x100)))


def _of_place(route: Route) -> Iterable[Condition]:
    if route.country:
        yield Condition(
            lambda asked: asked.country == route.country, f"The destination is not in {route.country}."
        )
    if route.network:
        yield Condition(
            lambda asked: (
                asked.network.startswith(route.network)
                if len(route.network) == MCC
                else asked.network == route.network
            ),
            f"The destination is not in network {route.network}.",
        )


def _of_each(route: Route) -> Iterable[Condition]:
    if route.sender:
        sender = route.sender.lower()
        if sender.endswith(ANY_END):
            begin = sender.removesuffix(ANY_END)
            yield Condition(
                lambda asked: asked.source.lower().startswith(begin),
                f"The sender does not begin with {route.sender.removesuffix(ANY_END)}.",
            )
        else:
            yield Condition(
                lambda asked: asked.source.lower() == sender, f"The sender is not {route.sender}."
            )
    if route.type:
        yield Condition(
            lambda asked: _KINDS[asked.data_coding] == route.type, f"The message is not {route.type}."
        )
    if route.hours:
        hours = hours_of(route.hours)
        yield Condition(lambda asked: asked.at in hours, f"The time is not in {route.hours}.")


def _rank_of_sender(sender: str) -> tuple[int, int]:
    """Return where a sender stands: a whole one first, then the longest beginning."""
    if not sender:
        return 2, 0
    return (1, -len(sender)) if sender.endswith(ANY_END) else (0, 0)

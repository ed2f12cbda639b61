"""Which channel a message takes, and what that channel's operator can take."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from twisted.logger import Logger

from smsd.services.rules import FORBID, MCC, SEND, Asked, Rule, share
from smsd.services.statuses import (
    REJECTED_NETWORK,
    REJECTED_NOT_REACHABLE,
    REJECTED_ROUTE_NOT_AVAILABLE,
    REJECTED_SYSTEM_ERROR,
)
from smsd.sms.coding import Alphabet, Encoded, recode
from smsd.store.settings import Route, Rows

ALPHABETS = {"gsm7": Alphabet.GSM7, "latin1": Alphabet.LATIN1, "ucs2": Alphabet.UCS2}
"""The alphabets that a channel may have, by the names that its row has for them."""

NORMAL, SUSPENDED, DRAINING = "normal", "suspended", "draining"
MODES = (NORMAL, SUSPENDED, DRAINING)
"""What a channel may do: all; only keep what it is given; or only send what it has."""

ORDER = attrgetter("order")
PLACES = 50_000
"""For how many places, of one route code, the routes are kept in their order."""


class Unroutable(Exception):
    """A message has no way; ``status`` says why, ``route`` is the one that says so, if one does."""

    def __init__(self, status: int, route: Route | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.route = route


class Codings(NamedTuple):
    """What an operator can take."""

    alphabets: frozenset[Alphabet]
    unchanged: frozenset[int]
    """The data_coding octets of messages that go out as they came."""

    def fit(self, message: Encoded) -> Encoded:
        """Return a message in a coding that the operator takes, itself if it is in one."""
        return message if message.data_coding in self.unchanged else recode(message, self.alphabets)


class Considered(NamedTuple):
    """A route, and why a message does not fit it; nothing if it does."""

    route: Route
    mismatch: str


def codings(alphabets: str) -> Codings:
    """Return the codings of a channel's alphabets; raises ``KeyError`` for one that doesn't exist."""
    taken = frozenset(ALPHABETS[name] for name in alphabets.split())
    probes = (Encoded(data_coding, b"") for data_coding in range(0x100))
    return Codings(taken, frozenset(one.data_coding for one in probes if recode(one, taken) is one))


class Routing:
    """Finds the way of a message among the routes that fit it, in the order of their ranks.

    A session that asked for a route code has the routes with that code, and no others. Of equal routes each
    gets its share. The first whose channel takes messages and is there has the message; if none is there the
    first that takes messages keeps it. A route that refuses messages ends the search.
    """

    log = Logger()

    def __init__(self) -> None:
        self._routes: tuple[Route, ...] = ()
        self._by_id: dict[int, Route] = {}
        self._codes: dict[str, _Code] = {}
        self._codings: dict[int, Codings] = {}
        self._enabled: frozenset[int] = frozenset()
        self._away: frozenset[int] = frozenset()
        self._usable: frozenset[int] = frozenset()
        self._alternatives: dict[int, bool] = {}
        self.asks_lookups = False
        """Whether any route asks for lookups."""

    def apply(self, rows: Rows) -> None:
        """Take over changed routes and channels."""
        if rows.routes != self._routes:
            self._routes = rows.routes
            self._by_id = {route.id: route for route in rows.routes}
            self._codes = _codes(list(self._rules(rows.routes)))
            self.asks_lookups = any(route.lookup for route in rows.routes)
        self._codings = {channel.id: codings(channel.alphabets) for channel in rows.channels}
        self._enabled = frozenset(
            channel.id for channel in rows.channels if channel.enabled and channel.mode != DRAINING
        )
        self.away(self._away)

    def away(self, channels: frozenset[int]) -> None:
        """Take note which channels have been down for so long that others are to have their messages."""
        self._away = channels
        self._usable = self._enabled - channels
        self._alternatives = {}

    def find(self, asked: Asked) -> Route:
        """Return the route that a message takes.

        Raises:
            Unroutable: if there is none.
        """
        found = self._candidates(asked)
        usable = self._enabled if asked.later else self._usable
        if found.is_plain:
            for route in found.plain:
                if route.channel_id in usable:
                    return route
        groups = list(_ways(found.rules, asked))
        for channels in (usable, self._enabled):
            for rules in groups:
                fit = [rule for rule in rules if rule.route.channel_id in channels]
                if fit:
                    return share(fit).route
        end = groups[-1][0].route if groups else None
        if end is None:
            raise Unroutable(REJECTED_ROUTE_NOT_AVAILABLE)
        if end.action == SEND:
            raise Unroutable(REJECTED_SYSTEM_ERROR, groups[0][0].route)
        raise Unroutable(REJECTED_NETWORK if end.action == FORBID else REJECTED_NOT_REACHABLE, end)

    def asks_lookup(self, asked: Asked) -> bool:
        """Tell whether a number is to be looked up: the first route that fits, or an equal, says so."""
        for rules in _ways(self._candidates(asked).rules, asked):
            return any(rule.route.lookup for rule in rules)
        return False

    def others(self, asked: Asked, tried: Collection[int]) -> Iterator[Route]:
        """Yield the routes, in order, whose channels are there and have not been tried."""
        for rules in _ways(self._candidates(asked).rules, asked):
            fit = [
                rule
                for rule in rules
                if rule.route.channel_id in self._usable and rule.route.channel_id not in tried
            ]
            while fit:
                rule = share(fit)
                yield rule.route
                fit.remove(rule)

    def consider(self, asked: Asked) -> tuple[list[Considered], int]:
        """Return the routes with a prefix of the destination, in their order, and how many others there are.

        Others have another route code, another account, or another prefix.
        """
        code = self._codes.get(asked.code)
        if code is None:
            return [], len(self._routes)
        rules = sorted(code.along(asked), key=ORDER)
        considered = [Considered(rule.route, rule.mismatch(asked)) for rule in rules]
        return considered, len(self._routes) - len(rules)

    def route(self, number: int) -> Route | None:
        """Return a route by its number, if there still is one."""
        return self._by_id.get(number)

    def has_code(self, account_id: int, code: str) -> bool:
        """Tell whether an account may ask for a route code."""
        found = self._codes.get(code)
        return found is not None and (bool(found.everybodys.rules) or account_id in found.own)

    def has_alternative(self, channel_id: int) -> bool:
        """Tell whether there may be something among what waits for a channel that another one may have."""
        known = self._alternatives.get(channel_id)
        if known is None:
            known = any(code.has_alternative(channel_id, self._usable) for code in self._codes.values())
            self._alternatives[channel_id] = known
        return known

    def codings(self, channel_id: int) -> Codings:
        """Return what a channel's operator can take."""
        return self._codings[channel_id]

    def _candidates(self, asked: Asked) -> _Candidates:
        """Return the routes for a message's destination, in their order."""
        code = self._codes.get(asked.code)
        if code is None:
            return NONE
        number = asked.destination
        place: object = None
        rules, lengths = code.everybodys
        for length in lengths:  # As longest does: every message comes by here.
            prefix = number[:length]
            if prefix in rules:
                place = prefix
                break
        if code.is_simple:
            found = code.places.get(place)
            if found is not None:
                return found
        own = code.own.get(asked.account_id)
        if own is not None:
            place = (asked.account_id, own.longest(number), place)
        if code.networks:
            network = asked.network
            if network not in code.networks:
                network = network[:MCC] if network[:MCC] in code.networks else ""
            place = (place, network)
        if code.countries:
            place = (place, asked.country if asked.country in code.countries else None)
        found = code.places.get(place)
        if found is None:
            if len(code.places) >= PLACES:
                code.places.clear()
            found = code.places[place] = _Candidates(code.along(asked), asked)
        return found

    def _rules(self, routes: Collection[Route]) -> Iterator[Rule]:
        for route in routes:
            try:
                yield Rule(route)
            except ValueError as error:  # A time zone, say, that another machine knows.
                self.log.error("Route {route} is left out: {error}", route=route.id, error=error)


class _Candidates:
    """The routes that fit a place, in order, up to the first one that refuses all that comes to it."""

    __slots__ = ("is_plain", "plain", "rules")

    def __init__(self, rules: Collection[Rule], asked: Asked) -> None:
        fit = (rule for rule in rules if all(condition.fits(asked) for condition in rule.place))
        self.rules = sorted(fit, key=ORDER)
        for position, rule in enumerate(self.rules):
            if rule.route.action != SEND and not rule.each:
                del self.rules[position + 1 :]
                break
        # Without equals, and with nothing asked of each message, there is nothing more to decide.
        ranks = {rule.rank for rule in self.rules}
        self.is_plain = len(ranks) == len(self.rules) and not any(rule.each for rule in self.rules)
        self.plain = tuple(rule.route for rule in self.rules)


NONE = _Candidates((), Asked(0, ""))


class _Table(NamedTuple):
    """The rules of an account, or of everybody, by their prefixes."""

    rules: dict[str, list[Rule]]
    lengths: tuple[int, ...]
    """How long their prefixes are, the longest first."""

    def longest(self, number: str) -> str | None:
        """Return the longest prefix of a number that a rule has; each shorter one is a prefix of it too."""
        rules = self.rules
        for length in self.lengths:
            if number[:length] in rules:
                return number[:length]
        return None

    def along(self, number: str) -> Iterator[Rule]:
        """Yield the rules with a prefix of a number."""
        for length in self.lengths:
            if length <= len(number):
                yield from self.rules.get(number[:length], ())


def _table(rules: Collection[Rule]) -> _Table:
    by_prefix: dict[str, list[Rule]] = {}
    for rule in rules:
        by_prefix.setdefault(rule.route.prefix, []).append(rule)
    return _Table(by_prefix, tuple(sorted({len(prefix) for prefix in by_prefix}, reverse=True)))


class _Code:
    """The rules of a route code."""

    def __init__(self, rules: Collection[Rule]) -> None:
        by_account: dict[int | None, list[Rule]] = {}
        for rule in rules:
            by_account.setdefault(rule.route.account_id, []).append(rule)
        self.everybodys = _table(by_account.pop(None, ()))
        self.own = {account: _table(own) for account, own in by_account.items() if account is not None}
        self.networks = frozenset(rule.route.network for rule in rules if rule.route.network)
        self.countries = frozenset(rule.route.country for rule in rules if rule.route.country)
        self.is_simple = not (self.own or self.networks or self.countries)
        """Whether everybody's prefixes alone make a place."""
        self.places: dict[object, _Candidates] = {}
        self._rules = rules

    def along(self, asked: Asked) -> list[Rule]:
        """Return the rules that an account's message finds along its destination."""
        own = self.own.get(asked.account_id)
        found = list(own.along(asked.destination)) if own is not None else []
        return [*found, *self.everybodys.along(asked.destination)]

    def has_alternative(self, channel_id: int, usable: frozenset[int]) -> bool:
        """Tell whether a rule that leads elsewhere can meet, in one message, one that leads to a channel."""
        here: dict[str, set[int | None]] = {}
        there: dict[str, set[int | None]] = {}
        for rule in self._rules:
            route = rule.route
            if route.channel_id == channel_id:
                here.setdefault(route.prefix, set()).add(route.account_id)
            elif route.channel_id in usable:
                there.setdefault(route.prefix, set()).add(route.account_id)
        return _meet(here, there) or _meet(there, here)


def _meet(ones: dict[str, set[int | None]], others: dict[str, set[int | None]]) -> bool:
    """Tell whether one of these has a prefix of another, and both are for one account."""
    for prefix, accounts in ones.items():
        for length in range(len(prefix) + 1):
            found = others.get(prefix[:length])
            if found and (None in found or None in accounts or found & accounts):
                return True
    return False


def _codes(rules: Collection[Rule]) -> dict[str, _Code]:
    by_code: dict[str, list[Rule]] = {}
    for rule in rules:
        by_code.setdefault(rule.route.code, []).append(rule)
    return {code: _Code(ones) for code, ones in by_code.items()}


def _ways(rules: Collection[Rule], asked: Asked) -> Iterator[list[Rule]]:
    """Yield the rules that fit a message, equals together, up to one that refuses it; that one too."""
    fit = (rule for rule in rules if all(condition.fits(asked) for condition in rule.each))
    for _, equals in groupby(fit, attrgetter("rank")):
        found = list(equals)
        yield found
        if found[0].route.action != SEND:
            return

"""Where destinations are at home that are looked up before their messages are routed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.numbering.addresses import destination as e164
from smsd.numbering.addresses import sender
from smsd.numbering.imsi import home_network
from smsd.numbering.plan import UNKNOWN, Home
from smsd.services.charging import Charging, NotEnough, PackageExpired
from smsd.services.checks import Checks
from smsd.services.fields import PORTABILITY
from smsd.services.gathering import Gathering
from smsd.services.ids import MessageIds
from smsd.services.lookup import Lookup as Finding
from smsd.services.lookup import Question, Search
from smsd.services.networks import Networks
from smsd.services.routing import Routing
from smsd.services.sending_hours import SendingHours
from smsd.services.shares import Shares
from smsd.services.statuses import (
    MESSAGE_ACCEPTED,
    NO_RESPONSE,
    PENDING_APPROVAL,
    UNDELIVERABLE_NOT_DELIVERED,
)
from smsd.services.submission import Request, asked_of
from smsd.sms.udh import Concatenation
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.lookups import Found, Lookup, LookupChanges, Report, State, Way
from smsd.store.settings import Account, Rows

PATIENCE = 2.0
"""Seconds that a message waits for a lookup: its client waits for its answer meanwhile."""
PLACES = 20_000
"""Messages that may wait, and lookups under way; an account has half of those that the others leave."""

Homes = Mapping[str, Home]
"""Homes by destinations, as these are written in requests."""
NONE: Homes = {}


class HomeLookup:
    """Looks destinations up for accounts and routes that want that before their messages are routed.

    What this database knows of a number costs nothing. If others have to be asked, that is a lookup of the
    account, in its log and at its price. Messages to a number that is being looked up for their account
    already wait for that. One of which nothing is found in time is at home where the number plan says.
    """

    log = Logger()

    def __init__(
        self,
        finding: Finding,
        networks: Networks,
        routing: Routing,
        checks: Checks,
        hours: SendingHours,
        gathering: Gathering,
        charging: Charging,
        journal: Journal,
        ids: MessageIds,
        clock: IReactorTime,
    ) -> None:
        self._finding = finding
        self._networks = networks
        self._routing = routing
        self._checks = checks
        self._hours = hours
        self._gathering = gathering
        self._charging = charging
        self._changes = LookupChanges(journal)
        self._ids = ids
        self._clock = clock
        self._places = Shares(PLACES)
        self._going: dict[tuple[int, str], _Going] = {}
        self.wanted = False
        """Whether anybody wants lookups: if not, there is no need to ask for homes."""

    def apply(self, rows: Rows) -> None:
        """Take over changed accounts and routes."""
        self.wanted = any(one.lookup_first for one in rows.accounts) or any(one.lookup for one in rows.routes)

    @property
    def waiting(self) -> int:
        """How many messages wait, and lookups are under way."""
        return self._places.taken

    def find(
        self, account: Account, requests: Iterable[Request], place: Concatenation | None = None
    ) -> Homes | Deferred[Homes]:
        """Return where the destinations of an account's requests are at home, as far as that is looked up.

        It is known at once if nobody has to be asked, and :data:`NONE` if nobody wants it. All parts of a
        long message, whose ``place`` is given, go where the first one went.
        """
        if not account.lookup_first and not self._routing.asks_lookups:
            return NONE
        wanted: dict[str, str] = {}
        count = 0
        for request in requests:
            count += 1
            number = self._wanted(request, part=place is not None)
            if number is None:
                continue
            if place is not None:
                network = self._gathering.network(request, place)
                if network is not None:
                    return {request.destination: self._networks.within(network, number)}
            wanted[request.destination] = number
        if not wanted or not self._places.has_room(account.id, count + len(wanted)):
            return NONE
        return self._look_up(account, wanted, count)

    def _wanted(self, request: Request, *, part: bool) -> str | None:
        """Return the number that is to be looked up for a message, if one is."""
        account = request.account
        number, source = e164(request.destination), sender(request.source)
        if number is None or source is None or request.refusal != MESSAGE_ACCEPTED:
            return None
        home = self._networks.of(number)
        if home is UNKNOWN:
            return None
        if not account.lookup_first:
            now = self._clock.seconds()
            due_at = self._hours.opens(account.id, max(now, request.due_at or now))
            if not self._routing.asks_lookup(asked_of(request, number, source, home, due_at, now)):
                return None
        if account.id not in self._checks.unchecked:
            content = None if part else request.content
            found = self._checks.look(account.id, number, source, content, request.together)
            if found.status not in (MESSAGE_ACCEPTED, PENDING_APPROVAL):
                return None  # What is refused is not worth a lookup.
        return number

    def _look_up(self, account: Account, wanted: Mapping[str, str], count: int) -> Homes | Deferred[Homes]:
        lookups = {number: self._lookup(account, number) for number in dict.fromkeys(wanted.values())}
        homes: dict[str, Home] = {}
        call = _Call(homes)
        for destination, number in wanted.items():
            lookup = lookups[number]
            if lookup is None:
                continue
            if lookup.home is not None:
                homes[destination] = lookup.home
            elif not lookup.over:
                call.left += 1
                lookup.calls.append((call, destination))
        if not call.left:
            return homes
        self._places.take(account.id, count)
        call.done.addBoth(self._heard, account.id, count)
        return call.done

    def _heard(self, homes: Homes | Failure, account_id: int, count: int) -> Homes | Failure:
        self._places.leave(account_id, count)
        return homes

    def _lookup(self, account: Account, number: str) -> _Going | None:
        """Begin to look a number up, unless that is under way; return ``None`` if it can't be."""
        key = (account.id, number)
        going = self._going.get(key)
        if going is not None:
            return going
        search = self._finding.search(Question(account.id, number, PORTABILITY, home_only=True))
        if not any(search.wants(back_end) for back_end in search.asked):
            return None
        left = self._charging.left(account.id)
        if left is not None and left <= 0:
            return None  # Else whoever has no credit would have numbers looked up for nothing.
        try:
            cost = self._charging.reserve(account.id, account.lookup_price, 1)
        except (NotEnough, PackageExpired):
            return None
        going = self._going[key] = _Going(account, number, search, cost, self._clock.seconds())
        self._places.take(account.id)
        asking = Deferred.fromCoroutine(self._finding.ask(search))
        asking.addCallbacks(self._answered, self._failed, (going,), errbackArgs=(going,))
        asking.addErrback(lambda failure: self.log.failure("What a lookup found can't be used", failure))
        if not going.over:
            going.timer = self._clock.callLater(PATIENCE, self._overdue, going)
        return going

    def _answered(self, found: Found, going: _Going) -> None:
        self._leave(going)
        if going.over:
            return  # It is remembered for the next message.
        going.over = True
        try:
            network = found.network
            imsi = going.search.gathered.context.imsi
            if not network and imsi is not None:
                network = home_network(imsi)  # The plan knows no network of such numbers.
            self._keep(going, found, network)
            if network and not found.unanswered:
                going.home = self._networks.within(network, going.number)
        finally:
            going.tell()  # Whatever goes wrong here, nobody may wait for ever.

    def _failed(self, failure: Failure, going: _Going) -> None:
        self.log.failure("A lookup failed", failure)
        self._leave(going)
        if not going.over:
            self._overdue(going)

    def _overdue(self, going: _Going) -> None:
        """Wait no more: until an answer comes, nobody else waits either."""
        going.over = True
        found = self._finding.found(going.search)
        context = replace(found.context, error=NO_RESPONSE)
        status = UNDELIVERABLE_NOT_DELIVERED
        self._keep(going, replace(found, context=context, status=status, unanswered=True), found.network)
        going.tell()

    def _leave(self, going: _Going) -> None:
        del self._going[going.account.id, going.number]
        self._places.leave(going.account.id)
        if going.timer is not None and going.timer.active():
            going.timer.cancel()

    def _keep(self, going: _Going, found: Found, network: str) -> None:
        """Store a lookup, and what it costs: without an answer, nothing.

        It is none if only this database was asked.
        """
        account, cost, price = going.account, going.cost, going.account.lookup_price
        if found.unanswered or not going.search.asks:
            self._charging.release(account.id, cost)
            cost, price = 0, "0"
        if not going.search.asks:
            return
        lookup = Lookup(
            self._ids.next(),
            account.id,
            State.ANSWERED,
            Way.ROUTING,
            Report.NONE,
            None,
            going.number,
            PORTABILITY,
            going.asked_at,
            self._clock.seconds(),
            found.status,
            found.error,
            network,
            price,
            charged=cost,
            found=found,
        )
        storing = _Storing(self._charging, cost)
        try:
            self._changes.ask(lookup, storing)
        except (Overloaded, StoreUnavailable):
            storing.not_stored(lookup)


class _Going:
    """A lookup that is under way."""

    __slots__ = ("account", "asked_at", "calls", "cost", "home", "number", "over", "search", "timer")

    def __init__(self, account: Account, number: str, search: Search, cost: int, asked_at: float) -> None:
        self.account = account
        self.number = number
        self.search = search
        self.cost = cost
        self.asked_at = asked_at
        self.over = False
        """Whether nobody waits for it: it is answered, or overdue."""
        self.home: Home | None = None
        self.timer: IDelayedCall | None = None
        self.calls: list[tuple[_Call, str]] = []
        """Who waits to hear of it, and as what."""

    def tell(self) -> None:
        """Tell whoever waits."""
        calls, self.calls = self.calls, []
        for call, destination in calls:
            call.hear(destination, self.home)


class _Call:
    """Somebody who waits until all of some numbers are looked up."""

    __slots__ = ("done", "homes", "left")

    def __init__(self, homes: dict[str, Home]) -> None:
        self.homes = homes
        self.left = 0
        self.done: Deferred[Homes] = Deferred()

    def hear(self, destination: str, home: Home | None) -> None:
        """Take note of what is found of one of them."""
        if home is not None:
            self.homes[destination] = home
        self.left -= 1
        if not self.left:
            self.done.callback(self.homes)  # If whoever waited is gone, nobody hears it.


class _Storing(NamedTuple):
    """Gives back what was set aside for a lookup once it is on disk, or never will be."""

    charging: Charging
    cost: int

    def stored(self, lookup: Lookup) -> None:
        self.charging.release(lookup.account_id, self.cost)

    def not_stored(self, lookup: Lookup) -> None:
        self.charging.release(lookup.account_id, self.cost)

    def refused(self, lookup: Lookup) -> None:
        self.charging.release(lookup.account_id, self.cost)

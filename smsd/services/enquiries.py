"""Clients' questions about numbers: taken in, charged, answered and logged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from smsd.numbering.addresses import destination
from smsd.services.charging import Charging, NotEnough, PackageExpired
from smsd.services.deliveries import Deliveries, Kind
from smsd.services.ids import MessageIds
from smsd.services.lookup import Lookup as Finding
from smsd.services.lookup import Question, Search
from smsd.services.pushing import Pushing
from smsd.services.shares import Shares
from smsd.services.statuses import (
    MISSING_TO,
    NO_ERROR,
    PENDING_ENROUTE,
    REJECTED_DESTINATION,
    REJECTED_NOT_ENOUGH_CREDITS,
    REJECTED_PREPAID_PACKAGE_EXPIRED,
)
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.lookups import (
    Found,
    Lookup,
    LookupChanges,
    Lookups,
    Report,
    State,
    Submitter,
    Way,
)
from smsd.store.pushes import lookup_push, storing
from smsd.store.settings import Account

PENDING = 20_000
"""Lookups that may wait for their answers at once; an account has half of those that the others leave."""
PAGE = 500
"""Lookups of before that are taken up together."""
AGAIN = 1.0
"""Seconds until a table that could not be read is read again."""


class NotOffered(Exception):
    """The account has no package of lookups."""


class EnquiryRefused(Exception):
    """A number is not looked up; ``status`` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Answer(NamedTuple):
    """What becomes of one number of a request."""

    to: str
    """The number's digits; if it is none, what the client said."""
    status: int
    lookup: Lookup | None = None


class Enquiries(Service):
    """Takes questions in and sees their answers through to the clients.

    A question is charged in the transaction that stores it; if nobody answers, it costs nothing.
    """

    log = Logger()

    def __init__(
        self,
        finding: Finding,
        rows: Lookups,
        journal: Journal,
        charging: Charging,
        deliveries: Deliveries,
        pushing: Pushing,
        ids: MessageIds,
        clock: IReactorTime,
    ) -> None:
        self._finding = finding
        self._rows = rows
        self._journal = journal
        self._changes = changes = LookupChanges(journal)
        self._charging = charging
        self._deliveries = deliveries
        self._pushing = pushing
        self._ids = ids
        self._clock = clock
        self._pending = Shares(PENDING)
        self._resuming: Deferred[None] | None = None
        deliveries.add_kind(
            Kind(
                Lookup,
                rows.owed,
                changes.taken,
                changes.put_aside,
                "the answer to lookup",
                "lookup",
            )
        )

    def startService(self) -> None:
        """Take up what was not answered when the node last stopped."""
        super().startService()
        self._resuming = Deferred.fromCoroutine(self._resume(self._ids.newest))
        self._resuming.addErrback(self._not_resumed)

    def stopService(self) -> None:
        """Leave the rest to the next start."""
        super().stopService()
        if self._resuming is not None:
            self._resuming.cancel()

    def submit(self, account: Account, to: str, submitter: Submitter, origin: object = None) -> Lookup:
        """Take in a question whose answer goes to the account's sessions.

        Raises:
            EnquiryRefused: if the number is none, or the account has not enough credit.
            NotOffered: if the account has no package.
            Overloaded: if too many wait for the disk, or for their answers.
            StoreUnavailable: if the database can't be written just now.
        """
        self.admit(account, 1)
        number = destination(to)
        if number is None:
            raise EnquiryRefused(REJECTED_DESTINATION)
        lookup = self._asked(account, number, Way.SMPP)
        lookup.origin = origin
        self._take_in(account, lookup, submitter)
        return lookup

    async def notify(
        self, account: Account, numbers: Sequence[str], bulk_id: str | None, url: str, xml: bool
    ) -> list[Answer]:
        """Take in questions whose answers are pushed, and return once they are on disk.

        Raises:
            NotOffered, Overloaded, StoreUnavailable: as :meth:`submit`; none is taken in then.
        """
        self.admit(account, len(numbers))
        self._has_room(account, len(numbers))
        storing = _Storing()
        answers = []
        for to in numbers:
            number = destination(to)
            if number is None:
                answers.append(_none(to))
                continue
            lookup = self._asked(account, number, Way.PUSH)
            lookup.bulk_id, lookup.notify_url, lookup.notify_xml = bulk_id, url, int(xml)
            try:
                self._take_in(account, lookup, storing)
            except EnquiryRefused as refused:
                answers.append(Answer(number, refused.status))
            else:
                storing.waiting += 1
                answers.append(Answer(number, PENDING_ENROUTE, lookup))
        await storing.all()
        return storing.without_refused(answers)

    async def query(
        self, account: Account, numbers: Sequence[str], bulk_id: str | None, refresh: bool = False
    ) -> list[Answer]:
        """Return what is found of numbers, in their order, once that is on disk.

        Raises:
            NotOffered, Overloaded, StoreUnavailable: as :meth:`submit`; nothing is charged then.
        """
        self.admit(account, len(numbers))
        answers: list[Answer] = []
        lookups: list[Lookup] = []
        reserved: dict[int, int] = {}
        try:
            for to in numbers:
                number = destination(to)
                if number is None:
                    answers.append(_none(to))
                    continue
                lookup = self._asked(account, number, Way.AT_ONCE)
                lookup.bulk_id = bulk_id
                try:
                    reserved[lookup.id] = self._reserve(lookup)
                except EnquiryRefused as refused:
                    answers.append(Answer(number, refused.status))
                    continue
                lookups.append(lookup)
                answers.append(Answer(number, PENDING_ENROUTE, lookup))
            await self._find_all(lookups, refresh)
            self._journal.admit(account.id, max(1, len(lookups)))
        except BaseException:
            for cost in reserved.values():
                self._charging.release(account.id, cost)
            raise
        storing = _Storing(lambda lookup: self._charging.release(account.id, reserved[lookup.id]))
        for lookup in lookups:
            storing.waiting += 1
            self._changes.ask(lookup, storing)
        await storing.all()
        return storing.without_refused(
            [one._replace(status=one.lookup.status) if one.lookup is not None else one for one in answers]
        )

    def admit(self, account: Account, count: int) -> None:
        """See whether an account may ask about so many numbers now; raises as :meth:`notify`."""
        if not account.lookups:
            raise NotOffered(f"Account {account.system_id} has no package of lookups.")
        self._journal.admit(account.id, max(1, count))

    def _has_room(self, account: Account, count: int) -> None:
        if not self._pending.has_room(account.id, count):
            raise Overloaded(f"{self._pending.taken} lookups wait for their answers.")

    def _asked(self, account: Account, number: str, way: Way) -> Lookup:
        return Lookup(
            self._ids.next(),
            account.id,
            State.ASKED,
            way,
            Report.NONE,
            None,
            number,
            account.lookups,
            self._clock.seconds(),
            None,
            PENDING_ENROUTE,
            NO_ERROR,
            "",
            account.lookup_price,
        )

    def _take_in(self, account: Account, lookup: Lookup, submitter: Submitter) -> None:
        """Store a question, with its answer if that is known at once; raises as :meth:`submit`."""
        search = self._finding.search(_question(lookup)) if lookup.way == Way.SMPP else None
        held = search is None or bool(search.asked)
        if held:
            self._has_room(account, 1)
        taking = _TakingIn(self, self._reserve(lookup), held, submitter)
        if held:
            self._pending.take(account.id)
        if search is not None and search.local:
            if search.asked:
                reading = Deferred.fromCoroutine(self._read(lookup, search, taking))
                reading.addErrback(lambda failure: self.log.failure("A lookup failed", failure))
                return
            self._answer(lookup, self._finding.found(search))
        try:
            self._changes.ask(lookup, taking)
        except Exception:
            self._let_go(lookup, taking.cost, held)
            raise

    async def _read(self, lookup: Lookup, search: Search, taking: _TakingIn) -> None:
        """Store a question with the answer that this database has."""
        try:
            self._answer(lookup, await self._finding.ask(search))
            self._changes.ask(lookup, taking)
        except (Overloaded, StoreUnavailable):
            taking.not_stored(lookup)
        except Exception:
            taking.not_stored(lookup)
            raise

    def _let_go(self, lookup: Lookup, cost: int, held: bool) -> None:
        """Give back what was set aside for a question: its cost, and a place among those that wait."""
        self._charging.release(lookup.account_id, cost)
        if held:
            self._pending.leave(lookup.account_id)

    def _reserve(self, lookup: Lookup) -> int:
        """Set aside what a lookup costs, and return it.

        Raises:
            EnquiryRefused: if its account has not so much credit, or its package has ended.
        """
        try:
            lookup.charged = self._charging.reserve(lookup.account_id, lookup.price, 1)
        except NotEnough:
            raise EnquiryRefused(REJECTED_NOT_ENOUGH_CREDITS) from None
        except PackageExpired:
            raise EnquiryRefused(REJECTED_PREPAID_PACKAGE_EXPIRED) from None
        return lookup.charged

    def stored(self, lookup: Lookup, cost: int, held: bool) -> None:
        """Take note that a question is on disk: send its answer, or find it."""
        if lookup.state == State.ANSWERED:
            self._let_go(lookup, cost, held)
            self._deliveries.offer(lookup.account_id, lookup)
        else:
            self._charging.release(lookup.account_id, cost)
            answering = Deferred.fromCoroutine(self._see_through(lookup))
            answering.addErrback(lambda failure: self.log.failure("A lookup failed", failure))

    def not_stored(self, lookup: Lookup, cost: int, held: bool) -> None:
        """Take note that a question never will be on disk."""
        self._let_go(lookup, cost, held)

    async def _find_all(self, lookups: Sequence[Lookup], refresh: bool) -> None:
        """Give lookups their answers."""
        waiting: list[Deferred[None]] = []
        tables: list[tuple[Lookup, Search]] = []
        for lookup in lookups:
            search = self._finding.search(_question(lookup, refresh))
            if not search.asked:
                self._answer(lookup, self._finding.found(search))
            elif search.local:
                tables.append((lookup, search))
            else:
                waiting.append(Deferred.fromCoroutine(self._find(lookup, search)))
        if tables:
            waiting.append(Deferred.fromCoroutine(self._read_all(tables)))
        if waiting:
            await gatherResults(waiting, consumeErrors=True)

    async def _find(self, lookup: Lookup, search: Search) -> None:
        self._answer(lookup, await self._finding.ask(search))

    async def _read_all(self, tables: Sequence[tuple[Lookup, Search]]) -> None:
        found = await self._finding.read([search for _, search in tables])
        for (lookup, _), one in zip(tables, found, strict=True):
            self._answer(lookup, one)

    async def _see_through(self, lookup: Lookup) -> None:
        """Find the answer to a question that is on disk, store it, and send it out."""
        charged = lookup.charged
        self._answer(lookup, await self._finding.ask(self._finding.search(_question(lookup))))
        push = lookup_push(lookup, self._clock.seconds()) if lookup.way == Way.PUSH else None
        answered: Deferred[None] = Deferred()

        def on_disk() -> None:
            self._pending.leave(lookup.account_id)
            if push is not None:
                self._pushing.offer(push)
            else:
                self._deliveries.offer(lookup.account_id, lookup)
            answered.callback(None)

        along = (storing(push),) if push is not None else ()
        self._changes.answered(lookup, *along, back=lookup.charged < charged, after=on_disk)
        await answered

    def _answer(self, lookup: Lookup, found: Found) -> None:
        lookup.state, lookup.found, lookup.done_at = State.ANSWERED, found, self._clock.seconds()
        lookup.status, lookup.error, lookup.network = found.status, found.error, found.network
        if lookup.way == Way.SMPP:
            lookup.report = Report.OWED
        if found.unanswered:
            lookup.price, lookup.charged = "0", 0

    async def _resume(self, until: int) -> None:
        """Answer what was asked before this node started, some at a time."""
        after = 0
        while True:
            try:
                lookups = await self._rows.pending(after, until, PAGE)
            except StoreUnavailable:
                await deferLater(self._clock, AGAIN)
                continue
            if not lookups:
                return
            for lookup in lookups:
                self._pending.take(lookup.account_id)
            await DeferredList(
                [Deferred.fromCoroutine(self._see_through(lookup)) for lookup in lookups],
                fireOnOneErrback=True,
            )
            after = lookups[-1].id

    def _not_resumed(self, failure: Failure) -> None:
        if self.running:
            self.log.failure("Lookups of before can't be answered", failure)


class _TakingIn(NamedTuple):
    """Sees to a question when it is on disk, after its client has heard of that."""

    enquiries: Enquiries
    cost: int
    held: bool
    """Whether it has a place among those that wait for their answers."""
    submitter: Submitter

    def stored(self, lookup: Lookup) -> None:
        self.submitter.stored(lookup)
        self.enquiries.stored(lookup, self.cost, self.held)

    def not_stored(self, lookup: Lookup) -> None:
        self.submitter.not_stored(lookup)
        self.enquiries.not_stored(lookup, self.cost, self.held)

    def refused(self, lookup: Lookup) -> None:
        self.submitter.refused(lookup)
        self.enquiries.not_stored(lookup, self.cost, self.held)


class _Storing:
    """Waits until all lookups of a request are on disk, whether or not its client still does."""

    def __init__(self, settled: Callable[[Lookup], None] | None = None) -> None:
        """Tell ``settled`` of each that is on disk, or never will be."""
        self.waiting = 1
        self._settled = settled
        self._failed = False
        self._refused: set[int] = set()
        self._done: Deferred[bool] = Deferred()

    def stored(self, lookup: Lookup) -> None:
        if self._settled is not None:
            self._settled(lookup)
        self._one_less()

    def not_stored(self, lookup: Lookup) -> None:
        self._failed = True
        self.stored(lookup)

    def refused(self, lookup: Lookup) -> None:
        self._refused.add(lookup.id)
        self.stored(lookup)

    def without_refused(self, answers: list[Answer]) -> list[Answer]:
        """Return answers, those refused for which the credit was not enough when they came to disk."""
        if not self._refused:
            return answers
        return [
            Answer(one.to, REJECTED_NOT_ENOUGH_CREDITS)
            if one.lookup is not None and one.lookup.id in self._refused
            else one
            for one in answers
        ]

    async def all(self) -> None:
        """Wait for all that were handed in.

        Raises:
            StoreUnavailable: if they could not be stored.
        """
        self._one_less()
        if not await self._done:
            raise StoreUnavailable("The lookups could not be stored.")

    def _one_less(self) -> None:
        self.waiting -= 1
        if not self.waiting:
            self._done.callback(not self._failed)


def _question(lookup: Lookup, refresh: bool = False) -> Question:
    return Question(lookup.account_id, lookup.number, lookup.package, refresh)


def _none(to: str) -> Answer:
    """Return what becomes of what is no number."""
    return Answer(to, REJECTED_DESTINATION if to else MISSING_TO)

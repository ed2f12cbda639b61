"""The services that all edges of a node share, made once and joined to one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smsd.services.accounts import Accounts
from smsd.services.admission import Admission
from smsd.services.approvals import Approvals
from smsd.services.back_ends import BackEnds
from smsd.services.backlog import Backlog
from smsd.services.bulk_changes import BulkChanges
from smsd.services.bulks import Bulks
from smsd.services.channel_states import ChannelStates
from smsd.services.charging import Charging
from smsd.services.checks import Checks
from smsd.services.client_ids import ClientIds
from smsd.services.deadlines import Deadlines
from smsd.services.deliveries import Deliveries
from smsd.services.dispatch import Dispatch
from smsd.services.enquiries import Enquiries
from smsd.services.failover import Failover
from smsd.services.flood import Flood
from smsd.services.gathering import Gathering
from smsd.services.guard import Guard
from smsd.services.homes import HomeLookup
from smsd.services.ids import MessageIds, first_of
from smsd.services.inbox import Inbox
from smsd.services.links import Links, ShortLinks
from smsd.services.lists import KEPT as LISTS_KEPT
from smsd.services.lists import Lists
from smsd.services.logs import LogReading
from smsd.services.lookup import Lookup
from smsd.services.lookup_memory import Ages, LookupMemory
from smsd.services.networks import Networks
from smsd.services.number_plan import NumberPlan
from smsd.services.ported import Ported
from smsd.services.prices import Prices
from smsd.services.pushing import Pushing
from smsd.services.repetitions import Repetitions
from smsd.services.reports import Reports
from smsd.services.retention import Removal, Remover, Retention, removers
from smsd.services.routing import Routing
from smsd.services.sending_hours import SendingHours
from smsd.services.settings import Settings
from smsd.services.stops import Stops
from smsd.services.submission import Submission
from smsd.services.tracking import Tracking
from smsd.store.approvals import ApprovalRows
from smsd.store.bulks import Bulks as BulkRows
from smsd.store.channel_states import ChannelStateRows
from smsd.store.credit import Credit
from smsd.store.engine import Engine
from smsd.store.journal import Journal
from smsd.store.links import LinkChanges, LinkRows
from smsd.store.lists import ListRows
from smsd.store.logs import Logs
from smsd.store.lookup_known import LookupKnown
from smsd.store.lookups import Lookups
from smsd.store.messages import Messages
from smsd.store.ported import PortedRows
from smsd.store.prices import PriceRows
from smsd.store.pushes import PushChanges, Pushes
from smsd.store.received import ReceivedChanges, ReceivedMessages
from smsd.store.received_logs import ReceivedLogs
from smsd.store.repetitions import Repetitions as RepetitionRows
from smsd.store.retention import RetentionRows
from smsd.store.subscribers import SubscriberTables

AS_EVER = Retention()
"""How long things are kept unless the configuration says otherwise."""

NO_LINKS = ShortLinks()
"""Without a URL of their own, there are no short links."""


class Bounds(msgspec.Struct, frozen=True):
    """How much is held in memory."""

    unstored: int = 10_000
    """Messages that wait for the disk."""
    messages: int = 2_000
    """Messages of one account, channel and priority that wait to be sent."""
    receipts: int = 2_000
    """What waits for one account's sessions, of each kind."""


class Core:
    """The services over one database."""

    def __init__(
        self,
        engine: Engine,
        clock: IReactorTime,
        in_thread: Callable[..., Deferred[Any]],
        bounds: Bounds,
        retention: Retention = AS_EVER,
        short_links: ShortLinks = NO_LINKS,
    ) -> None:
        """Join the services; nothing is read or written yet. Slow calls run with ``in_thread``."""
        self.clock = clock
        self.messages = Messages(engine)
        self.journal = Journal(engine, clock, bounds.unstored)
        self.settings = Settings(engine, clock)
        self.ids = MessageIds(clock)
        self.accounts = Accounts(in_thread)
        self.admission = Admission(self.accounts, Guard(clock), clock)
        self.client_ids = ClientIds(self.messages, self.journal)
        self.repetition_rows = RepetitionRows(engine)
        self.repetitions = Repetitions(self.repetition_rows, self.journal, self.ids, clock)
        self.routing = Routing()
        self.networks = Networks()
        self.ported = Ported(PortedRows(engine), clock, self.networks.use_ported)
        self.backlog = Backlog(self.messages, clock)
        self.charging = Charging(Credit(engine), Prices(PriceRows(engine), clock), clock)
        self.journal.debited = self.charging.debited
        self.journal.back = self._back
        self.deliveries = Deliveries(self.accounts, clock, bounds.receipts)
        self.pushing = Pushing(Pushes(engine), PushChanges(self.journal), clock)
        self.reports = Reports(
            self.journal, self.messages, self.deliveries, self.pushing, self.backlog, self.ids, clock
        )
        self.link_rows = LinkRows(engine)
        self.links = Links(
            self.link_rows,
            LinkChanges(self.journal),
            self.pushing,
            self.networks,
            self.ids,
            clock,
            short_links,
        )
        self.reports.ended = self.links.ended
        self.reports.refund = self.charging.refund
        self.tracking = Tracking(self.journal, self.messages, self.reports, self.backlog, clock)
        self._stops = stops = Stops()
        self.hours = SendingHours()
        self.flood = Flood(clock)
        self.list_rows = ListRows(engine)
        self.lists = Lists(self.list_rows, clock)
        self.checks = Checks(self.lists)
        self.dispatch = Dispatch(
            self.journal,
            self.messages,
            self.reports,
            self.tracking,
            self.backlog,
            stops,
            self.hours,
            clock,
            bounds.messages,
        )
        self.bulk_rows = BulkRows(engine)
        self.bulks = Bulks(self.bulk_rows, stops, self.ids, self.hours, clock)
        self.bulk_changes = BulkChanges(self.bulk_rows, stops, self.dispatch, self.reports, clock)
        self.submission = Submission(
            self.routing,
            self.ids,
            self.journal,
            self.dispatch,
            self.backlog,
            self.charging,
            self.pushing,
            self.networks,
            self.checks,
            self.flood,
            self.hours,
            clock,
        )
        self.gathering = Gathering(
            self.submission, self.journal, self.dispatch, self.backlog, self.charging, self.reports, clock
        )
        self.received = ReceivedMessages(engine)
        self.inbox = Inbox(
            self.received, ReceivedChanges(self.journal), self.deliveries, self.pushing, self.ids, clock
        )
        self.plan = NumberPlan(self.networks)
        self.subscribers = SubscriberTables(engine)
        self.back_ends = BackEnds(self.subscribers, clock)
        self.lookup_memory = LookupMemory(LookupKnown(engine), self.journal, clock, Ages())
        self.lookup = Lookup(self.plan, self.lookup_memory, self.back_ends.asked)
        self.lookup_rows = Lookups(engine)
        self.lookup_deliveries = Deliveries(self.accounts, clock, bounds.receipts)
        """Answers to lookups: they go to sessions that have asked for that service, and to no others."""
        self.enquiries = Enquiries(
            self.lookup,
            self.lookup_rows,
            self.journal,
            self.charging,
            self.lookup_deliveries,
            self.pushing,
            self.ids,
            clock,
        )
        self.homes = HomeLookup(
            self.lookup,
            self.networks,
            self.routing,
            self.checks,
            self.hours,
            self.gathering,
            self.charging,
            self.journal,
            self.ids,
            clock,
        )
        self.channel_states = ChannelStates(ChannelStateRows(engine), clock)
        self.channel_states.watch(self.routing.away)
        self.failover = Failover(
            self.routing,
            self.networks,
            self.channel_states,
            self.journal,
            self.messages,
            self.dispatch,
            clock,
        )
        self.dispatch.elsewhere = self.failover.refused
        self.approvals = Approvals(ApprovalRows(engine), self.reports, clock)
        self.deadlines = Deadlines(self.journal, self.messages, self.dispatch, self.reports, clock)
        self.logs = LogReading(Logs(engine), ReceivedLogs(engine), self.lookup_rows, clock, retention.logs)
        self.removers = [
            *removers(RetentionRows(engine), retention),
            Remover("tracked messages", self.links.remove_old),
            Remover(
                "answers to requests that may be repeated",
                lambda now, limit: self.repetition_rows.remove_before(now - retention.logs, limit),
            ),
            Remover(
                "answers to lookups that nobody takes",
                lambda now, limit: self.lookup_rows.give_up(first_of(now - retention.reports), limit),
            ),
            Remover(
                "lookups",
                lambda now, limit: self.lookup_rows.remove_before(first_of(now - retention.logs), limit),
            ),
            Remover("what was said of numbers", self.lookup_memory.remove),
            Remover("old tables of subscribers", lambda _, limit: self.subscribers.remove_old(limit)),
            Remover(
                "what was said of bulks",
                lambda now, limit: self.bulk_rows.remove_before(now - retention.logs, limit),
            ),
            Remover(
                "what was taken off lists",
                lambda now, limit: self.list_rows.forget_before(now - LISTS_KEPT, limit),
            ),
        ]
        self.removal = Removal(self.removers, clock)
        for user in (
            self.accounts,
            self.routing,
            self.networks,
            self.ported,
            self.charging,
            self.deliveries,
            self.inbox,
            self.pushing,
            self.bulk_changes,
            self.lists,
            self.checks,
            self.flood,
            self.hours,
            self.back_ends,
            self.lookup,
            self.lookup_memory,
            self.lookup_deliveries,
            self.homes,
        ):
            self.settings.use(user.apply)

    def _back(self) -> None:
        """Take note that the database is there again, and that answers of its may have been lost."""
        self.charging.doubt()
        self.backlog.doubt()

    def in_memory(self) -> dict[str, int]:
        """Return how much is in memory of what goes through smsd, by what it is."""
        return {
            "messages that wait for the disk": self.journal.waiting,
            "parts of messages": self.gathering.incomplete,
            "messages that wait for lookups": self.homes.waiting,
            "messages that wait to be sent": self.backlog.waiting,
            "messages for channels": self.dispatch.held,
            "segments without a receipt": self.tracking.remembered,
            "receipts that nobody knows": self.tracking.parked,
            "bulks that are held": len(self._stops),
            "what goes to sessions": self.deliveries.held,
            "pushes": self.pushing.held,
            "credit set aside": self.charging.reserved,
        }

    async def resume(self) -> None:
        """Take up what the database holds, before the settings are loaded.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """
        tables = (
            self.messages,
            self.received,
            self.link_rows,
            self.repetition_rows,
            self.bulk_rows,
            self.lookup_rows,
        )
        self.ids.newest = max([await table.newest_id() for table in tables])
        await self.ported.load()
        await self.backlog.resume()
        await self.charging.resume()
        await self.lists.resume()
        await self.gathering.resume(self.messages)
        await self.bulk_changes.resume()
        await self.dispatch.resume()
        await self.inbox.resume()

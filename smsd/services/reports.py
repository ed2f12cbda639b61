"""The end of a message, and how its owner hears of it: by a receipt, or a report, pushed or fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from smsd.services.backlog import Backlog
from smsd.services.deliveries import Deliveries, Kind
from smsd.services.ids import MessageIds
from smsd.services.pushing import Pushing
from smsd.services.statuses import DELIVERED_GROUP, MESSAGE_CANCELED, REJECTED_NOT_SENT, STATUSES
from smsd.store.credit import UNCHARGED
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, Report, State
from smsd.store.pushes import intermediate_push, report_push, storing

INTERMEDIATE = 0x10
"""The bit of registered_delivery that asks for intermediate notifications (SMPP 3.4, 5.2.17)."""
FAILURES_ONLY = 2
"""registered_delivery's low bits when a receipt is wanted for a failure only (SMPP 3.4, 5.2.17)."""


class Notice(NamedTuple):
    """That a message is not delivered yet: for a client who wants to hear of that, if it is bound."""

    id: int
    message: Message
    error: int
    at: float


class Reports:
    """Makes messages final and sees their reports through to acknowledgement."""

    def __init__(
        self,
        journal: Journal,
        messages: Messages,
        deliveries: Deliveries,
        pushing: Pushing,
        backlog: Backlog,
        ids: MessageIds,
        clock: IReactorTime,
    ) -> None:
        self._journal = journal
        self._messages = messages
        self._deliveries = deliveries
        self._pushing = pushing
        self._backlog = backlog
        self._ids = ids
        self._clock = clock
        self.ended: Callable[[Message, int, float], None] = _unheard
        """Is told the status that a message may end with, and when, before that goes to disk."""
        self.refund: Callable[[Message, int], int | None] = _none_back
        """Says in which case a message that ends with a status gives back what it cost."""
        self._uncharged: set[int] = set()
        journal.heard[UNCHARGED] = lambda rows: self._uncharged.update(id for (id,) in rows)
        deliveries.add_kind(
            Kind(
                Message,
                messages.owed,
                lambda message, after: journal.reported(message.id, clock.seconds(), after),
                lambda message, after: journal.set_aside(message.id, after),
            )
        )
        # Notices are nowhere but in memory.
        deliveries.add_kind(Kind(Notice, _none, lambda _, after: after(True), lambda _, after: after(True)))

    def cancel(self, message: Message, after: Callable[[], None] | None = None) -> None:
        """End a message that is not to be sent: as :meth:`end`."""
        self.end(message, REJECTED_NOT_SENT, MESSAGE_CANCELED, after)

    def end(
        self,
        message: Message,
        status: int,
        error: int,
        after: Callable[[], None] | None = None,
    ) -> None:
        """Give a message its final status, unless it has one; call ``after`` once that is on disk.

        With it goes back what the message cost, if its account gets that back.
        """
        done_at = self._clock.seconds()
        report = _owed(message, status)
        gathering = message.state == State.GATHERING
        if gathering:
            self._journal.forget_parts(message.id)

        def on_disk(made_final: bool) -> None:
            if message.id in self._uncharged:
                self._uncharged.discard(message.id)
                message.charged = 0
            if made_final:
                message.state, message.report = State.FINAL, report
                message.status, message.error, message.done_at = status, error, done_at
                if message.sent_at is None and not gathering:
                    self._backlog.left(message.account_id)
                if report == Report.RECEIPT:
                    self._deliveries.offer(message.account_id, message)
                elif push is not None:
                    self._pushing.offer(push)
            else:
                # A commit whose answer was lost may have made it final: then only the table knows it is owed.
                self._deliveries.look(message.account_id, Message)
                if push is not None:
                    self._pushing.in_doubt(push)
            if after is not None:
                after()

        refund = self.refund(message, status)
        back = None if refund is None else (message.account_id, refund)
        self._journal.final(message.id, status, error, done_at, report, on_disk, back)
        push = report_push(message, done_at) if report == Report.PUSH else None
        if push is not None:
            self._journal.change(*storing(push))
        self.ended(message, status, done_at)

    def waiting(self, message: Message, error: int) -> None:
        """Tell a client who asked for it that a message is not delivered yet, for a reason that may pass."""
        if message.report == Report.RECEIPT and message.content.registered_delivery & INTERMEDIATE:
            notice = Notice(self._ids.next(), message, error, self._clock.seconds())
            self._deliveries.offer(message.account_id, notice)
        notify = message.content.notify
        if notify is not None and notify.intermediate:
            push = intermediate_push(self._ids.next(), message, error, self._clock.seconds())
            self._journal.change(*storing(push), lambda _: self._pushing.offer(push))

    async def fetch(
        self, account_id: int, bulk_ids: Sequence[str], ids: Sequence[str], limit: int
    ) -> list[Message]:
        """Return final messages that the account has not fetched yet; each is given once."""
        return await self._messages.fetch(account_id, bulk_ids, ids, limit, self._clock.seconds())


def _none_back(message: Message, status: int) -> int | None:
    """Give nothing back."""


def _unheard(message: Message, status: int, done_at: float) -> None:
    """Nobody asks how messages end."""


async def _none(account_id: int, limit: int) -> list[Notice]:
    return []


def _owed(message: Message, status: int) -> int:
    """Return the report that a message's owner wants of this final status."""
    if (
        message.report == Report.RECEIPT
        and message.content.registered_delivery & 3 == FAILURES_ONLY
        and STATUSES[status].group_id == DELIVERED_GROUP
    ):
        return Report.NONE
    return message.report

"""The end of a message, and how its owner hears of it: a receipt over SMPP, or a report to be fetched."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.statuses import DELIVERED_GROUP, STATUSES
from smsd.services.window import Window
from smsd.store.journal import Journal
from smsd.store.messages import Message, Messages, Report, State

FAILURES_ONLY = 2
"""registered_delivery's low bits when a receipt is wanted for a failure only (SMPP 3.4, 5.2.17)."""


class Receiver(Protocol):
    """A session of a client that takes receipts."""

    @property
    def room(self) -> int:
        """How many more receipts the session takes now."""

    def deliver(self, message: Message) -> None:
        """Send the receipt of a final message.

        The session answers with :meth:`Reports.acknowledged` or :meth:`Reports.returned`.
        """


class Receipts:
    """The receipts owed to one account, spread evenly over its sessions that take them."""

    def __init__(
        self, clock: IReactorTime, size: int, read: Callable[[int], Awaitable[list[Message]]]
    ) -> None:
        self._clock = clock
        self.window = Window(clock, size, read, self.hand_out_soon)
        self.receivers: deque[Receiver] = deque()
        self._due = False

    def hand_out_soon(self) -> None:
        """Hand out what there is at the end of this turn of the reactor, with all that comes until then."""
        if not self._due:
            self._due = True
            self._clock.callLater(0, self._hand_out)

    def _hand_out(self) -> None:
        """Give each session with room a receipt in its turn, as long as there are any."""
        self._due = False
        window = self.window
        with_room = deque((receiver, receiver.room) for receiver in self.receivers)
        while with_room and len(window):
            receiver, room = with_room.popleft()
            if room <= 0:
                continue
            message = window.take()
            if message is None:
                break
            self.receivers.remove(receiver)
            self.receivers.append(receiver)
            receiver.deliver(message)
            with_room.append((receiver, room - 1))


class Reports:
    """Makes messages final and sees their reports through to acknowledgement."""

    log = Logger()

    def __init__(self, journal: Journal, messages: Messages, clock: IReactorTime, size: int) -> None:
        """Hold at most ``size`` receipts an account in memory; more wait in the table."""
        self._journal = journal
        self._messages = messages
        self._clock = clock
        self._size = size
        self._receipts: dict[int, Receipts] = {}

    def end(self, message: Message, status: int, error: int, after: Callable[[], None] | None = None) -> None:
        """Give a message its final status, unless it has one; call ``after`` once that is on disk."""
        done_at = self._clock.seconds()
        report = _owed(message, status)
        if message.state == State.GATHERING:
            self._journal.forget_parts(message.id)

        def on_disk(made_final: bool) -> None:
            if made_final:
                message.state, message.report = State.FINAL, report
                message.status, message.error, message.done_at = status, error, done_at
                if report == Report.RECEIPT:
                    receipts = self._receipts.get(message.account_id)
                    if receipts is not None and receipts.window.offer(message):
                        receipts.hand_out_soon()
            elif message.account_id in self._receipts:
                # A commit whose answer was lost may have made it final: then only the table knows it is owed.
                self._receipts[message.account_id].window.look()
            if after is not None:
                after()

        self._journal.final(message.id, status, error, done_at, report, on_disk)

    def receiver_bound(self, account_id: int, receiver: Receiver) -> None:
        """Count a session in that takes the account's receipts, and let it have those that wait."""
        receipts = self._receipts.get(account_id)
        if receipts is None:
            receipts = self._receipts[account_id] = Receipts(
                self._clock, self._size, lambda limit: self._messages.owed(account_id, limit)
            )
        receipts.receivers.append(receiver)
        receipts.window.look()
        receipts.hand_out_soon()

    def receiver_gone(self, account_id: int, receiver: Receiver) -> None:
        """Count a session out; with the last one the account's receipts wait in the table."""
        receipts = self._receipts[account_id]
        receipts.receivers.remove(receiver)
        if receipts.receivers:
            receipts.hand_out_soon()
            return
        receipts.window.clear()
        if receipts.window.idle:
            del self._receipts[account_id]

    def room(self, account_id: int) -> None:
        """Take note that one of the account's sessions has room again."""
        receipts = self._receipts.get(account_id)
        if receipts is not None:
            receipts.hand_out_soon()

    def acknowledged(self, message: Message) -> None:
        """Take note that a session has acknowledged a receipt."""
        self._journal.reported(message.id, self._clock.seconds(), lambda _: self._settle(message))

    def returned(self, message: Message) -> None:
        """Take back a receipt that a session did not acknowledge: another one, or a later one, gets it."""
        receipts = self._receipts.get(message.account_id)
        if receipts is not None:
            receipts.window.put_back(message)
            if not receipts.receivers:
                receipts.window.clear()

    async def fetch(
        self, account_id: int, bulk_ids: Sequence[str], ids: Sequence[int], limit: int
    ) -> list[Message]:
        """Return final messages that the account has not fetched yet; each is given once."""
        return await self._messages.fetch(account_id, bulk_ids, ids, limit, self._clock.seconds())

    def _settle(self, message: Message) -> None:
        receipts = self._receipts.get(message.account_id)
        if receipts is not None:
            receipts.window.settle(message.id)
            if receipts.receivers:
                receipts.hand_out_soon()


def _owed(message: Message, status: int) -> int:
    """Return the report that a message's owner wants of this final status."""
    if (
        message.report == Report.RECEIPT
        and message.content.registered_delivery & 3 == FAILURES_ONLY
        and STATUSES[status].group_id == DELIVERED_GROUP
    ):
        return Report.NONE
    return message.report

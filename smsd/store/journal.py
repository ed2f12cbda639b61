"""The changes of messages, which go to disk with whatever else changes: see :mod:`smsd.store.commits`."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable

from smsd.store import credit
from smsd.store.batch import (
    ACCEPT,
    BEGUN,
    DEBIT,
    DEFERRED,
    ENDED,
    FINAL,
    FORGET_FRAGMENTS,
    FRAGMENT,
    GATHERED,
    HELD,
    MOVED,
    POSTPONED,
    REIMBURSED,
    REPORTED,
    SEGMENT,
    SENT,
    SET_ASIDE,
    UNDELIVERED,
    UNTAKEN,
    Submitter,
    accepted_row,
    encode_content,
)
from smsd.store.commits import Commits
from smsd.store.engine import Change
from smsd.store.messages import Message


class Journal(Commits):
    """Takes changes of messages, and all others, and brings them to disk, batch by batch."""

    def accept(self, message: Message, submitter: Submitter, cost: int = 0, *along: Change) -> None:
        """Store a new message, take what it costs from its account's credit, and make other changes with it.

        Raises:
            Overloaded: if too many wait already.
            StoreUnavailable: if the database can't be written just now.
        """
        self.admit(message.account_id, 1)
        self._change(ACCEPT, message.id, accepted_row(message), self._intake)
        for change in along:
            self._change(*change, self._intake)
        if cost:
            self._change(DEBIT, message.id, (message.account_id, cost), self._intake)
        self._wait(ACCEPT, message.id, submitter, message, message.account_id)

    def gather(
        self, message: Message, number: int, body: bytes, submitter: Submitter, missing: Message | None
    ) -> None:
        """Store one part of a long message, and ``missing``, its row, if that isn't on disk yet.

        Raises as :meth:`accept`.
        """
        self.admit(message.account_id, 1)
        key = (message.id, number)
        if missing is not None:
            self._change(BEGUN, missing.id, accepted_row(missing), self._intake)
        row = (message.id, number, b2a_base64(body, newline=False).decode())
        self._change(FRAGMENT, key, row, self._intake)
        self._wait(FRAGMENT, key, submitter, message, message.account_id)

    def gathered(self, whole: Message, submitter: Submitter, missing: Message | None, cost: int = 0) -> None:
        """Store that the last part has come, and the message is whole and costs so much; raises as accept.

        The other parts stay on disk until :meth:`forget_parts`: should nobody hear that this is there, the
        message waits for its last part again.
        """
        self.admit(whole.account_id, 1)
        if missing is not None:
            self._change(BEGUN, missing.id, accepted_row(missing), self._intake)
        row = (
            whole.id,
            whole.state,
            whole.status,
            whole.segments,
            whole.report,
            encode_content(whole),
            whole.charged,
        )
        self._change(GATHERED, whole.id, row, self._intake)
        if cost:
            self._change(DEBIT, whole.id, (whole.account_id, cost), self._intake)
        self._wait(GATHERED, whole.id, submitter, whole, whole.account_id)

    def forget_parts(self, message_id: int) -> None:
        """Store that a long message's parts are not needed any more: it is whole, or has ended."""
        self._change(FORGET_FRAGMENTS, message_id, (message_id,))

    def taken(self, channel_id: int, operator_id: str, message_id: int, number: int) -> None:
        """Store what an operator calls a segment that it has taken."""
        key = (channel_id, operator_id)
        self._change(SEGMENT, key, (channel_id, operator_id, message_id, number))
        self._gathering.changes[SEGMENT][key] = (channel_id, operator_id, message_id, number)

    def sent(self, message_id: int, sent_at: float, after: Callable[[bool], None]) -> None:
        """Store that the operator has taken all of a message."""
        self._change(SENT, message_id, (message_id, sent_at))
        self._gathering.after.append((SENT, message_id, after))

    def ended(
        self, channel_id: int, operator_id: str, status: int, error: int, after: Callable[[bool], None]
    ) -> None:
        """Store the final status of one segment of several."""
        key = (channel_id, operator_id)
        self._change(ENDED, key, (channel_id, operator_id, status, error))
        self._gathering.after.append((ENDED, key, after))

    def postponed(self, message: Message, after: Callable[[bool], None]) -> None:
        """Store that a message is to be tried again at its ``due_at``."""
        self._change(POSTPONED, message.id, (message.id, message.due_at, message.attempts, message.error))
        self._gathering.after.append((POSTPONED, message.id, after))

    def moved(
        self, message: Message, new: Message, content: str | None, after: Callable[[bool], None]
    ) -> None:
        """Store that a queued message waits for another channel, as ``new`` says: see :attr:`heard`.

        Its content stays as it is unless it is given.
        """
        row = (
            message.id,
            message.channel_id,
            new.channel_id,
            new.route_id,
            new.cost,
            new.tried,
            new.error,
            content,
        )
        self._change(MOVED, message.id, row)
        self._gathering.after.append((MOVED, message.id, after))

    def deferred(self, message_id: int, due_at: float, after: Callable[[bool], None]) -> None:
        """Store that a queued message is not to be sent before a time, when its account's hours begin."""
        self._change(DEFERRED, message_id, (message_id, due_at))
        self._gathering.after.append((DEFERRED, message_id, after))

    def undelivered(self, message: Message, after: Callable[[], None] | None = None) -> None:
        """Store that a message that was sent is to be sent anew at its ``due_at``."""
        self._change(UNTAKEN, message.id, (message.id, message.attempts))
        row = (message.id, message.due_at, message.attempts, message.error)
        self.change(UNDELIVERED, message.id, row, None if after is None else lambda _: after())

    def held(self, message_id: int, after: Callable[[bool], None]) -> None:
        """Store that a queued message is not to be sent before its bulk is resumed."""
        self._change(HELD, message_id, (message_id,))
        self._gathering.after.append((HELD, message_id, after))

    def final(
        self,
        message_id: int,
        status: int,
        error: int,
        done_at: float,
        report: int,
        after: Callable[[bool], None],
        refund: tuple[int, int] | None = None,
    ) -> None:
        """Store a message's final status; ``after`` is told whether it was this that made it final.

        If it was, what it cost may go back: ``refund`` names its account and says in which case,
        :data:`smsd.store.credit.UNSENT` or :data:`~smsd.store.credit.UNDELIVERED`.
        """
        # That it was sent, if that isn't on its way to disk yet, goes there with it.
        sent = self._gathering.changes[SENT].pop(message_id, None)
        if refund is not None and message_id not in self._gathering.changes[FINAL]:
            account_id, kind = refund
            if sent is None or kind == credit.UNDELIVERED:
                self._change(REIMBURSED, message_id, (message_id, account_id, kind))
        row = (message_id, status, error, done_at, report, sent[1] if sent is not None else None)
        self._change(FINAL, message_id, row)
        self._gathering.after.append((FINAL, message_id, after))

    def reported(self, message_id: int, reported_at: float, after: Callable[[bool], None]) -> None:
        """Store that the client has acknowledged a message's report."""
        self._change(REPORTED, message_id, (message_id, reported_at))
        self._gathering.after.append((REPORTED, message_id, after))

    def set_aside(self, message_id: int, after: Callable[[bool], None]) -> None:
        """Store that a message's receipt is not to be sent again until the operator says so."""
        self._change(SET_ASIDE, message_id, (message_id,))
        self._gathering.after.append((SET_ASIDE, message_id, after))

"""The changes of messages, as queries over many rows at a time, and batches of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Any, Protocol

import msgspec

from smsd.store import credit
from smsd.store.engine import Call, Query, Row
from smsd.store.links import CHANGES as CHANGES_OF_TRACKED
from smsd.store.links import CLICK, COUNTED, DELIVERED, LINK, TRACKED, UNTRACKED
from smsd.store.logs import LOG_AT, SLOT, STATUS_GROUP
from smsd.store.lookup_known import KNOWN
from smsd.store.lookups import ANSWERED, ASKED, GIVEN_BACK, NEVER_ASKED, NOT_CHARGED
from smsd.store.lookups import CHANGES as CHANGES_OF_LOOKUPS
from smsd.store.messages import Message
from smsd.store.pushes import CHANGES as CHANGES_OF_PUSHES
from smsd.store.pushes import GIVEN_UP, LATER, MAY_FETCH, MAY_FETCH_RECEIVED, PUSH, PUSHED
from smsd.store.received import ARRIVED, CLAIMED, TAKEN, WHOLE
from smsd.store.received import CHANGES as CHANGES_OF_RECEIVED
from smsd.store.repetitions import CHANGES as CHANGES_OF_REPETITIONS

ACCEPT = Query(
    "INSERT INTO message (id, account_id, channel_id, state, priority, bulk_id, source, destination,"
    " segments, accepted_at, due_at, expires_at, done_at, status, error, report, price, content, client_id,"
    " network, route_id, cost, charged, log_at, slot, status_group)"
    " SELECT id, account_id, channel_id, state, priority, bulk_id, source, destination, segments,"
    " accepted_at, due_at, expires_at, done_at, status, error, report, price, content, client_id, network,"
    " route_id, cost, charged,"
    f" {LOG_AT}, {LOG_AT} / {SLOT}, CASE WHEN state < 4 THEN 1 ELSE {STATUS_GROUP} END"
    " FROM {rows} AS r WHERE true"
    " ON CONFLICT (id) DO NOTHING",
    "id bigint, account_id bigint, channel_id bigint, state smallint, priority smallint, bulk_id text,"
    " source text, destination text, segments int, accepted_at float8, due_at float8, expires_at float8, "
    " done_at float8, status smallint, error int, report smallint, price text, content text,"
    " client_id text, network text, route_id bigint, cost text, charged bigint",
)
BEGUN = Query(ACCEPT.sql, ACCEPT.columns)
"""Stores a long message with its first part; every part brings it until it is known to be there."""
FRAGMENT = Query(
    "INSERT INTO fragment (message_id, number, body)"
    " SELECT message_id, number, body FROM {rows} AS r WHERE true"
    " ON CONFLICT (message_id, number) DO NOTHING",
    "message_id bigint, number int, body text",
)
GATHERED = Query(
    "UPDATE message SET state = r.state, status = r.status, segments = r.segments, report = r.report,"
    " content = r.content, charged = r.charged FROM {rows} AS r"
    " WHERE message.id = r.id AND message.state = 0",
    "id bigint, state smallint, status smallint, segments int, report smallint, content text, charged bigint",
)
UNGATHERED = Query(
    "UPDATE message SET state = 0, status = 0, charged = 0 FROM {rows} AS r"
    " WHERE message.id = r.id AND message.state IN (1, 2)",
    "id bigint",
)
"""Lets a long message wait for its last part again."""
FORGET_FRAGMENTS = Query(
    "DELETE FROM fragment WHERE message_id IN (SELECT id FROM {rows} AS r)",
    "id bigint",
)
SEGMENT = Query(
    "INSERT INTO segment (channel_id, operator_id, message_id, number)"
    " SELECT channel_id, operator_id, message_id, number FROM {rows} AS r WHERE true"
    " ON CONFLICT (channel_id, operator_id) DO UPDATE"
    " SET message_id = excluded.message_id, number = excluded.number, status = NULL, error = NULL",
    "channel_id bigint, operator_id text, message_id bigint, number int",
)
SENT = Query(
    "UPDATE message SET state = 3, sent_at = r.sent_at FROM {rows} AS r"
    " WHERE message.id = r.id AND message.state = 2",
    "id bigint, sent_at float8",
)
ENDED = Query(
    "UPDATE segment SET status = r.status, error = r.error FROM {rows} AS r"
    " WHERE segment.channel_id = r.channel_id AND segment.operator_id = r.operator_id"
    " AND segment.status IS NULL",
    "channel_id bigint, operator_id text, status smallint, error int",
)
POSTPONED = Query(
    "UPDATE message SET state = 1, due_at = r.due_at, attempts = r.attempts, error = r.error, tried = ''"
    " FROM {rows} AS r"
    " WHERE message.id = r.id AND message.state = 2 AND message.attempts = r.attempts - 1",
    "id bigint, due_at float8, attempts int, error int",
)
"""Lets a message wait for another attempt, for which all its channels may be asked again."""
MOVED = Query(
    "UPDATE message SET channel_id = r.channel_id, route_id = r.route_id, cost = r.cost, tried = r.tried,"
    " error = r.error, content = coalesce(r.content, message.content)"
    " FROM {rows} AS r WHERE message.id = r.id AND message.state = 2 AND message.channel_id = r.old"
    " RETURNING message.id",
    "id bigint, old bigint, channel_id bigint, route_id bigint, cost text, tried text, error int,"
    " content text",
)
"""Lets a queued message wait for another channel."""
DEFERRED = Query(
    "UPDATE message SET state = 1, status = 1, due_at = r.due_at FROM {rows} AS r"
    " WHERE message.id = r.id AND message.state = 2",
    "id bigint, due_at float8",
)
"""Lets a queued message wait for its account's hours."""
UNTAKEN = Query(
    "DELETE FROM segment WHERE message_id IN (SELECT message.id FROM {rows} AS r"
    " JOIN message ON message.id = r.id AND (message.attempts = r.attempts - 1"
    " OR (message.attempts = r.attempts AND message.state = 1)))",
    "id bigint, attempts int",
)
"""Forgets what an operator called a message that it could not deliver, and which is sent to it anew.

If a commit's answer was lost, the message may wait for that already, and its segments be here once more.
"""
UNDELIVERED = Query(
    "UPDATE message SET state = 1, due_at = r.due_at, attempts = r.attempts, error = r.error, sent_at = NULL,"
    " tried = ''"
    " FROM {rows} AS r WHERE message.id = r.id AND message.state IN (2, 3)"
    " AND message.attempts = r.attempts - 1",
    "id bigint, due_at float8, attempts int, error int",
)
"""Lets a message that was sent wait for another attempt; twice for the same attempt does no harm."""
HELD = Query(
    "UPDATE message SET state = 1, resumes_at = coalesce(message.resumes_at, message.due_at),"
    " due_at = message.expires_at FROM {rows} AS r WHERE message.id = r.id AND message.state = 2",
    "id bigint",
)
"""Lets a queued message wait for its bulk to be resumed, or for its end."""
FINAL = Query(
    f"UPDATE message SET state = 4, status = r.status, status_group = {STATUS_GROUP},"
    " error = r.error, done_at = r.done_at, report = r.report, sent_at = coalesce(r.sent_at, message.sent_at)"
    " FROM {rows} AS r WHERE message.id = r.id AND message.state < 4 RETURNING message.id",
    "id bigint, status smallint, error int, done_at float8, report smallint, sent_at float8",
)
REPORTED = Query(
    "UPDATE message SET report = 0, reported_at = r.reported_at FROM {rows} AS r WHERE message.id = r.id",
    "id bigint, reported_at float8",
)
SET_ASIDE = Query(
    "UPDATE message SET report = 3 FROM {rows} AS r WHERE message.id = r.id AND message.report = 1",
    "id bigint",
)
VOID = Query("DELETE FROM message WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")
DEBIT = Query("", "account_id bigint, micros bigint")
"""What new messages cost; :meth:`Batch.calls` makes one statement of all that changes balances."""
REFUND = Query("", "id bigint, account_id bigint")
"""That what messages cost goes back which are going to be void, if they were stored."""
REIMBURSED = Query("", "id bigint, account_id bigint, kind smallint")
"""That what messages cost goes back which the same transaction ends, unless they have ended before."""
REGAINED = Query("", "id bigint, account_id bigint")
"""That what long messages cost goes back which are to wait for their last part again, if they were whole."""
ORDER = (
    REFUND,
    VOID,
    REGAINED,
    UNGATHERED,
    UNTRACKED,
    ACCEPT,
    DEBIT,
    TRACKED,
    LINK,
    BEGUN,
    FRAGMENT,
    GATHERED,
    FORGET_FRAGMENTS,
    SEGMENT,
    SENT,
    ENDED,
    POSTPONED,
    DEFERRED,
    UNTAKEN,
    UNDELIVERED,
    HELD,
    REIMBURSED,
    FINAL,
    MOVED,  # What has just ended does not.
    REPORTED,
    SET_ASIDE,
    *CHANGES_OF_TRACKED,
    *CHANGES_OF_RECEIVED,
    *CHANGES_OF_LOOKUPS,
    KNOWN,
    *CHANGES_OF_PUSHES,
    *CHANGES_OF_REPETITIONS,
)
"""The order in which a message lives through its changes, and a transaction makes them."""
COMPANIONS = (DEBIT, TRACKED, LINK)
"""What goes with a new message, is stored with it and refused with it: its id begins their keys."""

ALONG: dict[Query, tuple[Query, ...]] = {
    **dict.fromkeys(COMPANIONS, (ACCEPT, GATHERED, ASKED)),
    FORGET_FRAGMENTS: (GATHERED, FINAL),
    REIMBURSED: (FINAL,),
    REFUND: (VOID,),
    REGAINED: (UNGATHERED,),
    GIVEN_BACK: (NEVER_ASKED,),
    NOT_CHARGED: (ANSWERED,),
    UNTAKEN: (UNDELIVERED,),
    DELIVERED: (FINAL,),
    COUNTED: (CLICK,),
    CLAIMED: (WHOLE,),
    PUSH: (ACCEPT, FINAL, ARRIVED, WHOLE, CLICK, ANSWERED),
    PUSHED: (REPORTED, GIVEN_UP, TAKEN, MAY_FETCH_RECEIVED),
    LATER: (MAY_FETCH, MAY_FETCH_RECEIVED),
}
"""What goes along with another change of the same thing, so that neither is on disk without the other.

Where a batch has no such change, it is a change of its own.
"""

CHARGES = frozenset({DEBIT, REFUND, REGAINED, REIMBURSED, GIVEN_BACK, NOT_CHARGED})
"""What changes balances."""
GOES_BACK = {
    REFUND: credit.VOIDED,
    REGAINED: credit.REGAINED,
    GIVEN_BACK: credit.NEVER_LOOKED_UP,
    NOT_CHARGED: credit.UNANSWERED,
}
"""Of which kind of charge they are whose rows don't say so."""
HOUR = 3600.0

_encode = msgspec.json.Encoder().encode


class Submitter(Protocol):
    """Whoever handed in a message and waits to hear that it is on disk."""

    def stored(self, message: Message) -> None:
        """Take note that the message is on disk."""

    def not_stored(self, message: Message) -> None:
        """Take note that the message could not be stored, and never will be."""

    def refused(self, message: Message) -> None:
        """Take note that its account's credit does not cover the message, so that it is not stored."""


class Batch:
    """Changes that are committed together; of two changes of one kind to one thing the first stands."""

    def __init__(self) -> None:
        self.changes: dict[Query, dict[Hashable, Row]] = {query: {} for query in ORDER}
        self.waiting: list[tuple[Query, Hashable, Any, Any, int]] = []
        """Who waits for which change, what of, and whose share of the room it takes."""
        self.after: list[tuple[Query, Hashable, Callable[[bool], None]]] = []

    def __bool__(self) -> bool:
        return any(self.changes.values())

    def __len__(self) -> int:
        return len(self._own())

    def calls(self, now: float) -> list[Call]:
        """Return the batch as the calls of one transaction, which is made at this time."""
        charges = self._charges(now)
        calls = [Call(credit.CHARGED, charges), Call(credit.ENTERED, charges)] if charges else []
        ended = self.changes[REIMBURSED]
        if ended:
            calls.append(Call(credit.UNCHARGED, [(id, kind) for id, _, kind in ended.values()]))
        calls += [
            Call(query, list(rows.values()))
            for query, rows in self.changes.items()
            if rows and query not in CHARGES
        ]
        return calls

    def _charges(self, now: float) -> list[Row]:
        """Return how the batch changes balances, as rows of :data:`credit.CHARGED`.

        The costs of most messages come as one sum for each account.
        """
        hour = now // HOUR * HOUR
        gathered, asked = self.changes[GATHERED], self.changes[ASKED]
        costs: dict[tuple[int, int], int] = {}
        counts: dict[tuple[int, int], int] = {}
        charges: list[Row] = []
        id: Hashable
        for id, (account_id, micros) in self.changes[DEBIT].items():
            if gathered and id in gathered and id not in self.changes[REGAINED]:
                # An earlier attempt may have made it whole already.
                charges.append((credit.GATHERED, id, account_id, micros, 1, hour))
            else:
                key = (credit.LOOKED_UP if asked and id in asked else credit.DEBITED, account_id)
                costs[key] = costs.get(key, 0) + micros
                counts[key] = counts.get(key, 0) + 1
        charges += [
            (kind, 0, account_id, micros, counts[kind, account_id], hour)
            for (kind, account_id), micros in costs.items()
        ]
        for query, kind in GOES_BACK.items():
            charges += [(kind, id, account_id, 0, 1, hour) for id, account_id in self.changes[query].values()]
        charges += [
            (kind, id, account_id, 0, 1, hour)
            for id, account_id, kind in self.changes[REIMBURSED].values()
            if id not in self.changes[REFUND]  # What is void is given back once.
        ]
        return charges

    def uncovered(self, left: dict[int, int]) -> set[Hashable]:
        """Return the new messages that are not covered by what their accounts have ``left``."""
        found: set[Hashable] = set()
        for id, (account_id, micros) in self.changes[DEBIT].items():
            if account_id in left:
                if micros > left[account_id]:
                    found.add(id)
                else:
                    left[account_id] -= micros
        return found

    def take_out(self, ids: Collection[Hashable]) -> Batch:
        """Return a batch of what would have stored these new messages, and keep all else."""
        taken = Batch()
        queries = {query for query, key, *_ in self.waiting if key in ids}
        for query in (*queries, *COMPANIONS):
            for key in list(self.changes[query]):
                if (key[0] if isinstance(key, tuple) else key) in ids:
                    taken.changes[query][key] = self.changes[query].pop(key)
        taken.waiting = [entry for entry in self.waiting if entry[1] in taken.changes[entry[0]]]
        self.waiting = [entry for entry in self.waiting if entry[1] in self.changes[entry[0]]]
        return taken

    def halves(self) -> tuple[Batch, Batch]:
        """Divide the batch."""
        first, second = Batch(), Batch()
        own = self._own()
        for position, (query, key) in enumerate(own):
            half = first if position < len(own) // 2 else second
            half.changes[query][key] = self.changes[query][key]
        for query, others in ALONG.items():
            for key, row in self.changes[query].items():
                if _goes_along(self, query, key):
                    half = first if any(_thing(key) in first.changes[other] for other in others) else second
                    half.changes[query][key] = row
        for half in (first, second):
            half.waiting = [entry for entry in self.waiting if entry[1] in half.changes[entry[0]]]
        for entry in self.after:
            # That a message was sent may be part of its end.
            sent_first = entry[0] is SENT and entry[1] in first.changes[FINAL]
            half = first if sent_first or entry[1] in first.changes[entry[0]] else second
            half.after.append(entry)
        return first, second

    def _own(self) -> list[tuple[Query, Hashable]]:
        """Return the changes that go along with no others."""
        return [
            (query, key)
            for query in ORDER
            for key in self.changes[query]
            if not _goes_along(self, query, key)
        ]

    def remove(self, part: Batch) -> None:
        """Take out what a part of this batch holds."""
        for query, rows in part.changes.items():
            for key in rows:
                self.changes[query].pop(key, None)
        self.waiting = [entry for entry in self.waiting if entry[1] in self.changes[entry[0]]]
        taken = {id(entry) for entry in part.after}
        self.after = [entry for entry in self.after if id(entry) not in taken]


def _thing(key: Hashable) -> Hashable:
    """Return what a change is of: keys that say more begin with it."""
    return key[0] if isinstance(key, tuple) else key


def _goes_along(batch: Batch, query: Query, key: Hashable) -> bool:
    return any(_thing(key) in batch.changes[other] for other in ALONG.get(query, ()))


def accepted_row(message: Message) -> Row:
    """Return a new message as a row of :data:`ACCEPT`."""
    return (
        message.id,
        message.account_id,
        message.channel_id,
        message.state,
        message.priority,
        message.bulk_id,
        message.source,
        message.destination,
        message.segments,
        message.accepted_at,
        message.due_at,
        message.expires_at,
        message.done_at,
        message.status,
        message.error,
        message.report,
        message.price,
        encode_content(message),
        message.client_id,
        message.network,
        message.route_id,
        message.cost,
        message.charged,
    )


def encode_content(message: Message) -> str:
    """Return a message's content as it is stored."""
    return _encode(message.content).decode()

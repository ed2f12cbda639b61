"""Pushes as rows: what is to be sent to clients' URLs, and the queries that read and change it.

A report, or a received message, that waits for another attempt may be fetched instead; whoever marks its row
first has it. Changes go to disk in the batches of :mod:`smsd.store.commits`, many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from smsd.store import received
from smsd.store.engine import Call, Change, Engine, Query, Row
from smsd.store.links import Click, LinkRows
from smsd.store.lookups import Lookup, Lookups
from smsd.store.messages import Message, Messages, Notify, Report
from smsd.store.received import Received, ReceivedMessages

if TYPE_CHECKING:
    from smsd.store.journal import Journal

TO_PUSH, TO_FETCH = int(Report.PUSH), int(Report.FETCH)
PUSHED_NOW, IN_INBOX = int(received.State.PUSH), int(received.State.INBOX)


class Kind(IntEnum):
    """What is pushed."""

    REPORT = 1
    INTERMEDIATE = 2
    RECEIVED = 3
    CLICK = 4
    LOOKUP = 5


class Form(IntEnum):
    """How it is sent."""

    JSON = 0
    XML = 1
    GET = 2
    """All is in the URL."""
    POST = 3
    """What would be in the URL's query is a form in the body."""


class Push(msgspec.Struct):
    """Something that is to be sent to a URL; times are seconds since 1970."""

    id: int
    account_id: int
    lane: int
    kind: int
    subject: int
    url: str
    form: int
    error: int
    created_at: float
    attempts: int
    due_at: float
    failure: str = ""
    item: Message | Received | Click | Lookup | None = None
    """What it is about; ``None`` if that is no longer there."""


class Lane(msgspec.Struct, frozen=True):
    """Pushes that are sent in turn: those of an account to a URL, whatever its query."""

    id: int
    account_id: int
    url: str
    """The URL without its query."""


class Waiting(msgspec.Struct, frozen=True):
    """What waits to be sent to a URL."""

    account_id: int
    url: str
    """One of the URLs, which differ in their queries."""
    count: int
    oldest: float
    attempts: int
    next_at: float
    failure: str


FIRST = -(2**63)
"""A number before that of any lane."""
COLUMNS = (
    "id, account_id, lane, kind, subject, url, form, error, created_at, attempts, due_at, failure"  # As Push.
)
_TYPES = (
    "id bigint, account_id bigint, lane bigint, kind smallint, subject bigint, url text, form smallint,"
    " error int, created_at float8, attempts int, due_at float8, failure text"
)

DUE = Query(
    f"SELECT {COLUMNS} FROM push WHERE lane = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?",
)
AGAIN = Query(
    "SELECT lane, max(account_id), max(url) FROM push WHERE attempts > 0 AND due_at > ? AND due_at <= ?"
    " GROUP BY lane LIMIT ?"
)
LANES = Query(
    # From lane to lane by the index, however many pushes each has, and however many have none that is due.
    "WITH RECURSIVE step (lane, number) AS (SELECT min(lane), 1 FROM push WHERE lane > ? UNION ALL"
    " SELECT (SELECT min(push.lane) FROM push WHERE push.lane > step.lane), step.number + 1"
    " FROM step WHERE step.lane IS NOT NULL AND step.number < ?)"
    " SELECT step.lane, push.account_id, push.url FROM step LEFT JOIN push ON push.id = (SELECT first.id"
    " FROM push AS first WHERE first.lane = step.lane AND first.due_at <= ? ORDER BY first.due_at, first.id"
    " LIMIT 1) WHERE step.lane IS NOT NULL ORDER BY step.number"
)
CLAIM_REPORTS = Query(
    f"UPDATE message SET report = {TO_PUSH} FROM {{rows}} AS r"
    f" WHERE message.id = r.id AND message.report IN ({TO_FETCH}, {TO_PUSH}) RETURNING message.id",
    "id bigint",
)
OWE_REPORTS = Query(
    f"UPDATE message SET report = {TO_PUSH} FROM {{rows}} AS r WHERE message.id = r.id AND message.state = 4",
    "id bigint",
)
OWE_RECEIVED = Query(
    f"UPDATE received SET state = {PUSHED_NOW}, done_at = NULL FROM {{rows}} AS r"
    f" WHERE received.id = r.id AND received.state IN ({IN_INBOX}, {PUSHED_NOW}, {int(received.State.DONE)})",
    "id bigint",
)
CLAIM_RECEIVED = Query(
    f"UPDATE received SET state = {PUSHED_NOW} FROM {{rows}} AS r"
    f" WHERE received.id = r.id AND received.state IN ({IN_INBOX}, {PUSHED_NOW}) RETURNING received.id",
    "id bigint",
)
WAITING = Query(
    "SELECT max(account_id), max(url), count(*), min(created_at), max(attempts), min(due_at), max(failure)"
    " FROM push GROUP BY lane ORDER BY count(*) DESC LIMIT ?"
)

PUSH = Query(
    f"INSERT INTO push ({COLUMNS}) SELECT {COLUMNS} FROM {{rows}} AS r"
    f" WHERE r.kind IN ({int(Kind.INTERMEDIATE)}, {int(Kind.CLICK)}, {int(Kind.LOOKUP)})"
    f" OR r.kind = {int(Kind.REPORT)} AND EXISTS (SELECT 1 FROM message"
    f" WHERE message.id = r.subject AND message.state = 4 AND message.report = {TO_PUSH})"
    f" OR r.kind = {int(Kind.RECEIVED)} AND EXISTS (SELECT 1 FROM received"
    f" WHERE received.id = r.subject AND received.state = {PUSHED_NOW})"
    " ON CONFLICT (id) DO NOTHING",
    _TYPES,
)
"""Stores pushes: that of a report or a received message only if its own row, stored before, wants one."""
ONCE_MORE = Query(
    PUSH.sql.replace("DO NOTHING", "DO UPDATE SET attempts = 0, due_at = excluded.due_at, failure = ''")
    + " RETURNING id",
    PUSH.columns,
)
PUSHED = Query("DELETE FROM push WHERE id IN (SELECT id FROM {rows} AS r)", "id bigint")
LATER = Query(
    "UPDATE push SET attempts = r.attempts, due_at = r.due_at, failure = r.failure FROM {rows} AS r"
    " WHERE push.id = r.id",
    "id bigint, attempts int, due_at float8, failure text",
)
MAY_FETCH = Query(
    f"UPDATE message SET report = {TO_FETCH} FROM {{rows}} AS r"
    f" WHERE message.id = r.id AND message.report = {TO_PUSH}",
    "id bigint",
)
MAY_FETCH_RECEIVED = Query(
    f"UPDATE received SET state = {IN_INBOX} FROM {{rows}} AS r"
    f" WHERE received.id = r.id AND received.state = {PUSHED_NOW}",
    "id bigint",
)
GIVEN_UP = Query(
    f"UPDATE message SET report = 0 FROM {{rows}} AS r"
    f" WHERE message.id = r.id AND message.report IN ({TO_FETCH}, {TO_PUSH})",
    "id bigint",
)
CHANGES = (PUSH, PUSHED, LATER, MAY_FETCH, MAY_FETCH_RECEIVED, GIVEN_UP)
"""The order in which a push lives through its changes; what it is about has been changed before."""


def lane_of(account_id: int, url: str) -> int:
    """Return the number of the lane that an account's pushes to a URL take: the same for ever."""
    place = url.partition("?")[0]
    digest = blake2b(f"{account_id} {place}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _lane(id: int, account_id: int, url: str) -> Lane:
    return Lane(id, account_id, url.partition("?")[0])


def row_of(push: Push) -> Row:
    """Return a push as a row of :data:`PUSH`."""
    return (
        push.id,
        push.account_id,
        push.lane,
        push.kind,
        push.subject,
        push.url,
        push.form,
        push.error,
        push.created_at,
        push.attempts,
        push.due_at,
        push.failure,
    )


def report_push(message: Message, now: float) -> Push:
    """Return the push of the final report of a message whose client has asked for one.

    It has the message's id, so that no report has two of them.
    """
    return _of_message(message.id, Kind.REPORT, message, 0, now)


def intermediate_push(id: int, message: Message, error: int, now: float) -> Push:
    """Return the push of an error that does not end a message, if its client has asked for that."""
    return _of_message(id, Kind.INTERMEDIATE, message, error, now)


def received_push(received: Received, url: str, form: Form, now: float) -> Push:
    """Return the push of a received message."""
    lane = lane_of(received.account_id, url)
    return Push(
        received.id,
        received.account_id,
        lane,
        Kind.RECEIVED,
        received.id,
        url,
        form,
        0,
        now,
        0,
        now,
        item=received,
    )


def click_push(click: Click, notify: Notify) -> Push:
    """Return the push of a click; it has the click's id."""
    return Push(
        click.id,
        click.account_id,
        lane_of(click.account_id, notify.url),
        Kind.CLICK,
        click.id,
        notify.url,
        Form.XML if notify.xml else Form.JSON,
        0,
        click.clicked_at,
        0,
        click.clicked_at,
        item=click,
    )


def lookup_push(lookup: Lookup, now: float) -> Push:
    """Return the push of the answer to a lookup; it has the lookup's id."""
    return Push(
        lookup.id,
        lookup.account_id,
        lane_of(lookup.account_id, lookup.notify_url),
        Kind.LOOKUP,
        lookup.id,
        lookup.notify_url,
        Form.XML if lookup.notify_xml else Form.JSON,
        0,
        now,
        0,
        now,
        item=lookup,
    )


def _of_message(id: int, kind: Kind, message: Message, error: int, now: float) -> Push:
    notify = message.content.notify
    assert notify is not None
    return Push(
        id,
        message.account_id,
        lane_of(message.account_id, notify.url),
        kind,
        message.id,
        notify.url,
        Form.XML if notify.xml else Form.JSON,
        error,
        now,
        0,
        now,
        item=message,
    )


def storing(push: Push) -> Change:
    """Return the change that stores a push."""
    return PUSH, push.id, row_of(push)


class Pushes:
    """Reads and claims them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._messages = Messages(engine)
        self._received = ReceivedMessages(engine)
        self._links = LinkRows(engine)
        self._lookups = Lookups(engine)

    async def due(self, lane: int, now: float, limit: int) -> list[Push]:
        """Return pushes of a lane that are due, the oldest first, each with what it is about."""
        found = [Push(*row) for row in await self._engine.read(Call(DUE, (lane, now, limit)))]
        about_messages = {push.subject for push in found if push.kind in (Kind.REPORT, Kind.INTERMEDIATE)}
        about_received = {push.subject for push in found if push.kind == Kind.RECEIVED}
        about_clicks = {push.subject for push in found if push.kind == Kind.CLICK}
        about_lookups = {push.subject for push in found if push.kind == Kind.LOOKUP}
        subjects: dict[int, Message | Received | Click | Lookup] = {}
        if about_messages:
            subjects |= {one.id: one for one in await self._messages.by_ids(about_messages)}
        if about_received:
            subjects |= {one.id: one for one in await self._received.by_ids(about_received)}
        if about_clicks:
            subjects |= {one.id: one for one in await self._links.by_ids(about_clicks)}
        if about_lookups:
            subjects |= {one.id: one for one in await self._lookups.by_ids(list(about_lookups))}
        for push in found:
            push.item = subjects.get(push.subject)
        return found

    async def due_again(self, since: float, until: float, limit: int) -> list[Lane]:
        """Return lanes of which something that was tried in vain is due again, in a span of time."""
        rows = await self._engine.read(Call(AGAIN, (since, until, limit)))
        return [_lane(*row) for row in rows]

    async def lanes(self, after: int, now: float, limit: int) -> tuple[list[Lane], int | None]:
        """Look at so many lanes from one on, in the order of their numbers.

        Return those of which something is due, and the number after which there may be more; ``None`` if
        there are none.
        """
        rows = await self._engine.read(Call(LANES, (after, limit, now)))
        lanes = [_lane(*row) for row in rows if row[2] is not None]
        return lanes, rows[-1][0] if len(rows) == limit else None

    async def claim(self, pushes: Sequence[Push]) -> set[int]:
        """Take back what may be fetched while it waits; return the ids of pushes that are still wanted."""
        reports = [(push.subject,) for push in pushes if push.kind == Kind.REPORT]
        came = [(push.subject,) for push in pushes if push.kind == Kind.RECEIVED]
        calls = []
        if reports:
            calls.append(Call(CLAIM_REPORTS, reports))
        if came:
            calls.append(Call(CLAIM_RECEIVED, came))
        results = await self._engine.write(*calls) if calls else []
        claimed = {id for rows in results for (id,) in rows}
        never_fetched = (Kind.INTERMEDIATE, Kind.CLICK, Kind.LOOKUP)
        return {push.id for push in pushes if push.kind in never_fetched or push.subject in claimed}

    async def once_more(self, pushes: Sequence[Push]) -> int:
        """Let pushes be made, whether or not they were made before; return how many are."""
        reports = [(push.subject,) for push in pushes if push.kind == Kind.REPORT]
        came = [(push.subject,) for push in pushes if push.kind == Kind.RECEIVED]
        calls = [
            *([Call(OWE_REPORTS, reports)] if reports else []),
            *([Call(OWE_RECEIVED, came)] if came else []),
            *([Call(ONCE_MORE, [row_of(push) for push in pushes])] if pushes else []),
        ]
        return len((await self._engine.write(*calls, announce=True))[-1]) if calls else 0

    async def waiting(self, limit: int) -> list[Waiting]:
        """Return what waits, by account and URL, the most first."""
        return [Waiting(*row) for row in await self._engine.read(Call(WAITING, (limit,)))]


class PushChanges:
    """Brings changes of pushes to the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def push(self, push: Push, after: Callable[[], None] | None = None) -> None:
        """Store a push, then call ``after``."""
        tell = (lambda _: after()) if after is not None else None
        self._journal.change(*storing(push), tell)

    def pushed(self, push: Push, now: float, after: Callable[[], None]) -> None:
        """Store that the client has it, then call ``after``."""
        if push.kind == Kind.REPORT:
            self._journal.reported(push.subject, now, _nothing)
        elif push.kind == Kind.RECEIVED:
            self._journal.change(received.TAKEN, push.subject, (push.subject, now))
        self.dropped(push, after)

    def dropped(self, push: Push, after: Callable[[], None]) -> None:
        """Store that it is not wanted any more."""
        self._journal.change(PUSHED, push.id, (push.id,), lambda _: after())

    def later(self, push: Push, after: Callable[[], None]) -> None:
        """Store that it was tried in vain, and that it may be fetched until it is due again."""
        if push.kind == Kind.REPORT:
            self._journal.change(MAY_FETCH, push.subject, (push.subject,))
        elif push.kind == Kind.RECEIVED:
            self._journal.change(MAY_FETCH_RECEIVED, push.subject, (push.subject,))
        row = (push.id, push.attempts, push.due_at, push.failure)
        self._journal.change(LATER, push.id, row, lambda _: after())

    def given_up(self, push: Push, after: Callable[[], None]) -> None:
        """Store that it is not tried again: a report is in the logs, a received message in the inbox."""
        if push.kind == Kind.REPORT:
            self._journal.change(GIVEN_UP, push.subject, (push.subject,))
        elif push.kind == Kind.RECEIVED:
            self._journal.change(MAY_FETCH_RECEIVED, push.subject, (push.subject,))
        self.dropped(push, after)


def _nothing(_: bool) -> None:
    """Wait for nothing: what follows is in the same transaction."""

"""Tracked messages, their short links and the clicks on these, as rows, and the queries on them.

Changes go to disk in the batches of :mod:`smsd.store.commits`, many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from smsd.store.engine import Call, Change, Engine, Query, Row
from smsd.store.messages import Message, Notify, named

if TYPE_CHECKING:
    from smsd.store.journal import Journal

MOST_COUNTED = 500_000
"""How many messages are looked at for rates: this takes most of a second, in which nothing else is read."""


class TooManyMessages(Exception):
    """More messages are asked about than are looked at for one answer."""


class Tracked(msgspec.Struct, frozen=True):
    """What is to be counted of a message."""

    track: str
    """``URL``: the clicks on its short links; ``SMS``: the conversions that its client tells."""
    process_key: str
    type: str
    links: tuple[tuple[str, str], ...] = ()
    """The token of each of its short links, and where that leads."""


class Link(msgspec.Struct):
    """A short link, and the message that it is in."""

    token: str
    message_id: int
    url: str
    account_id: int
    client_id: str | None
    bulk_id: str | None
    destination: str
    process_key: str
    type: str
    persons: int
    """How many clicks of persons are recorded."""
    machines: int
    """How many clicks of programs are."""
    notify: Notify | None = None
    """Where its clicks are pushed to, if anywhere."""


class Click(msgspec.Struct):
    """That a short link was opened; the time is seconds since 1970."""

    id: int
    message_id: int
    account_id: int
    token: str
    clicked_at: float
    country_prefix: str
    network_prefix: str
    os: str
    machine: bool
    """Whether a program has opened it that looks at links, and not a person."""
    url: str
    client_id: str | None
    bulk_id: str | None
    destination: str
    process_key: str
    type: str
    first: bool = False
    """Whether it is the first click of a person on a link of the message."""


class Rate(NamedTuple):
    """How messages of one bulk, kind and process key fare."""

    bulk_id: str | None
    track: str
    process_key: str
    type: str
    messages: int
    delivered: int
    clicked: int
    """Messages of which a person has opened a link."""
    clicks: int
    """All clicks of persons."""
    converted: int


class Which(msgspec.Struct, frozen=True):
    """Which messages are asked about; what is empty leaves none out."""

    bulk_ids: Sequence[str] = ()
    message_ids: Sequence[str] = ()
    process_keys: Sequence[str] = ()
    types: Sequence[str] = ()
    since: float | None = None
    until: float | None = None

    def messages(self, account_id: int) -> tuple[str, list[object]]:
        """Return the condition that a message of an account is one of them, and its values."""
        conditions, values = ["account_id = ?"], [account_id, *self.bulk_ids]
        if self.bulk_ids:
            conditions.append(_in("bulk_id", self.bulk_ids))
        if self.message_ids:
            condition, ids = named(self.message_ids, "message_id")
            conditions.append(condition)
            values += ids
        kinds, wanted = self.kinds("")
        return " AND ".join(conditions) + kinds, [*values, *wanted]

    def kinds(self, table: str) -> tuple[str, list[object]]:
        """Return the condition that a message of a table has one of the process keys and types."""
        condition = ""
        values: list[object] = []
        for column, wanted in (("process_key", self.process_keys), ("type", self.types)):
            if wanted:
                condition += f" AND {_in(table + column, wanted)}"
                values += wanted
        return condition, values

    def time(self, column: str) -> tuple[str, list[object]]:
        """Return the condition that a time is of the period, and its values."""
        bounds = [(f" AND {column} >= ?", self.since), (f" AND {column} < ?", self.until)]
        given = [(condition, value) for condition, value in bounds if value is not None]
        return "".join(condition for condition, _ in given), [value for _, value in given]

    @property
    def by_id(self) -> bool:
        """Whether it names bulks or messages, of which there are few."""
        return bool(self.bulk_ids or self.message_ids)


TRACKED = Query(
    "INSERT INTO tracked (message_id, account_id, client_id, bulk_id, destination, track, process_key, type,"
    " notify_url, notify_xml, sent_at) SELECT message_id, account_id, client_id, bulk_id, destination, track,"
    " process_key, type, notify_url, notify_xml, sent_at FROM {rows} AS r WHERE true"
    " ON CONFLICT (message_id) DO NOTHING",
    "message_id bigint, account_id bigint, client_id text, bulk_id text, destination text, track text,"
    " process_key text, type text, notify_url text, notify_xml smallint, sent_at float8",
)
LINK = Query(
    "INSERT INTO link (token, message_id, url) SELECT token, message_id, url FROM {rows} AS r",
    "token text, message_id bigint, url text",
)
"""Stores a short link. One whose token is another's is refused, and its message with it."""
UNTRACKED = Query("DELETE FROM tracked WHERE message_id IN (SELECT id FROM {rows} AS r)", "id bigint")
"""Takes back what was to be counted of messages that were refused although they may have been stored."""
COUNTED = Query(
    "UPDATE tracked SET click_id = coalesce(tracked.click_id, r.click_id), clicks = tracked.clicks + r.fresh"
    " FROM (SELECT one.message_id, min(one.id) AS click_id,"
    " sum(CASE WHEN click.id IS NULL THEN 1 ELSE 0 END) AS fresh"
    " FROM {rows} AS one LEFT JOIN click ON click.id = one.id GROUP BY one.message_id) AS r"
    " WHERE tracked.message_id = r.message_id RETURNING tracked.click_id",
    "id bigint, message_id bigint",
)
"""Counts clicks of persons that are not in the table yet, and gives back their messages' first ones."""
CLICK = Query(
    "INSERT INTO click (id, message_id, account_id, token, clicked_at, country_prefix, network_prefix, os,"
    " machine) SELECT r.id, r.message_id, r.account_id, r.token, r.clicked_at, r.country_prefix,"
    " r.network_prefix, r.os, r.machine FROM {rows} AS r"
    " JOIN tracked ON tracked.message_id = r.message_id WHERE true ON CONFLICT (id) DO NOTHING",
    "id bigint, message_id bigint, account_id bigint, token text, clicked_at float8, country_prefix text,"
    " network_prefix text, os text, machine smallint",
)
DELIVERED = Query(
    "UPDATE tracked SET delivered_at = r.done_at FROM {rows} AS r JOIN message ON message.id = r.id"
    " WHERE tracked.message_id = r.id AND message.state = 4 AND message.status = r.status",
    "id bigint, status smallint, done_at float8",
)
"""Counts a delivery, if it was this that made the message final."""
CHANGES = (COUNTED, CLICK, DELIVERED)
"""What may become of tracked messages, in the order in which a transaction does it."""

NEWEST = Query("SELECT coalesce(max(id), 0) FROM click")
FIND = Query(
    "SELECT l.token, l.message_id, l.url, t.account_id, t.client_id, t.bulk_id, t.destination,"
    " t.process_key, t.type,"
    " (SELECT count(*) FROM click c WHERE c.message_id = l.message_id AND c.token = l.token"
    " AND c.machine = 0),"
    " (SELECT count(*) FROM click c WHERE c.message_id = l.message_id AND c.token = l.token"
    " AND c.machine = 1), t.notify_url, t.notify_xml"
    " FROM {rows} AS r JOIN link l ON l.token = r.token JOIN tracked t ON t.message_id = l.message_id",
    "token text",
)
CONVERT = Query(
    "UPDATE tracked SET converted_at = coalesce(converted_at, ?) WHERE account_id = ? AND {named}"
    " RETURNING process_key"
)
_CLICKS = (
    "SELECT c.id, c.message_id, c.account_id, c.token, c.clicked_at, c.country_prefix, c.network_prefix,"
    " c.os, c.machine, l.url, t.client_id, t.bulk_id, t.destination, t.process_key, t.type, t.click_id"
)
_JOINED = " JOIN tracked t ON t.message_id = c.message_id JOIN link l ON l.token = c.token"
BY_ID = Query(f"{_CLICKS} FROM {{rows}} AS r JOIN click c ON c.id = r.id{_JOINED}", "id bigint")
CLICKS = Query(
    f"{_CLICKS} FROM click c{_JOINED} WHERE c.account_id = ?{{kinds}}{{time}}"
    " ORDER BY c.clicked_at DESC, c.id DESC LIMIT ?"
)
CLICKS_OF = Query(
    f"{_CLICKS} FROM click c{_JOINED} WHERE c.message_id IN (SELECT message_id FROM tracked WHERE {{which}})"
    "{time} ORDER BY c.clicked_at DESC, c.id DESC LIMIT ?"
)
RATES = Query(
    "SELECT bulk_id, track, process_key, type, count(*), count(delivered_at), count(click_id), sum(clicks),"
    " count(converted_at), sum(count(*)) OVER ()"
    " FROM (SELECT * FROM tracked WHERE {which}{time} ORDER BY sent_at DESC"
    f" LIMIT {MOST_COUNTED + 1}) AS newest GROUP BY bulk_id, track, process_key, type"
    " ORDER BY max(sent_at) DESC LIMIT ?"
)
REMOVE = Query(
    "DELETE FROM tracked WHERE message_id IN"
    " (SELECT message_id FROM tracked WHERE sent_at < ? ORDER BY sent_at LIMIT ?) RETURNING message_id"
)
"""Removes the oldest messages' counts; their links and clicks go with them."""


class LinkRows:
    """Reads the tables of tracked messages, and removes what is old."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def newest_id(self) -> int:
        """Return the highest id given so far to a click, 0 if none."""
        ((newest,),) = await self._engine.read(Call(NEWEST))
        return int(newest)

    async def find(self, tokens: Iterable[str]) -> list[Link]:
        """Return the links that have these tokens."""
        rows = await self._engine.read(Call(FIND, [(token,) for token in tokens]))
        return [_link(row) for row in rows]

    async def convert(self, account_id: int, id: str, now: float) -> str | None:
        """Store that a message has led to what it was sent for, and return its process key.

        ``None`` means that there is no tracked message with this id, the client's or our own.
        """
        condition, ids = named([id], "message_id")
        sql = CONVERT.sql.format(named=condition)
        (rows,) = await self._engine.write(Call(Query(sql), (now, account_id, *ids)))
        return rows[0][0] if rows else None

    async def clicks(self, account_id: int, which: Which, limit: int) -> list[Click]:
        """Return clicks on the links of an account's messages, the newest first."""
        time, times = which.time("c.clicked_at")
        if which.by_id:
            condition, values = which.messages(account_id)
            sql = CLICKS_OF.sql.format(which=condition, time=time)
        else:
            condition, kinds = which.kinds("t.")
            values = [account_id, *kinds]
            sql = CLICKS.sql.format(kinds=condition, time=time)
        rows = await self._engine.read(Call(Query(sql), (*values, *times, limit)))
        return [_click(row) for row in rows]

    async def by_ids(self, ids: Iterable[int]) -> list[Click]:
        """Return the clicks with these ids."""
        return [_click(row) for row in await self._engine.read(Call(BY_ID, [(id,) for id in ids]))]

    async def rates(self, account_id: int, which: Which, limit: int) -> list[Rate]:
        """Return how an account's messages fare, those of the newest bulk first.

        Raises:
            TooManyMessages: if they are more than can be looked at.
        """
        condition, values = which.messages(account_id)
        time, times = which.time("sent_at")
        sql = RATES.sql.format(which=condition, time=time)
        rows = await self._engine.read(Call(Query(sql), (*values, *times, limit)))
        if rows and rows[0][-1] > MOST_COUNTED:
            raise TooManyMessages(which)
        return [Rate(*row[:-1]) for row in rows]

    async def remove_before(self, time: float, limit: int) -> int:
        """Remove what is counted of messages that were due before a time, so many at most; return how many.

        Their links lead nowhere from then on.
        """
        (rows,) = await self._engine.write(Call(REMOVE, (time, limit)))
        return len(rows)


class LinkChanges:
    """Brings clicks and deliveries of tracked messages to the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._unstored: dict[int, Click] = {}
        journal.heard[COUNTED] = self._counted

    @property
    def unstored(self) -> int:
        """How many clicks wait for the disk."""
        return len(self._unstored)

    def clicked(self, click: Click, along: Sequence[Change], after: Callable[[Click], None]) -> None:
        """Store a click, and other changes with it; say whether it is a first one, and call ``after``."""
        self._unstored[click.id] = click
        if not click.machine:
            self._journal.change(COUNTED, click.id, (click.id, click.message_id))

        def on_disk(_: bool) -> None:
            del self._unstored[click.id]
            after(click)

        self._journal.change(CLICK, click.id, _row(click), on_disk)
        for change in along:
            self._journal.change(*change)

    def delivered(self, message_id: int, status: int, done_at: float) -> None:
        """Store that a message was delivered, if its status is this one."""
        self._journal.change(DELIVERED, message_id, (message_id, status, done_at))

    def _counted(self, rows: list[Row]) -> None:
        for (first,) in rows:
            if first in self._unstored:
                self._unstored[first].first = True


def changes_of(message: Message, tracked: Tracked | None) -> list[Change]:
    """Return what is stored with a new message, if anything of it is to be counted."""
    if tracked is None:
        return []
    notify = message.content.notify
    row = (
        message.id,
        message.account_id,
        message.client_id,
        message.bulk_id,
        message.destination,
        tracked.track,
        tracked.process_key,
        tracked.type,
        notify.url if notify is not None else "",
        int(notify is not None and notify.xml),
        message.due_at,
    )
    links = [(LINK, (message.id, token), (token, message.id, url)) for token, url in tracked.links]
    return [(TRACKED, message.id, row), *links]


def _in(column: str, values: Sequence[object]) -> str:
    return f"{column} IN ({','.join('?' * len(values))})"


def _row(click: Click) -> Row:
    return (
        click.id,
        click.message_id,
        click.account_id,
        click.token,
        click.clicked_at,
        click.country_prefix,
        click.network_prefix,
        click.os,
        int(click.machine),
    )


def _link(row: Row) -> Link:
    *fields, url, xml = row
    link = Link(*fields)
    if url:
        link.notify = Notify(url, bool(xml))
    return link


def _click(row: Row) -> Click:
    *fields, first_id = row
    click = Click(*fields)
    click.machine = bool(click.machine)
    click.first = click.id == first_id
    return click

"""Short links: they are made for each message, lead on, and tell who has opened them."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.ids import MessageIds
from smsd.services.networks import Networks
from smsd.services.pushing import Pushing
from smsd.services.statuses import DELIVERED_GROUP, STATUSES
from smsd.sms.urls import token, token_length
from smsd.store.commits import Overloaded
from smsd.store.links import Click, Link, LinkChanges, LinkRows, Rate, Which
from smsd.store.messages import Message
from smsd.store.pushes import click_push, storing

REMEMBERED = 10_000
"""How many links are kept in memory, those that were opened last: some 10 megabytes at most."""
WANTED = 1_000
"""How many requests may wait for links that are looked for in the table."""
UNSTORED = 10_000
"""How many clicks may wait for the disk; more are not recorded."""
PERSONS, MACHINES = 100, 20
"""How many clicks of each kind are recorded of one link: what is beyond that tells nothing any more."""
QUIET = 60.0
"""Seconds between two lines of the log about clicks that were not recorded."""


DAY = 86_400.0


class ShortLinks(msgspec.Struct, frozen=True):
    """The short links that are made."""

    base: str = ""
    """What they begin with, such as ``https://s.test/``; with none, none are made."""
    keep: float = 90 * DAY
    """Seconds for which they lead on, and for which is kept what is counted."""


class UnknownMessage(Exception):
    """An account has no tracked message with this id."""


class Links:
    """The short links, and the counts of tracked messages."""

    log = Logger()

    def __init__(
        self,
        rows: LinkRows,
        changes: LinkChanges,
        pushing: Pushing,
        networks: Networks,
        ids: MessageIds,
        clock: IReactorTime,
        short: ShortLinks,
    ) -> None:
        self._rows = rows
        self._changes = changes
        self._pushing = pushing
        self._networks = networks
        self._ids = ids
        self._clock = clock
        self._base = short.base
        self._token_length = token_length(short.base) if short.base else 0
        self._keep = short.keep
        self._known: OrderedDict[str, Link] = OrderedDict()
        self._wanted: dict[str, list[Deferred[Link | None]]] = {}
        self._waiting = 0
        self._looking = False
        self._lost = 0
        self._quiet_until = 0.0

    @property
    def can_shorten(self) -> bool:
        """Whether there is a domain for short links."""
        return bool(self._base)

    def shorten(self, urls: Sequence[str]) -> tuple[list[str], tuple[tuple[str, str], ...]]:
        """Return a new short link for each URL; and, to be stored with the message, their tokens and URLs."""
        made = tuple((token(secrets.randbits(128), self._token_length), url) for url in urls)
        return [self._base + one for one, _ in made], made

    def sample(self) -> str:
        """Return what a short link looks like, for previews."""
        return self._base + "x" * self._token_length

    async def find(self, token: str) -> Link | None:
        """Return the link that has a token.

        Raises:
            Overloaded: if too many are looked for.
            StoreUnavailable: if the database doesn't answer.
        """
        link = self._known.get(token)
        if link is not None:
            self._known.move_to_end(token)
            return link
        if self._waiting >= WANTED:
            raise Overloaded(f"{self._waiting} links are looked for.")
        waiting: Deferred[Link | None] = Deferred()
        self._wanted.setdefault(token, []).append(waiting)
        self._waiting += 1
        if not self._looking:
            self._looking = True
            looking = Deferred.fromCoroutine(self._look())
            looking.addErrback(lambda failure: self.log.failure("Links are not looked for any more", failure))
        return await waiting

    def opened(self, link: Link, os: str, machine: bool) -> None:
        """Record that a link was opened, and tell the client if a person has; nobody waits for that.

        Whoever opened it goes on while the click is on its way to disk: a database that is away keeps
        nobody from the page. What a crash loses are the clicks of the last moment.
        """
        if machine:
            link.machines += 1
        else:
            link.persons += 1
        if link.machines > MACHINES if machine else link.persons > PERSONS:
            return
        if self._changes.unstored >= UNSTORED:
            self._lose()
            return
        home = self._networks.original(link.destination)
        click = Click(
            self._ids.next(),
            link.message_id,
            link.account_id,
            link.token,
            self._clock.seconds(),
            home.calling_code,
            home.prefix,
            os,
            machine,
            link.url,
            link.client_id,
            link.bulk_id,
            link.destination,
            link.process_key,
            link.type,
        )
        if machine or link.notify is None:
            self._changes.clicked(click, (), _nothing)
        else:
            push = click_push(click, link.notify)
            self._changes.clicked(click, (storing(push),), lambda _: self._pushing.offer(push))

    def ended(self, message: Message, status: int, done_at: float) -> None:
        """Count a tracked message that was delivered."""
        if message.content.tracked and STATUSES[status].group_id == DELIVERED_GROUP:
            self._changes.delivered(message.id, status, done_at)

    async def convert(self, account_id: int, id: str) -> str:
        """Take note that a message has led to what it was sent for, and return its process key.

        Raises:
            UnknownMessage: if the account has no tracked message with this id.
            StoreUnavailable: if the database can't be written just now.
        """
        process_key = await self._rows.convert(account_id, id, self._clock.seconds())
        if process_key is None:
            raise UnknownMessage(id)
        return process_key

    async def clicks(self, account_id: int, which: Which, limit: int) -> list[Click]:
        """Return clicks on the links of an account's messages, the newest first."""
        return await self._rows.clicks(account_id, which, limit)

    async def rates(self, account_id: int, which: Which, limit: int) -> list[Rate]:
        """Return how an account's messages fare, those of the newest bulk first.

        Raises:
            TooManyMessages: if they are more than can be looked at.
        """
        return await self._rows.rates(account_id, which, limit)

    async def remove_old(self, now: float, limit: int) -> int:
        """Remove what is counted of messages, and their links, once they are old enough; return how many."""
        return await self._rows.remove_before(now - self._keep, limit)

    async def _look(self) -> None:
        """Look for the links that are wanted, all of them at once, as long as there are any."""
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                try:
                    found = {link.token: self._remember(link) for link in await self._rows.find(wanted)}
                except Exception as error:
                    for waiting in self._done(wanted):
                        waiting.errback(error)
                    continue
                for one, others in wanted.items():
                    for waiting in self._done({one: others}):
                        waiting.callback(found.get(one))
        finally:
            self._looking = False

    def _done(self, wanted: dict[str, list[Deferred[Link | None]]]) -> list[Deferred[Link | None]]:
        """Return who waits for these tokens, and waits no longer."""
        done = [waiting for others in wanted.values() for waiting in others]
        self._waiting -= len(done)
        return done

    def _remember(self, link: Link) -> Link:
        """Return the one structure of a link, which counts its clicks; it may have been looked for twice."""
        known = self._known.setdefault(link.token, link)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    def _lose(self) -> None:
        """Count a click that is not recorded, and say so now and then."""
        self._lost += 1
        now = self._clock.seconds()
        if now >= self._quiet_until:
            self.log.warn("Clicks that are not recorded, since too many wait: {count}", count=self._lost)
            self._lost = 0
            self._quiet_until = now + QUIET


def _nothing(click: Click) -> None:
    """Tell nobody of a click."""

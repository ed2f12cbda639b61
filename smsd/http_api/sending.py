"""The requests that send messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET
from twisted.internet.defer import Deferred

from smsd.http_api.answers import Sent, SentMessage, SentMessages
from smsd.http_api.content import binary_content, text_content
from smsd.http_api.endpoints import PASSWORD, USERNAME, Parameter, Paths, gives, sends
from smsd.http_api.errors import bad_request, unavailable
from smsd.http_api.queries import Query
from smsd.http_api.repetitions import kept, sent, sent_messages
from smsd.http_api.requests import (
    PLAIN,
    Data,
    Datas,
    Destination,
    FullData,
    FullDatas,
    FullText,
    FullTexts,
    Options,
    Text,
    Texts,
)
from smsd.http_api.shortening import TrackedOctets, TrackedText, check
from smsd.http_api.translation import STATUS_ANSWERS, shown_id
from smsd.services.core import Core
from smsd.services.homes import NONE, Homes
from smsd.services.repetitions import Claim
from smsd.services.statuses import (
    MESSAGE_ACCEPTED,
    MISSING_TO,
    PENDING_ACCEPTED,
    REJECTED_DESTINATION,
    REJECTED_DUPLICATE_MESSAGE_ID,
)
from smsd.services.submission import VALIDITY, Refused, Request
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Content, Message, Report
from smsd.store.settings import Account

DESTINATIONS = 1000
"""How many destinations a request may have."""
MINUTE = 60.0
MOST_MINUTES = int(VALIDITY / MINUTE)


class Outgoing(NamedTuple):
    """A message of a request, and the status that refuses it, if something is wrong with all of it."""

    sender: str
    destinations: Sequence[Destination]
    content: Content
    options: Options = PLAIN
    refusal: int = MESSAGE_ACCEPTED
    tracked: TrackedText | TrackedOctets | None = None
    """Makes what each destination gets in place of ``content``, if clicks or conversions are counted."""


class _Storing:
    """Waits until all messages of a request are on disk, whether or not its client still does."""

    def __init__(self, settled: Callable[[], None]) -> None:
        """Begin to hand messages in; ``settled`` is called once it is known what has become of all."""
        self.refuse: Callable[[Message], None] = self.stored
        """Is called with a message that turns out not to be covered by the account's credit."""
        self.waiting = 1
        self.done: Deferred[bool] = Deferred()
        """Fires with whether all are on disk."""
        self._settled = settled
        self._failed = False

    def handed_in(self) -> None:
        """Take note that no more messages follow."""
        self._one_less()

    def stored(self, message: Message) -> None:
        """Wait for one message less."""
        self._one_less()

    def not_stored(self, message: Message) -> None:
        """Wait for one message less, and refuse the request."""
        self.kept(False)

    def refused(self, message: Message) -> None:
        """Refuse the message alone."""
        self.refuse(message)

    def kept(self, on_disk: bool) -> None:
        """Wait for the answer no more, which is kept with its messages or not at all."""
        self._failed |= not on_disk
        self._one_less()

    def _one_less(self) -> None:
        self.waiting -= 1
        if not self.waiting:
            self._settled()
            self.done.callback(not self._failed)


class Sending:
    """Sends texts and octets."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def paths(self) -> Paths:
        """Return what is served here."""
        return {
            "/sms/1/text/single": sends(
                "Sends one text to one or several destinations.", self.text_single, Text, Sent, repeated=sent
            ),
            "/sms/1/text/multi": sends(
                "Sends several texts.", self.text_multi, Texts, SentMessages, repeated=sent_messages
            ),
            "/sms/1/text/advanced": sends(
                "Sends texts with everything that can be said of them.",
                self.text_advanced,
                FullTexts,
                SentMessages,
                repeated=sent_messages,
            ),
            "/sms/1/text/query": gives(
                "Sends the text that the query has.",
                self.text_query,
                Sent,
                USERNAME,
                PASSWORD,
                Parameter("from", "text", "The sender."),
                Parameter("to", "texts", "The destinations."),
                Parameter("text", "text", "What is sent."),
                head=self.nothing,
                password_in_query=True,
                repeated=sent,
            ),
            "/sms/1/binary/single": sends(
                "Sends octets to one or several destinations.", self.binary_single, Data, Sent, repeated=sent
            ),
            "/sms/1/binary/multi": sends(
                "Sends several messages of octets.",
                self.binary_multi,
                Datas,
                SentMessages,
                repeated=sent_messages,
            ),
            "/sms/1/binary/advanced": sends(
                "Sends octets with everything that can be said of them.",
                self.binary_advanced,
                FullDatas,
                SentMessages,
                repeated=sent_messages,
            ),
        }

    async def text_single(self, account: Account, query: Query, body: Text) -> Sent:
        """Send one text to one or several destinations."""
        return await self._single(account, query, _text(body))

    async def text_multi(self, account: Account, query: Query, body: Texts) -> SentMessages:
        """Send several texts."""
        return await self._several(account, query, [_text(message) for message in body.messages], None)

    async def text_advanced(self, account: Account, query: Query, body: FullTexts) -> SentMessages:
        """Send texts with everything that can be said of them."""
        messages = [self._full_text(body, number) for number in range(len(body.messages))]
        return await self._several(account, query, messages, body.bulkId)

    async def text_query(self, account: Account, query: Query, body: None) -> Sent:
        """Send the text that a request's query has."""
        to = query.texts("to") or [""]
        return await self._single(
            account, query, _text(Text(sender=query.text("from"), to=to, text=query.text("text")))
        )

    async def nothing(self, account: Account, query: Query, body: None) -> Sent:
        """Send nothing: nobody would see the answer."""
        return Sent(UNSET, [])

    async def binary_single(self, account: Account, query: Query, body: Data) -> Sent:
        """Send octets to one or several destinations."""
        return await self._single(account, query, _binary(body, ""))

    async def binary_multi(self, account: Account, query: Query, body: Datas) -> SentMessages:
        """Send octets to various destinations."""
        return await self._several(account, query, _binaries(body.messages), None)

    async def binary_advanced(self, account: Account, query: Query, body: FullDatas) -> SentMessages:
        """Send octets with everything that can be said of them."""
        messages = _binaries(body.messages)
        tracking = body.tracking
        if tracking is not None and tracking.track is not None:
            messages = [one._replace(tracked=TrackedOctets(one.content, tracking)) for one in messages]
        return await self._several(account, query, messages, body.bulkId)

    def _full_text(self, body: FullTexts, number: int) -> Outgoing:
        """Return a message of a request.

        Raises:
            ApiError: if it can't be tracked as it should.
        """
        message, tracking = body.messages[number], body.tracking
        outgoing = _text(message)
        if tracking is None or tracking.track is None:
            return outgoing
        links = self._core.links
        check(message.text, tracking, links, f"messages[{number}].text")
        text = TrackedText(message.sender, message.text, outgoing.options, tracking, links)
        return outgoing._replace(tracked=text)

    async def _single(self, account: Account, query: Query, message: Outgoing) -> Sent:
        _limit(len(message.destinations), "to")
        bulk_id = str(self._core.ids.next()) if len(message.destinations) > 1 else None
        return Sent(bulk_id or UNSET, await self._send(account, [message], bulk_id, query.claim))

    async def _several(
        self, account: Account, query: Query, messages: Sequence[Outgoing], bulk_id: str | None
    ) -> SentMessages:
        _limit(sum(len(message.destinations) for message in messages), "messages")
        bulk_id = bulk_id or str(self._core.ids.next())
        return SentMessages(bulk_id, await self._send(account, messages, bulk_id, query.claim))

    async def _send(
        self, account: Account, messages: Sequence[Outgoing], bulk_id: str | None, claim: Claim | None
    ) -> list[SentMessage]:
        """Hand the messages in, and return what became of each once all are on disk.

        Raises:
            ApiError: if the database couldn't be written: none of them will be sent.
            OverRate, QueueFull, Overloaded, StoreUnavailable: if none of them is taken.
        """
        ids = {one.messageId for message in messages for one in message.destinations if one.messageId}
        claimed = self._core.client_ids
        taken = await claimed.claim(account.id, ids) if ids else set()
        # A client that hangs up has this cancelled. Its ids are let go only when the disk has answered, so
        # that the same request on another connection hears that they are taken, and sends nothing twice.
        storing = _Storing(lambda: claimed.release(account.id, ids - taken))
        together = sum(len(message.destinations) for message in messages)
        try:
            self._core.submission.admit(account, together)
            homes: Homes = NONE
            if self._core.homes.wanted:
                homes = await self._look_up(account, messages, together, taken)
            answers = self._hand_in(account, messages, bulk_id, claim, taken, storing, homes, together)
        finally:
            storing.handed_in()
        if not await storing.done:
            raise unavailable()
        return answers

    async def _look_up(
        self, account: Account, messages: Sequence[Outgoing], together: int, taken: set[str]
    ) -> Homes:
        """Return where destinations are at home, as far as they are looked up; raises as :meth:`_send`."""
        homes = self._core.homes.find(
            account,
            (
                Request(
                    account,
                    message.sender,
                    destination.to,
                    message.content,
                    due_at=message.options.sendAt,
                    refusal=message.refusal,
                    together=together,
                )
                for message in messages
                for destination in message.destinations
                if destination.messageId not in taken
            ),
        )
        found = await homes if isinstance(homes, Deferred) else homes
        if found is not NONE:
            self._core.submission.admit_again(account, together)
        return found

    def _hand_in(
        self,
        account: Account,
        messages: Sequence[Outgoing],
        bulk_id: str | None,
        claim: Claim | None,
        taken: set[str],
        storing: _Storing,
        homes: Homes,
        together: int,
    ) -> list[SentMessage]:
        answers: list[SentMessage] = []
        used = set(taken)

        def refuse(message: Message) -> None:
            """Answer that a message is refused after all, and store that as of any other."""
            (number,) = (number for number, one in enumerate(answers) if one.messageId == shown_id(message))
            answers[number] = msgspec.structs.replace(
                answers[number], status=STATUS_ANSWERS[message.status], smsCount=message.segments
            )
            if claim is not None:
                claim.correct(kept(bulk_id, answers))
            try:
                self._core.submission.refuse(message, storing)
            except (Overloaded, StoreUnavailable):
                storing.stored(message)  # It is refused, though the logs won't have it.

        storing.refuse = refuse
        for message in messages:
            due_at, expires_at = self._times(message.options)
            for destination in message.destinations:
                content, tracked = message.tracked.next() if message.tracked else (message.content, None)
                client_id, refusal = destination.messageId, message.refusal
                report = Report.FETCH if message.options.notify is None else Report.PUSH
                if client_id is not None and client_id in used:
                    # Its report would be taken for that of the message that has the id.
                    client_id, refusal, report = None, REJECTED_DUPLICATE_MESSAGE_ID, Report.NONE
                request = Request(
                    account,
                    message.sender,
                    destination.to,
                    content,
                    report,
                    due_at,
                    expires_at,
                    bulk_id,
                    client_id=client_id,
                    refusal=refusal,
                    tracked=tracked,
                    together=together,
                    home=homes.get(destination.to),
                )
                answer = self._submit(request, destination.messageId, storing)
                if client_id is not None and answer.messageId is not UNSET:
                    used.add(client_id)
                answers.append(answer)
        if claim is not None:
            storing.waiting += 1
            claim.keep(kept(bulk_id, answers), storing.kept)
        return answers

    def _submit(self, request: Request, shown_id: str | None, storing: _Storing) -> SentMessage:
        if not request.destination:
            return SentMessage("", STATUS_ANSWERS[MISSING_TO])
        try:
            message = self._core.submission.submit(request, storing)
        except Refused as refused:
            if refused.status == REJECTED_DESTINATION:
                return SentMessage(request.destination, STATUS_ANSWERS[refused.status])
            message = refused.message
            self._core.submission.refuse(message, storing)
        storing.waiting += 1
        return SentMessage(
            message.destination,
            STATUS_ANSWERS[message.status],
            message.segments if message.status != PENDING_ACCEPTED else UNSET,
            shown_id or str(message.id),
        )

    def _times(self, options: Options) -> tuple[float | None, float | None]:
        """Return when a message is due, if not now, and when its validity ends, if it says."""
        expires_at = None
        if options.validityPeriod:
            now = self._core.clock.seconds()
            begins = max(options.sendAt or now, now)
            expires_at = begins + min(options.validityPeriod, MOST_MINUTES) * MINUTE
        return options.sendAt, expires_at


def _text(message: Text | FullText) -> Outgoing:
    options = message.options()
    content = text_content(message.sender, message.text, options)
    return Outgoing(message.sender, message.destinations(), content, options)


def _binary(message: Data | FullData, field: str) -> Outgoing:
    options = message.options()
    content, refusal = binary_content(message.sender, message.binary, options, field)
    return Outgoing(message.sender, message.destinations(), content, options, refusal)


def _binaries(messages: Iterable[Data | FullData]) -> list[Outgoing]:
    return [_binary(message, f"messages[{number}]") for number, message in enumerate(messages)]


def _limit(destinations: int, field: str) -> None:
    """See to it that a request has not too many destinations.

    Raises:
        ApiError: if it has.
    """
    if destinations > DESTINATIONS:
        raise bad_request(f"[{field} : Number of destinations is limited to {DESTINATIONS}.]")

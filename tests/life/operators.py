"""Operators that do to messages whatever operators do, and remember it."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from random import Random
from typing import NamedTuple

import msgspec

from smsd.channels.operator_ids import canonical
from smsd.smpp import status
from smsd.smpp.pdu import (
    Bind,
    BindReceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSm,
    response,
)
from smsd.smpp.pdu import SubmitSmResp as Resp
from smsd.smpp.tlv import SAR_SEGMENT_SEQNUM
from smsd.sms.udh import concatenation, split_udh
from tests.life.diary import Diary
from tests.peers import Network, Peer

HOUR = 3600.0
PATIENCE = 60.0
"""Seconds after which an operator sends a receipt again that was not acknowledged."""
TIMELY = 29.0
"""Seconds within which smsd waits for the answer to a submit_sm."""

FOR_GOOD = (status.ESME_RINVDSTADR, 0x45B)
FOR_NOW = (status.ESME_RSYSERR, status.ESME_RX_T_APPN, status.ESME_RSUBMITFAIL)
TOO_MUCH = (status.ESME_RTHROTTLED, status.ESME_RMSGQFUL)
DELIVERED = (b"DELIVRD", 0)
PASSING = 31
"""A GSM error that is not permanent."""
ENDS = (
    (b"UNDELIV", 1),
    (b"UNDELIV", PASSING),
    (b"EXPIRED", 0),
    (b"REJECTD", 1),
    (b"UNKNOWN", 0),
    (b"DELETED", 0),
)
"""The other ends, with the operator's error."""


class Fate(NamedTuple):
    """What becomes of one submit_sm."""

    status: int | None = status.ESME_ROK
    """Its answer; ``None``: none."""
    delay: float = 0.0
    """Seconds until that."""
    has_it: bool = True
    """Whether the message is on its way."""
    cut: str = ""
    """Whether the connection ends ``before`` or ``after`` the answer."""


class Told(msgspec.Struct):
    """A receipt, from when it is due until it is acknowledged."""

    stat: bytes
    error: int
    due_at: float
    sent_at: float = 0.0
    """When it was sent first."""
    acked_at: float = 0.0

    @property
    def final(self) -> bool:
        return self.stat != b"ENROUTE"

    @property
    def may_pass(self) -> bool:
        return self.error == PASSING and self.final

    @property
    def delivered(self) -> bool:
        return self.stat == b"DELIVRD"


class Attempt(msgspec.Struct):
    """A submit_sm, and all that followed."""

    channel_id: int
    destination: str
    number: int
    """Which segment it is; 0: all of the message."""
    operator_id: str
    at: float
    fate: Fate
    answered_at: float = 0.0
    receipts: list[Told] = []
    safe: bool | None = False
    """Whether smsd has heard the answer and had time to write it down; ``None``: it never had."""

    @property
    def taken(self) -> bool:
        return bool(self.answered_at) and self.fate.status == status.ESME_ROK


class OperatorLink(Peer):
    """One connection."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self._operator = operator
        self.bound_as: type[Bind] | None = None
        self.unanswered: dict[int, tuple[Attempt | None, Told]] = {}

    @property
    def receives(self) -> bool:
        alive = self.connected_now and not self.transport.disconnecting
        return alive and self.bound_as not in (None, BindTransmitter)

    def take(self, pdu: Pdu) -> None:
        self.received.clear()
        if self.transport.disconnecting:
            return  # It has hung up: nobody reads this.
        if isinstance(pdu, Bind):
            self._operator.bind(self, pdu)
        elif isinstance(pdu, SubmitSm):
            self._operator.submitted(self, pdu)
        elif isinstance(pdu, DeliverSmResp):
            attempt_and_told = self.unanswered.pop(pdu.sequence_number, None)
            if attempt_and_told is not None:
                self._operator.answered(*attempt_and_told, pdu.command_status)
        else:
            super().take(pdu)

    def connectionLost(self, reason: object = None) -> None:
        super().connectionLost()
        unanswered, self.unanswered = self.unanswered, {}
        for attempt, told in unanswered.values():
            self._operator.tell_later(attempt, told, 1.0)

    def cut(self) -> None:
        self.transport.loseConnection()


class Operator:
    """An SMSC."""

    def __init__(self, network: Network, random: Random, diary: Diary, channel_id: int, port: int) -> None:
        self._network = network
        self._diary = diary
        self._random = random
        self.channel_id = channel_id
        self.port = port
        self.links: list[OperatorLink] = []
        self.attempts: dict[str, list[Attempt]] = defaultdict(list)
        """By destination, each of which has one message."""
        self.calm = False
        """Whether it does what operators should do."""
        self.refusing_binds = False
        self.rivals: list[Operator] = []
        """The others, who may get a message that this one does not take."""
        self.again = False
        """Whether failures that may pass are to be tried again by smsd."""
        self._ids = count(channel_id * 1_000_000_000 + 1)
        self._due: list[tuple[Attempt | None, Told]] = []
        self.open()

    def __call__(self) -> OperatorLink:
        self.links = [link for link in self.links if link.connected_now]
        self.links.append(OperatorLink(self))
        return self.links[-1]

    def open(self) -> None:
        """Take connections."""
        self._network.ports[self.port] = self

    def shut(self) -> None:
        """Take no connections, and end those that there are."""
        self._network.ports.pop(self.port, None)
        self.cut_all()

    def cut_all(self) -> None:
        for link in self.links:
            if link.connected_now:
                link.cut()

    def bind(self, link: OperatorLink, pdu: Bind) -> None:
        refused = self.refusing_binds and not self.calm
        command_status = status.ESME_RBINDFAIL if refused else status.ESME_ROK
        answer = response(pdu.command_id, pdu.sequence_number, command_status)
        if not refused:
            link.bound_as = type(pdu)
        link.send(answer)
        self.deliver_due()

    def submitted(self, link: OperatorLink, pdu: SubmitSm) -> None:
        now = self._network.seconds()
        destination = pdu.destination_addr.decode()
        number = _number(pdu)
        before = [one for one in self.attempts[destination] if one.number == number]
        assert link.bound_as is not BindReceiver, "submitted on a receiver"
        for one in before:
            failed = any(told.may_pass and told.sent_at for told in one.receipts)
            assert not one.safe or (self.again and failed), (
                f"{destination} is sent again, though it was taken"
            )
        for rival in self.rivals:
            for one in rival.attempts[destination]:
                failed = any(told.may_pass and told.sent_at for told in one.receipts)
                assert not one.safe or (rival.again and failed), f"{destination} goes to two operators"
        fate = Fate() if self.calm else self._fate()
        attempt = Attempt(self.channel_id, destination, number, str(next(self._ids)), now, fate)
        self._diary.note(f"is submitted: segment {number}, as {attempt.operator_id}: {fate}", destination)
        self.attempts[destination].append(attempt)
        if fate.cut == "before":
            link.cut()
        elif fate.status is not None:
            if fate.delay:
                self._network.callLater(fate.delay, self._answer, link, pdu, attempt)
            else:
                self._answer(link, pdu, attempt)
        if fate.has_it and fate.status in (None, status.ESME_ROK):
            self._plan(attempt, now)

    def _answer(self, link: OperatorLink, pdu: SubmitSm, attempt: Attempt) -> None:
        if not link.connected_now or link.transport.disconnecting:
            return
        fate = attempt.fate
        assert fate.status is not None
        message_id = attempt.operator_id.encode() if fate.status == status.ESME_ROK else b""
        link.send(Resp(pdu.sequence_number, fate.status, message_id))
        attempt.answered_at = self._network.seconds()
        self._diary.note(f"is answered: {attempt.operator_id}, {fate.status}", attempt.destination)
        if fate.cut == "after":
            link.cut()

    def _fate(self) -> Fate:
        random = self._random
        delay = random.choice((0.0, 0.0, 0.0, random.uniform(0, 3), random.uniform(0, 28)))
        kind = random.choices(
            ("take", "for good", "for now", "throttle", "silence", "before", "after"), (70, 5, 8, 6, 3, 4, 4)
        )[0]
        has_it = random.random() < 0.5
        match kind:
            case "for good":
                return Fate(random.choice(FOR_GOOD), delay)
            case "for now":
                return Fate(random.choice(FOR_NOW), delay)
            case "throttle":
                return Fate(random.choice(TOO_MUCH), delay)
            case "silence":
                return Fate(None, has_it=has_it)
            case "before":
                return Fate(None, has_it=has_it, cut="before")
            case "after":
                return Fate(delay=delay, cut="after")
        return Fate(delay=delay)

    def _plan(self, attempt: Attempt, now: float) -> None:
        """Decide which receipts come of a message, and when."""
        random = self._random
        answered = now + attempt.fate.delay
        if self.calm:
            if random.random() < 0.9:
                self._tell(attempt, DELIVERED, answered + random.uniform(0, 60))
            return
        if random.random() < 0.1:
            self._tell(attempt, (b"ENROUTE", PASSING), answered + random.uniform(0, 60))
        end = DELIVERED if random.random() < 0.7 else random.choice(ENDS)
        when = random.choices(("at once", "early", "soon", "late", "too late", "never"), (3, 2, 5, 2, 1, 1))[
            0
        ]
        delay = {
            "at once": 0.0,
            "early": -random.uniform(0, 2.5),
            "soon": random.uniform(0, 120),
            "late": random.uniform(0, 10 * HOUR),
            "too late": random.uniform(50 * HOUR, 52 * HOUR),
        }.get(when)
        if delay is None:
            return
        due_at = max(now, answered + delay)
        self._tell(attempt, end, due_at)
        if random.random() < 0.15:
            second = end if random.random() < 0.5 else random.choice((DELIVERED, *ENDS))
            self._tell(attempt, second, due_at + random.choice((0.0, 1.0, 1000.0)))

    def unknown_receipt(self) -> None:
        """Bring the receipt of a message that was never there."""
        self.tell_later(None, Told(b"DELIVRD", 0, self._network.seconds()), 0.0)

    def _tell(self, attempt: Attempt, end: tuple[bytes, int], due_at: float) -> None:
        told = Told(*end, due_at)
        attempt.receipts.append(told)
        self.tell_later(attempt, told, max(0.0, due_at - self._network.seconds()))

    def tell_later(self, attempt: Attempt | None, told: Told, seconds: float) -> None:
        self._network.callLater(seconds, self._is_due, attempt, told)

    def _is_due(self, attempt: Attempt | None, told: Told) -> None:
        self._due.append((attempt, told))
        self.deliver_due()

    def deliver_due(self) -> None:
        """Send the receipts whose time has come, over whatever bind."""
        receivers = [link for link in self.links if link.receives]
        if not receivers:
            return
        due, self._due = self._due, []
        for attempt, told in due:
            link = self._random.choice(receivers)
            operator_id = attempt.operator_id if attempt is not None else "999"
            text = (
                b"id:%b sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 stat:%b err:%03d text:"
            )
            pdu = DeliverSm(
                esm_class=4 if told.final else 0x20,
                short_message=text % (operator_id.encode(), told.stat, told.error),
            )
            number = link.send(pdu)
            if attempt is not None:
                self._diary.note(f"has a receipt: {attempt.operator_id}, {told.stat!r}", attempt.destination)
            told.sent_at = told.sent_at or self._network.seconds()
            link.unanswered[number] = (attempt, told)
            self._network.callLater(PATIENCE, self._impatient, link, number)

    def _impatient(self, link: OperatorLink, number: int) -> None:
        waiting = link.unanswered.pop(number, None)
        if waiting is not None:
            self.tell_later(*waiting, 0.0)

    def answered(self, attempt: Attempt | None, told: Told, command_status: int) -> None:
        if attempt is not None:
            what = f"had a receipt, answered {command_status}: {attempt.operator_id}, {told.stat!r}"
            self._diary.note(what, attempt.destination)
        if command_status == status.ESME_ROK:
            told.acked_at = self._network.seconds()
        else:
            self.tell_later(attempt, told, PATIENCE)

    def mark_safe(self) -> None:
        """Take note that whatever smsd has been told is on its disk."""
        for attempts in self.attempts.values():
            for attempt in attempts:
                timely = attempt.taken and attempt.answered_at < attempt.at + TIMELY
                if timely and attempt.safe is not None:
                    attempt.safe = True

    def doubt(self) -> None:
        """Take note that smsd was killed: what it was writing down may be lost."""
        for attempts in self.attempts.values():
            for attempt in attempts:
                attempt.safe = attempt.safe or None

    @property
    def waiting(self) -> int:
        """How many receipts have not been acknowledged though they are due."""
        return len(self._due) + sum(len(link.unanswered) for link in self.links)


def key(operator_id: str) -> str:
    """Return an operator's id as smsd stores it."""
    return canonical(operator_id)


def _number(pdu: SubmitSm) -> int:
    """Return which segment a submit_sm is, 0 if it is a whole message."""
    for tag, value in pdu.tlvs:
        if tag == SAR_SEGMENT_SEQNUM:
            return value[0]
    if pdu.esm_class & 0x40:
        place = concatenation(split_udh(pdu.short_message)[0])
        if place is not None:
            return place.number
    return 0

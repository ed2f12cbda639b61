"""What goes to an account's SMPP sessions: handed out in turn, and again until a session takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Any, NamedTuple, Protocol

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.services.accounts import Accounts
from smsd.services.window import Item, Window
from smsd.store.settings import Rows

SUSPECT, CULPRIT = 3, 6
"""After so many troubles an item is sent alone, and after so many it is set aside."""
DOUBTS = 10_000
"""How many items of an account may have a record of troubles."""


class Outcome(Enum):
    """Why a session gives an item back."""

    LATER = auto()
    """Not now: the session has no use for it at the moment, or left it unanswered."""
    TROUBLE = auto()
    """The session refused it, or ended with it unanswered: perhaps it can't cope with it."""


class Receiver(Protocol):
    """A session of a client that takes receipts and messages."""

    @property
    def room(self) -> int:
        """How many more items the session takes now."""

    @property
    def outstanding(self) -> int:
        """How many items the session has not answered for."""

    def deliver(self, item: Item) -> None:
        """Send an item.

        The session answers with :meth:`Deliveries.taken` or :meth:`Deliveries.returned`.
        """


class Kind(NamedTuple):
    """One kind of item, and how the table is told of it."""

    type: type[Any]
    read: Callable[[int, int], Awaitable[list[Any]]]
    """Returns an account's first waiting items, up to a number."""
    taken: Callable[[Any, Callable[[bool], None]], None]
    """Stores that the client has an item, then calls back."""
    set_aside: Callable[[Any, Callable[[bool], None]], None]
    """Stores that an item is not to be sent again until the operator says so, then calls back."""
    noun: str = "the receipt of"
    """What an item is called, before its number."""
    command: str = "receipt"
    """The ``smsd`` command that lists what was set aside."""


class Doubt(msgspec.Struct):
    """The record of an item that gave trouble."""

    troubles: int
    taken_before: int
    """How many other items the account had taken when it began."""


class Recipient:
    """What waits for one account, and the sessions that take it."""

    def __init__(self, windows: dict[type[Any], Window[Any]]) -> None:
        self.windows = windows
        self.receivers: deque[Receiver] = deque()
        self.suspects: list[Item] = []
        self.prober: Receiver | None = None
        """The session that is kept for suspects."""
        self.probe: int | None = None
        """The suspect that has it to itself now."""
        self.resting = False
        """Whether other items come first, since a probe has just failed."""
        self.doubts: dict[int, Doubt] = {}
        self.taken = 0
        self.due = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits, nothing is under way, and nobody takes anything."""
        return not self.receivers and all(window.idle for window in self.windows.values())

    def waiting(self) -> Item | None:
        """Return the next item, of each kind in its turn."""
        for kind in list(self.windows):
            item: Item | None = self.windows[kind].take()
            if item is not None:
                self.windows[kind] = self.windows.pop(kind)
                return item
        return None


class Deliveries:
    """Hands each account's items to its sessions, evenly or to the session that submitted the message.

    An item is sent again until a session takes it. One on which sessions end again and again, or which they
    refuse, is then sent on its own; and if it still does so while the client takes others, it is set aside.
    """

    log = Logger()

    def __init__(self, accounts: Accounts, clock: IReactorTime, size: int) -> None:
        """Hold at most ``size`` items of a kind and an account in memory; more wait in the table."""
        self._accounts = accounts
        self._clock = clock
        self._size = size
        self._kinds: dict[type[Any], Kind] = {}
        self._recipients: dict[int, Recipient] = {}

    @property
    def held(self) -> int:
        """How many items are in memory or under way."""
        return sum(
            window.held for recipient in self._recipients.values() for window in recipient.windows.values()
        )

    def add_kind(self, kind: Kind) -> None:
        """Make a kind of item known, before any session binds."""
        self._kinds[kind.type] = kind

    def apply(self, rows: Rows) -> None:
        """Look at the table again: what was set aside may be wanted once more."""
        for recipient in self._recipients.values():
            if recipient.receivers:
                for window in recipient.windows.values():
                    window.look()

    def offer(self, account_id: int, item: Item) -> None:
        """Take in an item that has just been stored."""
        recipient = self._recipients.get(account_id)
        if recipient is not None and recipient.windows[type(item)].offer(item):
            self._hand_out_soon(recipient)

    def look(self, account_id: int, kind: type[Any]) -> None:
        """Take note that items of an account may wait in the table."""
        recipient = self._recipients.get(account_id)
        if recipient is not None:
            recipient.windows[kind].look()

    def bound(self, account_id: int, receiver: Receiver) -> None:
        """Count a session in, and let it have what waits."""
        recipient = self._recipients.get(account_id)
        if recipient is None:
            recipient = self._recipients[account_id] = self._recipient(account_id)
        recipient.receivers.append(receiver)
        for window in recipient.windows.values():
            window.look()
        self._hand_out_soon(recipient)

    def gone(self, account_id: int, receiver: Receiver) -> None:
        """Count a session out; with the last one what waits does so in the table."""
        recipient = self._recipients[account_id]
        recipient.receivers.remove(receiver)
        if recipient.prober is receiver:
            recipient.prober = None
        if recipient.receivers:
            self._hand_out_soon(recipient)
        else:
            self._empty(account_id, recipient)

    def room(self, account_id: int) -> None:
        """Take note that one of the account's sessions has room again."""
        recipient = self._recipients.get(account_id)
        if recipient is not None:
            self._hand_out_soon(recipient)

    def taken(self, account_id: int, item: Item) -> None:
        """Take note that a session has taken an item."""
        recipient = self._recipients.get(account_id)
        if recipient is not None:
            recipient.taken += 1
            recipient.doubts.pop(item.id, None)
            self._answered(recipient, item)
        self._kinds[type(item)].taken(item, lambda _: self._settle(account_id, item))

    def returned(self, account_id: int, item: Item, outcome: Outcome) -> None:
        """Take back an item that a session did not take: another one, or a later one, gets it."""
        recipient = self._recipients.get(account_id)
        if recipient is None:
            return
        doubt = recipient.doubts.get(item.id)
        if outcome is Outcome.TROUBLE:
            if doubt is None and len(recipient.doubts) < DOUBTS:
                doubt = recipient.doubts[item.id] = Doubt(0, recipient.taken)
            if doubt is not None:
                doubt.troubles += 1
            recipient.resting = recipient.resting or recipient.probe == item.id
        self._answered(recipient, item)
        if doubt is None or doubt.troubles < SUSPECT:
            recipient.windows[type(item)].put_back(item)
        elif doubt.troubles < CULPRIT or recipient.taken == doubt.taken_before:
            recipient.suspects.append(item)
        else:
            self._set_aside(account_id, recipient, item)
        if not recipient.receivers:
            self._empty(account_id, recipient)

    def _recipient(self, account_id: int) -> Recipient:
        def window(kind: Kind) -> Window[Any]:
            return Window(
                self._clock,
                self._size,
                lambda limit: kind.read(account_id, limit),
                lambda: self._hand_out_soon(recipient),
            )

        recipient = Recipient({kind.type: window(kind) for kind in self._kinds.values()})
        return recipient

    def _hand_out_soon(self, recipient: Recipient) -> None:
        """Hand out what there is at the end of this turn of the reactor, with all that comes until then."""
        if not recipient.due:
            recipient.due = True
            self._clock.callLater(0, self._hand_out, recipient)

    def _hand_out(self, recipient: Recipient) -> None:
        """Give each session with room an item in its turn, as long as there are any."""
        recipient.due = False
        free = {receiver: room for receiver in recipient.receivers if (room := receiver.room) > 0}
        if recipient.suspects and not recipient.resting:
            self._probe(recipient, free)
        turns = deque(free)
        sent = False
        while turns:
            item = recipient.waiting()
            if item is None:
                break
            doubt = recipient.doubts.get(item.id)
            if doubt is not None and doubt.troubles >= SUSPECT:
                recipient.suspects.append(item)
                continue
            receiver = self._preferred(item, free)
            if receiver is None:
                receiver = turns.popleft()
                turns.append(receiver)
            receiver.deliver(item)
            sent = True
            free[receiver] -= 1
            if not free[receiver]:
                del free[receiver]
                turns.remove(receiver)
            recipient.receivers.remove(receiver)
            recipient.receivers.append(receiver)
        recipient.resting = False
        if recipient.suspects and not sent:
            self._probe(recipient, free)

    def _probe(self, recipient: Recipient, free: dict[Receiver, int]) -> None:
        """Keep a session for the items that gave trouble: each has it to itself."""
        if recipient.prober is None and free:
            recipient.prober = min(free, key=lambda receiver: receiver.outstanding)
        prober = recipient.prober
        if prober is None or free.pop(prober, 0) <= 0 or prober.outstanding:
            return
        # The one with the fewest troubles first, or one would keep all others waiting.
        item = min(recipient.suspects, key=lambda suspect: recipient.doubts[suspect.id].troubles)
        recipient.suspects.remove(item)
        recipient.probe = item.id
        prober.deliver(item)

    def _preferred(self, item: Item, with_room: dict[Receiver, int]) -> Receiver | None:
        """Return the session that submitted an item's message, if the account wants that and it has room."""
        origin: Any = getattr(item, "origin", None)
        if origin is None or origin not in with_room:
            return None
        account = self._accounts.get(getattr(item, "account_id", 0))
        return origin if account is not None and account.receipts_to_submitter else None

    def _answered(self, recipient: Recipient, item: Item) -> None:
        """Release the session of a suspect, for others or for the next suspect."""
        if recipient.probe == item.id:
            recipient.probe = recipient.prober = None

    def _set_aside(self, account_id: int, recipient: Recipient, item: Item) -> None:
        del recipient.doubts[item.id]
        account = self._accounts.get(account_id)
        kind = self._kinds[type(item)]
        self.log.warn(
            "{account} can't take {noun} {id}, which is set aside: see smsd {command} list",
            account=account.system_id if account is not None else account_id,
            noun=kind.noun,
            id=item.id,
            command=kind.command,
        )
        kind.set_aside(item, lambda _: self._settle(account_id, item))

    def _settle(self, account_id: int, item: Item) -> None:
        recipient = self._recipients.get(account_id)
        if recipient is not None:
            recipient.windows[type(item)].settle(item.id)
            if recipient.receivers:
                self._hand_out_soon(recipient)

    def _empty(self, account_id: int, recipient: Recipient) -> None:
        """Forget what is in the table anyway, now that nobody takes it."""
        suspects, recipient.suspects = recipient.suspects, []
        for item in suspects:
            recipient.windows[type(item)].put_back(item)
        for window in recipient.windows.values():
            window.clear()
        if recipient.idle and not recipient.doubts:
            self._recipients.pop(account_id, None)

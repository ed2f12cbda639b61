"""A client's URLs as the service sees them: whatever is sent to them is answered as the test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed

from smsd.services.push_requests import NotPushed, Pace, Reach
from smsd.services.pushing import Pushing
from smsd.store.messages import Content, Message, Notify, Report
from smsd.store.pushes import Push
from tests.services.rig import SIZE, Node
from tests.stores import content

URL = "https://client.example/reports"


class Sent(NamedTuple):
    """A request."""

    url: str
    ids: tuple[int, ...]
    """Of the pushes that it carries."""
    at: float


class Client:
    """Takes pushes, refuses them, or lets them wait."""

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        self.taken: list[int] = []
        """The ids of the pushes that were taken."""
        self.verdict: Callable[[Sequence[Push]], Exception | None] = lambda pushes: None
        """What a request fails with, if it does."""
        self.slow: Callable[[str], bool] = lambda url: False
        """Which URLs don't answer until they are let to."""
        self.under_way: list[tuple[Sequence[Push], Deferred[None]]] = []
        self.closed = 0
        self.clock: Any = None

    async def send(self, pushes: Sequence[Push]) -> None:
        assert len({(push.url, push.form) for push in pushes}) == 1
        request = Sent(pushes[0].url, tuple(push.id for push in pushes), self.clock.seconds())
        self.requests.append(request)
        if self.slow(request.url):
            entry = (pushes, Deferred[None]())
            self.under_way.append(entry)
            try:
                await entry[1]
            finally:
                if entry in self.under_way:  # Not if the node was killed.
                    self.under_way.remove(entry)
        error = self.verdict(pushes)
        if error is not None:
            raise error
        self.taken.extend(request.ids)

    def close(self) -> Deferred[None]:
        self.closed += 1
        return succeed(None)

    def refuse(self, reach: Reach = Reach.REQUEST, url: str = "") -> None:
        """Refuse what is sent to URLs that begin so."""
        self.verdict = lambda pushes: NotPushed("No.", reach) if pushes[0].url.startswith(url) else None

    def accept(self) -> None:
        """Take whatever comes."""
        self.verdict = lambda pushes: None

    def answer(self) -> None:
        """Let the request that has waited longest be answered."""
        self.under_way[0][1].callback(None)

    def of(self, url: str) -> list[Sent]:
        return [one for one in self.requests if one.url == url]


def start(node: Node, client: Client, pace: Pace | None = None) -> Pushing:
    """Start the service on a node."""
    client.clock = node.clock
    pushing = node.core.pushing
    pushing.use(client, pace or Pace())
    pushing.startService()
    node.turn()
    return pushing


def wait(node: Node, seconds: float, step: float = 1.0) -> None:
    """Let time pass, step by step."""
    while seconds > 0:
        node.clock.advance(min(step, seconds))
        node.turn()
        seconds -= step


def notified(url: str = URL, intermediate: bool = False) -> Content:
    """Return a message's content whose reports go to a URL."""
    return replace(content(), notify=Notify(url, False, intermediate))


def submit(node: Node, count: int = 1, url: str = URL, **fields: Any) -> list[Message]:
    """Submit messages whose reports go to a URL."""
    return node.submit(count, content=notified(url), report=int(Report.PUSH), **fields)


def deliver(node: Node, count: int = 1, url: str = URL, **fields: Any) -> list[int]:
    """Bring such messages to their end; return their ids."""
    made: list[Message] = []
    while count > 0:  # As many at a time as the channel's window has room for.
        made += node.deliver(min(count, SIZE), content=notified(url), report=int(Report.PUSH), **fields)
        count -= SIZE
    return [message.id for message in made]


def owed(node: Node) -> list[int]:
    """Return the ids of the pushes in the table."""
    return [id for (id,) in node.rows("SELECT id FROM push ORDER BY id")]


def reports(node: Node) -> dict[int, int]:
    """Return what report each message owes on disk."""
    return dict(node.rows("SELECT id, report FROM message"))


def at_rest(node: Node) -> None:
    """See that nothing of all that was pushed is left in memory, and no timer but the one that looks."""
    wait(node, 3)
    pushing = node.core.pushing
    for kept in (pushing._lanes, pushing._hosts, pushing._crowded, pushing._under_way):
        assert not kept
    assert pushing._lanes_shared.taken == pushing._requests.taken == 0
    assert pushing._place is None
    assert not pushing._search_again
    assert len(node.clock.getDelayedCalls()) == 1, node.clock.getDelayedCalls()

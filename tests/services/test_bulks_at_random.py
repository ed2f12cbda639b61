"""Whatever is said of a bulk, in whatever order, between faults and restarts, it holds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from smsd.services.bulk_changes import SETTLED
from smsd.services.bulks import BulkStatus, Unchangeable, UnknownBulk
from smsd.services.charging import MICROS
from smsd.services.statuses import DELIVERED_TO_HANDSET, REJECTED_NOT_SENT
from smsd.services.submission import VALIDITY
from smsd.store.credit import Credit
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Message
from smsd.store.settings import Rows
from tests.services.rig import SIZE
from tests.services.test_bulks import HOUR, Bulked
from tests.stores import gone, result

STEPS = st.one_of(
    st.tuples(st.just("submit"), st.integers(1, 2 * SIZE)),
    st.tuples(st.just("schedule"), st.integers(1, 2 * SIZE)),
    st.tuples(st.sampled_from(["pause", "resume", "cancel"]), st.just(0)),
    st.tuples(st.just("reschedule"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.integers(1, 3)),
    st.tuples(st.just("hour"), st.just(0)),
    st.tuples(st.just("take"), st.integers(1, SIZE)),
    st.tuples(st.sampled_from(["answer", "refuse", "put back"]), st.integers(1, SIZE)),
    st.tuples(st.sampled_from(["lose", "lose the answer", "kill"]), st.just(0)),
)


class Story:
    """A bulk, its operator, and what was said last."""

    def __init__(self, path: Path) -> None:
        self.node = Bulked(path)
        result(Credit(self.node.engine).add(1, MICROS * 1000))
        self.node.core.charging.apply(Rows())
        self.in_hand: list[Message] = []
        self.sent: list[int] = []
        self.accepted: list[int] = []
        self.canceled_up_to = 0
        self.paused = False
        self.certain = True
        """Whether it is known what was said last: an answer may have been lost."""

    def step(self, what: str, number: int) -> None:
        getattr(self, "_" + what.replace(" ", "_"))(number)

    def _submit(self, count: int) -> None:
        with suppress(StoreUnavailable):
            self._accepted(self.node.bulk(count, None))

    def _schedule(self, count: int) -> None:
        with suppress(StoreUnavailable):
            self._accepted(self.node.bulk(count, self.node.clock.seconds() + HOUR))

    def _accepted(self, messages: list[Message]) -> None:
        stored = {id for word, id in self.node.submitter.heard if word == "stored"}
        self.accepted += [message.id for message in messages if message.id in stored]

    def _pause(self, _: int) -> None:
        self._say(self.node.pause, paused=True)

    def _resume(self, _: int) -> None:
        self._say(self.node.resume, paused=False)

    def _cancel(self, _: int) -> None:
        if self._say(self.node.cancel, paused=False):
            self.canceled_up_to = self.node.ids.newest

    def _reschedule(self, hours: int) -> None:
        with suppress(UnknownBulk, Unchangeable, StoreUnavailable):
            self.node.reschedule(self.node.clock.seconds() + hours * HOUR)

    def _say(self, change: object, *, paused: bool) -> bool:
        try:
            change()  # type: ignore[operator]
        except (UnknownBulk, Unchangeable):
            return False
        except StoreUnavailable:
            self.certain = False
            return False
        self.paused, self.certain = paused, True
        return True

    def _wait(self, seconds: int) -> None:
        self.node.wait(seconds)

    def _hour(self, _: int) -> None:
        self.node.sleep(HOUR)

    def _take(self, count: int) -> None:
        for _ in range(count):
            message = self.node.outbox.take()
            if message is None:
                break
            assert message.id > self.canceled_up_to, "sent although it was canceled"
            if self.certain and self.paused:
                status = self.node.status
                assert status is not BulkStatus.PAUSED, "sent although it was paused"
            assert message.id not in self.sent, "sent twice"
            self.in_hand.append(message)
        self.node.turn()

    def _answer(self, count: int) -> None:
        for message in self.in_hand[:count]:
            self.node.send(message, f"op {message.id}")
            self.sent.append(message.id)
        del self.in_hand[:count]
        self.node.turn()

    def _refuse(self, count: int) -> None:
        for message in self.in_hand[:count]:
            self.node.outbox.refused(message, temporary=True, error=34)
        del self.in_hand[:count]
        self.node.turn()

    def _put_back(self, count: int) -> None:
        for message in self.in_hand[:count]:
            self.node.outbox.put_back(message)
        del self.in_hand[:count]
        self.node.turn()

    def _lose(self, _: int) -> None:
        self.node.engine.before = gone()

    def _lose_the_answer(self, _: int) -> None:
        self.node.engine.after = gone()

    def _kill(self, _: int) -> None:
        self.node.turn()
        self.in_hand.clear()
        self.node = self.node.killed_and_started()
        result(self.node.core.charging.resume())

    def end(self) -> None:
        """Let everything end, and see how it has."""
        node = self.node
        node.engine.before, node.engine.after = [], []
        node.wait(10)
        with suppress(UnknownBulk, Unchangeable):
            node.resume()
        for hours in (0, 1, 1, 1, 1):
            node.sleep(hours * HOUR)
            node.wait(3)
            for _ in range(20):
                self._take(SIZE)
                self._answer(10 * SIZE)
        node.wait(SETTLED + 10)
        for id in self.sent:
            node.receipt(f"op {id}")
        node.sleep(2 * VALIDITY)
        node.take_all()
        node.wait(5)
        ends: dict[int, int] = dict(node.rows("SELECT id, status FROM message WHERE state = 4"))
        assert set(self.accepted) <= set(ends), "lost, or without an end"
        assert node.rows("SELECT count(*) FROM message WHERE state < 4") == [(0,)]
        assert {ends[id] for id in self.sent} <= {DELIVERED_TO_HANDSET}
        unsent = [status for id, status in ends.items() if id not in self.sent]
        assert set(unsent) <= {REJECTED_NOT_SENT}, "neither sent nor canceled"
        ((left,),) = node.rows("SELECT micros FROM credit WHERE account_id = 1")
        assert left == MICROS * 1000 - len(self.sent) * MICROS // 100
        node.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_every_message_is_sent_once_or_canceled(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        story = Story(Path(folder, "smsd.db"))
        try:
            for what, number in steps:
                story.step(what, number)
            story.end()
        finally:
            story.node.close()

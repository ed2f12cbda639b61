"""A key of a client's own stands for one request, also when nobody can tell what became of that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from smsd.services.repetitions import Claim, OtherRequest
from smsd.store.engine import StoreUnavailable
from tests.services.rig import Node
from tests.stores import Submitter, gone, result


class Requests(Node):
    """A node that requests with keys are made to."""

    def claim(self, key: str = "key", fingerprint: str = "print", account_id: int = 1) -> Deferred[Claim]:
        return Deferred.fromCoroutine(self.core.repetitions.claim(account_id, key, fingerprint))

    def ask(self, count: int = 2) -> Submitter:
        """Make a request of so many messages, and return who hears what becomes of it."""
        heard = Submitter()
        claim = result(self.claim())
        assert claim.answer is None
        self.core.submission.admit(self.request().account, count)
        for _ in range(count):
            self.submission.submit(self.request(), heard)
        claim.keep("answer", lambda stored: heard.heard.append(("stored" if stored else "not stored", 0)))
        return heard

    def counts(self) -> tuple[int, int]:
        """Return how many messages there are, and how many answers."""
        (counts,) = self.rows("SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM repetition)")
        return counts


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Requests]:
    node = Requests(tmp_path / "smsd.db")
    yield node
    node.close()


def test_an_answer_is_stored_in_its_messages_transaction(node: Requests) -> None:
    node.ask(1000)  # As many as a transaction takes: its answer is one more.
    node.engine.writes.clear()
    node.turn()
    (calls,) = node.engine.writes
    assert {len(call.values) for call in calls} == {1000, 1}
    assert node.counts() == (1000, 1)
    assert result(node.claim()).answer == "answer"
    with pytest.raises(OtherRequest):
        result(node.claim(fingerprint="other"))
    assert result(node.claim(account_id=2)).answer is None


def test_so_is_one_that_waits_for_a_later_transaction(node: Requests) -> None:
    node.ask(1000)
    node.submission.admit(node.request().account, 1000)
    claim = result(node.claim("second"))
    for _ in range(1000):
        node.submission.submit(node.request(), node.submitter)
    claim.keep("answer", lambda stored: None)
    node.engine.writes.clear()
    node.turn()
    assert [{len(call.values) for call in calls} for calls in node.engine.writes] == [{1000, 1}] * 2


def test_a_key_is_held_until_the_disk_has_answered(node: Requests) -> None:
    node.ask()
    found: list[Claim] = []
    for _ in range(2):
        node.claim().addCallback(found.append)
    assert found == []
    node.turn()
    assert [claim.answer for claim in found] == ["answer"] * 2


def test_a_request_that_was_refused_since_nobody_could_tell_leaves_nothing(node: Requests) -> None:
    node.engine.after = gone()
    heard = node.ask()
    node.turn()
    assert {word for word, _ in heard.heard} == {"not stored"}
    assert node.counts() == (2, 1)  # They are there, but nobody must hear of them.
    with pytest.raises(StoreUnavailable):
        result(node.claim())
    node.clock.pump([0.1] * 10)
    node.turn()
    assert node.counts() == (0, 0)
    assert {word for word, _ in node.ask().heard} == set()
    node.turn()
    assert node.counts() == (2, 1)


def test_one_who_waits_for_a_request_that_fails_makes_it_anew(node: Requests) -> None:
    claim = result(node.claim())
    second = node.claim()
    claim.abandon()
    claim.abandon()
    assert result(second).answer is None


def test_a_node_that_was_killed_after_the_commit_knows_the_answer(node: Requests) -> None:
    node.ask()
    node.turn()
    node.close()
    again = Requests(node.path, node.clock)
    assert result(again.claim()).answer == "answer"
    assert again.ids.next() > again.rows("SELECT max(id) FROM repetition")[0][0]
    again.close()
    node.__init__(node.path, node.clock)  # type: ignore[misc]  # For the fixture to close.

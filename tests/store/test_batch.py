"""Batches: what belongs together stays together when one is divided."""

from __future__ import annotations

import itertools
from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from smsd.store.batch import ALONG, ORDER, Batch
from smsd.store.engine import Call, Engine, Query, Row
from smsd.store.journal import Journal
from smsd.store.messages import Notify, Report
from smsd.store.pushes import Form, received_push, report_push, storing
from smsd.store.received import ReceivedChanges
from smsd.store.received import State as ReceivedState
from tests.store.test_pushes import URL, coming, final
from tests.store.test_received import Bringer, received
from tests.stores import NOON, Submitter, Wayward, clock_at_noon, content, message

changes = st.lists(
    st.tuples(st.sampled_from(ORDER), st.integers(1, 4) | st.tuples(st.integers(1, 4), st.integers(1, 3))),
    min_size=2,
)


def parts(batch: Batch) -> list[Batch]:
    """Return a batch divided as far as that goes."""
    if len(batch) < 2:
        return [batch]
    return [part for half in batch.halves() for part in parts(half)]


def of(key: Hashable) -> Hashable:
    return key[0] if isinstance(key, tuple) else key


@given(changes)
def test_whatever_is_divided_is_all_there_once_and_with_its_companions(
    made: list[tuple[Query, Hashable]],
) -> None:
    batch = Batch()
    for query, key in made:
        batch.changes[query][key] = (key,)
    assert bool(batch)
    divided = parts(batch)
    assert len(divided) == len(batch)
    found = [(query, key) for part in divided for query in ORDER for key in part.changes[query]]
    assert len(found) == len(set(found))
    assert set(found) == set(made)
    for part in divided:
        assert len(part) == 1
        for query, others in ALONG.items():
            for key in part.changes[query]:
                whole = any(of(key) in batch.changes[other] for other in others)
                assert whole == any(of(key) in part.changes[other] for other in others)


APART = Query(
    f"SELECT id FROM message WHERE state = 4 AND report = {int(Report.PUSH)}"
    " AND id NOT IN (SELECT id FROM push)"
    f" UNION ALL SELECT id FROM received WHERE state = {int(ReceivedState.PUSH)}"
    " AND id NOT IN (SELECT id FROM push)"
    # Segments that wait for others, of messages (by their keywords) that have been put together.
    f" UNION ALL SELECT part.id FROM received AS part JOIN received AS whole ON whole.keyword = part.keyword"
    f" WHERE part.state = {int(ReceivedState.SEGMENT)} AND whole.id > 100"
)
"""What a node that is killed now would know nothing more of, or do twice."""


class Watched(Wayward):
    """An engine that is looked at after each transaction."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.apart: list[Row] = []

    async def write(self, *calls: Call, announce: bool = False) -> list[list[Row]]:
        results = await super().write(*calls, announce=announce)
        self.apart += await self.read(Call(APART))
        return results


async def test_a_batch_that_is_written_by_halves_leaves_no_push_out_at_any_moment(engine: Engine) -> None:
    watched, clock, submitter = Watched(engine), clock_at_noon(), Submitter()
    journal = Journal(watched, clock, 10_000)
    inbox = ReceivedChanges(journal)

    async def commit() -> None:
        clock.advance(0)
        await journal.drain()

    for id in range(1, 6):
        sent = message(id, report=Report.PUSH)
        sent.content = replace(content(), notify=Notify(URL, False, True))
        journal.accept(sent, submitter)
    long = [
        [received(id, state=int(ReceivedState.SEGMENT), keyword=str(first)) for id in range(first, first + 3)]
        for first in range(31, 50, 3)
    ]
    for segment in itertools.chain(*long):
        inbox.arrived(segment, Bringer())
    await commit()

    watched.refuses = lambda call: any(99 in row for row in call.values if isinstance(row, tuple))
    journal.accept(message(99), submitter)
    for id in range(1, 6):
        ended = final(id)
        journal.final(id, 5, 0, NOON, Report.PUSH, lambda _: None)
        journal.change(*storing(report_push(ended, NOON)))
    for id in range(11, 16):
        refused = final(id)
        journal.accept(refused, submitter, 0, storing(report_push(refused, NOON)))
    for id in range(21, 26):
        came = coming(id)
        inbox.arrived(came, Bringer(), storing(received_push(came, URL, Form.GET, NOON)))
    for id, segments in enumerate(long, 101):
        for segment in segments:
            segment.state = int(ReceivedState.JOINED)
        whole = coming(id, segments=3, keyword=segments[0].keyword)
        push = received_push(whole, URL, Form.GET, NOON)
        inbox.claimed(segments, whole, NOON, lambda: None, storing(push))
    await commit()
    assert watched.apart == []
    pushes = await engine.read(Call(Query("SELECT id FROM push ORDER BY id")))
    assert [id for (id,) in pushes] == [*range(1, 6), *range(11, 16), *range(21, 26), *range(101, 108)]
    assert ("not stored", 99) in submitter.heard
    assert len(watched.writes) > 3

"""What is removed when its time is over, and what stays, on every database."""

from __future__ import annotations

from typing import Any

from smsd.store.batch import ACCEPT, FINAL, SEGMENT, accepted_row
from smsd.store.engine import Call, Engine
from smsd.store.messages import Messages, Report
from smsd.store.received import ARRIVED, State, received_row
from smsd.store.retention import RetentionRows
from tests.store.test_logs import received
from tests.stores import NOON, Database, message

OLD = NOON - 1000
BEFORE = NOON - 500


async def stored(engine: Engine, *ids: int, at: float = OLD, report: int = 0, **fields: Any) -> None:
    """Store messages that are final."""
    made = [message(id, due_at=at, **fields) for id in ids]
    await engine.write(
        Call(ACCEPT, [accepted_row(one) for one in made]),
        Call(FINAL, [(id, 5, 0, at, report, None) for id in ids]),
        Call(SEGMENT, [(1, f"op-{id}", id, 0) for id in ids]),
    )


def ids(database: Database, table: str = "message", column: str = "id") -> list[int]:
    return [id for (id,) in database.execute(f"SELECT {column} FROM {table} ORDER BY 1")]


async def test_what_is_old_and_owes_nothing_goes_with_its_segments(
    database: Database, engine: Engine
) -> None:
    await stored(engine, 1, 2, 3)
    await stored(engine, 4, at=NOON)
    await stored(engine, 5, report=int(Report.FETCH))
    await engine.write(Call(ACCEPT, [accepted_row(message(6, due_at=OLD))]))
    rows = RetentionRows(engine)
    assert await rows.remove_messages(BEFORE, 2) == 2
    assert ids(database) == [3, 4, 5, 6]
    assert await rows.remove_messages(BEFORE, 2) == 1
    assert await rows.remove_messages(BEFORE, 2) == 0
    assert ids(database) == [4, 5, 6]
    assert ids(database, "segment", "message_id") == [4, 5]


async def test_a_client_s_id_is_reserved_as_long_as_its_message_is_there(
    database: Database, engine: Engine
) -> None:
    one = message(1, due_at=OLD)
    one.client_id = "mine"
    await engine.write(
        Call(ACCEPT, [accepted_row(one)]), Call(FINAL, [(1, 5, 0, OLD, int(Report.NONE), None)])
    )
    assert await Messages(engine).client_ids(1, ["mine"]) == ["mine"]
    await RetentionRows(engine).remove_messages(BEFORE, 10)
    assert await Messages(engine).client_ids(1, ["mine"]) == []


async def test_a_report_that_nobody_takes_is_given_up_and_then_its_message_goes(
    database: Database, engine: Engine
) -> None:
    for id, kind in enumerate((Report.RECEIPT, Report.FETCH, Report.SET_ASIDE), 1):
        await stored(engine, id, report=int(kind), account_id=id)
        await stored(engine, id + 10, at=NOON, report=int(kind), account_id=id)
    rows = RetentionRows(engine)
    assert await rows.remove_messages(BEFORE, 10) == 0
    assert await rows.give_up_reports(BEFORE, 2) == 2
    assert await rows.give_up_reports(BEFORE, 2) == 1
    assert await rows.give_up_reports(BEFORE, 2) == 0
    assert await rows.remove_messages(BEFORE, 10) == 3
    assert ids(database) == [11, 12, 13]
    assert database.execute("SELECT count(*) FROM message WHERE report > 0") == [(3,)]


async def test_received_messages_go_when_their_account_has_had_them_or_long_enough_to(
    database: Database, engine: Engine
) -> None:
    rows = [
        received(1, -1000),
        received(2, -1000, state=State.JOINED),
        received(3, 0),
        received(4, -1000, state=State.INBOX, done_at=None),
        received(5, -1000, state=State.SET_ASIDE, done_at=None),
        received(6, 0, state=State.WAITING, done_at=None),
    ]
    await engine.write(Call(ARRIVED, [received_row(one) for one in rows]))
    kept = RetentionRows(engine)
    assert await kept.remove_received(BEFORE, 1) == 1
    assert await kept.remove_received(BEFORE, 10) == 1
    assert ids(database, "received") == [3, 4, 5, 6]
    assert await kept.give_up_received(BEFORE, NOON, 10) == 2
    assert database.execute("SELECT state, done_at FROM received WHERE id = 4") == [(4, NOON)]
    assert await kept.remove_received(BEFORE, 10) == 2
    assert ids(database, "received") == [3, 6]

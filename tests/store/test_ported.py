"""Ported numbers on every database."""

from __future__ import annotations

import pytest

from smsd.store.engine import Engine
from smsd.store.ported import ChangedMeanwhile, NewRow, Packed, PortedRows
from smsd.store.settings import SettingsTables
from tests.stores import Changes

FIRST = NewRow(41790000000, 2, Packed("22801 22802", "first"))
SECOND = NewRow(385910000000, 1, Packed("21901", "second"))
THIRD = NewRow(385920000000, 1, Packed("21902", "third"))


async def test_rows_are_replaced_and_each_change_is_another_edition(engine: Engine) -> None:
    rows = PortedRows(engine)
    assert await rows.edition() == 0
    assert await rows.ranges() == []
    await rows.replace(0, None, [SECOND, FIRST])
    first, second = await rows.ranges()
    assert [(one.first, one.amount) for one in (first, second)] == [(41790000000, 2), (385910000000, 1)]
    assert await rows.read(first) == FIRST.packed
    assert await rows.edition() == 1
    await rows.replace(1, [second], [THIRD])
    kept, third = await rows.ranges()
    assert kept == first
    assert await rows.read(second) is None
    assert await rows.read(third) == THIRD.packed
    await rows.replace(2, None, [SECOND])
    (again,) = await rows.ranges()
    assert again.first == second.first
    assert again != second
    assert await rows.read(second) is None
    await rows.replace(3, None, [])
    assert await rows.ranges() == []
    assert await rows.edition() == 4
    assert (await SettingsTables(engine).read()).ported_edition == 4


async def test_a_row_is_found_by_a_number_of_its_range(engine: Engine) -> None:
    rows = PortedRows(engine)
    await rows.replace(0, None, [FIRST, SECOND])
    assert await rows.around(1) is None
    assert await rows.around(41790000000) == FIRST.packed
    assert await rows.around(385909999999) == FIRST.packed
    assert await rows.around(10**15 - 1) == SECOND.packed


async def test_of_two_changes_of_one_edition_the_second_changes_nothing(engine: Engine) -> None:
    rows = PortedRows(engine)
    await rows.replace(0, None, [FIRST])
    with pytest.raises(ChangedMeanwhile):
        await rows.replace(0, None, [SECOND])
    assert [one.first for one in await rows.ranges()] == [FIRST.first]
    assert await rows.edition() == 1


async def test_every_node_hears_of_a_change(engine: Engine) -> None:
    changes = Changes()
    engine.watch(changes)
    await PortedRows(engine).edition()  # The watching has begun.
    await PortedRows(engine).replace(0, None, [FIRST])
    await changes.one()

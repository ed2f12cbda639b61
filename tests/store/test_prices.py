"""Prices as rows, on both databases."""

from __future__ import annotations

import itertools

import pytest

from smsd.store.engine import Call, Engine, Query, StoreRefused
from smsd.store.prices import PAGE, PriceRow, PriceRows, Scope
from smsd.store.settings import SettingsTables
from tests.stores import Changes

EVERYWHERE = PriceRow(Scope(), "0.1")
ABROAD = PriceRow(Scope(currency="CHF", country="HR", network="21910"), "0.000001")


async def test_prices_are_put_replaced_and_removed_and_each_change_has_another_version(
    engine: Engine,
) -> None:
    rows = PriceRows(engine)
    versions = [await rows.version()]
    await rows.put([EVERYWHERE, ABROAD])
    versions.append(await rows.version())
    assert await rows.all() == [EVERYWHERE, ABROAD]
    dearer = ABROAD._replace(price="2")
    await rows.put([dearer])
    versions.append(await rows.version())
    assert await rows.all() == [EVERYWHERE, dearer]
    assert await rows.remove(Scope())
    assert not await rows.remove(Scope())
    versions.append(await rows.version())
    assert await rows.all() == [dearer]
    await rows.put([EVERYWHERE], replace=True)
    versions.append(await rows.version())
    assert await rows.all() == [EVERYWHERE]
    await rows.put([], replace=True)
    assert await rows.all() == []
    assert versions == sorted(set(versions))


async def test_a_change_is_announced(engine: Engine) -> None:
    changes = Changes()
    engine.watch(changes)
    await engine.read(Call(Query("SELECT 1")))
    await PriceRows(engine).put([EVERYWHERE])
    await changes.one()


async def test_an_account_s_prices_go_with_it(engine: Engine) -> None:
    rows, tables = PriceRows(engine), SettingsTables(engine)
    texts = ("system_id", "password", "binds", "addresses", "certificate", "country", "currency")
    numbers = ("enabled", "sessions", "tls", "throughput", "unanswered", "queue", "standard_receipts")
    columns = dict.fromkeys(texts, "x") | dict.fromkeys((*numbers, "receipts_to_submitter"), 0)
    number = await tables.insert("account", columns)
    with pytest.raises(StoreRefused):
        await rows.put([EVERYWHERE, PriceRow(Scope(number + 1), "1")])
    assert await rows.all() == []
    await rows.put([EVERYWHERE, PriceRow(Scope(number), "1")])
    await tables.delete("account", number)
    assert await rows.all() == [EVERYWHERE]


async def test_many_prices_are_one_transaction(engine: Engine) -> None:
    rows = PriceRows(engine)
    many = [PriceRow(Scope(network=f"{number:06}"), "0.1") for number in range(20_000)]
    await rows.put(many)
    assert await rows.all() == many
    pages = [page async for page in rows.pages()]
    assert sorted(itertools.chain.from_iterable(pages)) == many
    assert max(map(len, pages)) == PAGE

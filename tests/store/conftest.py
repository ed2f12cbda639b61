"""Open engines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_twisted

from smsd.store.engine import Engine
from tests.stores import NOON, Database


@pytest_twisted.async_yield_fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """An open engine of each kind, for the real reactor."""
    engine = database.engine()
    engine.prepare(NOON, exclusive=False)
    await engine.open()
    yield engine
    await engine.close()

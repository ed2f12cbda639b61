"""Whatever happens, every message that was accepted has one end, and its owner hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.life.storage import Postgres, Sqlite
from tests.life.story import tell
from tests.stores import PostgresDatabase


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_every_message_has_one_end(tmp_path: Path, seed: int) -> None:
    tell(seed, Sqlite(tmp_path / "smsd.db"))


@pytest.mark.parametrize("seed", range(100, 103))
def test_so_it_has_on_postgresql(postgresql: PostgresDatabase, seed: int) -> None:
    tell(seed, Postgres(postgresql.url))

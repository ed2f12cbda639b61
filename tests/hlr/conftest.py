from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    yield stack
    stack.close()

"""A node's services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.rig import Node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """The services of a node on a new database, whose time only the test moves."""
    node = Node(tmp_path / "smsd.db")
    yield node
    node.close()

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from twisted.internet.defer import Deferred

from smsd.cli import main, work
from smsd.store.engine import Engine
from smsd.store.open import UnknownDatabase
from smsd.store.sqlite import SqliteEngine
from tests.peers import Network, Stack, Worker, result

Command = Callable[..., Result]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A node that runs on the database that the commands change."""
    stack = Stack(tmp_path)
    yield stack
    stack.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration that names it."""
    file = tmp_path / "smsd.toml"
    file.write_text('state = "."\ndatabase = "sqlite:smsd.db"\n')
    return file


@pytest.fixture
def smsd(config: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in this process: without a reactor of its own, and without threads."""

    def react(command: Callable[[Any], Deferred[None]]) -> None:
        result(command(Network()))
        raise SystemExit(0)

    def engine(url: str, folder: Path, reactor: Any) -> Engine:
        kind, _, name = url.partition(":")
        if kind != "sqlite":
            raise UnknownDatabase(f"not here: {url}")
        return SqliteEngine(str(folder / name), reactor, Worker)

    monkeypatch.setattr(work, "react", react)
    monkeypatch.setattr(work, "engine", engine)

    def run(*arguments: str, answers: str | None = None) -> Result:
        return CliRunner().invoke(
            main, ["--config", str(config), *arguments], input=answers, catch_exceptions=False
        )

    return run

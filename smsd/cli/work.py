"""What all commands share: they work on the configured database, and say in sentences what goes wrong."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import react

from smsd.config import ConfigError, find, load
from smsd.options import InvalidOptions
from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.store.engine import Engine, SchemaTooNew, StoreRefused, StoreUnavailable
from smsd.store.open import UnknownDatabase, engine


class Moment(click.DateTime):
    """A time in UTC, to the day, the minute or the second."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])

    def get_metavar(self, *_: object, **__: object) -> str:
        """Return what stands for it in a command's help."""
        return "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time that is given; what is none is told as people write times."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            return self.fail(
                f"A time is one such as 2026-01-31 or 2026-01-31T08:00, in UTC: not {value!r}.", param, ctx
            )


TIME = Moment()

Work = Callable[[Administration], Awaitable[None]]


def run(option: str | None, work: Work) -> None:
    """Run a command that lists or changes settings, as :func:`run_on`."""
    run_on(option, lambda database, clock: work(Administration(database)))


def run_on(option: str | None, work: Callable[[Engine, IReactorTime], Awaitable[None]]) -> None:
    """Run a command on the configured database; what goes wrong is told in a sentence, with exit status 1."""
    problems: list[str] = []

    async def command(reactor: Any) -> None:
        try:
            file = find(option)
            config = load(file)
            folder = config.state_folder(file)
            if not folder.is_dir():
                raise ConfigError(f"{file}: state: there is no folder {folder}; start the node once.")
            database = engine(config.database, folder, reactor)
            database.prepare(reactor.seconds(), exclusive=False)
            await database.open()
            try:
                await work(database, reactor)
            finally:
                await database.close()
        except (
            ConfigError,
            InvalidOptions,
            SettingError,
            SchemaTooNew,
            StoreRefused,
            StoreUnavailable,
            UnknownDatabase,
        ) as error:
            problems.append(str(error))

    try:
        react(lambda reactor: Deferred.fromCoroutine(command(reactor)))
    except SystemExit as ended:
        if ended.code:
            raise
    for problem in problems:
        click.echo(f"smsd: {problem}", err=True)
    if problems:
        sys.exit(1)


@contextmanager
def reading(file: Path) -> Iterator[TextIO]:
    """Open a file of a command; what is wrong with it is told with its name.

    Raises:
        SettingError: if it can't be read, or if it is raised of what the file says.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield lines
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{file}: it can't be read: {error}.") from error
    except SettingError as error:
        raise SettingError(f"{file}: {error}") from error


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns."""
    lines = [[str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    for line in ([*heads], *lines):
        click.echo("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


def yes(flag: int) -> str:
    """Return how a flag is shown."""
    return "yes" if flag else "no"


def columns_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that options set; those that were not given are ``None``."""
    return {
        name: int(value) if isinstance(value, bool) else value
        for name, value in given.items()
        if value is not None
    }


def changes_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that options change.

    Raises:
        click.UsageError: if there is none.
    """
    columns = columns_of(given)
    if not columns:
        raise click.UsageError("Nothing to change: give an option.")
    return columns

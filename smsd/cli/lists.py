"""``smsd list``: numbers, senders and words that messages are held against."""

from __future__ import annotations

from pathlib import Path

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.work import reading, run_on, table
from smsd.services.list_administration import ListAdministration
from smsd.services.lists import LISTS
from smsd.store.engine import Engine

LIST = click.argument("name", metavar="LIST", type=click.Choice(list(LISTS)))
ACCOUNT = click.option("--account", metavar="NAME", help="Whose list it is (default: the one for all).")


@click.group("list")
def list_() -> None:
    """Lists of numbers, senders and words, for all or for one account."""


@list_.command("add")
@LIST
@click.argument("values", metavar="VALUE...", nargs=-1, required=True)
@ACCOUNT
@click.pass_obj
def list_add(config: str | None, name: str, values: tuple[str, ...], account: str | None) -> None:
    """Put values on a LIST.

    A number or a sender with a * at its end stands for all that begin so.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        count = await ListAdministration(database, clock).add(name, account, values)
        click.echo(f"Put on the list {name}: {count}.")

    run_on(config, work)


@list_.command("remove")
@LIST
@click.argument("values", metavar="VALUE...", nargs=-1, required=True)
@ACCOUNT
@click.pass_obj
def list_remove(config: str | None, name: str, values: tuple[str, ...], account: str | None) -> None:
    """Take values off a LIST."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        count = await ListAdministration(database, clock).remove(name, account, values)
        click.echo(f"Taken off the list {name}: {count}.")

    run_on(config, work)


@list_.command("import")
@LIST
@click.argument("file", type=click.Path(path_type=Path))
@ACCOUNT
@click.option("--replace", is_flag=True, help="Take off the list what the file does not have.")
@click.pass_obj
def list_import(config: str | None, /, name: str, file: Path, account: str | None, replace: bool) -> None:
    """Put the values of a FILE on a LIST, one a line.

    Empty lines and those that begin with # don't count.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        with reading(file) as lines:
            imported = await ListAdministration(database, clock).import_lines(name, account, lines, replace)
        click.echo(f"Put on the list {name}: {imported.added}. Taken off it: {imported.removed}.")

    run_on(config, work)


@list_.command("export")
@LIST
@ACCOUNT
@click.pass_obj
def list_export(config: str | None, name: str, account: str | None) -> None:
    """Print what is on a LIST, one value a line, as an import takes it."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        async for value in ListAdministration(database, clock).values(name, account):
            click.echo(value)

    run_on(config, work)


@list_.command("find")
@click.argument("value", metavar="NUMBER|SENDER")
@click.option("--account", metavar="NAME", help="Look on the lists of this account, too.")
@click.pass_obj
def list_find(config: str | None, value: str, account: str | None) -> None:
    """Say on which lists a number or a sender is, and by which entry."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        found = await ListAdministration(database, clock).find(value, account)
        if not found:
            click.echo(f"{value} is on no list.")
            return
        table(("LIST", "ACCOUNT", "ENTRY"), ((one.name, one.account or "(all)", one.entry) for one in found))

    run_on(config, work)


@list_.command("count")
@click.pass_obj
def list_count(config: str | None) -> None:
    """Show how much is on each list."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        counts = await ListAdministration(database, clock).counts()
        table(
            ("LIST", "ACCOUNT", "ENTRIES"),
            ((name, account or "(all)", count) for name, account, count in counts),
        )

    run_on(config, work)

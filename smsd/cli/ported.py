"""``smsd ported``: the numbers that were ported to other networks."""

from __future__ import annotations

from pathlib import Path

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.work import reading, run_on, table
from smsd.numbering.plan import built_in
from smsd.services.ported_administration import PortedAdministration, ported_file
from smsd.store.engine import Engine

SHOWN = 1000
"""How many are listed."""


@click.group()
def ported() -> None:
    """Numbers that were ported from the network of their prefix."""


@ported.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Remove all numbers that the file does not have.")
@click.pass_obj
def ported_import(config: str | None, /, file: Path, replace: bool) -> None:
    """Add the numbers of a CSV file: all of them or none.

    Those that are there already are changed. The file's first line names the columns: number and mccmnc.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        with reading(file) as lines:
            found = ported_file(lines)
        administration = PortedAdministration(database)
        await (administration.put(found) if replace else administration.add(found))
        click.echo(f"Numbers that are imported: {len(found)}.")

    run_on(config, work)


@ported.command("list")
@click.argument("prefix", default="")
@click.pass_obj
def ported_list(config: str | None, prefix: str) -> None:
    """List the numbers that begin with PREFIX, the first thousand of them."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        listed = await PortedAdministration(database).listed(prefix, SHOWN + 1)
        table(
            ("NUMBER", "MCCMNC", "NETWORK"),
            ((number, mccmnc, built_in().of_network(mccmnc).network) for number, mccmnc in listed[:SHOWN]),
        )
        if len(listed) > SHOWN:
            click.echo(f"There are more: these are the first {SHOWN}.")

    run_on(config, work)


@ported.command("count")
@click.pass_obj
def ported_count(config: str | None) -> None:
    """Say how many numbers were ported to each network, and in all."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        counts = await PortedAdministration(database).counted()
        table(
            ("MCCMNC", "NETWORK", "NUMBERS"),
            ((mccmnc, built_in().of_network(mccmnc).network, count) for mccmnc, count in counts.items()),
        )
        click.echo(f"In all: {sum(counts.values())}.")

    run_on(config, work)


@ported.command("remove")
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove all numbers.")
@click.pass_obj
def ported_remove(config: str | None, /, numbers: tuple[str, ...], everything: bool) -> None:
    """Remove numbers: their networks are those of their prefixes again."""
    if everything == bool(numbers):
        raise click.UsageError("Give numbers, or --all.")

    async def work(database: Engine, clock: IReactorTime) -> None:
        administration = PortedAdministration(database)
        removed = await (administration.remove_all() if everything else administration.remove(numbers))
        click.echo(f"Numbers that are removed: {removed}.")

    run_on(config, work)

"""``smsd network``: which network the numbers with a prefix belong to."""

from __future__ import annotations

from pathlib import Path

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.work import reading, run, run_on, table
from smsd.services.administration import Administration
from smsd.services.network_administration import NetworkAdministration
from smsd.services.networks import networks_of
from smsd.store.engine import Engine


@click.group()
def network() -> None:
    """Networks, by prefixes of your own."""


@network.command("list")
@click.pass_obj
def network_list(config: str | None) -> None:
    """List the prefixes."""

    async def work(administration: Administration) -> None:
        rows = (await administration.rows()).networks
        table(
            ("PREFIX", "MCCMNC", "NAME"),
            ((one.prefix, one.mccmnc, one.name) for one in sorted(rows, key=lambda one: one.prefix)),
        )

    run(config, work)


@network.command("find")
@click.argument("number")
@click.pass_obj
def network_find(config: str | None, number: str) -> None:
    """Say which network a NUMBER belongs to, and how that is known.

    The first line counts.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        found = await NetworkAdministration(database).find(number)
        if not found:
            click.echo(f"No country has a prefix of {number}: messages to it are refused.")
            return
        table(
            ("KNOWN BY", "MCCMNC", "NETWORK", "PREFIX", "COUNTRY", "CODE"),
            (
                (
                    one.source,
                    one.home.mccmnc or "-",
                    one.home.network or "-",
                    one.home.prefix or "-",
                    " ".join((one.home.country, one.home.country_name)).strip() or "-",
                    one.home.calling_code or "-",
                )
                for one in found
            ),
        )

    run_on(config, work)


@network.command("add")
@click.argument("prefix")
@click.argument("mccmnc")
@click.option("--name", default="", help="What people call the network.")
@click.pass_obj
def network_add(config: str | None, /, prefix: str, mccmnc: str, name: str) -> None:
    """Say which network the numbers with a prefix belong to.

    The longest prefix counts.
    """

    async def work(administration: Administration) -> None:
        await administration.add_network(prefix, mccmnc, name)
        click.echo(f"Prefix {prefix} is added.")

    run(config, work)


@network.command("remove")
@click.argument("prefix")
@click.pass_obj
def network_remove(config: str | None, prefix: str) -> None:
    """Remove a prefix.

    Messages that have been accepted keep their network.
    """

    async def work(administration: Administration) -> None:
        await administration.remove_network(prefix)
        click.echo(f"Prefix {prefix} is removed.")

    run(config, work)


@network.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Remove all prefixes that the file does not have.")
@click.pass_obj
def network_import(config: str | None, /, file: Path, replace: bool) -> None:
    """Add the prefixes of a CSV file: all of them or none.

    Those that are there already are changed. The file's first line names its columns: prefix, mccmnc and,
    if it likes, name.
    """

    async def work(administration: Administration) -> None:
        with reading(file) as lines:
            networks = networks_of(lines)
        await administration.import_networks(networks, replace)
        click.echo(f"Prefixes that are imported: {len(networks)}.")

    run(config, work)

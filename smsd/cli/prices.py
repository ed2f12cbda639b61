"""``smsd price``: what a segment costs, by account, country and network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.work import reading, run_on, table
from smsd.services.price_administration import HEADS, PriceAdministration
from smsd.store.engine import Engine

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def price() -> None:
    """Prices of a segment, by account, currency, country and network.

    The narrowest that fits counts, and without one the route's.
    """


def _scope(command: F) -> F:
    """Give a command the options that say what a price is for."""
    for option in reversed(
        (
            click.option(
                "--account",
                metavar="NAME",
                default="",
                help="An account's own; else it is for every account.",
            ),
            click.option(
                "--currency", metavar="CODE", default="", help="For every account that has this currency."
            ),
            click.option(
                "--country", metavar="CODE", default="", help="Of the destination, by ISO 3166, such as HR."
            ),
            click.option(
                "--network",
                metavar="MCCMNC",
                default="",
                help="Of the destination: MCC and MNC, or the MCC alone.",
            ),
        )
    ):
        command = option(command)
    return command


@price.command("list")
@click.option("--account", metavar="NAME", help="Only this account's own.")
@click.pass_obj
def price_list(config: str | None, /, account: str | None) -> None:
    """List the prices."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        rows = await PriceAdministration(database).all()
        table(
            [head.upper() for head in HEADS],
            (
                (
                    row["account"] or "(all)",
                    row["currency"] or ("(its own)" if row["account"] else "(any)"),
                    row["country"] or "(any)",
                    row["network"] or "(any)",
                    row["price"],
                )
                for row in rows
                if account in (None, row["account"])
            ),
        )

    run_on(config, work)


@price.command("add")
@click.argument("price")
@_scope
@click.pass_obj
def price_add(config: str | None, /, **given: str) -> None:
    """Add a PRICE of a segment, in the currency of whoever it is for."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        await PriceAdministration(database).add(given)
        click.echo("The price is added.")

    run_on(config, work)


@price.command("set")
@click.argument("price")
@_scope
@click.pass_obj
def price_set(config: str | None, /, **given: str) -> None:
    """Change a PRICE; messages that have been accepted keep theirs."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        await PriceAdministration(database).change(given)
        click.echo("The price is changed.")

    run_on(config, work)


@price.command("remove")
@_scope
@click.pass_obj
def price_remove(config: str | None, /, **given: str) -> None:
    """Remove a price."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        await PriceAdministration(database).remove(given)
        click.echo("The price is removed.")

    run_on(config, work)


@price.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Remove all prices that the file does not have.")
@click.pass_obj
def price_import(config: str | None, /, file: Path, replace: bool) -> None:
    """Add the prices of a CSV file: all of them or none.

    Those that are there already are changed. The file's first line names its columns: price and, of
    account, currency, country and network, what it likes.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        with reading(file) as lines:
            count = await PriceAdministration(database).read_from(lines, replace)
        click.echo(f"Prices that are imported: {count}.")

    run_on(config, work)


@price.command("export")
@click.pass_obj
def price_export(config: str | None) -> None:
    """Print all prices as a CSV file, as import takes it."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        click.echo(await PriceAdministration(database).written(), nl=False)

    run_on(config, work)


@price.command("find")
@click.argument("account")
@click.argument("number")
@click.pass_obj
def price_find(config: str | None, /, account: str, number: str) -> None:
    """Say what a segment to a NUMBER costs an ACCOUNT, and why."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        found = await PriceAdministration(database).find(account, number)
        where = ", ".join(part for part in (found.country, found.network) if part) or "in no country"
        click.echo(f"A segment to {number} ({where}) costs {account} {found.price} {found.currency}.")
        if found.row is None:
            click.echo("No price is for that: it is the route's.")
        else:
            scope = found.row.scope
            whose = account if scope.account_id is not None else scope.currency or "every account"
            place = ", ".join(part for part in (scope.country, scope.network) if part) or "everywhere"
            click.echo(f"It is the price of {whose} for {place}.")

    run_on(config, work)

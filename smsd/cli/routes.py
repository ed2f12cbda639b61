"""``smsd route``: which destinations take which channel."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.route_tests import route_test
from smsd.cli.work import changes_of, columns_of, reading, run, run_on, table, yes
from smsd.services.administration import Administration
from smsd.services.route_administration import HEADS, RouteAdministration
from smsd.services.rules import ACTIONS, SEND, TYPES
from smsd.store.engine import Engine
from smsd.store.settings import Route


@click.group()
def route() -> None:
    """Which destinations take which channel."""


route.add_command(route_test)


def _settings(command: Any) -> Any:
    """Give a command the options for what a route asks and says."""
    for option in reversed(
        (
            click.option(
                "--account", metavar="NAME", help="The account whose messages take it (default: all)."
            ),
            click.option("--prefix", help="Leading digits of the destination."),
            click.option("--country", help="The destination's, as ISO 3166 has it: HR."),
            click.option("--network", help="The destination's: MCC and MNC, or an MCC."),
            click.option("--sender", help="The sender, or how it begins: INFO*."),
            click.option(
                "--type",
                type=click.Choice(["", *TYPES]),
                metavar="TYPE",
                help="Of the message: text, binary or flash.",
            ),
            click.option("--hours", help="When: 'mon-fri 08:00-20:00, sat Europe/Zagreb'; UTC if no zone."),
            click.option("--code", help="Only for SMPP sessions that bind with system_type r:CODE."),
            click.option("--priority", type=int, help="Higher ones come first (new: 0)."),
            click.option("--weight", type=int, help="Its share among equal routes (new: 1)."),
            click.option("--price", help="Of a segment, in the account's currency (new: 0)."),
            click.option("--cost", help="What the operator asks for a segment (new: 0)."),
            click.option(
                "--lookup/--no-lookup",
                default=None,
                help="Whether numbers are looked up before messages take it (new: no).",
            ),
            click.option(
                "--action",
                type=click.Choice(ACTIONS),
                help="forbid and unreachable refuse messages (new: send).",
            ),
        )
    ):
        command = option(command)
    return command


@route.command("list")
@click.pass_obj
def route_list(config: str | None) -> None:
    """List the routes."""

    async def work(administration: Administration) -> None:
        rows = await administration.rows()
        accounts = {one.id: one.system_id for one in rows.accounts}
        channels = {one.id: one.name for one in rows.channels}
        table(
            ("ROUTE", "ACCOUNT", "CODE", "PREFIX", "CHANNEL", "PRICE", "COST", "PRIORITY", "LOOKUP", "ONLY"),
            (
                (
                    one.id,
                    accounts[one.account_id] if one.account_id else "(all)",
                    one.code or "(none)",
                    one.prefix or "(any)",
                    channels[one.channel_id] if one.channel_id is not None else f"({one.action})",
                    one.price,
                    one.cost,
                    one.priority if one.weight == 1 else f"{one.priority}, weight {one.weight}",
                    yes(one.lookup),
                    _only(one),
                )
                for one in rows.routes
            ),
        )

    run(config, work)


def _only(route: Route) -> str:
    """Return what a route asks for beside a prefix."""
    names = ("country", "network", "sender", "type", "hours")
    return ", ".join(f"{name} {getattr(route, name)}" for name in names if getattr(route, name))


@route.command("add")
@click.argument("channel", required=False)
@_settings
@click.pass_obj
def route_add(config: str | None, /, channel: str | None, **given: Any) -> None:
    """Route messages to a CHANNEL, or refuse them with --action.

    Among the routes that fit a message the higher priority comes first, then an account's own before all
    others, then the narrower before the wider: the longest prefix first of all.
    """
    columns = columns_of(given)
    if (channel is None) is (columns.get("action", SEND) == SEND):
        raise click.UsageError("Name a channel, or say --action forbid or --action unreachable.")

    async def work(administration: Administration) -> None:
        number = await administration.add_route(channel, **columns)
        click.echo(f"Route {number} is added.")

    run(config, work)


@route.command("set")
@click.argument("number", type=int)
@click.option("--channel", help="Another channel.")
@_settings
@click.pass_obj
def route_set(config: str | None, /, number: int, **given: Any) -> None:
    """Change a route; an option with '' takes a condition away."""
    columns = changes_of(given)

    async def work(administration: Administration) -> None:
        await administration.change_route(number, **columns)
        click.echo(f"Route {number} is changed.")

    run(config, work)


@route.command("remove")
@click.argument("number", type=int)
@click.pass_obj
def route_remove(config: str | None, number: int) -> None:
    """Remove a route."""

    async def work(administration: Administration) -> None:
        await administration.remove_route(number)
        click.echo(f"Route {number} is removed.")

    run(config, work)


@route.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Remove all routes that the file does not have.")
@click.pass_obj
def route_import(config: str | None, /, file: Path, replace: bool) -> None:
    """Add the routes of a CSV file: all of them or none.

    Of those that are there already the weights, prices, costs and lookups are changed. The file's first line
    names its columns, those of 'smsd route export'; any may be missing.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        with reading(file) as lines:
            new, changed, gone = await RouteAdministration(database, clock).put(lines, replace)
        click.echo(f"Routes that are new: {new}, changed: {changed}, removed: {gone}.")

    run_on(config, work)


@route.command("export")
@click.pass_obj
def route_export(config: str | None) -> None:
    """Print all routes as CSV."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        writer = csv.DictWriter(sys.stdout, HEADS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(await RouteAdministration(database, clock).lines())

    run_on(config, work)

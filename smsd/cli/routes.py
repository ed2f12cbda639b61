"""``smsd route``: which destinations take which channel."""

from __future__ import annotations

from typing import Any

import click

from smsd.cli.work import changes_of, run, table
from smsd.services.administration import Administration


@click.group()
def route() -> None:
    """Which destinations take which channel."""


@route.command("list")
@click.pass_obj
def route_list(config: str | None) -> None:
    """List the routes."""

    async def work(administration: Administration) -> None:
        rows = await administration.rows()
        accounts = {one.id: one.system_id for one in rows.accounts}
        channels = {one.id: one.name for one in rows.channels}
        table(
            ("ROUTE", "ACCOUNT", "CODE", "PREFIX", "CHANNEL", "PRICE"),
            (
                (
                    one.id,
                    accounts[one.account_id] if one.account_id else "(all)",
                    one.code or "(none)",
                    one.prefix or "(any)",
                    channels[one.channel_id],
                    one.price,
                )
                for one in rows.routes
            ),
        )

    run(config, work)


@route.command("add")
@click.argument("channel")
@click.option("--prefix", default="", help="Leading digits of the destination (default: any destination).")
@click.option("--account", help="The account whose messages take it (default: all).")
@click.option("--price", default="0", show_default=True, help="Of a segment, in the account's currency.")
@click.option("--code", default="", help="Only for SMPP sessions that bind with system_type r:CODE.")
@click.pass_obj
def route_add(config: str | None, /, channel: str, **given: Any) -> None:
    """Route messages to a channel: the longest prefix wins, an account's own route before all others."""

    async def work(administration: Administration) -> None:
        number = await administration.add_route(channel, **given)
        click.echo(f"Route {number} is added.")

    run(config, work)


@route.command("set")
@click.argument("number", type=int)
@click.option("--channel", help="Another channel.")
@click.option("--prefix", help="Other leading digits.")
@click.option("--price", help="Another price.")
@click.option("--code", help="Another route code.")
@click.pass_obj
def route_set(config: str | None, /, number: int, **given: Any) -> None:
    """Change a route."""
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

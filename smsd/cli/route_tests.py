"""``smsd route test``: where a message would go, why, and at what price."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.channels import state_of
from smsd.cli.work import TIME, run_on, table
from smsd.services.route_administration import RouteAdministration, Way
from smsd.services.rules import TEXT, TYPES
from smsd.services.statuses import STATUSES
from smsd.store.engine import Engine
from smsd.store.settings import Route


@click.command("test")
@click.argument("destination")
@click.option(
    "--account", metavar="NAME", help="The account that hands it in (default: one without routes of its own)."
)
@click.option("--sender", "source", default="", help="Its sender.")
@click.option("--code", default="", help="The route code that its session asks for.")
@click.option("--type", "kind", type=click.Choice(TYPES), default=TEXT, show_default=True, help="Its type.")
@click.option("--at", type=TIME, help="When it is to be sent, in UTC (default: now).")
@click.option("--found", default="", help="The network (MCC and MNC) that a lookup finds.")
@click.option("--segments", type=click.IntRange(1, 255), default=1, show_default=True, help="What it takes.")
@click.pass_obj
def route_test(
    config: str | None,
    /,
    destination: str,
    account: str | None,
    source: str,
    code: str,
    kind: str,
    at: datetime | None,
    found: str,
    segments: int,
) -> None:
    """Tell where a message to DESTINATION would go, and at what price.

    Nothing is sent, nor is anything looked up: what a lookup may find is for you to say. Each route is told,
    and why a message fits it or not.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        seconds = at.replace(tzinfo=UTC).timestamp() if at is not None else None
        routes = RouteAdministration(database, clock)
        way = await routes.test(destination, account, source, code, kind, seconds, found)
        currency = next((one.currency for one in way.rows.accounts if one.system_id == account), "")
        _show(way, kind, clock.seconds())
        click.echo(_result(way, segments, currency))

    run_on(config, work)


def _show(way: Way, kind: str, now: float) -> None:
    asked = way.asked
    moment = datetime.fromtimestamp(asked.at, UTC)
    click.echo(
        f"Message: {kind} to {asked.destination}, country {asked.country or '(unknown)'},"
        f" network {asked.network or '(unknown)'}, at {moment:%a %Y-%m-%d %H:%M:%S} UTC."
    )
    accounts = {one.id: one.system_id for one in way.rows.accounts}
    if way.found:
        click.echo(f"Its number is looked up first, since {way.lookup} says so: {way.found} is found.")
    elif way.lookup:
        click.echo(f"Its number is looked up first, since {way.lookup} says so. Where nothing is found:")
    table(
        ("ROUTE", "ACCOUNT", "PREFIX", "PRIORITY", "LEADS TO", "STATE", "VERDICT"),
        (
            (
                one.route.id,
                accounts[one.route.account_id] if one.route.account_id else "(all)",
                one.route.prefix or "(any)",
                one.route.priority,
                _leads_to(one.route, way),
                _state(one.route, way, now),
                one.mismatch or _fits(one.route, way),
            )
            for one in way.considered
        ),
    )
    if way.others:
        click.echo(f"Routes with another account, code or prefix: {way.others}.")


def _leads_to(route: Route, way: Way) -> str:
    channels = {one.id: one.name for one in way.rows.channels}
    return channels[route.channel_id] if route.channel_id is not None else f"({route.action})"


def _state(route: Route, way: Way, now: float) -> str:
    if route.channel_id is None:
        return ""
    channel = next(one for one in way.rows.channels if one.id == route.channel_id)
    return state_of(channel, way.states.get(channel.id), now).partition(" since")[0]


def _fits(route: Route, way: Way) -> str:
    weight = f", with weight {route.weight}" if route.weight != 1 else ""
    taken = way.route is not None and way.route.id == route.id
    if not taken:
        return f"It fits{weight}."
    return "It fits, and refuses the message." if way.refusal else f"It fits{weight}, and is taken."


def _result(way: Way, segments: int, currency: str) -> str:
    if way.refusal:
        status = STATUSES[way.refusal]
        return f"Refused: {status.id} {status.name}, {status.description.rstrip('.').lower()}."
    assert way.route is not None
    price, cost = (_total(one, segments) for one in (way.price, way.route.cost))
    return (
        f"Taken: route {way.route.id}, channel {_leads_to(way.route, way)}."
        f" Segments: {segments}. Price: {price} {currency}".rstrip()
        + f". Cost: {cost}."
    )


def _total(amount: str, segments: int) -> str:
    return f"{(Decimal(amount) * segments).normalize():f}"

"""``smsd bulk``: the bulks of accounts."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.work import run_on, table
from smsd.services.bulk_administration import BulkAdministration
from smsd.store.engine import Engine

SHOWN = 1000
"""How many are listed."""


@click.group()
def bulk() -> None:
    """Bulks: messages with one bulk id, not all of them sent."""


@bulk.command("list")
@click.argument("account")
@click.pass_obj
def bulk_list(config: str | None, account: str) -> None:
    """List an ACCOUNT's bulks that are not finished, by their ids."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        table(
            ("BULK", "STATUS", "SENT AT"),
            (
                (
                    one.bulk_id if one.bulk_id.isprintable() else ascii(one.bulk_id),
                    one.status.value,
                    f"{datetime.fromtimestamp(one.send_at, UTC):%Y-%m-%d %H:%M:%S} UTC",
                )
                for one in await BulkAdministration(database, clock).unfinished(account, SHOWN)
            ),
        )

    run_on(config, work)


@bulk.command("pause")
@click.argument("account")
@click.argument("bulk")
@click.pass_obj
def bulk_pause(config: str | None, account: str, bulk: str) -> None:
    """Let nothing more of an ACCOUNT's BULK be sent.

    It waits until it is resumed; its validity goes on.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        status = await BulkAdministration(database, clock).pause(account, bulk)
        click.echo(f"Bulk {bulk} is {status.value}.")

    run_on(config, work)


@bulk.command("resume")
@click.argument("account")
@click.argument("bulk")
@click.pass_obj
def bulk_resume(config: str | None, account: str, bulk: str) -> None:
    """Let an ACCOUNT's BULK that is paused go on."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        status = await BulkAdministration(database, clock).resume(account, bulk)
        click.echo(f"Bulk {bulk} is {status.value}.")

    run_on(config, work)


@bulk.command("cancel")
@click.argument("account")
@click.argument("bulk")
@click.pass_obj
def bulk_cancel(config: str | None, account: str, bulk: str) -> None:
    """End all of an ACCOUNT's BULK that has not been sent."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        status = await BulkAdministration(database, clock).cancel(account, bulk)
        click.echo(f"Bulk {bulk} is {status.value}.")

    run_on(config, work)

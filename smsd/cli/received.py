"""``smsd received``: received messages that clients could not take."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from smsd.cli.work import run, table
from smsd.services.administration import Administration

SHOWN = 1000
"""How many are listed."""


@click.group()
def received() -> None:
    """Received messages that were set aside.

    Clients can't take them: their SMPP sessions ended on them, or refused them, again and again.
    """


@received.command("list")
@click.pass_obj
def received_list(config: str | None) -> None:
    """List the received messages that were set aside, the oldest first."""

    async def work(administration: Administration) -> None:
        accounts = {one.id: one.system_id for one in (await administration.rows()).accounts}
        table(
            ("MESSAGE", "ACCOUNT", "SOURCE", "DESTINATION", "RECEIVED"),
            (
                (
                    one.id,
                    accounts.get(one.account_id, "(removed)"),
                    one.source if one.source.isprintable() else ascii(one.source),
                    one.destination,
                    f"{datetime.fromtimestamp(one.received_at, UTC):%Y-%m-%d %H:%M:%S} UTC",
                )
                for one in await administration.received_set_aside(SHOWN)
            ),
        )

    run(config, work)


@received.command("retry")
@click.argument("message", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="All that were set aside.")
@click.pass_obj
def received_retry(config: str | None, message: int | None, everything: bool) -> None:
    """Send a received MESSAGE again, or all that were set aside."""
    if (message is None) != everything:
        raise click.UsageError("Name a message, or say --all.")

    async def work(administration: Administration) -> None:
        count = await administration.retry_received(message)
        click.echo(f"Received messages that are sent again: {count}.")

    run(config, work)

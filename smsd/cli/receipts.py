"""``smsd receipt``: receipts that clients could not take."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from smsd.cli.work import run, table
from smsd.services.administration import Administration

SHOWN = 1000
"""How many are listed."""


@click.group()
def receipt() -> None:
    """Receipts that were set aside.

    Clients can't take them: their SMPP sessions ended on them, or refused them, again and again.
    """


@receipt.command("list")
@click.pass_obj
def receipt_list(config: str | None) -> None:
    """List the receipts that were set aside, the oldest first."""

    async def work(administration: Administration) -> None:
        accounts = {one.id: one.system_id for one in (await administration.rows()).accounts}
        table(
            ("MESSAGE", "ACCOUNT", "SOURCE", "DESTINATION", "DONE"),
            (
                (
                    one.id,
                    accounts.get(one.account_id, "(removed)"),
                    one.source,
                    one.destination,
                    f"{datetime.fromtimestamp(one.done_at or 0, UTC):%Y-%m-%d %H:%M:%S} UTC",
                )
                for one in await administration.receipts_set_aside(SHOWN)
            ),
        )

    run(config, work)


@receipt.command("retry")
@click.argument("message", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="All that were set aside.")
@click.pass_obj
def receipt_retry(config: str | None, message: int | None, everything: bool) -> None:
    """Send the receipt of a MESSAGE again, or all that were set aside."""
    if (message is None) != everything:
        raise click.UsageError("Name a message, or say --all.")

    async def work(administration: Administration) -> None:
        count = await administration.retry_receipts(message)
        click.echo(f"Receipts that are sent again: {count}.")

    run(config, work)

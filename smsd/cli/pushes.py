"""``smsd push``: what is sent to clients' URLs."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from smsd.cli.work import run, table
from smsd.services.administration import Administration
from smsd.services.push_requests import shown

SHOWN = 1000
"""How many URLs are listed."""
_moment = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.group()
def push() -> None:
    """Reports and received messages that are sent to clients' URLs."""


@push.command("list")
@click.pass_obj
def push_list(config: str | None) -> None:
    """List what waits to be sent, by account and URL (without its query), the most first."""

    async def work(administration: Administration) -> None:
        accounts = {one.id: one.system_id for one in (await administration.rows()).accounts}
        table(
            ("ACCOUNT", "URL", "WAITING", "OLDEST", "TRIED", "NEXT", "LAST FAILURE"),
            (
                (
                    accounts.get(one.account_id, "(removed)"),
                    shown(one.url),
                    one.count,
                    _shown(one.oldest),
                    one.attempts,
                    _shown(one.next_at),
                    one.failure,
                )
                for one in await administration.pushes_waiting(SHOWN)
            ),
        )

    run(config, work)


@push.command("again")
@click.argument("ids", metavar="MESSAGE...", type=int, nargs=-1)
@click.option("--account", help="All messages that this account has handed in …")
@click.option("--since", type=_moment, help="… since then, in UTC.")
@click.option("--until", type=_moment, help="… until then, in UTC (default: now).")
@click.pass_obj
def push_again(
    config: str | None,
    ids: tuple[int, ...],
    account: str | None,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Send the reports of MESSAGEs, or received MESSAGEs, once more, whether or not they have been taken.

    A report goes to its message's notifyUrl, a received message to its number's URL as it is now.
    """
    if bool(ids) == bool(account) or bool(account) != bool(since) or (until and not account):
        raise click.UsageError("Name messages, or say --account and --since.")

    async def work(administration: Administration) -> None:
        if account is not None and since is not None:
            end = until or datetime.now(UTC)
            count = await administration.push_again_since(account, _seconds(since), _seconds(end))
        else:
            count = await administration.push_again(ids)
        click.echo(f"Sent once more: {count}.")

    run(config, work)


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _shown(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"

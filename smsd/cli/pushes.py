"""``smsd push``: what is sent to clients' URLs."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.work import TIME, run, run_on, table
from smsd.services.administration import Administration
from smsd.services.push_administration import PushAdministration
from smsd.services.push_requests import shown
from smsd.store.engine import Engine

SHOWN = 1000
"""How many URLs are listed."""
_number = re.compile(r"[0-9]{1,18}", re.ASCII).fullmatch


@click.group()
def push() -> None:
    """Reports and received messages that are sent to clients' URLs."""


@push.command("list")
@click.pass_obj
def push_list(config: str | None) -> None:
    """List what waits to be sent, by account and URL.

    Where the most waits comes first. URLs are shown without their queries.
    """

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
@click.argument("ids", metavar="[MESSAGE]...", nargs=-1)
@click.option(
    "--account", metavar="NAME", help="The account whose messages these are; they may have its own ids, then."
)
@click.option("--bulk", "bulks", metavar="BULK", multiple=True, help="All messages of the account's bulk …")
@click.option("--since", type=TIME, help="… or all that it has handed in since then, in UTC.")
@click.option("--until", type=TIME, help="… until then, in UTC (default: now).")
@click.pass_obj
def push_again(
    config: str | None,
    ids: tuple[str, ...],
    account: str | None,
    bulks: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Send reports, or received messages, once more.

    It does not matter whether they have been taken.

    A report goes to its message's notifyUrl, a received message to its number's URL as it is now.
    """
    named = sum(map(bool, (ids, bulks, since)))
    if named != 1 or (until and not since) or (account is None and not ids):
        raise click.UsageError("Name messages; or say --account, and name messages, --bulk or --since.")
    numbers = [int(one) for one in ids if _number(one)]
    if account is None and len(numbers) < len(ids):
        raise click.UsageError("smsd's own ids are numbers; whose other ids are meant, --account says.")

    async def work(database: Engine, _: IReactorTime) -> None:
        administration, pushes = Administration(database), PushAdministration(database)
        if account is None:
            count = await administration.push_again(numbers)
        elif since is not None:
            end = until or datetime.now(UTC)
            count = await administration.push_again_since(account, _seconds(since), _seconds(end))
        elif bulks:
            count = sum([await pushes.again_of_bulk(account, one) for one in bulks])
        else:
            count = await pushes.again(account, ids)
        click.echo(f"Sent once more: {count}.")

    run_on(config, work)


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _shown(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"

"""``smsd approval``: messages that wait until the operator approves them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.work import run_on, table
from smsd.services.approval_administration import ApprovalAdministration
from smsd.store.engine import Engine

F = TypeVar("F", bound=Callable[..., Any])

SHOWN = 50
"""How many are listed unless somebody wants to see more."""
SHOWN_TEXT = 60
"""How much is shown of a text."""


@click.group()
def approval() -> None:
    """Messages that wait until they are approved."""


def _which(command: F) -> F:
    """Give a command the options that say which messages are meant."""
    for option in (
        click.option("--bulk", help="Those of a bulk of the account."),
        click.option("--account", metavar="NAME", help="Those of an account."),
    ):
        command = option(command)
    return command


@approval.command("list")
@_which
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=SHOWN, show_default=True, help="How many at most."
)
@click.pass_obj
def approval_list(config: str | None, /, account: str | None, bulk: str | None, limit: int) -> None:
    """List the messages that wait, the oldest first."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        approvals = ApprovalAdministration(database)
        waiting = await approvals.waiting(account, bulk, limit)
        table(
            ("MESSAGE", "ACCOUNT", "BULK", "FROM", "TO", "EXPIRES", "TEXT"),
            (
                (
                    one.id,
                    one.account,
                    _shown(one.bulk_id or ""),
                    one.source,
                    one.destination,
                    f"{datetime.fromtimestamp(one.expires_at, UTC):%Y-%m-%d %H:%M} UTC",
                    _shown(one.text[:SHOWN_TEXT]),
                )
                for one in waiting
            ),
        )
        more = await approvals.count(account, bulk) - len(waiting)
        if more > 0:
            click.echo(f"{more} more wait.")

    run_on(config, work)


@approval.command("approve")
@click.argument("messages", metavar="[MESSAGE]...", nargs=-1, type=int)
@_which
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@click.pass_obj
def approval_approve(config: str | None, /, **given: Any) -> None:
    """Let messages be sent.

    They are named; or all those of an account, of its bulk, or of everybody are meant.
    """
    _decide(config, approved=True, **given)


@approval.command("reject")
@click.argument("messages", metavar="[MESSAGE]...", nargs=-1, type=int)
@_which
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@click.pass_obj
def approval_reject(config: str | None, /, **given: Any) -> None:
    """End messages without sending them.

    They are named; or all those of an account, of its bulk, or of everybody are meant.
    """
    _decide(config, approved=False, **given)


def _decide(
    config: str | None,
    *,
    approved: bool,
    messages: tuple[int, ...],
    account: str | None,
    bulk: str | None,
    everything: bool,
) -> None:
    ways = sum((bool(messages), account is not None, everything))
    if ways != 1:
        raise click.UsageError("Name messages, or --account, or --all.")

    async def work(database: Engine, clock: IReactorTime) -> None:
        approvals = ApprovalAdministration(database)
        if messages:
            count = await approvals.decide(messages, approved=approved)
        else:
            count = await approvals.decide_all(account, bulk, approved=approved)
        click.echo(f"Messages that are {'approved' if approved else 'rejected'}: {count}.")

    run_on(config, work)


def _shown(text: str) -> str:
    """Return a client's text as it can be shown in a terminal, on one line."""
    return text if text.isprintable() else ascii(text)

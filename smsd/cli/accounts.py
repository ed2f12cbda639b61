"""``smsd account``: clients, who bind over SMPP and call the HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from smsd.cli.work import changes_of, columns_of, run, table, yes
from smsd.services.administration import Administration

FLAGS = ("enabled", "tls", "standard_receipts", "receipts_to_submitter")
"""The settings of an account that are so or not."""

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def account() -> None:
    """Clients, who bind over SMPP and call the HTTP API."""


def _settings(command: F) -> F:
    """Give a command the options that an account may be added with, or have changed."""
    for option in reversed(
        (
            click.option("--sessions", type=int, help="How many SMPP sessions may be bound (new: 4)."),
            click.option("--binds", help="transmitter, receiver, transceiver: those allowed (new: all)."),
            click.option(
                "--addresses", help="Networks it may be used from, such as 192.0.2.0/24 (new: any)."
            ),
            click.option("--tls/--no-tls", default=None, help="Whether it may be used over TLS only."),
            click.option("--certificate", help="Common name that its client certificate must have."),
            click.option("--throughput", type=int, help="Messages a second (0, new: no limit)."),
            click.option(
                "--unanswered",
                type=int,
                help="submit_sm of a session without an answer (0, new: the node's).",
            ),
            click.option("--queue", type=int, help="Messages that may wait to be sent (0, new: no limit)."),
            click.option(
                "--standard-receipts/--platform-receipts", default=None, help="Which line receipts have."
            ),
            click.option(
                "--receipts-to-submitter/--receipts-in-turn",
                default=None,
                help="Receipts to the session that submitted, or (new) to all in turn.",
            ),
            click.option("--country", help="Calling code of its national numbers, such as 385 (new: none)."),
            click.option("--currency", help="ISO 4217 code of its prices (new: EUR)."),
            click.option(
                "--lookups",
                help="Package of number lookups: cleaning, portability, roaming (new) or none.",
            ),
            click.option("--lookup-price", help="Of a number that is looked up (new: 0)."),
            click.option(
                "--lookup-first/--route-at-once",
                default=None,
                help="Whether numbers are looked up before messages are routed (new: at once).",
            ),
            click.option(
                "--package-until",
                metavar="DATE",
                help="The last day (UTC) of its package, or a time; none (new): it has no end.",
            ),
            click.option(
                "--refund",
                metavar="WHAT",
                help="What is given back: unsent (new), undelivered too, or nothing.",
            ),
            click.option("--senders", help="any (new), or listed: only those of its list allowed-senders."),
            click.option(
                "--destinations", help="any (new), or listed: only those of its list registered-destinations."
            ),
            click.option(
                "--repeat-after",
                type=int,
                help="Seconds until a number may get the same text again (0, new: at once).",
            ),
            click.option(
                "--minute-limit", type=int, help="Messages to a number in a minute (0, new: no limit)."
            ),
            click.option(
                "--hour-limit", type=int, help="Messages to a number in an hour (0, new: no limit)."
            ),
            click.option(
                "--hours",
                help="When its messages are sent: 'mon-sat 08:00-21:00 Europe/Zagreb' (new: always).",
            ),
            click.option(
                "--approval",
                help="What waits for approval: everything, texts, bulks:NUMBER; '' (new) is nothing.",
            ),
        )
    ):
        command = option(command)
    return command


@account.command("list")
@click.pass_obj
def account_list(config: str | None) -> None:
    """List the accounts."""

    async def work(administration: Administration) -> None:
        rows = await administration.rows()
        table(
            ("SYSTEM ID", "ENABLED", "SESSIONS", "RECEIPTS", "CURRENCY"),
            (
                (
                    one.system_id,
                    yes(one.enabled),
                    one.sessions,
                    "standard" if one.standard_receipts else "platform",
                    one.currency,
                )
                for one in rows.accounts
            ),
        )

    run(config, work)


@account.command("show")
@click.argument("system_id", metavar="NAME")
@click.pass_obj
def account_show(config: str | None, system_id: str) -> None:
    """Show all settings of an account but its password."""

    async def work(administration: Administration) -> None:
        one = await administration.account(system_id)
        hidden = ("id", "password")
        table(
            ("SETTING", "VALUE"),
            (
                (name.replace("_", "-"), _shown(name, getattr(one, name)))
                for name in one.__struct_fields__
                if name not in hidden
            ),
        )

    run(config, work)


def _shown(name: str, value: str | int) -> str:
    """Return a setting of an account as `account set` takes it."""
    if name in FLAGS:
        return yes(int(value))
    if name == "package_until":
        return datetime.fromtimestamp(int(value), UTC).isoformat() if value else "none"
    return str(value)


@account.command("add")
@click.argument("system_id", metavar="NAME")
@click.option(
    "--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for if not given."
)
@_settings
@click.pass_obj
def account_add(config: str | None, /, system_id: str, password: str, **given: Any) -> None:
    """Add an account."""
    columns = columns_of(given)

    async def work(administration: Administration) -> None:
        await administration.add_account(system_id, password, **columns)
        click.echo(f"Account {system_id} is added.")
        _warn_of(password)

    run(config, work)


@account.command("set")
@click.argument("system_id", metavar="NAME")
@click.option("--password", help="A new password.")
@click.option("--enabled/--disabled", default=None, help="Whether it may be used; its sessions end if not.")
@_settings
@click.pass_obj
def account_set(config: str | None, /, system_id: str, **given: Any) -> None:
    """Change an account."""
    columns = changes_of(given)

    async def work(administration: Administration) -> None:
        await administration.change_account(system_id, **columns)
        click.echo(f"Account {system_id} is changed.")
        _warn_of(str(columns.get("password", "")))

    run(config, work)


@account.command("remove")
@click.argument("system_id", metavar="NAME")
@click.pass_obj
def account_remove(config: str | None, system_id: str) -> None:
    """Remove an account; its sessions end."""

    async def work(administration: Administration) -> None:
        await administration.remove_account(system_id)
        click.echo(f"Account {system_id} is removed.")

    run(config, work)


def _warn_of(password: str) -> None:
    """Say what a long password is not good for."""
    if len(password) > 8:
        click.echo("Its password is longer than SMPP's 8 characters, so it serves for HTTP only.")

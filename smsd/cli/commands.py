"""What the ``smsd`` command can do. A running node follows each change at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import click
import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from smsd.channels.options import KINDS, InvalidOptions, invalid_options, read_options
from smsd.config import ConfigError, find, load
from smsd.services.settings import Administration, SettingError
from smsd.store.engine import SchemaTooNew, StoreRefused, StoreUnavailable
from smsd.store.open import UnknownDatabase, engine

SECRET = "password"
Work = Callable[[Administration], Awaitable[None]]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-c", "--config", metavar="FILE", help="The configuration file (default: as twistd smsd).")
@click.version_option(package_name="smsd")
@click.pass_context
def main(context: click.Context, config: str | None) -> None:
    """List and change the accounts, channels and routes of smsd."""
    context.obj = config


@main.group()
def account() -> None:
    """Clients, who bind over SMPP and call the HTTP API."""


@account.command("list")
@click.pass_obj
def account_list(config: str | None) -> None:
    """List the accounts."""

    async def work(administration: Administration) -> None:
        rows = await administration.rows()
        _table(
            ("SYSTEM ID", "ENABLED", "SESSIONS", "RECEIPTS", "CURRENCY"),
            (
                (
                    one.system_id,
                    _yes(one.enabled),
                    one.sessions,
                    "standard" if one.standard_receipts else "platform",
                    one.currency,
                )
                for one in rows.accounts
            ),
        )

    _run(config, work)


@account.command("add")
@click.argument("system_id")
@click.option(
    "--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for if not given."
)
@click.option(
    "--sessions", type=int, default=4, show_default=True, help="How many SMPP sessions may be bound."
)
@click.option("--standard-receipts/--platform-receipts", default=False, help="Which line receipts have.")
@click.option("--currency", default="EUR", show_default=True, help="ISO 4217 code of its prices.")
@click.pass_obj
def account_add(
    config: str | None, system_id: str, password: str, sessions: int, standard_receipts: bool, currency: str
) -> None:
    """Add an account."""

    async def work(administration: Administration) -> None:
        await administration.add_account(
            system_id,
            password,
            sessions=sessions,
            standard_receipts=int(standard_receipts),
            currency=currency,
        )
        click.echo(f"Account {system_id} is added.")
        _warn_of(password)

    _run(config, work)


@account.command("set")
@click.argument("system_id")
@click.option("--password", help="A new password.")
@click.option("--enabled/--disabled", default=None, help="Whether it may be used; its sessions end if not.")
@click.option("--sessions", type=int, help="How many SMPP sessions may be bound.")
@click.option("--standard-receipts/--platform-receipts", default=None, help="Which line receipts have.")
@click.option("--currency", help="ISO 4217 code of its prices.")
@click.pass_obj
def account_set(config: str | None, /, system_id: str, **given: Any) -> None:
    """Change an account."""
    columns = {
        name: int(value) if isinstance(value, bool) else value
        for name, value in given.items()
        if value is not None
    }
    if not columns:
        raise click.UsageError("Nothing to change: give an option.")

    async def work(administration: Administration) -> None:
        await administration.change_account(system_id, **columns)
        click.echo(f"Account {system_id} is changed.")
        _warn_of(str(columns.get("password", "")))

    _run(config, work)


@account.command("remove")
@click.argument("system_id")
@click.pass_obj
def account_remove(config: str | None, system_id: str) -> None:
    """Remove an account; its sessions end."""

    async def work(administration: Administration) -> None:
        await administration.remove_account(system_id)
        click.echo(f"Account {system_id} is removed.")

    _run(config, work)


@main.group()
def channel() -> None:
    """Ways to operators."""


@channel.command("list")
@click.pass_obj
def channel_list(config: str | None) -> None:
    """List the channels, their passwords hidden."""

    async def work(administration: Administration) -> None:
        rows = await administration.rows()
        _table(
            ("NAME", "KIND", "ENABLED", "OPTIONS"),
            ((one.name, one.kind, _yes(one.enabled), _shown(one.options)) for one in rows.channels),
        )

    _run(config, work)


_options = click.argument("options", nargs=-1, metavar="[NAME=VALUE]...")


@channel.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(sorted(KINDS)), default="smpp", show_default=True)
@_options
@click.pass_obj
def channel_add(config: str | None, name: str, kind: str, options: tuple[str, ...]) -> None:
    """Add a channel with its kind's options.

    For example: smsd channel add acme endpoint=tcp:smsc.example:2775 system_id=me password=secret
    """

    async def work(administration: Administration) -> None:
        await administration.add_channel(name, kind, _json(kind, {}, options))
        click.echo(f"Channel {name} is added.")

    _run(config, work)


@channel.command("set")
@click.argument("name")
@click.option("--enabled/--disabled", default=None, help="Whether it runs; its messages wait if not.")
@_options
@click.pass_obj
def channel_set(config: str | None, name: str, enabled: bool | None, options: tuple[str, ...]) -> None:
    """Change a channel; NAME= alone gives an option its default again."""
    if enabled is None and not options:
        raise click.UsageError("Nothing to change: give an option.")

    async def work(administration: Administration) -> None:
        row = await administration.channel(name)
        changed = _json(row.kind, json.loads(row.options), options) if options else None
        await administration.change_channel(name, enabled=enabled, options=changed)
        click.echo(f"Channel {name} is changed.")

    _run(config, work)


@channel.command("remove")
@click.argument("name")
@click.pass_obj
def channel_remove(config: str | None, name: str) -> None:
    """Remove a channel to which no route leads and for which no message waits."""

    async def work(administration: Administration) -> None:
        await administration.remove_channel(name)
        click.echo(f"Channel {name} is removed.")

    _run(config, work)


@main.group()
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
        _table(
            ("ROUTE", "ACCOUNT", "PREFIX", "CHANNEL", "PRICE"),
            (
                (
                    one.id,
                    accounts[one.account_id] if one.account_id else "(all)",
                    one.prefix or "(any)",
                    channels[one.channel_id],
                    one.price,
                )
                for one in rows.routes
            ),
        )

    _run(config, work)


@route.command("add")
@click.argument("channel")
@click.option("--prefix", default="", help="Leading digits of the destination (default: any destination).")
@click.option("--account", help="The account whose messages take it (default: all).")
@click.option("--price", default="0", show_default=True, help="Of a segment, in the account's currency.")
@click.pass_obj
def route_add(config: str | None, channel: str, prefix: str, account: str | None, price: str) -> None:
    """Route messages to a channel: the longest prefix wins, an account's own route before all others."""

    async def work(administration: Administration) -> None:
        number = await administration.add_route(channel, prefix, account, price)
        click.echo(f"Route {number} is added.")

    _run(config, work)


@route.command("set")
@click.argument("number", type=int)
@click.option("--channel", help="Another channel.")
@click.option("--prefix", help="Other leading digits.")
@click.option("--price", help="Another price.")
@click.pass_obj
def route_set(config: str | None, /, number: int, channel: str | None, **given: str | None) -> None:
    """Change a route."""
    columns = {name: value for name, value in given.items() if value is not None}
    if channel is None and not columns:
        raise click.UsageError("Nothing to change: give an option.")

    async def work(administration: Administration) -> None:
        await administration.change_route(number, channel=channel, **columns)
        click.echo(f"Route {number} is changed.")

    _run(config, work)


@route.command("remove")
@click.argument("number", type=int)
@click.pass_obj
def route_remove(config: str | None, number: int) -> None:
    """Remove a route."""

    async def work(administration: Administration) -> None:
        await administration.remove_route(number)
        click.echo(f"Route {number} is removed.")

    _run(config, work)


def _run(option: str | None, work: Work) -> None:
    """Run a command on the configured database; what goes wrong is told in a sentence, with exit status 1."""
    problems: list[str] = []

    async def command(reactor: Any) -> None:
        try:
            file = find(option)
            config = load(file)
            folder = config.state_folder(file)
            if not folder.is_dir():
                raise ConfigError(f"{file}: state: there is no folder {folder}; start the node once.")
            database = engine(config.database, folder, reactor)
            database.prepare(reactor.seconds(), exclusive=False)
            await database.open()
            try:
                await work(Administration(database))
            finally:
                await database.close()
        except (
            ConfigError,
            InvalidOptions,
            SettingError,
            SchemaTooNew,
            StoreRefused,
            StoreUnavailable,
            UnknownDatabase,
        ) as error:
            problems.append(str(error))

    try:
        react(lambda reactor: Deferred.fromCoroutine(command(reactor)))
    except SystemExit as ended:
        if ended.code:
            raise
    for problem in problems:
        click.echo(f"smsd: {problem}", err=True)
    if problems:
        sys.exit(1)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns."""
    lines = [[str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    for line in ([*heads], *lines):
        click.echo("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


def _warn_of(password: str) -> None:
    """Say what a long password is not good for."""
    if len(password) > 8:
        click.echo("Its password is longer than SMPP's 8 characters, so it serves for HTTP only.")


def _yes(flag: int) -> str:
    return "yes" if flag else "no"


def _shown(options: str) -> str:
    """Return a channel's options as NAME=VALUE, without its password."""
    given = json.loads(options)
    return " ".join(f"{name}={'…' if name == SECRET else value}" for name, value in given.items())


def _json(kind: str, options: dict[str, Any], changes: tuple[str, ...]) -> str:
    """Return a channel's options with NAME=VALUE changes as JSON.

    Raises:
        InvalidOptions: naming the one that won't do.
    """
    changed = dict(options)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise InvalidOptions(f"Expected NAME=VALUE, got {change!r}.")
        changed[name] = value
        if not value:
            del changed[name]
    # Numbers come as text here: converted leniently, they are stored as what they are.
    try:
        typed = msgspec.convert(changed, KINDS[kind], strict=False)
    except msgspec.ValidationError as error:
        raise invalid_options(kind, error) from error
    given = {name: value for name, value in msgspec.to_builtins(typed).items() if name in changed}
    text = json.dumps(given)
    read_options(kind, text)
    return text

"""``smsd channel``: ways to operators."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time
from typing import Any

import click

from smsd.channels.options import KINDS
from smsd.cli.options import changed, shown
from smsd.cli.work import changes_of, run, table
from smsd.services.administration import Administration
from smsd.services.channel_states import STALE
from smsd.services.routing import DRAINING, NORMAL, SUSPENDED
from smsd.store.channel_states import ChannelState
from smsd.store.settings import Channel


@click.group()
def channel() -> None:
    """Ways to operators."""


@channel.command("list")
@click.pass_obj
def channel_list(config: str | None) -> None:
    """List the channels, their passwords hidden."""

    async def work(administration: Administration) -> None:
        rows = await administration.rows()
        states, waiting = await administration.channel_states(), await administration.waiting()
        table(
            ("NAME", "KIND", "STATE", "WAITING", "ALPHABETS", "OPTIONS"),
            (
                (
                    one.name,
                    one.kind,
                    state_of(one, states.get(one.id), time()),
                    waiting.get(one.id, 0),
                    one.alphabets.replace(" ", ","),
                    shown(one.options),
                )
                for one in rows.channels
            ),
        )

    run(config, work)


def state_of(channel: Channel, state: ChannelState | None, now: float) -> str:
    """Return how a channel is, in words."""
    if not channel.enabled:
        return "disabled"
    if state is None or now - state.seen_at > STALE:
        found = "not running"
    else:
        since = f"since {datetime.fromtimestamp(state.since, UTC):%Y-%m-%d %H:%M:%S} UTC"
        down = "away" if state.away else "down"
        found = f"up {state.bound}/{state.wanted} {since}" if state.up else f"{down} {since}: {state.reason}"
    return found if channel.mode == NORMAL else f"{channel.mode}, {found}"


def _mode(name: str, mode: str, done: str, words: str) -> click.Command:
    """Return a command that changes what a channel may do."""

    @channel.command(name, help=words)
    @click.argument("name")
    @click.pass_obj
    def change(config: str | None, name: str) -> None:
        async def work(administration: Administration) -> None:
            await administration.change_channel(name, mode=mode)
            click.echo(f"Channel {name} is {done}.")

        run(config, work)

    return change


_mode("suspend", SUSPENDED, "suspended", "Let a channel send nothing; what is accepted for it waits.")
_mode("drain", DRAINING, "draining", "Let a channel send what it has, and take nothing new.")
_mode("resume", NORMAL, "resumed", "Let a channel take and send messages again.")


def _known() -> str:
    """Return which options there are, for a command's help."""
    return "\n\n".join(
        f"Options of kind {kind}: {', '.join(options.__struct_fields__)}." for kind, options in KINDS.items()
    )


_options = click.argument("options", nargs=-1, metavar="[OPTION=VALUE]...")
_alphabets = click.option("--alphabets", help="gsm7, latin1, ucs2: those the operator takes (new: all).")


@channel.command("add", epilog=_known())
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(list(KINDS)), default="smpp", show_default=True, help="What it leads to."
)
@_alphabets
@_options
@click.pass_obj
def channel_add(
    config: str | None, name: str, kind: str, alphabets: str | None, options: tuple[str, ...]
) -> None:
    """Add a channel with its kind's options.

    For example: smsd channel add acme endpoint=tcp:smsc.example:2775 system_id=me password=secret.
    """

    async def work(administration: Administration) -> None:
        columns = {} if alphabets is None else {"alphabets": alphabets}
        await administration.add_channel(name, kind, changed(KINDS, kind, "{}", options), **columns)
        click.echo(f"Channel {name} is added.")

    run(config, work)


@channel.command("set", epilog=_known())
@click.argument("name")
@click.option("--enabled/--disabled", default=None, help="Whether it runs; what waits for it waits if not.")
@_alphabets
@_options
@click.pass_obj
def channel_set(config: str | None, /, name: str, options: tuple[str, ...], **given: Any) -> None:
    """Change a channel; OPTION= alone gives an option its default again."""
    columns = changes_of(given | ({"options": options} if options else {}))

    async def work(administration: Administration) -> None:
        if options:
            row = await administration.channel(name)
            columns["options"] = changed(KINDS, row.kind, row.options, options)
        await administration.change_channel(name, **columns)
        click.echo(f"Channel {name} is changed.")

    run(config, work)


@channel.command("remove")
@click.argument("name")
@click.pass_obj
def channel_remove(config: str | None, name: str) -> None:
    """Remove a channel.

    No route may lead to it, and no message wait for it.
    """

    async def work(administration: Administration) -> None:
        await administration.remove_channel(name)
        click.echo(f"Channel {name} is removed.")

    run(config, work)

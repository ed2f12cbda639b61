"""``smsd number``: whose the numbers are to which subscribers write."""

from __future__ import annotations

from typing import Any

import click

from smsd.cli.work import changes_of, run, table
from smsd.services.administration import Administration
from smsd.services.numbers import DELIVERIES, INBOX, PUSH
from smsd.services.push_requests import shown
from smsd.services.push_urls import METHODS
from smsd.store.settings import Number

_keyword = click.option("--keyword", default="", help="The first word of the texts meant (default: no word).")
_deliveries = click.Choice(DELIVERIES)
_methods = click.Choice(METHODS)
_DELIVERY = "By SMPP, fetched over HTTP, or pushed to a URL."
_URL = "Where messages are pushed to, such as 'https://client.example/sms?who=%sender%&what=%text%'."
_METHOD = "How they are pushed."


@click.group()
def number() -> None:
    """Numbers to which subscribers write, and whose they are."""


@number.command("list")
@click.pass_obj
def number_list(config: str | None) -> None:
    """List the numbers."""

    async def work(administration: Administration) -> None:
        rows = await administration.rows()
        accounts = {one.id: one.system_id for one in rows.accounts}
        table(
            ("NUMBER", "KEYWORD", "ACCOUNT", "DELIVERY"),
            (
                (one.number, one.keyword or "(any other)", accounts[one.account_id], _delivery(one))
                for one in sorted(rows.numbers, key=lambda one: (one.number, one.keyword))
            ),
        )

    run(config, work)


def _delivery(one: Number) -> str:
    return f"{one.delivery}: {one.method} {shown(one.url)}" if one.delivery == PUSH else one.delivery


@number.command("add")
@click.argument("number")
@click.argument("account")
@_keyword
@click.option("--delivery", type=_deliveries, default=INBOX, show_default=True, help=_DELIVERY)
@click.option("--url", default="", help=_URL)
@click.option("--method", type=_methods, default="GET", show_default=True, help=_METHOD)
@click.pass_obj
def number_add(config: str | None, /, number: str, account: str, **given: str) -> None:
    """Give an account what subscribers send to a number.

    That is all, or with a keyword what begins with it.
    """

    async def work(administration: Administration) -> None:
        await administration.add_number(number, account, **given)
        click.echo(f"Number {number} is added.")

    run(config, work)


@number.command("set")
@click.argument("number")
@_keyword
@click.option("--account", metavar="NAME", help="Another account.")
@click.option("--delivery", type=_deliveries, help=_DELIVERY)
@click.option("--url", help=_URL)
@click.option("--method", type=_methods, help=_METHOD)
@click.pass_obj
def number_set(config: str | None, /, number: str, keyword: str, **given: Any) -> None:
    """Change who gets what is sent to a number from now on, and how."""
    columns = changes_of(given)

    async def work(administration: Administration) -> None:
        await administration.change_number(number, keyword, **columns)
        click.echo(f"Number {number} is changed.")

    run(config, work)


@number.command("remove")
@click.argument("number")
@_keyword
@click.pass_obj
def number_remove(config: str | None, number: str, keyword: str) -> None:
    """Remove a number.

    What has been received for its account stays the account's.
    """

    async def work(administration: Administration) -> None:
        await administration.remove_number(number, keyword)
        click.echo(f"Number {number} is removed.")

    run(config, work)

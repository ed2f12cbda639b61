"""``smsd lookup``: whom smsd asks about numbers, tables of subscribers, and what was asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.options import changed, shown
from smsd.cli.work import changes_of, columns_of, reading, run_on, table, yes
from smsd.hlr.options import KINDS as ELSEWHERE
from smsd.options import Kinds, Options
from smsd.services.administration import Administration
from smsd.services.back_ends import KINDS as TABLES
from smsd.services.fields import PACKAGES
from smsd.services.lookup_administration import LookupAdministration
from smsd.services.statuses import GSM_ERRORS, STATUSES
from smsd.services.subscribers import lines_of
from smsd.store.engine import Engine
from smsd.store.lookups import Lookup

KINDS: Kinds[Options] = Kinds("back end", {**TABLES, **ELSEWHERE})
"""The options of each kind of back end."""
SHOWN = 50
"""How many lookups are listed."""


@click.group()
def lookup() -> None:
    """Number lookup: whom to ask about numbers, and what was asked."""


@lookup.group()
def backend() -> None:
    """Who can be asked about numbers."""


@backend.command("list")
@click.pass_obj
def backend_list(config: str | None) -> None:
    """List the back ends, their passwords hidden."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        rows = await Administration(database).rows()
        table(
            ("NAME", "KIND", "ENABLED", "TIMEOUT", "RATE", "AT ONCE", "OPTIONS"),
            (
                (
                    one.name,
                    one.kind,
                    yes(one.enabled),
                    f"{one.timeout} ms",
                    one.rate or "-",
                    one.at_once,
                    shown(one.options),
                )
                for one in rows.lookup_back_ends
            ),
        )

    run_on(config, work)


_options = click.argument("options", nargs=-1, metavar="[OPTION=VALUE]...")
_limits = (
    click.option("--timeout", type=int, help="Milliseconds for an answer, waiting included (new: 5000)."),
    click.option("--rate", type=int, help="Questions a second (0, new: no limit)."),
    click.option("--at-once", type=int, help="Questions that may be unanswered (new: 100)."),
)


def _limited(command: Any) -> Any:
    for option in reversed(_limits):
        command = option(command)
    return command


@backend.command("add")
@click.argument("name")
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@_limited
@_options
@click.pass_obj
def backend_add(config: str | None, /, name: str, kind: str, options: tuple[str, ...], **given: Any) -> None:
    """Add a back end with its kind's options.

    For example: smsd lookup backend add home osmocom endpoint=tcp:127.0.0.1:4259.
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        text = changed(KINDS, kind, "{}", options)
        await LookupAdministration(database, clock).add_back_end(name, kind, text, **columns_of(given))
        click.echo(f"Back end {name} is added.")

    run_on(config, work)


@backend.command("set")
@click.argument("name")
@click.option("--enabled/--disabled", default=None, help="Whether it is asked.")
@_limited
@_options
@click.pass_obj
def backend_set(config: str | None, /, name: str, options: tuple[str, ...], **given: Any) -> None:
    """Change a back end; OPTION= alone gives an option its default again."""
    columns = changes_of(given | ({"options": options} if options else {}))

    async def work(database: Engine, clock: IReactorTime) -> None:
        administration = LookupAdministration(database, clock)
        if options:
            row = await administration.back_end(name)
            columns["options"] = changed(KINDS, row.kind, row.options, options)
        await administration.change_back_end(name, **columns)
        click.echo(f"Back end {name} is changed.")

    run_on(config, work)


@backend.command("remove")
@click.argument("name")
@click.pass_obj
def backend_remove(config: str | None, name: str) -> None:
    """Remove a back end that no rule names."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        await LookupAdministration(database, clock).remove_back_end(name)
        click.echo(f"Back end {name} is removed.")

    run_on(config, work)


@lookup.group()
def rule() -> None:
    """Who is asked about which numbers: the first that fits."""


@rule.command("list")
@click.pass_obj
def rule_list(config: str | None) -> None:
    """List the rules in their order."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        rows = await Administration(database).rows()
        accounts = {one.id: one.system_id for one in rows.accounts}
        table(
            ("PLACE", "RULE", "ACCOUNT", "PACKAGE", "PREFIX", "COUNTRY", "ASKS"),
            (
                (
                    one.place,
                    one.id,
                    "(all)" if one.account_id is None else accounts.get(one.account_id, one.account_id),
                    one.package or "(any)",
                    one.prefix or "(any)",
                    one.country or "(any)",
                    one.back_ends.replace(" ", ", ") or "(nobody)",
                )
                for one in sorted(rows.lookup_rules, key=lambda one: (one.place, one.id))
            ),
        )

    run_on(config, work)


@rule.command("add")
@click.argument("backends", nargs=-1)
@click.option("--account", metavar="NAME", help="Only for this account's questions.")
@click.option("--package", type=click.Choice(sorted(PACKAGES)), help="Only for this package.")
@click.option("--prefix", help="Only about numbers with these leading digits.")
@click.option("--country", help="Only about numbers of this country, such as HR.")
@click.option("--place", type=int, help="Its place among the rules (default: the last).")
@click.pass_obj
def rule_add(config: str | None, /, backends: tuple[str, ...], **given: Any) -> None:
    """Have BACKENDS asked, one after the other, until all is known; with none, nobody is asked."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        number = await LookupAdministration(database, clock).add_rule(backends, **columns_of(given))
        click.echo(f"Rule {number} is added.")

    run_on(config, work)


@rule.command("remove")
@click.argument("number", type=int)
@click.pass_obj
def rule_remove(config: str | None, number: int) -> None:
    """Remove a rule."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        await LookupAdministration(database, clock).remove_rule(number)
        click.echo(f"Rule {number} is removed.")

    run_on(config, work)


@lookup.group("table")
def of_subscribers() -> None:
    """Tables of subscribers, which back ends of kind subscribers read."""


@of_subscribers.command("list")
@click.pass_obj
def table_list(config: str | None) -> None:
    """List the tables."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        table(
            ("TABLE", "NUMBERS", "IMPORTED AT"),
            (
                (one.name, one.count, _time(one.imported_at))
                for one in await LookupAdministration(database, clock).tables()
            ),
        )

    run_on(config, work)


@of_subscribers.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def table_import(config: str | None, name: str, file: Path) -> None:
    """Replace table NAME by a CSV file: the old one is read until the new one is complete.

    Its first line names the columns: number and, if it likes, imsi, msc and state (active, absent, barred,
    unknown, or a GSM error code).
    """

    async def work(database: Engine, clock: IReactorTime) -> None:
        with reading(file) as lines:
            count = await LookupAdministration(database, clock).import_table(name, lines_of(lines))
        click.echo(f"Numbers in table {name}: {count}.")

    run_on(config, work)


@of_subscribers.command("remove")
@click.argument("name")
@click.pass_obj
def table_remove(config: str | None, name: str) -> None:
    """Remove a table."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        await LookupAdministration(database, clock).drop_table(name)
        click.echo(f"Table {name} is removed.")

    run_on(config, work)


@lookup.command("forget")
@click.argument("number", required=False)
@click.option("--all", "everything", is_flag=True, help="Forget what was said of all numbers.")
@click.pass_obj
def lookup_forget(config: str | None, number: str | None, everything: bool) -> None:
    """Forget what back ends have said of NUMBER: they are asked again."""
    if (number is None) != everything:
        raise click.UsageError("Say a number or --all.")

    async def work(database: Engine, clock: IReactorTime) -> None:
        count = await LookupAdministration(database, clock).forget(number)
        click.echo(f"Answers that are forgotten: {count}.")

    run_on(config, work)


@lookup.command("log")
@click.argument("number")
@click.pass_obj
def lookup_log(config: str | None, number: str) -> None:
    """List what was last found of NUMBER, and of whom."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        await _list(database, await LookupAdministration(database, clock).lookups(number, SHOWN))

    run_on(config, work)


@lookup.command("list")
@click.pass_obj
def lookup_list(config: str | None) -> None:
    """List answers that are set aside: no session could take them."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        await _list(database, await LookupAdministration(database, clock).set_aside(SHOWN))

    run_on(config, work)


@lookup.command("retry")
@click.argument("id", type=int, required=False)
@click.pass_obj
def lookup_retry(config: str | None, id: int | None) -> None:
    """Send an answer that is set aside again, or all of them."""

    async def work(database: Engine, clock: IReactorTime) -> None:
        count = await LookupAdministration(database, clock).retry(id)
        click.echo(f"Answers that are sent again: {count}.")

    run_on(config, work)


async def _list(database: Engine, lookups: list[Lookup]) -> None:
    accounts = {one.id: one.system_id for one in (await Administration(database).rows()).accounts}
    table(
        ("LOOKUP", "ASKED AT", "ACCOUNT", "NUMBER", "STATUS", "ERROR", "NETWORK", "FROM"),
        (
            (
                one.id,
                _time(one.asked_at),
                accounts.get(one.account_id, one.account_id),
                one.number,
                STATUSES[one.status].name,
                GSM_ERRORS[one.error].name if one.error else "-",
                one.network or "-",
                _sources(one),
            )
            for one in lookups
        ),
    )


def _sources(one: Lookup) -> str:
    """Return who has said what."""
    sources = one.found.sources if one.found is not None else {}
    return " ".join(f"{fields}={source}" for fields, source in sources.items()) or "-"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"

"""``smsd account credit``, ``ledger`` and ``audit``: what accounts have left, and what has changed that."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime, timedelta

import click
from twisted.internet.interfaces import IReactorTime

from smsd.cli.work import TIME, run_on, table
from smsd.services.charging_administration import ChargingAdministration
from smsd.services.columns import amount_of
from smsd.store.credit import Balance, Entry
from smsd.store.engine import Engine

WHAT = {
    Entry.MESSAGES: "messages",
    Entry.REFUNDS: "refunds",
    Entry.CREDIT: "credit",
    Entry.LIMIT: "limit",
    Entry.OPENING: "opening",
    Entry.LOOKUPS: "lookups",
    Entry.LOOKUP_REFUNDS: "refunds of lookups",
}
"""How the entries of a ledger are shown."""
EVER = float(2**53)


@click.command("credit")
@click.argument("system_id", metavar="NAME")
@click.option("--add", metavar="AMOUNT", help="Give it so much, in its currency; a negative one takes back.")
@click.option("--until", metavar="DATE", help="With --add: its package then ends after this day, or time.")
@click.option("--paid", metavar="AMOUNT", help="It has paid so much of what it owes, and goes on as before.")
@click.option("--limit", metavar="AMOUNT", help="Messages may take it so far below 0 (in advance: 0).")
@click.option(
    "--none", "ends", is_flag=True, help="It pays later: messages may take it below 0 without limit."
)
@click.option("--note", default="", metavar="TEXT", help="Why: the ledger has it, with your name.")
@click.pass_obj
def credit(
    config: str | None,
    /,
    system_id: str,
    add: str | None,
    until: str | None,
    paid: str | None,
    limit: str | None,
    ends: bool,
    note: str,
) -> None:
    """Show or change what an account has left.

    From its first --add or --limit on an account pays in advance: what the rest does not cover is refused.
    """
    if sum(given is not None for given in (add, paid, limit)) + ends > 1:
        raise click.UsageError("Say one of --add, --paid, --limit and --none.")
    if until is not None and add is None:
        raise click.UsageError("Say --until with --add; or change the account with --package-until.")
    note = f"{getpass.getuser()}: {note}" if note else getpass.getuser()

    async def work(database: Engine, clock: IReactorTime) -> None:
        charging = ChargingAdministration(database, clock)
        if add is not None:
            await charging.add(system_id, add, note, until)
        elif paid is not None:
            await charging.pay(system_id, paid, note)
        elif limit is not None or ends:
            await charging.limit(system_id, limit, note)
        one, balance = await charging.balance(system_id)
        click.echo(f"Account {system_id} {_said(balance, one.currency)}.")

    run_on(config, work)


def _said(balance: Balance, currency: str) -> str:
    """Return what an account has left, as a sentence goes on."""
    micros, limit = balance
    if limit is None:
        owes = "owes" if micros <= 0 else "has"
        return f"pays later and {owes} {amount_of(abs(micros))} {currency}" if micros else "pays later"
    has = f"has {amount_of(micros)} {currency} left"
    return f"{has}, and may go down to {amount_of(-limit)}" if limit else has


@click.command("ledger")
@click.argument("system_id", metavar="NAME")
@click.option("--since", type=TIME, help="The first day (UTC), or a time.")
@click.option("--until", type=TIME, help="The last day (UTC), or a time.")
@click.pass_obj
def ledger(config: str | None, /, system_id: str, since: datetime | None, until: datetime | None) -> None:
    """List what has changed an account's balance.

    Messages and refunds are there as the sums of an hour.
    """
    begin = 0.0 if since is None else _seconds(since)
    end = EVER if until is None else _seconds(until + _DAY if until.time() == _MIDNIGHT else until)

    async def work(database: Engine, clock: IReactorTime) -> None:
        _, lines = await ChargingAdministration(database, clock).ledger(system_id, begin, end)
        table(
            ("TIME (UTC)", "WHAT", "AMOUNT", "MESSAGES", "BALANCE", "NOTE"),
            (
                (
                    f"{datetime.fromtimestamp(line.at, UTC):%Y-%m-%d %H:%M:%S}",
                    WHAT[Entry(line.kind)],
                    amount_of(line.micros),
                    line.messages or "",
                    "" if line.balance is None else amount_of(line.balance),
                    line.note,
                )
                for line in lines
            ),
        )
        click.echo(f"Sum: {amount_of(sum(line.micros for line in lines))}")

    run_on(config, work)


@click.command("audit")
@click.pass_obj
def audit(config: str | None) -> None:
    """Say whether each account's ledger adds up to its balance.

    If one does not, the exit status is 1.
    """
    wrong: list[str] = []

    async def work(database: Engine, clock: IReactorTime) -> None:
        count, doubts = await ChargingAdministration(database, clock).doubts()
        for one in doubts:
            wrong.append(one.account)
            click.echo(
                f"Account {one.account} has {amount_of(one.balance)}, but its ledger adds up to"
                f" {amount_of(one.ledger)}."
            )
        click.echo(f"Ledgers: {count}. Those that do not add up: {len(doubts)}.")

    run_on(config, work)
    if wrong:
        sys.exit(1)


_DAY = timedelta(days=1)
_MIDNIGHT = datetime.min.time()


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()

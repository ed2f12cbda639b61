"""The ``smsd`` command. A running node follows each change at once."""

from __future__ import annotations

import click

from smsd.cli.accounts import account
from smsd.cli.approvals import approval
from smsd.cli.bulks import bulk
from smsd.cli.channels import channel
from smsd.cli.credit import audit, credit, ledger
from smsd.cli.lists import list_
from smsd.cli.lookups import lookup
from smsd.cli.networks import network
from smsd.cli.numbers import number
from smsd.cli.ported import ported
from smsd.cli.prices import price
from smsd.cli.pushes import push
from smsd.cli.receipts import receipt
from smsd.cli.received import received
from smsd.cli.routes import route


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-c", "--config", metavar="FILE", help="The configuration file (default: as twistd smsd).")
@click.version_option(package_name="smsd")
@click.pass_context
def main(context: click.Context, config: str | None) -> None:
    """List and change the settings of smsd, and what waits in it. A running node follows at once."""
    context.obj = config


for command in (credit, ledger, audit):
    account.add_command(command)
for group in (
    account,
    channel,
    route,
    number,
    network,
    ported,
    price,
    list_,
    approval,
    lookup,
    bulk,
    receipt,
    received,
    push,
):
    main.add_command(group)

"""What ``--help`` says: a whole sentence for each command, and what each option is for."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from smsd.channels.options import KINDS
from smsd.cli import main
from tests.cli.conftest import Command


def commands(group: click.Group) -> Iterator[click.Command]:
    """Yield all commands."""
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from commands(command)


@pytest.mark.parametrize("group", ["", *main.commands])
def test_a_group_lists_its_commands_with_whole_sentences(smsd: Command, group: str) -> None:
    _, _, shown = smsd(*group.split(), "--help").output.partition("Commands:\n")
    assert shown
    for line in shown.splitlines():
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize("command", commands(main))
def test_a_command_and_its_options_say_what_they_are_for(command: click.Command) -> None:
    assert (command.help or "").rstrip().endswith(".")
    for option in command.params:
        if isinstance(option, click.Option):
            assert (option.help or "").endswith((".", "…")), option.name


def test_help_names_the_options_of_channels(smsd: Command) -> None:
    for command in ("add", "set"):
        shown = smsd("channel", command, "--help").output.split()
        for options in KINDS.values():
            assert {f"{name}," for name in options.__struct_fields__[:-1]} <= set(shown)


@pytest.mark.parametrize(
    "arguments",
    [
        ["route", "test", "385911234567", "--at"],
        ["account", "ledger", "acme", "--since"],
        ["push", "again", "--account", "acme", "--since"],
    ],
)
def test_times_are_written_alike_wherever_one_is_asked_for(smsd: Command, arguments: list[str]) -> None:
    assert f"{arguments[-1]} TIME" in smsd(*arguments[:2], "--help").output
    for time in ("2026-01-05", "2026-01-05T09:00", "2026-01-05T09:00:30"):
        assert smsd(*arguments, time).exit_code in (0, 1)
    refused = smsd(*arguments, "yesterday")
    assert refused.exit_code == 2
    assert "A time is one such as 2026-01-31 or 2026-01-31T08:00, in UTC: not 'yesterday'." in refused.output

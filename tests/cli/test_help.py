"""What ``--help`` says: a whole sentence for each command, and what each option is for."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from smsd.channels.options import KINDS
from smsd.cli import main
from tests.cli.conftest import Command

WIDTH = 80
"""The columns of a terminal."""
MARGINS = 6
"""Those of them that are left blank beside a command's name and its sentence."""


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Group, click.Command]]:
    """Yield all commands, each with the words that call it and the group that it is in."""
    for name, command in group.commands.items():
        yield (*path, name), group, command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


@pytest.mark.parametrize(
    ("group", "command"), [pytest.param(*rest, id=" ".join(path)) for path, *rest in commands(main)]
)
def test_a_command_says_what_it_does_in_a_whole_sentence(group: click.Group, command: click.Command) -> None:
    sentence = command.get_short_help_str(WIDTH - MARGINS - max(map(len, group.commands)))
    assert sentence.endswith(".")
    assert not sentence.endswith("...")
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

"""The ``smsd`` command: lists and changes a database's accounts, channels, routes and numbers."""

from smsd.cli.commands import main

__all__ = ["main"]

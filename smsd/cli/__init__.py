"""The ``smsd`` command: lists and changes a database's accounts, channels and routes."""

from smsd.cli.commands import main

__all__ = ["main"]

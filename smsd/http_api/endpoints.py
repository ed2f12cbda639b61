"""What a path of the API serves, declared once: the server and the API's description are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from smsd.http_api.queries import MOST_RESULTS, RESULTS, Query
from smsd.store.settings import Account

Serve = Callable[[Account, Query, Any], Awaitable[msgspec.Struct]]
"""Serves a request of an account, its query and its body, and returns the answer. It knows no format."""


class Parameter(NamedTuple):
    """A parameter of a query or of a path, or a header."""

    name: str
    kind: Literal["text", "texts", "number", "date"]
    meaning: str
    required: bool = False
    least: int | None = None
    """The least number."""
    header: bool = False


class Endpoint(NamedTuple):
    """What a method of a path does."""

    summary: str
    """What it is for, as the API's description says it."""
    serve: Serve
    answer: type[msgspec.Struct]
    body: type[msgspec.Struct] | None = None
    """What its body is; ``None`` if it has none."""
    parameters: tuple[Parameter, ...] = ()
    password_in_query: bool = False
    errors: tuple[int, ...] = ()
    """The HTTP statuses of errors that are its own, such as 404 for an id that nothing has."""
    repeated: Callable[[str], msgspec.Struct] | None = None
    """Returns what was answered, of what is kept of that: the request may have an Idempotency-Key then."""
    otherwise: type[msgspec.Struct] | None = None
    """What it answers to a query that leaves out what is not required, if that is something else."""


class Path(NamedTuple):
    """What a path serves, by method."""

    endpoints: Mapping[bytes, Endpoint]

    @property
    def allowed(self) -> str:
        """The methods, as the header Allow has them."""
        return ", ".join(sorted([*(method.decode() for method in self.endpoints), "OPTIONS"]))


class Pushed(NamedTuple):
    """What smsd itself sends to a client's URL, by POST."""

    name: str
    summary: str
    body: type[msgspec.Struct]


Paths = Mapping[str, Path]
"""Paths as Klein has them: ``<name>`` stands for a parameter."""

LIMIT = Parameter(
    "limit",
    "number",
    f"How many results at most, by default {RESULTS}; more than {MOST_RESULTS} is taken as {MOST_RESULTS}.",
    least=1,
)
BULK_IDS = Parameter("bulkId", "texts", "Only of these bulks.")
MESSAGE_IDS = Parameter("messageId", "texts", "Only of messages with these ids.")
USERNAME = Parameter("username", "text", "The account's name, if the request has no Authorization.")
PASSWORD = Parameter("password", "text", "The account's password, likewise.")


def sends(
    summary: str,
    serve: Serve,
    body: type[msgspec.Struct],
    answer: type[msgspec.Struct],
    *of_query: Parameter,
    errors: tuple[int, ...] = (),
    repeated: Callable[[str], msgspec.Struct] | None = None,
) -> Path:
    """Return a path that takes bodies by POST, or by PUT just the same."""
    endpoint = Endpoint(summary, serve, answer, body, of_query, errors=errors, repeated=repeated)
    return Path({b"POST": endpoint, b"PUT": endpoint})


def gives(
    summary: str,
    serve: Serve,
    answer: type[msgspec.Struct],
    *of_query: Parameter,
    head: Serve | None = None,
    password_in_query: bool = False,
    errors: tuple[int, ...] = (),
    repeated: Callable[[str], msgspec.Struct] | None = None,
) -> Path:
    """Return a path that gives something by GET.

    ``head`` serves HEAD where GET takes something away, which nobody would see then.
    """
    endpoint = Endpoint(summary, serve, answer, None, of_query, password_in_query, errors, repeated)
    return Path({b"GET": endpoint, b"HEAD": endpoint._replace(serve=head or serve, repeated=None)})

"""The query parameters of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from smsd.http_api.dates import read_date
from smsd.http_api.errors import bad_request
from smsd.services.repetitions import Claim

VALUES = 1000
"""How many values of a parameter are looked at."""
RESULTS, MOST_RESULTS = 50, 1000
"""How many results an answer has by default, and at most."""


class Query:
    """The parameters, each with all its values, and those of the path."""

    def __init__(self, given: Mapping[bytes, Sequence[bytes]], in_path: Mapping[str, str]) -> None:
        self._given = given
        self.in_path = in_path
        self.claim: Claim | None = None
        """The key under which the answer is kept, if the request has one."""

    def text(self, name: str) -> str:
        """Return the last value of a parameter, nothing if it is absent.

        Raises:
            ApiError: if it is no UTF-8.
        """
        value = self._given.get(name.encode(), (b"",))[-1]
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise bad_request(f"[{name} : It is no UTF-8.]") from None

    def texts(self, name: str) -> list[str]:
        """Return the values of a parameter, which may be repeated, comma-separated, or both."""
        given = b",".join(self._given.get(name.encode(), ())).decode("utf-8", "replace")
        return [value.strip() for value in given.split(",") if value.strip()][:VALUES]

    def limit(self) -> int:
        """Return how many results are wanted, at most as many as an answer has.

        Raises:
            ApiError: if that is no number, or 0.
        """
        value = self.text("limit").strip()
        if not value:
            return RESULTS
        digits = value.lstrip("0")
        if not re.fullmatch(r"[0-9]+", digits):
            raise bad_request("[limit : Expected a number, at least 1.]")
        return min(int(digits[:9]), MOST_RESULTS)

    def date(self, name: str) -> float | None:
        """Return the time of a date, ``None`` if it is absent.

        Raises:
            ApiError: if it is no date.
        """
        value = self.text(name)
        if not value.strip():
            return None
        try:
            return read_date(value)
        except ValueError as error:
            raise bad_request(f"[{name} : {error}]") from None

"""Tables of subscribers: as the operator imports them, and as a back end of lookups reads them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime

from smsd.numbering.addresses import destination
from smsd.numbering.context import Context
from smsd.options import Options
from smsd.services.columns import SettingError
from smsd.services.fields import Fields
from smsd.services.lookup import NoAnswer
from smsd.services.reading import Crowded, Readings
from smsd.services.statuses import GSM_ERRORS, NO_ERROR, UNKNOWN_SUBSCRIBER
from smsd.store.engine import StoreUnavailable
from smsd.store.subscribers import Line, Subscriber, SubscriberTables

HEADS = ("number", "imsi", "msc", "state")
"""The columns of a file of subscribers; all but the first may be missing."""
ABSENT, BARRED = 27, 13
STATES = {"": NO_ERROR, "active": NO_ERROR, "absent": ABSENT, "barred": BARRED, "unknown": UNKNOWN_SUBSCRIBER}
"""GSM error codes of states, by their words; a code may stand there itself."""
AT_ONCE = 5_000
"""Lines that are stored in one transaction."""

_imsi = re.compile(r"[0-9]{6,15}|").fullmatch


class TableOptions(Options, frozen=True, forbid_unknown_fields=True):
    """Which table is read, and what it means that a number is not in it."""

    table: str
    complete: bool = False
    """Whether a number that it doesn't have is an unknown subscriber; else nothing is known of it."""


class SubscriberTable:
    """A back end of lookups that reads one table."""

    knows = frozenset({Fields.SUBSCRIPTION, Fields.PRESENCE})

    def __init__(self, options: TableOptions, tables: SubscriberTables, clock: IReactorTime) -> None:
        self._name = options.table
        self._tables = tables
        self._missing = Context(error=UNKNOWN_SUBSCRIBER) if options.complete else Context()
        self._readings: Readings[Subscriber] = Readings(
            clock, lambda numbers: tables.find(options.table, numbers)
        )

    async def ask(self, number: str) -> Context:
        """Return what the table has of a number."""
        try:
            return self._context(await self._readings.get(number))
        except (StoreUnavailable, Crowded) as problem:
            raise NoAnswer(str(problem)) from problem

    async def ask_all(self, numbers: Sequence[str]) -> Mapping[str, Context]:
        """Return what the table has of numbers."""
        try:
            found = await self._tables.find(self._name, numbers)
        except StoreUnavailable as problem:
            raise NoAnswer(str(problem)) from problem
        return {number: self._context(found.get(number)) for number in numbers}

    def _context(self, found: Subscriber | None) -> Context:
        if found is None:
            return self._missing
        return Context(found.error, imsi=found.imsi or None, serving_msc=found.msc or None)


def lines_of(lines: Iterable[str]) -> Iterator[Line]:
    """Yield the subscribers of a CSV file, whose first line names its columns.

    Raises:
        SettingError: if it is none, or a value won't do; the text says in which line.
    """
    reader = csv.reader(lines, skipinitialspace=True)
    try:
        heads = [head.strip().lower().removeprefix("\ufeff") for head in next(reader, [])]
        if HEADS[0] not in heads:
            raise SettingError(f"The first line names the columns {', '.join(HEADS)}: {HEADS[0]} is missing.")
        places = [heads.index(head) if head in heads else None for head in HEADS]
        for row in reader:
            if row:
                number, imsi, msc, state = (
                    row[place].strip() if place is not None and place < len(row) else "" for place in places
                )
                yield _line(number, imsi, msc, state, reader.line_num)
    except csv.Error as error:
        raise SettingError(f"Line {reader.line_num}: it is no CSV: {error}.") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"Behind line {reader.line_num} it is no UTF-8.") from error


def _line(number: str, imsi: str, msc: str, state: str, place: int) -> Line:
    digits = destination(number)
    if digits is None:
        raise SettingError(f"Line {place}: a number has 5 to 15 digits, the first not 0: not {number!r}.")
    if not _imsi(imsi):
        raise SettingError(f"Line {place}: an IMSI has 6 to 15 digits: not {imsi!r}.")
    serving = destination(msc) if msc else ""
    if serving is None:
        raise SettingError(f"Line {place}: the address of an MSC has 5 to 15 digits: not {msc!r}.")
    error = STATES.get(state.lower())
    if error is None and state.isdecimal() and len(state) < 5 and int(state) in GSM_ERRORS:
        error = int(state)
    if error is None:
        words = ", ".join(word for word in STATES if word)
        raise SettingError(f"Line {place}: a state is {words} or a GSM error code: not {state!r}.")
    return int(digits), imsi, serving, error

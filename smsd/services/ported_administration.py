"""What the operator may do with ported numbers."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from smsd.numbering.addresses import destination
from smsd.numbering.packed import PackedNumberMap
from smsd.numbering.ported import SIZE, Chunk, chunks_of, packed, unpacked
from smsd.services.columns import SettingError, network_columns
from smsd.store.engine import Engine
from smsd.store.ported import ChangedMeanwhile, NewRow, Packed, PortedRows, Range

MOST = 20_000_000
"""How many ported numbers there may be: each node holds them all in memory, 10 octets each."""
MOST_NETWORKS = 1 << 16
"""How many networks a file may name."""
HEADS = ("number", "mccmnc")
"""The columns of a file of ported numbers."""


class PortedFile:
    """The numbers of a file with the networks that they were ported to."""

    def __init__(self, networks: list[str], numbers: PackedNumberMap) -> None:
        self._networks = networks
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def items(self) -> Iterator[tuple[int, str]]:
        """Go through the numbers, in ascending order, and their networks."""
        networks = self._networks
        return ((number, networks[value]) for number, value in self._numbers.items())


def ported_file(lines: Iterable[str]) -> PortedFile:
    """Return what a CSV file, whose first line names the columns, says: of each number its last line.

    Raises:
        SettingError: if it is none, or a value won't do; the text says in which line.
    """
    places: dict[str, int] = {}
    reader = csv.reader(lines, skipinitialspace=True)

    def items() -> Iterator[tuple[int, int]]:
        heads = [head.strip().lower() for head in next(reader, [])]
        missing = [head for head in HEADS if head not in heads]
        if missing:
            raise SettingError(
                f"The first line names the columns {', '.join(HEADS)}: {missing[0]} is missing."
            )
        number_at, mccmnc_at = (heads.index(head) for head in HEADS)
        least = max(number_at, mccmnc_at) + 1
        for line in reader:
            if not line:
                continue
            if len(line) < least:
                raise SettingError("a value is missing.")
            number = destination(line[number_at].strip())
            if number is None:
                raise SettingError(
                    f"A number is international, such as 385911234567: not {line[number_at]!r}."
                )
            mccmnc = line[mccmnc_at].strip()
            place = places.get(mccmnc)
            if place is None:
                network_columns({"mccmnc": mccmnc})
                if len(places) == MOST_NETWORKS:
                    raise SettingError(f"there may be {MOST_NETWORKS} networks at most.")
                place = places[mccmnc] = len(places)
            yield int(number), place

    try:
        numbers = PackedNumberMap(items())
    except SettingError as error:
        place = f"Line {reader.line_num}: " if reader.line_num > 1 else ""
        raise SettingError(f"{place}{error}") from error
    except csv.Error as error:
        raise SettingError(f"Line {reader.line_num}: it is no CSV: {error}.") from error
    return PortedFile(list(places), numbers)


class PortedAdministration:
    """Lists and changes ported numbers beside the nodes, which follow at once."""

    def __init__(self, engine: Engine) -> None:
        self._rows = PortedRows(engine)

    async def add(self, file: PortedFile) -> None:
        """Add numbers, or change the networks of those there are: all of them or none.

        Raises:
            SettingError: if there are too many, or somebody else changes them at the same time.
        """
        edition = await self._rows.edition()
        ranges = await self._rows.ranges()
        gone: list[Range] = []
        added: list[NewRow] = []
        amount = sum(one.amount for one in ranges)
        # The rows from each one's lowest number on; what lies before the first row goes to it.
        starts = [one.first for one in ranges]
        for place, items in _grouped(file.items(), starts):
            if ranges:
                one = ranges[place]
                merged = dict(chain((await self._chunk(one)).items(), items))
                gone.append(one)
                amount -= one.amount
            else:
                merged = dict(items)
            amount += len(merged)
            _room(amount)
            added += _rows_of(sorted(merged.items()), len(merged))
        await self._replace(edition, gone, added)

    async def put(self, file: PortedFile) -> None:
        """Let the numbers of a file be all that there are; raises as :meth:`add`."""
        _room(len(file))
        await self._replace(await self._rows.edition(), None, _rows_of(file.items(), len(file)))

    async def remove(self, numbers: Iterable[str]) -> int:
        """Remove numbers; return how many of them were there.

        Raises:
            SettingError: if one is none, or somebody else changes them at the same time.
        """
        wanted = sorted({_number(number) for number in numbers})
        edition = await self._rows.edition()
        ranges = await self._rows.ranges()
        gone: list[Range] = []
        added: list[NewRow] = []
        removed = 0
        for place, some in _grouped(((number, "") for number in wanted), [one.first for one in ranges]):
            if ranges:
                chunk = await self._chunk(ranges[place])
                doomed = {number for number, _ in some if number in chunk.numbers}
                if doomed:
                    removed += len(doomed)
                    gone.append(ranges[place])
                    left = (item for item in chunk.items() if item[0] not in doomed)
                    added += _rows_of(left, len(chunk.numbers) - len(doomed))
        if removed:
            await self._replace(edition, gone, added)
        return removed

    async def remove_all(self) -> int:
        """Remove all numbers and return how many there were; raises as :meth:`remove`."""
        edition = await self._rows.edition()
        amount = sum(one.amount for one in await self._rows.ranges())
        await self._replace(edition, None, [])
        return amount

    async def network(self, number: str) -> str | None:
        """Return the MCC and MNC of the network that a number was ported to, ``None`` if it was to none.

        Raises:
            SettingError: if it is no number.
        """
        wanted = _number(number)
        row = await self._rows.around(wanted)
        if row is None:
            return None
        chunk = unpacked(row.networks.split(), row.numbers)
        place = chunk.numbers.get(wanted)
        return None if place is None else chunk.networks[place]

    async def listed(self, start: str, limit: int) -> list[tuple[int, str]]:
        """Return numbers that begin with some digits, in ascending order of theirs, and their networks.

        Raises:
            SettingError: if those are no digits of a number.
        """
        if start and not (start.isascii() and start.isdigit() and len(start) <= 15 and start[0] != "0"):
            raise SettingError(f"A prefix has 1 to 15 digits, the first not 0: not {start!r}.")
        found: list[tuple[int, str]] = []
        ranges = await self._rows.ranges()
        ends = chain((one.first for one in ranges[1:]), (10**15,))
        for one, end in zip(ranges, ends, strict=False):
            if len(found) < limit and (not start or _overlaps(start, one.first, end)):
                items = (await self._chunk(one)).items()
                found += [item for item in items if str(item[0]).startswith(start)]
        return found[:limit]

    async def counted(self) -> dict[str, int]:
        """Return how many numbers were ported to each network, the most first."""
        counts: Counter[str] = Counter()
        for one in await self._rows.ranges():
            counts.update(mccmnc for _, mccmnc in (await self._chunk(one)).items())
        return dict(counts.most_common())

    async def _chunk(self, one: Range) -> Chunk:
        row = await self._rows.read(one)
        if row is None:
            raise _changed()
        return unpacked(row.networks.split(), row.numbers)

    async def _replace(self, edition: int, gone: list[Range] | None, added: list[NewRow]) -> None:
        try:
            await self._rows.replace(edition, gone, added)
        except ChangedMeanwhile:
            raise _changed() from None


def _changed() -> SettingError:
    return SettingError("The ported numbers were changed by somebody else at the same time: try again.")


def _room(amount: int) -> None:
    if amount > MOST:
        raise SettingError(f"There may be {MOST} ported numbers at most.")


def _number(number: str) -> int:
    digits = destination(number)
    if digits is None:
        raise SettingError(f"A number is international, such as 385911234567: not {number!r}.")
    return int(digits)


def _grouped(
    items: Iterable[tuple[int, str]], starts: list[int]
) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """Return numbers in ascending order together with the place of the row that each group belongs to."""
    group: list[tuple[int, str]] = []
    at = -1
    for item in items:
        place = max(bisect_right(starts, item[0]) - 1, 0)
        if place != at and group:
            yield at, group
            group = []
        at = place
        group.append(item)
    if group:
        yield at, group


def _rows_of(items: Iterable[tuple[int, str]], amount: int) -> list[NewRow]:
    """Return so many numbers, in ascending order, as rows of like size: each has room for more."""
    return [_row_of(chunk) for chunk in chunks_of(items, -(-amount // max(-(-amount // SIZE), 1)))]


def _row_of(chunk: Chunk) -> NewRow:
    first = next(iter(chunk.numbers))
    return NewRow(first, len(chunk.numbers), Packed(" ".join(chunk.networks), packed(chunk)))


def _overlaps(start: str, first: int, end: int) -> bool:
    """Tell whether a number from ``first`` on and below ``end`` can begin with some digits."""
    return any(
        int(start) * 10**more < end and (int(start) + 1) * 10**more > first for more in range(16 - len(start))
    )

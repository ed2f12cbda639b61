"""What it costs to know the network of a number: the plan and ported numbers, in time and memory.

python -m benchmarks.numbers [--numbers 1000000]
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import timeit
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import react

from smsd.numbering.plan import built_in
from smsd.services.networks import Networks
from smsd.services.ported import Ported
from smsd.services.ported_administration import PortedAdministration, ported_file
from smsd.store.open import engine
from smsd.store.ported import PortedRows

ASKED = 2_000
"""How many different numbers are looked up."""
PAGE = 4096


def resident() -> float:
    """Return the memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE / 1e6


def each(look_up: Callable[[str], object], numbers: list[str]) -> float:
    """Return the microseconds of CPU that one look-up takes, at its best of five times."""

    def all_of_them() -> None:
        for number in numbers:
            look_up(number)

    return (
        min(timeit.repeat(all_of_them, timer=time.process_time, number=20, repeat=5))
        / 20
        / len(numbers)
        * 1e6
    )


async def measure(reactor: IReactorTime, count: int, folder: Path) -> dict[str, float]:
    """Measure with so many ported numbers."""
    found: dict[str, float] = {}
    before, start = resident(), time.perf_counter()
    plan = built_in()
    found["plan_load_ms"] = (time.perf_counter() - start) * 1e3
    found["plan_mb"] = resident() - before

    chance = random.Random(1)
    codes = ("385", "41", "1", "44", "49", "55", "7", "91", "234")
    everywhere = [f"{chance.choice(codes)}{chance.randrange(10**8, 10**9)}" for _ in range(ASKED)]
    found["plan_look_up_us"] = each(plan.find, everywhere)

    file = folder / "ported.csv"
    ported = chance.sample(range(385_900_000_000, 386_000_000_000), count)
    with file.open("w", encoding="ascii") as lines:
        lines.write("number,mccmnc\n")
        lines.writelines(f"{number},{chance.choice(('21901', '21902', '21910'))}\n" for number in ported)
    database = engine("sqlite:numbers.db", folder, reactor)
    database.prepare(time.time(), exclusive=False)
    await database.open()
    start = time.perf_counter()
    with file.open(encoding="utf-8") as lines:
        parsed = ported_file(lines)
    found["ported_parse_s"] = time.perf_counter() - start
    start = time.perf_counter()
    await PortedAdministration(database).put(parsed)
    found["ported_store_s"] = time.perf_counter() - start
    del parsed

    networks = Networks()
    start = time.perf_counter()
    await Ported(PortedRows(database), reactor, networks.use_ported).load()
    found["ported_load_s"] = time.perf_counter() - start
    tracemalloc.start()
    again = Ported(PortedRows(database), reactor, Networks().use_ported)
    await again.load()
    found["ported_mb"] = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    found["ported_look_up_us"] = each(networks.of, [str(number) for number in ported[:ASKED]])
    found["not_ported_look_up_us"] = each(networks.of, everywhere)
    await database.close()
    return found


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--numbers", type=int, default=1_000_000, help="how many ported numbers there are")
    arguments = parser.parse_args()

    async def work(reactor: IReactorTime) -> None:
        with tempfile.TemporaryDirectory() as folder:
            found = await measure(reactor, arguments.numbers, Path(folder))
        print(json.dumps({name: round(value, 3) for name, value in found.items()}))

    react(lambda reactor: Deferred.fromCoroutine(work(reactor)))


if __name__ == "__main__":
    main()

"""A whole story of a seed, from its beginning to its checks."""

from __future__ import annotations

import re

from tests.life.checks import Ending, nothing_is_left_in_memory
from tests.life.storage import Storage
from tests.life.world import World

STEPS = 60


class Bad(Exception):
    """A story has ended badly; the text has what its diary says of the message that it is about."""


def tell(seed: int, storage: Storage, steps: int = STEPS) -> World:
    """Let a seed's story happen, and check how it ends.

    Raises:
        Bad: if something was not as it should be.
    """
    world = World(seed, storage)
    try:
        world.run(steps)
        world.end()
        Ending(world).check()
        nothing_is_left_in_memory(world)
    except AssertionError as error:
        destination = re.search(r"4[19]79[0-9]{7}", str(error))
        entries = world.diary.of(destination[0]) if destination else world.diary.entries
        raise Bad("\n".join([f"Seed {seed}: {error}", *map(str, entries)])) from error
    finally:
        world.node.kill()
    return world

"""A whole story of a seed, from its beginning to its checks."""

from __future__ import annotations

from tests.life.checks import Ending, nothing_is_left_in_memory
from tests.life.storage import Storage
from tests.life.world import World

STEPS = 60


def tell(seed: int, storage: Storage, steps: int = STEPS) -> World:
    """Let a seed's story happen, and check how it ends."""
    world = World(seed, storage)
    try:
        world.run(steps)
        world.end()
        Ending(world).check()
        nothing_is_left_in_memory(world)
    finally:
        world.node.kill()
    return world

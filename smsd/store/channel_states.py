"""How channels are, as a running node last said: for whoever asks from outside it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from smsd.store.engine import Call, Engine, Query

SAY = Query(
    "INSERT INTO channel_state (channel_id, up, bound, wanted, since, reason, seen_at, away)"
    " SELECT channel_id, up, bound, wanted, since, reason, seen_at, away FROM {rows} AS r WHERE true"
    " ON CONFLICT (channel_id) DO UPDATE SET up = excluded.up, bound = excluded.bound,"
    " wanted = excluded.wanted, since = excluded.since, reason = excluded.reason, seen_at = excluded.seen_at,"
    " away = excluded.away",
    "channel_id bigint, up smallint, bound int, wanted int, since float8, reason text, seen_at float8,"
    " away smallint",
)
READ = Query("SELECT channel_id, up, bound, wanted, since, reason, seen_at, away FROM channel_state")


class ChannelState(msgspec.Struct, frozen=True):
    """How a channel is; times are seconds since 1970."""

    channel_id: int
    up: int
    bound: int
    wanted: int
    since: float
    reason: str
    seen_at: float
    away: int = 0


class ChannelStateRows:
    """Reads and writes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def say(self, states: Sequence[ChannelState]) -> None:
        """Write how channels are."""
        await self._engine.write(Call(SAY, [msgspec.structs.astuple(state) for state in states]))

    async def read(self) -> dict[int, ChannelState]:
        """Return how channels are, by their ids."""
        states = [ChannelState(*row) for row in await self._engine.read(Call(READ))]
        return {state.channel_id: state for state in states}

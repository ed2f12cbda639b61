"""The credit of accounts as rows."""

from __future__ import annotations

from smsd.store.engine import Call, Engine, Query

LEFT = Query("SELECT account_id, micros FROM credit")
ADD = Query(
    "INSERT INTO credit (account_id, micros) VALUES (?, ?) ON CONFLICT (account_id)"
    " DO UPDATE SET micros = credit.micros + excluded.micros RETURNING micros"
)
END = Query("DELETE FROM credit WHERE account_id = ?")


class Credit:
    """Reads and changes it; messages take theirs in the batches of :mod:`smsd.store.journal`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def left(self) -> dict[int, int]:
        """Return what each account that pays in advance has left, in millionths of its currency.

        The answer comes in turn with those of the transactions that take from it.
        """
        (rows,) = await self._engine.write(Call(LEFT))
        return {account_id: micros for account_id, micros in rows}

    async def add(self, account_id: int, micros: int) -> int:
        """Give an account credit, its first or more, or take some back; return what it has then."""
        (((left,),),) = await self._engine.write(Call(ADD, (account_id, micros)), announce=True)
        return int(left)

    async def end(self, account_id: int) -> None:
        """Let an account pay later."""
        await self._engine.write(Call(END, (account_id,)), announce=True)

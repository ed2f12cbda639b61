"""The credit of accounts as rows, and the ledger of all that has changed it.

``credit`` has the balance of each account that was ever given any, or whose messages have cost any. What
messages take and get back goes there, and to the ledger, with the batches of :mod:`smsd.store.commits`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from smsd.store.engine import Call, Engine, Query

COVERED = "covered"
"""The constraint that refuses a transaction whose messages an account's credit does not cover."""


class Entry(IntEnum):
    """Why a balance has changed."""

    MESSAGES = 1
    """Messages were accepted: the sum of an hour."""
    REFUNDS = 2
    """What messages had cost was given back: the sum of an hour."""
    CREDIT = 3
    """The operator has added or taken back credit."""
    LIMIT = 4
    """The operator has set another limit."""
    OPENING = 5
    """What there was before the ledger."""
    LOOKUPS = 6
    """Numbers were looked up: the sum of an hour."""
    LOOKUP_REFUNDS = 7
    """What lookups had cost was given back: the sum of an hour."""


class Balance(NamedTuple):
    """What an account has, in millionths of its currency; below 0 what it owes."""

    micros: int
    limit: int | None
    """How far messages may take it below 0; ``None`` if the account pays later, and they may take any."""


class Line(NamedTuple):
    """A line of an account's ledger; amounts are millionths."""

    at: float
    kind: int
    micros: int
    messages: int
    note: str
    balance: int | None
    """After it; the sum of an hour has none."""


class Sums(NamedTuple):
    """An account's balance, and the sum of its ledger."""

    account_id: int
    balance: int
    ledger: int


# What a transaction changes: aggregated costs of new messages; those of a long message, if this makes it
# whole; aggregated costs of lookups; and refunds, of what is stored and not final, or not answered. What was
# already given back is 0.
DEBITED, GATHERED, LOOKED_UP, VOIDED, REGAINED, UNSENT, UNDELIVERED, NEVER_LOOKED_UP, UNANSWERED = range(9)
"""Why a batch changes balances."""
_NEVER_TAKEN = "NOT EXISTS (SELECT 1 FROM segment WHERE segment.message_id = m.id)"
_CHANGES = (
    f"SELECT r.account_id, r.kind, CASE WHEN r.kind < {VOIDED} THEN -r.micros"
    f" WHEN r.kind < {NEVER_LOOKED_UP} THEN m.charged ELSE l.charged END AS micros,"
    " r.messages, r.hour FROM {rows} AS r"
    f" LEFT JOIN message AS m ON m.id = r.id AND r.kind < {NEVER_LOOKED_UP}"
    f" LEFT JOIN lookup AS l ON l.id = r.id AND r.kind >= {NEVER_LOOKED_UP}"
    f" WHERE r.kind IN ({DEBITED}, {LOOKED_UP}) OR (r.kind = {GATHERED} AND coalesce(m.state, 0) = 0)"
    f" OR (m.charged > 0 AND (r.kind = {VOIDED}"
    f" OR (r.kind = {REGAINED} AND m.state IN (1, 2))"
    f" OR (m.state < 4 AND (r.kind = {UNDELIVERED}"
    f" OR (r.kind = {UNSENT} AND {_NEVER_TAKEN})))))"
    f" OR (l.charged > 0 AND (r.kind = {NEVER_LOOKED_UP} OR l.state = 0))"
)
_ENTRY = (
    f"CASE WHEN kind = {LOOKED_UP} THEN {Entry.LOOKUPS:d} WHEN kind < {VOIDED} THEN {Entry.MESSAGES:d}"
    f" WHEN kind < {NEVER_LOOKED_UP} THEN {Entry.REFUNDS:d} ELSE {Entry.LOOKUP_REFUNDS:d} END"
)
_COLUMNS = "kind smallint, id bigint, account_id bigint, micros bigint, messages bigint, hour float8"

CHARGED = Query(
    "INSERT INTO credit (account_id, micros, room)"
    f" SELECT account_id, CAST(sum(micros) AS BIGINT), CASE WHEN min(kind) < {VOIDED} THEN 0 END"
    f" FROM ({_CHANGES}) AS changes WHERE true GROUP BY account_id ORDER BY account_id"
    " ON CONFLICT (account_id) DO UPDATE SET micros = credit.micros + excluded.micros,"
    " room = excluded.room + credit.micros + excluded.micros + credit.bound"
    " RETURNING account_id, micros + bound",
    _COLUMNS,
)
"""Changes balances, in the order of accounts, so that nodes don't wait for one another in a circle."""
ENTERED = Query(
    "INSERT INTO ledger (account_id, at, kind, number, micros, messages, note)"
    f" SELECT account_id, hour, {_ENTRY} AS entry, 0, CAST(sum(micros) AS BIGINT),"
    " CAST(sum(messages) AS BIGINT), ''"
    f" FROM ({_CHANGES}) AS changes WHERE true GROUP BY account_id, hour, entry ORDER BY account_id, entry"
    " ON CONFLICT (account_id, at, kind, number) DO UPDATE"
    " SET micros = ledger.micros + excluded.micros, messages = ledger.messages + excluded.messages",
    _COLUMNS,
)
"""Enters the same in the ledger."""
UNCHARGED = Query(
    "UPDATE message SET charged = 0 FROM {rows} AS r WHERE message.id = r.id AND message.state < 4"
    f" AND message.charged > 0 AND (r.kind = {UNDELIVERED}"
    f" OR {_NEVER_TAKEN.replace('m.id', 'message.id')}) RETURNING message.id",
    "id bigint, kind smallint",
)
"""Takes note of what has been given back of messages that the same transaction ends."""

LEFT = Query("SELECT account_id, micros + bound FROM credit WHERE bound IS NOT NULL")
LEFT_OF = Query(
    "SELECT credit.account_id, credit.micros + credit.bound FROM {rows} AS r"
    " JOIN credit ON credit.account_id = r.account_id",
    "account_id bigint",
)
BALANCE = Query("SELECT micros, bound FROM credit WHERE account_id = ?")
ADD = Query(
    "INSERT INTO credit (account_id, micros, bound) VALUES (?, ?, 0) ON CONFLICT (account_id)"
    " DO UPDATE SET micros = credit.micros + excluded.micros, bound = coalesce(credit.bound, 0)"
    " RETURNING micros"
)
PAY = Query(
    "INSERT INTO credit (account_id, micros) VALUES (?, ?) ON CONFLICT (account_id)"
    " DO UPDATE SET micros = credit.micros + excluded.micros RETURNING micros"
)
LIMIT = Query(
    "INSERT INTO credit (account_id, micros, bound) VALUES (?, 0, ?) ON CONFLICT (account_id)"
    " DO UPDATE SET bound = excluded.bound RETURNING micros"
)
ENTER = Query(
    "INSERT INTO ledger (account_id, at, kind, number, micros, messages, note, balance)"
    " SELECT credit.account_id, ?, ?, 1 + (SELECT coalesce(max(number), 0) FROM ledger WHERE account_id = ?),"
    " ?, 0, ?, credit.micros FROM credit WHERE credit.account_id = ?"
)
LEDGER = Query(
    "SELECT at, kind, micros, messages, note, balance FROM ledger WHERE account_id = ? AND at >= ? AND at < ?"
    " ORDER BY at, number, kind"
)
SUMS = Query(
    "SELECT account_id, CAST(sum(balance) AS BIGINT), CAST(sum(entries) AS BIGINT)"
    " FROM (SELECT account_id, micros AS balance, 0 AS entries FROM credit"
    " UNION ALL SELECT account_id, 0, micros FROM ledger) AS both_sides"
    " GROUP BY account_id ORDER BY account_id"
)
KEPT = Query("SELECT 1 FROM ledger WHERE account_id = ? LIMIT 1")


class Credit:
    """Reads balances and the ledger, and makes the operator's entries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def left(self) -> dict[int, int]:
        """Return what messages of each account may still take, in millionths of its currency.

        Accounts that pay later are not among them. The answer comes in turn with those of the transactions
        that take from it.
        """
        (rows,) = await self._engine.write(Call(LEFT))
        return {account_id: left for account_id, left in rows}

    async def balance(self, account_id: int) -> Balance:
        """Return an account's balance."""
        rows = await self._engine.read(Call(BALANCE, (account_id,)))
        return Balance(*rows[0]) if rows else Balance(0, None)

    async def add(self, account_id: int, micros: int, at: float = 0.0, note: str = "") -> int:
        """Let an account pay in advance, give it credit or take some back; return its balance then."""
        return await self._enter(Call(ADD, (account_id, micros)), account_id, Entry.CREDIT, micros, at, note)

    async def pay(self, account_id: int, micros: int, at: float, note: str) -> int:
        """Give an account credit that goes on to pay as it does; return its balance then."""
        return await self._enter(Call(PAY, (account_id, micros)), account_id, Entry.CREDIT, micros, at, note)

    async def limit(self, account_id: int, limit: int | None, at: float, note: str) -> int:
        """Say how far messages may take an account below 0, ``None`` for any; return its balance."""
        return await self._enter(Call(LIMIT, (account_id, limit)), account_id, Entry.LIMIT, 0, at, note)

    async def has_ledger(self, account_id: int) -> bool:
        """Tell whether there is anything in an account's ledger."""
        return bool(await self._engine.read(Call(KEPT, (account_id,))))

    async def ledger(self, account_id: int, since: float, until: float) -> list[Line]:
        """Return what changed an account's balance in a span of time, in order."""
        rows = await self._engine.read(Call(LEDGER, (account_id, since, until)))
        return [Line(*row) for row in rows]

    async def sums(self) -> list[Sums]:
        """Return every account's balance and the sum of its ledger, as they were at one moment."""
        return [Sums(*row) for row in await self._engine.read(Call(SUMS))]

    async def _enter(
        self, change: Call, account_id: int, kind: Entry, micros: int, at: float, note: str
    ) -> int:
        entry = Call(ENTER, (at, int(kind), account_id, micros, note, account_id))
        (((balance,),), _) = await self._engine.write(change, entry, announce=True)
        return int(balance)

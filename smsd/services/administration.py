"""What the operator may list and change."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from smsd.services.columns import (
    NEW_ACCOUNT,
    SettingError,
    account_columns,
    amount_of,
    channel_columns,
    check_push,
    check_route,
    identity,
    named,
    network_columns,
    number_columns,
    route_columns,
)
from smsd.services.ids import first_of
from smsd.services.networks import MOST as MOST_NETWORKS
from smsd.services.numbers import INBOX, Numbers
from smsd.services.push_urls import push_of
from smsd.services.routing import ALPHABETS
from smsd.services.rules import SEND
from smsd.store.channel_states import ChannelState, ChannelStateRows
from smsd.store.credit import Credit
from smsd.store.engine import Engine, StoreRefused
from smsd.store.lists import ListRows
from smsd.store.messages import Message, Messages, State
from smsd.store.pushes import Pushes, Waiting, report_push
from smsd.store.received import Received, ReceivedMessages
from smsd.store.settings import Account, Channel, Network, Number, Route, Rows, SettingsTables, Value

AT_ONCE = 1000
"""How many reports are asked for in a transaction."""


class Administration:
    """Lists and changes settings; a running node follows at once."""

    def __init__(self, engine: Engine) -> None:
        self._tables = SettingsTables(engine)
        self._messages = Messages(engine)
        self._received = ReceivedMessages(engine)
        self._pushes = Pushes(engine)
        self._channel_states = ChannelStateRows(engine)
        self._credit = Credit(engine)
        self._lists = ListRows(engine)

    async def rows(self) -> Rows:
        """Return all settings."""
        return await self._tables.read()

    async def add_account(self, system_id: str, password: str, **columns: Value) -> int:
        """Add an account and return its id; ``columns`` are those of :class:`Account`.

        Raises:
            SettingError: if a value won't do, or there is such an account.
        """
        row = {"system_id": system_id, "password": password}
        return await self._insert(
            "account", account_columns(NEW_ACCOUNT | row | columns), f"an account {system_id}"
        )

    async def change_account(self, system_id: str, **columns: Value) -> None:
        """Change an account; raises as :meth:`add_account`."""
        account = await self.account(system_id)
        row = account_columns(columns)
        if row.get("currency", account.currency) != account.currency:
            await self._keeps_currency(account)
        if row:
            await self._tables.update("account", account.id, row)

    async def receipts_set_aside(self, limit: int) -> list[Message]:
        """Return messages whose receipts their accounts' sessions could not take, the oldest first."""
        return await self._messages.set_aside(limit)

    async def retry_receipts(self, message_id: int | None = None) -> int:
        """Send a receipt that was set aside again, or all of them; return how many."""
        return await self._messages.retry(message_id)

    async def received_set_aside(self, limit: int) -> list[Received]:
        """Return received messages that their accounts' sessions could not take, the oldest first."""
        return await self._received.set_aside(limit)

    async def retry_received(self, received_id: int | None = None) -> int:
        """Send a received message that was set aside again, or all of them; return how many."""
        return await self._received.retry(received_id)

    async def pushes_waiting(self, limit: int) -> list[Waiting]:
        """Return what waits to be pushed, by account and URL, the most first."""
        return await self._pushes.waiting(limit)

    async def push_again(self, ids: Sequence[int]) -> int:
        """Push final reports or received messages once more, by their ids; return how many.

        Only what has a URL is pushed: a message's ``notifyUrl``, a number's URL.
        """
        numbers = Numbers()
        numbers.apply(await self.rows())
        pushes = []
        for message in await self._messages.by_ids(ids):
            if message.content.notify is not None and message.state == State.FINAL:
                pushes.append(report_push(message, message.done_at or message.accepted_at))
        for received in await self._received.by_ids(ids):
            owner = numbers.owner(received.destination, received.text)
            if owner is not None and owner.account_id == received.account_id:
                push = push_of(received, owner)
                if push is not None:
                    pushes.append(push)
        return await self._pushes.once_more(pushes)

    async def push_again_since(self, system_id: str, since: float, until: float) -> int:
        """Push the reports of what an account handed in in a span of time once more; return how many.

        Raises:
            SettingError: if there is no such account.
        """
        account = await self.account(system_id)
        count, last, until_id = 0, first_of(since) - 1, first_of(until)
        while ids := await self._messages.final(account.id, last, until_id, AT_ONCE):
            count += await self.push_again(ids)
            last = ids[-1]
        return count

    async def remove_account(self, system_id: str) -> None:
        """Remove an account.

        Raises:
            SettingError: if there is none; routes, numbers or rules of lookups are its own; or it has or owes
                anything.
        """
        account = await self.account(system_id)
        balance = (await self._credit.balance(account.id)).micros
        if balance:
            raise SettingError(
                f"Account {system_id} has a balance of {amount_of(balance)} {account.currency}:"
                " settle that first."
            )
        await self._delete(
            "account",
            account.id,
            f"Account {system_id} has routes of its own, rules of lookups, or numbers: remove them first",
        )
        await self._lists.remove_account(account.id)

    async def account(self, system_id: str) -> Account:
        """Return an account by its name.

        Raises:
            SettingError: if there is none.
        """
        for account in (await self.rows()).accounts:
            if account.system_id == system_id:
                return account
        raise SettingError(f"There is no account {system_id}.")

    async def add_channel(self, name: str, kind: str, options: str, **columns: Value) -> int:
        """Add a channel with its kind's options as JSON, and return its id; raises as :meth:`add_account`."""
        if not re.fullmatch(r"[\w.-]{1,64}", name):
            raise SettingError(
                f"A channel's name has letters, digits, dots and hyphens, up to 64: not {name!r}."
            )
        row: dict[str, Value] = {
            "name": name,
            "kind": kind,
            "enabled": 1,
            "alphabets": " ".join(ALPHABETS),
            "options": options,
        }
        return await self._insert("channel", channel_columns(row | columns), f"a channel {name}")

    async def change_channel(self, name: str, **columns: Value) -> None:
        """Change a channel; ``columns`` are those of :class:`Channel`. Raises as :meth:`add_account`."""
        channel = await self.channel(name)
        if columns:
            await self._tables.update("channel", channel.id, channel_columns(columns))

    async def remove_channel(self, name: str) -> None:
        """Remove a channel.

        Raises:
            SettingError: if there is none, routes lead to it, or messages wait for it.
        """
        channel = await self.channel(name)
        waiting = await self._messages.waiting(channel.id)
        if waiting:
            raise SettingError(f"{waiting} messages wait for channel {name}: let it send them first.")
        await self._delete("channel", channel.id, f"Routes lead to channel {name}: remove them first")

    async def channel_states(self) -> dict[int, ChannelState]:
        """Return how channels are, as the running node last said, by their ids."""
        return await self._channel_states.read()

    async def waiting(self) -> dict[int, int]:
        """Return how many messages wait for each channel, by its id."""
        return await self._messages.waiting_by_channel()

    async def channel(self, name: str) -> Channel:
        """Return a channel by its name.

        Raises:
            SettingError: if there is none.
        """
        for channel in (await self.rows()).channels:
            if channel.name == name:
                return channel
        raise SettingError(f"There is no channel {name}.")

    async def add_route(
        self,
        channel: str | None,
        prefix: str = "",
        account: str | None = None,
        price: str = "0",
        code: str = "",
        **columns: Value,
    ) -> int:
        """Add a route to a channel, or one that refuses, for an account or for all, and return its id.

        ``columns`` are the others of :class:`Route`.

        Raises:
            SettingError: if a value won't do, or there is such a route.
        """
        row = route_columns(columns | {"prefix": prefix, "price": price, "code": code})
        row["account_id"] = (await self.account(account)).id if account else None
        row["channel_id"] = (await self.channel(channel)).id if channel else None
        await self._check_route(msgspec.convert({"id": 0, **row}, Route))
        return await self._insert("route", row, "such a route")

    async def change_route(
        self, number: int, *, channel: str | None = None, account: str | None = None, **columns: Value
    ) -> None:
        """Change a route, which is for all accounts if ``account`` is empty; raises as :meth:`add_route`."""
        route = await self._route(number)
        row = route_columns(columns)
        if account is not None:
            row["account_id"] = (await self.account(account)).id if account else None
        if channel is not None:
            row["channel_id"] = (await self.channel(channel)).id
        elif row.get("action", SEND) != SEND:
            row["channel_id"] = None
        await self._check_route(msgspec.structs.replace(route, **row))
        if row:
            await self._tables.update("route", number, row)

    async def remove_route(self, number: int) -> None:
        """Remove a route; messages that have taken it already keep their channel.

        Raises:
            SettingError: if there is none.
        """
        await self._route(number)
        await self._tables.delete("route", number)

    async def add_number(
        self,
        number: str,
        account: str,
        keyword: str = "",
        delivery: str = INBOX,
        url: str = "",
        method: str = "GET",
    ) -> None:
        """Give an account what is sent to a number: all of it, or what begins with a keyword.

        Raises:
            SettingError: if a value won't do, or somebody has it.
        """
        row = number_columns(
            {"number": number, "keyword": keyword, "delivery": delivery, "url": url, "method": method}
        )
        check_push(row)
        row["account_id"] = (await self.account(account)).id
        await self._insert("number", row, f"a number {named(row['number'], row['keyword'])}")

    async def change_number(
        self, number: str, keyword: str = "", *, account: str | None = None, **columns: Value
    ) -> None:
        """Change whose a number is, or its delivery; raises as :meth:`add_number`."""
        found = await self.number(number, keyword)
        row = number_columns(columns)
        check_push({"delivery": found.delivery, "url": found.url, "method": found.method} | row)
        if account is not None:
            row["account_id"] = (await self.account(account)).id
        if row:
            await self._tables.update("number", found.id, row)

    async def remove_number(self, number: str, keyword: str = "") -> None:
        """Remove a number, with a keyword or without; what its account has got from it stays.

        Raises:
            SettingError: if nobody has it.
        """
        await self._tables.delete("number", (await self.number(number, keyword)).id)

    async def number(self, number: str, keyword: str = "") -> Number:
        """Return a number's row; raises as :meth:`remove_number`."""
        wanted = number_columns({"number": number, "keyword": keyword})
        for one in (await self.rows()).numbers:
            if (one.number, one.keyword) == (wanted["number"], wanted["keyword"]):
                return one
        raise SettingError(f"There is no number {named(wanted['number'], wanted['keyword'])}.")

    async def add_network(self, prefix: str, mccmnc: str, name: str = "") -> None:
        """Say which network the numbers with a prefix belong to.

        Raises:
            SettingError: if a value won't do, or the prefix is another's.
        """
        row = network_columns({"prefix": prefix, "mccmnc": mccmnc, "name": name})
        self._room(len((await self.rows()).networks) + 1)
        await self._insert("network", row, f"a network with the prefix {row['prefix']}")

    async def import_networks(self, networks: Sequence[dict[str, Value]], replace: bool = False) -> None:
        """Add networks, or change those whose prefix there is; with ``replace`` all others are removed.

        Raises:
            SettingError: if there are too many.
        """
        known = set() if replace else {one.prefix for one in (await self.rows()).networks}
        self._room(len(known | {str(row["prefix"]) for row in networks}))
        rows = [(str(row["prefix"]), str(row["mccmnc"]), str(row["name"])) for row in networks]
        await self._tables.put_networks(rows, replace)

    async def remove_network(self, prefix: str) -> None:
        """Remove a prefix; messages that have been accepted keep their network.

        Raises:
            SettingError: if there is none.
        """
        await self._tables.delete("network", (await self.network(prefix)).id)

    async def network(self, prefix: str) -> Network:
        """Return the row of a prefix; raises as :meth:`remove_network`."""
        wanted = network_columns({"prefix": prefix})["prefix"]
        for one in (await self.rows()).networks:
            if one.prefix == wanted:
                return one
        raise SettingError(f"There is no network with the prefix {wanted}.")

    def _room(self, count: int) -> None:
        if count > MOST_NETWORKS:
            raise SettingError(f"There may be {MOST_NETWORKS} prefixes at most.")

    async def _check_route(self, wanted: Route) -> None:
        """See to it that a route says what it is to do, and that there is no other like it."""
        check_route(wanted)
        for route in (await self.rows()).routes:
            if route.id != wanted.id and identity(route) == identity(wanted):
                raise SettingError(
                    f"Route {route.id} is for these messages, and leads there, already: change its weight,"
                    " price or cost."
                )

    async def _keeps_currency(self, account: Account) -> None:
        if await self._credit.has_ledger(account.id):
            raise SettingError(
                f"The ledger of account {account.system_id} is in {account.currency}, and stays in it:"
                " add an account for another currency."
            )

    async def _route(self, number: int) -> Route:
        for route in (await self.rows()).routes:
            if route.id == number:
                return route
        raise SettingError(f"There is no route {number}.")

    async def _insert(self, table: str, row: dict[str, Value], what: str) -> int:
        try:
            return await self._tables.insert(table, row)
        except StoreRefused as error:
            raise SettingError(f"There is {what} already.") from error

    async def _delete(self, table: str, number: int, otherwise: str) -> None:
        try:
            await self._tables.delete(table, number)
        except StoreRefused as error:
            raise SettingError(f"{otherwise}.") from error

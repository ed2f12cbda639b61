"""The settings in force, and how they change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smsd.numbering.addresses import number as digits
from smsd.services.accounts import hash_password
from smsd.services.charging import MICROS
from smsd.services.numbers import DELIVERIES, keyword_of
from smsd.services.routing import ALPHABETS
from smsd.store.credit import Credit
from smsd.store.engine import Engine, StoreRefused, StoreUnavailable
from smsd.store.messages import Message, Messages
from smsd.store.received import Received, ReceivedMessages
from smsd.store.settings import Account, Channel, Number, Route, Rows, SettingsTables, Value

BINDS = ("transmitter", "receiver", "transceiver")
"""The kinds of bind that an account may be allowed."""
NEW_ACCOUNT: dict[str, Value] = {
    "enabled": 1,
    "sessions": 4,
    "binds": " ".join(BINDS),
    "addresses": "",
    "tls": 0,
    "certificate": "",
    "throughput": 0,
    "unanswered": 0,
    "queue": 0,
    "standard_receipts": 0,
    "receipts_to_submitter": 0,
    "country": "",
    "currency": "EUR",
}
"""What a new account has that is not said otherwise."""
NUMBERS = {"sessions": 1000, "throughput": 1_000_000, "unanswered": 100_000, "queue": 1_000_000_000}
"""The numbers among an account's columns, each from 0 to this."""
AGAIN = 1.0
"""Seconds until settings that could not be read are read again."""


class SettingError(ValueError):
    """A setting is not what it should be; the text says which, and what was expected."""


class Settings:
    """Reads the settings and passes them on, at the start and whenever any process has changed them."""

    log = Logger()

    def __init__(self, engine: Engine, clock: IReactorTime) -> None:
        self._engine = engine
        self._clock = clock
        self._tables = SettingsTables(engine)
        self._users: list[Callable[[Rows], None]] = []
        self._reading = False
        self._stale = False

    def use(self, apply: Callable[[Rows], None]) -> None:
        """Call ``apply`` with all settings, each time that they have been read."""
        self._users.append(apply)

    async def load(self) -> None:
        """Read the settings now, and again whenever they are changed.

        Raises:
            StoreUnavailable: if the database doesn't answer.
        """
        # First watch, then read: no change comes between. Changes meanwhile are read after this.
        self._reading = True
        self._engine.watch(self._changed)
        try:
            self._pass_on(await self._tables.read())
        finally:
            self._reading = False
        if self._stale:
            self._changed()

    def _changed(self) -> None:
        self._stale = True
        if not self._reading:
            self._reading = True
            reading = Deferred.fromCoroutine(self._reread())
            reading.addErrback(lambda failure: self.log.failure("Changed settings can't be used", failure))

    async def _reread(self) -> None:
        try:
            while self._stale:
                self._stale = False
                self._pass_on(await self._tables.read())
        except StoreUnavailable:
            self._clock.callLater(AGAIN, self._changed)
        finally:
            self._reading = False

    def _pass_on(self, rows: Rows) -> None:
        for apply in self._users:
            apply(rows)


class Administration:
    """Lists and changes settings; a running node follows at once."""

    def __init__(self, engine: Engine) -> None:
        self._tables = SettingsTables(engine)
        self._messages = Messages(engine)
        self._received = ReceivedMessages(engine)
        self._credit = Credit(engine)

    async def rows(self) -> Rows:
        """Return all settings."""
        return await self._tables.read()

    async def add_account(self, system_id: str, password: str, **columns: Value) -> int:
        """Add an account and return its id; ``columns`` are those of :class:`Account`.

        Raises:
            SettingError: if a value won't do, or there is such an account.
        """
        row = {"system_id": system_id, "password": password}
        return await self._insert("account", _account(NEW_ACCOUNT | row | columns), f"an account {system_id}")

    async def change_account(self, system_id: str, **columns: Value) -> None:
        """Change an account; raises as :meth:`add_account`."""
        account = await self.account(system_id)
        if columns:
            await self._tables.update("account", account.id, _account(columns))

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

    async def credit(self, system_id: str) -> Decimal | None:
        """Return what an account that pays in advance has left; ``None`` if it pays later.

        Raises:
            SettingError: if there is no such account.
        """
        left = (await self._credit.left()).get((await self.account(system_id)).id)
        return None if left is None else Decimal(left) / MICROS

    async def add_credit(self, system_id: str, amount: str) -> Decimal:
        """Let an account pay in advance, give it so much, or take it back, and return what it has then.

        Raises:
            SettingError: if there is no such account, or it is no amount.
        """
        account = await self.account(system_id)
        return Decimal(await self._credit.add(account.id, _micros(amount))) / MICROS

    async def end_credit(self, system_id: str) -> None:
        """Let an account pay later; raises as :meth:`credit`."""
        await self._credit.end((await self.account(system_id)).id)

    async def remove_account(self, system_id: str) -> None:
        """Remove an account.

        Raises:
            SettingError: if there is none, or routes or numbers are its own.
        """
        account = await self.account(system_id)
        await self._credit.end(account.id)
        await self._delete(
            "account", account.id, f"Account {system_id} has routes or numbers of its own: remove them first"
        )

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
        return await self._insert("channel", _channel(row | columns), f"a channel {name}")

    async def change_channel(self, name: str, **columns: Value) -> None:
        """Change a channel; ``columns`` are those of :class:`Channel`. Raises as :meth:`add_account`."""
        channel = await self.channel(name)
        if columns:
            await self._tables.update("channel", channel.id, _channel(columns))

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
        self, channel: str, prefix: str = "", account: str | None = None, price: str = "0", code: str = ""
    ) -> int:
        """Route a prefix to a channel, for an account or for all, and return the route's id.

        Raises:
            SettingError: if a value won't do, or there is such a route.
        """
        row: dict[str, Value] = {
            "account_id": (await self.account(account)).id if account else None,
            "channel_id": (await self.channel(channel)).id,
        }
        row |= _route({"prefix": prefix, "price": price, "code": code})
        await self._is_free(row["account_id"], code, prefix)
        return await self._insert("route", row, "such a route")

    async def change_route(self, number: int, *, channel: str | None = None, **columns: Value) -> None:
        """Change a route; raises as :meth:`add_route`."""
        route = await self._route(number)
        row = _route(columns)
        code, prefix = str(columns.get("code", route.code)), str(columns.get("prefix", route.prefix))
        if (code, prefix) != (route.code, route.prefix):
            await self._is_free(route.account_id, code, prefix)
        if channel is not None:
            row["channel_id"] = (await self.channel(channel)).id
        if row:
            await self._tables.update("route", number, row)

    async def remove_route(self, number: int) -> None:
        """Remove a route; messages that have taken it already keep their channel.

        Raises:
            SettingError: if there is none.
        """
        await self._route(number)
        await self._tables.delete("route", number)

    async def add_number(self, number: str, account: str, keyword: str = "", delivery: str = "inbox") -> None:
        """Give an account what is sent to a number: all of it, or what begins with a keyword.

        Raises:
            SettingError: if a value won't do, or somebody has it.
        """
        row = _number({"number": number, "keyword": keyword, "delivery": delivery})
        row["account_id"] = (await self.account(account)).id
        await self._insert("number", row, f"a number {_named(row['number'], row['keyword'])}")

    async def change_number(
        self, number: str, keyword: str = "", *, account: str | None = None, **columns: Value
    ) -> None:
        """Change whose a number is, or its delivery; raises as :meth:`add_number`."""
        found = await self.number(number, keyword)
        row = _number(columns)
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
        wanted = _number({"number": number, "keyword": keyword})
        for one in (await self.rows()).numbers:
            if (one.number, one.keyword) == (wanted["number"], wanted["keyword"]):
                return one
        raise SettingError(f"There is no number {_named(wanted['number'], wanted['keyword'])}.")

    async def _is_free(self, account_id: Value, code: str, prefix: str) -> None:
        for route in (await self.rows()).routes:
            if (route.account_id, route.code, route.prefix) == (account_id, code, prefix):
                raise SettingError(
                    f"Route {route.id} has prefix {prefix!r} already, for the same account and route code."
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


def _account(columns: dict[str, Value]) -> dict[str, Value]:
    """Return an account's columns as they are stored.

    Raises:
        SettingError: if one won't do.
    """
    row = dict(columns)
    if "system_id" in row and not re.fullmatch(r"[\x21-\x7e]{1,15}", str(row["system_id"])):
        raise SettingError(f"A system_id has 1 to 15 visible ASCII characters: not {row['system_id']!r}.")
    if ":" in str(row.get("system_id", "")):
        raise SettingError("A system_id has no colon: HTTP's authorization ends the name there.")
    if "password" in row:
        password = str(row["password"])
        if not re.fullmatch(r"[\x20-\x7e]{1,64}", password):
            raise SettingError("A password has 1 to 64 ASCII characters; for SMPP at most 8.")
        row["password"] = hash_password(password)
    for name, most in NUMBERS.items():
        if name in row and not 0 <= int(row[name] or 0) <= most:
            raise SettingError(f"{name} is a number from 0 to {most}: not {row[name]}.")
    if "binds" in row:
        row["binds"] = _words("A kind of bind", str(row["binds"]), BINDS)
    if "addresses" in row:
        row["addresses"] = " ".join(
            _network(one) for one in re.split(r"[\s,]+", str(row["addresses"])) if one
        )
    if "certificate" in row and not re.fullmatch(r"[^\0]{0,64}", str(row["certificate"])):
        raise SettingError(f"A common name has up to 64 characters: not {row['certificate']!r}.")
    if "country" in row and not re.fullmatch(r"([1-9][0-9]{0,2})?", str(row["country"])):
        raise SettingError(f"A country is a calling code of 1 to 3 digits: not {row['country']!r}.")
    if "currency" in row and not re.fullmatch(r"[A-Z]{3}", str(row["currency"])):
        raise SettingError(f"A currency is a code of ISO 4217, such as EUR: not {row['currency']!r}.")
    return row


def _micros(amount: str) -> int:
    """Return an amount of money in the units of credit; raises as :func:`_account`."""
    try:
        micros = Decimal(amount) * MICROS
    except InvalidOperation:
        micros = Decimal("NaN")
    if not micros.is_finite() or micros != round(micros) or abs(micros) > 10**16:
        raise SettingError(f"An amount is a decimal with up to 6 places: not {amount!r}.")
    return int(micros)


def _words(what: str, given: str, known: Iterable[str]) -> str:
    """Return words, separated by commas or blanks, as they are stored; raises as :func:`_account`."""
    words = [word for word in re.split(r"[\s,]+", given) if word]
    for word in words:
        if word not in known:
            raise SettingError(f"{what} is one of {', '.join(known)}: not {word!r}.")
    if not words:
        raise SettingError(f"{what} is missing: name at least one of {', '.join(known)}.")
    return " ".join(one for one in known if one in words)


def _network(given: str) -> str:
    try:
        return str(ip_network(given))
    except ValueError as error:
        raise SettingError(
            f"An address is one like 192.0.2.7 or a network like 192.0.2.0/24: {error}."
        ) from error


def _channel(columns: dict[str, Value]) -> dict[str, Value]:
    """Return a channel's columns as they are stored; raises as :func:`_account`."""
    row = dict(columns)
    if "alphabets" in row:
        row["alphabets"] = _words("An alphabet", str(row["alphabets"]), ALPHABETS)
    return row


def _number(columns: dict[str, Value]) -> dict[str, Value]:
    """Return a number's columns as they are stored; raises as :func:`_account`."""
    row = dict(columns)
    if "number" in row:
        number = digits(str(row["number"]))
        if number is None:
            raise SettingError(f"A number has 3 to 15 digits: not {row['number']!r}.")
        row["number"] = number
    if "keyword" in row:
        if not re.fullmatch(r"[^\s\0]{0,64}", str(row["keyword"])):
            raise SettingError(f"A keyword is one word of up to 64 characters: not {row['keyword']!r}.")
        row["keyword"] = keyword_of(str(row["keyword"]))
    if "delivery" in row and row["delivery"] not in DELIVERIES:
        raise SettingError(f"A delivery is one of {', '.join(DELIVERIES)}: not {row['delivery']!r}.")
    return row


def _named(number: Value, keyword: Value) -> str:
    return f"{number} with keyword {keyword}" if keyword else f"{number} without a keyword"


def _route(columns: dict[str, Value]) -> dict[str, Value]:
    """Return a route's columns as they are stored; raises as :func:`_account`."""
    if "code" in columns and not re.fullmatch(r"[A-Za-z0-9_.-]{0,10}", str(columns["code"])):
        raise SettingError(
            f"A route code has up to 10 letters, digits, or any of . _ -: not {columns['code']!r}."
        )
    if "prefix" in columns and not re.fullmatch(r"[0-9]{0,15}", str(columns["prefix"])):
        raise SettingError(f"A prefix has up to 15 digits: not {columns['prefix']!r}.")
    if "price" in columns:
        try:
            price = Decimal(str(columns["price"]))
        except InvalidOperation:
            price = Decimal(-1)
        if not (price.is_finite() and 0 <= price < 10**6 and price == round(price, 6)):
            raise SettingError(f"A price is a decimal from 0, with up to 6 places: not {columns['price']!r}.")
    return dict(columns)

"""Everything that a node has to do with, on one clock; and the node, which is killed and started again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer, providedBy

from smsd.http_api.site import Limits as HttpLimits
from smsd.http_api.site import site
from smsd.services.charging import MICROS, REFUNDS
from smsd.services.columns import NEW_ACCOUNT
from smsd.services.core import Bounds
from smsd.services.push_requests import Pace
from smsd.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter, SubmitSm
from smsd.smpp.tlv import MESSAGE_PAYLOAD
from smsd.sms.udh import Concatenation, with_length
from smsd.store.approvals import APPROVED, REJECTED, ApprovalRows, Which
from smsd.store.credit import Credit
from smsd.store.engine import Call, Query, Row
from smsd.store.prices import PriceRow, PriceRows, Scope
from smsd.store.settings import Rows, SettingsTables
from tests.life.clients import Book, Esme, Order, Web, Wire, request
from tests.life.diary import Diary
from tests.life.operators import HOUR, Operator
from tests.life.storage import Moody, Storage
from tests.peers import HASH, Network, Services, result, submit_sm

ACCOUNTS = ("acme", "prepaid")
CREDIT = 10 * MICROS
VALIDITY = 48 * HOUR
LATEST = 5 * HOUR
"""How far ahead messages are scheduled."""
DAY = 24 * HOUR
UNSTORED, HELD = 40, 4
PRICES = ("0.01", "0.015", "0", "2.5")
NOBODY = 1
"""A port where nobody listens."""


@implementer(IReactorTime)
class Reactor:
    """The network as one life of the node sees it: when it is over, nothing of it happens any more."""

    def __init__(self, network: Network) -> None:
        self._network = network
        alsoProvides(self, providedBy(network))
        self.dead = False
        self.protocols: list[Any] = []
        """The node's ends of connections."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def seconds(self) -> float:
        return self._network.seconds()

    def getDelayedCalls(self) -> Any:
        return self._network.getDelayedCalls()

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        return self._network.callLater(delay, self._call, callable, args, kwargs)

    def _call(self, work: Callable[..., Any], args: Any, kwargs: Any) -> None:
        if not self.dead:
            work(*args, **kwargs)

    def connectTCP(self, host: str, port: int, factory: Any, *args: Any, **kwargs: Any) -> Any:
        # What the dead connect to, as they lose their connections, nobody hears of.
        return self._network.connectTCP(host, NOBODY if self.dead else port, _Remembering(self, factory))

    def kill(self) -> None:
        """End it: its peers see their connections end, and nothing that it still does has an effect."""
        self.dead = True
        for pump in self._network.pumps:
            for end in (pump.clientIO, pump.serverIO):
                if end.protocol in self.protocols:
                    protocol, end.protocol = end.protocol, Protocol()
                    end.producer, end.stream, end.disconnecting = None, [], True
                    protocol.connectionLost(Failure(ConnectionLost()))  # So that nothing of it lingers.


class _Remembering:
    """A factory whose protocols are remembered."""

    def __init__(self, reactor: Reactor, factory: Any) -> None:
        self._reactor = reactor
        self._factory = factory

    def __getattr__(self, name: str) -> Any:
        return getattr(self._factory, name)

    def buildProtocol(self, address: object) -> Any:
        protocol = self._factory.buildProtocol(address)
        self._reactor.protocols.append(protocol)
        return protocol

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        if not self._reactor.dead:
            self._factory.clientConnectionFailed(connector, reason)


class Node(Services):
    """One life of smsd."""

    def __init__(self, network: Network, storage: Storage) -> None:
        self.reactor = Reactor(network)
        self.engine = Moody(storage.engine(self.reactor))
        super().__init__(
            self.engine,
            self.reactor,
            bounds=Bounds(UNSTORED, HELD, HELD),
            pace=Pace(batch=3),
        )
        self.site = site(self.api, HttpLimits(body=10_000), self.reactor)

    def begin(self) -> None:
        """Take up what is in the database, and start."""
        result(self.core.resume())
        self.start()

    def kill(self) -> None:
        """End it as a power failure does."""
        self.engine.dead = True
        self.reactor.kill()
        self.engine.wake()
        result(self.engine.close())

    def stop(self, network: Network) -> None:
        """End it as it should be ended."""
        core = self.core
        stopped: list[Any] = []

        async def stop() -> None:
            await self.sessions.stopService()
            for service in (core.bulk_changes, core.deadlines, core.channel_states):
                service.stopService()
            await core.pushing.stopService()
            await self.channels.stopService()
            await core.journal.drain()
            await self.engine.close()

        Deferred.fromCoroutine(stop()).addBoth(stopped.append)
        for _ in range(60):
            network.wait(1)
            if stopped:
                assert stopped == [None]
                self.reactor.kill()
                return
        raise AssertionError("It never stops.")


class World:
    """A story that a seed tells."""

    def __init__(self, seed: int, storage: Storage) -> None:
        self.random = random = Random(seed)
        self.network = network = Network()
        self.storage = storage
        self.diary = Diary(network)
        self.book = Book(self.diary)
        self.web = Web(network, random, self.book)
        self.operators = [
            Operator(network, random, self.diary, number, port) for number, port in ((1, 2775), (2, 2776))
        ]
        self.esmes: list[Esme] = []
        self.wires: list[Wire] = []
        self.bulks: list[str] = []
        self.canceled: set[str] = set()
        self.accounts: dict[str, dict[str, Any]] = {}
        """What is set of each account."""
        self.decided: dict[str, tuple[bool, float]] = {}
        """Which destinations' messages were approved or not, and when."""
        self.fetches_lost = False
        """Whether reports may have been given to nobody."""
        self.calm = False
        self.options: list[dict[str, Any]] = []
        self._destinations = 0
        self._resumed: set[str] = set()
        self._bulk = 0
        self.node = Node(network, storage)
        self._set_up()
        self.node.begin()
        network.settle()

    def _set_up(self) -> None:
        random, node = self.random, self.node
        tables = SettingsTables(node.engine)
        for name in ACCOUNTS:
            row = NEW_ACCOUNT | {
                "system_id": name,
                "password": HASH,
                "receipts_to_submitter": random.randrange(2),
                "standard_receipts": random.randrange(2),
                "refund": random.choice(REFUNDS),
                "hours": random.choice(("", "", "", _window(random))),
                "approval": random.choice(("", "", "", "everything", "bulks:1")),
            }
            self.accounts[name] = row
            result(tables.insert("account", row))
        result(Credit(node.engine).add(2, CREDIT))
        self._change_prices()
        others = random.random() < 0.5
        """Whether messages may go to the other operator, too."""
        for operator, other in zip(self.operators, reversed(self.operators), strict=True):
            operator.rivals = [other]
        for operator, prefix in zip(self.operators, ("41", "49"), strict=True):
            options = {
                "endpoint": f"tcp:127.0.0.1:{operator.port}",
                "system_id": "smsd",
                "password": "pw",
                "bind": random.choice(("transceiver", "pair")),
                "sessions": random.choice((1, 1, 2)),
                "window": random.choice((1, 3, 10)),
                "rate": random.choice((0, 0, 0, 3)),
                "unanswered": random.choice(("again", "again", "fail", "wait")),
                "undelivered": random.choice(("final", "again")),
                "long": random.choice(("udh", "sar", "payload")),
            }
            operator.again = options["undelivered"] == "again"
            self.options.append(options)
            name = f"operator{operator.channel_id}"
            result(node.administration.add_channel(name, "smpp", msgspec.json.encode(options).decode()))
            result(node.administration.add_route(name, prefix, price="0.01"))
            if others:
                for country in ("41", "49"):
                    result(node.administration.add_route(name, country, price="0.02", priority=-1))

    # What happens.

    def run(self, steps: int) -> None:
        """Let a number of things happen, one after another."""
        happenings = {
            self._submit: 60,
            self._submit_parts: 12,
            self._request: 30,
            self._fetch: 12,
            self._bind_client: 25,
            self._leave: 4,
            self._change_bulk: 6,
            self._decide: 6,
            self._change_prices: 1,
            self._cut_operator: 3,
            self._shut_operator: 2,
            self._open_operators: 8,
            self._unknown_receipt: 2,
            self._change_web: 4,
            self._lose_answers: 6,
            self._lose_database: 3,
            self._slow_database: 6,
            self._recover_database: 15,
            self._kill: 4,
            self._restart: 1,
            self._jump: 3,
            self._retry_receipts: 1,
        }
        for _ in range(steps):
            (happening,) = self.random.choices(list(happenings), list(happenings.values()))
            self.diary.note(happening.__name__.strip("_"))
            happening()
            if self.random.random() < 0.6:
                self._wait(self.random.choice((0.0, 0.0, 0.5, 1, 2, 5, 15, 40)))
            self.look()

    def _wait(self, seconds: float) -> None:
        self.network.wait(seconds)

    def look(self) -> None:
        """Settle, and take note of what can't be lost any more."""
        self.network.settle()
        for wire in list(self.wires):
            self._look_at(wire)
        if self.node.engine.sound and self.node.core.journal.idle:
            self.book.mark_safe()
            for operator in self.operators:
                operator.mark_safe()

    def _destination(self) -> str:
        self._destinations += 1
        return f"{self.random.choice(('41', '49'))}79{self._destinations:07d}"

    def _times(self, order: Order) -> dict[str, bytes]:
        """Return a message's validity and when it is to be sent, in some of all cases."""
        random = self.random
        times = {}
        if random.random() < 0.25:
            seconds = random.uniform(1, LATEST)
            order.not_before = self.network.seconds() + int(seconds)
            times["schedule_delivery_time"] = _relative(seconds)
        if random.random() < 0.3:
            times["validity_period"] = _relative(random.choice((30, 600, 8 * HOUR)) + LATEST * bool(times))
        return times

    def _submitter(self) -> Esme | None:
        submitters = [esme for esme in self.esmes if esme.submits and esme.kind is not BindReceiver]
        return self.random.choice(submitters) if submitters else None

    def _submit(self) -> None:
        esme = self._submitter()
        if esme is None:
            return self._bind_client()
        for _ in range(self.random.choice((1, 1, 1, 3, 12))):
            registered = self.random.choice((0, 1, 1, 1, 2, 0x11))
            by = "receipt" if registered else "none"
            order = self.book.new(esme.account, self._destination(), by, failures_only=registered & 3 == 2)
            fields: dict[str, Any] = {"priority_flag": self.random.choice((0, 0, 0, 1))} | self._times(order)
            if self.random.random() < 0.2:
                text = b"long " * self.random.choice((40, 70))
                fields |= {"short_message": b"", "tlvs": ((MESSAGE_PAYLOAD, text),)}
            esme.order(order, self._pdu(order, registered, **fields))

    def _submit_parts(self) -> None:
        esme = self._submitter()
        if esme is None:
            return self._bind_client()
        total = self.random.choice((2, 3))
        order = self.book.new(esme.account, self._destination(), "receipt", parts=total)
        fields = self._times(order)
        pdus = []
        for number in range(1, total + 1):
            header = with_length(Concatenation(self._destinations & 0xFF, total, number).element())
            pdus.append(self._pdu(order, 1, esm_class=0x40, short_message=header + b"part" * 30, **fields))
        self.random.shuffle(pdus)
        if self.random.random() < 0.2:
            pdus.pop()
        if self.random.random() < 0.2 and len(pdus) > 1:
            esme.order(order, pdus.pop())
            self._wait(self.random.choice((0, 1, 30)))
            if not esme.submits:
                return None
        esme.order(order, *pdus)
        return None

    def _pdu(self, order: Order, registered: int, **fields: Any) -> SubmitSm:
        return submit_sm(
            destination_addr=order.destination.encode(), registered_delivery=registered, **fields
        )

    def _request(self) -> None:
        """Submit over HTTP."""
        random = self.random
        account = random.choice(ACCOUNTS)
        message: dict[str, Any] = {"from": "Acme", "text": "Hello" * random.choice((1, 1, 1, 50))}
        by = random.choice(("fetch", "push"))
        not_before = 0.0
        if by == "push":
            path = random.choice(("/a", "/b"))
            message |= {"notifyUrl": self.web.url(path), "intermediateReport": random.random() < 0.5}
        if random.random() < 0.3:
            not_before = self.network.seconds() + random.uniform(1, LATEST)
            message["sendAt"] = _date(not_before)
        if random.random() < 0.3:
            message["validityPeriod"] = random.choice((1, 10, 600))
        self._bulk += 1
        bulk_id = f"bulk{self._bulk}"
        self.bulks.append(bulk_id)
        orders = [
            self.book.new(account, self._destination(), by, bulk_id=bulk_id, not_before=not_before)
            for _ in range(random.choice((1, 1, 2, 6)))
        ]
        message["destinations"] = [{"to": order.destination} for order in orders]
        body = {"bulkId": bulk_id, "messages": [message]}
        key = bulk_id if random.random() < 0.5 else ""
        sent = request(account, "POST", "/sms/1/text/advanced", body, key)
        self._connect(Wire(sent, "again" if key else "send", orders, account))

    def _fetch(self) -> None:
        account = self.random.choice(ACCOUNTS)
        limit = self.random.choice((1, 50))
        sent = request(account, "GET", f"/sms/1/reports?limit={limit}")
        self._connect(Wire(sent, "fetch", [], account))

    def _change_bulk(self) -> None:
        if not self.bulks:
            return
        bulk_id = self.random.choice(self.bulks[-5:])
        state = self.random.choice(("PAUSED", "PENDING", "CANCELED"))
        if state == "CANCELED":
            self.canceled.add(bulk_id)
        self.say_of_bulk(bulk_id, state)

    def say_of_bulk(self, bulk_id: str, state: str) -> None:
        """Pause, resume or cancel a bulk."""
        account = next(order.account for order in self.book.orders if order.bulk_id == bulk_id)
        sent = request(account, "PUT", f"/sms/1/bulks/status?bulkId={bulk_id}", {"status": state})
        self._connect(Wire(sent, "bulk", [], account))

    def _connect(self, wire: Wire) -> None:
        protocol = self.node.site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 4711))
        assert protocol is not None
        self.node.reactor.protocols.append(protocol)
        self.network.join(wire, protocol)
        self.wires.append(wire)
        if self.random.random() < 0.9 or self.calm:
            self.network.settle()
        if self.random.random() < 0.05 and not self.calm and wire.transport is not None:
            wire.transport.loseConnection()

    def _look_at(self, wire: Wire) -> None:
        """Take the answer to a request, if it has come or can't come any more."""
        answer = wire.answer()
        if answer is None and wire.open:
            return
        self.wires.remove(wire)
        done = answer is not None and answer.code == 200
        if wire.kind == "fetch":
            self.fetches_lost = self.fetches_lost or not done
            for report in answer.json["results"] if answer is not None and done else ():
                order = self.book.by_destination[report["to"]]
                assert order.by in ("fetch", "push"), f"{order} is fetched"
                order.hear(self.diary, self.network.seconds(), report["status"]["name"], acked=True)
        elif wire.kind in ("send", "again"):
            for order in wire.orders:
                order.refused = answer is not None and not done
                order.lost = answer is None
            for order, told in zip(
                wire.orders, answer.json["messages"] if done and answer else (), strict=False
            ):
                order.status = told["status"]["id"]
                order.answered = int(told["status"]["groupId"] in (0, 1))
                order.ids.add(told["messageId"])
            if wire.kind == "again" and not done and self.random.random() < 0.7:
                self._connect(Wire(wire._sent, "again", wire.orders, wire.account))

    def _bind_client(self) -> None:
        esme = Esme(self.network, self.random, self.book, self.random.choice(ACCOUNTS))
        esme.kind = self.random.choice((BindTransceiver, BindTransceiver, BindTransmitter, BindReceiver))
        self.connect_client(esme)

    def connect_client(self, esme: Esme) -> None:
        """Let a client bind."""
        self.esmes = [one for one in self.esmes if one.connected_now]
        self.esmes.append(esme)
        connection = self.node.listener.buildProtocol(IPv4Address("TCP", "192.0.2.1", 4711))
        assert connection is not None
        self.node.reactor.protocols.append(connection)
        self.network.join(esme, connection)
        esme.begin()
        self.network.settle()

    def _leave(self) -> None:
        for esme in self.esmes:
            if esme.connected_now and self.random.random() < 0.5:
                esme.transport.loseConnection()

    def _operator(self) -> Operator:
        return self.random.choice(self.operators)

    def _decide(self) -> None:
        """Approve some of what waits for that, or reject it."""
        if not self.node.engine.sound:
            return
        rows = ApprovalRows(self.node.engine)
        waiting = result(rows.waiting(Which(), self.random.choice((1, 3, 1000))))
        approved = self.calm or self.random.random() < 0.7
        for message in waiting:
            self.diary.note(f"is {'approved' if approved else 'rejected'}", message.destination)
            self.decided[message.destination] = approved, self.network.seconds()
        ids = [message.id for message in waiting]
        assert result(rows.decide(ids, APPROVED if approved else REJECTED)) == len(ids)

    def _change_prices(self) -> None:
        engine, random = self.node.engine, self.random
        if not engine.sound:
            return
        prices = {
            Scope(random.choice((None, 1, 2)), "", random.choice(("", "CH", "DE"))): random.choice(PRICES)
            for _ in range(random.randrange(4))
        }
        result(PriceRows(engine).put([PriceRow(*one) for one in prices.items()], replace=True))
        self.node.core.charging.prices.apply(Rows())

    def _cut_operator(self) -> None:
        self._operator().cut_all()

    def _shut_operator(self) -> None:
        operator = self._operator()
        operator.shut()
        operator.refusing_binds = self.random.random() < 0.5

    def _open_operators(self) -> None:
        for operator in self.operators:
            operator.refusing_binds = False
            operator.open()

    def _unknown_receipt(self) -> None:
        self._operator().unknown_receipt()

    def _change_web(self) -> None:
        self.web.mood = self.random.choice(("take", "any", "fail", "hang up", "silence"))

    def _lose_answers(self) -> None:
        self.node.engine.lost_answers = self.random.choice((1, 1, 2, 5))

    def _lose_database(self) -> None:
        self.node.engine.away = True

    def _slow_database(self) -> None:
        engine = self.node.engine
        if self.random.random() < 0.5:
            engine.slow = True
        else:
            engine.asleep = True

    def _recover_database(self) -> None:
        self.node.engine.recover()

    def _kill(self) -> None:
        self.node.kill()
        self.book.doubt()
        for operator in self.operators:
            operator.doubt()
        self._start()

    def _start(self) -> None:
        self.network.settle()
        for wire in list(self.wires):
            self._look_at(wire)
        if self.random.random() < 0.3:
            self._jump()
        self.node = Node(self.network, self.storage)
        self.node.begin()
        self.network.settle()
        self.diary.note("the node has started")

    def _restart(self) -> None:
        self.node.engine.recover()
        self.network.settle()
        self.node.stop(self.network)
        self._start()

    def _jump(self) -> None:
        self.network.advance(self.random.choice((60, HOUR, 7 * HOUR)))
        self.network.settle()

    def _retry_receipts(self) -> None:
        engine = self.node.engine
        if engine.sound:
            result(self.node.administration.retry_receipts())
            self.node.core.deliveries.apply(None)  # type: ignore[arg-type]

    # The end.

    def end(self) -> None:
        """Let everybody do what they should, and everything end."""
        self.calm = True
        self.diary.note("the end")
        self.node.engine.recover()
        self.look()
        self._open_operators()
        self.web.calm = True
        for operator in self.operators:
            operator.calm = True
        self.leave()
        for account in ACCOUNTS:
            for _ in range(2):
                self._calm_client(account)
        for bulk_id in self.bulks:
            if self.random.random() < 0.7:
                self.say_of_bulk(bulk_id, "PENDING")
        for _ in range(90):
            self._wait(1)
            self.look()
            if self.random.random() < 0.05:
                self._decide()
        self._retry_receipts()
        until = self.network.seconds() + LATEST + VALIDITY + DAY + HOUR
        while self.network.seconds() < until:
            self._wait(1)
            self.look()
            self.network.advance(0.5 * HOUR)
            self.network.settle()
        self._retry_receipts()
        for account in ACCOUNTS:
            self._calm_client(account)
            self._fetch_all(account)
        for _ in range(20):
            self._wait(1)
            self.look()

    def _calm_client(self, account: str) -> None:
        esme = Esme(self.network, self.random, self.book, account)
        esme.calm = True
        self.connect_client(esme)

    def _fetch_all(self, account: str) -> None:
        for _ in range(100):
            before = sum(len(order.heard) for order in self.book.orders)
            self._connect(Wire(request(account, "GET", "/sms/1/reports?limit=1000"), "fetch", [], account))
            self.look()
            if sum(len(order.heard) for order in self.book.orders) == before:
                return

    def leave(self) -> None:
        """Let all clients hang up."""
        for esme in self.esmes:
            if esme.connected_now:
                esme.transport.loseConnection()
        self._wait(5)
        self.look()

    def rows(self, sql: str) -> list[Row]:
        """Read from the disk."""
        return result(self.node.engine.read(Call(Query(sql))))


def _relative(seconds: float) -> bytes:
    """Return a relative time as SMPP writes it (7.1.1)."""
    seconds = int(seconds)
    days, seconds = divmod(seconds, 86400)
    return b"0000%02d%02d%02d%02d000R" % (days, seconds // 3600, seconds // 60 % 60, seconds % 60)


def _window(random: Random) -> str:
    """Return hours of a day, as accounts have them."""
    begin, length = random.randrange(24 * 60), random.randrange(60, 20 * 60)
    begun, ended = (divmod(minute % (24 * 60), 60) for minute in (begin, begin + length))
    return "{:02}:{:02}-{:02}:{:02}".format(*begun, *ended)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")

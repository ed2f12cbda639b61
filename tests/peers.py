"""Both ends of smsd, in memory: a client, an operator, and all of smsd between them on one clock."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import msgspec
from argon2 import PasswordHasher
from twisted.internet._resolver import HostResolution
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.error import ConnectionRefusedError, UserError
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IPushProducer, IResolutionReceiver
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump
from twisted.test.iosim import connect as iosim_connect
from zope.interface import implementer

from smsd.channels.registry import Channels
from smsd.hlr.registry import LookupConnections
from smsd.http_api.app import HttpApi
from smsd.http_api.push_client import PushClient
from smsd.services.administration import Administration
from smsd.services.columns import NEW_ACCOUNT
from smsd.services.core import Bounds, Core
from smsd.services.links import ShortLinks
from smsd.services.push_requests import Pace
from smsd.smpp import session
from smsd.smpp.codec import HEADER, decode, encode
from smsd.smpp.pdu import (
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    response,
)
from smsd.smpp.status import ESME_ROK
from smsd.smpp_server.listener import Limits, Listener, Sessions
from smsd.store.engine import Call, Engine, Query, Row
from smsd.store.settings import SettingsTables
from smsd.store.sqlite import SqliteEngine

T = TypeVar("T")
P = TypeVar("P", bound=Pdu)

NOW = 1_767_323_045.25
"""2026-01-02 03:04:05.250 UTC, when each test begins."""
PORT = 2775
"""Where the operator of a stack listens."""
PASSWORD = "secret"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""The password's hash at next to no cost."""


def result(work: Coroutine[Any, Any, T] | Deferred[T]) -> T:
    """Return what work gives that needs no waiting, or raise what it raises."""
    deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
    found: list[Any] = []
    deferred.addBoth(found.append)
    assert found, "it waits for something"
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]  # type: ignore[no-any-return]


class Worker:
    """Does a database's work at once; or, while it is held, when it is let go; or fails to."""

    def __init__(self) -> None:
        self.failing: Exception | None = None
        self._held: list[tuple[Callable[[], object], Deferred[Any]]] | None = None

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        if self.failing is not None:
            return fail(self.failing)
        if self._held is None:
            return maybeDeferred(work, *args)
        later: Deferred[T] = Deferred()
        self._held.append((lambda: maybeDeferred(work, *args).chainDeferred(later), later))
        return later

    def stop(self) -> None:
        pass

    def hold(self) -> None:
        """Begin to put work off."""
        self._held = []

    def let_go(self, failing: Exception | None = None) -> None:
        """Do what was put off, or fail to, and do all else at once again."""
        held, self._held = self._held or [], None
        for work, later in held:
            if failing is None:
                work()
            else:
                later.errback(failing)


@implementer(IPushProducer)
class Transport(FakeTransport):
    """One end of a connection in memory; what its peer doesn't read stays here."""

    BUFFER = 65_536
    """How many octets make it call for a pause, as Twisted's own transports do."""

    def __init__(self, protocol: Protocol, isServer: bool) -> None:
        super().__init__(protocol, isServer, peerAddress=IPv4Address("TCP", "192.0.2.1", 4711))
        self.unread = False
        """Whether the peer doesn't read."""
        self.paused = False
        """Whether this end doesn't read."""
        self.aborted = False
        self._came: list[bytes] = []
        self._closing = False
        self._producer_paused = False

    @property
    def buffered(self) -> int:
        """How many octets the peer has not taken."""
        return sum(map(len, self.stream))

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.producer and not self._producer_paused and self.buffered > self.BUFFER:
            self._producer_paused = True
            self.producer.pauseProducing()

    def getOutBuffer(self) -> Any:
        if self.unread:
            return None
        data = super().getOutBuffer()
        if self._producer_paused:
            self._producer_paused = False
            if self.producer:
                self.producer.resumeProducing()
        if self._closing:
            self.disconnecting = True
        return data

    def bufferReceived(self, buf: bytes) -> None:
        if self.paused:
            self._came.append(buf)
        else:
            super().bufferReceived(buf)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        came, self._came = self._came, []
        if came:
            super().bufferReceived(b"".join(came))

    def loseConnection(self) -> None:
        if self.unread and self.stream:
            self._closing = True
        else:
            self.disconnecting = True

    def abortConnection(self) -> None:
        self.aborted = True
        self.stream = []
        self.disconnecting = True


@implementer(IHostnameResolver)
class Names:
    """Resolves names as a test has them; addresses stand for themselves."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        *_: Any,
        **__: Any,
    ) -> IHostResolution:
        resolution = HostResolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        literal = [hostName] if isIPAddress(hostName) or isIPv6Address(hostName) else []
        for address in self.addresses.get(hostName, literal):
            kind = IPv6Address if isIPv6Address(address) else IPv4Address
            resolutionReceiver.addressResolved(kind("TCP", address, portNumber))
        resolutionReceiver.resolutionComplete()
        return resolution


class Network(MemoryReactorClock):
    """A reactor whose connections are in memory, and whose time passes only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = NOW
        self.ports: dict[int, Callable[[], Protocol]] = {}
        """Who answers at which port; whatever is not here refuses."""
        self.attempts: list[tuple[int, float]] = []
        """When a connection to which port was attempted."""
        self.addresses: list[str] = []
        """To which addresses."""
        self.names = Names()
        self.nameResolver: IHostnameResolver = self.names
        self.pumps: list[IOPump] = []

    def connectTCP(self, host: str, port: int, factory: Any, *_: Any, **__: Any) -> Any:
        """Connect to whoever answers at a port, at the end of this turn."""
        self.attempts.append((port, self.seconds()))
        self.addresses.append(host)
        return Attempt(self, port, factory)

    def join(self, client: Any, server: Any) -> IOPump:
        """Connect two protocols."""
        pump: IOPump = iosim_connect(
            server, Transport(server, True), client, Transport(client, False), greet=False, clock=self
        )
        self.pumps.append(pump)
        return pump

    def settle(self) -> None:
        """Let everything happen that happens at this moment."""
        for _ in range(10_000):
            self.advance(0)
            moved = [pump.flush() for pump in list(self.pumps)]
            self.pumps = [
                pump for pump in self.pumps if not (pump.clientIO.disconnected and pump.serverIO.disconnected)
            ]
            if not any(moved) and not any(
                call.getTime() <= self.seconds() for call in self.getDelayedCalls()
            ):
                return
        raise AssertionError("It never settles.")

    def wait(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, a step at a time, and everything happen that happens meanwhile."""
        self.settle()
        while seconds > 0:
            self.advance(min(seconds, step))
            self.settle()
            seconds -= step


class Attempt:
    """An attempt to connect, as endpoints see it."""

    def __init__(self, network: Network, port: int, factory: Any) -> None:
        self._network = network
        self._port = port
        self._factory = factory
        self._call = network.callLater(0, self._connect)
        factory.startedConnecting(self)

    def _connect(self) -> None:
        answer = self._network.ports.get(self._port)
        if answer is None:
            self._factory.clientConnectionFailed(self, Failure(ConnectionRefusedError()))
        else:
            self._network.join(self._factory.buildProtocol(None), answer())

    def stopConnecting(self) -> None:
        self._call.cancel()
        self._factory.clientConnectionFailed(self, Failure(UserError()))

    def getDestination(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", self._port)


class Peer(Protocol):
    """An end of an SMPP connection that does as the test says."""

    transport: Transport

    def __init__(self) -> None:
        self.received: list[Pdu] = []
        self.connected_now = False
        self.enquiries_answered = True
        self._buffer = b""
        self._numbers = count(1)

    def connectionMade(self) -> None:
        self.connected_now = True

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.connected_now = False

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            length, *_ = HEADER.unpack_from(self._buffer)
            if len(self._buffer) < length:
                break
            octets, self._buffer = self._buffer[:length], self._buffer[length:]
            pdu = decode(octets)
            self.received.append(pdu)
            self.take(pdu)

    def take(self, pdu: Pdu) -> None:
        """Answer what needs no thought."""
        if isinstance(pdu, EnquireLink) and self.enquiries_answered:
            self.send(EnquireLinkResp(pdu.sequence_number))
        elif isinstance(pdu, Unbind):
            self.unbound(pdu)

    def unbound(self, pdu: Unbind) -> None:
        """Agree to the end."""
        self.send(UnbindResp(pdu.sequence_number))

    def send(self, pdu: Pdu) -> int:
        """Send a PDU, a request with the next sequence number, and return that."""
        if not pdu.sequence_number:
            pdu.sequence_number = next(self._numbers)
        self.transport.write(encode(pdu))
        return pdu.sequence_number

    def all(self, kind: type[P]) -> list[P]:
        """Return the PDUs of a kind that came."""
        return [pdu for pdu in self.received if isinstance(pdu, kind)]

    def answer_to(self, number: int) -> Pdu | None:
        """Return the response with this sequence number, if it has come."""
        for pdu in self.received:
            if pdu.command_id & 0x8000_0000 and pdu.sequence_number == number:
                return pdu
        return None


class FakeEsme(Peer):
    """A client."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network
        self.receipt_status: int | None = ESME_ROK
        """How receipts are answered; ``None``: not at all."""

    def take(self, pdu: Pdu) -> None:
        if isinstance(pdu, DeliverSm):
            if self.receipt_status is not None:
                self.send(DeliverSmResp(pdu.sequence_number, self.receipt_status))
        else:
            super().take(pdu)

    @property
    def receipts(self) -> list[DeliverSm]:
        """What was delivered."""
        return self.all(DeliverSm)

    def ask(self, pdu: Pdu) -> Pdu:
        """Send a request and return the response, which comes without time passing."""
        number = self.send(pdu)
        self._network.settle()
        answer = self.answer_to(number)
        assert answer is not None, f"no answer to {pdu}"
        return answer

    def bind(
        self,
        kind: type[Bind] = BindTransceiver,
        system_id: bytes = b"acme",
        password: bytes = PASSWORD.encode(),
        **fields: Any,
    ) -> Pdu:
        """Bind and return the response."""
        return self.ask(kind(system_id=system_id, password=password, **fields))

    def submit(self, **fields: Any) -> SubmitSmResp:
        """Submit a message and return the response."""
        answer = self.ask(submit_sm(**fields))
        assert isinstance(answer, SubmitSmResp)
        return answer


def submit_sm(**fields: Any) -> SubmitSm:
    """Return a submit_sm that is taken, with these fields in particular."""
    given: dict[str, Any] = {
        "source_addr_ton": 5,
        "source_addr": b"Acme",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": b"41793026727",
        "registered_delivery": 1,
        "short_message": b"Hello",
    }
    return SubmitSm(**(given | fields))


class SmscLink(Peer):
    """One connection to the operator."""

    def __init__(self, smsc: FakeSmsc) -> None:
        super().__init__()
        self._smsc = smsc
        self.bound_as: type[Bind] | None = None

    def take(self, pdu: Pdu) -> None:
        if isinstance(pdu, Bind):
            status = self._smsc.bind_status
            if status is not None:
                answer = response(pdu.command_id, pdu.sequence_number, status)
                if status == ESME_ROK:
                    answer.system_id = b"operator"  # type: ignore[attr-defined]
                    self.bound_as = type(pdu)
                self.send(answer)
        elif isinstance(pdu, SubmitSm):
            self._smsc.submitted(self, pdu)
        else:
            super().take(pdu)

    def unbound(self, pdu: Unbind) -> None:
        super().unbound(pdu)
        self.transport.loseConnection()


class FakeSmsc:
    """An operator; its ids are ``op-1``, ``op-2`` and so on."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.links: list[SmscLink] = []
        """All connections there have been."""
        self.submits: list[SubmitSm] = []
        """All that was submitted, on whatever connection."""
        self.bind_status: int | None = ESME_ROK
        self.submit_status: int | Callable[[SubmitSm], int | None] | None = ESME_ROK
        """How a submit_sm is answered; ``None``: not at all."""
        self._ids = count(1)

    def __call__(self) -> SmscLink:
        """Take a connection."""
        self.links.append(SmscLink(self))
        return self.links[-1]

    @property
    def bound(self) -> list[SmscLink]:
        """The connections that are bound."""
        return [link for link in self.links if link.connected_now and link.bound_as]

    @property
    def link(self) -> SmscLink:
        """The only bound connection, or the transmitter of a pair."""
        (link,) = (link for link in self.bound if link.bound_as is not BindReceiver)
        return link

    @property
    def texts(self) -> list[bytes]:
        """What was submitted."""
        return [pdu.short_message for pdu in self.submits]

    def submitted(self, link: SmscLink, pdu: SubmitSm) -> None:
        """Answer a submit_sm."""
        self.submits.append(pdu)
        status = self.submit_status(pdu) if callable(self.submit_status) else self.submit_status
        if status is not None:
            self.answer(link, pdu, status)

    def answer(self, link: SmscLink, pdu: SubmitSm, status: int = ESME_ROK) -> None:
        """Answer a submit_sm, with the next id if it is taken."""
        message_id = b"op-%d" % next(self._ids) if status == ESME_ROK else b""
        link.send(SubmitSmResp(pdu.sequence_number, status, message_id))

    def receipt(
        self, number: int = 1, stat: bytes = b"DELIVRD", err: bytes = b"000", **fields: Any
    ) -> Pdu | None:
        """Send the receipt of the operator's message of this number; return the answer, if one comes now."""
        link = next(link for link in self.bound if link.bound_as is not BindTransmitter)
        text = (
            b"id:op-%d sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 stat:%b err:%b text:"
            % (
                number,
                stat,
                err,
            )
        )
        given: dict[str, Any] = {"esm_class": 4, "short_message": text}
        sent = link.send(DeliverSm(**(given | fields)))
        self._network.settle()
        return link.answer_to(sent)


@cache
def database(kind: str, options: str) -> bytes:
    """Return a database with an account ``acme``, and a route to a channel of this kind."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "smsd.db")
        engine = SqliteEngine(str(file), Network(), Worker)
        engine.prepare(NOW, exclusive=False)
        result(engine.open())
        add_account(engine, "acme")
        administration = Administration(engine)
        result(administration.add_channel("operator", kind, options))
        result(administration.add_route("operator", price="0.01"))
        result(engine.close())
        return file.read_bytes()


def add_account(engine: SqliteEngine, system_id: str, **columns: int | str) -> int:
    """Add an account whose password costs nothing to check."""
    row = NEW_ACCOUNT | {"system_id": system_id, "password": HASH} | columns
    return result(SettingsTables(engine).insert("account", row))


class Services:
    """All of smsd but its ports and its storage, put together over an engine; nothing has begun yet."""

    def __init__(
        self,
        engine: Engine,
        reactor: Any,
        *,
        limits: Limits | None = None,
        bounds: Bounds | None = None,
        short_links: str = "",
        private: bool = True,
        pace: Pace | None = None,
    ) -> None:
        self.hashing = Worker()
        self.core = core = Core(
            engine, reactor, self.hashing.run, bounds or Bounds(), short_links=ShortLinks(short_links)
        )
        self.administration = Administration(engine)
        self.listener = Listener(core, "smsd", limits or Limits())
        self.channels = Channels(core.dispatch, core.inbox, core.channel_states, reactor, session.Limits())
        self.lookup_connections = LookupConnections(core.back_ends, reactor)
        self.sessions = Sessions(self.listener)
        self.api = HttpApi(core)
        for user in (self.channels, self.listener, self.lookup_connections):
            core.settings.use(user.apply)
        core.pushing.use(PushClient(core.accounts, reactor, 20.0, 16, private), pace or Pace())

    def start(self) -> None:
        """Begin, and read the settings."""
        core = self.core
        self.sessions.startService()
        self.channels.startService()
        self.lookup_connections.startService()
        result(core.settings.load())
        for service in (
            core.channel_states,
            core.deadlines,
            core.pushing,
            core.bulk_changes,
            core.failover,
            core.approvals,
        ):
            service.startService()


class Stack(Services):
    """All of smsd but its ports: an account ``acme``, and a route to the operator at a channel."""

    def __init__(
        self,
        folder: Path,
        *,
        unstored: int = 10_000,
        held: int = 2_000,
        kind: str = "smpp",
        limits: Limits | None = None,
        short_links: str = "",
        private: bool = True,
        pace: Pace | None = None,
        **options: Any,
    ) -> None:
        self.network = network = Network()
        self.file = folder / "smsd.db"
        self.writer, self.reader = made = (Worker(), Worker())
        workers = iter(made)
        self.engine = SqliteEngine(str(self.file), network, lambda: next(workers))
        if kind == "smpp":
            options = {"endpoint": f"tcp:127.0.0.1:{PORT}", "system_id": "smsd", "password": "pw"} | options
        self.file.write_bytes(database(kind, msgspec.json.encode(options).decode()))
        result(self.engine.open())
        super().__init__(
            self.engine,
            network,
            limits=limits,
            bounds=Bounds(unstored, held, held),
            short_links=short_links,
            private=private,
            pace=pace,
        )
        self.smsc = FakeSmsc(network)
        network.ports[PORT] = self.smsc
        self.start()
        network.settle()

    def add_account(self, system_id: str, **columns: int | str) -> int:
        """Add an account whose password costs nothing to check."""
        return add_account(self.engine, system_id, **columns)

    def esme(self, kind: type[Bind] | None = BindTransceiver, **fields: Any) -> FakeEsme:
        """Return a client that is connected and, unless the kind is ``None``, bound."""
        esme = FakeEsme(self.network)
        connection = self.listener.buildProtocol(IPv4Address("TCP", "192.0.2.1", 4711))
        assert connection is not None, "no connection is taken"
        self.network.join(esme, connection)
        self.network.settle()
        if kind is not None:
            answer = esme.bind(kind, **fields)
            assert answer.command_status == ESME_ROK, answer
        return esme

    def settle(self) -> None:
        """Let everything happen that happens at this moment."""
        self.network.settle()

    def wait(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, a step at a time."""
        self.network.wait(seconds, step)

    def rows(self, sql: str) -> list[Row]:
        """Read from the disk."""
        return result(self.engine.read(Call(Query(sql))))

    def status(self, message_id: bytes | int | str) -> tuple[Any, ...]:
        """Return a message's state, status, GSM error and what report it still owes."""
        (row,) = self.rows(f"SELECT state, status, error, report FROM message WHERE id = {int(message_id)}")
        return row

    def close(self) -> None:
        """Stop the clockwork and close the files."""
        if self.core.deadlines.running:
            self.core.deadlines.stopService()
            self.core.bulk_changes.stopService()
            self.core.failover.stopService()
            self.core.approvals.stopService()
        if self.sessions.running:
            self.sessions.stopService()
        result(self.engine.close())

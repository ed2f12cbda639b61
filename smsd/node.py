"""A node: all services of one process, made once and started and stopped in their order."""

from __future__ import annotations

import atexit
import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.python.usage import UsageError

from smsd.certificate import self_signed
from smsd.channels.options import KINDS
from smsd.channels.registry import Channels
from smsd.config import Config, ConfigError, FirstAccount
from smsd.hlr.registry import LookupConnections
from smsd.http_api.app import HttpApi
from smsd.http_api.push_client import PushClient
from smsd.http_api.redirects import site as links_site
from smsd.http_api.site import Limits as HttpLimits
from smsd.http_api.site import Serving, site
from smsd.options import InvalidOptions
from smsd.ports.endpoints import port
from smsd.services.accounts import AT_ONCE
from smsd.services.administration import Administration
from smsd.services.columns import SettingError
from smsd.services.core import Bounds, Core
from smsd.services.links import DAY, ShortLinks
from smsd.services.push_requests import Pace
from smsd.services.retention import HOUR, Retention
from smsd.smpp import session
from smsd.smpp_server.listener import Limits, Listener, Sessions
from smsd.store.engine import Engine, NodeAlreadyRunning, SchemaTooNew, StoreUnavailable
from smsd.store.open import UnknownDatabase, engine

PATIENCE = 15.0
"""Seconds that each service may take to stop."""
SWITCH_INTERVAL = 0.0005
"""Seconds after which the thread that commits may take the interpreter's lock from a busy reactor."""

LOOPBACK = "interface=127.0.0.1"
DEMO = FirstAccount("demo", "demo")
"""The account of the sample configuration, whose password is no secret."""
COLLECTION = (2_000, 500, 100)
"""When the collector looks for cycles. Each HTTP request leaves some, which short looks find while they are
young; messages are in none, and a look at all that is held, which finds nothing, comes seldom."""


class CannotStart(UsageError):
    """The node can't start; the text says why."""


class InOrder(MultiService):
    """Stops its services one after another, the last added first, each with a limit of time."""

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self._reactor = reactor

    def stopService(self) -> Deferred[None]:
        """Stop them; a service that fails to doesn't keep the others from stopping."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop_in_turn())

    async def _stop_in_turn(self) -> None:
        for service in reversed(self.services):
            try:
                await maybeDeferred(service.stopService).addTimeout(PATIENCE, self._reactor)
            except TimeoutError:
                self.log.error("{service} did not stop in time", service=service)
            except Exception:
                self.log.failure("{service} did not stop well", service=service)


class PasswordThreads(Service):
    """Where passwords are checked.

    Names of clients' URLs are looked up in the reactor's own threads: slow ones hold no password up.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, AT_ONCE, "smsd-passwords")

    def startService(self) -> None:
        """Begin."""
        super().startService()
        self._pool.start()

    def stopService(self) -> None:
        """Finish what is being checked."""
        super().stopService()
        self._pool.stop()

    def run(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Run ``work(*args)`` in a thread."""
        found: Deferred[Any] = deferToThreadPool(self._reactor, self._pool, work, *args)
        return found


class Storage(Service):
    """Opens the database, takes up what it holds, and at the end brings what is left to disk."""

    log = Logger()

    def __init__(self, node: Node) -> None:
        self._node = node
        self._open = False

    def startService(self) -> None:
        """Check the database; what is wrong with it ends the start."""
        super().startService()
        try:
            self._node.engine.prepare(self._node.reactor.seconds(), exclusive=True)
        except (SchemaTooNew, NodeAlreadyRunning, StoreUnavailable) as error:
            raise CannotStart(str(error)) from error
        beginning = Deferred.fromCoroutine(self._begin())
        beginning.addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """Wait for the last commit and close."""
        super().stopService()
        return Deferred.fromCoroutine(self._end())

    async def _begin(self) -> None:
        node = self._node
        node.engine.guard(self._taken)
        await node.engine.open()
        self._open = True
        await node.first_start()
        await node.core.resume()
        await node.core.settings.load()
        node.begin()

    async def _end(self) -> None:
        if self._open:
            await self._node.core.journal.drain()
        await self._node.engine.close()

    def _taken(self) -> None:
        """Stop: another node works on the database now, and what this one remembers may be out of date."""
        self.log.critical("Another smsd has taken the database: this one stops.")
        self._end_in_failure()

    def _failed(self, failure: Failure) -> None:
        if failure.check(StoreUnavailable, NodeAlreadyRunning, ConfigError):
            self.log.critical("smsd can't start: {error}", error=failure.value)
        else:
            self.log.failure("smsd can't start", failure)
        self._end_in_failure()

    def _end_in_failure(self) -> None:
        self._node.reactor.stop()
        atexit.register(_fail)  # twistd has no other way to end with an exit status.


class Node(InOrder):
    """The service tree of one smsd."""

    def __init__(self, config: Config, file: Path, reactor: Any) -> None:
        """Build everything and open nothing.

        Raises:
            ConfigError: if a setting can't be used.
        """
        super().__init__(reactor)
        self.setName("smsd")
        self.config = config
        self.file = file
        self.reactor = reactor
        self.folder = config.state_folder(file)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.engine: Engine = engine(config.database, self.folder, reactor)
        except OSError as error:
            raise ConfigError(f"{file}: state: the folder can't be used: {error}.") from error
        except UnknownDatabase as error:
            raise ConfigError(f"{file}: database: {error}.") from error
        queue = config.queue
        bounds = Bounds(queue.unstored, queue.messages, queue.receipts)
        kept = Retention(config.retention.logs * HOUR, config.retention.reports * HOUR)
        links = ShortLinks(config.links.url, config.links.keep * DAY)
        self._passwords = PasswordThreads(reactor)
        self.core = Core(self.engine, reactor, self._passwords.run, bounds, kept, links)
        self._assemble()

    def privilegedStartService(self) -> None:
        """Take the ports.

        Raises:
            CannotStart: if one can't be listened on.
        """
        try:
            super().privilegedStartService()
        except CannotListenError as error:
            raise CannotStart(str(error)) from error

    def _assemble(self) -> None:
        """Put the services in order: what is added last stops first."""
        config = self.config
        limits = config.smpp.limits
        times = session.Limits(limits.bind, limits.enquire, limits.response, limits.pdu)
        core = self.core
        channels = Channels(core.dispatch, core.inbox, core.channel_states, self.reactor, times)
        listener = Listener(
            self.core,
            config.smpp.system_id,
            Limits(times, limits.unanswered, limits.receipts, limits.connections, limits.unbound),
        )
        api = HttpApi(self.core)
        api.describe()  # While there is nobody whom it keeps waiting.
        push = config.push
        self.core.pushing.use(
            PushClient(self.core.accounts, self.reactor, push.timeout, push.connections, push.private),
            Pace(push.connections, push.rate, push.batch),
        )
        connections = LookupConnections(core.back_ends, self.reactor)
        for user in (channels, listener, connections):
            self.core.settings.use(user.apply)
        self.addService(self._passwords)
        self.addService(Storage(self))
        self.addService(channels)
        self.addService(connections)
        self.addService(Sessions(listener))
        bounds = HttpLimits(config.http.body, **msgspec.structs.asdict(config.http.limits))
        web = site(api, bounds, self.reactor)
        short = links_site(core.links, bounds, self.reactor)
        self.addService(Serving(web))
        if config.links.listen:
            self.addService(Serving(short))
        for key, factory, descriptions, client_ca in (
            ("smpp.listen", listener, config.smpp.listen, config.smpp.client_ca),
            ("http.listen", web, config.http.listen, config.http.client_ca),
            ("links.listen", short, config.links.listen, ""),
        ):
            for description in descriptions:
                self.addService(self._port(key, description, factory, client_ca))

    def _port(self, key: str, description: str, factory: Any, client_ca: str) -> IService:
        """Return the service of one listener; an ``ssl`` one without a certificate gets the node's."""
        folder = self.file.parent
        authorities = folder / client_ca if client_ca else None
        try:
            return port(description, factory, self.reactor, folder, self._certificate, authorities)
        except (ValueError, TypeError, OSError) as error:
            raise ConfigError(
                f"{self.file}: {key}: {description!r} is no endpoint that can be used: {error}."
            ) from error

    def _certificate(self) -> tuple[Path, Path]:
        """Return the files of the node's certificate and key."""
        tls = self.config.tls
        if tls.certificate and tls.key:
            return self.file.parent / tls.certificate, self.file.parent / tls.key
        return self_signed(self.folder)

    async def first_start(self) -> None:
        """Give a new, empty database the rows that the configuration has for it.

        Raises:
            ConfigError: if one of them won't do.
        """
        first = self.config.first_start
        administration = Administration(self.engine)
        rows = await administration.rows()
        if rows.accounts or rows.channels or rows.routes:
            return
        try:
            for account in first.accounts:
                await administration.add_account(account.system_id, account.password)
            for channel in first.channels:
                options = json.dumps(channel.options)
                KINDS.read(channel.kind, options)
                await administration.add_channel(channel.name, channel.kind, options)
            for route in first.routes:
                await administration.add_route(route.channel, route.prefix, route.account, route.price)
        except (SettingError, InvalidOptions) as error:
            raise ConfigError(f"{self.file}: first_start: {error}") from error

    def begin(self) -> None:
        """Take note that the database is open and everything is taken up."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.freeze()
        gc.set_threshold(*COLLECTION)
        self.core.deadlines.setServiceParent(self)
        self.core.channel_states.setServiceParent(self)
        self.core.pushing.setServiceParent(self)
        self.core.removal.setServiceParent(self)
        self.core.bulk_changes.setServiceParent(self)
        self.core.failover.setServiceParent(self)
        self.core.approvals.setServiceParent(self)
        self.core.enquiries.setServiceParent(self)
        self.log.info("smsd is ready. {listeners}", listeners=_listeners(self.config))
        local = [one for one in self.config.http.listen if one.startswith("tcp:") and LOOPBACK in one]
        if DEMO in self.config.first_start.accounts and local:
            self.log.info("Send a message: {curl}", curl=_curl(local[0]))


def _listeners(config: Config) -> str:
    """Return where a node listens; short links are named only if they are served."""
    kinds = {"SMPP": config.smpp.listen, "HTTP": config.http.listen}
    if config.links.listen:
        kinds["Short links"] = config.links.listen
    return " ".join(f"{kind}: {', '.join(places) or 'none'}." for kind, places in kinds.items())


def _curl(description: str) -> str:
    """Return a command that sends a message as the sample's account to an HTTP listener."""
    port = description.split(":")[1]
    body = '{"from": "InfoSMS", "to": "385911234567", "text": "Hello"}'
    url = f"http://127.0.0.1:{port}/sms/1/text/single"
    return f"curl -u demo:demo -H 'Content-Type: application/json' -d '{body}' {url}"


def _fail() -> None:
    """End the process with exit status 1."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)

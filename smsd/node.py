"""A node: all services of one process, made once and started and stopped in their order."""

from __future__ import annotations

import atexit
import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from OpenSSL.crypto import Error as PemError
from twisted.application import strports
from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import UsageError

from smsd.certificate import self_signed
from smsd.channels.options import InvalidOptions, read_options
from smsd.channels.registry import Channels
from smsd.config import Config, ConfigError, FirstAccount
from smsd.http_api.app import HttpApi
from smsd.http_api.site import site
from smsd.services.accounts import Accounts
from smsd.services.deadlines import Deadlines
from smsd.services.dispatch import Dispatch
from smsd.services.gathering import Gathering
from smsd.services.ids import MessageIds
from smsd.services.reports import Reports
from smsd.services.routing import Routing
from smsd.services.settings import Administration, SettingError, Settings
from smsd.services.submission import Submission
from smsd.services.tracking import Tracking
from smsd.smpp import session
from smsd.smpp_server.listener import Limits, Listener, Sessions
from smsd.store.engine import Engine, NodeAlreadyRunning, SchemaTooNew, StoreUnavailable
from smsd.store.journal import Journal
from smsd.store.messages import Messages
from smsd.store.open import UnknownDatabase, engine

PATIENCE = 15.0
"""Seconds that each service may take to stop."""
SWITCH_INTERVAL = 0.0005
"""Seconds after which the thread that commits may take the interpreter's lock from a busy reactor."""

BACKLOG = 1024
"""How many clients may dial in at once: all of them, after a restart."""
LOOPBACK = "interface=127.0.0.1"
DEMO = FirstAccount("demo", "demo")
"""The account of the sample configuration, whose password is no secret."""
COLLECTION = (50_000, 20, 100)
"""How seldom the collector looks for cycles. Messages are in none, and each look passes all that is held."""


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
        node.ids.newest = await node.messages.newest_id()
        await node.first_start()
        await node.gathering.resume(node.messages)
        await node.dispatch.resume()
        await node.settings.load()
        node.begin()

    async def _end(self) -> None:
        if self._open:
            await self._node.journal.drain()
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
        self.messages = Messages(self.engine)
        self.journal = Journal(self.engine, reactor, config.queue.unstored)
        self.settings = Settings(self.engine, reactor)
        self.ids = MessageIds(reactor)
        self.accounts = Accounts(deferToThread)
        self.routing = Routing()
        self.reports = Reports(self.journal, self.messages, reactor, config.queue.receipts)
        tracking = Tracking(self.journal, self.messages, self.reports, reactor)
        self.dispatch = Dispatch(
            self.journal, self.messages, self.reports, tracking, reactor, config.queue.messages
        )
        self.submission = Submission(self.routing, self.ids, self.journal, self.dispatch, reactor)
        self.gathering = Gathering(self.submission, self.journal, self.dispatch, self.reports, reactor)
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
        channels = Channels(self.dispatch, self.reactor, times)
        self._deadlines = Deadlines(self.messages, self.dispatch, self.reports, self.reactor)
        listener = Listener(
            self.accounts,
            self.submission,
            self.gathering,
            self.reports,
            self.reactor,
            config.smpp.system_id,
            Limits(times, limits.unanswered, limits.receipts, limits.connections, limits.unbound),
        )
        api = HttpApi(self.accounts, self.submission, self.reports, self.ids)
        for apply in (self.accounts.apply, self.routing.apply, channels.apply, listener.apply):
            self.settings.use(apply)
        self.addService(Storage(self))
        self.addService(channels)
        self.addService(Sessions(listener))
        web = site(api, config.http.body)
        for key, factory, descriptions in (
            ("smpp.listen", listener, config.smpp.listen),
            ("http.listen", web, config.http.listen),
        ):
            for description in descriptions:
                self.addService(self._port(key, description, factory))

    def _port(self, key: str, description: str, factory: Any) -> IService:
        """Return the service of one listener; an ``ssl`` one without a certificate gets the node's."""
        if description.startswith("ssl:") and "privateKey=" not in description:
            tls = self.config.tls
            if tls.certificate and tls.key:
                certificate, key_file = (self.file.parent / tls.certificate, self.file.parent / tls.key)
            else:
                certificate, key_file = self_signed(self.folder)
            description += f":privateKey={_escaped(key_file)}:certKey={_escaped(certificate)}"
        if description.startswith(("tcp:", "ssl:")) and "backlog=" not in description:
            description += f":backlog={BACKLOG}"
        try:
            return strports.service(description, factory, reactor=self.reactor)
        except (ValueError, TypeError, OSError, PemError) as error:
            raise ConfigError(
                f"{self.file}: {key}: {description!r} is no endpoint that can be used: {error}."
            ) from error

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
                read_options(channel.kind, options)
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
        self._deadlines.setServiceParent(self)
        self.log.info(
            "smsd is ready. SMPP: {smpp}. HTTP: {http}.",
            smpp=", ".join(self.config.smpp.listen) or "none",
            http=", ".join(self.config.http.listen) or "none",
        )
        local = [one for one in self.config.http.listen if one.startswith("tcp:") and LOOPBACK in one]
        if DEMO in self.config.first_start.accounts and local:
            self.log.info("Send a message: {curl}", curl=_curl(local[0]))


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


def _escaped(path: Path) -> str:
    """Return a path as it stands in an endpoint's description."""
    return str(path).replace("\\", "\\\\").replace(":", "\\:")

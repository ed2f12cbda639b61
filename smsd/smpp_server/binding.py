"""Which binds are let in, and what they ask for."""

from __future__ import annotations

import re
from typing import NamedTuple

from smsd.services.routing import Routing
from smsd.smpp import status
from smsd.smpp.pdu import INTERFACE_VERSION, Bind, BindReceiver, BindTransmitter
from smsd.store.settings import Account

FLASH = "NSMS"
"""The system type of sessions whose messages are all sent as flash messages."""
NUMBER_CONTEXT = "HLR"
"""The system type of sessions that ask about numbers."""

_route = re.compile(r"<?r:([A-Za-z0-9_.-]{1,10})>?").fullmatch


class BindRefused(Exception):
    """A bind is refused with a command_status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Service(NamedTuple):
    """What a session is for."""

    flash: bool = False
    route_code: str = ""
    number_context: bool = False


def service(pdu: Bind) -> Service:
    """Return what a bind asks for by its version and system type.

    Raises:
        BindRefused: if that can't be had.
    """
    if pdu.interface_version < INTERFACE_VERSION:
        raise BindRefused(status.ESME_RBINDFAIL, "speaks an SMPP older than 3.4")
    system_type = pdu.system_type.decode("latin-1")
    if system_type == NUMBER_CONTEXT:
        return Service(number_context=True)
    if system_type == FLASH:
        return Service(flash=True)
    match = _route(system_type)
    return Service(route_code=match[1]) if match else Service()


def check(pdu: Bind, wanted: Service, account: Account, routing: Routing) -> None:
    """See whether an account may bind like this.

    Raises:
        BindRefused: if it may not.
    """
    kind = _kind(pdu)
    if kind not in account.binds.split():
        raise BindRefused(status.ESME_RBINDFAIL, f"may not bind as a {kind}")
    if wanted.number_context and not account.lookups:
        raise BindRefused(status.ESME_RINVSYSTYP, "asks for number context, of which it has no package")
    if wanted.route_code and not routing.has_code(account.id, wanted.route_code):
        raise BindRefused(
            status.ESME_RINVSYSTYP, f"asks for route {wanted.route_code}, which it doesn't have"
        )


def _kind(pdu: Bind) -> str:
    if isinstance(pdu, BindTransmitter):
        return "transmitter"
    return "receiver" if isinstance(pdu, BindReceiver) else "transceiver"

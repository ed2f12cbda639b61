"""Which binds are let in, and what they ask for."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from smsd.peer import Peer
from smsd.services.routing import Routing
from smsd.smpp import status
from smsd.smpp.pdu import INTERFACE_VERSION, Bind, BindReceiver, BindTransmitter
from smsd.store.settings import Account

FLASH = "NSMS"
"""The system type of sessions whose messages are all sent as flash messages."""
NUMBER_CONTEXT = "HLR"
"""The system type that asks for number context, which is not offered here."""

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


def service(pdu: Bind) -> Service:
    """Return what a bind asks for by its version and system type.

    Raises:
        BindRefused: if that can't be had.
    """
    if pdu.interface_version < INTERFACE_VERSION:
        raise BindRefused(status.ESME_RBINDFAIL, "speaks an SMPP older than 3.4")
    system_type = pdu.system_type.decode("latin-1")
    if system_type == NUMBER_CONTEXT:
        raise BindRefused(status.ESME_RINVSYSTYP, "asks for a service that is not offered")
    if system_type == FLASH:
        return Service(flash=True)
    match = _route(system_type)
    return Service(route_code=match[1]) if match else Service()


def check(pdu: Bind, wanted: Service, account: Account, peer: Peer, routing: Routing) -> None:
    """See whether an account may bind like this.

    Raises:
        BindRefused: if it may not.
    """
    kind = _kind(pdu)
    if kind not in account.binds.split():
        raise BindRefused(status.ESME_RBINDFAIL, f"may not bind as a {kind}")
    if account.addresses and not _within(account.addresses, peer.address):
        raise BindRefused(status.ESME_RBINDFAIL, "may not bind from this address")
    if account.tls and not peer.secure:
        raise BindRefused(status.ESME_RBINDFAIL, "must bind over TLS")
    if account.certificate and account.certificate != peer.name:
        shown = f"the certificate of {peer.name}" if peer.name else "no certificate"
        raise BindRefused(status.ESME_RBINDFAIL, f"has {shown}, not that of {account.certificate}")
    if wanted.route_code and not routing.has_code(account.id, wanted.route_code):
        raise BindRefused(
            status.ESME_RINVSYSTYP, f"asks for route {wanted.route_code}, which it doesn't have"
        )


def _kind(pdu: Bind) -> str:
    if isinstance(pdu, BindTransmitter):
        return "transmitter"
    return "receiver" if isinstance(pdu, BindReceiver) else "transceiver"


def _within(networks: str, address: str) -> bool:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False  # A Unix socket has none.
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in _networks(networks))


@lru_cache
def _networks(networks: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one) for one in networks.split())

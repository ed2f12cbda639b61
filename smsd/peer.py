"""Who is at the other end of a transport."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from cryptography.x509.oid import NameOID
from twisted.internet.interfaces import ITransport
from twisted.protocols.tls import TLSMemoryBIOProtocol


class Peer(NamedTuple):
    """Who is at the other end of a connection."""

    address: str
    """Behind a balancer that sends a PROXY header, the client's once the header has come."""
    secure: bool = False
    """Whether the connection is TLS."""
    name: str | None = None
    """The subject's common name in the certificate that the peer has proved to have, if it has shown one.

    Only a listener that requires certificates is shown any, and TLS has verified it before data comes.
    """


def peer_of(transport: ITransport) -> Peer:
    """Return what a transport knows of its peer now; the whole of it, once there was data."""
    found = transport.getPeer()
    address = getattr(found, "host", None) or str(found)
    if isinstance(transport, TLSMemoryBIOProtocol):
        return Peer(address, True, _common_name(transport))
    return Peer(address)


def _common_name(transport: TLSMemoryBIOProtocol) -> str | None:
    connection = transport.getHandle()
    if connection is None:  # It is lost.
        return None
    certificate = connection.get_peer_certificate()
    if certificate is None:
        return None
    names = certificate.to_cryptography().subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    # Of several names none is the certificate's name.
    return str(names[0].value) if len(names) == 1 else None


@lru_cache(4096)
def subscriber(address: str) -> str:
    """Return what counts as one address: of IPv6, the 64 bits that one subscriber has."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)

"""Where requests may lead: to addresses of the internet at large, unless the operator allows others."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer

_UNICAST = IPv6Network("2000::/3")
"""All that is given out of IPv6 so far (RFC 4291, 2.4)."""
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_SHARED = IPv4Network("100.64.0.0/10")


def is_public(address: str) -> bool:
    """Tell whether an address is one of the internet at large: what is not may be smsd's own neighbours."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if parsed in _LOCAL_NAT64:
            return False
        within = _embedded(parsed)
        if within is not None:
            return is_public(str(within))
        if parsed not in _UNICAST:
            return False
    elif parsed in _SHARED:
        return False
    return parsed.is_global and not parsed.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address to which a translated or tunnelled one leads."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else None)


class Forbidden(DNSLookupError):
    """A name leads only to addresses to which nothing is sent."""

    def __str__(self) -> str:
        return "It leads to an address that is not public."


@implementer(IHostnameResolver)
class PublicNames:
    """Resolves names as another resolver does, but leaves out the addresses that are not public.

    Each connection has one of its own, and is made to just what it answers: a name that changes between
    check and use gains nothing.
    """

    def __init__(self, resolver: IHostnameResolver) -> None:
        self._resolver = resolver
        self.left_out = False
        """Whether an address was."""

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        *args: Any,
        **named: Any,
    ) -> IHostResolution:
        """Resolve a name; literal addresses come this way too."""
        return self._resolver.resolveHostName(
            _PublicOnly(resolutionReceiver, self), hostName, portNumber, *args, **named
        )


@implementer(IResolutionReceiver)
class _PublicOnly:
    """Passes public addresses on."""

    def __init__(self, receiver: IResolutionReceiver, names: PublicNames) -> None:
        self._receiver = receiver
        self._names = names

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:
        if is_public(getattr(address, "host", "")):
            self._receiver.addressResolved(address)
        else:
            self._names.left_out = True

    def resolutionComplete(self) -> None:
        self._receiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class WithNames:
    """A reactor with another resolver."""

    def __init__(self, reactor: Any, names: IHostnameResolver) -> None:
        self._reactor = reactor
        self.nameResolver = names

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Take another resolver, and return the one before."""
        before, self.nameResolver = self.nameResolver, resolver
        return before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

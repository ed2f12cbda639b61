"""Who opens a short link: what its headers say of the operating system, and whether it is a person."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from crawleruseragents import is_crawler
from twisted.web.http import Request
from ua_parser.basic import Resolver
from ua_parser.core import Domain
from ua_parser.loaders import load_lazy_builtins

LONGEST = 512
"""How many characters of a User-Agent are looked at: what is beyond says nothing new."""
UNKNOWN = "UNKNOWN"
SYSTEMS = {
    "Windows": "WINDOWS",
    "Windows Phone": "WINDOWS_PHONE",
    "Windows Mobile": "WINDOWS_PHONE",
    "Android": "ANDROID",
    "iOS": "IOS",
} | dict.fromkeys(
    ("Linux", "Ubuntu", "Kubuntu", "Debian", "Fedora", "Linux Mint", "Red Hat", "CentOS", "SUSE", "openSUSE"),
    "LINUX",
)
"""The API's word for each operating system that it has one for."""

_resolve = Resolver(load_lazy_builtins())
_in_app = re.compile(r" Viber/\S+")
"""What a browser within an app adds: a person reads there, though the app itself makes previews."""
_scanner = re.compile(
    r"ms-?office|microsoft office|barracuda|mimecast|proofpoint|urlscan|virustotal|safelinks|symantec"
    r"|trendmicro|forcepoint|fortiguard|zscaler|java/|okhttp|\b(?:ro)?bot\b|preview",
    re.IGNORECASE,
)
"""Mail and security programs, and bare HTTP libraries, that the list of crawlers lacks."""
_prefetches = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")
_prefetch = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)


class Visitor(NamedTuple):
    """Whoever opens a link."""

    os: str
    """The operating system, one of the words of :data:`SYSTEMS`."""
    machine: bool
    """Whether it is a program that looks at links: a preview of a messenger, a scanner, a crawler."""


def visitor(request: Request) -> Visitor:
    """Return who makes a request.

    HEAD, and what is fetched before anybody has chosen to see it, is no person's visit.
    """
    found = of_user_agent((request.getHeader("User-Agent") or "")[:LONGEST])
    ahead = any(_prefetch.search(request.getHeader(name) or "") for name in _prefetches)
    return found._replace(machine=True) if ahead or request.method == b"HEAD" else found


@lru_cache(4096)
def of_user_agent(agent: str) -> Visitor:
    """Return who calls itself so; a browser always has a name."""
    name = _in_app.sub("", agent)
    machine = not name.strip() or _scanner.search(name) is not None or is_crawler(name)
    system = _resolve(agent, Domain.OS).os
    return Visitor(SYSTEMS.get(system.family, UNKNOWN) if system is not None else UNKNOWN, machine)

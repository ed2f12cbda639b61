"""What an endpoint's description stands for: the service that listens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application import strports
from twisted.application.service import IService
from twisted.internet.interfaces import IProtocolFactory

from smsd.ports.proxy import ProxiedFactory
from smsd.ports.tls import Credentials, TlsFactory, TlsFiles

BACKLOG = 1024
"""How many clients may dial in at once: all of them, after a restart."""
PIECE = re.compile(r"(?:^|:)((?:\\.?|[^:\\])*)", re.DOTALL)
"""What stands between the colons of a description; a backslash takes its meaning from what follows it."""
TLS_OPTIONS = {
    "privateKey": "key",
    "certKey": "certificate",
    "extraCertChain": "chain",
    "clientCA": "client_ca",
    "dhParameters": "dh_parameters",
}
"""The options of ``ssl:``, and which file each one names."""


def port(
    description: str,
    factory: IProtocolFactory,
    reactor: Any,
    folder: Path,
    pair: Callable[[], tuple[Path, Path]],
    client_ca: Path | None,
) -> IService:
    """Return the service that listens on a Twisted endpoint.

    ``ssl:`` is TLS whose files may change; without ``privateKey=`` it has the certificate and key of
    ``pair``, and without ``clientCA=`` the authorities of ``client_ca``. ``haproxy:`` before any other kind
    takes a PROXY header off each connection first. Relative files begin at ``folder``.

    Raises:
        ValueError, TypeError, OSError: if the description, or a file that it names, can't be used.
    """
    kind, *options = PIECE.findall(description)
    proxied = kind == "haproxy"
    if proxied:
        kind, *options = options or [""]
    if kind.lower() in ("haproxy", "tls"):  # Twisted's own, which know nothing of the files here.
        raise ValueError("TLS is ssl:, and the PROXY protocol is haproxy: before anything else")
    if kind == "ssl":
        files, options = _tls_files(options, folder, pair, client_ca)
        factory = TlsFactory(Credentials(files, description), factory, reactor)
        kind = "tcp"
    if kind == "tcp" and not any(option.startswith("backlog=") for option in options):
        options.append(f"backlog={BACKLOG}")
    if proxied:
        factory = ProxiedFactory(factory)
    service: IService = strports.service(":".join((kind, *options)), factory, reactor=reactor)
    return service


def _tls_files(
    options: list[str], folder: Path, pair: Callable[[], tuple[Path, Path]], client_ca: Path | None
) -> tuple[TlsFiles, list[str]]:
    """Return the files of an ``ssl:`` endpoint, and its options that name none."""
    files: dict[str, Path | None] = {"client_ca": client_ca}
    others = []
    for option in options:
        name, named, value = option.partition("=")
        if named and name in TLS_OPTIONS:
            files[TLS_OPTIONS[name]] = folder / re.sub(r"\\(.)", r"\1", value) if value else None
        else:
            others.append(option)
    key = files.pop("key", None)
    certificate = files.pop("certificate", key)
    if key is None and certificate is None:
        certificate, key = pair()
    if key is None or certificate is None:
        raise ValueError("certKey= needs privateKey=, the file of the certificate's key")
    return TlsFiles(certificate, key, **files), others

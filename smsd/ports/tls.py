"""TLS of a listener, whose certificate is taken anew when its files change."""

from __future__ import annotations

from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet import ssl
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.filepath import FilePath
from zope.interface import implementer

State = list[tuple[int, int, int] | None]
"""The inode, length and time of change of each file, ``None`` for one that isn't there."""


class Unusable(ValueError):
    """Files of a TLS listener can't be used; the text says which, and why."""


class TlsFiles(msgspec.Struct, frozen=True):
    """The PEM files of a TLS listener."""

    certificate: Path
    """The server's certificate; those that lead from it to its authority may follow."""
    key: Path
    chain: Path | None = None
    """More certificates that lead from the server's to its authority."""
    client_ca: Path | None = None
    """The authorities of clients' certificates; without it, clients are not asked for one."""
    dh_parameters: Path | None = None

    @property
    def all(self) -> list[Path]:
        """All files there are."""
        every = (self.key, self.certificate, self.chain, self.client_ca, self.dh_parameters)
        return [file for file in every if file is not None]


@implementer(IOpenSSLServerConnectionCreator)
class Credentials:
    """What a TLS listener shows to clients, and asks of them, as its files have it now.

    Every new connection looks whether the files have changed. That costs some microseconds beside a
    handshake's millisecond, needs no timer, and no client sees an old certificate once the new one is there.
    Files that can't be used, such as a certificate whose key is not there yet, leave what was before in use;
    the next connection tries them again.
    """

    log = Logger()

    def __init__(self, files: TlsFiles, listener: str) -> None:
        """Read the files; ``listener`` is what the log calls their listener.

        Raises:
            Unusable: if they can't be used.
        """
        self._files = files
        self._listener = listener
        self._state = _state(files)
        """The state that the files had when they were last found good."""
        self._context = _context(files)
        self._complaint: object = None

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return the TLS side of a new connection."""
        state = _state(self._files)
        if state != self._state:
            self._renew(state)
        return SSL.Connection(self._context, None)

    def _renew(self, state: State) -> None:
        """Take the files as they are now, or say once why not."""
        try:
            self._context = _context(self._files)
        except Unusable as unusable:
            complaint = (state, str(unusable))
            if complaint != self._complaint:
                self._complaint = complaint
                self.log.warn(
                    "The TLS files of {listener} have changed, but the old ones stay in use: {reason}.",
                    listener=self._listener,
                    reason=str(unusable),
                )
            return
        self._state = state
        self.log.info(
            "The TLS files of {listener} have changed; new connections use them.", listener=self._listener
        )


class TlsFactory(TLSMemoryBIOFactory):
    """Puts TLS around the protocols of a factory, which may also decline a connection."""

    def __init__(self, credentials: Credentials, wrapped: IProtocolFactory, clock: IReactorTime) -> None:
        super().__init__(credentials, False, wrapped, clock)

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        """Return the protocol of a new connection, or ``None`` if the factory wants no more."""
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else self.protocol(self, wrapped)


def _state(files: TlsFiles) -> State:
    """Return what changes when a file is written or replaced, even by one with the same mtime."""
    found: State = []
    for file in files.all:
        try:
            status = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_ctime_ns))
    return found


def _context(files: TlsFiles) -> SSL.Context:
    """Read the files.

    Raises:
        Unusable: if they can't be used.
    """
    content = _content(files.key)
    try:
        key = load_pem_private_key(content, None)
    except TypeError:
        raise Unusable(f"the key {files.key} is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable(f"{files.key} has no private key that can be used, in PEM") from None
    own, *chain = _certificates(files.certificate)
    if own.public_key() != key.public_key():
        raise Unusable(f"the key {files.key} does not belong to the certificate {files.certificate}")
    if files.chain is not None:
        chain += _certificates(files.chain)
    authorities = None
    if files.client_ca is not None:
        found = _certificates(files.client_ca)
        authorities = ssl.trustRootFromCertificates([ssl.Certificate(_x509(one)) for one in found])
    dh_parameters = None
    if files.dh_parameters is not None:
        _content(files.dh_parameters)  # OpenSSL's own word for a file that isn't there is not clear.
        dh_parameters = ssl.DiffieHellmanParameters.fromFile(FilePath(str(files.dh_parameters)))
    try:
        return ssl.CertificateOptions(
            privateKey=PKey.from_cryptography_key(key),  # type: ignore[arg-type]
            certificate=_x509(own),
            extraCertChain=[_x509(one) for one in chain],
            trustRoot=authorities,
            dhParameters=dh_parameters,
            raiseMinimumTo=ssl.TLSVersion.TLSv1_2,
        ).getContext()
    except SSL.Error as error:
        reasons = ", ".join(reason for *_, reason in error.args[0]) or "no reason is given"
        names = ", ".join(str(file) for file in files.all)
        raise Unusable(f"OpenSSL doesn't take {names}: {reasons}") from error
    except TypeError:
        raise Unusable(f"the key {files.key} is of a kind that TLS doesn't use") from None


def _certificates(file: Path) -> list[Certificate]:
    content = _content(file)
    try:
        return load_pem_x509_certificates(content)
    except ValueError:
        raise Unusable(f"{file} has no certificate, or a broken one, in PEM") from None


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unusable(f"{file} can't be read: {error.strerror}") from error


def _x509(certificate: Certificate) -> X509:
    return X509.from_cryptography(certificate)

"""Certificates for tests: an authority and what it signs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from twisted.internet import ssl


class Signed:
    """A certificate and its key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.original = certificate
        self.key = key

    @property
    def certificate_pem(self) -> bytes:
        return self.original.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self._pem(NoEncryption())

    @property
    def encrypted_key_pem(self) -> bytes:
        return self._pem(BestAvailableEncryption(b"secret"))

    @property
    def for_twisted(self) -> ssl.PrivateCertificate:
        loaded: ssl.PrivateCertificate = ssl.PrivateCertificate.loadPEM(self.certificate_pem + self.key_pem)
        return loaded

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Put both into a folder, each at once, as tools that renew certificates do."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        replace(key, self.key_pem)
        replace(certificate, self.certificate_pem)
        return certificate, key

    def _pem(self, encryption: KeySerializationEncryption) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


class Authority(Signed):
    """Signs certificates."""

    def __init__(self, name: str = "Test authority", issuer: Authority | None = None) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        super().__init__(_certificate([name], key, issuer, authority=True), key)

    def sign(self, *common_names: str) -> Signed:
        """Return a new certificate, with these common names in its subject."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Signed(_certificate(common_names, key, self, authority=False), key)


def replace(file: Path, content: bytes) -> None:
    """Put a new file in the place of one."""
    new = file.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, file)


def _certificate(
    names: Sequence[str], key: ec.EllipticCurvePrivateKey, issuer: Authority | None, *, authority: bool
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.original.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(key if issuer is None else issuer.key, hashes.SHA256())
    )

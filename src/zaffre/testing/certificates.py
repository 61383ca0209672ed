"""Certificates for tests and benchmarks: an authority made on the spot, and certificates that it signs.

authority = certificates.Authority()
files = authority.issue("localhost").write(folder, "server")     # server.crt, server.key
verify = authority.trust()                                       # an ssl.SSLContext for clients
"""

import dataclasses
import datetime as dt
import ipaddress
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import oid

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DAY = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Files:
    """Where a certificate and its key lie."""

    certificate: Path
    key: Path


@dataclasses.dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes = dataclasses.field(repr=False)

    @property
    def serial(self) -> int:
        """What tells this certificate from others of the same name."""
        return x509.load_pem_x509_certificate(self.certificate).serial_number

    def write(self, folder: Path, name: str = "server") -> Files:
        """Put both into files, each by rename, key first: whoever watches never sees half a file."""
        files = Files(folder / f"{name}.crt", folder / f"{name}.key")
        _replace(files.key, self.key)
        _replace(files.certificate, self.certificate)
        return files


class Authority:
    """A certificate authority that lives as long as the object."""

    def __init__(self, name: str = "Zaffre test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        builder = _builder(subject, subject, self._key.public_key(), now - _DAY, now + 3650 * _DAY)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        self._certificate = (
            builder.add_extension(constraints, critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        *names: str,
        days: float = 30,
        starts_in_days: float = -1,
    ) -> Issued:
        """A certificate for host names and addresses (loopback when none is given), for servers and clients alike."""
        key = ec.generate_private_key(ec.SECP256R1())
        given = names or LOOPBACK
        subject = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, given[0])])
        now = dt.datetime.now(dt.UTC)
        builder = _builder(
            subject,
            self._certificate.subject,
            key.public_key(),
            min(now + starts_in_days * _DAY, now + days * _DAY - _DAY),
            now + days * _DAY,
        )
        usages = [oid.ExtendedKeyUsageOID.SERVER_AUTH, oid.ExtendedKeyUsageOID.CLIENT_AUTH]
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            builder.add_extension(
                x509.SubjectAlternativeName([_name(item) for item in given]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(signer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Issued(certificate.public_bytes(serialization.Encoding.PEM), private)

    def write(self, folder: Path, name: str = "ca") -> Path:
        """The authority's certificate as a file."""
        path = folder / f"{name}.crt"
        _replace(path, self.pem)
        return path

    def trust(self, client: Files | None = None) -> ssl.SSLContext:
        """What a client of this authority's servers verifies with; with `client` it says who it is."""
        context = ssl.create_default_context(cadata=self.pem.decode("ascii"))
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return context


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    starts: dt.datetime,
    ends: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _replace(path: Path, content: bytes) -> None:
    coming = path.with_name(f".{path.name}.{os.getpid()}")
    coming.touch(mode=0o600)
    coming.write_bytes(content)
    coming.replace(path)

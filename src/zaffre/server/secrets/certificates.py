"""A certificate with its key, read from the files that settings name and checked before anything uses it.

Called by `keeping`. Installs nothing. What is wrong is said in words that name the file, never its content.
"""

import dataclasses
import datetime as dt
import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, types
from cryptography.x509 import oid

from zaffre.core import clock, errors

_LARGEST = 1 << 20
_SMALLEST_RSA = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


@dataclasses.dataclass(frozen=True)
class Paths:
    """The files of one listener. `client_ca` is empty unless clients must show a certificate."""

    certificate: str
    key: str
    client_ca: str = ""

    @classmethod
    def of(cls, certificate: str, key: str, client_ca: str, *, prefix: str) -> "Paths | None":
        """The files that settings name, or None without TLS. Raises Invalid for half a pair."""
        if bool(certificate) != bool(key):
            named, lacking = ("certificate", "key") if certificate else ("key", "certificate")
            raise errors.Invalid(
                f"{prefix}tls_{named} is set and {prefix}tls_{lacking} is not.", hint="Set both, or neither."
            )
        if client_ca and not certificate:
            raise errors.Invalid(
                f"{prefix}tls_client_ca is set without a certificate of the server's own.",
                hint=f"Set {prefix}tls_certificate and {prefix}tls_key too.",
            )
        return cls(certificate, key, client_ca) if certificate else None

    def stamp(self) -> tuple[tuple[int, ...], ...]:
        """Changes whenever any of the files was written or replaced; also through links, as Kubernetes does it."""
        return tuple(_stamp(Path(name)) for name in (self.certificate, self.key, self.client_ca) if name)


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate chain, its key and the authorities of clients, all PEM, that belong together and are valid now."""

    chain: str
    key: str = dataclasses.field(repr=False)
    client_ca: str
    subject: str
    names: tuple[str, ...]
    leaf: str
    fingerprint: str
    starts_at: dt.datetime
    expires_at: dt.datetime

    @property
    def version(self) -> str:
        """Equal for equal content."""
        return hashlib.sha256(f"{self.chain}\n{self.key}\n{self.client_ca}".encode()).hexdigest()[:16]

    def days_left(self) -> float:
        """Until it expires."""
        return (self.expires_at - clock.now()).total_seconds() / 86400


def read(paths: Paths) -> Pair:
    """Read and check. Raises Invalid when a file cannot be read, is no PEM, does not fit the other, or is out of date."""
    client_ca = _read(paths.client_ca) if paths.client_ca else b""
    return check(_read(paths.certificate), _read(paths.key), client_ca, paths)


def check(chain: bytes, key: bytes, client_ca: bytes, paths: Paths) -> Pair:
    """The content of these files as a pair. Raises Invalid as `read` does."""
    leaf = _certificates(paths.certificate, chain)[0]
    _check_kind(paths.certificate, leaf.public_key())
    if _public(_private_key(paths.key, key).public_key()) != _public(leaf.public_key()):
        raise errors.Invalid(
            f"The certificate {paths.certificate} does not match the key {paths.key}.",
            hint="Put a certificate and a key there that were made together.",
        )
    _check_dates(paths.certificate, leaf)
    if client_ca:
        _certificates(paths.client_ca, client_ca)
    return Pair(
        chain=chain.decode("ascii"),
        key=key.decode("ascii"),
        client_ca=client_ca.decode("ascii"),
        subject=leaf.subject.rfc4514_string(),
        names=_names(leaf),
        leaf=leaf.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        fingerprint=hashlib.sha256(leaf.public_bytes(serialization.Encoding.DER)).hexdigest(),
        starts_at=leaf.not_valid_before_utc,
        expires_at=leaf.not_valid_after_utc,
    )


def _check_kind(file: str, key: types.PublicKeyTypes) -> None:
    """What every TLS library of today takes; the router takes nothing else."""
    strong = isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA
    curve = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES
    if not strong and not curve:
        raise errors.Invalid(
            f"The certificate {file} has a key of a kind that the listeners do not take.",
            hint=f"Use RSA with {_SMALLEST_RSA} bits or more, or ECDSA on P-256, P-384 or P-521.",
        )


def _check_dates(file: str, leaf: x509.Certificate) -> None:
    now = clock.now()
    if leaf.not_valid_after_utc <= now:
        raise errors.Invalid(
            f"The certificate {file} expired at {clock.isoformat(leaf.not_valid_after_utc)}.",
            hint="Put a new one there.",
        )
    if leaf.not_valid_before_utc > now:
        raise errors.Invalid(
            f"The certificate {file} is not valid before {clock.isoformat(leaf.not_valid_before_utc)}.",
            hint="Wait, or correct the machine's clock.",
        )


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise errors.Invalid(
            f"{file} cannot be read: {error.strerror}.", hint="Correct the path, or the file's rights."
        ) from error
    if len(content) > _LARGEST or not content.isascii():
        raise errors.Invalid(f"{file} is not a PEM file.", hint="PEM is text: -----BEGIN ...")
    return content


def _certificates(file: str, content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise errors.Invalid(
            f"{file} holds no certificate that can be read.",
            hint="It is PEM text with -----BEGIN CERTIFICATE-----, the server's own first.",
        ) from error


def _private_key(file: str, content: bytes) -> types.PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(content, password=None)
    except TypeError as error:
        raise errors.Invalid(
            f"The key {file} is locked with a password.", hint="Put it there without one, for its owner only."
        ) from error
    except ValueError as error:
        raise errors.Invalid(
            f"{file} holds no private key that can be read.",
            hint="It is PEM text with a line BEGIN PRIVATE KEY.",
        ) from error


def _public(key: types.PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_oid(oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return ()
    if not isinstance(found, x509.SubjectAlternativeName):
        return ()
    addresses = [str(item) for item in found.get_values_for_type(x509.IPAddress)]
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        facts = path.stat()
    except OSError:
        return ()
    return (facts.st_mtime_ns, facts.st_ino, facts.st_size)

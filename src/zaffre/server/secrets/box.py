"""Seals and opens values with a key of this installation. Rooms keep the sealed text in their own tables."""

import hashlib
import os
import stat
from pathlib import Path

from cryptography import fernet

from zaffre.core import errors


class Box:
    """One key file, mode 0600, made when it is missing. A copy of the database alone opens nothing."""

    def __init__(self, key_file: Path) -> None:
        self.file = key_file
        key = _key(key_file)
        self._cipher = _cipher(key, key_file)
        # Tells keys apart and gives nothing away: a key is 256 bits that nobody can guess.
        self.fingerprint = hashlib.sha256(b"zaffre sealing key\0" + key.strip()).hexdigest()

    def seal(self, value: str) -> str:
        """The value as text that may be stored; equal values give different texts."""
        return self._cipher.encrypt(value.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """What was sealed. Raises Unavailable when this key does not fit."""
        try:
            return self._cipher.decrypt(sealed.encode("ascii")).decode()
        except fernet.InvalidToken:
            raise errors.Unavailable(
                "A stored secret cannot be opened: it was sealed with another key.",
                hint=f"Bring back the file {self.file.name} that belongs to this database.",
            ) from None


def _cipher(key: bytes, file: Path) -> fernet.Fernet:
    try:
        return fernet.Fernet(key.strip())
    except ValueError:
        raise errors.Invalid(
            f"{file} holds no key.", hint="Bring back the file that belongs to this database."
        ) from None


def _key(file: Path) -> bytes:
    """The key in the file; a new one appears whole or not at all, whoever else starts at the same time."""
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:  # copied by hand
            file.chmod(0o600)
        return file.read_bytes()
    except FileNotFoundError:
        new = file.with_name(f".{file.name}.{os.getpid()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(fernet.Fernet.generate_key())
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(new, file)
        except FileExistsError:  # somebody was faster; theirs is the key
            return file.read_bytes()
        finally:
            new.unlink()
        return file.read_bytes()

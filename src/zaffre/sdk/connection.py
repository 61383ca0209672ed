"""Where the server is and who is asking: arguments, then ZAFFRE_URL and ZAFFRE_TOKEN, then the home of a local server.

Used by the client and, before any HTTP library is loaded, by the command line. Opens no connection.
"""

import dataclasses
import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zaffre.core import errors, settings

CONFIG_FOLDERS = (".azureml", "aml_config", "")
CONFIG_NAMES = ("config.json", "project.json")


@dataclasses.dataclass(frozen=True)
class Connection:
    """An address, a token, and where both were found. The token stays out of every printed form."""

    url: str
    token: str = dataclasses.field(repr=False)
    source: str


def home(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of the local server: ZAFFRE_HOME, else `~/.zaffre`."""
    given = settings.client_environment(environ).get("ZAFFRE_HOME")
    return Path(given).absolute() if given else Path.home() / ".zaffre"


def read_server_file(folder: Path) -> dict[str, Any] | None:
    """What a server that runs (or ran) in this home wrote about itself; None when there is none."""
    try:
        document = json.loads((folder / "server.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise errors.Invalid(
            f"{folder / 'server.json'} cannot be read: {error}.",
            hint="Start the server again: `zaffre server start`.",
        ) from error
    return document if isinstance(document, dict) else None


def token_path(folder: Path, document: Mapping[str, Any] | None = None) -> Path:
    """The file that holds the first token of the server in this home."""
    named = (document or {}).get("token_file")
    return folder / str(named) if named else folder / "token"


def find(
    *, url: str | None = None, token: str | None = None, environ: Mapping[str, str] | None = None
) -> Connection:
    """The server to talk to. Raises Unavailable when none is configured, Unauthenticated when there is no token."""
    given = settings.client_environment(environ)
    folder = home(environ)
    address = url or given.get("ZAFFRE_URL")
    source = "argument" if url else "ZAFFRE_URL"
    document = read_server_file(folder)
    if not address and document is not None:
        if document.get("pid", 0) is None:
            raise errors.Unavailable(
                f"The Zaffre server of {folder} is stopped.", hint="Start it: `zaffre server start`."
            )
        address, source = document.get("url"), str(folder / "server.json")
    if not address:
        raise errors.Unavailable(
            "No Zaffre server is configured.",
            hint="Start one here with `zaffre server start`, or set ZAFFRE_URL and ZAFFRE_TOKEN.",
        )
    address = check_url(str(address), source)
    secret = token or given.get("ZAFFRE_TOKEN") or _local_token(folder, document, address)
    if not secret:
        raise errors.Unauthenticated(f"There is no token for {address}.", hint="Set ZAFFRE_TOKEN.")
    if any(not 33 <= ord(letter) <= 126 for letter in secret):
        raise errors.Unauthenticated(
            "The token has characters that no token has.", hint="Copy it again, without spaces."
        )
    return Connection(address, secret, source)


def check_url(url: str, source: str) -> str:
    """An address without its last slash. Raises Invalid unless it is http or https with a host."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.Invalid(
            f"{source}: {url!r} is not the address of a server.", hint="It looks like http://127.0.0.1:8090."
        )
    if parts.username or parts.password:
        raise errors.Invalid(
            f"{source}: the address carries a user or password.", hint="Put the token in ZAFFRE_TOKEN."
        )
    return url.strip().rstrip("/")


def _local_token(folder: Path, document: Mapping[str, Any] | None, address: str) -> str:
    """The home's own token, but only for the home's own server: no other host may see it."""
    if document is None or not _same_server(str(document.get("url", "")), address):
        return ""
    path = token_path(folder, document)
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise errors.Unauthenticated(
            f"The token file {path} cannot be read: {error.strerror}.",
            hint="Run as the user who started the server, or set ZAFFRE_TOKEN.",
        ) from error


def _same_server(known: str, asked: str) -> bool:
    ours, theirs = urlsplit(known), urlsplit(asked)
    if ours.port != theirs.port or ours.scheme != theirs.scheme:
        return False
    if ours.hostname == theirs.hostname:
        return True
    return _is_loopback(ours.hostname or "") and _is_loopback(theirs.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_workspace_file(path: str | Path | None = None, file_name: str | None = None) -> Path:
    """The config file that users of azure.ai.ml have, here or in a parent folder. Raises NotFound."""
    start = Path(path or ".")
    if start.is_file():
        return start
    names = (file_name,) if file_name else CONFIG_NAMES
    start = start.resolve()
    levels = [start, *start.parents][:20]
    for folder in CONFIG_FOLDERS:
        for name in names:
            for level in levels:
                candidate = level / folder / name
                if candidate.is_file():
                    return candidate
    raise errors.NotFound(
        f"There is no {' or '.join(names)} in {start} or above it.",
        hint='Write one: {"subscription_id": "...", "resource_group": "...", "workspace_name": "..."}.',
    )


def read_workspace_file(file: Path) -> tuple[str | None, str | None, str]:
    """Subscription, resource group and workspace of a config file. Raises Invalid."""
    try:
        body = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise errors.Invalid(f"{file} is not valid JSON: {error}.") from error
    if not isinstance(body, dict):
        raise errors.Invalid(f"{file} must hold one JSON object.")
    if "Scope" in body:
        parts = str(body["Scope"]).strip("/").split("/")
        if len(parts) >= 8:
            return parts[1], parts[3], parts[7]
        raise errors.Invalid(f"{file}: {body['Scope']!r} is not the id of a workspace.")
    name = body.get("workspace_name")
    if not name:
        raise errors.Invalid(f"{file} has no 'workspace_name'.", hint="Add the name of the workspace.")
    return body.get("subscription_id"), body.get("resource_group"), str(name)

"""The local server's process: spawn it detached, wait until it answers, ask it to end. Uses no HTTP library of ours.

Called by `zaffre server` and by the offer to start one. Never imports the server: it is a process of its own.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zaffre.core import errors
from zaffre.sdk import connection, trust

MODULE = "zaffre.server.app"
STOPPING = "zaffre.server.app.stopping"
_START_S = 60.0
_STOP_S = 40.0


def state(folder: Path | None = None) -> dict[str, Any]:
    """Whether a server runs in the home, where, and since when."""
    home = folder or connection.home()
    document = connection.read_server_file(home) or {}
    pid = document.get("pid")
    alive = isinstance(pid, int) and is_ours(pid)
    answers = alive and healthy(str(document.get("url", "")))
    found = {
        "state": "running" if answers else "starting" if alive else "stopped",
        "home": str(home),
        **document,
    }
    if not alive:
        found["pid"] = None
    return found


def start(
    say: Callable[[str], None],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    base: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Starts the server of the home unless it runs, and waits until it answers. Raises Unavailable with its last words.

    `environment` is laid over `base`, which is the caller's own process environment when it is left out.
    """
    home = folder or connection.home()
    found = state(home)
    if found["state"] == "running":
        return found
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "logs").mkdir(mode=0o700, exist_ok=True)
    words = home / "logs" / "start.log"
    descriptor = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**(os.environ if base is None else base), "ZAFFRE_HOME": str(home), **(environment or {})},
            cwd="/" if os.name == "posix" else None,
            start_new_session=True,
        )
    say("starting the server ...")
    return _await_ready(process, home, words)


def _await_ready(process: "subprocess.Popen[bytes]", home: Path, words: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _last_words(words, process.returncode)
        document = connection.read_server_file(home) or {}
        if document.get("pid") == process.pid and healthy(str(document.get("url", ""))):
            return {"state": "running", "home": str(home), **document}
        time.sleep(0.05)
    raise errors.Unavailable(
        f"The server did not answer within {_START_S:.0f} s.",
        hint=f"Its log: {home / 'logs' / 'server.log'}.",
    )


def stop(folder: Path | None = None) -> bool:
    """Asks the server to end and waits for it; False when none ran. Raises Unavailable when it does not end."""
    home = folder or connection.home()
    pid = (connection.read_server_file(home) or {}).get("pid")
    if not isinstance(pid, int) or not is_ours(pid):
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while is_ours(pid):
        if time.monotonic() > deadline:
            raise errors.Unavailable(
                f"The server (process {pid}) did not end within {_STOP_S:.0f} s.",
                hint=f"Its log: {home / 'logs' / 'server.log'}.",
            )
        time.sleep(0.05)
    return True


def run_command(module: str, *words: str) -> Any:
    """The JSON that `python -m MODULE WORDS` prints. Raises the error that it describes."""
    process = subprocess.run(
        [sys.executable, "-m", module, *words], capture_output=True, text=True, check=False
    )
    if process.returncode != 0:
        raise _described(process.stderr, process.returncode)
    return json.loads(process.stdout)


def is_ours(pid: int) -> bool:
    """Whether the process lives and is a server: process numbers are used again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    line = Path(f"/proc/{pid}/cmdline")
    if not line.parent.parent.joinpath("self").exists():
        return True
    try:
        words = line.read_bytes().split(b"\0")
        ended = (
            (line.parent / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
        )
    except (OSError, IndexError):
        return False
    return MODULE.encode() in b" ".join(words) and ended != "Z"


def healthy(url: str) -> bool:
    """Whether a server answers at the address."""
    parts = urlsplit(url)
    if not parts.hostname:
        return False
    link = _link(parts.scheme, parts.hostname, parts.port, url)
    connected = False
    try:
        link.connect()
        connected = True
        link.request("GET", "/healthz")
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        # After a handshake, our server hangs up on clients without a certificate when it wants one.
        return connected and parts.scheme == "https"
    finally:
        link.close()


def _link(scheme: str, host: str, port: int | None, url: str) -> http.client.HTTPConnection:
    if scheme == "https":
        context = trust.Trust.find().context(url)
        return http.client.HTTPSConnection(host, port, timeout=3, context=context)
    return http.client.HTTPConnection(host, port, timeout=3)


def _last_words(words: Path, code: int) -> errors.ZaffreError:
    return _described(words.read_text(encoding="utf-8", errors="replace"), code)


def _described(text: str, code: int) -> errors.ZaffreError:
    """The problem document in the last line, or the last lines as they are."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    try:
        problem = json.loads(lines[-1])
        if isinstance(problem, dict) and "detail" in problem:
            return errors.from_problem(problem)
    except (ValueError, IndexError):
        pass  # not our JSON: the process failed in another way, and its own words are the best there are
    said = " ".join(lines[-3:]) or "it said nothing"
    return errors.Unavailable(f"The server ended with code {code}: {said}")

"""A real server in a home of its own, started and stopped by the command line; a shell in which `az` is `zaffre`."""

import contextlib
import io
import os
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path
from unittest import mock

import pytest

from zaffre.cli import main

ZAFFRE = str(Path(sys.executable).with_name("zaffre"))


class Shell:
    """Runs the command line with nothing of the caller's settings."""

    def __init__(self, home):
        # Compiled modules are kept, as in an installation: each command line is a process of its own.
        dropped = ("ZAFFRE_", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        kept["PATH"] = f"{Path(ZAFFRE).parent}:{kept['PATH']}"
        self.home = home
        self.environment = kept | {"ZAFFRE_HOME": str(home), "ORT_DISABLE_TELEMETRY": "1"}
        self.environment["ZAFFRE_TELEMETRY_INTERVAL_S"] = "0.5"

    def __call__(self, *words, code=0):
        """Runs in this process, which saves half a second of imports; `script` and the terminal tests start real ones."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            found = main.run([str(word) for word in words])
        assert found == code, f"{words}: {found}\n{out.getvalue()}\n{err.getvalue()}"
        return types.SimpleNamespace(stdout=out.getvalue(), stderr=err.getvalue())

    def out(self, *words, **rest):
        return self(*words, **rest).stdout

    def value(self, *words):
        return self.out(*words, "-o", "tsv").removesuffix("\n")

    @staticmethod
    def until(check, what, timeout_s=180.0):
        """Waits until the check holds; returns what it gave."""
        end = time.monotonic() + timeout_s
        while not (found := check()):
            assert time.monotonic() < end, f"{what} did not come"
            time.sleep(0.05)
        return found

    def script(self, text, folder):
        """A bash script that was written for az."""
        lines = 'set -euo pipefail\naz() { zaffre "$@"; }\n' + textwrap.dedent(text)
        return subprocess.run(
            ["bash", "-c", lines],
            env=self.environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=280,
        )


@pytest.fixture(scope="session")
def zaffre(tmp_path_factory):
    """The command line with a running server."""
    shell = Shell(tmp_path_factory.mktemp("cli") / "home")
    shell("server", "start")
    yield shell
    shell("server", "stop", "--all")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The command line with a home where no server is configured; the private one of `--local` is stopped."""
    shell = Shell(tmp_path_factory.mktemp("alone") / "home")
    yield shell
    stop_private(shell)


def stop_private(shell):
    private = {**shell.environment, "ZAFFRE_HOME": str(shell.home / "local")}
    subprocess.run([ZAFFRE, "server", "stop", "--all"], env=private, check=True, capture_output=True)


@pytest.fixture(scope="module")
def with_private(zaffre):
    """The running server's command line, whose `--local` things are removed afterwards."""
    yield zaffre
    stop_private(zaffre)


@pytest.fixture
def fresh(tmp_path):
    """The command line with a home of its own and no server yet; whatever was started is stopped."""
    shell = Shell(tmp_path / "home")
    yield shell
    everything = ["--all"] if any(shell.home.glob("services/*")) else []
    words = [ZAFFRE, "server", "stop", *everything]
    subprocess.run(words, env=shell.environment, capture_output=True, timeout=120)

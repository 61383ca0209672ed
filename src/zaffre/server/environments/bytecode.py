"""Compiles what was installed, once, at build time: replicas run as a user who may not write there.

Called by `builds` and `overlays`. Imports and runs none of the packages.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

_WITHOUT_TESTS = r"[\\/]tests?[\\/]"
_WORKERS = 2
_TIMEOUT_S = 1800.0


def compile_folder(python: str, folder: Path, *, hold: int, log: Callable[[str], None]) -> None:
    """Write the byte code of every module below a folder; a module that does not compile is left as it is."""
    command = [
        python,
        "-I",
        "-S",
        "-m",
        "compileall",
        "-qq",
        "-j",
        str(_WORKERS),
        "-x",
        _WITHOUT_TESTS,
        str(folder),
    ]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, cwd="/",
        timeout=_TIMEOUT_S, pass_fds=(hold,), umask=0o022, check=False,
    )  # fmt: skip
    log(
        "Byte code written."
        if done.returncode == 0
        else "Byte code written, but for modules that do not compile."
    )

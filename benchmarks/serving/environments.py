"""One virtual environment for each peer, made by uv from its locked requirement file; a second run finds them ready."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".venvs"
PYTHON = "3.11"


def ensure(name: str) -> Path:
    """The folder of programs of a peer's environment, made anew when its requirement file changed."""
    locked = HERE / "requirements" / f"{name}.txt"
    home = FOLDER / name
    stamp, wanted = home / ".made-from", hashlib.sha256(locked.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"making the environment of {name}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        _uv("venv", "--quiet", "--python", PYTHON, str(home))
        _uv("pip", "sync", "--quiet", "--python", str(home / "bin/python"), "--require-hashes", str(locked))
        stamp.write_text(wanted, encoding="utf-8")
    return home / "bin"


def run(name: str, arguments: list[str]) -> None:
    """Run a Python file with the interpreter of a peer's environment."""
    subprocess.run(
        [str(ensure(name) / "python"), *arguments],
        check=True,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )


def _uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True)

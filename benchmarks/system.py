"""Zaffre as a user runs it, in a home of its own: the command line only. Called by bench_serving and bench_deploy."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[1]
WORK = ROOT / "benchmarks" / ".work"
IMAGE = (
    "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"  # recorded only: local processes use no image
)


class System:
    """`with System(folder) as system`: a server with an empty home; in the end everything it ran is stopped.

    `prefix` stands before the command that starts the server, so that it and all it starts can be pinned to a core.
    """

    def __init__(self, folder: Path, *, prefix: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.home = folder / "home"
        self._prefix = prefix
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ZAFFRE_")},
            "ZAFFRE_HOME": str(self.home),
        }

    def __enter__(self) -> Self:
        signal.signal(
            signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM")
        )  # so that everything is stopped
        if self.home.exists():
            self.zaffre("server", "stop", "--all")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.zaffre("server", "start", prefix=self._prefix)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.zaffre("server", "stop", "--all")
        shutil.rmtree(self.folder, ignore_errors=True)

    def zaffre(self, *words: str, prefix: tuple[str, ...] = ()) -> str:
        """Run one command; its progress and errors go to the terminal, its answer comes back."""
        command = [*prefix, str(Path(sys.executable).with_name("zaffre")), *words]
        done = subprocess.run(command, env=self._environment, text=True, stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise SystemExit(f"`zaffre {' '.join(words)}` ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def value(self, *words: str) -> Any:
        """A command's answer, decoded."""
        return json.loads(self.zaffre(*words, "-o", "json"))

    def create(self, noun: str, file: str, entity: dict[str, Any], *words: str) -> None:
        """Write a YAML file (JSON is YAML) and create what it describes."""
        path = self.folder / file
        path.write_text(json.dumps(entity), encoding="utf-8")
        self.zaffre(noun, "create", "--file", str(path), *words)

    def address_of(self, endpoint: str) -> tuple[str, str]:
        """Scoring URL and primary key."""
        url = self.value("online-endpoint", "show", "--name", endpoint)["scoring_uri"]
        key = self.value("online-endpoint", "get-credentials", "--name", endpoint)["primaryKey"]
        return str(url), str(key)


def environment(*packages: str) -> dict[str, Any]:
    """A conda file's content: Python as here, and these packages by pip."""
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    return {"channels": ["conda-forge"], "dependencies": [python, "pip", {"pip": list(packages)}]}

"""One folder with one uv cache for all tests of the room, and a tiny stand-in for the runtime's sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zaffre.server.environments import (
    builds,
    bytecode,
    definitions,
    errands,
    overlays,
    pythons,
    slots,
    solving,
    uv,
)

BOOT = "import runpy, sys\nsys.path.append(sys.path.pop(0))\nsys.argv = sys.argv[1:]\nrunpy.run_module(sys.argv[0], run_name='__main__')\n"


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("environments")


@pytest.fixture(scope="session")
def runtime_source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "zaffre_runtime"
    folder.mkdir()
    (folder / "__init__.py").write_text("WORD = 'runtime'\n")
    (folder / "overlay.txt").write_text(
        '# pins\nmsgspec==0.20.0; python_version < "3.10"\nmsgspec==0.21.1; python_version >= "3.10"\n'
    )
    (folder / "zaffre_boot.py").write_text(BOOT)
    return folder


@pytest.fixture(scope="session")
def installed():
    return pythons.find(os.environ)


@pytest.fixture(scope="session")
def own(installed):
    """The server's own interpreter, which every machine has."""
    return next(one for one in installed if one.server)


@pytest.fixture(scope="session")
def uv_(home):
    return uv.Uv(home / ".uv-cache", os.environ)


@pytest.fixture(scope="session")
def solver(uv_, own):
    return solving.Solver(uv_, [own])


@pytest.fixture(scope="session")
def compiled(home):
    return bytecode.Store(home / ".bytecode")


@pytest.fixture(scope="session")
def overlay(home, runtime_source, uv_, compiled):
    return overlays.Overlays(home / "overlays", runtime_source, uv_, compiled)


@pytest.fixture(scope="session")
def builder(home, uv_, own, overlay, compiled):
    return builds.Builder(home, uv_=uv_, installed=[own], overlay=overlay, compiled=compiled)


@pytest.fixture
def kept(home):
    """The digests of what is built."""
    return lambda: {slot.digest for slot in slots.complete_in(home / "builds")}


@pytest.fixture
def lock_of(solver):
    """The lock of plain requirement lines."""

    def make(*lines, say=lambda line: None):
        wanted = definitions.from_fields({"zaffre": {"requirements": list(lines)}})
        return solver.lock(wanted, errand=errands.Errand(say))

    return make


@pytest.fixture
def spawn(home, runtime_source, tmp_path):
    """Start another process that builds a lock; `on_line` is Python that sees every log line as `line`."""

    def start(lock, *, on_line="pass"):
        file = tmp_path / f"{lock.digest}.json"
        file.write_text(lock.to_json())
        program = (
            "import os, sys\nfrom pathlib import Path\n"
            "from zaffre.server.environments import builds, bytecode, errands, locks, overlays, pythons, uv\n"
            f"home = Path({str(home)!r})\n"
            "own = pythons.find({'PATH': '', 'HOME': '/nonexistent'})\n"
            "u = uv.Uv(home / '.uv-cache', os.environ)\n"
            "compiled = bytecode.Store(home / '.bytecode')\n"
            f"overlay = overlays.Overlays(home / 'overlays', Path({str(runtime_source)!r}), u, compiled)\n"
            "builder = builds.Builder(home, uv_=u, installed=own, overlay=overlay, compiled=compiled)\n"
            f"def log(line):\n    {on_line}\n"
            f"built = builder.ensure(locks.Lock.from_json(Path({str(file)!r}).read_text()), errand=errands.Errand(log))\n"
            "print('cached' if built.cached else 'built')\n"
        )
        return subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(builds.__file__).parents[3])},
        )

    return start

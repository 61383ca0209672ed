"""Built environments: a lock becomes a folder with its Python, once, and every later asker gets the same folder.

Called by the endpoints room's reconciler and by `service`. Folders are 0755 because replicas run as another user;
ZAFFRE_HOME itself guards them. Files are hard links into uv's cache, which lies on the same file system.
No code of a package runs here; what must be built from source is `uv`'s concern.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from zaffre.core import clock, errors
from zaffre.server.environments import (
    addresses,
    bytecode,
    conda,
    definitions,
    errands,
    locks,
    overlays,
    pythons,
    slots,
    uv,
)


@dataclasses.dataclass(frozen=True)
class BuiltEnvironment:
    """A folder to run in: `python` is its interpreter, `overlay` the runtime's folder; `cached` when it was there."""

    digest: str
    path: Path
    python: Path
    overlay: Path
    cached: bool

    @property
    def read_only_paths(self) -> tuple[Path, ...]:
        """Every folder that a process in this environment must be able to read, the interpreter's own included."""
        base = self.python.resolve().parent.parent
        return tuple(
            dict.fromkeys((self.path, self.overlay, self.path if self.path in base.parents else base))
        )


class Builder:
    """Builds below `root` (ZAFFRE_HOME/environments); uv's cache must lie there too for hard links."""

    def __init__(
        self,
        root: Path,
        *,
        uv_: uv.Uv,
        installed: Sequence[pythons.Interpreter],
        overlay: overlays.Overlays,
        compiled: bytecode.Store,
        channels: conda.Channels | None = None,
        prefer_shared: bool = False,
    ) -> None:
        self._compiled = compiled
        self._builds = root / "builds"
        self._logs = root / "logs"
        self._uv = uv_
        self._installed = installed
        self._overlay = overlay
        self._channels = channels
        self._prefer_shared = prefer_shared

    def ensure(
        self,
        lock: locks.Lock,
        *,
        errand: errands.Errand,
        definition: definitions.Definition | None = None,
        debugger: bool = False,
    ) -> BuiltEnvironment:
        """The environment of a lock, built if it is not there yet; `definition` lends the credentials of its indexes.
        With `debugger` its overlay holds what an editor attaches to.

        Raises Invalid (does not build, or conflicts with the runtime), Unsupported (Python gone), Unavailable.
        """
        slot = slots.Slot(self._builds, lock.digest)
        cached = slot.is_complete() and _python(slot.path).exists()
        if not cached:
            if clashes := self._overlay.conflicts(lock):
                raise errors.Invalid(" ".join(clashes), hint="Change the version, or leave the package out.")
            with self._record(lock.digest, errand) as recorded:
                cached = not self._build(slot, lock, definition, recorded)
        slot.touch()
        beside = self._overlay.with_debugger() if debugger else self._overlay
        overlay = beside.ensure(self._interpreter(lock), errand=errand)
        return BuiltEnvironment(lock.digest, slot.path, _python(slot.path), overlay, cached)

    def log_path(self, digest: str) -> Path:
        """Where the log of the last build of a lock is kept; the file may not exist."""
        return self._logs / f"{digest}.log"

    def _build(
        self,
        slot: slots.Slot,
        lock: locks.Lock,
        definition: definitions.Definition | None,
        errand: errands.Errand,
    ) -> bool:
        if slot.is_complete():
            errand.say("The interpreter of the built environment is gone; building again.")
            slot.remove()

        def build(folder: Path, hold: int) -> None:
            fill = self._fill_prefix if lock.conda else self._fill_venv
            fill(folder, lock, definition or definitions.Definition(), hold=hold, errand=errand)

        return slot.fill(
            build,
            wait=lambda: errand.say("Another process builds this environment; waiting for it."),
            check=errand.check,
        )

    def _fill_venv(
        self,
        folder: Path,
        lock: locks.Lock,
        definition: definitions.Definition,
        *,
        hold: int,
        errand: errands.Errand,
    ) -> None:
        interpreter = self._interpreter(lock)
        self._uv.venv(folder / "env", python=interpreter.path, errand=errand, hold=hold)
        self._install(str(_python(folder)), lock, definition, target=None, hold=hold, errand=errand)
        packages = _site_packages(folder, lock)
        self._compiled.compile_folder(interpreter.path, lock.minor, packages, hold=hold, errand=errand)

    def _fill_prefix(
        self,
        folder: Path,
        lock: locks.Lock,
        definition: definitions.Definition,
        *,
        hold: int,
        errand: errands.Errand,
    ) -> None:
        """The prefix's own Python is never run here: it is whatever the channel says it is."""
        if self._channels is None:
            raise errors.Unsupported(
                "The lock holds packages of conda channels, and this server uses none.",
                hint="Set conda_offline to false, or lock the environment again as a new version.",
            )
        self._channels.install(lock.conda, folder / "env", credentials=definition.channels, errand=errand)
        slots.open_to_readers(folder)
        packages, interpreter = _site_packages(folder, lock), self._interpreter(lock)
        self._install(interpreter.path, lock, definition, target=packages, hold=hold, errand=errand)
        same = next((one for one in self._installed if one.minor == lock.minor), None)
        if same:
            self._compiled.compile_folder(same.path, lock.minor, packages, hold=hold, errand=errand)

    def _install(
        self,
        python: str,
        lock: locks.Lock,
        definition: definitions.Definition,
        *,
        target: Path | None,
        hold: int,
        errand: errands.Errand,
    ) -> None:
        if not lock.requirements.strip():
            return
        options = [_spelled(option, definition.pip_options) for option in lock.options]
        self._uv.install(
            lock.requirements,
            options,
            python=python,
            version=lock.python,
            target=target,
            errand=errand,
            hold=hold,
        )

    def _interpreter(self, lock: locks.Lock) -> pythons.Interpreter:
        if lock.conda:  # the overlay is solved by any interpreter, for the lock's version
            helper = pythons.choose(None, self._installed)[0]
            return dataclasses.replace(helper, version=lock.python)
        return pythons.for_lock(lock.python, self._installed, prefer_shared=self._prefer_shared)

    @contextlib.contextmanager
    def _record(self, digest: str, errand: errands.Errand) -> Iterator[errands.Errand]:
        """The errand whose log goes into the build's own file, too."""
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o755)
        with self.log_path(digest).open("a", encoding="utf-8") as file:

            def both(line: str) -> None:
                file.write(f"{clock.isoformat(clock.now())} {line}\n")
                file.flush()
                errand.say(line)

            yield dataclasses.replace(errand, say=both)


def _python(folder: Path) -> Path:
    return folder / "env/bin/python"


def _site_packages(folder: Path, lock: locks.Lock) -> Path:
    return folder / f"env/lib/python{lock.minor}/site-packages"


def _spelled(option: str, known: Sequence[str]) -> str:
    """The lock's option as the definition spells it, credentials included."""
    return next((one for one in known if addresses.without_credentials(one) == option), option)

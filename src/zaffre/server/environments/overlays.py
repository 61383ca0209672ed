"""The overlay: the scoring runtime and the few packages it needs, in a folder beside every environment.

Called by `builds`. The boot script puts the folder at the end of the environment's own search path, so whatever the
environment holds wins; `conflicts` finds beforehand what would then break the runtime.
"""

import dataclasses
import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging import requirements as pep508
from packaging import specifiers

from zaffre.server.environments import bytecode, errands, locks, pythons, requirements, slots, uv

# Packages of the overlay that the runtime takes in other versions too; of every other one it takes its pin alone.
_ACCEPTED = {"httptools": ">=0.6", "msgspec": ">=0.18.6"}
_PINS = "overlay.txt"
_DEBUGGER = ("debugpy>=1.8,<2",)
_BOOT = "zaffre_boot.py"


def conflicts(packages: Mapping[str, str], pins: Iterable[str], *, python: str) -> list[str]:
    """What in an environment would shadow a part of the runtime with something it does not work with, in sentences.

    `packages` are the environment's, by normal name with their versions; `pins` the lines of overlay.txt.
    """
    found = []
    for pin in map(pep508.Requirement, requirements.parse(pins, source=_PINS).requirements):
        held, accepted = packages.get(pin.name), _ACCEPTED.get(pin.name) or str(pin.specifier)
        applies = pin.marker is None or pin.marker.evaluate(
            {"python_version": ".".join(python.split(".")[:2])}
        )
        if held and applies and not specifiers.SpecifierSet(accepted).contains(held, prereleases=True):
            found.append(
                f"{pin.name} {held} is in the environment, and Zaffre's runtime works with {pin.name}{accepted}."
            )
    if "zaffre" in packages:
        found.append(
            "zaffre itself is in the environment, and would shadow the runtime that the server brings."
        )
    return found


@dataclasses.dataclass(frozen=True)
class Overlays:
    """The overlays below one folder; `source` is the folder of the package zaffre_runtime."""

    root: Path
    source: Path
    uv: uv.Uv
    compiled: bytecode.Store
    extra: tuple[str, ...] = ()

    def with_debugger(self) -> "Overlays":
        """Overlays that hold the debugger too: few deployments wait for one, so the others do not carry it."""
        return dataclasses.replace(self, extra=_DEBUGGER)

    def conflicts(self, lock: locks.Lock) -> list[str]:
        """What in a lock would break the runtime, in sentences."""
        return conflicts(lock.packages(), self._pins(), python=lock.python)

    def ensure(self, interpreter: pythons.Interpreter, *, errand: errands.Errand) -> Path:
        """The overlay for an interpreter's minor version, built if it is not there yet. Raises as `Uv` does."""
        slot = slots.Slot(self.root, self._digest(interpreter))
        folder = slot.path / "site"
        if not slot.is_complete():
            slot.fill(
                lambda path, hold: self._fill(path, interpreter, hold=hold, errand=errand),
                wait=lambda: errand.say("Another process prepares the scoring runtime; waiting for it."),
                check=errand.check,
            )
        slot.touch()
        return folder

    def _fill(
        self, path: Path, interpreter: pythons.Interpreter, *, hold: int, errand: errands.Errand
    ) -> None:
        errand.say(f"Preparing the scoring runtime for Python {interpreter.minor}.")
        folder = path / "site"
        text = self.uv.compile(
            self._pins(), (), python=interpreter.path, version=interpreter.version, errand=errand
        )
        self.uv.install(
            text,
            (),
            python=interpreter.path,
            version=interpreter.version,
            target=folder,
            errand=errand,
            hold=hold,
        )
        shutil.copytree(
            self.source,
            folder / self.source.name,
            ignore=shutil.ignore_patterns("__pycache__", "*.pyc", _BOOT),
        )
        shutil.copyfile(self.source / _BOOT, folder / _BOOT)
        slots.open_to_readers(path)
        self.compiled.compile_folder(interpreter.path, interpreter.minor, folder, hold=hold, errand=errand)

    def _pins(self) -> list[str]:
        lines = (self.source / _PINS).read_text(encoding="utf-8").splitlines()
        return [*requirements.parse(lines, source=_PINS).requirements, *self.extra]

    def _digest(self, interpreter: pythons.Interpreter) -> str:
        digest = hashlib.sha256(f"{interpreter.minor} {interpreter.platform} {self.extra}".encode())
        for file in sorted(self.source.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"\n{file.relative_to(self.source)} {content}".encode())
        return digest.hexdigest()

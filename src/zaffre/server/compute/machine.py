"""How this machine is: load, memory, disk, GPUs; and what is wrong with it before another process goes onto it.

Called by whoever shows figures, and when a deployment is accepted.
"""

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

_QUERY = ("--query-gpu=index,utilization.gpu,memory.total,memory.used", "--format=csv,noheader,nounits")
_PATIENCE_S = 5


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One device now; the rate is from 0 to 1."""

    id: str
    utilization: float
    memory_bytes: int
    used_bytes: int


@dataclasses.dataclass(frozen=True)
class Figures:
    """The machine now."""

    cpu_cores: int
    load: float
    memory_bytes: int
    available_bytes: int
    disk_bytes: int
    free_bytes: int
    gpus: tuple[Gpu, ...] = ()

    def document(self) -> dict[str, object]:
        """As the world sees it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Shares from 0 to 1 above which a machine counts as full; `load` is processes that want to run, per core."""

    load: float = 4.0
    memory: float = 0.9
    disk: float = 0.9
    gpu_memory: float = 0.95


class Watch:
    """The newest look at the machine. `folder` names the disk that is meant. GPUs take long to ask: `refresh` does."""

    def __init__(self, folder: Path, limits: Thresholds) -> None:
        self._folder = folder
        self._limits = limits
        self._newest_gpus: tuple[Gpu, ...] = ()

    def refresh(self) -> None:
        """Ask the GPUs how they are. Called by the loop that looks at deployments."""
        self._newest_gpus = _gpus()

    def figures(self) -> Figures:
        """The machine now, its GPUs as of the last `refresh`."""
        return look(self._folder, self._newest_gpus)

    def warnings(self) -> list[str]:
        """What speaks against another deployment here, one line each."""
        return warnings(self.figures(), self._limits)


def look(folder: Path, gpus: tuple[Gpu, ...] = ()) -> Figures:
    """See it now."""
    total, available = _memory()
    disk = shutil.disk_usage(folder)
    return Figures(
        cpu_cores=len(os.sched_getaffinity(0)),
        load=os.getloadavg()[0],
        memory_bytes=total,
        available_bytes=available,
        disk_bytes=disk.total,
        free_bytes=disk.free,
        gpus=gpus,
    )


def warnings(figures: Figures, limits: Thresholds) -> list[str]:
    """What speaks against another deployment here, one line each."""
    found = []
    if figures.load > limits.load * figures.cpu_cores:
        found.append(
            f"The machine is busy: {figures.load:.1f} processes want its {figures.cpu_cores} cores (machine_load_warning)."
        )
    _full(
        found, "memory", figures.memory_bytes - figures.available_bytes, figures.memory_bytes, limits.memory
    )
    _full(found, "disk", figures.disk_bytes - figures.free_bytes, figures.disk_bytes, limits.disk)
    for gpu in figures.gpus:
        _full(found, f"GPU {gpu.id}", gpu.used_bytes, gpu.memory_bytes, limits.gpu_memory)
    return found


def _full(found: list[str], what: str, used: int, total: int, limit: float) -> None:
    if total and used > limit * total:
        setting = "gpu_memory" if what.startswith("GPU") else what
        found.append(
            f"The machine's {what} is nearly full: {100 * used / total:.0f} per cent (machine_{setting}_warning)."
        )


def _memory() -> tuple[int, int]:
    """All of it, and what is available to new processes."""
    found = {}
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            found[name] = int(value.split()[0]) * 1024
    return found.get("MemTotal", 0), found.get("MemAvailable", 0)


def _gpus() -> tuple[Gpu, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, *_QUERY], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_gpus(done.stdout) if done.returncode == 0 else ()


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """The GPUs of nvidia-smi's table; lines that are not understood are left out."""
    found = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and all(field.isdigit() for field in fields):
            identity, busy, total, used = fields
            found.append(Gpu(identity, int(busy) / 100, int(total) << 20, int(used) << 20))
    return tuple(found)

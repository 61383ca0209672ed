"""The GPUs of this machine: asked of nvidia-smi, or declared by the setting `gpus`. Called when a server starts.

Declared ones serve where nvidia-smi is not: other makers' devices, and tests. They are names to hand out, nothing more.
"""

import dataclasses
import re
import shutil
import subprocess

from zaffre.core import errors

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_-]{0,63}")
_QUERY = ("--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits")
_PATIENCE_S = 10


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One device. `id` is what CUDA_VISIBLE_DEVICES calls it; the rest is empty for a declared one."""

    id: str
    name: str = ""
    memory_bytes: int = 0


def find(setting: str) -> list[Gpu]:
    """The GPUs that a setting means: `auto`, `none`, or their ids with commas between them. Raises Invalid."""
    plain = setting.strip()
    if plain.lower() in ("none", "off", ""):
        return []
    if plain.lower() == "auto":
        return _listed()
    ids = [one.strip() for one in plain.split(",")]
    wrong = [one for one in ids if not _ID.fullmatch(one)]
    if wrong or len(set(ids)) != len(ids):
        raise errors.Invalid(
            f"The setting gpus is {setting!r}, which is no list of ids.",
            hint="Write auto, none, or ids such as 0,1.",
        )
    return [Gpu(one) for one in ids]


def _listed() -> list[Gpu]:
    """What nvidia-smi says; nothing when it is not there or knows of none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, *_QUERY], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parse(done.stdout) if done.returncode == 0 else []


def parse(text: str) -> list[Gpu]:
    """The GPUs of nvidia-smi's table; lines that are not understood are left out."""
    found = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 3 and fields[0].isdigit():
            size = int(fields[2]) << 20 if fields[2].isdigit() else 0
            found.append(Gpu(fields[0], fields[1], size))
    return found

"""What an `instance_type` of a deployment file means: cores, memory, GPUs. Pure, but for reading a user's table.

Called through `service`. On local compute the figures are upper limits, not reservations. Cores and memory are
those that Microsoft publishes for its sizes, so that a file that names one behaves alike here.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zaffre.core import errors

_GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class InstanceType:
    """A size of machine."""

    name: str
    cpu_cores: float
    memory_bytes: int
    gpus: int = 0


# Families whose members differ by the number of cores alone: pattern, cores, GiB for each core.
_FAMILIES: tuple[tuple[str, tuple[int, ...], float], ...] = (
    ("Standard_D{}_v3", (2, 4, 8, 16, 32, 48, 64), 4),
    ("Standard_D{}s_v3", (2, 4, 8, 16, 32, 48, 64), 4),
    ("Standard_D{}_v4", (2, 4, 8, 16, 32, 48, 64), 4),
    ("Standard_D{}s_v4", (2, 4, 8, 16, 32, 48, 64), 4),
    ("Standard_D{}d_v4", (2, 4, 8, 16, 32, 48, 64), 4),
    ("Standard_D{}ds_v4", (2, 4, 8, 16, 32, 48, 64), 4),
    ("Standard_D{}a_v4", (2, 4, 8, 16, 32, 48, 64, 96), 4),
    ("Standard_D{}as_v4", (2, 4, 8, 16, 32, 48, 64, 96), 4),
    ("Standard_D{}_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4),
    ("Standard_D{}s_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4),
    ("Standard_D{}d_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4),
    ("Standard_D{}ds_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4),
    ("Standard_D{}as_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4),
    ("Standard_D{}ads_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4),
    ("Standard_E{}_v3", (2, 4, 8, 16, 20, 32, 48), 8),
    ("Standard_E{}s_v3", (2, 4, 8, 16, 20, 32, 48), 8),
    ("Standard_E{}_v4", (2, 4, 8, 16, 20, 32, 48), 8),
    ("Standard_E{}s_v4", (2, 4, 8, 16, 20, 32, 48), 8),
    ("Standard_E{}d_v4", (2, 4, 8, 16, 20, 32, 48), 8),
    ("Standard_E{}ds_v4", (2, 4, 8, 16, 20, 32, 48), 8),
    ("Standard_E{}as_v4", (2, 4, 8, 16, 20, 32, 48, 64), 8),
    ("Standard_E{}s_v5", (2, 4, 8, 16, 20, 32, 48, 64), 8),
    ("Standard_E{}ds_v5", (2, 4, 8, 16, 20, 32, 48, 64), 8),
    ("Standard_F{}s", (1, 2, 4, 8, 16), 2),
    ("Standard_F{}s_v2", (2, 4, 8, 16, 32, 48, 64, 72), 2),
    ("Standard_FX{}mds", (4, 12, 24, 36, 48), 21),
    ("Standard_L{}s", (4, 8, 16, 32), 8),
    ("Standard_L{}s_v2", (8, 16, 32, 48, 64, 80), 8),
    ("Standard_L{}s_v3", (8, 16, 32, 48, 64, 80), 8),
    ("Standard_A{}_v2", (1, 2, 4, 8), 2),
)

# The rest: name, cores, GiB, GPUs.
_SINGLE: tuple[tuple[str, float, float, int], ...] = (
    ("Standard_D1_v2", 1, 3.5, 0),
    ("Standard_D2_v2", 2, 7, 0),
    ("Standard_D3_v2", 4, 14, 0),
    ("Standard_D4_v2", 8, 28, 0),
    ("Standard_D5_v2", 16, 56, 0),
    ("Standard_D11_v2", 2, 14, 0),
    ("Standard_D12_v2", 4, 28, 0),
    ("Standard_D13_v2", 8, 56, 0),
    ("Standard_D14_v2", 16, 112, 0),
    ("Standard_DS1_v2", 1, 3.5, 0),
    ("Standard_DS2_v2", 2, 7, 0),
    ("Standard_DS3_v2", 4, 14, 0),
    ("Standard_DS4_v2", 8, 28, 0),
    ("Standard_DS5_v2", 16, 56, 0),
    ("Standard_DS11_v2", 2, 14, 0),
    ("Standard_DS12_v2", 4, 28, 0),
    ("Standard_DS13_v2", 8, 56, 0),
    ("Standard_DS14_v2", 16, 112, 0),
    ("Standard_DS15_v2", 20, 140, 0),
    ("Standard_B1s", 1, 1, 0),
    ("Standard_B1ms", 1, 2, 0),
    ("Standard_B2s", 2, 4, 0),
    ("Standard_B2ms", 2, 8, 0),
    ("Standard_B4ms", 4, 16, 0),
    ("Standard_B8ms", 8, 32, 0),
    ("Standard_E64s_v3", 64, 432, 0),
    ("Standard_E64s_v4", 64, 504, 0),
    ("Standard_NC6", 6, 56, 1),
    ("Standard_NC12", 12, 112, 2),
    ("Standard_NC24", 24, 224, 4),
    ("Standard_NC6s_v2", 6, 112, 1),
    ("Standard_NC12s_v2", 12, 224, 2),
    ("Standard_NC24s_v2", 24, 448, 4),
    ("Standard_NC6s_v3", 6, 112, 1),
    ("Standard_NC12s_v3", 12, 224, 2),
    ("Standard_NC24s_v3", 24, 448, 4),
    ("Standard_NC24rs_v3", 24, 448, 4),
    ("Standard_NC4as_T4_v3", 4, 28, 1),
    ("Standard_NC8as_T4_v3", 8, 56, 1),
    ("Standard_NC16as_T4_v3", 16, 110, 1),
    ("Standard_NC64as_T4_v3", 64, 440, 4),
    ("Standard_NC24ads_A100_v4", 24, 220, 1),
    ("Standard_NC48ads_A100_v4", 48, 440, 2),
    ("Standard_NC96ads_A100_v4", 96, 880, 4),
    ("Standard_NC40ads_H100_v5", 40, 320, 1),
    ("Standard_NC80adis_H100_v5", 80, 640, 2),
    ("Standard_ND40rs_v2", 40, 672, 8),
    ("Standard_ND96asr_v4", 96, 900, 8),
    ("Standard_ND96amsr_A100_v4", 96, 1900, 8),
    ("Standard_ND96isr_H100_v5", 96, 1900, 8),
    ("Standard_NV12s_v3", 12, 112, 1),
    ("Standard_NV24s_v3", 24, 224, 2),
    ("Standard_NV48s_v3", 48, 448, 4),
    ("Standard_NV36ads_A10_v5", 36, 440, 1),
    ("Standard_NV72ads_A10_v5", 72, 880, 2),
    ("defaultinstancetype", 2, 2, 0),  # what a Kubernetes cluster has from the start
)


class InstanceTypes:
    """The built-in sizes and a user's own, by name in any case, with or without `Standard_`."""

    def __init__(self, own: Mapping[str, InstanceType] | None = None) -> None:
        self._by_key = {_key(kind.name): kind for kind in [*_builtin(), *(own or {}).values()]}

    def get(self, name: str) -> InstanceType:
        """The size of that name. Raises Invalid, naming the nearest."""
        found = self._by_key.get(_key(name))
        if found:
            return found
        near = difflib.get_close_matches(_key(name), self._by_key, n=3, cutoff=0.5)
        names = ", ".join(self._by_key[key].name for key in near)
        hint = f"Near to it: {names}." if near else "For example Standard_DS3_v2."
        raise errors.Invalid(
            f"There is no instance type {name!r}.",
            hint=f"{hint} Own types stand in the file that the setting instance_types_file names.",
        )

    def list(self) -> list[InstanceType]:
        """All sizes, small before large."""
        return sorted(
            self._by_key.values(), key=lambda kind: (kind.gpus, kind.cpu_cores, kind.memory_bytes, kind.name)
        )


def load(file: Path | None) -> InstanceTypes:
    """The built-in sizes, extended and overridden by a TOML file. Raises Invalid.

    The file has one table for each name: `[edge-small]`, then `cpu_cores = 0.5`, `memory_gib = 1`, `gpus = 0`.
    """
    if file is None:
        return InstanceTypes()
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise errors.Invalid(
            f"The table of instance types {file} cannot be read: {error}.",
            hint="See the setting instance_types_file.",
        ) from error
    return InstanceTypes({name: _parse(file, name, table) for name, table in tables.items()})


def _parse(file: Path, name: str, table: Any) -> InstanceType:
    known = {"cpu_cores", "memory_gib", "gpus"}
    if not isinstance(table, dict) or not {"cpu_cores", "memory_gib"} <= table.keys() <= known:
        raise errors.Invalid(
            f"{file}: [{name}] must hold cpu_cores and memory_gib, may hold gpus, and nothing else."
        )
    cores, memory, gpus = table["cpu_cores"], table["memory_gib"], table.get("gpus", 0)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (cores, memory))
    if not numbers or not (0 < cores < 1e5 and 0 < memory < 1e6):
        raise errors.Invalid(f"{file}: [{name}] needs positive numbers for cpu_cores and memory_gib.")
    if not isinstance(gpus, int) or isinstance(gpus, bool) or gpus < 0:
        raise errors.Invalid(f"{file}: [{name}] needs a whole number of gpus.")
    return InstanceType(name, cores, int(memory * _GIB), gpus)


def _builtin() -> Iterator[InstanceType]:
    for pattern, counts, gib_per_core in _FAMILIES:
        for cores in counts:
            yield InstanceType(pattern.format(cores), cores, int(cores * gib_per_core * _GIB))
    for name, single_cores, gib, gpus in _SINGLE:
        yield InstanceType(name, single_cores, int(gib * _GIB), gpus)


def _key(name: str) -> str:
    return name.strip().lower().removeprefix("standard_")

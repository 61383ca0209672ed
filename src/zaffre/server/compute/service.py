"""What the rooms above may ask of compute beside a `ServiceRunner`: sizes of machines and facts of this one."""

import dataclasses
import os

from zaffre.server.compute import gpus as devices
from zaffre.server.compute import instance_types, ports


@dataclasses.dataclass(frozen=True)
class Machine:
    """The cores that this process may run on, and the memory of the machine."""

    cpu_cores: float
    memory_bytes: int
    gpus: tuple[devices.Gpu, ...] = ()


def machine(gpus_setting: str = "none") -> Machine:
    """The facts of the machine that the server runs on. Raises Invalid for a setting `gpus` that means nothing."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(len(os.sched_getaffinity(0)), memory, tuple(devices.find(gpus_setting)))


def limits_of(types: instance_types.InstanceTypes, name: str) -> ports.Limits:
    """The upper limits that the `instance_type` of a deployment sets. Raises Invalid."""
    kind = types.get(name)
    return ports.Limits(cpu_cores=kind.cpu_cores, memory_bytes=kind.memory_bytes)


def gpus_of(types: instance_types.InstanceTypes, name: str) -> int:
    """How many GPUs a machine of that type has. Raises NotFound."""
    return types.get(name).gpus

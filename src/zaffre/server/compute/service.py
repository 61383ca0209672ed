"""What the rooms above may ask of compute beside a `ServiceRunner`: sizes of machines and facts of this one."""

import dataclasses
import os

from zaffre.server.compute import instance_types, ports


@dataclasses.dataclass(frozen=True)
class Machine:
    """The cores that this process may run on, and the memory of the machine."""

    cpu_cores: int
    memory_bytes: int


def machine() -> Machine:
    """The facts of the machine that the server runs on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(cpu_cores=len(os.sched_getaffinity(0)), memory_bytes=memory)


def limits_of(types: instance_types.InstanceTypes, name: str) -> ports.Limits:
    """The upper limits that the `instance_type` of a deployment sets. Raises NotFound."""
    kind = types.get(name)
    return ports.Limits(cpu_cores=kind.cpu_cores, memory_bytes=kind.memory_bytes)

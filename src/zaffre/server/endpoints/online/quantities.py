"""Amounts of cores and memory as Kubernetes files write them, and whether what is asked for fits the machine. Pure."""

import dataclasses
import re
from collections.abc import Iterable

from zaffre.contracts import online_deployment as contract
from zaffre.contracts import settings as parts
from zaffre.core import errors

_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|K|k|M|G|T|)")
_FACTORS = {
    "": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Amount:
    """Cores and bytes; 0 where nothing was said."""

    cpu_cores: float = 0.0
    memory_bytes: int = 0

    def times(self, count: int) -> "Amount":
        return Amount(self.cpu_cores * count, self.memory_bytes * count)

    def plus(self, other: "Amount") -> "Amount":
        return Amount(self.cpu_cores + other.cpu_cores, self.memory_bytes + other.memory_bytes)


def cpu(text: str) -> float:
    """Cores of `500m` or `0.5`. Raises Invalid."""
    match = _CPU.fullmatch(text.strip())
    if match is None:
        raise errors.Invalid(f"{text!r} is not an amount of cpu.", hint="Write '0.5' or '500m'.")
    return float(match[1]) / (1000 if match[2] else 1)


def memory(text: str) -> int:
    """Bytes of `512Mi` or `1Gi`. Raises Invalid."""
    match = _MEMORY.fullmatch(text.strip())
    if match is None:
        raise errors.Invalid(f"{text!r} is not an amount of memory.", hint="Write '512Mi' or '2Gi'.")
    return int(float(match[1]) * _FACTORS[match[2]])


def requested(deployment: contract.OnlineDeployment) -> Amount:
    """What one instance is promised; only explicit requests count."""
    resources = getattr(deployment, "resources", None)
    return _amount(resources.requests if resources else None)


def limited(deployment: contract.OnlineDeployment) -> Amount:
    """What one instance may not exceed, as its own file says."""
    resources = getattr(deployment, "resources", None)
    return _amount(resources.limits if resources else None)


def no_room(asked: Amount, others: Iterable[Amount], machine: Amount) -> str:
    """Why an amount does not fit beside the others, or nothing when it does."""
    taken = Amount()
    for other in others:
        taken = taken.plus(other)
    if asked.cpu_cores and taken.cpu_cores + asked.cpu_cores > machine.cpu_cores:
        return (
            f"It asks for {asked.cpu_cores:g} cores; {taken.cpu_cores:g} of {machine.cpu_cores:g} are taken."
        )
    if asked.memory_bytes and taken.memory_bytes + asked.memory_bytes > machine.memory_bytes:
        return (
            f"It asks for {_mib(asked.memory_bytes)} of memory; {_mib(taken.memory_bytes)} of "
            f"{_mib(machine.memory_bytes)} are taken."
        )
    return ""


def _amount(given: parts.ResourceSettings | None) -> Amount:
    if given is None:
        return Amount()
    return Amount(cpu(given.cpu) if given.cpu else 0.0, memory(given.memory) if given.memory else 0)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"

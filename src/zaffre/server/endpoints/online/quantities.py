"""Amounts of cores, memory and GPUs as Kubernetes files write them, and whether what is asked for fits the machine. Pure."""

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
_MOST_GPUS = 1024
_TINY = 1e-9


@dataclasses.dataclass(frozen=True)
class Amount:
    """Cores, bytes and GPUs; 0 where nothing was said."""

    cpu_cores: float = 0.0
    memory_bytes: int = 0
    gpus: int = 0

    def times(self, count: int) -> "Amount":
        return Amount(self.cpu_cores * count, self.memory_bytes * count, self.gpus * count)

    def plus(self, other: "Amount") -> "Amount":
        return Amount(
            self.cpu_cores + other.cpu_cores, self.memory_bytes + other.memory_bytes, self.gpus + other.gpus
        )

    def beside(self, own: "Amount") -> "Amount":
        """What this adds for a deployment that holds `own`: cores and memory of its two revisions are counted once."""
        return Amount(
            max(self.cpu_cores - own.cpu_cores, 0.0), max(self.memory_bytes - own.memory_bytes, 0), self.gpus
        )


def total(amounts: Iterable[Amount]) -> Amount:
    """All of them together."""
    found = Amount()
    for amount in amounts:
        found = found.plus(amount)
    return found


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


def gpus(text: str) -> int:
    """A number of GPUs, which cannot be shared. Raises Invalid."""
    if not text.strip().isdigit() or int(text) > _MOST_GPUS:
        raise errors.Invalid(f"{text!r} is not a number of GPUs.", hint="Write a whole number, such as '1'.")
    return int(text)


def requested(deployment: contract.OnlineDeployment) -> Amount:
    """What one instance is promised; only explicit requests count. A limit of GPUs is a request, as on Kubernetes."""
    resources = getattr(deployment, "resources", None)
    if resources is None:
        return Amount()
    asked, limit = _amount(resources.requests), _amount(resources.limits)
    if asked.gpus and limit.gpus and asked.gpus != limit.gpus:
        raise errors.Invalid(
            f"resources.requests asks for {asked.gpus} GPUs and resources.limits for {limit.gpus}.",
            hint="GPUs are not shared: write the same number, or give one of both.",
        )
    return dataclasses.replace(asked, gpus=asked.gpus or limit.gpus)


def limited(deployment: contract.OnlineDeployment) -> Amount:
    """What one instance may not exceed, as its own file says."""
    resources = getattr(deployment, "resources", None)
    return _amount(resources.limits if resources else None)


def no_room(asked: Amount, taken: Amount, machine: Amount) -> str:
    """Why an amount does not fit beside what is taken, or nothing when it does."""
    if asked.cpu_cores and taken.cpu_cores + asked.cpu_cores > machine.cpu_cores + _TINY:
        whole, never = f"{machine.cpu_cores:g}", asked.cpu_cores > machine.cpu_cores + _TINY
        return _lacks(f"{asked.cpu_cores:g} cores", f"{taken.cpu_cores:g}", whole, never=never)
    if asked.memory_bytes and taken.memory_bytes + asked.memory_bytes > machine.memory_bytes:
        whole, never = _mib(machine.memory_bytes), asked.memory_bytes > machine.memory_bytes
        return _lacks(f"{_mib(asked.memory_bytes)} of memory", _mib(taken.memory_bytes), whole, never=never)
    if asked.gpus and taken.gpus + asked.gpus > machine.gpus:
        wanted = "1 GPU" if asked.gpus == 1 else f"{asked.gpus} GPUs"
        return _lacks(wanted, f"{taken.gpus}", f"{machine.gpus}", never=asked.gpus > machine.gpus)
    return ""


def _lacks(wanted: str, taken: str, whole: str, *, never: bool) -> str:
    if never:
        return f"It asks for {wanted}, and this machine has {whole}: ask for less, or use a larger machine."
    return f"It asks for {wanted}; {taken} of {whole} are taken."


def _amount(given: parts.ResourceSettings | None) -> Amount:
    if given is None:
        return Amount()
    return Amount(
        cpu(given.cpu) if given.cpu else 0.0,
        memory(given.memory) if given.memory else 0,
        gpus(given.gpu) if given.gpu else 0,
    )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"

"""GPUs handed out by index: who has which is read from the processes that live, so that a new server knows it, too."""

from collections.abc import Mapping, Sequence

from zaffre.server.endpoints.online import facts

VARIABLES = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")


class Devices:
    """The GPUs of the machine. `look` at the processes that live, then `take` for those that start."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = tuple(ids)
        self._in_use: dict[facts.Slot, tuple[str, ...]] = {}

    def look(self, in_use: Mapping[facts.Slot, tuple[str, ...]]) -> None:
        """Forget what was taken before; this is who lives now, and what each has."""
        self._in_use = {slot: ids for slot, ids in in_use.items() if ids}

    def take(self, slot: facts.Slot, count: int, *, at_most: bool = False) -> tuple[str, ...] | None:
        """GPUs that nobody else has, or None when they are too few (with `at_most`: those that there are).

        The workers of one instance have the same.
        """
        for other, ids in self._in_use.items():
            if (other.replicas, other.instance) == (slot.replicas, slot.instance):
                self._in_use[slot] = ids
                return ids
        taken = {one for ids in self._in_use.values() for one in ids}
        free = [one for one in self.ids if one not in taken]
        if len(free) < count and not at_most:
            return None
        if count:
            self._in_use[slot] = tuple(free[:count])
        return tuple(free[:count])


def variables(ids: Sequence[str]) -> dict[str, str]:
    """What a process is told: only these are there for it."""
    return {name: ",".join(ids) or ("void" if name.startswith("NVIDIA") else "") for name in VARIABLES}

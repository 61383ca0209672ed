"""From the router's own codes to those that clients saw, and which of them count as errors. Pure.

The router counts its refusal for too many requests as 503 and its timeout as 504; on their way out they become 429
and 408 (`router.replies`).
"""

from collections.abc import Mapping

TIMEOUT, REFUSED = 408, 429
_RENAMED = (("refused", 503, REFUSED), ("timed_out", 504, TIMEOUT))
_FAULTS = frozenset({TIMEOUT, 424, REFUSED})


def as_clients_saw(added: Mapping[str, float]) -> dict[str, float]:
    """Counts of a slice with the router's own answers under the codes that clients got."""
    found = dict(added)
    for kind, inside, outside in _RENAMED:
        moved = min(found.get(kind, 0), found.get(f"code.{inside}", 0))
        if moved:
            found[f"code.{inside}"] -= moved
            found[f"code.{outside}"] = found.get(f"code.{outside}", 0) + moved
    return {name: count for name, count in found.items() if count}


def is_error(code: int) -> bool:
    """Whether the deployment failed the client: 5xx, 408, 424 and 429. Other 4xx are the client's own mistakes."""
    return code >= 500 or code in _FAULTS

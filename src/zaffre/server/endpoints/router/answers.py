"""From the router's own codes to those that clients saw, and which of them count as errors. Pure.

The router counts its refusal for too many requests as 503, its timeouts as 504 and a body that is too large as 507; on
their way out they become 429, 408 and 413 (`router.replies`). Replicas answer with none of the last two: what a script
says is 424.
"""

from collections.abc import Mapping

from zaffre.server.endpoints.router import stats

TIMEOUT, REFUSED = 408, 429
_ALWAYS = {504: TIMEOUT, 507: 413}
_FAULTS = frozenset({TIMEOUT, 424, REFUSED})


def as_clients_saw(added: Mapping[str, float]) -> dict[str, float]:
    """Counts of a slice with the router's own answers under the codes that clients got."""
    found = dict(added)
    _move(found, 503, REFUSED, found.get("refused", 0))
    for inside, outside in _ALWAYS.items():
        _move(found, inside, outside, found.get(f"code.{inside}", 0))
    return {name: count for name, count in found.items() if count}


def codes(span: stats.Cluster) -> dict[int, int]:
    """How many clients got which code from one cluster."""
    counted = {f"code.{code}": float(count) for code, count in span.codes.items()}
    seen = as_clients_saw({**counted, "refused": span.refused})
    return {int(name[5:]): int(count) for name, count in seen.items() if name.startswith("code.")}


def _move(found: dict[str, float], inside: int, outside: int, most: float) -> None:
    moved = min(most, found.get(f"code.{inside}", 0))
    if moved:
        found[f"code.{inside}"] -= moved
        found[f"code.{outside}"] = found.get(f"code.{outside}", 0) + moved


def is_error(code: int) -> bool:
    """Whether the deployment failed the client: 5xx, 408, 424 and 429. Other 4xx are the client's own mistakes."""
    return code >= 500 or code in _FAULTS

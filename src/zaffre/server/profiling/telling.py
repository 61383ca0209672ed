"""A profile in the words of Azure ML's `Model.profile`: from runs to the document, good or bad. Pure; called by `work`."""

from collections.abc import Sequence
from typing import Any

from zaffre.contracts import profile as contract
from zaffre.core import clock, errors
from zaffre.server import operations
from zaffre.server.profiling import recommending

Facts = dict[str, Any]


def head(request: Facts) -> Facts:
    """What stands in every profile: what was asked."""
    asked = request["asked"]
    state: contract.State = "Succeeded"
    said = {
        "name": asked["name"],
        "description": asked["description"],
        "createdTime": clock.isoformat(clock.now()),
        "state": state,
        "requestedCpu": asked["cpu"],
        "requestedMemoryInGB": asked["memory_in_gb"],
        "requestedQueriesPerSecond": asked["requests_per_second"],
    }
    return {name: value for name, value in said.items() if value is not None}


def failed(head: Facts, error: errors.ZaffreError, task: operations.Task) -> Facts:
    """A profile that found nothing: what was asked, and why it ended."""
    return {
        **head,
        "state": _state(error),
        "error": error.detail,
        "errorLogsUri": f"/api/v1/workspaces/{task.workspace}/operations/{task.id}",
    }


def _state(error: errors.ZaffreError) -> contract.State:
    if isinstance(error, operations.GivenUp):
        return "Cancelled"
    return "TimedOut" if isinstance(error, errors.TimedOut) else "Failed"


def proved(
    again: recommending.Run, runs: Sequence[recommending.Run], rate: float, *, memory: float, holds: bool
) -> Facts:
    """The recommended size, run once more: its figures are the profile's."""
    error = again.problem or (
        "" if holds else "The recommended size did not do as well when it was run once more."
    )
    return {
        **_figures(again),
        "requestedQueriesPerSecond": round(rate, 3),
        "recommendedCpu": again.cpu,
        "recommendedMemoryInGB": memory,
        **({"error": error} if error else {}),
        "zaffre": {"recommendationHolds": holds, "proof": again.document(), "sizes": _documents(runs)},
    }


def without(runs: Sequence[recommending.Run], rate: float) -> Facts:
    """No size did. The largest one's figures are there, and why nothing is recommended."""
    last = runs[-1]
    why = last.problem or (
        f"{last.sent - len(last.latencies_ms)} of {last.sent} requests were not answered with 200"
        if last.success_rate < 1
        else f"its 99th percentile is {last.percentile(99):.1f} ms"
    )
    return {
        **_figures(last),
        "requestedQueriesPerSecond": round(rate, 3),
        "error": f"No size up to {last.cpu:g} cores does what is asked: {why}.",
        "zaffre": {"recommendationHolds": False, "sizes": _documents(runs)},
    }


def _figures(run: recommending.Run) -> Facts:
    figures = run.document()
    return {
        key: value
        for key, value in figures.items()
        if key not in ("cpu", "memoryInGB", "startSeconds", "error")
    }


def _documents(runs: Sequence[recommending.Run]) -> list[Facts]:
    return [dict(run.document()) for run in runs]

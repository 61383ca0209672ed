"""A deployment with `optimize: onnx`: its model is converted when the revision is prepared, or found converted before.

What was decided is written beside the files of the set, so that a restart serves the same. Called by `preparing`, on its
threads; the conversion itself is the conversion room's.
"""

import json
from pathlib import Path
from typing import Any

from zaffre.contracts import conversion as contract
from zaffre.contracts import model as model_contract
from zaffre.core import errors
from zaffre.server import access
from zaffre.server.conversion import service as conversions
from zaffre.server.conversion import work
from zaffre.server.environments import errands

_CALLER = access.system("endpoints")
_DECISION = "optimized.json"
_SERVING = "no-code-onnx"

Decided = tuple[dict[str, Any], str | None]
"""What is served in place of what the revision was resolved to, and what everybody should know of it."""


class Optimizer:
    """One for each server. What is given up ends; when the server stops, a conversion's job goes on for the next one."""

    def __init__(self, means: work.Means) -> None:
        self._means = means

    def __call__(
        self, set_id: str, workspace: str, resolved: dict[str, Any], *, folder: Path, errand: errands.Errand
    ) -> Decided:
        """Raises why there is no faster form, unless the deployment said that the original shall then be served."""
        if not resolved.get("optimize"):
            return resolved, None
        kept = folder / _DECISION
        if kept.is_file():
            found = json.loads(kept.read_text(encoding="utf-8"))
            return found["resolved"], found["note"]
        try:
            return self._optimized(set_id, workspace, resolved, errand)
        except InterruptedError:
            raise
        except errors.ZaffreError as error:
            if resolved["optimize"]["required"]:
                raise
            errand.say(f"The original model is served: {error.detail}")
            return resolved, f"The original model is served, not an ONNX form: {error.detail}"

    @staticmethod
    def keep(folder: Path, decided: Decided) -> None:
        """Remember a decision beside the files that were placed by it."""
        resolved, note = decided
        if resolved.get("optimize"):
            (folder / _DECISION).write_text(
                json.dumps({"resolved": resolved, "note": note}), encoding="utf-8"
            )

    def _optimized(
        self, set_id: str, workspace: str, resolved: dict[str, Any], errand: errands.Errand
    ) -> Decided:
        source = resolved["models"][0]
        with self._means.database.read() as uow:
            made = conversions.find_made(uow, _CALLER, workspace, source["name"], source["version"])
        if made is None:
            errand.say(f"Converting models/{source['name']}:{source['version']} to ONNX.")
            made = self._convert(set_id, workspace, resolved, errand)
        model = {**source, "type": made.type, "address": made.path}
        served = {**resolved, "models": [model], "environment": {"id": _SERVING, "curated": _SERVING}}
        return served, _note(made, source)

    def _convert(
        self, set_id: str, workspace: str, resolved: dict[str, Any], errand: errands.Errand
    ) -> model_contract.Model:
        optimize = resolved["optimize"]
        request = {
            "caller": {
                "name": optimize["caller"],
                "reason": "optimize: onnx of a deployment",
                "request_id": "",
            },
            "asked": contract.Conversion().model_dump(mode="json"),
            "source": resolved["models"][0],
            "environment": resolved["environment"],
            "sample": None,
        }
        return work.convert(
            self._means,
            f"optimize-{set_id}",
            workspace,
            request,
            check=errand.check,
            progress=_Lines(errand),
        ).model


class _Lines:
    """Progress as lines of the build's log, each once."""

    def __init__(self, errand: errands.Errand) -> None:
        self._errand = errand
        self._said = ""

    def __call__(self, _fraction: float, message: str) -> None:
        if message != self._said:
            self._said = message
            self._errand.say(message)


def _note(made: model_contract.Model, source: dict[str, Any]) -> str:
    ratio = made.properties.get("zaffre.speedup_1")
    told = f", {float(ratio):.1f} times as fast for one row when it was converted" if ratio else ""
    return f"models/{made.name}:{made.version} is served, the ONNX form of {source['name']}:{source['version']}{told}."

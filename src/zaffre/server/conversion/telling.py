"""What a conversion's outcome is called: the new version with where it comes from, or the error with what to do. Pure."""

from typing import Any

from zaffre.contracts import model as model_contract
from zaffre.core import errors
from zaffre.server.compute import jobs

_KEPT = (
    "opset", "numbers", "framework", "model_type", "sample", "rtol", "atol", "largest_difference", "methods",
    "original_ms_1", "onnx_ms_1", "speedup_1", "original_ms_1000", "onnx_ms_1000", "speedup_1000",
)  # fmt: skip
_MEMORY = "more memory than its limit"
_MORE_MEMORY = (
    "An administrator may give conversions more: the setting conversion_memory_bytes of the server."
)


def version(name: str, path: str, source: dict[str, Any], facts: dict[str, Any]) -> model_contract.Model:
    """The version to register. Every fact is a property, so that `model show` tells how it was made."""
    origin = f"{source['name']}:{source['version']}"
    said = {f"zaffre.{key}": _text(facts[key]) for key in _KEPT if facts.get(key) is not None}
    converters = facts.get("converters") or {}
    said["zaffre.converters"] = ", ".join(f"{key} {value}" for key, value in sorted(converters.items()))
    return model_contract.Model(
        name=name,
        path=path,
        type="custom_model",
        description=f"ONNX form of {origin}.",
        tags={"converted_from": origin, "format": "onnx"},
        properties={"zaffre.converted_from": origin, **said},
    )


def refused(said: Any) -> errors.ZaffreError:
    """The tool's own error; what a job writes is not trusted to have the right form."""
    said = said if isinstance(said, dict) else {}
    fields = said.get("fields")
    return errors.from_problem(
        {
            "code": str(said.get("code")),
            "detail": str(said.get("detail") or "The conversion failed without a word.")[:8000],
            "hint": str(said.get("hint") or "")[:2000] or None,
            "fields": fields if isinstance(fields, dict) else {},
        }
    )


def ended(status: jobs.JobStatus) -> errors.ZaffreError:
    """How a job ended that left no answer."""
    lines = "\n".join(status.last_lines[-10:])
    if status.state == "timed_out":
        return errors.TimedOut(
            "The conversion was ended because its time was over.", hint="Give it more: --timeout SECONDS."
        )
    if status.state == "lost":
        return errors.Unavailable(
            "The conversion's process was lost: it was killed, or the machine restarted.", hint="Ask again."
        )
    hint = _MORE_MEMORY if _MEMORY in status.reason else None
    return errors.Invalid(f"The conversion's process ended: {status.reason}.\n{lines}".rstrip(), hint=hint)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

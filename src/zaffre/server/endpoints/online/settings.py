"""What a deployment's settings mean here: checks at once, defaults, and which changes need new processes. Pure."""

import hashlib
import json
from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.contracts import settings as parts
from zaffre.core import errors
from zaffre.server.endpoints.online import quantities

_WORDS = frozenset({"description", "tags", "properties"})
_NUMBER = frozenset({"instance_count", "scale_settings"})
_MOST_WORKERS = 64
MOST_PROCESSES = 500
"""Of one deployment, at its largest: a slip of the hand in a number must not take the machine along."""
DEBUGGED_TIMEOUT_MS = 24 * 60 * 60 * 1000
NO_CODE_CONCURRENCY = 64
"""What an instance takes at a time where Zaffre itself scores: as many as it scores together."""


def check(deployment: contract.OnlineDeployment) -> None:
    """Raise Invalid or Unsupported for what cannot work, before anything is written."""
    code = deployment.code_configuration
    if code is not None and bool(code.code) != bool(code.scoring_script):
        lacks = "scoring_script" if code.code else "code"
        raise errors.Invalid(
            f"{subject(deployment)}: code_configuration has no {lacks}.",
            hint=f"Give {lacks}, or leave both out.",
        )
    if deployment.instance_count == 0:
        raise errors.Invalid(f"{subject(deployment)}: instance_count must be at least 1.")
    has_model = deployment.model is not None or bool(deployment.zaffre and deployment.zaffre.models)
    if code is None and not has_model:
        if deployment.environment is not None:
            raise errors.Unsupported(
                f"{subject(deployment)} has neither a model nor code. Only an image that brings its own server "
                "could run so, and that needs a container engine.",
                hint="It comes with container support; until then give model, or code_configuration, or both.",
            )
        raise errors.Invalid(
            f"{subject(deployment)} has neither a model nor code, so there is nothing to run.",
            hint="Give model, or code_configuration, or both.",
        )
    if code is not None and deployment.environment is None:
        raise errors.Invalid(
            f"{subject(deployment)} has a scoring script and no environment to run it in.",
            hint="Give environment: azureml:NAME:VERSION, or an inline one with a conda_file.",
        )
    _check_number(deployment)
    _check_resources(deployment)
    _check_optimize(deployment)


def _check_number(deployment: contract.OnlineDeployment) -> None:
    most, each = _most_instances(deployment), workers(deployment)
    if most * each > MOST_PROCESSES:
        raise errors.Invalid(
            f"{subject(deployment)} could have {most * each} processes ({most} instances of {each}); one may have {MOST_PROCESSES}.",
            hint="Lower instance_count, max_instances, max_count or WORKER_COUNT.",
        )


def _most_instances(deployment: contract.OnlineDeployment) -> int:
    """The largest number that any part of the file allows."""
    counts = [deployment.instance_count]
    scale = deployment.scale_settings
    if isinstance(scale, parts.TargetUtilizationScaleSettings):
        counts += [scale.min_instances, scale.max_instances]
    given = deployment.zaffre.autoscale if deployment.zaffre else None
    if given is not None:
        counts += [count for part in (given, *given.profiles) for count in (part.min_count, part.max_count)]
    return max((count for count in counts if count), default=1)


def _check_resources(deployment: contract.OnlineDeployment) -> None:
    """Amounts must be amounts, and nobody is promised more than it may use."""
    try:
        asked, most = quantities.requested(deployment), quantities.limited(deployment)
    except errors.Invalid as error:
        raise errors.Invalid(f"{subject(deployment)}: {error.detail}", hint=error.hint) from error
    for name, words in (("cpu_cores", "cpu"), ("memory_bytes", "memory")):
        if getattr(most, name) and getattr(asked, name) > getattr(most, name):
            raise errors.Invalid(
                f"{subject(deployment)}: resources.requests.{words} is above resources.limits.{words}.",
                hint="Ask for at most what the instance may use.",
            )


def _check_optimize(deployment: contract.OnlineDeployment) -> None:
    """Only a model that Zaffre itself scores has a form that could take its place."""
    extension = deployment.zaffre
    if extension is None or extension.optimize is None:
        return
    if deployment.code_configuration is not None or extension.models or deployment.model is None:
        raise errors.Invalid(
            f"{subject(deployment)}: optimize is for one model without a scoring script.",
            hint="Leave code_configuration out; or convert the model (`zaffre model convert`) and load it in the script.",
        )


def check_debugger(deployment: contract.OnlineDeployment, *, allowed: bool) -> None:
    """Raise Denied or Invalid where a debugger cannot be waited for."""
    if debugger_port(deployment) is None:
        return
    if not allowed:
        raise errors.Denied(
            f"{subject(deployment)}: this server lets no deployment wait for a debugger.",
            hint="Debug on your own machine: `--local --vscode-debug`.",
        )
    if instances(deployment) * workers(deployment) > 1:
        raise errors.Invalid(
            f"{subject(deployment)}: one process alone can wait at the debugger's port.",
            hint="Set instance_count to 1, and leave WORKER_COUNT out.",
        )


def debugger_port(deployment: contract.OnlineDeployment) -> int | None:
    """Where the process waits for a debugger, if it does."""
    return deployment.zaffre.debugger_port if deployment.zaffre else None


def collected(deployment: contract.OnlineDeployment) -> list[str]:
    """The names of the collections that its data_collector switches on."""
    collector = deployment.data_collector
    return [name for name, one in collector.collections.items() if one.enabled == "true"] if collector else []


def collection_note(deployment: contract.OnlineDeployment) -> str | None:
    """What whoever wrote a data_collector must know: nothing is kept."""
    wanted = collected(deployment)
    if not wanted:
        return None
    return f"data_collector is accepted, and nothing is collected ({', '.join(wanted)}): data collection comes with a later release."


def subject(deployment: contract.OnlineDeployment) -> str:
    """`endpoints/churn/deployments/blue`."""
    return f"endpoints/{deployment.endpoint_name}/deployments/{deployment.name}"


def instances(deployment: contract.OnlineDeployment) -> int:
    """How many instances to run: the fixed number, or the lower bound of a range."""
    scale = deployment.scale_settings
    count = deployment.instance_count or 1
    if isinstance(scale, parts.TargetUtilizationScaleSettings):
        lowest = max(scale.min_instances or 1, 1)
        return max(lowest, min(count, scale.max_instances or count))
    return count


def workers(deployment: contract.OnlineDeployment) -> int:
    """Worker processes of one instance, by the variable that scripts of Azure's server use. Raises Invalid."""
    text = deployment.environment_variables.get("WORKER_COUNT", "1")
    if not text.isdigit() or not 1 <= int(text) <= _MOST_WORKERS:
        raise errors.Invalid(
            f"{subject(deployment)}: WORKER_COUNT must be a number from 1 to {_MOST_WORKERS}, not {text!r}."
        )
    return int(text)


def requests(deployment: contract.OnlineDeployment) -> parts.OnlineRequestSettings:
    """Request settings with every default in place."""
    given = deployment.request_settings or parts.OnlineRequestSettings()
    own = (
        {} if deployment.code_configuration else {"max_concurrent_requests_per_instance": NO_CODE_CONCURRENCY}
    )
    whole = given.with_defaults(**own)
    if debugger_port(deployment):  # who steps through a call wants no clock beside
        return whole.model_copy(update={"request_timeout_ms": DEBUGGED_TIMEOUT_MS})
    return whole


def probe(given: parts.ProbeSettings | None) -> parts.ProbeSettings:
    """A probe with every default in place."""
    return (given or parts.ProbeSettings()).with_defaults()


def digest(body: dict[str, Any], resolved: dict[str, Any]) -> str:
    """Tells one set of settings from another; words about the deployment count too."""
    return _digest({"body": body, "resolved": resolved})


def process_digest(body: dict[str, Any], resolved: dict[str, Any]) -> str:
    """Equal for settings that the same processes can serve."""
    kept = {key: value for key, value in body.items() if key not in _WORDS | _NUMBER}
    said = (body.get("zaffre") or {}).items()
    without = ("retry", "autoscale", "alerts")
    extension = {key: value for key, value in said if key not in without and value not in (None, [], {})}
    return _digest({"body": {**kept, "zaffre": extension}, "resolved": resolved})


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

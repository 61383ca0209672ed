"""The two states that a deployment shows: how its last change went, and whether it answers. Functions of facts alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from zaffre.contracts import online_endpoint as contract
from zaffre.server.endpoints.online import facts

FINAL = frozenset({"Succeeded", "Failed"})


def provisioning(deployment: facts.Deployment) -> contract.ProvisioningState:
    """How the last accepted change went."""
    serving, wanted = deployment.serving, deployment.wanted
    if deployment.deleting:
        return "Deleting"
    if wanted.failed:
        return "Failed"
    if serving is None:
        return "Creating"
    if serving.id == wanted.id:
        return "Succeeded"
    return "Scaling" if serving.replicas == wanted.replicas else "Updating"


def service(deployment: facts.Deployment) -> contract.ServiceState:
    """Whether it answers, in the words of the documentation."""
    serving, wanted = deployment.serving, deployment.wanted
    if deployment.deleting:
        return "Transitioning"
    changing = not wanted.failed and (serving is None or serving.id != wanted.id)
    if changing:
        return "Unschedulable" if deployment.no_room else "Transitioning"
    if serving is None:
        return "Failed"
    if serving.asleep and deployment.is_ready(serving):
        return "Healthy"
    if deployment.ready_instances(serving):
        return "Healthy"
    here = [deployment.replicas.get(slot) for slot in serving.slots()]
    return "Transitioning" if any(replica and replica.waking for replica in here) else "Unhealthy"


def reason(deployment: facts.Deployment) -> tuple[str, tuple[str, ...]]:
    """Why it does not answer fully, with the last lines of a process that ended; empty when all is well."""
    serving = deployment.serving
    if deployment.no_room and service(deployment) == "Unschedulable":
        return deployment.no_room, ()
    if deployment.router_trouble and (deployment.deleting or deployment.takes_over()):
        return deployment.router_trouble, ()
    if serving is None or deployment.deleting:
        return "", ()
    for slot in serving.slots():
        replica = deployment.replicas.get(slot)
        if slot in deployment.unplaced:
            return f"Instance {slot.instance} has no room. {deployment.unplaced[slot]}", ()
        if slot in deployment.refused:
            return f"Instance {slot.instance} cannot be started: {deployment.refused[slot].reason}", ()
        if replica is None or not (replica.ready or replica.asleep):
            environment = deployment.environments.get(slot.replicas, facts.Environment())
            said = (replica.reason if replica else "") or environment.reason or "not ready"
            return f"Instance {slot.instance}: {said}.", replica.last_lines if replica else ()
    return "", ()


def progress(deployment: facts.Deployment) -> tuple[float, str]:
    """How far a change is, from 0 to 1, and what happens now; for whoever waits for it."""
    wanted = deployment.wanted
    if deployment.router_trouble and (deployment.deleting or deployment.is_ready(wanted)):
        return 0.9, deployment.router_trouble
    if deployment.deleting:
        left = len(deployment.replicas)
        return 0.5, f"Waiting for the last requests of {left} processes." if left else "Cleaning up."
    if deployment.no_room:
        return 0.1, deployment.no_room
    environment = deployment.environments.get(wanted.replicas, facts.Environment())
    if environment.state in ("unknown", "building") and not deployment.replicas.keys() & set(wanted.slots()):
        return 0.1, environment.reason or "Preparing the environment and the files."
    waiting = next((slot for slot in wanted.slots() if slot in deployment.refused), None)
    if waiting is not None:
        return 0.5, f"Instance {waiting.instance} cannot be started yet: {deployment.refused[waiting].reason}"
    ready = deployment.ready_instances(wanted)
    return 0.5 + 0.4 * ready / wanted.present, f"{ready} of {wanted.present} instances are ready."


def observed(deployment: facts.Deployment) -> dict[str, Any]:
    """What its row should say of it; a failure's own words stay until the next change."""
    values: dict[str, Any] = {
        "state": provisioning(deployment),
        "service_state": service(deployment),
        "instances_ready": deployment.ready_instances(deployment.serving or deployment.wanted),
        "notes": deployment.notes(),
    }
    if not deployment.wanted.failed:
        why, lines = reason(deployment)
        values.update(reason=why, last_lines=list(lines))
    return values


def endpoint(
    state: str, traffic: Mapping[str, int], deployments: Mapping[str, contract.ServiceState]
) -> contract.ServiceState:
    """Whether an endpoint answers: as well as the worst of the deployments that have traffic."""
    if state in ("Creating", "Deleting"):
        return "Transitioning"
    return worst(deployments.get(name, "Unhealthy") for name, share in traffic.items() if share > 0)


def worst(states: Iterable[contract.ServiceState]) -> contract.ServiceState:
    """The state that a person must be told of first."""
    order: tuple[contract.ServiceState, ...] = (
        "Failed", "Unhealthy", "Unschedulable", "Transitioning", "Healthy",
    )  # fmt: skip
    return min(states, key=order.index, default="Healthy")

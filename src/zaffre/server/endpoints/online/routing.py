"""From facts to the router's wish. Pure, but for opening keys, which the caller does."""

from collections.abc import Callable, Mapping
from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.contracts import wire
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import decide, facts, observing, settings, store
from zaffre.server.endpoints.router import wanted

PathsOf = Callable[[facts.Slot], ports.ServicePaths]
_MOST_NUMBER = (1 << 32) - 1
"""As far as the router counts; a larger limit is none, and would make it refuse the file with everybody's."""
_WAKING_MS = 60_000

KeysOf = Callable[[Any], Mapping[str, str]]


def wish(
    asked: observing.Asked,
    deployments: Mapping[store.DeploymentKey, facts.Deployment],
    *,
    paths_of: PathsOf,
    keys_of: KeysOf,
    domain: str,
) -> wanted.Wanted:
    """What the router should do now. An endpoint that is being deleted is not there any more."""
    endpoints = tuple(
        _endpoint(row, asked, deployments, keys_of) for row in asked.endpoints if row.state != "Deleting"
    )
    clusters = tuple(
        cluster
        for key, deployment in deployments.items()
        for cluster in _clusters(asked, key, deployment, paths_of)
    )
    return wanted.Wanted(endpoints, clusters, domain)


def _endpoint(
    row: Any,
    asked: observing.Asked,
    deployments: Mapping[store.DeploymentKey, facts.Deployment],
    keys_of: KeysOf,
) -> wanted.Endpoint:
    targets = []
    for item in asked.deployments_of(row):
        target = deployments[item.workspace, item.endpoint, item.name].target()
        if target is not None:
            targets.append(_target(asked, item.name, target, endpoint=row.body))
    names = {target.deployment for target in targets}
    shares = {
        kind: {name: share for name, share in row.body.get(kind, {}).items() if name in names}
        for kind in ("traffic", "mirror_traffic")
    }
    return wanted.Endpoint(
        row.workspace, row.name, keys_of(row), tuple(targets), shares["traffic"], shares["mirror_traffic"]
    )


def _target(
    asked: observing.Asked, name: str, revision: facts.Revision, *, endpoint: Mapping[str, Any]
) -> wanted.Target:
    entity = _entity(asked, revision.id)
    timeout_ms = settings.requests(entity).request_timeout_ms or 0
    if revision.asleep:  # the request that wakes it waits for the start as well
        timeout_ms += _WAKING_MS
    repeat = (entity.zaffre is None or entity.zaffre.retry) and (endpoint.get("zaffre") or {}).get(
        "retry", True
    )
    return wanted.Target(name, revision.replicas, timeout_ms, repeat, bool(entity.app_insights_enabled))


def _clusters(
    asked: observing.Asked, key: store.DeploymentKey, deployment: facts.Deployment, paths_of: PathsOf
) -> list[wanted.Cluster]:
    """One cluster for each set that has processes or is a target; limits are those of the revision that uses it."""
    users = {
        revision.replicas: revision
        for revision in (deployment.wanted, deployment.serving, deployment.target())
        if revision is not None
    }
    found = []
    for set_id, slots in decide.hosts(deployment).items():
        user = users.get(set_id)
        entity = _entity(asked, user.id if user else set_id)
        instances = user.instances if user else asked.revisions[set_id].instances
        hosts = tuple(_host(paths_of(slot), draining=draining) for slot, draining in slots.items())
        found.append(wanted.Cluster(set_id, hosts, _most_requests(entity, instances)))
    return found


def _host(paths: ports.ServicePaths, *, draining: bool) -> wanted.Host:
    return wanted.Host(str(paths.socket), draining=draining, door=str(paths.door))


def _most_requests(entity: contract.OnlineDeployment, instances: int) -> int:
    """Twice what the instances take at a time may be under way; the rest is refused."""
    concurrency = settings.requests(entity).max_concurrent_requests_per_instance or 1
    return min(2 * concurrency * max(instances, 1), _MOST_NUMBER)


def _entity(asked: observing.Asked, revision: str) -> contract.OnlineDeployment:
    entity: contract.OnlineDeployment = wire.from_answer("online-deployment", asked.revisions[revision].body)
    return entity

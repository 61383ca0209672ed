"""REST bodies: from and to the nouns, by kind. Called by the REST face and by the SDK; touches no file."""

from collections.abc import Mapping
from typing import Any

import pydantic

from zaffre.contracts import (
    base,
    data,
    environment,
    model,
    online_deployment,
    online_endpoint,
    problems,
    workspace,
)
from zaffre.core import errors

KINDS: dict[str, type[base.Entity]] = {
    "workspace": workspace.Workspace,
    "model": model.Model,
    "data": data.Data,
    "environment": environment.Environment,
    "online-endpoint": online_endpoint.OnlineEndpoint,
    "online-deployment": online_deployment.OnlineDeployment,
}


def kind_class(kind: str, body: Mapping[Any, Any]) -> type[base.Entity]:
    """The class of a body: endpoints and deployments come in two forms."""
    if kind == "online-endpoint":
        on_cluster = body.get("compute")
        return (
            online_endpoint.KubernetesOnlineEndpoint if on_cluster else online_endpoint.ManagedOnlineEndpoint
        )
    if kind == "online-deployment":
        given = body.get("type")
        if isinstance(given, str) and given.lower() == "kubernetes":
            return online_deployment.KubernetesOnlineDeployment
        return online_deployment.ManagedOnlineDeployment
    if kind not in KINDS:
        raise errors.Unsupported(f"There is no kind {kind!r}.", hint=f"Known kinds: {', '.join(KINDS)}.")
    return KINDS[kind]


def from_wire(kind: str, body: Any) -> Any:
    """The entity in a request: no local paths, no unknown keys; what only a server may say is left out. Raises Invalid."""
    if not isinstance(body, dict):
        raise errors.Invalid("The body must be a JSON object.")
    cls = kind_class(kind, body)
    given = {key: item for key, item in body.items() if key != "status" and item is not None}
    entity = _validated(cls, given, extra=problems.local_paths(cls, given))
    if isinstance(entity, base.Entity):
        _refuse_inline_status(entity)
    return entity


def from_answer(kind: str, body: Any) -> Any:
    """The entity in a server's answer, with its `status`. Raises Invalid when the body is none."""
    if not isinstance(body, dict):
        raise errors.Invalid("The server's answer is not a JSON object.")
    return _validated(kind_class(kind, body), body)


def _validated(cls: type[base.Entity], body: Mapping[str, Any], *, extra: Any = ()) -> base.Entity:
    found = list(extra)
    entity = None
    try:
        entity = cls.model_validate(body)
    except pydantic.ValidationError as error:
        found += problems.from_pydantic(cls, error, body)
    problems.raise_all(found, title=cls.KIND)
    if entity is None:
        raise errors.Invalid(f"The {cls.KIND} is not valid.")
    return entity


def _refuse_inline_status(entity: base.Entity) -> None:
    """A status inside an inline model or environment is not the sender's to give either."""
    for name in ("model", "environment"):
        inner = getattr(entity, name, None) if name in type(entity).model_fields else None
        if isinstance(inner, base.Entity) and inner.__dict__.get("status") is not None:
            inner.__dict__["status"] = None

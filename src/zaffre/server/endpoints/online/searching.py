"""Where is this model deployed, and is it healthy? And the reverse, for environments too."""

from typing import Any

from zaffre.core import names
from zaffre.server import access, db
from zaffre.server.endpoints.online import store
from zaffre.server.registry.environments import service as environments
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import aliases, nouns
from zaffre.server.registry.versioning import service as registry


def deployed(
    uow: db.UnitOfWork,
    caller: access.Caller,
    workspace: str,
    *,
    model: str | None = None,
    environment: str | None = None,
) -> list[dict[str, Any]]:
    """Deployments that run (or are to run) a model or environment, given as `churn` or `churn:3`; all without a filter.

    Raises NotFound for one that is not registered. Each says which revisions it wants and serves, with their versions, its states and its share of traffic.
    """
    access.require(caller, "endpoints/read", f"workspaces/{workspace}/endpoints")
    rows = [row for row in store.list_deployments(uow) if row.workspace == workspace]
    ids = sorted({item for row in rows for item in (row.wanted, row.serving) if item})
    revisions = {row.id: row for row in store.get_revisions(uow, ids)}
    shares = {row.name: row.body.get("traffic", {}) for row in store.list_endpoints(uow, workspace)}
    found = [_shape(row, revisions, shares) for row in rows]
    wanted = [
        item
        for item in found
        if (model is None or any(_names(model, each) for each in item["models"]))
        and (environment is None or _names(environment, item["environment"]))
    ]
    if not wanted:
        for shelf, asked in ((models.shelf(workspace), model), (environments.shelf(workspace), environment)):
            if asked is not None and access.allowed(caller, f"{shelf.kind}/read", shelf.resource(asked)):
                _require_known(uow, caller, shelf, asked.removeprefix(names.PREFIX))
    return wanted


def _require_known(uow: db.UnitOfWork, caller: access.Caller, shelf: nouns.Shelf, asked: str) -> None:
    """Raise NotFound for what is not there: deployed nowhere would be no answer about a misspelt name."""
    name, _, version = asked.partition(":")
    if version:
        registry.get(uow, caller, shelf, name, version)
    else:
        aliases.list_all(uow, caller, shelf, name)


def _shape(row: Any, revisions: dict[str, Any], shares: dict[str, dict[str, int]]) -> dict[str, Any]:
    known = [revisions[item] for item in (row.serving, row.wanted) if item]
    models = [f"{model['name']}:{model['version']}" for each in known for model in each.resolved["models"]]
    return {
        "id": f"endpoints/{row.endpoint}/deployments/{row.name}",
        "endpoint": row.endpoint,
        "deployment": row.name,
        "models": list(dict.fromkeys(models)),
        "environment": known[0].resolved["environment"]["id"],
        "revision": row.serving or row.wanted,
        "provisioning_state": row.state,
        "service_state": row.service_state,
        "traffic": shares.get(row.endpoint, {}).get(row.name, 0),
    }


def _names(asked: str, version: str) -> bool:
    plain = asked.removeprefix(names.PREFIX)
    return plain in (version, version.rpartition(":")[0])

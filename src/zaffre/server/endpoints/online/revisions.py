"""Revisions of deployments: what a change that is accepted becomes, and what people are shown of it.

Called by `deployments`, which alone writes them down.
"""

import secrets as randomness
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.contracts import online_deployment as contract
from zaffre.contracts import wire
from zaffre.core import clock, errors
from zaffre.server import access, db
from zaffre.server.endpoints.online import settings, store


def draft(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, body: dict[str, Any], resolved: dict[str, Any]
) -> dict[str, Any]:
    """The row of a new revision; it shares processes with the newest one when only words or numbers differ."""
    deployment: contract.OnlineDeployment = wire.from_answer("online-deployment", body)
    key = (workspace, deployment.endpoint_name or "", deployment.name or "")
    new_id = f"r{randomness.token_hex(6)}"
    row = store.get_deployment(uow, key)
    present = store.get_revision(uow, row.serving) if row is not None and row.serving else None
    shares = present is not None and settings.process_digest(
        present.body, present.resolved
    ) == settings.process_digest(body, resolved)
    return {
        "id": new_id,
        "workspace": workspace,
        "endpoint": key[1],
        "deployment": key[2],
        "number": store.last_number(uow, key) + 1,
        "replicas": present.replicas if present is not None and shares else new_id,
        "instances": settings.instances(deployment),
        "body": body,
        "resolved": resolved,
        "state": "Pending",
        "reason": "",
        "last_lines": [],
        "lock_digest": present.lock_digest if present is not None and shares else None,
        "environment_note": present.environment_note if present is not None and shares else None,
        "machine_note": None,
        "rolled_back_to": None,
        "change_reason": caller.reason,
        "created_at": clock.now(),
        "created_by": caller.name,
    }


def says_nothing_new(uow: db.UnitOfWork, row: Any, body: dict[str, Any], resolved: dict[str, Any]) -> bool:
    """Whether the wanted revision of a deployment's row is this one already."""
    present = store.get_revision(uow, row.wanted)
    if present is None or present.state == "Failed":
        return False
    return settings.digest(present.body, present.resolved) == settings.digest(body, resolved)


def to_return_to(uow: db.UnitOfWork, row: Any, revision: str | None) -> Any:
    """The revision to go back to. Raises NotFound."""
    found = store.list_revisions(uow, (row.workspace, row.endpoint, row.name))
    candidates = [item for item in found if item.id == revision] if revision else [
        item for item in found if item.id != row.wanted and item.state == "Served"
    ]  # fmt: skip
    if not candidates:
        what = f"revision {revision}" if revision else "earlier revision that served"
        raise errors.NotFound(
            f"endpoints/{row.endpoint}/deployments/{row.name} has no {what}.",
            hint="`zaffre online-deployment list-revisions` shows them all.",
        )
    return candidates[0]


def accepted(revision: dict[str, Any], *, previous: str | None) -> catalogue.DeploymentRevised:
    """The event that tells of a revision; `previous` is the one that was wanted before."""
    resolved = revision["resolved"]
    return catalogue.DeploymentRevised(
        endpoint=revision["endpoint"],
        deployment=revision["deployment"],
        revision=revision["id"],
        models=[f"{model['name']}:{model['version']}" for model in resolved["models"]],
        environment=resolved["environment"]["id"],
        environment_lock_digest=revision["lock_digest"] or "",
        code_digest=(resolved["code"] or {}).get("digest", ""),
        settings_digest=settings.digest(revision["body"], resolved),
        previous_revision=previous,
        rolled_back_to=revision["rolled_back_to"],
    )


def shape(row: Any, *, serving: bool) -> dict[str, Any]:
    """What people are shown of a revision's row."""
    resolved = row.resolved
    return {
        "id": row.id,
        "number": row.number,
        "state": "Serving" if serving else row.state,
        "models": [f"{model['name']}:{model['version']}" for model in resolved["models"]],
        "environment": resolved["environment"]["id"],
        "environment_lock_digest": row.lock_digest,
        "code_digest": (resolved["code"] or {}).get("digest"),
        "instances": row.instances,
        "rolled_back_to": row.rolled_back_to,
        "reason": row.reason or None,
        "last_log_lines": row.last_lines,
        "change_reason": row.change_reason or None,
        "created_at": clock.isoformat(row.created_at),
        "created_by": row.created_by,
    }

"""Use cases of profiles: ask for one. `work` does it, later and elsewhere."""

import os
from typing import Any

from zaffre.contracts import online_deployment as deployment_contract
from zaffre.contracts import profile as contract
from zaffre.contracts import wire
from zaffre.core import errors, names
from zaffre.server import access, db, operations
from zaffre.server.artifacts import service as artifacts
from zaffre.server.endpoints.online import references, secret_variables, settings
from zaffre.server.environments import curated
from zaffre.server.registry.data import service as data
from zaffre.server.registry.versioning import referring

KIND = "models.profile"
TOPIC = "tasks"
_PLACE = {"name": "profile", "endpoint_name": "profile"}


def begin(
    uow: db.UnitOfWork,
    caller: access.Caller,
    workspace: str,
    *,
    asked: contract.Profile,
    table: curated.Table,
) -> dict[str, Any]:
    """Begin a profile; returns the operation. Raises Invalid, NotFound, Unsupported at once where it can."""
    access.require(caller, "models/write", f"workspaces/{workspace}/models")
    cpu = _cpu(asked.cpu)
    data_said, address = _data(uow, caller, workspace, asked.data)
    deployment = _deployment(asked)
    settings.check(deployment)
    secret_variables.check(uow, caller, workspace, deployment.to_wire())
    resolved = references.resolve(uow, caller, workspace, deployment, table=table)
    request = {
        "caller": {"name": caller.name, "reason": caller.reason, "request_id": caller.request_id},
        "asked": {**asked.model_dump(mode="json", exclude={"deployment"}), "cpu": cpu},
        "data": {"said": data_said, "address": address},
        "deployment": references.pinned(deployment, resolved),
        "resolved": resolved,
    }
    first = resolved["models"][0] if resolved["models"] else None
    subject = names.subject("models", first["name"], first["version"]) if first else f"profiles/{asked.name}"
    operation = operations.start(
        uow, caller, kind=KIND, workspace=workspace, subject=subject, request=request
    )
    uow.touch(TOPIC)
    return operation


def _cpu(asked: float | None) -> float:
    """The largest size: what was asked, else what the machine has, up to what a profile may try."""
    there = float(len(os.sched_getaffinity(0)))
    if asked is None:
        return min(there, contract.CPU_RANGE[1])
    if asked > there:
        raise errors.Invalid(
            f"A profile up to {asked:g} cores needs a machine that has them; this one has {there:g}.",
            hint=f"Give cpu {there:g} or less.",
        )
    return asked


def _deployment(asked: contract.Profile) -> deployment_contract.OnlineDeployment:
    """What is profiled, as a deployment that nobody makes."""
    if asked.deployment is not None:
        given = {**asked.deployment, **_PLACE}
    elif len(asked.models) == 1:
        given = {**_PLACE, "model": asked.models[0]}
    else:
        given = {**_PLACE, "zaffre": {"models": asked.models}}
    found: deployment_contract.OnlineDeployment = wire.from_wire("online-deployment", given)
    return found


def _data(uow: db.UnitOfWork, caller: access.Caller, workspace: str, text: str | None) -> tuple[str, str]:
    """Words for the data, and where they are stored. Raises Invalid when there are none, Unsupported when elsewhere."""
    if text is None:
        raise errors.Invalid(
            "A profile needs data: the bodies of the requests that are sent.",
            hint="Give --data FILE or --data azureml:NAME:VERSION, a table of one text column or a file of bodies.",
        )
    said, address = "The data", text
    if not text.startswith("zaffre://"):
        name, version = referring.named(uow, caller, workspace, text, kind="data")
        found = data.get(uow, caller, workspace, name, version)
        said, address = f"data/{found.name}:{found.version}", found.path or ""
    access.require(caller, "artifacts/read", f"workspaces/{workspace}")
    if not address.startswith("zaffre://"):
        raise errors.Unsupported(
            f"{said} points at {address[:100]!r}, whose rows are not on this server.",
            hint="Give a file, or register the rows as a data asset with a local path.",
        )
    artifacts.find(uow, workspace, address)
    return said, address

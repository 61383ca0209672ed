"""Use cases of conversions: ask for one, find one that was made. `work` does what is asked, later and elsewhere."""

from typing import Any

from zaffre.contracts import conversion as contract
from zaffre.contracts import model as model_contract
from zaffre.core import errors, names
from zaffre.server import access, db, lineage, operations
from zaffre.server.artifacts import service as artifacts
from zaffre.server.conversion import asking
from zaffre.server.environments import curated
from zaffre.server.registry.data import service as data
from zaffre.server.registry.environments import service as environments
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import referring

KIND = "models.convert"
TOPIC = "tasks"
"""What the worker of tasks listens to on the database."""


def begin(
    uow: db.UnitOfWork,
    caller: access.Caller,
    workspace: str,
    name: str,
    *,
    version: str,
    asked: contract.Conversion,
    table: curated.Table,
) -> dict[str, Any]:
    """Begin to convert a version; returns the operation. Raises NotFound, Invalid, Unsupported at once where it can."""
    shelf = models.shelf(workspace)
    access.require(caller, "models/write", shelf.resource(asked.name or name))
    source = models.get(uow, caller, workspace, name, version)
    request = {
        "caller": {"name": caller.name, "reason": caller.reason, "request_id": caller.request_id},
        "asked": asked.model_dump(mode="json"),
        "source": {"name": name, "version": source.version, "address": source.path, "type": source.type},
        "environment": _environment(uow, caller, workspace, source, asked=asked, table=table),
        "sample": _sample(uow, caller, workspace, asked.sample),
    }
    operation = operations.start(
        uow,
        caller,
        kind=KIND,
        workspace=workspace,
        subject=names.subject("models", name, source.version),
        request=request,
    )
    uow.touch(TOPIC)
    return operation


def _environment(
    uow: db.UnitOfWork,
    caller: access.Caller,
    workspace: str,
    source: model_contract.Model,
    *,
    asked: contract.Conversion,
    table: curated.Table,
) -> dict[str, Any]:
    """Where the model can be loaded: as asked, else as the names of its files tell."""
    if asked.environment is None:
        files = [file.path for file in artifacts.find(uow, workspace, source.path or "").files]
        return asking.environment(f"models/{source.name}:{source.version}", files)
    if curated.is_curated(asked.environment):
        table.definition(asked.environment)
        return {"id": asked.environment, "curated": asked.environment}
    name, version = referring.named(uow, caller, workspace, asked.environment, kind="environments")
    found = environments.get(uow, caller, workspace, name, version)
    table.read(found.to_dict(status=False))
    return {"id": f"{found.name}:{found.version}", "name": found.name, "version": found.version}


def _sample(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, text: str | None
) -> dict[str, str] | None:
    """The stored files that hold the rows. Raises NotFound, Unsupported (a data asset that points elsewhere)."""
    if text is None:
        return None
    address, said = text, "a file of the caller's"
    if not text.startswith("zaffre://"):
        name, version = referring.named(uow, caller, workspace, text, kind="data")
        found = data.get(uow, caller, workspace, name, version)
        address, said = found.path or "", f"data/{found.name}:{found.version}"
    access.require(caller, "artifacts/read", f"workspaces/{workspace}")
    if not address.startswith("zaffre://"):
        raise errors.Unsupported(
            f"{said} points at {address[:100]!r}, whose rows are not on this server.",
            hint="Give a file, or register the rows as a data asset with a local path.",
        )
    artifacts.find(uow, workspace, address)
    return {"address": address, "said": said}


def find_made(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, name: str, version: str
) -> model_contract.Model | None:
    """A version that was made from a version, compared at least as strictly as is usual; None if there is none.

    Asked is lineage, which knows it from events: tags and properties could be anybody's.
    """
    subject = names.subject("models", name, version)
    graph = lineage.dependents(uow, caller, workspace, subject)
    facts = {node["id"]: node["facts"] for node in graph["nodes"]}
    made = [edge["source"] for edge in graph["edges"] if _is_conversion(edge, subject)]
    for identity in reversed(made):
        said = facts.get(identity, {})
        if said.get("to") == "onnx" and said["rtol"] <= contract.RTOL and said["atol"] <= contract.ATOL:
            found = _still_there(uow, caller, workspace, identity)
            if found is not None:
                return found
    return None


def _is_conversion(edge: dict[str, str], source: str) -> bool:
    return edge["relation"] == "converted-from" and edge["target"] == source


def _still_there(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, identity: str
) -> model_contract.Model | None:
    name, _, version = identity.removeprefix("models/").rpartition(":")
    try:
        found = models.get(uow, caller, workspace, name, version)
    except errors.NotFound:
        return None
    return None if found.status and found.status.archived else found

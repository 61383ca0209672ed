"""What a deployment refers to: resolved once, when it is accepted, to versions that never change, and guarded from then on.

resolved = {"models": [{name, version, type, address}], "ensemble": bool,
            "environment": {id, name, version} | {id, curated} | None,
            "code": {address, digest, name} | None,
            "optimize": {to, required, caller}  (absent unless asked for),
            "debugger": True  (absent unless one is waited for)}
"""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from zaffre.contracts import environment as environment_contract
from zaffre.contracts import manifests
from zaffre.contracts import model as model_contract
from zaffre.contracts import online_deployment as contract
from zaffre.core import errors, names
from zaffre.server import access, db
from zaffre.server.artifacts import service as artifacts
from zaffre.server.conversion import asking
from zaffre.server.endpoints.online import no_code, secret_variables, settings, store
from zaffre.server.environments import curated
from zaffre.server.registry.environments import service as environments
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import referring, uses

Resolved = dict[str, Any]


def resolve(
    uow: db.UnitOfWork,
    caller: access.Caller,
    workspace: str,
    deployment: contract.OnlineDeployment,
    *,
    table: curated.Table,
) -> Resolved:
    """Everything that the deployment refers to, by version. Raises NotFound, Invalid, Unsupported (Triton)."""
    ensemble = bool(deployment.zaffre and deployment.zaffre.models)
    asked: list[str | model_contract.Model] = []
    if deployment.zaffre and deployment.zaffre.models:
        asked = list(deployment.zaffre.models)
    elif deployment.model is not None:
        asked = [deployment.model]
    found = [_model(uow, caller, workspace, item) for item in asked]
    code = _code(uow, workspace, deployment)
    files = [_files(uow, workspace, model) for model in found]
    if deployment.environment is not None:
        environment = _environment(uow, caller, workspace, deployment.environment, table=table)
    elif _must_optimize(deployment):
        environment = asking.environment(settings.subject(deployment), files[0])
    else:
        environment = no_code.environment(deployment, files)
    resolved = {"models": found, "ensemble": ensemble, "environment": environment, "code": code}
    debugger = {"debugger": True} if settings.debugger_port(deployment) else {}
    return {**resolved, **_optimize(caller, deployment), **debugger}


def _must_optimize(deployment: contract.OnlineDeployment) -> bool:
    extension = deployment.zaffre
    return bool(extension and extension.optimize and extension.optimize_required is not False)


def _optimize(caller: access.Caller, deployment: contract.OnlineDeployment) -> Resolved:
    extension = deployment.zaffre
    if extension is None or extension.optimize is None:
        return {}
    return {
        "optimize": {
            "to": extension.optimize,
            "required": extension.optimize_required is not False,
            "caller": caller.name,
        }
    }


def pinned(deployment: contract.OnlineDeployment, resolved: Resolved) -> dict[str, Any]:
    """The deployment's body with every reference replaced by what it was resolved to."""
    body = deployment.to_wire()
    ids = [f"{names.PREFIX}{model['name']}:{model['version']}" for model in resolved["models"]]
    if resolved["ensemble"]:
        body["zaffre"] = {**body.get("zaffre", {}), "models": ids}
    elif ids:
        body["model"] = ids[0]
    environment = resolved["environment"]
    if "version" in environment:
        body["environment"] = f"{names.PREFIX}{environment['id']}"
    return body


def require_present(uow: db.UnitOfWork, caller: access.Caller, workspace: str, resolved: Resolved) -> None:
    """Raise NotFound when something that an old revision refers to was deleted since."""
    for model in resolved["models"]:
        models.get(uow, caller, workspace, model["name"], model["version"])
    environment = resolved["environment"]
    if "version" in environment:
        environments.get(uow, caller, workspace, environment["name"], environment["version"])


def hold(uow: db.UnitOfWork, revision: dict[str, Any], *, serving: str | None) -> None:
    """Guard what a new revision refers to, beside what the serving one does; both in the caller's transaction."""
    key = (revision["workspace"], revision["endpoint"], revision["deployment"])
    keep_only(uow, key, [revision["id"], *([serving] if serving else [])])
    code = revision["resolved"]["code"]
    if code is not None:
        artifacts.hold(uow, artifacts.find(uow, revision["workspace"], code["address"]), _user(key))


def keep_only(uow: db.UnitOfWork, key: store.DeploymentKey, revisions: Iterable[str]) -> None:
    """From here on only these revisions of the deployment guard what they refer to."""
    rows = store.get_revisions(uow, list(revisions))
    used = [asset for row in rows for asset in _assets(row.resolved)]
    secret_variables.use_only(uow, key[0], _user(key), [row.body for row in rows])
    uses.drop_uses(uow, key[0], _user(key))
    uses.add_uses(uow, key[0], _user(key), used)


def release(uow: db.UnitOfWork, key: store.DeploymentKey) -> None:
    """The deployment is gone: nothing is guarded for it any more."""
    uses.drop_uses(uow, key[0], _user(key))
    secret_variables.use_only(uow, key[0], _user(key), ())
    artifacts.release(uow, key[0], _user(key))


def _user(key: store.DeploymentKey) -> str:
    return names.deployment_subject(key[1], key[2])


def _assets(resolved: Resolved) -> list[str]:
    found = [f"models/{model['name']}:{model['version']}" for model in resolved["models"]]
    environment = resolved["environment"]
    if "version" in environment:
        found.append(f"environments/{environment['id']}")
    return found


def _model(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, given: str | model_contract.Model
) -> dict[str, Any]:
    if isinstance(given, str):
        name, version = referring.named(uow, caller, workspace, given, kind="models")
        found = models.get(uow, caller, workspace, name, version)
    elif given.name is not None:
        found = models.create(uow, caller, workspace, given)
    else:
        found = models.anonymous(uow, caller, workspace, given)
    if found.type == "triton_model":
        raise errors.Unsupported(
            f"models/{found.name}:{found.version} is a Triton model, which needs a container to run in.",
            hint="Containers come with a later release; deploy the model as ONNX meanwhile.",
        )
    return {"name": found.name, "version": found.version, "type": found.type, "address": found.path}


def _environment(
    uow: db.UnitOfWork,
    caller: access.Caller,
    workspace: str,
    given: str | environment_contract.Environment,
    *,
    table: curated.Table,
) -> dict[str, Any]:
    """A version, or a curated name that nobody registered. What cannot be built without a container is refused here."""
    if isinstance(given, str):
        if curated.is_curated(given):
            table.definition(given)
            return {"id": given, "curated": given}
        name, version = referring.named(uow, caller, workspace, given, kind="environments")
        found = environments.get(uow, caller, workspace, name, version)
    elif given.name is not None:
        found = environments.described(uow, caller, workspace, given)
    else:
        found = environments.anonymous(uow, caller, workspace, given)
    table.read(found.to_dict(status=False))
    return {"id": f"{found.name}:{found.version}", "name": found.name, "version": found.version}


def _files(uow: db.UnitOfWork, workspace: str, model: dict[str, Any]) -> list[str]:
    """The names of a model's files."""
    return [file.path for file in artifacts.find(uow, workspace, model["address"]).files]


def _code(uow: db.UnitOfWork, workspace: str, deployment: contract.OnlineDeployment) -> dict[str, Any] | None:
    """The code folder, with the script in it. Raises Invalid when the script is not there."""
    code = deployment.code_configuration
    if code is None or not code.code or not code.scoring_script:
        return None
    address = manifests.parse_address(code.code)
    found = artifacts.find(uow, workspace, code.code)
    above = f"{address.path}/" if address.path else ""
    files = {file.path.removeprefix(above) for file in found.files}
    script = str(PurePosixPath(code.scoring_script))
    if script not in files:
        raise errors.Invalid(
            f"{settings.subject(deployment)}: the code folder has no file {script!r}.",
            hint=f"It has {', '.join(sorted(files)[:10])}.",
        )
    return {"address": code.code, "digest": address.digest, "name": address.name or "code"}

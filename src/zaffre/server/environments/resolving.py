"""From what was asked (a version, a curated name, an MLflow model's own files) to a definition and the subject of its lock.

Called by rooms that need an environment to be built, outside any transaction.
"""

import dataclasses
from typing import Any

from zaffre.contracts import manifests
from zaffre.server import access, db
from zaffre.server.artifacts import ports as artifact_ports
from zaffre.server.artifacts import service as artifacts
from zaffre.server.environments import curated, definitions, no_code, service
from zaffre.server.registry.environments import service as environments

_CALLER = access.system("environments")


@dataclasses.dataclass(frozen=True)
class Resolver:
    """Reads the registry and the blobs of model folders."""

    database: db.Database
    table: curated.Table
    blobs: artifact_ports.BlobStore

    def definition(
        self, workspace: str, asked: dict[str, Any], model_address: str | None = None
    ) -> tuple[str, definitions.Definition]:
        """`asked` is `{id, name, version}`, `{id, curated}` or `{id, mlflow}`; the last reads the model's files."""
        if "version" in asked:
            with self.database.read() as uow:
                found = environments.get(uow, _CALLER, workspace, asked["name"], asked["version"])
            definition = self.table.read(found.to_dict(status=False))
            return service.subject_of(asked["name"], asked["version"]), definition
        if "curated" in asked:
            definition = self.table.definition(asked["curated"])
        else:
            definition = definitions.from_mlflow(self._mlflow_files(workspace, model_address or ""))
        return service.subject_of_definition(definition), definition

    def _mlflow_files(self, workspace: str, address: str) -> dict[str, str]:
        """The texts in an MLflow model's folder that say what it needs."""
        with self.database.read() as uow:
            place = artifacts.find(uow, workspace, address)
        root = manifests.parse_address(address).path
        above = f"{root}/" if root else ""
        wanted = {file.path.removeprefix(above): file.digest for file in place.files}
        return {
            name: b"".join(self.blobs.read(wanted[name])).decode()
            for name in no_code.MLFLOW_FILES
            if name in wanted
        }

"""From what a revision was resolved to, to an environment that is built: the one place that asks the environments room."""

import dataclasses
from collections.abc import Callable
from typing import Any

from zaffre.contracts import manifests
from zaffre.server import access, db
from zaffre.server.artifacts import ports as artifact_ports
from zaffre.server.artifacts import service as artifacts
from zaffre.server.endpoints.online import no_code
from zaffre.server.environments import builds, definitions, workshop
from zaffre.server.environments import service as locks
from zaffre.server.registry.environments import service as environments

_CALLER = access.system("endpoints")


@dataclasses.dataclass(frozen=True)
class Building:
    """A `preparing.Environments` on the real rooms."""

    database: db.Database
    workshop: workshop.Workshop
    blobs: artifact_ports.BlobStore

    def __call__(
        self, workspace: str, resolved: dict[str, Any], log: Callable[[str], None]
    ) -> tuple[builds.BuiltEnvironment, str | None]:
        """Lock once, build once; raises as the environments room does."""
        subject, definition = self._definition(workspace, resolved)
        lock, built = self.workshop.build(_CALLER, workspace, subject, definition, log=log)
        return built, lock.stand_in

    def _definition(self, workspace: str, resolved: dict[str, Any]) -> tuple[str, definitions.Definition]:
        asked = resolved["environment"]
        if "version" in asked:
            with self.database.read() as uow:
                found = environments.get(uow, _CALLER, workspace, asked["name"], asked["version"])
            definition = self.workshop.table.read(found.to_dict(status=False))
            return locks.subject_of(asked["name"], asked["version"]), definition
        if "curated" in asked:
            definition = self.workshop.table.definition(asked["curated"])
        else:
            definition = definitions.from_mlflow(self._mlflow_files(workspace, resolved["models"][0]))
        return locks.subject_of_definition(definition), definition

    def _mlflow_files(self, workspace: str, model: dict[str, Any]) -> dict[str, str]:
        """The texts in an MLflow model's folder that say what it needs."""
        with self.database.read() as uow:
            place = artifacts.find(uow, workspace, model["address"])
        root = manifests.parse_address(model["address"]).path
        above = f"{root}/" if root else ""
        wanted = {file.path.removeprefix(above): file.digest for file in place.files}
        return {
            name: b"".join(self.blobs.read(wanted[name])).decode()
            for name in no_code.MLFLOW_FILES
            if name in wanted
        }

"""`ml_client.environments`: environments, and new ones made from old."""

from collections.abc import Mapping
from typing import Any

from zaffre.contracts import environment
from zaffre.core import names
from zaffre.sdk import assets, paging

_CURATED = "/api/v1/registries/azureml/environments"


class EnvironmentOperations(assets.AssetOperations[environment.Environment]):
    """Operations on environments."""

    KIND = "environment"
    COLLECTION = "environments"

    def create_or_update(self, environment: environment.Environment) -> environment.Environment:
        """Registers the next version, or the one that is named; for a version that exists, tags, description and
        properties are updated. Raises Conflict when its content is another."""
        return self._create_or_update(environment)

    def list_curated(self) -> list[environment.Environment]:
        """The environments that can be named though nobody registered them, as of the registry `azureml`."""
        return list(paging.items(self._scope.wire, _CURATED, self._read))

    def get_curated(self, name: str) -> environment.Environment:
        """What stands for a curated name, such as `sklearn-1.5`. Raises NotFound with the nearest names."""
        return self._read(self._scope.wire.get(f"{_CURATED}/{names.check_asset_name(name)}"))

    def clone(
        self, source: str, name: str, *, version: str | None = None, changes: Mapping[str, Any] | None = None
    ) -> environment.Environment:
        """Registers a copy of `azureml:OLD:1` (or `OLD@latest`) with its lock under a new name; `changes` may name
        tags, description and properties of the copy."""
        path = self._scope.path("environments", name, "clone")
        made = self._read(
            self._scope.wire.send("POST", path, body={"source": source, "version": version}).json()
        )
        return self.update(name, str(made.version), changes) if changes else made

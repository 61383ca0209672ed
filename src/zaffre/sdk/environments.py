"""`ml_client.environments`: environments, and new ones made from old."""

from collections.abc import Sequence
from typing import Any

from zaffre.contracts import environment
from zaffre.core import names
from zaffre.sdk import assets, paging

_OWN = ("version", "status", "id")


class EnvironmentOperations(assets.AssetOperations[environment.Environment]):
    """Operations on environments."""

    KIND = "environment"
    COLLECTION = "environments"

    def create_or_update(self, environment: environment.Environment) -> environment.Environment:
        """Registers the next version, or the one that is named; for a version that exists, tags, description and
        properties are updated. Raises Conflict when its content is another."""
        return self._create_or_update(environment)

    def clone(
        self, source: str, name: str, *, version: str | None = None, changes: dict[str, Any] | None = None
    ) -> environment.Environment:
        """Registers a copy of `azureml:OLD:1` (or `OLD@latest`) under a new name, with `changes` laid over it."""
        reference = names.parse_reference(source, kind="environments")
        old = self.get(reference.name, reference.version, reference.label)
        body = {key: item for key, item in old.to_dict(status=False).items() if key not in _OWN}
        body = {**body, **(changes or {}), "name": name}
        if version is not None:
            body["version"] = version
        return self.create_or_update(environment.Environment.from_body(body))

    def list_deployments(self, name: str, version: str | None = None) -> Sequence[dict[str, Any]]:
        """Which deployments use an environment, or one version of it, and whether they are healthy."""
        parts = ("environments", name, *(("versions", version) if version else ()), "deployments")
        return list(paging.items(self._scope.wire, self._scope.path(*parts), dict))

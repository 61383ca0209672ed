"""`ml_client.environments`: environments, and new ones made from old."""

from collections.abc import Iterator, Mapping
from typing import Any

from zaffre.contracts import environment
from zaffre.core import errors, names
from zaffre.sdk import assets, operations, paging

_CURATED = "/api/v1/registries/azureml/environments"


class EnvironmentOperations(assets.AssetOperations[environment.Environment]):
    """Operations on environments."""

    KIND = "environment"
    COLLECTION = "environments"
    SAME_IS_LATEST = True

    def create_or_update(self, environment: environment.Environment) -> environment.Environment:
        """Registers the next version, or the one that is named; for a version that exists, tags, description and
        properties are updated. Raises AlreadyExists when its content is another. Without a name one is made up.

        As with azure.ai.ml, one without a version that equals the latest is the latest."""
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


class CuratedEnvironments:
    """`MLClient(registry_name="azureml").environments`: what can be named though nobody registered it; read only."""

    def __init__(self, scope: operations.Scope) -> None:
        self._all = EnvironmentOperations(scope)

    def list(self, name: str | None = None, **_: Any) -> Iterator[environment.Environment]:
        """All of them, or the one of that name."""
        return (one for one in self._all.list_curated() if name in (None, one.name))

    def get(self, name: str, version: str | None = None, label: str | None = None) -> environment.Environment:
        """What stands for a curated name; it means the same in every version. Raises NotFound with the nearest names."""
        if version is not None and label is not None:
            raise errors.Invalid("Give either a version or a label, not both.")
        return self._all.get_curated(name)

    def __getattr__(self, name: str) -> Any:
        if hasattr(EnvironmentOperations, name):
            raise errors.Unsupported(
                f"The registry azureml is for reading: it has no {name}.",
                hint="Register in a workspace instead: MLClient without registry_name.",
            )
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

"""`ml_client.models`: registered models, their aliases, and where they are deployed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zaffre.contracts import environment, model
from zaffre.sdk import assets, operations, paging


class ModelOperations(assets.AssetOperations[model.Model]):
    """Operations on models."""

    KIND = "model"
    COLLECTION = "models"

    def create_or_update(self, model: model.Model) -> model.Model:
        """Registers the next version, or the one that is named; for a version that exists, tags, description and
        properties are updated. Raises Conflict when its content is another."""
        return self._create_or_update(model)

    def list(
        self,
        name: str | None = None,
        stage: str | None = None,
        *,
        list_view_type: str = "ActiveOnly",
        tags: Mapping[str, str] | None = None,
        type: str | None = None,
        max_results: int | None = None,
        **filters: Any,
    ) -> Iterator[model.Model]:
        """The latest version of each model, or all versions of one; `tags`, `type` and `stage` must all fit."""
        return super().list(
            name,
            list_view_type=list_view_type,
            tags=tags,
            max_results=max_results,
            stage=stage,
            type=type,
            **filters,
        )

    def package(
        self, name: str, version: str, package_request: Any = None, **_: Any
    ) -> environment.Environment:
        """Packaging comes later: always raises Unsupported."""
        raise operations.later("Packaging a model as an image", "Deploy the model instead: `zaffre deploy`.")

    def set_alias(self, name: str, alias: str, version: str) -> dict[str, Any]:
        """Points an alias at a version; where it pointed before stays in its history."""
        path = self._scope.path("models", name, "aliases", alias)
        answer: dict[str, Any] = self._scope.wire.send("PUT", path, body={"version": version}).json()
        return answer

    def delete_alias(self, name: str, alias: str) -> None:
        """Removes an alias; the version stays."""
        self._scope.wire.send("DELETE", self._scope.path("models", name, "aliases", alias))

    def list_aliases(self, name: str) -> Sequence[dict[str, Any]]:
        """Every alias of a model and the version it points at."""
        return list(paging.items(self._scope.wire, self._scope.path("models", name, "aliases"), dict))

    def list_alias_history(self, name: str, alias: str) -> Sequence[dict[str, Any]]:
        """Where an alias pointed, newest first, with who moved it and why."""
        path = self._scope.path("models", name, "aliases", alias, "history")
        return list(paging.items(self._scope.wire, path, dict))

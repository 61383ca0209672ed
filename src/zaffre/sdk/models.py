"""`ml_client.models`: registered models, their aliases, and where they are deployed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zaffre.contracts import environment, manifests, model, online_deployment
from zaffre.core import errors, names
from zaffre.sdk import assets, bundles, operations, pollers


class ModelOperations(assets.AssetOperations[model.Model]):
    """Operations on models."""

    KIND = "model"
    COLLECTION = "models"

    def create_or_update(self, model: model.Model) -> model.Model:
        """Registers the next version, or the one that is named; for a version that exists, tags, description and
        properties are updated. Raises AlreadyExists when its content is another. Without a name one is made up."""
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

    def begin_convert(
        self,
        name: str,
        version: str | None = None,
        *,
        to: str = "onnx",
        sample: str | Path | None = None,
        environment: str | None = None,
        as_name: str | None = None,
        **settings: Any,
    ) -> pollers.Poller[model.Model]:
        """Converts a version to ONNX, as a new version that says where it comes from.

        `sample` is a data asset (`azureml:rows:1`) or a local file of rows that both forms are asked; without it rows are
        taken from the model's example or made up. `environment` must be able to load the model. `settings` are `rtol`,
        `atol`, `opset`, `timeout_s`. The result's operation holds the measured times. Raises Invalid when answers differ.
        """
        asked: dict[str, Any] = {"to": to, "environment": environment, "name": as_name, **settings}
        asked["sample"] = None if sample is None else self._stored(sample, "sample")
        body = {key: value for key, value in asked.items() if value is not None}
        place = self._version(name, version or f"@{names.LATEST}")
        response = self._scope.wire.send("POST", f"{place}/convert", body=body)
        return self._scope.poller(response, self._made)

    def convert(self, name: str, version: str | None = None, **asked: Any) -> model.Model:
        """As `begin_convert`, waiting for the end."""
        return self.begin_convert(name, version, **asked).result()

    def begin_profile(
        self,
        profile_name: str,
        models: Sequence[str] = (),
        data: str | Path | None = None,
        *,
        deployment: online_deployment.OnlineDeployment | None = None,
        cpu: float | None = None,
        memory_in_gb: float | None = None,
        **settings: Any,
    ) -> pollers.Poller[dict[str, Any]]:
        """Finds by trying what one replica of a model needs; the result has the fields of Azure ML's profiles.

        `models` are references (`churn:3`), scored without a script; `deployment` gives script and environment instead.
        `data` is a table of one text column, or a file of bodies: a data asset or a local file. `cpu` and `memory_in_gb` are the
        largest size that is tried. `settings` are `requests_per_second`, `latency_ms`, `description`, `timeout_s`.
        """
        asked: dict[str, Any] = {"name": profile_name, "cpu": cpu, "memory_in_gb": memory_in_gb, **settings}
        asked["models"] = [str(names.parse_reference(text, kind="models")) for text in models] or None
        asked["deployment"] = None if deployment is None else self._scope.bundled(deployment)
        asked["data"] = None if data is None else self._stored(data, "data")
        body = {key: value for key, value in asked.items() if value is not None}
        response = self._scope.wire.send("POST", self._scope.path("profiles"), body=body)
        return self._scope.poller(response, lambda operation: dict(operation["result"]))

    def profile(self, profile_name: str, *arguments: Any, **asked: Any) -> dict[str, Any]:
        """As `begin_profile`, waiting for the end."""
        return self.begin_profile(profile_name, *arguments, **asked).result()

    def _made(self, operation: dict[str, Any]) -> model.Model:
        made, _, version = str(operation["result"]["model"]).rpartition(":")
        return self.get(made, version)

    def _stored(self, given: str | Path, what: str) -> str:
        """A reference to data as it is; a local file's address after it was sent."""
        if isinstance(given, str) and (names.is_reference(given) or manifests.is_address(given)):
            return given
        path = Path(given)
        if not path.exists():
            raise errors.NotFound(
                f"There is no file {given} for the {what}.",
                hint="A data asset is written azureml:NAME:VERSION.",
            )
        bundler = bundles.Bundler(self._scope.wire, self._scope.workspace, self._scope.listener)
        return bundler.upload(path, what=what)

"""`ml_client.secrets`: values that deployments get as environment variables, and that nobody can read back."""

from typing import Any

from zaffre.sdk import operations


class SecretOperations:
    """Operations on the secrets of the workspace."""

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def set(self, name: str, value: str, *, description: str = "") -> dict[str, Any]:
        """Sets a secret, new or again. Deployments take a new value when their processes start next."""
        body = {"value": value, "description": description}
        made: dict[str, Any] = self._scope.wire.send("PUT", self._path(name), body=body).json()
        return made

    def get(self, name: str) -> dict[str, Any]:
        """Who set it, when, and which deployments use it. Never its value. Raises NotFound."""
        found: dict[str, Any] = self._scope.wire.get(self._path(name))
        return found

    def list(self) -> list[dict[str, Any]]:
        """Every secret of the workspace, without values."""
        return list(self._scope.wire.get(self._scope.path("secrets"))["items"])

    def delete(self, name: str) -> None:
        """Forgets a secret. Raises InUse, naming the deployments that use it."""
        self._scope.wire.send("DELETE", self._path(name))

    def _path(self, name: str) -> str:
        return self._scope.path("secrets", name)

"""`ml_client.workspaces`: the walls between teams."""

from collections.abc import Iterator
from typing import Any

from zaffre.contracts import workspace
from zaffre.core import errors
from zaffre.sdk import operations, paging, pollers, transport

_ALL = "/api/v1/workspaces"


class WorkspaceOperations:
    """Operations on workspaces; they see every workspace that the caller may see, not only the client's own."""

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def list(
        self, *, scope: str = "resource_group", max_results: int | None = None, **_: Any
    ) -> Iterator[workspace.Workspace]:
        """The workspaces of the client's resource group; all that the caller may see when it has none."""
        group = self._scope.resource_group if scope == "resource_group" else None
        return paging.items(self._scope.wire, _ALL, _read, most=max_results, resource_group=group)

    def get(self, name: str | None = None, **_: Any) -> workspace.Workspace:
        """One workspace; the client's own when no name is given."""
        return _read(
            self._scope.wire.get(
                _path(name or self._scope.workspace),
                resource_group=self._scope.resource_group,
                subscription=self._scope.subscription,
            )
        )

    def begin_create(
        self, workspace: workspace.Workspace, update_dependent_resources: bool = False, **_: Any
    ) -> pollers.Poller[workspace.Workspace]:
        """Makes a workspace; resource group and subscription are the client's unless it names its own."""
        body = workspace.to_wire()
        for key, value in (
            ("resource_group", self._scope.resource_group),
            ("subscription", self._scope.subscription),
        ):
            if value and not body.get(key):
                body[key] = value
        made = _read(self._scope.wire.send("POST", _ALL, body=body).json())
        return pollers.Poller.finished(made)

    def begin_update(self, workspace: workspace.Workspace, **_: Any) -> pollers.Poller[workspace.Workspace]:
        """Replaces what a workspace says of itself."""
        self.get(workspace.name)  # another group's of the same name is not meant
        answer = self._scope.wire.send("PUT", _path(workspace.name or ""), body=workspace.to_wire())
        return pollers.Poller.finished(_read(answer.json()))

    def begin_create_or_update(
        self, workspace: workspace.Workspace, **_: Any
    ) -> pollers.Poller[workspace.Workspace]:
        """Makes a workspace, or replaces what it says of itself when it is there."""
        try:
            return self.begin_create(workspace)
        except errors.AlreadyExists:
            return self.begin_update(workspace)

    def begin_delete(self, name: str, **_: Any) -> pollers.Poller[None]:
        """Removes an empty workspace. Raises InUse while anything is in it."""
        self.get(name)  # another group's of the same name is not meant
        self._scope.wire.send("DELETE", _path(name))
        return pollers.Poller.finished(None)

    def get_keys(self, name: str | None = None) -> None:
        """Workspaces of Zaffre have no storage keys: always raises Unsupported."""
        raise operations.later("Listing keys of a workspace", "Tokens do this: `zaffre token create`.")


def _path(name: str) -> str:
    return f"{_ALL}/{transport.segment(name)}"


def _read(body: Any) -> workspace.Workspace:
    found: workspace.Workspace = operations.entity("workspace", body)
    return found

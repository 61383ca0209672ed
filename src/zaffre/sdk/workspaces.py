"""`ml_client.workspaces`: the walls between teams."""

from collections.abc import Collection, Iterator
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
        self,
        *,
        scope: str = "resource_group",
        filtered_kinds: str | Collection[str] | None = None,
        max_results: int | None = None,
    ) -> Iterator[workspace.Workspace]:
        """The workspaces of the client's resource group, or with `scope="subscription"` of its subscription, that the caller
        may see: all of them where it names neither. Those that belong to no group are in each, as for `get`. All are of the
        kind `default`: `filtered_kinds` without it finds none."""
        if scope not in ("resource_group", "subscription"):
            raise errors.Invalid(f"scope: there is no {scope!r}.", hint="Use resource_group or subscription.")
        kinds = [filtered_kinds] if isinstance(filtered_kinds, str) else filtered_kinds
        if kinds and "default" not in {part.strip().lower() for kind in kinds for part in kind.split(",")}:
            return iter(())
        group = self._scope.resource_group if scope == "resource_group" else None
        place = {"resource_group": group, "subscription": self._scope.subscription}
        return paging.items(self._scope.wire, _ALL, _read, most=max_results, **place)

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
        """Makes a workspace; resource group and subscription are the client's unless it names its own. One that is there
        is updated as `begin_update` does, and gets the tags too, so that a script may run again."""
        body = workspace.to_wire()
        for key, value in (
            ("resource_group", self._scope.resource_group),
            ("subscription", self._scope.subscription),
        ):
            if value and not body.get(key):
                body[key] = value
        try:
            made = self._scope.wire.send("POST", _ALL, body=body).json()
        except errors.AlreadyExists as taken:
            try:
                found = self.get(workspace.name)
            except errors.NotFound:  # by another group
                raise taken from None
            return self.begin_update(workspace, tags={**found.tags, **workspace.tags})
        return pollers.Poller.finished(_read(made))

    def begin_update(
        self, workspace: workspace.Workspace, **changes: Any
    ) -> pollers.Poller[workspace.Workspace]:
        """Changes what the entity was given, or `changes` say; whatever neither says anything of stays as it is."""
        known = {key: item for key, item in changes.items() if key in type(workspace).model_fields}
        workspace = workspace.model_copy(update=known)
        found = self._there(workspace)
        said, body = workspace.model_fields_set, workspace.to_wire()
        kept = {key: item for key, item in found.to_wire().items() if key not in said}
        return self._replace(found, {**kept, **body})

    def begin_replace(self, workspace: workspace.Workspace) -> pollers.Poller[workspace.Workspace]:
        """Changes a workspace to what the entity says; whatever it says nothing of is gone."""
        return self._replace(self._there(workspace), workspace.to_wire())

    def _there(self, workspace: workspace.Workspace) -> workspace.Workspace:
        """What it is now; another group's of the same name is not meant."""
        if not workspace.name:
            raise errors.Invalid("The workspace has no name.", hint="Give it one: name.")
        return self.get(workspace.name)

    def _replace(
        self, found: workspace.Workspace, body: dict[str, Any]
    ) -> pollers.Poller[workspace.Workspace]:
        answer = self._scope.wire.send("PUT", _path(str(found.name)), body=body)
        return pollers.Poller.finished(_read(answer.json()))

    def begin_create_or_update(
        self, workspace: workspace.Workspace, **_: Any
    ) -> pollers.Poller[workspace.Workspace]:
        """As `begin_create`."""
        return self.begin_create(workspace)

    def begin_delete(self, name: str, **_: Any) -> pollers.Poller[None]:
        """Removes an empty workspace. Raises InUse while anything is in it."""
        self.get(name)  # another group's of the same name is not meant
        self._scope.wire.send("DELETE", _path(name))
        return pollers.Poller.finished(None)

    def get_keys(self, name: str | None = None) -> None:
        """Workspaces of Zaffre have no storage keys: always raises Unsupported."""
        raise operations.later("Listing keys of a workspace", "Tokens do this: `zaffre token create`.")

    def begin_sync_keys(self, name: str | None = None) -> None:
        """As `get_keys`: always raises Unsupported."""
        raise operations.later("Renewing keys of a workspace", "There are none to renew.")

    def begin_diagnose(self, name: str, **_: Any) -> None:
        """There is no cloud below a workspace whose set-up could be wrong: always raises Unsupported."""
        raise operations.later("Diagnosing a workspace", "`zaffre server status` tells how the server does.")

    def begin_provision_network(self, **_: Any) -> None:
        """Workspaces of Zaffre have no network of their own: always raises Unsupported."""
        raise operations.later("Provisioning a network", "Nothing has to be done.")


def _path(name: str) -> str:
    return f"{_ALL}/{transport.segment(name)}"


def _read(body: Any) -> workspace.Workspace:
    found: workspace.Workspace = operations.entity("workspace", body)
    return found

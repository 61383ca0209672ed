"""What models, data and environments share: versions by name, with the verbs and arguments of azure.ai.ml."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from zaffre.contracts import assets, manifests
from zaffre.core import errors, names
from zaffre.sdk import downloads, operations, paging

Asset = TypeVar("Asset", bound=assets.Asset)


class AssetOperations(Generic[Asset]):
    """Operations on one kind of asset in one workspace."""

    KIND: ClassVar[str]
    COLLECTION: ClassVar[str]
    # Whether one without a version that equals the latest is that, and not the next.
    SAME_IS_LATEST: ClassVar[bool] = False

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def _create_or_update(self, asset: Asset) -> Asset:
        body = self._scope.bundled(asset)
        if asset.name and asset.version is None and self.SAME_IS_LATEST:
            return self._enter_unless_latest(asset.name, body)
        if asset.name:
            return self._enter(asset.name, asset.version, body)
        name = _made_up_name(body)
        try:
            return self._enter(name, "1", body)
        except errors.AlreadyExists:  # it was deleted, and numbers are never given again
            return self._enter(name, None, body)

    def _enter_unless_latest(self, name: str, body: Mapping[str, Any]) -> Asset:
        try:
            return self._enter(name, self.get(name).version, body)
        except (errors.NotFound, errors.AlreadyExists):
            return self._enter(name, None, body)

    def _enter(self, name: str, version: str | None, body: Mapping[str, Any]) -> Asset:
        if version is None:
            return self._read(self._scope.wire.send("POST", self._versions(name), body=body).json())
        answer = self._scope.wire.send("PUT", self._version(name, version), body=body)
        found = answer.json()
        changes = {key: body[key] for key in _CHANGEABLE if key in body and body[key] != found.get(key)}
        if answer.status_code == 200 and changes:
            return self.update(name, version, changes)
        return self._read(found)

    def update(self, name: str, version: str, changes: Mapping[str, Any]) -> Asset:
        """Changes tags (as a whole), description or stage of a version, or adds properties; nothing else ever changes."""
        answer = self._scope.wire.send("PATCH", self._version(name, version), body=dict(changes))
        return self._read(answer.json())

    def change(self, name: str, version: str, changes: Callable[[Asset], Mapping[str, Any]]) -> Asset:
        """Reads a version (or `@label`) and changes it as `update` does, with what `changes` makes of what was read.

        Raises Conflict when somebody else changed it meanwhile.
        """
        found, unless_changed = self._scope.tagged(self.KIND, self._version(name, version))
        path = self._version(name, str(found.version))
        answer = self._scope.wire.send("PATCH", path, body=dict(changes(found)), headers=unless_changed)
        return self._read(answer.json())

    def get(self, name: str, version: str | None = None, label: str | None = None) -> Asset:
        """One version, by its number or by a label (`latest`, or an alias); the latest when neither is given."""
        if version is not None and label is not None:
            raise errors.Invalid("Give either a version or a label, not both.")
        if version is None:
            version = f"@{label or names.LATEST}"
        return self._read(self._scope.wire.get(self._version(name, version)))

    def list(
        self,
        name: str | None = None,
        *,
        list_view_type: str = "ActiveOnly",
        tags: Mapping[str, str] | None = None,
        max_results: int | None = None,
        **filters: Any,
    ) -> Iterator[Asset]:
        """The latest version of each name, or all versions of one name, newest first; `tags` must all be there."""
        path = self._scope.path(self.COLLECTION) if name is None else self._versions(name)
        wanted = [f"{key}={value}" for key, value in (tags or {}).items()]
        archived = _archived(list_view_type)
        return paging.items(
            self._scope.wire, path, self._read, most=max_results, tag=wanted, archived=archived, **filters
        )

    def archive(self, name: str, version: str | None = None, label: str | None = None, **_: Any) -> None:
        """Hides a version, or all of them; nothing is lost, and what uses it goes on."""
        self._set_archived(name, version, label, archived=True)

    def restore(self, name: str, version: str | None = None, label: str | None = None, **_: Any) -> None:
        """Brings an archived version, or all of them, back into lists."""
        self._set_archived(name, version, label, archived=False)

    def delete(self, name: str, version: str) -> None:
        """Removes a version for good. Raises InUse that names the deployments that use it."""
        self._scope.wire.send("DELETE", self._version(name, version))

    def download(self, name: str, version: str, download_path: str | Path = ".") -> Sequence[Path]:
        """Writes every file of a version to `download_path/name/...`, verified; returns the files."""
        path = str(getattr(self.get(name, version), "path", None) or "")
        if not manifests.is_address(path):
            raise errors.Unsupported(
                f"{self.COLLECTION}/{name}:{version} has no files here; it points at {path or 'nothing'}."
            )
        target = Path(download_path) / names.check_asset_name(name)
        return downloads.download(
            self._scope.wire,
            self._scope.workspace,
            path,
            target,
            what=f"{self.KIND} {name}:{version}",
            listener=self._scope.listener,
        )

    def share(self, name: str, version: str, **_: Any) -> None:
        """Sharing with a registry comes later: always raises Unsupported."""
        raise operations.later(f"Sharing a {self.KIND} with a registry")

    def list_deployments(self, name: str, version: str | None = None) -> Sequence[dict[str, Any]]:
        """Where all versions, or one, are deployed, and whether they are healthy there."""
        asked = name if version is None else f"{name}:{version}"
        wanted: dict[str, Any] = {self.KIND: asked}
        return list(paging.items(self._scope.wire, self._scope.path("deployed"), dict, **wanted))

    def set_alias(self, name: str, alias: str, version: str) -> dict[str, Any]:
        """Points an alias at a version; where it pointed before stays in its history."""
        path = self._scope.path(self.COLLECTION, name, "aliases", alias)
        answer: dict[str, Any] = self._scope.wire.send("PUT", path, body={"version": version}).json()
        return answer

    def delete_alias(self, name: str, alias: str) -> None:
        """Removes an alias; the version stays."""
        self._scope.wire.send("DELETE", self._scope.path(self.COLLECTION, name, "aliases", alias))

    def list_aliases(self, name: str) -> Sequence[dict[str, Any]]:
        """Every alias of a name and the version it points at."""
        return list(paging.items(self._scope.wire, self._scope.path(self.COLLECTION, name, "aliases"), dict))

    def list_alias_history(self, name: str, alias: str) -> Sequence[dict[str, Any]]:
        """Where an alias pointed, newest first, with who moved it and why."""
        path = self._scope.path(self.COLLECTION, name, "aliases", alias, "history")
        return list(paging.items(self._scope.wire, path, dict))

    def _set_archived(self, name: str, version: str | None, label: str | None, *, archived: bool) -> None:
        if version is None and label is not None:
            version = f"@{label}"
        place = self._scope.path(self.COLLECTION, name) if version is None else self._version(name, version)
        self._scope.wire.send("PATCH", place, body={"archived": archived})

    def _versions(self, name: str) -> str:
        return self._scope.path(self.COLLECTION, name, "versions")

    def _version(self, name: str, version: str) -> str:
        return self._scope.path(self.COLLECTION, name, "versions", str(version))

    def _read(self, body: Any) -> Asset:
        asset: Asset = operations.entity(self.KIND, body)
        return asset


def _made_up_name(body: Mapping[str, Any]) -> str:
    """What is registered without a name is called after its content, as by azure.ai.ml: sent twice, it is one version."""
    content = {key: item for key, item in body.items() if key not in _CHANGEABLE}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _archived(view: Any) -> str:
    """What the server calls a `ListViewType`, which may be an enumeration's member as in azure.ai.ml. Raises Invalid."""
    word = str(getattr(view, "value", view)).replace("_", "").lower()
    if word not in _ARCHIVED:
        raise errors.Invalid(
            f"list_view_type: there is no {view!r}.", hint="Use ActiveOnly, ArchivedOnly or All."
        )
    return _ARCHIVED[word]


_CHANGEABLE = ("tags", "properties", "description", "stage")
_ARCHIVED = {"activeonly": "exclude", "archivedonly": "only", "all": "include"}

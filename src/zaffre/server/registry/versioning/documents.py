"""Versions as the world sees them: the entity's fields, and beside them the `status` that the server computed."""

from collections.abc import Sequence
from typing import Any

from zaffre.contracts import assets
from zaffre.core import clock
from zaffre.server.registry.versioning import nouns

_APART = ("name", "version", "tags", "properties", "description", "stage", "zaffre")


def body_of(entity: assets.Asset) -> dict[str, Any]:
    """The part of an entity that never changes once it is registered."""
    body = entity.to_dict(status=False)
    extension = {key: item for key, item in body.get("zaffre", {}).items() if key != "aliases" and item}
    kept = {key: item for key, item in body.items() if key not in _APART}
    return {**kept, "zaffre": extension} if extension else kept


def document(version: nouns.Version, *, used_by: Sequence[str] | None = None) -> dict[str, Any]:
    """The REST body of a version."""
    found: dict[str, Any] = {"name": version.name, "version": version.version, **version.body}
    for key in ("description", "stage", "tags", "properties"):
        value = getattr(version, key)
        if value:
            found[key] = value
    status = {
        "id": f"/workspaces/{version.workspace}/{version.kind}/{version.name}/versions/{version.version}",
        "created_at": clock.isoformat(version.created_at),
        "created_by": version.created_by,
        "modified_at": clock.isoformat(version.modified_at),
        "modified_by": version.modified_by,
        "archived": version.archived,
        "labels": list(version.labels),
        "latest_version": version.latest_version,
        **version.facts,
    }
    if used_by is not None:
        status["used_by"] = list(used_by)
    found["status"] = status
    return found

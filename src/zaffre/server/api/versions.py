"""The routes that models, data and environments share: find, read, change, archive, delete, aliases, users."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, Literal

import fastapi
import pydantic
from fastapi import responses

from zaffre.contracts import wire
from zaffre.core import errors
from zaffre.server.api import auth, context
from zaffre.server.registry.versioning import aliases, changes, nouns, service, uses

Json = responses.JSONResponse
IfMatch = Annotated[str | None, fastapi.Header()]


class ListQuery(pydantic.BaseModel):
    """Which versions are wanted; whatever is left out matches all. `tag` is `TagName=TagValue`, and may be repeated."""

    model_config = pydantic.ConfigDict(extra="forbid")

    tag: list[str] = []
    name: str | None = None
    prefix: str | None = None
    contains: str | None = None
    type: str | None = None
    stage: str | None = None
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None
    archived: Literal["exclude", "include", "only"] = "exclude"
    newest_only: bool | None = None
    cursor: str | None = None
    limit: int = pydantic.Field(default=100, ge=1, le=1000)

    def query(self, name: str | None = None) -> nouns.Query:
        """The same for the service."""
        fields = self.model_dump(exclude={"tag", "name", "created_after", "created_before"})
        return nouns.Query(
            **fields,
            name=name or self.name,
            tags=tuple(_tag(text) for text in self.tag),
            created_after=_utc(self.created_after),
            created_before=_utc(self.created_before),
        )


class ArchivedBody(pydantic.BaseModel):
    """Whether a whole name is archived."""

    model_config = pydantic.ConfigDict(extra="forbid")

    archived: bool


class AliasBody(pydantic.BaseModel):
    """Where an alias points: a version, or `@label`."""

    model_config = pydantic.ConfigDict(extra="forbid")

    version: str


@dataclasses.dataclass(frozen=True)
class Face:
    """What the routes of one noun need: its shelf in a workspace, and how a version is shown."""

    kind: str
    shelf: Callable[[str], nouns.Shelf]
    document: Callable[..., dict[str, Any]]

    def answer(self, version: nouns.Version, *, status: int = 200, used_by: list[str] | None = None) -> Json:
        """A version as a response, with its ETag."""
        return Json(self.document(version, used_by=used_by), status, {"etag": version.etag})


def entity(kind: str, body: dict[str, Any], name: str, version: str | None = None) -> Any:
    """The entity in a request's body, with the name (and version) that its address says. Raises Invalid."""
    for key, said in (("name", name), ("version", version)):
        if said is not None and str(body.get(key) or said) != said:
            raise errors.Invalid(f"The address says {key} {said!r}, the body {body[key]!r}.")
    given = {**body, "name": name}
    return wire.from_wire(kind, given if version is None else {**given, "version": version})


def share_routes(router: fastapi.APIRouter, face: Face) -> None:
    """Give a noun's router the routes that all nouns have."""
    _reading_routes(router, face)
    _changing_routes(router, face)
    _alias_routes(router, face)


def _reading_routes(router: fastapi.APIRouter, face: Face) -> None:
    place = f"/workspaces/{{workspace}}/{face.kind}"

    @router.get(place)
    def search(
        workspace: str,
        caller: auth.CallerDep,
        parts: context.Deps,
        query: Annotated[ListQuery, fastapi.Query()],
    ) -> Json:
        """Versions that match, newest first; without any filter the newest version of each name."""
        return _page(parts, caller, face, workspace, query.query())

    @router.get(place + "/{name}/versions")
    def versions(
        workspace: str,
        name: str,
        caller: auth.CallerDep,
        parts: context.Deps,
        query: Annotated[ListQuery, fastapi.Query()],
    ) -> Json:
        """Versions of one name, newest first."""
        return _page(parts, caller, face, workspace, query.query(name))

    @router.get(place + "/{name}/versions/{version}")
    def show(workspace: str, name: str, version: str, caller: auth.CallerDep, parts: context.Deps) -> Json:
        """One version, by its number, or by `@latest` or `@alias`."""
        with parts.database.read() as uow:
            found = service.get(uow, caller, face.shelf(workspace), name, version)
            users = uses.users_by_version(uow, [found.id]).get(found.id, [])
        return face.answer(found, used_by=users)

    @router.get(place + "/{name}/versions/{version}/users")
    def users(workspace: str, name: str, version: str, caller: auth.CallerDep, parts: context.Deps) -> Json:
        """Who uses a version: where is it deployed?"""
        with parts.database.read() as uow:
            found = service.get(uow, caller, face.shelf(workspace), name, version)
            named = uses.users_by_version(uow, [found.id]).get(found.id, [])
        return Json({"items": named, "next": None})


def _changing_routes(router: fastapi.APIRouter, face: Face) -> None:
    place = f"/workspaces/{{workspace}}/{face.kind}/{{name}}"

    @router.patch(place + "/versions/{version}")
    def update(
        workspace: str,
        name: str,
        version: str,
        body: context.Body,
        caller: auth.CallerDep,
        parts: context.Deps,
        if_match: IfMatch = None,
    ) -> Json:
        """Change tags (as a whole), properties (more of them), description, stage, or archived."""
        shelf = face.shelf(workspace)
        with parts.database.write() as uow:
            found = changes.update(uow, caller, shelf, name, version=version, changes=body, if_match=if_match)
        return face.answer(found)

    @router.patch(place, status_code=204)
    def archive(
        workspace: str, name: str, body: ArchivedBody, caller: auth.CallerDep, parts: context.Deps
    ) -> None:
        """Archive or restore all versions of a name."""
        with parts.database.write() as uow:
            changes.archive(uow, caller, face.shelf(workspace), name, archived=body.archived)

    if face.kind == "data":
        return  # what models were made from is archived, never deleted

    @router.delete(place + "/versions/{version}", status_code=204)
    def delete(workspace: str, name: str, version: str, caller: auth.CallerDep, parts: context.Deps) -> None:
        """Delete a version that nothing uses."""
        with parts.database.write() as uow:
            service.delete(uow, caller, face.shelf(workspace), name, version)

    @router.delete(place, status_code=204)
    def delete_all(workspace: str, name: str, caller: auth.CallerDep, parts: context.Deps) -> None:
        """Delete all versions of a name, if nothing uses any of them."""
        with parts.database.write() as uow:
            service.delete(uow, caller, face.shelf(workspace), name, None)


def _alias_routes(router: fastapi.APIRouter, face: Face) -> None:
    place = f"/workspaces/{{workspace}}/{face.kind}/{{name}}/aliases"

    @router.get(place)
    def list_aliases(workspace: str, name: str, caller: auth.CallerDep, parts: context.Deps) -> Json:
        """The aliases of a name and where they point."""
        with parts.database.read() as uow:
            items = aliases.list_all(uow, caller, face.shelf(workspace), name)
        return Json({"items": items, "next": None})

    @router.get(place + "/{alias}")
    def show_alias(
        workspace: str, name: str, alias: str, caller: auth.CallerDep, parts: context.Deps
    ) -> Json:
        """The version that an alias points at."""
        with parts.database.read() as uow:
            found = service.get(uow, caller, face.shelf(workspace), name, f"@{alias}")
        return Json({"alias": alias, "version": found.version})

    @router.put(place + "/{alias}")
    def move_alias(
        workspace: str, name: str, alias: str, body: AliasBody, caller: auth.CallerDep, parts: context.Deps
    ) -> Json:
        """Point an alias at a version."""
        shelf = face.shelf(workspace)
        with parts.database.write() as uow:
            return Json(aliases.move(uow, caller, shelf, name, alias, version=body.version))

    @router.delete(place + "/{alias}", status_code=204)
    def remove_alias(
        workspace: str, name: str, alias: str, caller: auth.CallerDep, parts: context.Deps
    ) -> None:
        """End an alias; its history stays."""
        with parts.database.write() as uow:
            aliases.remove(uow, caller, face.shelf(workspace), name, alias)

    @router.get(place + "/{alias}/history")
    def alias_history(
        workspace: str, name: str, alias: str, caller: auth.CallerDep, parts: context.Deps
    ) -> Json:
        """Where an alias pointed, newest first."""
        with parts.database.read() as uow:
            items = aliases.history(uow, caller, face.shelf(workspace), name, alias)
        return Json({"items": items, "next": None})


def _page(
    parts: context.Context, caller: auth.CallerDep, face: Face, workspace: str, query: nouns.Query
) -> Json:
    with parts.database.read() as uow:
        found, following = service.search(uow, caller, face.shelf(workspace), query)
    return Json({"items": [face.document(version) for version in found], "next": following})


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key or key != key.strip() or value != value.strip():
        raise errors.Invalid(
            f"The tag filter {text!r} is not understood.", hint="Write TagName=TagValue, without spaces."
        )
    return key, value


def _utc(moment: dt.datetime | None) -> dt.datetime | None:
    return moment.replace(tzinfo=dt.UTC) if moment is not None and moment.tzinfo is None else moment

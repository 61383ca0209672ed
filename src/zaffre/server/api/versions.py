"""The routes of a noun of the registry: register, find, read, change, archive, delete, aliases, users."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, Literal

import fastapi
import pydantic
from fastapi import responses

from zaffre.contracts import wire
from zaffre.core import errors
from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.api import context, transactions
from zaffre.server.registry.versioning import aliases, changes, nouns, service, uses

Json = responses.JSONResponse
UoW = db.UnitOfWork
Caller = callers.Caller
Parts = context.Context
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


Asked = Annotated[ListQuery, fastapi.Query()]


@dataclasses.dataclass(frozen=True)
class Face:
    """What the routes of one noun need: the noun, how one is registered (for which some read its files), how a version
    is shown."""

    noun: nouns.Noun
    register: Callable[..., tuple[nouns.Version, bool]]
    document: Callable[..., dict[str, Any]]
    reads_files: bool = False
    # The body of what nobody registered and that can be referred to all the same, by name and version.
    unregistered: Callable[[Parts, str, str], dict[str, Any] | None] = lambda *_: None

    def shelf(self, workspace: str) -> nouns.Shelf:
        """Where versions of a workspace are looked for."""
        return nouns.Shelf(self.noun, workspace)

    def answer(self, version: nouns.Version, *, status: int = 200, used_by: list[str] | None = None) -> Json:
        """A version as a response, with its ETag."""
        return Json(self.document(version, used_by=used_by), status, {"etag": version.etag})

    def router(self) -> fastapi.APIRouter:
        """The routes that every noun of the registry has."""
        router = fastapi.APIRouter(tags=[self.noun.kind])
        for add in (_registering_routes, _reading_routes, _changing_routes, _deleting_routes, _alias_routes):
            add(router, self)
        return router


def _registering_routes(router: fastapi.APIRouter, face: Face) -> None:
    place = f"/workspaces/{{workspace}}/{face.noun.kind}/{{name}}/versions"

    def enter(uow: UoW, caller: Caller, parts: Parts, workspace: str, entity: Any) -> Json:
        room = {"room": parts.blobs} if face.reads_files else {}
        version, new = face.register(uow, caller, workspace, entity, **room)
        return face.answer(version, status=201 if new else 200)

    @router.post(place, status_code=201)
    @transactions.writing
    def create(uow: UoW, caller: Caller, parts: Parts, workspace: str, name: str, body: context.Body) -> Json:
        """Register a version; without one in the body it gets the next number."""
        return enter(uow, caller, parts, workspace, _entity(face.noun.word, body, name=name))

    @router.put(place + "/{version}")
    @transactions.writing
    def put(
        uow: UoW, caller: Caller, parts: Parts, workspace: str, name: str, version: str, body: context.Body
    ) -> Json:
        """Register this version, or find that it is there with equal content."""
        entity = _entity(face.noun.word, body, name=name, version=version)
        return enter(uow, caller, parts, workspace, entity)


def _entity(kind: str, body: dict[str, Any], **address: str) -> Any:
    """The entity in a request's body, with the name (and version) that its address says. Raises Invalid."""
    for key, said in address.items():
        if str(body.get(key) or said) != said:
            raise errors.Invalid(f"The address says {key} {said!r}, the body {body[key]!r}.")
    return wire.from_wire(kind, {**body, **address})


def _reading_routes(router: fastapi.APIRouter, face: Face) -> None:
    place = f"/workspaces/{{workspace}}/{face.noun.kind}"

    def page(uow: UoW, caller: Caller, workspace: str, query: nouns.Query) -> Json:
        found, following = service.search(uow, caller, face.shelf(workspace), query)
        return Json({"items": [face.document(version) for version in found], "next": following})

    def one(
        uow: UoW, caller: Caller, workspace: str, name: str, version: str
    ) -> tuple[nouns.Version, list[str]]:
        found = service.get(uow, caller, face.shelf(workspace), name, version)
        return found, uses.users_by_version(uow, [found.id]).get(found.id, [])

    @router.get(place)
    @transactions.reading
    def search(uow: UoW, caller: Caller, _: Parts, workspace: str, query: Asked) -> Json:
        """Versions that match, newest first; without any filter the newest version of each name."""
        return page(uow, caller, workspace, query.query())

    @router.get(place + "/{name}/versions")
    @transactions.reading
    def versions(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str, query: Asked) -> Json:
        """Versions of one name, newest first."""
        return page(uow, caller, workspace, query.query(name))

    @router.get(place + "/{name}/versions/{version}")
    @transactions.reading
    def show(uow: UoW, caller: Caller, parts: Parts, workspace: str, name: str, version: str) -> Json:
        """One version, by its number, or by `@latest` or `@alias`."""
        try:
            found, users = one(uow, caller, workspace, name, version)
        except errors.NotFound:
            stand_in = face.unregistered(parts, name, version)
            if stand_in is None:
                raise
            return Json(stand_in)
        return face.answer(found, used_by=users)

    @router.get(place + "/{name}/versions/{version}/users")
    @transactions.reading
    def users(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str, version: str) -> Json:
        """Who uses a version: where is it deployed?"""
        return Json({"items": one(uow, caller, workspace, name, version)[1], "next": None})


def _changing_routes(router: fastapi.APIRouter, face: Face) -> None:
    place = f"/workspaces/{{workspace}}/{face.noun.kind}/{{name}}"

    @router.patch(place + "/versions/{version}")
    @transactions.writing
    def update(
        uow: UoW,
        caller: Caller,
        _: Parts,
        workspace: str,
        name: str,
        version: str,
        body: context.Body,
        if_match: IfMatch = None,
    ) -> Json:
        """Change tags (as a whole), properties (more of them), description, stage, or archived."""
        shelf = face.shelf(workspace)
        found = changes.update(uow, caller, shelf, name, version=version, changes=body, if_match=if_match)
        return face.answer(found)

    @router.patch(place, status_code=204)
    @transactions.writing
    def archive(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str, body: ArchivedBody) -> None:
        """Archive or restore all versions of a name."""
        changes.archive(uow, caller, face.shelf(workspace), name, archived=body.archived)


def _deleting_routes(router: fastapi.APIRouter, face: Face) -> None:
    place = f"/workspaces/{{workspace}}/{face.noun.kind}/{{name}}"

    @router.delete(place + "/versions/{version}", status_code=204)
    @transactions.writing
    def delete(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str, version: str) -> None:
        """Delete a version that nothing uses."""
        service.delete(uow, caller, face.shelf(workspace), name, version)

    @router.delete(place, status_code=204)
    @transactions.writing
    def delete_all(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str) -> None:
        """Delete all versions of a name, if nothing uses any of them."""
        service.delete(uow, caller, face.shelf(workspace), name, None)


def _alias_routes(router: fastapi.APIRouter, face: Face) -> None:
    place = f"/workspaces/{{workspace}}/{face.noun.kind}/{{name}}/aliases"

    @router.get(place)
    @transactions.reading
    def list_aliases(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str) -> Json:
        """The aliases of a name and where they point."""
        return Json({"items": aliases.list_all(uow, caller, face.shelf(workspace), name), "next": None})

    @router.get(place + "/{alias}")
    @transactions.reading
    def show_alias(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str, alias: str) -> Json:
        """The version that an alias points at."""
        found = service.get(uow, caller, face.shelf(workspace), name, f"@{alias}")
        return Json({"alias": alias, "version": found.version})

    @router.put(place + "/{alias}")
    @transactions.writing
    def move_alias(
        uow: UoW, caller: Caller, _: Parts, workspace: str, name: str, alias: str, body: AliasBody
    ) -> Json:
        """Point an alias at a version."""
        return Json(aliases.move(uow, caller, face.shelf(workspace), name, alias, version=body.version))

    @router.delete(place + "/{alias}", status_code=204)
    @transactions.writing
    def remove_alias(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str, alias: str) -> None:
        """End an alias; its history stays."""
        aliases.remove(uow, caller, face.shelf(workspace), name, alias)

    @router.get(place + "/{alias}/history")
    @transactions.reading
    def alias_history(uow: UoW, caller: Caller, _: Parts, workspace: str, name: str, alias: str) -> Json:
        """Where an alias pointed, newest first."""
        items = aliases.history(uow, caller, face.shelf(workspace), name, alias)
        return Json({"items": items, "next": None})


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key or key != key.strip() or value != value.strip():
        raise errors.Invalid(
            f"The tag filter {text!r} is not understood.", hint="Write TagName=TagValue, without spaces."
        )
    return key, value


def _utc(moment: dt.datetime | None) -> dt.datetime | None:
    return moment.replace(tzinfo=dt.UTC) if moment is not None and moment.tzinfo is None else moment
